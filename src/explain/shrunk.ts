/** What became of the code, with names. */
import type { Program } from '../program.ts';
import type { Shrinkage } from '../results.ts';

/** A section of code. */
export interface ShrunkSection {
  readonly object: string;
  readonly name: string;
  /** Bytes. */
  readonly before: number;
  readonly after: number;
  /** Why it stays as it is; '' if it does not. */
  readonly refusal: string;
}

/** @returns the sections of code in the order of the inputs */
export function describeShrinkage(program: Program, { sections }: Shrinkage): ShrunkSection[] {
  return sections.map(({ section, before, after, refusal }) => ({
    object: program.objectOf(section).name,
    name: program.sectionName(section),
    before,
    after,
    refusal,
  }));
}
