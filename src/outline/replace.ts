/** Puts calls and jumps in the place of sequences that are shared. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Code, Fields } from '../shrink/code.ts';
import { NO_TARGET } from '../shrink/code.ts';
import { Flow } from '../x86/decode.ts';
import { R_X86_64_PLT32 } from '../x86/relocations.ts';
import type { Choice } from './choose.ts';
import { firstFieldOf, type OutlinedFunctions } from './functions.ts';
import { type Repeats, Sharing } from './repeats.ts';
import type { RewrittenSections } from './sections.ts';
import type { Tokens } from './tokens.ts';

const BRANCH_SIZE = 5;
const CALL = Uint8Array.of(0xe8, 0, 0, 0, 0); // CALL rel32
const JUMP = Uint8Array.of(0xe9, 0, 0, 0, 0); // JMP rel32
/** A distance counts from behind its field, a relocation from the field. */
const FIELD_SIZE = 4;

const NONE = -1;

/** An end of a function that others jump to: its section, and its offset in that as the input has it. */
export interface SharedEnd {
  readonly section: number;
  readonly offset: number;
}

/** What is shared, and where it lies: by number of the chosen sequence. */
interface Places {
  /** The first instruction of the one that stays, or -1 if none does. */
  readonly kept: Int32Array;
  /** By instruction: the sequence that is replaced there, or -1. */
  readonly replaced: Int32Array;
  /** A reference and an addend that lead to what is shared. */
  readonly symbol: Int32Array;
  readonly addend: Int32Array;
}

/**
 * Rewrites every section in which a sequence is replaced, and writes each function from the first place of its sequence.
 * @returns the ends that others jump to now
 */
export function replaceRepeats(
  program: Program,
  pieces: Pieces,
  tokens: Tokens,
  repeats: Repeats,
  choice: Choice,
  functions: OutlinedFunctions,
  sections: RewrittenSections,
): SharedEnd[] {
  const { replaced, kept, symbol, addend } = findPlaces(program, pieces, tokens, repeats, choice, functions);
  const isWritten = new Uint8Array(choice.repeats.length);
  for (let s = 0; s < tokens.sections.length; s++) {
    const first = tokens.firstOf.values[s]!;
    const chosen = replaced.subarray(first, tokens.firstOf.values[s + 1]!);
    const id = tokens.sections.values[s]!;
    if (chosen.every((n) => n === NONE) || !sections.read(id)) continue;
    const { code, fields } = sections;
    const { count } = fields;
    for (let i = 0; i < chosen.length; i++) {
      const n = chosen[i]!;
      if (n === NONE) continue;
      const repeat = choice.repeats[n]!;
      const length = repeats.count.values[repeat]!;
      const isCall = repeats.sharing.values[repeat] === Sharing.call;
      if (isCall && isWritten[n] === 0) functions.write(n, code, fields, count, i, length);
      isWritten[n] = 1;
      const target = kept[n]! - first;
      const isOwn = kept[n]! >= first && target < chosen.length;
      replace(code, fields, count, i, length, isCall, isOwn ? target : NO_TARGET);
      if (isOwn) continue;
      fields.add(0, R_X86_64_PLT32, symbol[n]!, addend[n]!);
      fields.insn[fields.count - 1] = i;
      fields.within[fields.count - 1] = 1;
    }
    dropFilling(code);
    sections.commit(id);
  }
  return Array.from(kept)
    .map((first, n) => ({ first, offset: addend[n]! + FIELD_SIZE }))
    .filter(({ first }) => first >= 0)
    .map(({ first, offset }) => ({ section: tokens.sectionOf(first), offset }));
}

function findPlaces(
  program: Program,
  pieces: Pieces,
  tokens: Tokens,
  repeats: Repeats,
  { repeats: chosen, firstPlace, places }: Choice,
  functions: OutlinedFunctions,
): Places {
  const replaced = new Int32Array(tokens.count).fill(NONE);
  const kept = new Int32Array(chosen.length).fill(NONE);
  const symbol = new Int32Array(chosen.length);
  const addend = new Int32Array(chosen.length);
  const symbols = new SectionSymbols(program);
  for (let n = 0; n < chosen.length; n++) {
    const isCall = repeats.sharing.values[chosen[n]!] === Sharing.call;
    const first = places[firstPlace[n]!]!;
    const id = isCall ? program.made['.text.outlined'] : tokens.sectionOf(first);
    // References speak of the input. What was dropped there may leave no offset that means just this.
    const offset = isCall ? functions.offset[n]! : pieces.inputOffset(id, tokens.at.values[first]!);
    if (!isCall && pieces.resolve(id, offset) !== tokens.at.values[first]) continue;
    if (!isCall) kept[n] = first;
    symbol[n] = symbols.of(id);
    addend[n] = offset - FIELD_SIZE;
    // The first of those that end functions stays.
    for (let p = firstPlace[n]! + (isCall ? 0 : 1); p < firstPlace[n + 1]!; p++) replaced[places[p]!] = n;
  }
  return { replaced, kept, symbol, addend };
}

/** References to the starts of sections. */
class SectionSymbols {
  readonly #program: Program;
  readonly #known = new Map<number, number>();

  constructor(program: Program) {
    this.#program = program;
  }

  of(section: number): number {
    let symbol = this.#known.get(section);
    if (symbol === undefined) {
      symbol = ~this.#program.locals.addSection(section);
      this.#known.set(section, symbol);
    }
    return symbol;
  }
}

/**
 * Makes a call or a jump of some instructions.
 * @param count fields that are in order
 * @param target the instruction of the section that it leads to, or `NO_TARGET`
 */
function replace(
  code: Code,
  fields: Fields,
  count: number,
  start: number,
  length: number,
  isCall: boolean,
  target: number,
): void {
  const end = start + length;
  for (let i = start; i < end; i++) code.newLength[i] = 0;
  for (let f = firstFieldOf(fields, start, count); f < count && fields.insn[f]! < end; f++)
    fields.gone[f] = 1;
  code.replace(start, isCall ? CALL : JUMP, BRANCH_SIZE);
  code.flow[start] = isCall ? Flow.callRel : Flow.jmpRel;
  code.target[start] = target;
}

const NOP = 0x90;

/** Drops what `shrinkCode` has put between functions for the sake of even addresses: they are aligned anew. */
function dropFilling({ count, bytes, at, length, newLength }: Code): void {
  for (let i = 0; i < count; i++) if (length[i] === 1 && bytes[at[i]!] === NOP) newLength[i] = 0;
}
