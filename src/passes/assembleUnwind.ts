/**
 * Puts the unwind tables of live functions together: one `.eh_frame` in which equal CIEs occur once and FDEs of
 * dropped or folded functions do not, ended by the one terminator that unwinders look for. Afterwards the size of
 * `.eh_frame` and of its index `.eh_frame_hdr` is known.
 *
 * CIEs may be shared when their bytes are equal and they refer to the same personality routine: an FDE names its
 * CIE by distance, which is rewritten here, and reads nothing else of it that could differ.
 */
import { writeU32 } from '../elf/bytes.ts';
import type { LinkOptions } from '../options.ts';
import type { OffsetMap, Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { Liveness } from '../results.ts';
import type { UnwindTables } from '../unwind.ts';

const TERMINATOR_SIZE = 4;
/** Offset in an FDE of the field that names its CIE. */
const CIE_POINTER = 4;
const HDR_HEADER_SIZE = 12;
const HDR_ENTRY_SIZE = 8;

export function assembleUnwind(
  program: Program,
  { unwind }: Liveness,
  pieces: Pieces,
  options: LinkOptions,
): void {
  if (!unwind) return;
  const assembler = new Assembler(program, unwind, pieces);
  for (const section of unwind.frames.keys()) assembler.addSection(section);
  const bytes = assembler.finish();
  const { made, sections } = program;
  const home = made['.eh_frame'];
  pieces.place(home, bytes.length, sections.addralign[home]!);
  pieces.content.set(home, bytes);
  if (!options.ehFrameHdr || assembler.functions === 0) return;
  const size = HDR_HEADER_SIZE + assembler.functions * HDR_ENTRY_SIZE;
  pieces.place(made['.eh_frame_hdr'], size, sections.addralign[made['.eh_frame_hdr']]!);
}

class Assembler {
  /** Number of FDEs so far. */
  functions = 0;
  readonly #program: Program;
  readonly #unwind: UnwindTables;
  readonly #pieces: Pieces;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  /** New offset of each distinct CIE, by content and personality. */
  readonly #cies = new Map<string, number>();
  readonly #target = new Target();

  constructor(program: Program, unwind: UnwindTables, pieces: Pieces) {
    this.#program = program;
    this.#unwind = unwind;
    this.#pieces = pieces;
  }

  /** Takes over the live records of one section and records where they went. */
  addSection(section: number): void {
    const { frame } = this.#unwind.frames.get(section)!;
    const live = this.#unwind.live.get(section)!;
    const offsets = new Int32Array(frame.count).fill(-1);
    const cieOffset = new Map<number, number>();
    for (let index = 0; index < frame.count; index++) {
      if (live[index] !== 1) continue;
      const cie = frame.cie[index]!;
      if (cie < 0) {
        const known = this.#addCie(section, index);
        cieOffset.set(index, known.offset);
        offsets[index] = known.isNew ? known.offset : -1;
      } else if (this.#describesPlacedCode(section, index)) {
        offsets[index] = this.#addFde(section, index, cieOffset.get(cie)!);
      }
    }
    const map: OffsetMap = { starts: frame.offset, offsets };
    this.#pieces.moveInto(section, this.#program.made['.eh_frame'], map);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#size + TERMINATOR_SIZE);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #addCie(section: number, index: number): { offset: number; isNew: boolean } {
    const bytes = this.#recordBytes(section, index);
    const key = `${Array.from(bytes).join()} ${this.#references(section, index)}`;
    const known = this.#cies.get(key);
    if (known !== undefined) return { offset: known, isNew: false };
    const offset = this.#append(bytes);
    this.#cies.set(key, offset);
    return { offset, isNew: true };
  }

  #addFde(section: number, index: number, cie: number): number {
    const bytes = new Uint8Array(this.#recordBytes(section, index));
    const offset = this.#append(bytes);
    writeU32(bytes, CIE_POINTER, offset + CIE_POINTER - cie);
    this.functions++;
    return offset;
  }

  /** Whether the code that an FDE describes is still its own: folded functions are described by their twin's. */
  #describesPlacedCode(section: number, index: number): boolean {
    const { firstRow } = this.#unwind.frames.get(section)!;
    locate(this.#program, this.#program.relocations.symbol[firstRow[index]!]!, this.#target);
    return this.#pieces.home[this.#target.section] === this.#target.section;
  }

  #recordBytes(section: number, index: number): Uint8Array {
    const { frame } = this.#unwind.frames.get(section)!;
    const start = frame.offset[index]!;
    return this.#program.sectionBytes(section).subarray(start, start + frame.size[index]!);
  }

  /** What a record's relocations lead to, as text that is equal for equal references. */
  #references(section: number, index: number): string {
    const { frame, firstRow } = this.#unwind.frames.get(section)!;
    const { relocations } = this.#program;
    const parts: string[] = [];
    for (let row = firstRow[index]!; row < firstRow[index + 1]!; row++) {
      locate(this.#program, relocations.symbol[row]!, this.#target);
      const { section: place, low, symbol } = this.#target;
      const offset = relocations.offset[row]! - frame.offset[index]!;
      const where = place >= 0 ? `${place}+${low}` : `symbol ${symbol}`;
      parts.push(`${offset}:${relocations.type[row]}:${where}+${relocations.addend[row]}`);
    }
    return parts.join(' ');
  }

  #append(bytes: Uint8Array): number {
    const offset = this.#size;
    this.#chunks.push(bytes);
    this.#size += bytes.length;
    return offset;
  }
}
