/**
 * Runs a small program in the head, from its entry to its exit. The registers are zero when Linux starts a program,
 * so all that start-up code without loops does is known until it reads something from outside. What is learnt:
 *
 * - which addresses the program takes, and that it hands them to system calls only, as whole registers. Then the
 *   address may be any 64-bit number, and an instruction that loads it as a 32-bit constant may load it otherwise;
 * - which bytes of a section are data: assembly programs keep texts behind their code, and a `write` says where
 *   such a text begins and how long it is;
 * - where the program ends.
 *
 * The run gives up at the first instruction it does not know; then nothing is concluded.
 */
import { createInstruction, decode, Flow, type Instruction, isSystemCall, Prefix } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { branchTarget, isExit, signed } from '../x86/exits.ts';
import { Calculation } from '../x86/relocations.ts';
import { type ByteRange, contains, type Reference, type View, type ViewSection } from './view.ts';

/** Bytes [start, end) of a section that the program reads as data. */
interface Access extends ByteRange {
  readonly section: number;
}

/** What a run has shown. */
export interface Trace {
  readonly accesses: readonly Access[];
  /** References by which an address is loaded as a 32-bit constant. */
  readonly absoluteLoads: ReadonlySet<Reference>;
  /** Sections of which some access is not known exactly. */
  readonly vague: ReadonlySet<number>;
  /** Whether it reads what Linux has put on the stack: arguments and the auxiliary vector. */
  readonly readsStack: boolean;
}

type Value =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'address'; readonly section: number; readonly offset: number }
  /** Where a call goes on when it is done. */
  | { readonly kind: 'return'; readonly section: number; readonly offset: number }
  /** Somewhere in the stack. */
  | { readonly kind: 'stack' }
  /** What a system call returned: a number, if it is known, or else a negative error number. */
  | { readonly kind: 'result'; readonly number: number | undefined }
  | { readonly kind: 'unknown' };

const ZERO: Value = { kind: 'number', number: 0 };
const UNKNOWN: Value = { kind: 'unknown' };
const STACK: Value = { kind: 'stack' };
const MAX_STEPS = 256;

/** What instructions make of a number in a register, by opcode and the extension in ModRM. */
const CHANGES: ReadonlyMap<number, (number: number) => number> = new Map([
  [(0xff << 3) | 0, (number) => number + 1],
  [(0xff << 3) | 1, (number) => number - 1],
  [(0xf7 << 3) | 2, (number) => ~number],
  [(0xf7 << 3) | 3, (number) => -number],
]);

const SYS_READ = 0;
const SYS_WRITE = 1;
const ARGUMENTS = [7, 6, 2, 10, 8, 9]; // rdi, rsi, rdx, r10, r8, r9

/** @returns what a run from `offset` in `section` shows, or undefined if it cannot be followed to its end */
export function traceProgram(view: View, section: number, offset: number): Trace | undefined {
  const run = new Run(view, section, offset);
  for (let step = 0; step < MAX_STEPS; step++) {
    const outcome = run.step();
    if (outcome === 'end') return run.trace();
    if (outcome === 'lost') return undefined;
  }
  return undefined;
}

type Outcome = 'on' | 'end' | 'lost';

class Run {
  readonly #view: View;
  readonly #registers: Value[] = Array.from({ length: 16 }, () => ZERO);
  readonly #stack: Value[] = [];
  readonly #accesses: Access[] = [];
  readonly #absoluteLoads = new Set<Reference>();
  readonly #vague = new Set<number>();
  readonly #insn: Instruction = createInstruction();
  #readsStack = false;
  #section: ViewSection | undefined;
  #at: number;

  constructor(view: View, section: number, offset: number) {
    this.#view = view;
    this.#section = view.get(section);
    this.#at = offset;
    this.#registers[Register.rsp] = STACK;
  }

  trace(): Trace {
    return {
      accesses: this.#accesses,
      absoluteLoads: this.#absoluteLoads,
      vague: this.#vague,
      readsStack: this.#readsStack,
    };
  }

  step(): Outcome {
    const section = this.#section;
    if (!section || section.isShared) return 'lost';
    if (this.#accesses.some((data) => data.section === section.id && contains(data, this.#at))) return 'end';
    const { bytes } = section;
    const length = decode(bytes, this.#at, bytes.length, this.#insn);
    if (length === 0) return 'lost';
    const at = this.#at;
    const reference = section.references.find((ref) => ref.offset >= at && ref.offset < at + length);
    if (reference?.isRewritten) return 'lost';
    this.#at += length;
    const { flow, map, prefixes } = this.#insn;
    if (flow === Flow.callRel || flow === Flow.jmpRel) return this.#branch(section, at, reference);
    if (flow === Flow.ret) return this.#return();
    if (isSystemCall(this.#insn)) return this.#systemCall();
    if (flow !== Flow.none || map !== 0 || (prefixes !== 0 && !this.#isWordLoad())) return 'lost';
    return this.#move(bytes, at, reference) ? 'on' : 'lost';
  }

  #branch(section: ViewSection, at: number, reference: Reference | undefined): Outcome {
    const { flow, length } = this.#insn;
    if (flow === Flow.callRel) this.#stack.push({ kind: 'return', section: section.id, offset: at + length });
    if (reference) {
      this.#section = this.#view.get(reference.section);
      this.#at = reference.target;
      return 'on';
    }
    if (flow === Flow.callRel) return 'lost';
    this.#at = branchTarget(section.bytes, at, this.#insn);
    return 'on';
  }

  /** RET without a number of bytes. */
  #return(): Outcome {
    const value = this.#stack.pop();
    if (value?.kind !== 'return' || this.#insn.immSize > 0) return 'lost';
    this.#section = this.#view.get(value.section);
    this.#at = value.offset;
    return 'on';
  }

  /** A negative number is that of no system call: one of them touches no memory and returns. */
  #systemCall(): Outcome {
    const rax = this.#registers[Register.rax]!;
    const number = rax.kind === 'number' || rax.kind === 'result' ? rax.number : undefined;
    const isExiting = number !== undefined && isExit(number);
    // A program that exits with what a call has left in rax counts on it that the call does not fail.
    const isLast = this.#at === this.#section!.bytes.length;
    if (isExiting && (rax.kind === 'number' || isLast)) return 'end';
    const isTransfer = number === SYS_READ || number === SYS_WRITE;
    for (const register of isExiting ? [] : ARGUMENTS) {
      const value = this.#registers[register]!;
      if (value.kind === 'address') this.#access(value, isTransfer && register === Register.rsi);
    }
    const size = this.#registers[Register.rdx]!;
    const isSmall = isTransfer && size.kind === 'number' && size.number < 256;
    this.#registers[Register.rax] = isSmall ? { kind: 'result', number: undefined } : UNKNOWN;
    this.#registers[Register.rcx] = UNKNOWN;
    this.#registers[11] = UNKNOWN;
    return 'on';
  }

  #access({ section, offset }: Value & { kind: 'address' }, isBuffer: boolean): void {
    const size = this.#registers[Register.rdx]!;
    if (!isBuffer || size.kind !== 'number') this.#vague.add(section);
    else this.#accesses.push({ section, start: offset, end: offset + size.number });
  }

  /** An instruction that goes on with the next one. @returns false if it is not known */
  #move(bytes: Uint8Array, at: number, reference: Reference | undefined): boolean {
    const { opcode, rex } = this.#insn;
    const low = (opcode & 7) | (rex & 1 ? 8 : 0);
    if (opcode === 0x6a || opcode === 0x68) return this.#push(this.#immediate(bytes, at, reference));
    if (opcode >= 0x50 && opcode < 0x58) return this.#push(this.#registers[low]!);
    if (opcode >= 0x58 && opcode < 0x60) return this.#pop(low);
    if (opcode >= 0xb8 && opcode < 0xc0) return this.#load(low, bytes, at, reference);
    if (opcode >= 0xb0 && opcode < 0xb8) return reference === undefined && this.#setByte(low, bytes, at);
    if (opcode === 0x99) return rex === 0 && this.#signFill();
    return opcode >= 0xf6 ? this.#count(bytes, at) : this.#operate(bytes, at, reference);
  }

  /** MOV r16, imm16 */
  #isWordLoad(): boolean {
    const { prefixes, opcode } = this.#insn;
    return prefixes === Prefix.operandSize && opcode >= 0xb8 && opcode < 0xc0;
  }

  /** CDQ: edx gets the sign of eax. */
  #signFill(): boolean {
    const value = this.#registers[Register.rax]!;
    if (value.kind !== 'number') return value.kind !== 'address' && this.#set(Register.rdx, UNKNOWN);
    return this.#set(Register.rdx, { kind: 'number', number: (value.number | 0) < 0 ? 0xffffffff : 0 });
  }

  #push(value: Value | undefined): boolean {
    if (value === undefined || value.kind === 'address') return false;
    this.#stack.push(value);
    return true;
  }

  #pop(register: number): boolean {
    this.#readsStack ||= this.#stack.length === 0;
    const value = this.#stack.pop() ?? UNKNOWN;
    return value.kind !== 'return' && this.#set(register, value);
  }

  #set(register: number, value: Value): boolean {
    if (register === Register.rsp) return false;
    this.#registers[register] = value;
    return true;
  }

  /** MOV r, imm. */
  #load(register: number, bytes: Uint8Array, at: number, reference: Reference | undefined): boolean {
    if (!reference) {
      const value = this.#immediate(bytes, at, undefined);
      if (value?.kind !== 'number') return false;
      const { immSize } = this.#insn;
      if (immSize === 2) return this.#setPart(register, 0xffff, value.number & 0xffff);
      const isShort = immSize === 4;
      return this.#set(register, isShort ? { kind: 'number', number: value.number >>> 0 } : UNKNOWN);
    }
    if (reference.calculation !== Calculation.absolute || reference.section < 0) return false;
    if (reference.size === 4) this.#absoluteLoads.add(reference);
    return this.#set(register, { kind: 'address', section: reference.section, offset: reference.target });
  }

  #immediate(bytes: Uint8Array, at: number, reference: Reference | undefined): Value | undefined {
    const { immOffset, immSize } = this.#insn;
    if (reference || immSize > 4) return immSize > 4 && !reference ? UNKNOWN : undefined;
    return { kind: 'number', number: signed(bytes, at + immOffset, immSize) };
  }

  /** MOV r8, imm8 of a low byte. */
  #setByte(register: number, bytes: Uint8Array, at: number): boolean {
    const byte = bytes[at + this.#insn.immOffset]!;
    // ah, ch, dh, bh
    if (register >= 4 && this.#insn.rex === 0) return this.#setPart(register - 4, 0xff00, byte << 8);
    // A result that is no error is below 256, so that this byte is all of it.
    if (this.#registers[register]!.kind === 'result')
      return this.#set(register, { kind: 'result', number: byte });
    return this.#setPart(register, 0xff, byte);
  }

  /** Sets the bits of a register that a mask has. */
  #setPart(register: number, mask: number, bits: number): boolean {
    const value = this.#registers[register]!;
    if (value.kind === 'address' || value.kind === 'stack' || value.kind === 'return') return false;
    if (value.kind !== 'number') return this.#set(register, UNKNOWN);
    return this.#set(register, { kind: 'number', number: value.number - (value.number & mask) + bits });
  }

  /** FF /0 INC, FF /1 DEC, F7 /2 NOT, F7 /3 NEG of a register. */
  #count(bytes: Uint8Array, at: number): boolean {
    const { opcode, modrmOffset, rex } = this.#insn;
    const modrm = modrmOffset < 0 ? 0 : bytes[at + modrmOffset]!;
    const change = CHANGES.get((opcode << 3) | ((modrm >> 3) & 7));
    if (!change || modrm < 0xc0) return false;
    const register = (modrm & 7) | (rex & 1 ? 8 : 0);
    const value = this.#registers[register]!;
    if (value.kind === 'unknown' || value.kind === 'result') return this.#set(register, UNKNOWN);
    if (value.kind !== 'number' || (rex & 8) !== 0) return false;
    return this.#set(register, { kind: 'number', number: change(value.number) >>> 0 });
  }

  /** MOV between registers or from the stack, LEA of an address, XOR and SUB of a register with itself. */
  #operate(bytes: Uint8Array, at: number, reference: Reference | undefined): boolean {
    const { opcode, modrmOffset, rex, ripRelative } = this.#insn;
    if (modrmOffset < 0) return false;
    const modrm = bytes[at + modrmOffset]!;
    const reg = ((modrm >> 3) & 7) | (rex & 4 ? 8 : 0);
    const rm = (modrm & 7) | (rex & 1 ? 8 : 0);
    const isWide = (rex & 8) !== 0;
    if (opcode === 0x8d) {
      if (!ripRelative) return reference === undefined && !isWide && this.#add(modrm, reg, rm, bytes, at);
      if (!isWide || reference?.calculation !== Calculation.relative) return false;
      if (reference.section < 0) return false;
      return this.#set(reg, { kind: 'address', section: reference.section, offset: reference.target });
    }
    if (reference) return false;
    if (opcode === 0x83) return modrm === 0xe4 && rex === 0x48 && this.#alignStack(bytes, at);
    if (modrm < 0xc0) return opcode === 0x8b && this.#fromStack(modrm, rm) && this.#set(reg, UNKNOWN);
    if (opcode === 0x31 || opcode === 0x33 || opcode === 0x29 || opcode === 0x2b)
      return reg === rm && this.#set(reg, ZERO);
    if (opcode === 0x89) return this.#copy(rm, this.#registers[reg]!, isWide);
    return opcode === 0x8b && this.#copy(reg, this.#registers[rm]!, isWide);
  }

  /** LEA r32, [r+disp8]: a sum. */
  #add(modrm: number, to: number, base: number, bytes: Uint8Array, at: number): boolean {
    const { dispOffset } = this.#insn;
    const value = this.#registers[base]!;
    if ((modrm & 0xc0) !== 0x40 || (modrm & 7) === Register.rsp) return false;
    if (value.kind !== 'number') return value.kind !== 'address' && this.#set(to, UNKNOWN);
    return this.#set(to, {
      kind: 'number',
      number: (value.number + signed(bytes, at + dispOffset, 1)) >>> 0,
    });
  }

  /** AND rsp with a negative number: what was pushed before is no longer at the top. */
  #alignStack(bytes: Uint8Array, at: number): boolean {
    this.#stack.length = 0;
    return signed(bytes, at + this.#insn.immOffset, 1) < 0;
  }

  /** Whether a memory operand lies in the stack. */
  #fromStack(modrm: number, rm: number): boolean {
    if ((modrm & 7) === 4 || (modrm & 0xc7) === 5) return false;
    this.#readsStack = true;
    return this.#registers[rm]!.kind === 'stack';
  }

  #copy(to: number, value: Value, isWide: boolean): boolean {
    if (isWide || value.kind === 'unknown') return this.#set(to, value);
    if (value.kind === 'result') return this.#set(to, UNKNOWN);
    return value.kind === 'number' && this.#set(to, { kind: 'number', number: value.number >>> 0 });
  }
}
