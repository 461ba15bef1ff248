/**
 * Tables that switches jump through, made narrower: entries of eight bytes with addresses of labels, or of four with
 * distances from the table, become distances of one or two bytes from the label that comes first.
 *
 * A table may change if nothing refers to it but the jump, and nothing refers to anything else in its section: of an
 * address between two things there, nobody could say to which of them it belongs, since `array[i - 5]` is one as well.
 * Where it begins, that says; where it ends, the next place that something refers to, or the last of the entries that
 * follow each other. Of tables that lie side by side this alone is no proof: `table - 8(,%rax,8)` leads to the last entry
 * of the one before, so that the beginning of one and the end of another would be wrong by an entry. There the comparison
 * in front of the jump has to speak of as many.
 */
import { SHF_EXECINSTR, SHF_MERGE, SHT_PROGBITS } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import type { SectionTable } from '../elf/sections.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { Liveness, Synthesis } from '../results.ts';
import { R_X86_64_64, R_X86_64_PC32, sectionAddend } from '../x86/relocations.ts';
import { type NarrowedTable, narrowTables } from './narrowTables.ts';

/** A table as the input has it. */
export interface SwitchTable {
  /** Section that holds it, and offset there. */
  readonly section: number;
  readonly start: number;
  /** Bytes of an entry, 4 or 8. */
  readonly width: number;
  /** By entry: the label, as a symbol and what is added to its value. */
  readonly symbols: readonly number[];
  readonly addends: readonly number[];
}

export class SwitchTables {
  readonly #program: Program;
  readonly #pieces: Pieces;
  /** By section with addresses of code: the places in it that something refers to, ascending, each as often as it is. */
  readonly #places: ReadonlyMap<number, Int32Array>;
  readonly #narrowed = new Map<number, readonly NarrowedTable[]>();
  readonly #target = new Target();

  constructor(program: Program, liveness: Liveness, pieces: Pieces) {
    this.#program = program;
    this.#pieces = pieces;
    this.#places = program.relocations.hasWideAddends ? new Map() : findPlaces(program, liveness, pieces);
  }

  /**
   * The table of labels in `code` that begins at an offset of a section.
   * @param width bytes of an entry: 8 for addresses, 4 for distances
   * @param expected how many entries code seems to count on, or -1
   */
  find(
    section: number,
    start: number,
    width: number,
    code: number,
    expected: number,
  ): SwitchTable | undefined {
    const places = this.#places.get(section);
    if (!places) return undefined;
    const { sections, relocations } = this.#program;
    const firstRow = sections.firstRelocation[section]!;
    const endRow = firstRow + sections.relocationCount[section]!;
    let row = firstRow;
    while (row < endRow && relocations.offset[row]! < start) row++;
    const symbols: number[] = [];
    const addends: number[] = [];
    const limit = this.#endOf(places, start);
    for (let at = start; row < endRow && at + width <= limit; row++, at += width) {
      if (relocations.offset[row] !== at || !this.#isLabel(row, width, code)) break;
      // Tables of distances have their bounds already.
      if (width === 4 && this.#pieces.distanceInTable(section, at) !== at - start) break;
      symbols.push(relocations.symbol[row]!);
      addends.push(relocations.addend[row]! - (width === 4 ? at - start : 0));
    }
    const count = symbols.length;
    const before = row - count - 1;
    const follows = before >= firstRow && relocations.offset[before] === start - width;
    const end = start + width * count;
    const leads = row < endRow && relocations.offset[row] === end;
    const isDoubtful =
      width === 8
        ? (follows || leads) && count !== expected
        : this.#pieces.distanceInTable(section, end) === end - start;
    if (count === 0 || isDoubtful) return undefined;
    return { section, start, width, symbols, addends };
  }

  /** Where the next place behind a start is that something refers to; the start itself if there is more than one reference. */
  #endOf(places: Int32Array, start: number): number {
    const at = places.indexOf(start);
    if (at < 0 || places[at + 1] === start) return start;
    return places[at + 1] ?? Number.POSITIVE_INFINITY;
  }

  #isLabel(row: number, width: number, code: number): boolean {
    const { relocations } = this.#program;
    if (relocations.type[row] !== (width === 8 ? R_X86_64_64 : R_X86_64_PC32)) return false;
    locate(this.#program, relocations.symbol[row]!, this.#target);
    return this.#target.section === code;
  }

  /** How many references there are to a section that may hold tables. */
  countPlaces(section: number): number {
    return this.#places.get(section)?.length ?? 0;
  }

  /** Has tables made narrower, which are all that something refers to in a section. */
  narrow(section: number, tables: readonly NarrowedTable[]): void {
    this.#narrowed.set(section, tables);
  }

  /** Writes the sections anew whose tables have become narrower. */
  commit(synthesis: Synthesis): void {
    for (const [id, tables] of this.#narrowed)
      narrowTables(this.#program, this.#pieces, synthesis, id, tables);
  }
}

/** By section of constants with addresses of code: the places in it that something refers to, in order. */
function findPlaces(
  { sections, relocations, symbols, locals }: Program,
  { reached }: Liveness,
  pieces: Pieces,
): ReadonlyMap<number, Int32Array> {
  const found = new Map<number, number[]>();
  const sectionOf = (reference: number) =>
    reference < 0 ? locals.section[~reference]! : symbols.section[reference]!;
  const eachRow = (visit: (id: number, row: number, section: number) => void) => {
    for (const id of reached) {
      const first = sections.firstRelocation[id]!;
      for (let row = first; row < first + sections.relocationCount[id]!; row++) {
        const section = sectionOf(relocations.symbol[row]!);
        if (section >= 0) visit(id, row, section);
      }
    }
  };
  eachRow((id, _, section) => {
    const isToCode = (sections.flags[section]! & SHF_EXECINSTR) !== 0;
    if (isToCode && !found.has(id) && isHolder(sections, pieces, id)) found.set(id, []);
  });
  for (const id of found.keys()) if (!isAscending(sections, relocations.offset, id)) found.delete(id);
  if (found.size === 0) return new Map();
  eachRow((id, row, section) => {
    const places = found.get(section);
    if (!places) return;
    const reference = relocations.symbol[row]!;
    const low = reference < 0 ? locals.valueLow[~reference]! : symbols.valueLow[reference]!;
    const isFromCode = (sections.flags[id]! & SHF_EXECINSTR) !== 0;
    places.push(low + sectionAddend(relocations, row, isFromCode));
  });
  return new Map([...found].map(([id, places]) => [id, Int32Array.from(places).sort()]));
}

/** Whether the relocations of a section are in order, as compilers have them. */
function isAscending(
  { firstRelocation, relocationCount }: SectionTable,
  offset: Uint32Array,
  id: number,
): boolean {
  const first = firstRelocation[id]!;
  for (let row = first + 1; row < first + relocationCount[id]!; row++) {
    if (offset[row - 1]! > offset[row]!) return false;
  }
  return true;
}

/** Whether a section can hold tables and stays where it is. */
function isHolder({ flags, type, traits }: SectionTable, { home }: Pieces, id: number): boolean {
  const isPlain = (flags[id]! & (SHF_EXECINSTR | SHF_MERGE)) === 0 && type[id] === SHT_PROGBITS;
  return isPlain && (traits[id]! & Trait.unwind) === 0 && home[id] === id;
}
