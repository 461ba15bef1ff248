/** Makes what a table of instructions holds a section of the program. */
import { copyInto } from '../elf/sections.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import { mapOffsets, writeInstructions } from './assemble.ts';
import { type Code, type Fields, Mark } from './code.ts';

/** @param size bytes of the section as `placeInstructions` has left it */
export function commitSection(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  id: number,
  code: Code,
  fields: Fields,
  size: number,
): void {
  let alignment = 1;
  for (let i = 0; i < code.count; i++) if ((code.marks[i]! & Mark.even) !== 0) alignment = 2;
  pieces.rewrite(id, writeInstructions(code, size), alignment, mapOffsets(code));
  writeRelocations(program, synthesis, id, code, fields);
}

/** Gives a section other bytes in which each instruction is as long as it was. @param code the section as it was */
export function commitInPlace(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  id: number,
  bytes: Uint8Array,
  code: Code,
  fields: Fields,
): void {
  for (let i = 0; i <= code.count; i++) code.newAt[i] = i < code.count ? code.at[i]! : code.size;
  pieces.rewrite(id, bytes, pieces.alignment[id]!, mapOffsets(code));
  // References to places in the section itself stay relocations: their distances are in none of the bytes.
  fields.gone.fill(0, 0, fields.count);
  writeRelocations(program, synthesis, id, code, fields);
}

/** Gives a section so many rows for other relocations than it has. @returns the first of them */
export function renewRows(program: Program, synthesis: Synthesis, id: number, count: number): number {
  const row = program.renewRelocations(id, count);
  coverRows(program, synthesis);
  return row;
}

/** Makes room for what is to be known of relocations that have been added. */
export function coverRows({ relocations }: Program, synthesis: Synthesis): void {
  const { count } = relocations;
  if (synthesis.rewrites.length < count)
    synthesis.rewrites = copyInto(new Uint8Array(2 * count), synthesis.rewrites);
}

/** Gives a section the fields that are left, by their offsets. */
function writeRelocations(
  program: Program,
  synthesis: Synthesis,
  id: number,
  { newAt, newLength }: Code,
  { count, gone, insn, within, type, symbol, addend }: Fields,
): void {
  const rows: number[] = [];
  let isSorted = true;
  for (let f = 0; f < count; f++) {
    if (gone[f] === 1 || newLength[insn[f]!] === 0) continue;
    isSorted &&= rows.length === 0 || insn[rows.at(-1)!]! <= insn[f]!;
    rows.push(f);
  }
  if (!isSorted) rows.sort((f, g) => insn[f]! - insn[g]! || within[f]! - within[g]!);
  let row = renewRows(program, synthesis, id, rows.length);
  for (const f of rows) {
    program.relocations.set(row, newAt[insn[f]!]! + within[f]!, type[f]!, symbol[f]!, addend[f]!);
    synthesis.rewrites[row++] = Rewrite.none;
  }
}
