/**
 * Drops instructions that do nothing but write registers and flags which nobody reads before they are written anew.
 *
 * Wherever control leaves what is seen, all registers are taken to be read: at calls and returns, whose conventions may
 * be their own, at jumps elsewhere, and at traps, unless somebody knows better. An instruction that faults may lead to a landing pad, which reads what
 * its function keeps in registers: so this is not for sections with landing pads. Signal handlers see all registers,
 * but can only rely on those that unwind tables name: the stack pointer and the frame pointer stay as they are.
 */
import { createInstruction, decode, Flow } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { WRITTEN_SHIFT } from '../x86/flags.ts';
import { ALL_REGISTERS, registerEffectOf, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';
import { isConditional } from './branches.ts';
import { type Code, Feature, NO_TARGET, UNCHANGED } from './code.ts';

const KEPT = (1 << Register.rsp) | (1 << Register.rbp);

const insn = createInstruction();
let live = new Uint16Array(0);

/** @param liveFlags those that are live before each instruction, as masks of `Flag` */
export function dropDeadStores(code: Code, liveFlags: Uint8Array): void {
  const { registerEffect, newLength } = code;
  const visit = (i: number, after: number) => {
    const effect = registerEffect[i]!;
    const written = effect >>> WRITTEN_REGISTERS_SHIFT;
    if (isDead(code, i, written & (after | KEPT), liveFlags[i + 1]!)) newLength[i] = 0;
    return newLength[i] === 0 ? 0 : effect;
  };
  // All are taken to be live where branches lead back to.
  prepare(code, ALL_REGISTERS);
  goBack(code, visit, () => ALL_REGISTERS);
}

/**
 * Finds the registers that may be read before they are written anew.
 * @param atExit says what is live before an instruction that leads elsewhere, by what is live where it comes back
 * @returns those that are live before each instruction, as masks, until the next call
 */
export function findLiveRegisters(code: Code, atExit: (i: number, after: number) => number): Uint16Array {
  const { registerEffect, newLength, patch } = code;
  const effectOf = (i: number) => {
    const length = newLength[i]!;
    if (length === 0 || patch[i] === UNCHANGED) return length === 0 ? 0 : registerEffect[i]!;
    const bytes = code.sourceOf(i);
    const at = code.startOf(i);
    decode(bytes, at, at + length, insn);
    return registerEffectOf(bytes, at, insn);
  };
  prepare(code, 0);
  while (goBack(code, effectOf, atExit));
  return live;
}

/** @param mask what is live before instructions that have not been visited */
function prepare({ count }: Code, mask: number): void {
  if (live.length <= count) live = new Uint16Array(2 * count + 1);
  live.fill(mask, 0, count);
  live[count] = ALL_REGISTERS;
}

/**
 * Goes once from the end to the start, by what control does behind each instruction.
 * @param visit is told what is live behind an instruction that leads on, and returns what it does, as `registerEffectOf`
 * @param atExit is told what is live behind one that leads elsewhere and may come back, and returns what is before it
 * @returns whether something that is live was not known to be
 */
function goBack(
  code: Code,
  visit: (i: number, after: number) => number,
  atExit: (i: number, after: number) => number,
): boolean {
  const { count, flow, target } = code;
  const liveAt = (i: number, t: number) => (t === NO_TARGET ? atExit(i, 0) : live[t]!);
  let isNew = false;
  for (let i = count - 1; i >= 0; i--) {
    const after = live[i + 1]!;
    let before: number;
    switch (flow[i]) {
      case Flow.none: {
        const effect = visit(i, after);
        before = (after & ~(effect >>> WRITTEN_REGISTERS_SHIFT)) | (effect & ALL_REGISTERS);
        break;
      }
      case Flow.jmpRel:
        before = liveAt(i, target[i]!);
        break;
      case Flow.jccRel:
        before = isConditional(code, i) ? after | liveAt(i, target[i]!) : ALL_REGISTERS;
        break;
      case Flow.callRel:
      case Flow.indirectCall:
      case Flow.system:
        before = atExit(i, after);
        break;
      default:
        before = atExit(i, 0);
    }
    isNew ||= before !== live[i];
    live[i] = before;
  }
  return isNew;
}

/** @param needed a mask of the registers it writes that are read @param liveFlags after it */
function isDead({ features, flagEffect }: Code, i: number, needed: number, liveFlags: number): boolean {
  if (needed !== 0 || (features[i]! & Feature.calculation) === 0) return false;
  return ((flagEffect[i]! >> WRITTEN_SHIFT) & liveFlags) === 0;
}
