/** How many mutants the tests notice, and which they do not. */
import { readFileSync } from 'node:fs';
import type { MutantResult } from '@stryker-mutator/api/core';
import { fileOf } from './mutants.ts';
import { groupBy } from './sample.ts';

/** A share of mutants. */
export interface Score {
  readonly noticed: number;
  /** Mutants that count: those that tests could notice, but for what only the start of the program runs. */
  readonly total: number;
  /** Of the unnoticed ones, those that no test runs. */
  readonly unreached: number;
}

const NOTICED: readonly string[] = ['Killed', 'Timeout'];
const UNNOTICED: readonly string[] = ['Survived', 'NoCoverage'];

/** Counts as Stryker does: mutants that are ignored, or that do not run at all, are neither noticed nor not. */
export function scoreOf(results: readonly MutantResult[]): Score {
  const noticed = results.filter(({ status }) => NOTICED.includes(status)).length;
  const unnoticed = results.filter(isUnnoticed);
  const unreached = unnoticed.filter(({ status }) => status === 'NoCoverage').length;
  return { noticed, total: noticed + unnoticed.length, unreached };
}

function isUnnoticed({ status }: MutantResult): boolean {
  return UNNOTICED.includes(status);
}

/**
 * Half the width of the interval that holds the score of all mutants in 19 of 20 samples, as a share (normal
 * approximation with the correction for finite populations).
 * @param population how many mutants there are
 */
export function errorOf({ noticed, total }: Score, population: number): number {
  if (total === 0 || population <= total) return 0;
  const share = noticed / total;
  const variance = (share * (1 - share)) / total;
  return 1.96 * Math.sqrt(variance * ((population - total) / (population - 1)));
}

/** Mutants that no test has noticed, by place, each with the line that it changes and what it makes of it. */
export function describeSurvivors(results: readonly MutantResult[]): string {
  const byFile = groupBy(results.filter(isUnnoticed), fileOf);
  return [...byFile]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, mutants]) => describeFile(file, mutants))
    .join('\n');
}

function describeFile(file: string, mutants: readonly MutantResult[]): string {
  const lines = readFileSync(file, 'utf8').split('\n');
  const sorted = mutants.toSorted(
    ({ location: { start: a } }, { location: { start: b } }) => a.line - b.line || a.column - b.column,
  );
  return sorted.map((mutant) => `${describe(file, lines, mutant)}\n`).join('');
}

function describe(file: string, lines: readonly string[], mutant: MutantResult): string {
  const { location, mutatorName, replacement, status } = mutant;
  const { start, end } = location;
  const line = lines[start.line - 1]!;
  const isOneLine = start.line === end.line;
  const rest = isOneLine ? line.slice(end.column - 1) : ' …';
  const changed = `${line.slice(0, start.column - 1)}⟦${replacement}⟧${rest}`;
  const unreached = status === 'NoCoverage' ? ', which no test runs' : '';
  return `${file}:${start.line}:${start.column} ${mutatorName}${unreached}\n  ${line.trim()}\n  ${changed.trim()}`;
}
