/**
 * Lets switches jump through narrower tables:
 *
 *     jmp *table(,%rax,8)            movzbl table(%rax), %eax; add $base, %eax; jmp *%rax
 *
 *     lea table(%rip), %rdx          lea table(%rip), %rdx
 *     movslq (%rdx,%rax,4), %rax     movzbl (%rdx,%rax), %eax
 *     add %rdx, %rax                 lea base(%rax), %eax
 *     jmp *%rax                      jmp *%rax
 *
 * Entries are distances from the label that comes first, the base. They fit a byte or a word as long as the labels lie
 * so close together; what happens to the section from here on may bring them closer, since instructions only become
 * shorter, but for the jumps themselves, with which is reckoned here.
 *
 * Either way the labels are reached with the registers as they were. Flags that ADD leaves are those of a sum of
 * addresses, which nobody reads; where the jump found others, LEA takes the place of ADD. The second form leaves the same
 * address in the same register; its base register has the address of the same table. The first form needs a register for
 * what the processor did by itself: one that nobody reads at any of the labels.
 */
import type { Extent } from '../extent.ts';
import { locate, type Program, Target } from '../program.ts';
import { Register } from '../x86/effects.ts';
import { ALL_FLAGS } from '../x86/flags.ts';
import { ALL_REGISTERS } from '../x86/registers.ts';
import { R_X86_64_32 } from '../x86/relocations.ts';
import type { Code, Fields } from './code.ts';
import { findLiveRegisters } from './deadRegisters.ts';
import type { NarrowedTable } from './narrowTables.ts';
import type { Exits } from './registers/exits.ts';
import { type ComputedJump, type DirectJump, SwitchReader } from './switchJumps.ts';
import type { SwitchTable, SwitchTables } from './switchTables.ts';

/** Bytes by which the jump of a switch may grow. */
const GROWTH = 12;
/** Bytes that are written in the place of one instruction. */
const MAX_JUMP = 20;

/** What becomes of a jump and its table. */
interface Plan extends NarrowedTable {
  /** Bytes that are saved. */
  readonly gain: number;
  /** Rewrites the jump. */
  readonly apply: () => void;
}

/** Where the labels of a table lie. */
interface Labels {
  /** Number of the entry with the one that comes first. */
  readonly first: number;
  /** Bytes from there to the last one. */
  readonly span: number;
  /** A mask of the registers that may be read at one of them. */
  readonly read: number;
  /** Whether flags may be read at one of them. */
  readonly isReadingFlags: boolean;
}

export class SwitchRewriter {
  readonly #program: Program;
  readonly #code: Code;
  readonly #fields: Fields;
  readonly #extent: Extent;
  readonly #tables: SwitchTables;
  readonly #exits: Exits | undefined;
  readonly #target = new Target();
  readonly #reader: SwitchReader;
  readonly #pending = new Map<number, readonly NarrowedTable[]>();

  constructor(
    program: Program,
    code: Code,
    fields: Fields,
    extent: Extent,
    tables: SwitchTables,
    exits: Exits | undefined,
  ) {
    this.#exits = exits;
    this.#program = program;
    this.#code = code;
    this.#fields = fields;
    this.#extent = extent;
    this.#tables = tables;
    this.#reader = new SwitchReader(program, code, fields, extent, tables);
  }

  /**
   * Rewrites the switches of a section. Their tables stay as they are until `commit`.
   * @param liveFlags those that are live before each instruction, as masks of `Flag`
   */
  rewrite(id: number, liveFlags: Uint8Array): void {
    this.#pending.clear();
    const jumps = this.#reader.findJumps(id);
    if (jumps.length === 0) return;
    const owned = this.#reader.ownBases(jumps);
    const exits = this.#exits;
    const live = findLiveRegisters(this.#code, (i, after) =>
      exits ? exits.liveBefore(id, this.#code, i, after) : ALL_REGISTERS,
    );
    const plans = new Map<number, Plan[]>();
    for (const jump of jumps) {
      const { section } = jump.table;
      const plan = this.#plan(jump, owned, GROWTH * jumps.length, live, liveFlags);
      if (plan) plans.set(section, [...(plans.get(section) ?? []), plan]);
    }
    for (const [section, all] of plans) {
      const gain = all.reduce((sum, plan) => sum + plan.gain, 0);
      if (all.length !== this.#tables.countPlaces(section) || gain <= 0) continue;
      for (const { apply } of all) apply();
      this.#pending.set(section, all);
    }
  }

  /** Has the tables made narrower of the section that was rewritten last. */
  commit(): void {
    for (const [section, tables] of this.#pending) this.#tables.narrow(section, tables);
    this.#pending.clear();
  }

  /** @param owned a mask of base registers that nothing else uses as such */
  #plan(
    jump: DirectJump | ComputedJump,
    owned: number,
    growth: number,
    live: Uint16Array,
    liveFlags: Uint8Array,
  ): Plan | undefined {
    const labels = this.#findLabels(jump.table, live, liveFlags);
    const size = labels ? entrySize(labels.span + growth) : 0;
    if (!labels || size === 0) return undefined;
    if ('jump' in jump) return this.#planDirect(jump, labels, size);
    return ((owned >> jump.base) & 1) === 1 ? this.#planComputed(jump, labels, size) : undefined;
  }

  /** Finds the labels of a table. @returns undefined if one is none */
  #findLabels(
    { symbols, addends }: SwitchTable,
    live: Uint16Array,
    liveFlags: Uint8Array,
  ): Labels | undefined {
    const { insnAt, size, count, at } = this.#code;
    let first = 0;
    let last = 0;
    let read = 0;
    let isReadingFlags = false;
    const insns: number[] = [];
    for (let k = 0; k < symbols.length; k++) {
      locate(this.#program, symbols[k]!, this.#target);
      const place = this.#target.low + addends[k]!;
      const i = place >= 0 && place < size ? insnAt[place]! : -1;
      if (i < 0 || i >= count) return undefined;
      read |= live[i]!;
      isReadingFlags ||= (liveFlags[i]! & ALL_FLAGS) !== 0;
      insns.push(i);
      if (i < insns[first]!) first = k;
      if (i > insns[last]!) last = k;
    }
    if (!this.#extent.isLowAddress(symbols[first]!, addends[first]!)) return undefined;
    return { first, span: at[insns[last]!]! - at[insns[first]!]!, read, isReadingFlags };
  }

  /** JMP [index*8+table] → MOVZX scratch, [index*size+table]; ADD scratch, base; JMP scratch */
  #planDirect({ table, jump, field, index }: DirectJump, labels: Labels, size: number): Plan | undefined {
    const scratch = findScratch(labels.read, index);
    if (scratch < 0) return undefined;
    const code = this.#code;
    const out = new Uint8Array(MAX_JUMP);
    let length = 0;
    const rex = (scratch > 7 ? 4 : 0) | (index > 7 ? (size === 1 ? 1 : 3) : 0);
    if (rex !== 0) out[length++] = 0x40 | rex;
    out[length++] = 0x0f;
    out[length++] = 0xb5 + size; // MOVZX r32, r/m8; r/m16
    const hasSib = size === 2 || (index & 7) === 4;
    out[length++] = 0x80 | ((scratch & 7) << 3) | (hasSib ? 4 : index & 7);
    if (hasSib) out[length++] = ((size === 2 ? index & 7 : 4) << 3) | (index & 7);
    const tableField = length;
    length += 4;
    if (scratch === Register.rax && !labels.isReadingFlags)
      out[length++] = 0x05; // ADD eax, imm32
    else length = writeLea(out, length, scratch, scratch);
    const baseField = length;
    length += 4;
    if (scratch > 7) out[length++] = 0x41; // REX.B
    out[length++] = 0xff; // JMP r64
    out[length++] = 0xe0 | (scratch & 7);
    const gain = code.newLength[jump]! + (8 - size) * table.symbols.length - length;
    const apply = () => {
      code.replace(jump, out, length);
      this.#fields.within[this.#fieldOf(jump, field)] = tableField;
      this.#addBase(table, labels, jump, baseField);
    };
    return { table, size, first: labels.first, gain, apply };
  }

  /** MOVSXD and ADD → MOVZX distance, [base+index*size]; LEA result, [distance+base label] */
  #planComputed(
    { table, load, add, index, base, distance, result }: ComputedJump,
    labels: Labels,
    size: number,
  ): Plan | undefined {
    // Not the address of the table, but what was read there would be another number.
    if (result === base && ((labels.read >> distance) & 1) === 1) return undefined;
    const code = this.#code;
    const sum = new Uint8Array(MAX_JUMP);
    const sumLength = writeLea(sum, 0, result, distance) + 4;
    const read = new Uint8Array(MAX_JUMP);
    let length = 0;
    const rex = (distance > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | (base > 7 ? 1 : 0);
    if (rex !== 0) read[length++] = 0x40 | rex;
    read[length++] = 0x0f;
    read[length++] = 0xb5 + size; // MOVZX r32, r/m8; r/m16
    const hasDisp = (base & 7) === 5;
    read[length++] = (hasDisp ? 0x44 : 0x04) | ((distance & 7) << 3);
    read[length++] = ((size - 1) << 6) | ((index & 7) << 3) | (base & 7);
    if (hasDisp) length++;
    const gain =
      code.newLength[load]! + code.newLength[add]! + (4 - size) * table.symbols.length - length - sumLength;
    const apply = () => {
      code.replace(load, read, length);
      code.replace(add, sum, sumLength);
      code.hasField[add] = 1;
      this.#addBase(table, labels, add, sumLength - 4);
    };
    return { table, size, first: labels.first, gain, apply };
  }

  /** Gives an instruction the address of the label that comes first. */
  #addBase({ symbols, addends }: SwitchTable, { first }: Labels, insn: number, within: number): void {
    this.#fields.insert(insn, within, R_X86_64_32, symbols[first]!, addends[first]!);
  }

  /** The first field of an instruction. @param from where it was before others were added in front of it */
  #fieldOf(insn: number, from: number): number {
    let f = from;
    while (this.#fields.insn[f] !== insn) f++;
    return f;
  }
}

/**
 * A register that may hold the address, or -1: one that nobody reads, the index rather than another.
 * @param read a mask
 */
function findScratch(read: number, index: number): number {
  const used = read | (1 << Register.rsp) | (1 << Register.rbp);
  if (((used >> index) & 1) === 0) return index;
  for (let register = 0; register < 16; register++) if (((used >> register) & 1) === 0) return register;
  return -1;
}

/** Bytes of an entry for labels that far apart, or 0. */
function entrySize(span: number): number {
  return span < 0x100 ? 1 : span < 0x10000 ? 2 : 0;
}

/** Writes LEA r32, [r64+disp32] up to the displacement. @returns the length with what was there */
function writeLea(out: Uint8Array, start: number, to: number, from: number): number {
  let length = start;
  const rex = (to > 7 ? 4 : 0) | (from > 7 ? 1 : 0);
  if (rex !== 0) out[length++] = 0x40 | rex;
  out[length++] = 0x8d;
  out[length++] = 0x80 | ((to & 7) << 3) | (from & 7);
  if ((from & 7) === 4) out[length++] = 0x24;
  return length;
}
