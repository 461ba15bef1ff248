/**
 * The unwind tables of a link: the records of all `.eh_frame` sections, findable by the function they describe,
 * so that they live and die with it.
 */
import { type EhFrame, FDE_PC_BEGIN, parseEhFrame } from './elf/ehFrame.ts';
import { locate, type Program, Target } from './program.ts';

/** A record of one `.eh_frame` section. */
export interface UnwindRecord {
  /** Id of the section. */
  readonly section: number;
  /** Index in that section's `EhFrame`. */
  readonly index: number;
}

/** One `.eh_frame` section with its relocations. */
interface UnwindFrame {
  readonly frame: EhFrame;
  /** For each record the row of its first relocation, and one entry behind the last; rows ascend by offset. */
  readonly firstRow: Uint32Array;
}

export class UnwindTables {
  /** By section id. */
  readonly frames = new Map<number, UnwindFrame>();
  /** 1 for each record that is part of the program, by section id. */
  readonly live = new Map<number, Uint8Array>();
  readonly #recordsOf = new Map<number, UnwindRecord[]>();

  /**
   * Reads one `.eh_frame` section and notes which function section each FDE describes.
   * @throws FormatError if it is malformed
   */
  add(program: Program, section: number): void {
    const frame = parseEhFrame(program.sectionBytes(section), program.sections.offset[section]!);
    const { relocations, sections } = program;
    const first = sections.firstRelocation[section]!;
    const end = first + sections.relocationCount[section]!;
    relocations.sortByOffset(first, end - first);
    const firstRow = findRows(frame, relocations.offset, first, end);
    this.frames.set(section, { frame, firstRow });
    this.live.set(section, new Uint8Array(frame.count));
    const target = new Target();
    for (let index = 0; index < frame.count; index++) {
      const row = firstRow[index]!;
      const isFunction = frame.cie[index]! >= 0 && row < firstRow[index + 1]!;
      if (!isFunction || relocations.offset[row] !== frame.offset[index]! + FDE_PC_BEGIN) continue;
      locate(program, relocations.symbol[row]!, target);
      if (target.section >= 0) this.#note(target.section, { section, index });
    }
  }

  /** The FDEs that describe code of a section. */
  recordsOf(section: number): readonly UnwindRecord[] {
    return this.#recordsOf.get(section) ?? [];
  }

  #note(section: number, record: UnwindRecord): void {
    const list = this.#recordsOf.get(section);
    if (list) list.push(record);
    else this.#recordsOf.set(section, [record]);
  }
}

/** @param offset r_offset of relocations, of which those of the section stand from `first` to `last` */
function findRows(frame: EhFrame, offset: Uint32Array, first: number, last: number): Uint32Array {
  const firstRow = new Uint32Array(frame.count + 1);
  let row = first;
  for (let index = 0; index < frame.count; index++) {
    while (row < last && offset[row]! < frame.offset[index]!) row++;
    firstRow[index] = row;
  }
  const end = frame.count === 0 ? 0 : frame.offset[frame.count - 1]! + frame.size[frame.count - 1]!;
  while (row < last && offset[row]! < end) row++;
  firstRow[frame.count] = row;
  return firstRow;
}
