/**
 * `npm run test:mutation [-- --files PATTERN]... [--sample N] [--concurrency N]`: changes the linker in one place at a
 * time, and counts the changes that no test notices. docs/mutation.md tells how.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { LogLevel, Mutant, MutantResult, PartialStrykerOptions } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import { compilePattern } from '../../src/script/match.ts';
import { asMutant, fileOf, keyOf } from './mutants.ts';
import { FOLDER, RESULTS_FILE, SAMPLE_FILE, SURVIVORS_FILE } from './paths.ts';
import { chooseSample, folderOf, groupBy } from './sample.ts';
import { describeSurvivors, errorOf, scoreOf } from './score.ts';

const FOLDERS = ['src/header', 'src/passes', 'src/x86'];

/** Tables that tests compare as a whole with another source: with the solver, with a disassembler. */
const TABLES = ['src/header/layoutTable.ts', 'src/x86/opcodes.ts'];

/** Texts of errors, and names. */
const LEFT_OUT = ['StringLiteral'];

const quiet = () => {};
const never = () => false;
/** The number of mutants is all that their search would tell. */
const SILENT: ConstructorParameters<typeof Instrumenter>[0] = {
  ...{ trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet },
  ...{ isTraceEnabled: never, isDebugEnabled: never, isInfoEnabled: never },
  ...{ isWarnEnabled: never, isErrorEnabled: never, isFatalEnabled: never },
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      files: { type: 'string', multiple: true, default: ['*'] },
      sample: { type: 'string' },
      concurrency: { type: 'string', default: '2' },
    },
  });
  const files = filesLike(values.files);
  if (files.length === 0)
    throw new Error(`no file of ${FOLDERS.join(', ')} is like ${values.files.join(' ')}`);
  const mutants = await findMutants(files);
  const sample = values.sample === undefined ? mutants : chooseSample(mutants, Number(values.sample));
  const keys = new Set(sample.map(keyOf));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(SAMPLE_FILE, JSON.stringify([...keys]));
  const results = await new Stryker(optionsFor(sample, Number(values.concurrency))).runMutationTest();
  forgetOthers();
  report(
    mutants,
    results.filter((result) => keys.has(keyOf(asMutant(result)))),
  );
}

/** Sources that are like one of some patterns, in which a star stands for anything. */
function filesLike(patterns: readonly string[]): string[] {
  const matchers = patterns.map(compilePattern);
  const all = FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  return all
    .filter((file) => file.endsWith('.ts') && !TABLES.includes(file))
    .filter((file) => matchers.some((isLike) => isLike(file)))
    .sort((a, b) => (a < b ? -1 : 1));
}

/** The mutants that Stryker makes of the files, but for what is left out. */
async function findMutants(files: readonly string[]): Promise<readonly Mutant[]> {
  const contents = files.map((file) => ({
    name: resolve(file),
    mutate: true,
    content: readFileSync(file, 'utf8'),
  }));
  const { mutants } = await new Instrumenter(SILENT).instrument(contents, {
    plugins: null,
    excludedMutations: LEFT_OUT,
    ignorers: [],
  });
  // What is left out has its result already.
  return mutants.filter(({ status }) => status === undefined);
}

function optionsFor(sample: readonly Mutant[], concurrency: number): PartialStrykerOptions {
  return {
    mutate: sample.map(rangeOf),
    mutator: { plugins: null, excludedMutations: LEFT_OUT },
    plugins: ['@stryker-mutator/vitest-runner', resolve('test/mutation/checker.ts')],
    checkers: ['sample'],
    checkerNodeArgs: ['--import', 'tsx'],
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: true },
    coverageAnalysis: 'perTest',
    ignoreStatic: true,
    incremental: true,
    incrementalFile: RESULTS_FILE,
    tempDirName: `${FOLDER}/sandboxes`,
    // The other configurations are for TypeScript, which Stryker knows up to version 6, and not needed for tests.
    ignorePatterns: ['dist', 'docs', 'bench', 'examples', 'tsconfig.json', FOLDER],
    disableTypeChecks: false,
    reporters: ['progress-append-only'],
    concurrency,
    timeoutMS: 30_000,
    timeoutFactor: 3,
    // Processes that run tests need no plugin written in TypeScript, and warn that they cannot load it.
    logLevel: 'error' as LogLevel,
    allowConsoleColors: false,
  };
}

/** The mutant's place as Stryker's option wants it: it makes what lies within. Code is slow where much may change. */
function rangeOf(mutant: Mutant): string {
  const { start, end } = mutant.location;
  return `${fileOf(mutant)}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`;
}

/**
 * Keeps what was noticed for the next run. Mutants outside the sample have no result, time runs out on busy machines too,
 * and what no test has noticed a new one may: Stryker takes over survivors although there are new tests.
 */
function forgetOthers(): void {
  const results = JSON.parse(readFileSync(RESULTS_FILE, 'utf8'));
  for (const file of Object.values<{ mutants: MutantResult[] }>(results.files)) {
    file.mutants = file.mutants.filter(({ status }) => status === 'Killed');
  }
  writeFileSync(RESULTS_FILE, JSON.stringify(results));
}

function report(mutants: readonly Mutant[], results: readonly MutantResult[]): void {
  const population = groupBy(mutants, (mutant) => folderOf(fileOf(mutant)));
  for (const [file, group] of groupBy(results, fileOf)) console.log(row(file, group, undefined));
  console.log();
  for (const [folder, group] of groupBy(results, (result) => folderOf(fileOf(result)))) {
    console.log(row(folder, group, population.get(folder)!.length));
  }
  writeFileSync(SURVIVORS_FILE, describeSurvivors(results));
  console.log(`\n${SURVIVORS_FILE} has the mutants that no test notices`);
}

function row(name: string, results: readonly MutantResult[], population: number | undefined): string {
  const score = scoreOf(results);
  const share = score.total === 0 ? '-' : `${((100 * score.noticed) / score.total).toFixed(1)} %`;
  const error =
    population === undefined
      ? ''
      : ` ± ${(100 * errorOf(score, population)).toFixed(1)} of ${population} mutants`;
  const counts = `${score.noticed} of ${score.total}`;
  const left = `${score.unreached} unreached`;
  return `${name.padEnd(36)} ${share.padStart(7)}${error}  ${counts}, ${left}`;
}

await main();
