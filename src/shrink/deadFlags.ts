/** Where nobody reads status flags before they are made anew. */
import { Flow } from '../x86/decode.ts';
import { ALL_FLAGS, flagsOfCondition, WRITTEN_SHIFT } from '../x86/flags.ts';
import { conditionOf, isConditional, isSystemCall } from './branches.ts';
import { type Code, NO_TARGET } from './code.ts';

/** Passes over the code: what holds at the start of a loop is known from the second one on. */
const ROUNDS = 2;

/**
 * Finds the flags that are live before each instruction. Functions do not hand on flags (psABI, 3.2.1), so none are at
 * calls and returns, but only in code that keeps to the psABI.
 * @param live gets a mask of `Flag` for each instruction and for the end
 */
export function findLiveFlags(code: Code, isTrusted: boolean, live: Uint8Array): void {
  const { count, flow, target, flagEffect } = code;
  const atCalls = isTrusted ? 0 : ALL_FLAGS;
  live.fill(ALL_FLAGS, 0, count);
  // Behind the last instruction there is another section.
  live[count] = atCalls;
  const liveAt = (t: number) => (t === NO_TARGET ? ALL_FLAGS : live[t]!);
  // All are taken to be live where it is not known yet, so that each round only finds out more.
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = count - 1; i >= 0; i--) {
      const after = live[i + 1]!;
      switch (flow[i]) {
        case Flow.none: {
          const effect = flagEffect[i]!;
          live[i] = (after & ~(effect >> WRITTEN_SHIFT)) | (effect & ALL_FLAGS);
          break;
        }
        case Flow.jmpRel:
          live[i] = liveAt(target[i]!);
          break;
        case Flow.jccRel:
          live[i] = isConditional(code, i)
            ? flagsOfCondition(conditionOf(code, i)) | after | liveAt(target[i]!)
            : ALL_FLAGS;
          break;
        case Flow.callRel:
        case Flow.indirectCall:
        case Flow.ret:
          live[i] = atCalls;
          break;
        case Flow.system:
          // It leaves a copy of them in r11, which it may overwrite with anything (psABI, A.2.1).
          live[i] = isTrusted && isSystemCall(code, i) ? after : ALL_FLAGS;
          break;
        case Flow.stop:
          live[i] = 0;
          break;
        default:
          live[i] = ALL_FLAGS;
      }
    }
  }
}
