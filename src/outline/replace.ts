/** Puts calls and jumps in the place of sequences that are shared. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Code, Fields } from '../shrink/code.ts';
import { NO_TARGET } from '../shrink/code.ts';
import { Flow } from '../x86/decode.ts';
import { R_X86_64_PLT32 } from '../x86/relocations.ts';
import { FIELD_SIZE, firstFieldOf, OutlinedFunctions } from './functions.ts';
import { BRANCH_SIZE, Sharing } from './repeats.ts';
import type { RewrittenSections } from './sections.ts';
import { NONE, type SharedSequences } from './share.ts';
import type { Tokens } from './tokens.ts';

const CALL = Uint8Array.of(0xe8, 0, 0, 0, 0); // CALL rel32
const JUMP = Uint8Array.of(0xe9, 0, 0, 0, 0); // JMP rel32

/** Where what is shared lies. */
interface Places {
  /** By sequence: the first instruction of the one that stays, or `NONE` if none does. */
  readonly kept: Int32Array;
  /** By instruction: the sequence that is replaced there, or `NONE`. */
  readonly replaced: Int32Array;
  /** By instruction: the sequence that a function is made of there, or `NONE`. */
  readonly written: Int32Array;
  /** By sequence: a reference and an addend that lead to what is shared. */
  readonly symbol: Int32Array;
  readonly addend: Int32Array;
}

/**
 * Rewrites every section in which a sequence is replaced, and writes each function from the first place of its sequence.
 * @returns the functions
 */
export function replaceShared(
  program: Program,
  pieces: Pieces,
  tokens: Tokens,
  shared: SharedSequences,
  sections: RewrittenSections,
): OutlinedFunctions {
  const functions = new OutlinedFunctions(shared);
  const { replaced, written, kept, symbol, addend } = findPlaces(program, pieces, tokens, shared, functions);
  for (let s = 0; s < tokens.sections.length; s++) {
    const first = tokens.firstOf.values[s]!;
    const end = tokens.firstOf.values[s + 1]!;
    const id = tokens.sections.values[s]!;
    if (replaced.subarray(first, end).every((n) => n === NONE) || !sections.read(id)) continue;
    const { code, fields } = sections;
    for (let i = first; i < end; i++) {
      const n = written[i]!;
      if (n !== NONE) functions.write(n, code, fields, i - first, symbol[n]!);
    }
    const { count } = fields;
    for (let i = first; i < end; i++) {
      const n = replaced[i]!;
      if (n === NONE) continue;
      const isCall = shared.sharing.values[n] === Sharing.call;
      const isOwn = kept[n]! >= first && kept[n]! < end;
      const target = isOwn ? kept[n]! - first : NO_TARGET;
      replace(code, fields, count, i - first, shared.count.values[n]!, isCall, target);
      if (isOwn) continue;
      fields.add(0, R_X86_64_PLT32, symbol[n]!, addend[n]!);
      fields.insn[fields.count - 1] = i - first;
      fields.within[fields.count - 1] = 1;
    }
    dropFilling(code);
    sections.commit(id);
  }
  return functions;
}

function findPlaces(
  program: Program,
  pieces: Pieces,
  tokens: Tokens,
  { length, sharing, count, firstPlace, places }: SharedSequences,
  functions: OutlinedFunctions,
): Places {
  const replaced = new Int32Array(tokens.count).fill(NONE);
  const written = new Int32Array(tokens.count).fill(NONE);
  const kept = new Int32Array(length).fill(NONE);
  const symbol = new Int32Array(length);
  const addend = new Int32Array(length);
  const symbols = new SectionSymbols(program);
  for (let n = 0; n < length; n++) {
    const isCall = sharing.values[n] === Sharing.call;
    const first = places.values[firstPlace.values[n]!]!;
    const id = isCall ? program.made['.text.outlined'] : tokens.sectionOf(first);
    // References speak of the input. What was dropped there may leave no offset that means just this.
    const offset = isCall ? functions.offset[n]! : pieces.inputOffset(id, tokens.at.values[first]!);
    if (!isCall && pieces.resolve(id, offset) !== tokens.at.values[first]) continue;
    if (isCall) written[first] = n;
    else kept[n] = first;
    symbol[n] = symbols.of(id);
    addend[n] = offset - FIELD_SIZE;
    // The first of those that end functions stays.
    for (let p = firstPlace.values[n]! + (isCall ? 0 : 1); p < firstPlace.values[n + 1]!; p++) {
      const place = places.values[p]!;
      // Sequences that it holds were replaced before.
      replaced.fill(NONE, place, place + count.values[n]!);
      replaced[place] = n;
    }
  }
  return { replaced, written, kept, symbol, addend };
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
