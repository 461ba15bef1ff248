/**
 * `npm run fuzz:shrink -- --programs 2000 --seed 1`: compares that many generated programs, from that seed on, as they
 * run with and without shrunk code. What differs is printed with the commands that make it, and its files are kept.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CSMITH_HEADERS, compareProgram, type Generator, type Verdict } from './differential.ts';

const PROGRESS_EVERY = 50;
const TOOLS = ['gcc', 'g++', 'clang', 'clang++', 'musl-gcc', 'csmith', 'rustc'];
/** Which generators take turns, and what each needs. */
const TURNS: readonly (readonly [Generator, string])[] = [
  ['c', 'gcc'],
  ['csmith', 'csmith'],
  ['c', 'gcc'],
  ['csmith', 'csmith'],
  ['c++', 'g++'],
  ['c', 'gcc'],
  ['csmith', 'csmith'],
  ['c', 'gcc'],
  ['csmith', 'csmith'],
  ['rust', 'rustc'],
];

function main(): number {
  const { values } = parseArgs({
    options: {
      programs: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  });
  const tools = new Set(TOOLS.filter(isInstalled));
  if (!existsSync(CSMITH_HEADERS)) {
    tools.delete('csmith');
    console.log(`without csmith: ${CSMITH_HEADERS} is not there`);
  }
  const turns = TURNS.filter(([name, tool]) => tools.has(tool) && (!values.only || values.only === name));
  if (turns.length === 0)
    throw new Error(`nothing to generate programs with; one of ${TOOLS.join(', ')} is needed`);
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-fuzz-'));
  const counts = new Map<string, number>();
  const first = Number(values.seed);
  for (let k = 0; k < Number(values.programs); k++) {
    const [generator] = turns[k % turns.length]!;
    const kept = join(folder, `${generator}-${first + k}`);
    const verdict = compareProgram(generator, first + k, kept, tools);
    const key = `${generator} ${verdict.kind}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (verdict.kind === 'different') report(generator, first + k, kept, verdict);
    else rmSync(kept, { recursive: true });
    if ((k + 1) % PROGRESS_EVERY === 0) console.log(`${k + 1} programs: ${summary(counts)}`);
  }
  console.log(`all programs: ${summary(counts)}`);
  return [...counts.keys()].some((key) => key.endsWith('different')) ? 1 : 0;
}

function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', command]).status === 0;
}

function report(generator: Generator, seed: number, folder: string, { detail, commands }: Verdict): void {
  console.log(`DIFFERENT: ${generator}, seed ${seed}, in ${folder}\n  ${detail}\n  ${commands.join('\n  ')}`);
}

function summary(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([key, count]) => `${count} ${key}`).join(', ');
}

process.exitCode = main();
