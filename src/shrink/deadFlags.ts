/** Where nobody reads the status flags before they are made anew. */
import { Flow } from '../x86/decode.ts';
import { FlagEffect } from '../x86/flags.ts';
import { type Code, NO_TARGET } from './code.ts';

/**
 * Finds the instructions behind which the flags are dead. Functions do not hand on flags (psABI, 3.2.1), so they are at
 * calls and returns, but only in code that keeps to the psABI.
 * @param dead gets 1 for each such instruction; longer than there are instructions
 */
export function findDeadFlags(
  { count, flow, target, flagEffect }: Code,
  isTrusted: boolean,
  dead: Uint8Array,
): void {
  // Backwards: what holds before an instruction follows from what holds before those that come after it.
  let isDead = false;
  for (let i = count - 1; i >= 0; i--) {
    // Before an instruction is behind the one that precedes it.
    dead[i] = isDead ? 1 : 0;
    switch (flow[i]) {
      case Flow.none:
        if (flagEffect[i] !== FlagEffect.passes) isDead = flagEffect[i] === FlagEffect.replaces;
        break;
      case Flow.jmpRel:
        // Behind its target, or at the end of the section, one instruction on is known; before it is one back.
        isDead =
          target[i] !== NO_TARGET && target[i]! > i + 1 && target[i]! < count && dead[target[i]! - 1] === 1;
        break;
      case Flow.callRel:
      case Flow.indirectCall:
      case Flow.ret:
        isDead = isTrusted;
        break;
      case Flow.stop:
        isDead = true;
        break;
      default:
        isDead = false;
    }
  }
}
