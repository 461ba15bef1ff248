/** Which part of a section a reference to its symbol means. */
import type { Pieces } from './pieces.ts';
import type { Program } from './program.ts';
import { Calculation, calculationOf, sectionAddend } from './x86/relocations.ts';

/**
 * What the addend of a relocation in section `id` adds to the value of a section symbol to reach the place that is
 * meant. In a table of distances that is the distance from the start of the table: the addend counts the offset of the
 * entry too, because the relocation is relative to that.
 */
export function partAddend(program: Program, pieces: Pieces, id: number, row: number): number {
  const { relocations } = program;
  const addend = sectionAddend(relocations, row, program.isCode(id));
  if (calculationOf[relocations.type[row]!] !== Calculation.relative) return addend;
  return addend - Math.max(0, pieces.distanceInTable(id, relocations.offset[row]!));
}
