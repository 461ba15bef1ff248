/** Makes unwind tables follow code that has been rewritten. */
import { readAdvances, readFdeForm, remapAdvances } from '../elf/cfi.ts';
import { CodeOffsets } from '../elf/codeOffsets.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { UnwindTables } from '../unwind.ts';

const target = new Target();
const places = new CodeOffsets();

/**
 * Rewrites the places that an FDE speaks of, if its function's code has been rewritten.
 * @param source bytes of the section that the record comes from
 * @param at where a copy of it begins in `bytes`
 */
export function moveAdvances(
  program: Program,
  pieces: Pieces,
  tables: UnwindTables,
  record: number,
  source: Uint8Array,
  bytes: Uint8Array,
  at: number,
): void {
  const section = tables.functionOf(record);
  if (section < 0 || !pieces.isRewritten(section)) return;
  const { records, firstRow } = tables;
  const cie = records.cie[record]!;
  const form = readFdeForm(source, records.offset[cie]!, records.offset[cie]! + records.size[cie]!);
  const end = at + records.size[record]!;
  // Where the program has no unwind tables, only debuggers get to see this, and nobody has asked if it is understood.
  if (typeof form === 'string' || readAdvances(bytes, at, end, form, places) !== undefined) return;
  const row = firstRow[record]!;
  locate(program, program.relocations.symbol[row]!, target);
  const start = target.low + program.relocations.addend[row]!;
  remapAdvances(bytes, at, end, form, (offset) => pieces.resolve(section, start + offset));
}
