/**
 * Drops instructions that do nothing but write registers and flags which nobody reads before they are written anew.
 *
 * Wherever control leaves what is seen, all registers are taken to be read: at calls and returns, whose conventions may
 * be their own, at jumps elsewhere, and at traps. An instruction that faults may lead to a landing pad, which reads what
 * its function keeps in registers: so this is not for sections with landing pads. Signal handlers see all registers,
 * but can only rely on those that unwind tables name: the stack pointer and the frame pointer stay as they are.
 */
import { Flow } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { WRITTEN_SHIFT } from '../x86/flags.ts';
import { ALL_REGISTERS, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';
import { isConditional } from './branches.ts';
import { type Code, Feature, NO_TARGET } from './code.ts';

const KEPT = (1 << Register.rsp) | (1 << Register.rbp);

let live = new Uint16Array(0);

/** @param liveFlags those that are live before each instruction, as masks of `Flag` */
export function dropDeadStores(code: Code, liveFlags: Uint8Array): void {
  const { count, flow, target, registerEffect, newLength } = code;
  if (live.length <= count) live = new Uint16Array(2 * count + 1);
  live.fill(ALL_REGISTERS, 0, count + 1);
  const liveAt = (t: number) => (t === NO_TARGET ? ALL_REGISTERS : live[t]!);
  // All are taken to be live where it is not known yet, which is where branches lead back to.
  for (let i = count - 1; i >= 0; i--) {
    const after = live[i + 1]!;
    switch (flow[i]) {
      case Flow.none: {
        const effect = registerEffect[i]!;
        const writes = effect >>> WRITTEN_REGISTERS_SHIFT;
        if (isDead(code, i, writes & (after | KEPT), liveFlags[i + 1]!)) newLength[i] = 0;
        live[i] = newLength[i] === 0 ? after : (after & ~writes) | effect;
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
