/** Writes a section anew that holds nothing but tables of labels, which become narrower. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import { TABLE_BASE, TABLE_DISTANCE8, TABLE_DISTANCE16 } from '../x86/relocations.ts';
import { renewRows } from './commit.ts';
import type { SwitchTable } from './switchTables.ts';

/** What becomes of a table. */
export interface NarrowedTable {
  readonly table: SwitchTable;
  /** Bytes of an entry, 1 or 2. */
  readonly size: number;
  /** Number of the entry whose label comes first. */
  readonly first: number;
}

/** @param tables all of section `id` that something refers to */
export function narrowTables(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  id: number,
  tables: readonly NarrowedTable[],
): void {
  const { relocations } = program;
  const inOrder = tables.toSorted((a, b) => a.table.start - b.table.start);
  const rows = inOrder.reduce((sum, { table }) => sum + 1 + table.symbols.length, 0);
  const starts: number[] = [];
  const offsets: number[] = [];
  let row = renewRows(program, synthesis, id, rows);
  synthesis.rewrites.fill(Rewrite.none, row, row + rows);
  let offset = 0;
  for (const { table, size, first } of inOrder) {
    const { start, width, symbols, addends } = table;
    starts.push(start, start + width * symbols.length);
    offsets.push(offset, GONE);
    relocations.set(row++, offset, TABLE_BASE, symbols[first]!, addends[first]!);
    const type = size === 1 ? TABLE_DISTANCE8 : TABLE_DISTANCE16;
    for (let k = 0; k < symbols.length; k++, offset += size)
      relocations.set(row++, offset, type, symbols[k]!, addends[k]!);
  }
  // Entries are read one by one, wherever they lie.
  const map = { starts: Uint32Array.from(starts), offsets: Int32Array.from(offsets) };
  pieces.rewrite(id, new Uint8Array(offset), 1, map);
  pieces.dropTables(id);
}

/** Where bytes are that are between tables. */
const GONE = -1;
