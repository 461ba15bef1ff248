/**
 * A small program as the fitter sees it: each placed section with its bytes and, for every relocation, the place
 * that it leads to. Made only for programs so small that one object a reference costs nothing.
 */
import { SHF_EXECINSTR, STT_FUNC, STT_SECTION } from '../elf/constants.ts';
import { isZeroInitialised } from '../layout/category.ts';
import { partAddend } from '../partAddend.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import { Calculation, calculationOf, fieldSize } from '../x86/relocations.ts';

/** Bytes from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Whether a range holds an offset. */
export function contains({ start, end }: ByteRange, offset: number): boolean {
  return offset >= start && offset < end;
}

/** A relocation and where it leads. Offsets in bytes from the start of a section. */
export interface Reference {
  /** Number of the relocation in its section. */
  readonly row: number;
  /** Offset of the field, and its width in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly calculation: Calculation;
  /** The placed section that holds the target, or -1 for an address by itself. */
  readonly section: number;
  /** Offset in that section of S + A; for a distance counted from the end of a field of four bytes. */
  readonly target: number;
  /** Offset in that section of S. */
  readonly value: number;
  /** Whether the addend decides which part of the section is meant. */
  readonly isSectionSymbol: boolean;
  readonly isFunction: boolean;
  /** Whether an earlier pass rewrites the instruction. */
  readonly isRewritten: boolean;
}

/** A placed section. */
export interface ViewSection {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly isCode: boolean;
  readonly isZero: boolean;
  readonly alignment: number;
  /** In the order of their fields. */
  readonly references: readonly Reference[];
  /** Whether its parts have moved, or it holds parts of other sections. */
  readonly isShared: boolean;
}

export type View = ReadonlyMap<number, ViewSection>;

/** @param ids the sections that are their own homes */
export function viewProgram(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  ids: readonly number[],
): View {
  const shared = new Set<number>();
  pieces.home.forEach((home, id) => {
    if (home >= 0 && pieces.isMapped(id) && !pieces.isRewritten(id)) shared.add(home);
  });
  const { sections } = program;
  const view = new Map<number, ViewSection>();
  for (const id of ids) {
    view.set(id, {
      id,
      bytes: pieces.contentOf(id) ?? program.sectionBytes(id),
      isCode: (sections.flags[id]! & SHF_EXECINSTR) !== 0,
      isZero: isZeroInitialised(program, pieces, id),
      alignment: pieces.alignment[id]!,
      references: readReferences(program, pieces, synthesis, id),
      isShared: shared.has(id),
    });
  }
  return view;
}

function readReferences(program: Program, pieces: Pieces, synthesis: Synthesis, id: number): Reference[] {
  const { sections, relocations } = program;
  const first = sections.firstRelocation[id]!;
  const found = new Target();
  const references: Reference[] = [];
  for (let row = first; row < first + sections.relocationCount[id]!; row++) {
    const calculation = calculationOf[relocations.type[row]!]! as Calculation;
    if (calculation === Calculation.none || relocations.offset[row]! >= pieces.size[id]!) continue;
    locate(program, relocations.symbol[row]!, found);
    const isPlaced = found.section >= 0 && pieces.home[found.section]! >= 0;
    const old = found.low + partAddend(program, pieces, id, row);
    references.push({
      row: row - first,
      offset: relocations.offset[row]!,
      size: fieldSize[relocations.type[row]!]!,
      calculation,
      section: isPlaced ? pieces.home[found.section]! : -1,
      target: isPlaced ? pieces.resolve(found.section, old) : old,
      value: isPlaced ? pieces.resolve(found.section, found.low) : found.low,
      isSectionSymbol: found.type === STT_SECTION,
      isFunction: found.type === STT_FUNC,
      isRewritten: synthesis.rewrites[row] !== Rewrite.none,
    });
  }
  return references.sort((a, b) => a.offset - b.offset);
}
