/** Puts calls in the place of sequences that have become functions. */
import type { Code, Fields } from '../shrink/code.ts';
import { NO_TARGET } from '../shrink/code.ts';
import { Flow } from '../x86/decode.ts';
import { R_X86_64_PLT32 } from '../x86/relocations.ts';
import type { Choice } from './choose.ts';
import { firstFieldOf, type OutlinedFunctions } from './functions.ts';
import type { Repeats } from './repeats.ts';
import type { RewrittenSections } from './sections.ts';
import type { Tokens } from './tokens.ts';

const CALL_SIZE = 5;
const CALL = new Uint8Array(CALL_SIZE);
CALL[0] = 0xe8; // CALL rel32
/** A distance counts from behind its field, a relocation from the field. */
const FIELD_SIZE = 4;

/**
 * Rewrites every section in which a sequence is replaced, and writes each function from the first place of its sequence.
 * @param symbol reference to the section of the functions
 */
export function replaceRepeats(
  tokens: Tokens,
  repeats: Repeats,
  choice: Choice,
  functions: OutlinedFunctions,
  sections: RewrittenSections,
  symbol: number,
): void {
  const chosenAt = placesOf(choice, tokens.number.length);
  const isWritten = new Uint8Array(choice.repeats.length);
  for (let s = 0; s < tokens.sections.length; s++) {
    const first = tokens.firstOf.values[s]!;
    const chosen = chosenAt.subarray(first, tokens.firstOf.values[s + 1]!);
    const id = tokens.sections.values[s]!;
    if (chosen.every((n) => n < 0) || !sections.read(id)) continue;
    const { code, fields } = sections;
    const { count } = fields;
    for (let i = 0; i < chosen.length; i++) {
      const n = chosen[i]!;
      if (n < 0) continue;
      const length = repeats.count.values[choice.repeats[n]!]!;
      if (isWritten[n] === 0) functions.write(n, code, fields, count, i, length);
      isWritten[n] = 1;
      replace(code, fields, count, i, length);
      fields.add(0, R_X86_64_PLT32, symbol, functions.offset[n]! - FIELD_SIZE);
      fields.insn[fields.count - 1] = i;
      fields.within[fields.count - 1] = 1;
    }
    dropFilling(code);
    sections.commit(id);
  }
}

/** By instruction: the number of the chosen sequence that begins there, or -1. */
function placesOf({ repeats, firstPlace, places }: Choice, instructions: number): Int32Array {
  const chosenAt = new Int32Array(instructions).fill(-1);
  for (let n = 0; n < repeats.length; n++) {
    for (let p = firstPlace[n]!; p < firstPlace[n + 1]!; p++) chosenAt[places[p]!] = n;
  }
  return chosenAt;
}

/** Makes a call of some instructions. @param count fields that are in order */
function replace(code: Code, fields: Fields, count: number, start: number, length: number): void {
  const end = start + length;
  for (let i = start; i < end; i++) code.newLength[i] = 0;
  for (let f = firstFieldOf(fields, start, count); f < count && fields.insn[f]! < end; f++)
    fields.gone[f] = 1;
  code.replace(start, CALL, CALL_SIZE);
  code.flow[start] = Flow.callRel;
  code.target[start] = NO_TARGET;
}

const NOP = 0x90;

/** Drops what `shrinkCode` has put between functions for the sake of even addresses: they are aligned anew. */
function dropFilling({ count, bytes, at, length, newLength }: Code): void {
  for (let i = 0; i < count; i++) if (length[i] === 1 && bytes[at[i]!] === NOP) newLength[i] = 0;
}
