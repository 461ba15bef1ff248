/** Sections that `shrinkCode` has rewritten, read once more to be put together in another way. */
import { FrameStates } from '../elf/frameStates.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { Liveness, Synthesis } from '../results.ts';
import { placeInstructions } from '../shrink/assemble.ts';
import { Code, Fields, Mark } from '../shrink/code.ts';
import { commitSection } from '../shrink/commit.ts';
import { FunctionTables } from '../shrink/functionTables.ts';
import { SectionReader } from '../shrink/readSection.ts';
import { type CodeEntries, Entry } from '../shrink/references.ts';

export class RewrittenSections {
  /** The instructions and relocations of the section that was read last. */
  readonly code = new Code();
  readonly fields = new Fields();
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #synthesis: Synthesis;
  readonly #entries: CodeEntries;
  readonly #reader: SectionReader;
  readonly #tables: FunctionTables | undefined;
  readonly #frameStates = new FrameStates();
  #states = new Int32Array(0);

  /**
   * For sections as they are now; each may be put together anew once.
   * @param entries by section of the input, with offsets there
   */
  constructor(
    program: Program,
    pieces: Pieces,
    synthesis: Synthesis,
    entries: CodeEntries,
    { unwind }: Liveness,
  ) {
    this.#program = program;
    this.#pieces = pieces;
    this.#synthesis = synthesis;
    this.#entries = entriesByHome(pieces, entries);
    this.#reader = new SectionReader(program, pieces, synthesis, this.code, this.fields, false);
    this.#tables = unwind && new FunctionTables(program, pieces, unwind);
  }

  /** Reads a section into `code` and `fields`. @returns whether it can be changed */
  read(id: number): boolean {
    if (this.#reader.read(id) || !this.#markEntries(id)) return false;
    return this.#tables === undefined || this.#tables.read(id, this.code);
  }

  /** What unwind tables say of each instruction that was read last; undefined if the program has none. */
  states(): Int32Array | undefined {
    if (!this.#tables) return undefined;
    if (this.#states.length < this.code.count) this.#states = new Int32Array(2 * this.code.count);
    this.#tables.readStates(this.code, this.#frameStates, this.#states);
    return this.#states;
  }

  /**
   * Puts the section together that was read last.
   * @returns whether that could be done
   */
  commit(id: number): boolean {
    const { code } = this;
    const size = placeInstructions(code);
    if (size < 0 || this.#tables?.keepLandingPads(code) === false) return false;
    this.#tables?.commit(code);
    commitSection(this.#program, this.#pieces, this.#synthesis, id, code, this.fields, size);
    return true;
  }

  #markEntries(id: number): boolean {
    const { first, offset, kind } = this.#entries;
    const { insnAt, marks, size } = this.code;
    const isEven = this.#pieces.alignment[id]! > 1;
    marks[0]! |= Mark.function;
    for (let n = first[id]!; n < first[id + 1]!; n++) {
      const bits = kind[n]!;
      // A function that is folded into this one, and that `shrinkCode` has left alone because of that.
      if ((bits & (Entry.data | Entry.unknown)) !== 0) return false;
      if ((bits & Entry.functionEnd) !== 0) this.code.endFunction(offset[n]!);
      // What does not lead here says nothing.
      if ((bits & (Entry.reached | Entry.function)) === 0) continue;
      const place = offset[n]!;
      const i = place < 0 || place > size ? -1 : insnAt[place]!;
      if (i < 0) return false;
      if ((bits & Entry.reached) !== 0) marks[i]! |= Mark.entry;
      if ((bits & (Entry.taken | Entry.called)) !== 0) marks[i]! |= Mark.start;
      if ((bits & Entry.function) !== 0) marks[i]! |= Mark.function;
      // The low bit of a function's address may serve as a flag, if it is 0.
      if ((bits & Entry.taken) !== 0 && isEven && place % 2 === 0) marks[i]! |= Mark.even;
    }
    // All that is left can be reached.
    for (let i = 0; i < this.code.count; i++) if ((marks[i]! & Mark.even) !== 0) marks[i]! |= Mark.live;
    return true;
  }
}

/** The same places by the sections that hold the bytes now, with offsets in those. */
function entriesByHome(pieces: Pieces, { first, offset, kind }: CodeEntries): CodeEntries {
  const { home } = pieces;
  const homeFirst = new Uint32Array(first.length);
  for (let id = 0; id < home.length; id++) {
    if (home[id]! >= 0) homeFirst[home[id]! + 1]! += first[id + 1]! - first[id]!;
  }
  for (let id = 0; id < home.length; id++) homeFirst[id + 1]! += homeFirst[id]!;
  const next = homeFirst.slice();
  const homeOffset = new Int32Array(offset.length);
  const homeKind = new Uint16Array(offset.length);
  for (let id = 0; id < home.length; id++) {
    if (home[id]! < 0) continue;
    for (let n = first[id]!; n < first[id + 1]!; n++) {
      const at = next[home[id]!]!++;
      homeOffset[at] = pieces.resolve(id, offset[n]!);
      homeKind[at] = kind[n]!;
    }
  }
  return { first: homeFirst, offset: homeOffset, kind: homeKind };
}
