/** Mutants by name: the same in every run as long as their file stays what it is. */
import { relative } from 'node:path';
import type { Mutant, MutantResult } from '@stryker-mutator/api/core';

/** What tells a mutant from all others. */
export type MutantPlace = Pick<Mutant, 'fileName' | 'location' | 'mutatorName' | 'replacement'>;

/** Path of a mutant's file from the root of the repository on. */
export function fileOf({ fileName }: MutantPlace): string {
  return relative(process.cwd(), fileName);
}

/** Stryker numbers mutants anew in each run, so they are named by what they change, and into what. */
export function keyOf(mutant: MutantPlace): string {
  const { start, end } = mutant.location;
  const range = `${start.line}:${start.column}-${end.line}:${end.column}`;
  return `${fileOf(mutant)}:${range} ${mutant.mutatorName} ${mutant.replacement}`;
}

/** A result's mutant with its place as mutants have it, lines and columns from 0 on: results count them from 1. */
export function asMutant(result: MutantResult): MutantPlace {
  const { start, end } = result.location;
  const location = {
    start: { line: start.line - 1, column: start.column - 1 },
    end: { line: end.line - 1, column: end.column - 1 },
  };
  const { fileName, mutatorName, replacement } = result;
  return { fileName, location, mutatorName, replacement: replacement! };
}
