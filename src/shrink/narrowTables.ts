/** Writes a section anew in which tables of labels become narrower. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import { TABLE_BASE, TABLE_DISTANCE8, TABLE_DISTANCE16 } from '../x86/relocations.ts';
import { renewRows } from './commit.ts';
import type { SwitchTable } from './switchTables.ts';

/** What becomes of a table. */
export interface NarrowedTable extends SwitchTable {
  /** Bytes of an entry, 1 or 2. */
  readonly size: number;
  /** Number of the entry whose label comes first. */
  readonly first: number;
}

/** Bytes of a section that stay together, or the place of a table. */
interface Run {
  /** Offsets in the section as it was. */
  readonly start: number;
  readonly end: number;
  /** Offset in the section as it will be. */
  readonly offset: number;
  readonly table: NarrowedTable | undefined;
}

interface Row {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
  readonly rewrite: number;
}

/** @param tables those in section `id`, in order */
export function narrowTables(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  id: number,
  tables: readonly NarrowedTable[],
): void {
  const bytes = pieces.contentOf(id) ?? program.borrowBytes(id);
  const alignment = pieces.alignment[id]!;
  const runs = findRuns(tables, pieces.size[id]!, alignment);
  const rows = runs.flatMap((run) =>
    run.table ? tableRows(run, run.table) : keptRows(program, synthesis, id, run),
  );
  const out = new Uint8Array(endOf(runs.at(-1)!));
  for (const { start, end, offset, table } of runs) if (!table) out.set(bytes.subarray(start, end), offset);
  pieces.rewrite(id, out, runs.some(({ table }) => !table) ? alignment : 1, {
    starts: Uint32Array.from(runs, ({ start }) => start),
    offsets: Int32Array.from(runs, ({ offset }) => offset),
  });
  pieces.moveTables(id, new Set(tables.map(({ start }) => start)));
  let row = renewRows(program, synthesis, id, rows.length);
  for (const { offset, type, symbol, addend, rewrite } of rows) {
    program.relocations.set(row, offset, type, symbol, addend);
    synthesis.rewrites[row++] = rewrite;
  }
}

/** What stays is as far from a multiple of the section's alignment as it was; entries of tables are read one by one. */
function findRuns(tables: readonly NarrowedTable[], size: number, alignment: number): Run[] {
  const runs: Run[] = [];
  let at = 0;
  const keep = (start: number, end: number) => {
    if (start === end) return;
    const before = runs.length === 0 ? 0 : endOf(runs.at(-1)!);
    runs.push({ start, end, offset: before + ((start - before) & (alignment - 1)), table: undefined });
  };
  for (const table of tables) {
    keep(at, table.start);
    at = table.start + table.width * table.symbols.length;
    runs.push({ start: table.start, end: at, offset: runs.length === 0 ? 0 : endOf(runs.at(-1)!), table });
  }
  keep(at, size);
  return runs;
}

/** Offset behind a run, as it will be. */
function endOf({ start, end, offset, table }: Run): number {
  return offset + (table ? table.size * table.symbols.length : end - start);
}

function tableRows({ offset }: Run, { symbols, addends, size, first }: NarrowedTable): Row[] {
  const base = {
    offset,
    type: TABLE_BASE,
    symbol: symbols[first]!,
    addend: addends[first]!,
    rewrite: Rewrite.none,
  };
  const type = size === 1 ? TABLE_DISTANCE8 : TABLE_DISTANCE16;
  const entries = symbols.map((symbol, k) => ({
    offset: offset + k * size,
    type,
    symbol,
    addend: addends[k]!,
    rewrite: Rewrite.none,
  }));
  return [base, ...entries];
}

/** The relocations of what stays. */
function keptRows({ sections, relocations }: Program, { rewrites }: Synthesis, id: number, run: Run): Row[] {
  const rows: Row[] = [];
  const first = sections.firstRelocation[id]!;
  for (let row = first; row < first + sections.relocationCount[id]!; row++) {
    const offset = relocations.offset[row]!;
    if (offset < run.start || offset >= run.end) continue;
    rows.push({
      offset: offset - run.start + run.offset,
      type: relocations.type[row]!,
      symbol: relocations.symbol[row]!,
      addend: relocations.addend[row]!,
      rewrite: rewrites[row]!,
    });
  }
  return rows;
}
