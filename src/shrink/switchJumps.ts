/**
 * Finds jumps through tables:
 *
 *     jmp *table(,%rax,8)            mov $table, %edx; movslq (%rdx,%rax,4), %rax; add %rdx, %rax; jmp *%rax
 *
 * Between the four instructions there may be others.
 */
import type { Extent } from '../extent.ts';
import { locate, type Program, Target } from '../program.ts';
import { createInstruction, decode, Encoding, Flow, type Instruction } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { signed } from '../x86/exits.ts';
import { WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';
import { Calculation, calculationOf } from '../x86/relocations.ts';
import { conditionOf, isConditional } from './branches.ts';
import { type Code, type Fields, Mark, UNCHANGED } from './code.ts';
import type { SwitchTable, SwitchTables } from './switchTables.ts';
import { distanceOf, tableBaseOf } from './tableReads.ts';

/** Nothing leads to what stands between the load of a table's address and the jump. */
const ENTERED = Mark.entry | Mark.target | Mark.function | Mark.start | Mark.landingPad | Mark.even;
/** Instructions in front of a jump among which the comparison is looked for. */
const MOST_BEFORE = 8;
/** Instructions between the load of a table's address and the jump. */
const MOST_BETWEEN = 24;
/** Conditions of Jcc. */
const ABOVE_OR_EQUAL = 3;
const ABOVE = 7;

/** The first form: one instruction. */
export interface DirectJump {
  readonly table: SwitchTable;
  readonly jump: number;
  /** The field of the table's address. */
  readonly field: number;
  /** Number of the register that says which entry. */
  readonly index: number;
}

/** The second form: instructions, and the registers that they use. */
export interface ComputedJump {
  readonly table: SwitchTable;
  readonly load: number;
  readonly add: number;
  readonly index: number;
  /** Has the address of the table. */
  readonly base: number;
  /** Gets the distance. */
  readonly distance: number;
  /** Has the address of the label in the end. */
  readonly result: number;
}

export class SwitchReader {
  readonly #program: Program;
  readonly #code: Code;
  readonly #fields: Fields;
  readonly #extent: Extent;
  readonly #tables: SwitchTables;
  readonly #target = new Target();
  readonly #insn = createInstruction();
  /** Registers of what has been read last. */
  readonly #loaded = { distance: 0, index: 0 };
  #result = 0;

  constructor(program: Program, code: Code, fields: Fields, extent: Extent, tables: SwitchTables) {
    this.#program = program;
    this.#code = code;
    this.#fields = fields;
    this.#extent = extent;
    this.#tables = tables;
  }

  /** @returns the jumps of section `id`, in the order of the addresses of their tables */
  findJumps(id: number): (DirectJump | ComputedJump)[] {
    const { gone, type, count } = this.#fields;
    const jumps: (DirectJump | ComputedJump)[] = [];
    for (let f = 0; f < count; f++) {
      if (gone[f] === 1 || calculationOf[type[f]!] !== Calculation.absolute) continue;
      const jump = this.#readDirect(f, id) ?? this.#readComputed(f, id);
      if (jump) jumps.push(jump);
    }
    return jumps;
  }

  /** JMP [index*8+table] */
  #readDirect(f: number, id: number): DirectJump | undefined {
    const code = this.#code;
    const insn = this.#insn;
    const jump = this.#fields.insn[f]!;
    if (code.flow[jump] !== Flow.indirectJmp || code.newLength[jump] === 0) return undefined;
    const bytes = code.sourceOf(jump);
    const at = code.startOf(jump);
    decode(bytes, at, at + code.newLength[jump]!, insn);
    const modrm = bytes[at + insn.modrmOffset]!;
    const sib = bytes[at + insn.modrmOffset + 1]!;
    const index = ((sib >> 3) & 7) | ((insn.rex & 2) << 2);
    const isTable = modrm === 0x24 && (sib & 0xc7) === 0xc5 && index !== Register.rsp;
    if (!isTable || this.#fields.within[f] !== insn.dispOffset) return undefined;
    const table = this.#findTable(f, 8, id, this.#countBefore(jump));
    return table && { table, jump, field: f, index };
  }

  /** @param expected how many entries code seems to count on, or -1 */
  #findTable(f: number, width: number, id: number, expected: number): SwitchTable | undefined {
    const { symbol, addend } = this.#fields;
    locate(this.#program, symbol[f]!, this.#target);
    const { section, low } = this.#target;
    const isLow = section >= 0 && this.#extent.isLowAddress(symbol[f]!, addend[f]!);
    return isLow ? this.#tables.find(section, low + addend[f]!, width, id, expected) : undefined;
  }

  /** How many entries a jump may use, by the comparison or the mask in front of it; -1 if there is none. */
  #countBefore(jump: number): number {
    const code = this.#code;
    const { bytes, at, size, flow } = code;
    let isAbove = 0;
    for (let i = jump - 1; i >= Math.max(0, jump - MOST_BEFORE); i--) {
      if (isConditional(code, i)) {
        const condition = conditionOf(code, i);
        if (isAbove !== 0 || (condition !== ABOVE && condition !== ABOVE_OR_EQUAL)) return -1;
        isAbove = condition;
        continue;
      }
      if (flow[i] !== Flow.none) return -1;
      decode(bytes, at[i]!, size, this.#insn);
      const operation = groupOperation(bytes, at[i]!, this.#insn);
      const number = operation < 0 ? 0 : signed(bytes, at[i]! + this.#insn.immOffset, this.#insn.immSize);
      if (operation === AND && isAbove === 0) return number + 1;
      if (operation === CMP && isAbove !== 0) return number + (isAbove === ABOVE ? 1 : 0);
    }
    return -1;
  }

  /** MOV base, table; MOVSXD distance, [base+index*4]; ADD result, other; JMP result */
  #readComputed(f: number, id: number): ComputedJump | undefined {
    const code = this.#code;
    const first = this.#fields.insn[f]!;
    const base = loadedRegister(code, first);
    if (base < 0) return undefined;
    const load = this.#findBetween(first, 1 << base, 0, (i) => this.#readLoad(i, base));
    if (load < 0) return undefined;
    const { distance, index } = this.#loaded;
    if (distance === base) return undefined;
    const used = (1 << base) | (1 << distance);
    const add = this.#findBetween(load, used, 1 << distance, (i) => this.#readAdd(i, base, distance));
    if (add < 0) return undefined;
    const result = this.#result;
    // Where the sum is not in its place, the distance stays what it is now.
    const unread = result === base ? 1 << distance : 0;
    if (this.#findBetween(add, 1 << result, unread, (i) => this.#jumpsBy(i, result)) < 0) return undefined;
    const table = this.#findTable(f, 4, id, -1);
    return table && { table, load, add, index, base, distance, result };
  }

  /**
   * Finds an instruction that control gets to from another one only.
   * @param kept registers that those between do not write
   * @param unread registers that they do not read either
   */
  #findBetween(first: number, kept: number, unread: number, isWanted: (i: number) => boolean): number {
    const { count, marks, flow, registerEffect, newLength } = this.#code;
    for (let i = first + 1; i < Math.min(count, first + MOST_BETWEEN); i++) {
      if ((marks[i]! & ENTERED) !== 0) return -1;
      if (newLength[i] === 0) continue;
      if (isWanted(i)) return i;
      if (flow[i] !== Flow.none) return -1;
      const effect = registerEffect[i]!;
      if ((((effect >>> WRITTEN_REGISTERS_SHIFT) & kept) | (effect & unread)) !== 0) return -1;
    }
    return -1;
  }

  #readLoad(i: number, base: number): boolean {
    if (readTableBase(this.#code, i, this.#insn) !== base) return false;
    const { bytes, at } = this.#code;
    const { rex, modrmOffset } = this.#insn;
    this.#loaded.distance = distanceOf(bytes, at[i]!, this.#insn);
    this.#loaded.index = ((bytes[at[i]! + modrmOffset + 1]! >> 3) & 7) | ((rex & 2) << 2);
    return this.#code.patch[i] === UNCHANGED;
  }

  #readAdd(i: number, base: number, distance: number): boolean {
    const { bytes, at, patch, hasField } = this.#code;
    if (patch[i] !== UNCHANGED || hasField[i] === 1 || bytes[at[i]!]! >> 3 !== 0x48 >> 3) return false;
    const opcode = bytes[at[i]! + 1]!;
    const modrm = bytes[at[i]! + 2]!;
    if ((opcode !== 0x01 && opcode !== 0x03) || modrm < 0xc0) return false; // ADD
    const reg = ((modrm >> 3) & 7) | ((bytes[at[i]!]! & 4) << 1);
    const rm = (modrm & 7) | ((bytes[at[i]!]! & 1) << 3);
    this.#result = opcode === 0x01 ? rm : reg;
    return (reg === base && rm === distance) || (reg === distance && rm === base);
  }

  /** JMP r64 */
  #jumpsBy(i: number, register: number): boolean {
    const code = this.#code;
    if (code.flow[i] !== Flow.indirectJmp) return false;
    const bytes = code.sourceOf(i);
    const at = code.startOf(i);
    decode(bytes, at, at + code.newLength[i]!, this.#insn);
    const modrm = bytes[at + this.#insn.modrmOffset]!;
    return (modrm & 0xf8) === 0xe0 && ((modrm & 7) | ((this.#insn.rex & 1) << 3)) === register;
  }

  /** The base registers, as a mask, of which each use as such belongs to one of some jumps. */
  ownBases(jumps: readonly (DirectJump | ComputedJump)[]): number {
    const loads = new Set(jumps.map((jump) => ('load' in jump ? jump.load : -1)));
    let owned = 0xffff;
    for (let i = 0; i < this.#code.count; i++) {
      if (loads.has(i)) continue;
      const base = readTableBase(this.#code, i, this.#insn);
      if (base >= 0) owned &= ~(1 << base);
    }
    return owned;
  }
}

const AND = 4;
const CMP = 7;

/** AND or CMP of a register with a number: the operation, or -1 for any other instruction. */
function groupOperation(bytes: Uint8Array, at: number, insn: Instruction): number {
  const { encoding, map, opcode, modrmOffset } = insn;
  if (encoding !== Encoding.legacy || map !== 0) return -1;
  if (opcode === 0x3c || opcode === 0x3d) return CMP;
  if (opcode === 0x24 || opcode === 0x25) return AND;
  if (opcode !== 0x80 && opcode !== 0x81 && opcode !== 0x83) return -1;
  const modrm = bytes[at + modrmOffset]!;
  const operation = (modrm >> 3) & 7;
  return modrm >= 0xc0 && (operation === AND || operation === CMP) ? operation : -1;
}

/** The register of MOV r32, imm32, or -1. */
function loadedRegister(code: Code, i: number): number {
  const bytes = code.sourceOf(i);
  const at = code.startOf(i);
  const isHigh = code.newLength[i] === 6 && bytes[at] === 0x41; // REX.B
  if (!isHigh && code.newLength[i] !== 5) return -1;
  const opcode = bytes[at + (isHigh ? 1 : 0)]!;
  return (opcode & 0xf8) === 0xb8 ? (opcode & 7) | (isHigh ? 8 : 0) : -1;
}

/** The base of MOVSXD r64, [base+index*4], or -1 for any other instruction. @param insn gets what is decoded */
function readTableBase({ bytes, at, size, newLength, flow }: Code, i: number, insn: Instruction): number {
  const start = at[i]!;
  if (flow[i] !== Flow.none || newLength[i] === 0 || bytes[start + 1] !== 0x63) return -1;
  decode(bytes, start, size, insn);
  return insn.prefixes === 0 ? tableBaseOf(bytes, start, insn) : -1;
}
