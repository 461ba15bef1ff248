/** Copies FDEs to where they are going to lie: they follow code that has been rewritten, and lose what only fills them. */
import { type FdeForm, programOf, readAdvances, readFdeForm, writeShortFde } from './elf/cfi.ts';
import { CodeOffsets } from './elf/codeOffsets.ts';
import { copyInto } from './elf/sections.ts';
import type { Pieces } from './pieces.ts';
import { locate, type Program, Target } from './program.ts';
import type { UnwindTables } from './unwind.ts';

export class UnwindCopier {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #tables: UnwindTables;
  /** How the FDEs of each CIE are laid out, by number of its record. */
  readonly #forms = new Map<number, FdeForm | string>();
  readonly #places = new CodeOffsets();
  readonly #target = new Target();
  /** The copy that was made last. */
  bytes: Uint8Array = new Uint8Array(256);

  constructor(program: Program, pieces: Pieces, tables: UnwindTables) {
    this.#program = program;
    this.#pieces = pieces;
    this.#tables = tables;
  }

  /**
   * Makes a copy of an FDE in `bytes`. Its relocations are as far from its start as they were.
   * @param source bytes of the section that it comes from
   * @returns bytes of the copy; 0 if the code that it describes has none
   */
  copy(record: number, source: Uint8Array): number {
    const { offset, size } = this.#tables.records;
    const at = offset[record]!;
    const end = at + size[record]!;
    if (this.bytes.length < size[record]!) this.bytes = new Uint8Array(2 * size[record]!);
    const form = this.#formOf(record, source);
    const isUnderstood =
      typeof form !== 'string' &&
      readAdvances(source, at, end, form, this.#places) === undefined &&
      this.#isPlain(record, programOf(source, at, end, form));
    if (isUnderstood) return writeShortFde(source, at, end, form, this.#mapOf(record), this.bytes);
    copyInto(this.bytes, source.subarray(at, end));
    return size[record]!;
  }

  #formOf(record: number, source: Uint8Array): FdeForm | string {
    const { records } = this.#tables;
    const cie = records.cie[record]!;
    const known = this.#forms.get(cie);
    if (known !== undefined) return known;
    const form = readFdeForm(source, records.offset[cie]!, records.offset[cie]! + records.size[cie]!);
    this.#forms.set(cie, form);
    return form;
  }

  /** Whether no relocation lies in the part of a record that is written anew. */
  #isPlain(record: number, program: number): boolean {
    const { firstRow, endRow } = this.#tables;
    const last = endRow[record]! - 1;
    return last < firstRow[record]! || this.#program.relocations.offset[last]! < program;
  }

  /** Where the code of the function that a record describes has gone. */
  #mapOf(record: number): (offset: number) => number {
    const section = this.#tables.functionOf(record);
    if (section < 0 || !this.#pieces.isRewritten(section)) return unchanged;
    const { relocations } = this.#program;
    const row = this.#tables.firstRow[record]!;
    locate(this.#program, relocations.symbol[row]!, this.#target);
    const start = this.#target.low + relocations.addend[row]!;
    return (offset) => this.#pieces.resolve(section, start + offset);
  }
}

function unchanged(offset: number): number {
  return offset;
}
