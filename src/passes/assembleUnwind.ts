/**
 * Puts the unwind tables of live functions together: one `.eh_frame` in which equal CIEs occur once and FDEs of
 * dropped or folded functions do not, ended by the one terminator that unwinders look for. Afterwards the size of
 * `.eh_frame` and of its index `.eh_frame_hdr` is known, and where each record lies.
 *
 * FDEs follow code that `shrinkCode` has rewritten, and lose the filling at their ends. Those of code of which nothing is
 * left are dropped.
 *
 * CIEs may be shared when their bytes are equal and they refer to the same personality routine: an FDE names its
 * CIE by distance, which is rewritten, and reads nothing else of it that could differ.
 */
import { readCie } from '../elf/cie.ts';
import type { LinkOptions } from '../options.ts';
import { isPlainCie, PLAIN_CIE, PLAIN_FDE_SIZE } from '../outline/unwind.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { Liveness, OutlinedUnwind, UnwindPlan } from '../results.ts';
import type { UnwindTables } from '../unwind.ts';
import { UnwindCopier } from '../unwindRecords.ts';

const TERMINATOR_SIZE = 4;
const HDR_HEADER_SIZE = 12;
const HDR_ENTRY_SIZE = 8;

/** @returns undefined where the program has no unwind tables */
export function assembleUnwind(
  program: Program,
  { unwind }: Liveness,
  pieces: Pieces,
  options: LinkOptions,
): UnwindPlan | undefined {
  if (!unwind) return undefined;
  const assembler = new Assembler(program, unwind, pieces);
  for (const { id, first, end } of unwind.sections) assembler.addSection(id, first, end);
  const { made, sections } = program;
  const outlined = pieces.home[made['.text.outlined']]! >= 0 ? assembler.addOutlined() : undefined;
  const { size, functions, offset, sizes, cieOffset, copier } = assembler;
  const home = made['.eh_frame'];
  pieces.place(home, size + TERMINATOR_SIZE, sections.addralign[home]!);
  if (options.ehFrameHdr && functions > 0) {
    const bytes = HDR_HEADER_SIZE + functions * HDR_ENTRY_SIZE;
    pieces.place(made['.eh_frame_hdr'], bytes, sections.addralign[made['.eh_frame_hdr']]!);
  }
  return { tables: unwind, offset, size: sizes, copier, cieOffset, functions, outlined };
}

class Assembler {
  /** Number of FDEs so far, and bytes. */
  functions = 0;
  size = 0;
  readonly offset: Int32Array;
  readonly sizes: Int32Array;
  readonly copier: UnwindCopier;
  readonly cieOffset: Int32Array;
  readonly #program: Program;
  readonly #unwind: UnwindTables;
  readonly #pieces: Pieces;
  /** The first of each kind of CIE, by content and references. */
  readonly #cies = new Map<string, number>();
  readonly #target = new Target();

  constructor(program: Program, unwind: UnwindTables, pieces: Pieces) {
    this.#program = program;
    this.#unwind = unwind;
    this.#pieces = pieces;
    this.copier = new UnwindCopier(program, pieces, unwind);
    this.offset = new Int32Array(unwind.records.count).fill(-1);
    this.sizes = new Int32Array(unwind.records.count);
    this.cieOffset = new Int32Array(unwind.records.count).fill(-1);
  }

  /** Takes over the live records of one section and records where they went. */
  addSection(id: number, first: number, end: number): void {
    const { live, records } = this.#unwind;
    const bytes = this.#program.borrowBytes(id);
    for (let record = first; record < end; record++) {
      if (live[record] !== 1) continue;
      if (records.cie[record]! < 0) this.#addCie(record);
      else if (this.#describesPlacedCode(record)) this.#addFde(record, bytes);
    }
    this.#pieces.moveInto(id, this.#program.made['.eh_frame'], {
      starts: records.offset.subarray(first, end),
      offsets: this.offset.subarray(first, end),
    });
  }

  #addFde(record: number, bytes: Uint8Array): void {
    const size = this.copier.copy(record, bytes);
    if (size === 0) return;
    this.offset[record] = this.size;
    this.sizes[record] = size;
    this.size += size;
    this.functions++;
  }

  #addCie(record: number): void {
    const { content, records } = this.#unwind;
    const key = `${content[record]} ${this.#references(record)}`;
    const known = this.#cies.get(key);
    this.cieOffset[record] = known ?? this.size;
    if (known !== undefined) return;
    this.#cies.set(key, this.size);
    this.offset[record] = this.size;
    this.sizes[record] = records.size[record]!;
    this.size += records.size[record]!;
  }

  /** Adds an FDE for the functions of `outlineCode`, and a CIE if there is none that fits. */
  addOutlined(): OutlinedUnwind {
    const known = this.#findPlainCie();
    const cieOffset = known ?? this.size;
    if (known === undefined) this.size += PLAIN_CIE.length;
    const offset = this.size;
    this.size += PLAIN_FDE_SIZE;
    this.functions++;
    return { offset, cieOffset };
  }

  #findPlainCie(): number | undefined {
    const { sections, records } = this.#unwind;
    for (const { id, first, end } of sections) {
      const bytes = this.#program.borrowBytes(id);
      for (let record = first; record < end; record++) {
        if (this.cieOffset[record]! >= 0 && isPlainCie(readCie(bytes, records.offset[record]!)))
          return this.cieOffset[record]!;
      }
    }
    return undefined;
  }

  /** Whether the code that an FDE describes is still its own: folded functions are described by their twin's. */
  #describesPlacedCode(record: number): boolean {
    const section = this.#unwind.functionOf(record);
    return section >= 0 && this.#pieces.home[section] === section;
  }

  /** What a record's relocations lead to, as text that is equal for equal references. */
  #references(record: number): string {
    const { records, firstRow, endRow } = this.#unwind;
    const { relocations } = this.#program;
    const parts: string[] = [];
    for (let row = firstRow[record]!; row < endRow[record]!; row++) {
      locate(this.#program, relocations.symbol[row]!, this.#target);
      const { section: place, low, symbol } = this.#target;
      const offset = relocations.offset[row]! - records.offset[record]!;
      const where = place >= 0 ? `${place}+${low}` : `symbol ${symbol}`;
      parts.push(`${offset}:${relocations.type[row]}:${where}+${relocations.addend[row]}`);
    }
    return parts.join(' ');
  }
}
