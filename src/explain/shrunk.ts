/** What became of the code, with names. */
import type { Pieces } from '../pieces.ts';
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

/** @returns the sections of code in the order of the inputs, and what the linker has made of them */
export function describeShrinkage(
  program: Program,
  pieces: Pieces,
  { sections }: Shrinkage,
): ShrunkSection[] {
  const described = sections.map(({ section, before, after, refusal }) => ({
    object: program.objectOf(section).name,
    name: program.sectionName(section),
    before,
    // By themselves, folded ones and those that are cut have lost no more than that.
    after: pieces.home[section] === section && !pieces.isScattered(section) ? pieces.size[section]! : after,
    refusal,
  }));
  const outlined = program.made['.text.outlined'];
  if (pieces.home[outlined] !== outlined) return described;
  const made = { object: program.objectOf(outlined).name, name: program.sectionName(outlined) };
  return [...described, { ...made, before: 0, after: pieces.size[outlined]!, refusal: '' }];
}
