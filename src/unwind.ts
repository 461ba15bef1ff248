/**
 * The unwind tables of a link: the records of all `.eh_frame` sections, findable by the function they describe,
 * so that they live and die with it.
 */
import { FDE_PC_BEGIN, parseEhFrame, UnwindRecords } from './elf/ehFrame.ts';
import { NameTable } from './elf/names.ts';
import { copyInto } from './elf/sections.ts';
import { locate, type Program, Target } from './program.ts';

/** An `.eh_frame` section: its records, from the first one to one behind the last. */
export interface UnwindSection {
  readonly id: number;
  readonly first: number;
  readonly end: number;
}

const NONE = -1;

export class UnwindTables {
  readonly records = new UnwindRecords();
  readonly sections: UnwindSection[] = [];
  /** For each record: rows of its relocations, which ascend by offset. */
  firstRow: Uint32Array = new Uint32Array(0);
  endRow: Uint32Array = new Uint32Array(0);
  /** For each record a number that others have if they are equal from their CIE pointer on, but for relocations. */
  content: Int32Array = new Int32Array(0);
  /** 1 for each record that is part of the program. */
  live: Uint8Array = new Uint8Array(0);
  /** The first and the last FDE of the code in each section, and for each FDE the next one. */
  readonly #firstOf: Int32Array;
  readonly #lastOf: Int32Array;
  #next: Int32Array = new Int32Array(0);
  readonly #contents = new NameTable();
  readonly #program: Program;
  readonly #target = new Target();

  constructor(program: Program) {
    const { count } = program.sections;
    this.#program = program;
    this.#firstOf = new Int32Array(count).fill(NONE);
    this.#lastOf = new Int32Array(count).fill(NONE);
  }

  /**
   * Reads one `.eh_frame` section and notes which function section each FDE describes.
   * @throws FormatError if it is malformed
   */
  add(id: number): void {
    const program = this.#program;
    const { records } = this;
    const bytes = program.borrowBytes(id);
    const first = records.count;
    try {
      parseEhFrame(bytes, program.sections.offset[id]!, records);
    } catch (error) {
      records.count = first;
      throw error;
    }
    this.#grow(records.count);
    for (let record = first; record < records.count; record++) {
      const start = records.offset[record]! + CONTENT;
      this.content[record] = this.#contents.intern(bytes, start, records.size[record]! - CONTENT);
    }
    this.#findRows(id, first);
    for (let record = first; record < records.count; record++) this.#noteFunction(record);
    this.sections.push({ id, first, end: records.count });
  }

  /** The first FDE that describes code of a section, or -1. */
  firstOf(section: number): number {
    return this.#firstOf[section]!;
  }

  /** The next FDE that describes code of the same section, or -1. */
  nextOf(record: number): number {
    return this.#next[record]!;
  }

  /** The section that the code lies in which an FDE describes, or -1 if no relocation says so. */
  functionOf(record: number): number {
    const row = this.firstRow[record]!;
    const { relocations } = this.#program;
    const { offset, cie } = this.records;
    const isFunction = cie[record]! >= 0 && row < this.endRow[record]!;
    if (!isFunction || relocations.offset[row] !== offset[record]! + FDE_PC_BEGIN) return -1;
    locate(this.#program, relocations.symbol[row]!, this.#target);
    return this.#target.section;
  }

  /** The section that a record lies in. */
  sectionOf(record: number): UnwindSection {
    const { sections } = this;
    let low = 0;
    for (let high = sections.length - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if (sections[middle]!.first <= record) low = middle;
      else high = middle - 1;
    }
    return sections[low]!;
  }

  #noteFunction(record: number): void {
    this.#next[record] = NONE;
    const section = this.functionOf(record);
    if (section < 0) return;
    const last = this.#lastOf[section]!;
    if (last === NONE) this.#firstOf[section] = record;
    else this.#next[last] = record;
    this.#lastOf[section] = record;
  }

  /** Finds the relocations of each record of a section. */
  #findRows(id: number, first: number): void {
    const { sections, relocations } = this.#program;
    const { offset, size, count } = this.records;
    let row = sections.firstRelocation[id]!;
    const end = row + sections.relocationCount[id]!;
    relocations.sortByOffset(row, end - row);
    for (let record = first; record < count; record++) {
      const start = offset[record]!;
      while (row < end && relocations.offset[row]! < start) row++;
      this.firstRow[record] = row;
      while (row < end && relocations.offset[row]! < start + size[record]!) row++;
      this.endRow[record] = row;
    }
  }

  #grow(rows: number): void {
    if (rows <= this.live.length) return;
    const length = Math.max(rows, this.live.length * 2);
    this.firstRow = copyInto(new Uint32Array(length), this.firstRow);
    this.endRow = copyInto(new Uint32Array(length), this.endRow);
    this.content = copyInto(new Int32Array(length), this.content);
    this.live = copyInto(new Uint8Array(length), this.live);
    this.#next = copyInto(new Int32Array(length), this.#next);
  }
}

/** Offset in a record behind its length and the field that names its CIE. */
const CONTENT = 8;
