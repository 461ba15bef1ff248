/**
 * Finds a known stub in a packed file, whatever the linker has made of it: its instructions may lie in pieces, between
 * which jumps lead, may have changed places, and branches may be long or short.
 */
import { readI32, readU32 } from '../../elf/bytes.ts';
import { createInstruction, decode, Flow, type Instruction } from '../../x86/decode.ts';
import { branchTarget } from '../../x86/exits.ts';
import type { Field, Template } from './template.ts';

/** Bytes that lie somewhere in memory. */
export interface Memory {
  readonly bytes: Uint8Array;
  /** Virtual address of the first. */
  readonly address: number;
}

/** Values of a stub's fields: symbols' are virtual addresses. */
export type Values = ReadonlyMap<string, number>;

/** @param pc virtual address where the stub starts @returns undefined if it is another */
export function matchStub(memory: Memory, pc: number, template: Template): Values | undefined {
  const match = new Match(memory, template);
  return match.follow(pc) ? match.values : undefined;
}

/** Follows jumps to the first other instruction. @returns its address, which may lie outside of the memory */
export function skipJumps(memory: Memory, pc: number): number {
  const instruction = createInstruction();
  // A chain that comes back to where it has been ends nowhere.
  for (let jumps = 0, at = pc; jumps < 1000; jumps++) {
    const target = jumpAt(memory.bytes, at - memory.address, instruction);
    if (target === undefined) return at;
    at = target + memory.address;
  }
  return pc;
}

/** @returns where a jump leads, counted as the offset is; undefined if there is none */
function jumpAt(bytes: Uint8Array, offset: number, instruction: Instruction): number | undefined {
  if (offset < 0 || offset >= bytes.length) return undefined;
  if (!decode(bytes, offset, bytes.length, instruction) || instruction.flow !== Flow.jmpRel) return undefined;
  return branchTarget(bytes, offset, instruction);
}

class Match {
  readonly values = new Map<string, number>();
  /** Where the stretches of the template are, by their offsets. */
  private readonly found = new Map<number, number>();
  private readonly open: [offset: number, pc: number][] = [];
  private readonly known = createInstruction();
  private readonly other = createInstruction();
  private readonly memory: Memory;
  private readonly template: Template;
  private readonly stretches: Stretches;

  constructor(memory: Memory, template: Template) {
    this.memory = memory;
    this.template = template;
    this.stretches = new Stretches(template);
  }

  follow(pc: number): boolean {
    this.open.push([this.template.start, pc]);
    for (let next = this.open.pop(); next; next = this.open.pop()) {
      if (!this.matchAt(next[0], next[1])) return false;
    }
    return true;
  }

  /** Matches instructions until one that nothing follows, stretch by stretch. */
  private matchAt(start: number, pc: number): boolean {
    let offset: number | undefined = start;
    let at = skipJumps(this.memory, pc);
    while (offset !== undefined) {
      const before = this.found.get(offset);
      if (before !== undefined) return before === at;
      this.found.set(offset, at);
      const stretch: Stretch = this.stretches.at(offset);
      const end = this.matchStretch(stretch, at);
      if (end === undefined) return false;
      const { leaves, next } = stretch;
      if (leaves !== undefined) return this.note(leaves, end);
      offset = next;
      at = end;
    }
    return true;
  }

  /** @returns the address of what comes next; undefined if something is different */
  private matchStretch({ insns, branch }: Stretch, start: number): number | undefined {
    const open = [...insns];
    let at = start;
    while (open.length > 0) {
      const index = open.findIndex((offset) => this.isInstruction(offset, at));
      if (index < 0) {
        if (open.every((offset) => this.template.optional.has(offset))) break;
        return undefined;
      }
      const [offset] = open.splice(index, 1);
      const end = this.matchInstruction(offset!, at);
      if (end === undefined) return undefined;
      at = skipJumps(this.memory, end);
    }
    if (branch === undefined) return at;
    const end = this.matchBranch(branch, at);
    return end === undefined ? undefined : skipJumps(this.memory, end);
  }

  /** Whether an instruction is that of the template, but for its fields. Sets `known` and `other`. */
  private isInstruction(offset: number, at: number): boolean {
    const { bytes, address } = this.memory;
    const { code } = this.template;
    const from = at - address;
    if (from < 0 || !decode(bytes, from, bytes.length, this.other)) return false;
    const length = decode(code, offset, code.length, this.known);
    if (length === 0 || length !== this.other.length) return false;
    const isField = new Uint8Array(length);
    for (const field of fieldsIn(this.template, offset, length)) {
      const start = field.offset - offset;
      isField.fill(1, start, start + field.size);
    }
    return isField.every((is, i) => is === 1 || code[offset + i] === bytes[from + i]);
  }

  /** Notes the fields of an instruction. @returns the address behind it; undefined if a field has another value elsewhere */
  private matchInstruction(offset: number, at: number): number | undefined {
    const { length } = this.known;
    for (const field of fieldsIn(this.template, offset, length)) {
      if (!this.noteField(field, at - this.memory.address + field.offset - offset)) return undefined;
    }
    return at + length;
  }

  private matchBranch(offset: number, at: number): number | undefined {
    const { bytes, address } = this.memory;
    const { code } = this.template;
    const { known, other } = this;
    const from = at - address;
    if (from < 0 || !decode(bytes, from, bytes.length, other)) return undefined;
    decode(code, offset, code.length, known);
    if (known.flow !== other.flow || conditionOf(known) !== conditionOf(other)) return undefined;
    const end = at + other.length;
    this.open.push([branchTarget(code, offset, known), address + branchTarget(bytes, from, other)]);
    return end;
  }

  /** @param at offset of the field in memory */
  private noteField({ name, size, isRelative, addend }: Field, at: number): boolean {
    // Places in the stub itself are known by what leads there.
    if (name === '' || name.startsWith('.')) return true;
    const { bytes, address } = this.memory;
    if (size === 1) return this.note(name, bytes[at]!);
    if (size === 8)
      return this.note(name, readU32(bytes, at)) && this.note(`${name}+4`, readU32(bytes, at + 4));
    const base = isRelative ? address + at + 4 : 0;
    return this.note(name, base + readI32(bytes, at) - addend);
  }

  private note(name: string, value: number): boolean {
    const before = this.values.get(name);
    this.values.set(name, value);
    return before === undefined || before === value;
  }
}

/** Instructions that one after the other run; the linker may have changed their order, but for the branch at the end. */
interface Stretch {
  /** Offsets. */
  readonly insns: readonly number[];
  /** Offset of the conditional branch or call that ends it. */
  readonly branch?: number;
  /** Name of the symbol to which the program leaves the stub. */
  readonly leaves?: string;
  /** Offset of what runs next. */
  readonly next?: number | undefined;
}

/** The stretches of a template: they end at branches and where a branch leads. */
class Stretches {
  private readonly template: Template;
  private readonly targets: ReadonlySet<number>;
  private readonly instruction = createInstruction();

  constructor(template: Template) {
    this.template = template;
    this.targets = targetsOf(template, this.instruction);
  }

  /** @param start offset of its first instruction */
  at(start: number): Stretch {
    const { code } = this.template;
    const insns: number[] = [];
    for (let offset = start; offset < code.length; ) {
      if (offset !== start && this.targets.has(offset)) return { insns, next: offset };
      const length = decode(code, offset, code.length, this.instruction);
      const { flow } = this.instruction;
      if (length === 0) break;
      if (flow === Flow.jmpRel) {
        const [field] = fieldsIn(this.template, offset, length);
        if (field) return { insns, leaves: field.name };
        return { insns, next: branchTarget(code, offset, this.instruction) };
      }
      if (flow === Flow.jccRel || flow === Flow.callRel)
        return { insns, branch: offset, next: offset + length };
      insns.push(offset);
      offset += length;
      if (flow === Flow.ret || flow === Flow.stop || flow === Flow.indirectJmp) return { insns };
    }
    return { insns };
  }
}

/** Where branches lead. What follows the code, which is data, is of no consequence. */
function targetsOf({ code }: Template, instruction: Instruction): Set<number> {
  const targets = new Set<number>();
  for (let offset = 0; offset < code.length; ) {
    const length = decode(code, offset, code.length, instruction);
    if (length === 0) break;
    const { flow } = instruction;
    const isBranch = flow === Flow.jmpRel || flow === Flow.jccRel || flow === Flow.callRel;
    if (isBranch) targets.add(branchTarget(code, offset, instruction));
    offset += length;
  }
  return targets;
}

function fieldsIn({ fields }: Template, offset: number, length: number): Field[] {
  return fields.filter((field) => field.offset >= offset && field.offset < offset + length);
}

/** Short and long forms of a branch have the condition in the low half of the opcode; LOOP and its kin are short only. */
function conditionOf({ opcode, map }: Instruction): number {
  return map === 0 && opcode >= 0xe0 ? opcode : opcode & 15;
}
