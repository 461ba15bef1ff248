/**
 * Drops instructions that do nothing but write registers and flags which nobody reads before they are written anew.
 *
 * Wherever control leaves what is seen, all registers are taken to be read: at calls and returns, whose conventions may
 * be their own, at jumps elsewhere, and at traps. An instruction that faults may lead to a landing pad, which reads what
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
  goBack(code, (i, after) => {
    const effect = registerEffect[i]!;
    const written = effect >>> WRITTEN_REGISTERS_SHIFT;
    if (isDead(code, i, written & (after | KEPT), liveFlags[i + 1]!)) newLength[i] = 0;
    return newLength[i] === 0 ? 0 : effect;
  });
}

/**
 * Finds the registers that may be read before they are written anew.
 * @returns those that are live before each instruction, as masks, until the next call
 */
export function findLiveRegisters(code: Code): Uint16Array {
  const { registerEffect, newLength, patch } = code;
  goBack(code, (i) => {
    const length = newLength[i]!;
    if (length === 0 || patch[i] === UNCHANGED) return length === 0 ? 0 : registerEffect[i]!;
    const bytes = code.sourceOf(i);
    const at = code.startOf(i);
    decode(bytes, at, at + length, insn);
    return registerEffectOf(bytes, at, insn);
  });
  return live;
}

/**
 * Goes from the end to the start, by what control does behind each instruction. All are taken to be live where it is not
 * known yet, which is where branches lead back to.
 * @param visit is told what is live behind an instruction that leads on, and returns what it does, as `registerEffectOf`
 */
function goBack(code: Code, visit: (i: number, after: number) => number): void {
  const { count, flow, target } = code;
  if (live.length <= count) live = new Uint16Array(2 * count + 1);
  live.fill(ALL_REGISTERS, 0, count + 1);
  const liveAt = (t: number) => (t === NO_TARGET ? ALL_REGISTERS : live[t]!);
  for (let i = count - 1; i >= 0; i--) {
    const after = live[i + 1]!;
    switch (flow[i]) {
      case Flow.none: {
        const effect = visit(i, after);
        live[i] = (after & ~(effect >>> WRITTEN_REGISTERS_SHIFT)) | effect;
        break;
      }
      case Flow.jmpRel:
        live[i] = liveAt(target[i]!);
        break;
      case Flow.jccRel:
        live[i] = isConditional(code, i) ? after | liveAt(target[i]!) : ALL_REGISTERS;
        break;
      default:
        live[i] = ALL_REGISTERS;
    }
  }
}

/** @param needed a mask of the registers it writes that are read @param liveFlags after it */
function isDead({ features, flagEffect }: Code, i: number, needed: number, liveFlags: number): boolean {
  if (needed !== 0 || (features[i]! & Feature.calculation) === 0) return false;
  return ((flagEffect[i]! >> WRITTEN_SHIFT) & liveFlags) === 0;
}
