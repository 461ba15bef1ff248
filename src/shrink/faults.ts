/** Whether exceptions may come from instructions that fault, and not from calls alone. */
import type { Program } from '../program.ts';
import type { UnwindTables } from '../unwind.ts';

/**
 * Personality routines of languages in which nothing that handles a signal throws: cleanup in C runs for threads that
 * end, and Rust has nothing to return to behind a fault.
 */
const CALLS_ONLY = ['__gcc_personality_v0', 'rust_eh_personality'];

/** How compilers name a pointer to a personality routine. */
const REFERENCE = 'DW.ref.';

/** Whether code that is part of the program has been compiled in another language with exceptions. */
export function mayThrowFaults({ symbols, relocations }: Program, unwind: UnwindTables): boolean {
  const { records, live, firstRow, endRow } = unwind;
  const harmless = new Set(
    CALLS_ONLY.flatMap((name) => [name, REFERENCE + name]).map((name) => symbols.names.find(name)),
  );
  for (let record = 0; record < records.count; record++) {
    const isUsedCie = live[record] === 1 && records.cie[record]! < 0;
    if (!isUsedCie || firstRow[record] === endRow[record]) continue;
    if (!harmless.has(relocations.symbol[firstRow[record]!]!)) return true;
  }
  return false;
}
