/**
 * Registers that functions push where they begin and pop before they return, and what lies between.
 *
 * A PUSH is such a save if nothing but it makes the stack as deep as its slot, nothing but POP of the same register
 * makes it less deep again, and nothing else refers to the slot. Then POP leaves in the register what PUSH has found
 * there, whatever happens in between.
 */

import { Register } from '../../x86/effects.ts';
import { ALL_REGISTERS, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { SLOT, StackAccess, type StackDepth } from './stackDepth.ts';
import { isCall, Pure, Step, type WholeCode } from './wholeCode.ts';

/** A register that is saved. */
export interface Save {
  /** Its number. */
  readonly register: number;
  readonly entry: number;
  /** The instruction that pushes it, and those that pop it. */
  readonly push: number;
  readonly pops: readonly number[];
  /** Instructions of the function from behind `push` to in front of `pops`, and the pops. */
  readonly inside: readonly number[];
  /** How deep the stack is behind `push`. */
  readonly depth: number;
}

/** rbx, rbp, r12 to r15, which functions leave as they were (psABI, 3.2.1). */
export const PRESERVED = 0b1111_0000_0010_1000;
const RSP = 1 << Register.rsp;
const NONE = -1;

export class SavedRegisters {
  readonly saves: Save[] = [];
  /** By entry of a function that is known: registers that it pops, which it may have saved in one way or another. */
  readonly popped: Uint16Array;
  /** By instruction: the number of the save that it belongs to. */
  readonly #saveOf: Int32Array;

  constructor(code: WholeCode, stack: StackDepth) {
    this.#saveOf = new Int32Array(code.count).fill(NONE);
    this.popped = new Uint16Array(code.count).fill(ALL_REGISTERS);
    for (const { entry, body } of stack.functions) {
      this.popped[entry] = registersPopped(code, body);
      for (const i of body) {
        const register = pushed(code, i);
        if (register < 0 || register === Register.rsp) continue;
        const save = findSave(code, stack, entry, body, i, register);
        if (!save) continue;
        for (const n of [save.push, ...save.pops]) this.#saveOf[n] = this.saves.length;
        this.saves.push(save);
      }
    }
  }

  /** The bit of the register that an instruction saves or restores, or 0. */
  bitOf(i: number): number {
    const save = this.#saveOf[i]!;
    return save === NONE ? 0 : 1 << this.saves[save]!.register;
  }

  /** Whether an instruction of which `bitOf` is not 0 is the PUSH. */
  isSave(i: number): boolean {
    return this.saves[this.#saveOf[i]!]!.push === i;
  }

  /** Lets an instruction save another register; PUSH and POP have been written. */
  exchange(push: number, register: number): void {
    const save = this.#saveOf[push]!;
    this.saves[save] = { ...this.saves[save]!, register };
  }

  /** What is known behind any POP of what instruction `i` pushes. @param masks by instruction */
  joinRestores(i: number, masks: Uint16Array): number {
    let joined = 0;
    for (const pop of this.saves[this.#saveOf[i]!]!.pops) joined |= masks[pop + 1]!;
    return joined;
  }
}

function findSave(
  code: WholeCode,
  stack: StackDepth,
  entry: number,
  body: readonly number[],
  push: number,
  register: number,
): Save | undefined {
  const slot = findSlot(stack, body, push);
  if (!slot) return undefined;
  const { inside, pops, level } = slot;
  if (inside.some((i) => mayReadSlot(code, stack, i, level))) return undefined;
  // What the function has there itself may be for what is called.
  if (body.some((i) => stack.depth[i]! < level && i !== push && writes(code, i, register))) return undefined;
  // Without POP, it may be for that, too.
  if (pops.length === 0 || pops.some((i) => popped(code, i) !== register)) return undefined;
  // So may others, which compilers pop in order to get rid of them.
  const isPreserved = ((PRESERVED >> register) & 1) === 1;
  if (!isPreserved && inside.some((i) => isCall(code.step[i]!))) return undefined;
  return { register, entry, push, pops, inside, depth: level };
}

/** Whether an instruction refers to a slot, or takes the address of just that. */
function mayReadSlot(code: WholeCode, stack: StackDepth, i: number, level: number): boolean {
  const { depth, access, distance } = stack;
  // Whoever looks for what a frame pointer leads to keeps all of them.
  const isCopy = code.pure[i] !== Pure.frame && copiesPointer(code, stack, i);
  if (access[i] === StackAccess.none) return isCopy && depth[i] === level;
  const place = distance[i]! - depth[i]!;
  return place >= -level && place < -level + SLOT;
}

/** Whether an instruction other than POP writes a register. */
function writes(code: WholeCode, i: number, register: number): boolean {
  if (code.step[i] !== Step.plain || popped(code, i) === register) return false;
  return ((code.effect[i]! >>> (WRITTEN_REGISTERS_SHIFT + register)) & 1) === 1;
}

function registersPopped(code: WholeCode, body: readonly number[]): number {
  let mask = 0;
  for (const i of body) if (popped(code, i) >= 0) mask |= 1 << popped(code, i);
  return mask;
}

/** A place on the stack for a register, or as large. */
interface Slot {
  /** How deep the stack is with it. */
  readonly level: number;
  /** Instructions while it is there, and those among them that end that. */
  readonly inside: readonly number[];
  readonly pops: readonly number[];
}

/** Finds the slot that one instruction makes, if that alone makes it, and nothing more goes at its end. */
function findSlot({ depth, move }: StackDepth, body: readonly number[], push: number): Slot | undefined {
  const level = depth[push]! + SLOT;
  // The return address lies there: something else has taken it, and puts it back.
  if (level <= 0) return undefined;
  const pops: number[] = [];
  const inside: number[] = [];
  for (const i of body) {
    const before = depth[i]!;
    const after = before + move[i]!;
    if (before < level) {
      if (after >= level && i !== push) return undefined;
      continue;
    }
    inside.push(i);
    if (after >= level) continue;
    if (before !== level || after !== level - SLOT) return undefined;
    pops.push(i);
  }
  return { level, inside, pops };
}

/** The register that PUSH r64 pushes, or -1 for other instructions. */
export function pushed(code: WholeCode, i: number): number {
  return lowRegister(code, i, 0x50);
}

/** The register that POP r64 pops, or -1 for other instructions. */
export function popped(code: WholeCode, i: number): number {
  return lowRegister(code, i, 0x58);
}

function lowRegister(code: WholeCode, i: number, opcode: number): number {
  const bytes = code.bytesOf(i);
  const start = code.at[i]!;
  const length = code.length[i]!;
  const hasRex = length === 2 && (bytes[start]! & 0xf0) === 0x40;
  if (length !== (hasRex ? 2 : 1)) return -1;
  const last = bytes[start + length - 1]!;
  return (last & 0xf8) === opcode ? (last & 7) | (hasRex && (bytes[start]! & 1) !== 0 ? 8 : 0) : -1;
}

/** Whether an instruction gets the stack pointer as a number. */
export function copiesPointer(code: WholeCode, { access, move }: StackDepth, i: number): boolean {
  if (code.step[i] !== Step.plain || access[i] !== StackAccess.none) return false;
  return (code.effect[i]! & RSP) !== 0 && (move[i] === 0 || pushed(code, i) === Register.rsp);
}
