/**
 * Stubs end by clearing the registers that they have used, from their label `clear` on, and a jump to the program. What
 * the program does not read before it writes it need not be cleared.
 */
import { present } from '../invariant.ts';
import { createInstruction, decode, Flow } from '../x86/decode.ts';
import { registerEffectOf, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';

/** Label of the first instruction that clears. */
export const CLEAR = 'clear';

/** Offsets of the instructions that clear, and of the jump behind them. */
interface Clears {
  readonly starts: readonly number[];
  readonly jump: number;
}

/** @param start offset of the first of them in the code of a stub */
export function clearsAt(code: Uint8Array, start: number): Clears {
  const insn = createInstruction();
  const starts: number[] = [];
  for (let at = start; decode(code, at, code.length, insn) > 0; at += insn.length) {
    if (insn.flow === Flow.jmpRel) return { starts, jump: at };
    starts.push(at);
  }
  return present<Clears>(undefined, 'a stub ends with a jump');
}

/**
 * The end of a stub's code, from its first clear on, with as few of them as do. One that clears several registers counts
 * where all of these have to be cleared, and comes first.
 * @param needed a bit for each general register
 */
export function neededClears(code: Uint8Array, start: number, needed: number): Uint8Array {
  const insn = createInstruction();
  const { starts, jump } = clearsAt(code, start);
  const kept: number[] = [];
  let open = needed;
  for (const at of starts) {
    decode(code, at, code.length, insn);
    const cleared = registerEffectOf(code, at, insn) >>> WRITTEN_REGISTERS_SHIFT;
    if ((cleared & ~open) !== 0) continue;
    open &= ~cleared;
    kept.push(...code.subarray(at, at + insn.length));
  }
  return Uint8Array.from([...kept, ...code.subarray(jump)]);
}
