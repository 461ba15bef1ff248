/**
 * How deep the stack is in each function: bytes between the stack pointer and where the return address lies. Known are
 * functions that move the stack pointer by PUSH, POP, ADD, SUB and LEA alone, by as much whichever way control takes.
 */
import { createInstruction, decode, Encoding, type Instruction, Prefix } from '../../x86/decode.ts';
import { addressRegisters, isRegister, Register } from '../../x86/effects.ts';
import { signed } from '../../x86/exits.ts';
import { UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { goesOn, isJump, Step, type WholeCode } from './wholeCode.ts';

const RSP = 1 << Register.rsp;
const REX_W = 0x48;
export const SLOT = 8;
/** `StackDepth.move` of what moves the stack pointer in another way. */
export const ANYWHERE = 0x7fffffff;
const NOBODY = -1;

/** What an instruction does with memory at the stack pointer. */
export const StackAccess = {
  none: 0,
  /** Reads or writes at a distance from it. */
  memory: 1,
  /** Loads an address at a distance from it. */
  address: 2,
  /** Either with an index. */
  indexed: 3,
} as const;

export interface StackFunction {
  readonly entry: number;
  /** Its instructions, in the order in which control was followed. */
  readonly body: readonly number[];
}

/** What is entered somewhere, function or not. */
export interface StackEntry extends StackFunction {
  /** Whether `StackDepth.depth` of its instructions is true. */
  readonly isKnown: boolean;
}

export class StackDepth {
  /** By instruction: the entry of the function that it is part of, or `NOBODY`. */
  readonly owner: Int32Array;
  /** By instruction of a function that is known: how deep the stack is before it. */
  readonly depth: Int32Array;
  /** By instruction: how much deeper the stack is behind it, or `ANYWHERE`. */
  readonly move: Int32Array;
  /** By instruction: what it does at the stack pointer, as `StackAccess`, and the distance. */
  readonly access: Uint8Array;
  readonly distance: Int32Array;
  /** All that is entered, and of that the functions that are known. */
  readonly entries: readonly StackEntry[];
  readonly functions: readonly StackFunction[];
  readonly #code: WholeCode;
  readonly #isOdd: Uint8Array;
  readonly #insn = createInstruction();

  constructor(code: WholeCode) {
    const { count, isEntry, isFunction } = code;
    this.#code = code;
    this.owner = new Int32Array(count).fill(NOBODY);
    this.depth = new Int32Array(count);
    this.move = new Int32Array(count);
    this.access = new Uint8Array(count);
    this.distance = new Int32Array(count);
    this.#isOdd = new Uint8Array(count);
    for (let i = 0; i < count; i++) if (code.length[i]! > 0) this.#read(i);
    const bodies: StackFunction[] = [];
    for (let e = 0; e < count; e++) if (isEntry[e] === 1) bodies.push({ entry: e, body: this.#follow(e) });
    this.entries = bodies.map((body) => ({ ...body, isKnown: this.#isOdd[body.entry] === 0 }));
    this.functions = this.entries.filter(({ entry, isKnown }) => isKnown && isFunction[entry] === 1);
  }

  /** Finds what an instruction does with the stack. */
  #read(i: number): void {
    const { effect, at, step } = this.#code;
    if (step[i] !== Step.plain) return;
    const bytes = this.#code.bytesOf(i);
    const start = at[i]!;
    const insn = this.#insn;
    decode(bytes, start, bytes.length, insn);
    const writes = effect[i] === UNKNOWN ? RSP : effect[i]! >>> WRITTEN_REGISTERS_SHIFT;
    if ((writes & RSP) !== 0) this.move[i] = moveOf(bytes, start, insn);
    if (insn.modrmOffset < 0 || isRegister(bytes, start, insn)) return;
    const isBase = (bytes[start + insn.modrmOffset]! & 7) === Register.rsp;
    if (!isBase || (addressRegisters(bytes, start, insn) & RSP) === 0) return;
    const hasIndex = (bytes[start + insn.modrmOffset + 1]! & 0x38) !== 0x20 || (insn.rex & 2) !== 0;
    const isLea = insn.encoding === Encoding.legacy && insn.map === 0 && insn.opcode === 0x8d;
    if (isLea && this.move[i] !== 0) return;
    this.access[i] = hasIndex ? StackAccess.indexed : isLea ? StackAccess.address : StackAccess.memory;
    if (insn.dispSize > 0) this.distance[i] = signed(bytes, start + insn.dispOffset, insn.dispSize);
  }

  /** Goes through what belongs to a function. @returns its instructions */
  #follow(entry: number): number[] {
    const { step, target } = this.#code;
    const { owner, depth, move } = this;
    const body: number[] = [];
    const open: number[] = [];
    const lead = (to: number, at: number) => {
      if (this.#mayLead(entry, to, at)) {
        owner[to] = entry;
        depth[to] = at;
        body.push(to);
        open.push(to);
      }
    };
    lead(entry, 0);
    while (open.length > 0) {
      const i = open.pop()!;
      const after = depth[i]! + move[i]!;
      if (move[i] === ANYWHERE) this.#isOdd[entry] = 1;
      const to = step[i]!;
      if (isJump(to)) {
        if (target[i]! >= 0) lead(target[i]!, after);
        else if (after !== 0) this.#isOdd[entry] = 1;
      }
      if (to === Step.choose) for (const label of this.#code.labelsOf(i)) lead(label, after);
      if (goesOn(to)) lead(i + 1, after);
      if (to === Step.leave && after !== 0) this.#isOdd[entry] = 1;
    }
    return body;
  }

  /** Whether control gets to an instruction of the same function that has not been seen. */
  #mayLead(entry: number, to: number, at: number): boolean {
    const odd = this.#isOdd;
    const { isEntry } = this.#code;
    if (to !== entry && isEntry[to] === 1) {
      if (at !== 0) odd[entry] = odd[to] = 1;
      return false;
    }
    const other = this.owner[to]!;
    if (other === NOBODY) return true;
    if (other !== entry) odd[entry] = odd[other] = 1;
    else if (this.depth[to] !== at) odd[entry] = 1;
    return false;
  }
}

/** How much deeper the stack is behind an instruction that moves the stack pointer. */
function moveOf(bytes: Uint8Array, at: number, insn: Instruction): number {
  const { encoding, map, opcode, prefixes, rex, modrmOffset, immSize, immOffset } = insn;
  if (encoding !== Encoding.legacy || map !== 0 || (prefixes & Prefix.operandSize) !== 0) return ANYWHERE;
  const extension = modrmOffset < 0 ? 0 : (bytes[at + modrmOffset]! >> 3) & 7;
  if (opcode >= 0x50 && opcode <= 0x57) return SLOT; // PUSH r64
  if (opcode >= 0x58 && opcode <= 0x5f) return isPopOfStack(opcode, rex) ? ANYWHERE : -SLOT; // POP r64
  if (opcode === 0x68 || opcode === 0x6a) return SLOT; // PUSH imm
  if (opcode === 0xff && extension === 6) return SLOT; // PUSH r/m64
  if (opcode === 0x8d) return moveOfAddress(bytes, at, insn);
  const isWide = (rex & 9) === 8 && bytes[at + modrmOffset]! >= 0xc0;
  if ((opcode !== 0x81 && opcode !== 0x83) || !isWide || (extension !== 0 && extension !== 5))
    return ANYWHERE;
  const number = signed(bytes, at + immOffset, immSize);
  return extension === 5 ? number : -number; // SUB, ADD
}

function isPopOfStack(opcode: number, rex: number): boolean {
  return opcode === 0x5c && (rex & 1) === 0;
}

/** LEA rsp, [rsp + n] */
function moveOfAddress(
  bytes: Uint8Array,
  at: number,
  { rex, prefixes, modrmOffset, dispOffset, dispSize }: Instruction,
): number {
  const isFromItself =
    (bytes[at + modrmOffset]! & 7) === Register.rsp && bytes[at + modrmOffset + 1] === 0x24;
  if (rex !== REX_W || prefixes !== 0 || !isFromItself || dispSize === 0) return ANYWHERE;
  return -signed(bytes, at + dispOffset, dispSize);
}
