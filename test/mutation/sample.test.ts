/** Which mutants are in a sample, and what is said of the result. */
import { resolve } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';
import { expect, it } from 'vitest';
import { asMutant, fileOf, keyOf, type MutantPlace } from './mutants.ts';
import { chooseSample, folderOf } from './sample.ts';
import { describeSurvivors, errorOf, scoreOf } from './score.ts';

const FILES = ['src/x86/flags.ts', 'src/x86/shorten/form.ts', 'src/header/cells.ts'];

/** Mutants of some files, 100 of each, on lines from 0 on. */
const MUTANTS: readonly MutantPlace[] = FILES.flatMap((file) =>
  Array.from({ length: 100 }, (_, line) => ({
    fileName: resolve(file),
    location: { start: { line, column: 2 }, end: { line, column: 9 } },
    mutatorName: 'BooleanLiteral',
    replacement: 'true',
  })),
);

function keys(mutants: readonly MutantPlace[]): Set<string> {
  return new Set(mutants.map(keyOf));
}

it('has as many of each folder, and is the same for any order of mutants', () => {
  const sample = chooseSample(MUTANTS, 60);
  const folders = sample.map((mutant) => folderOf(fileOf(mutant)));
  expect(folders.filter((folder) => folder === 'src/x86')).toHaveLength(30);
  expect(folders.filter((folder) => folder === 'src/header')).toHaveLength(30);
  expect(keys(chooseSample(MUTANTS.toReversed(), 60))).toEqual(keys(sample));
  expect(new Set(sample.map(fileOf))).toEqual(new Set(FILES));
});

it('lies within every larger one, and ends with all', () => {
  const large = keys(chooseSample(MUTANTS, 120));
  for (const key of keys(chooseSample(MUTANTS, 60))) expect(large).toContain(key);
  expect(keys(chooseSample(MUTANTS, 1000))).toEqual(keys(MUTANTS));
});

const result = (status: MutantResult['status'], line: number): MutantResult => ({
  id: `${line}`,
  status,
  fileName: resolve('test/mutation/sample.test.ts'),
  location: { start: { line, column: 1 }, end: { line, column: 4 } },
  mutatorName: 'BlockStatement',
  replacement: '{}',
});

it('gives mutants of results the places that mutants have', () => {
  expect(keyOf(asMutant(result('Killed', 3)))).toBe('test/mutation/sample.test.ts:2:0-2:3 BlockStatement {}');
});

it('counts what is noticed of what counts', () => {
  const statuses = ['Killed', 'Timeout', 'Survived', 'NoCoverage', 'Ignored', 'RuntimeError'] as const;
  expect(scoreOf(statuses.map(result))).toEqual({ noticed: 2, total: 4, unreached: 1 });
});

it('knows less of many mutants than of few, and all of all', () => {
  const score = { noticed: 85, total: 100, unreached: 0 };
  expect(errorOf(score, 100)).toBe(0);
  expect(errorOf(score, 1_000_000)).toBeCloseTo(0.07, 3);
  expect(errorOf(score, 200)).toBeCloseTo(0.0496, 3);
});

it('shows the line of a survivor as it is and as it was tested', () => {
  const text = describeSurvivors([result('Survived', 2), result('Killed', 3), result('NoCoverage', 1)]);
  expect(text.split('\n').slice(0, 3)).toEqual([
    'test/mutation/sample.test.ts:1:1 BlockStatement, which no test runs',
    '  /** Which mutants are in a sample, and what is said of the result. */',
    '  ⟦{}⟧ Which mutants are in a sample, and what is said of the result. */',
  ]);
  expect(text).toContain('test/mutation/sample.test.ts:2:1 BlockStatement\n  import');
});
