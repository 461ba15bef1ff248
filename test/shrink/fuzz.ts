/**
 * `npm run fuzz:shrink -- [--programs 2000] [--seed 1] [--only GENERATOR] [--workers 2]`: compares that many generated
 * programs, from that seed on, as they run with and without shrunk code, and with instructions that have changed places.
 * What differs is printed with the commands that make it, and its files are kept.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Helper } from '../helper.ts';
import { CSMITH_HEADERS, type Generator, type Verdict } from './differential.ts';
import type { Task } from './worker.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));
/** Milliseconds that one program may take with all that is done to it; then its link hangs. */
const PATIENCE = 600_000;
const PROGRESS_EVERY = 50;
const TOOLS = ['gcc', 'g++', 'clang', 'clang++', 'musl-gcc', 'csmith', 'nasm', 'rustc'];
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

/** What goes through all programs. */
interface Run {
  /** Numbers of programs, of which each worker takes the next. */
  readonly numbers: Iterator<number>;
  readonly firstSeed: number;
  readonly generators: readonly Generator[];
  readonly tools: readonly string[];
  readonly folder: string;
  readonly tally: Tally;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      programs: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      workers: { type: 'string', default: '2' },
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
  const run = {
    numbers: Array(Number(values.programs)).keys(),
    firstSeed: Number(values.seed),
    generators: turns.map(([generator]) => generator),
    tools: [...tools],
    folder: mkdtempSync(join(tmpdir(), 'tinyelf-fuzz-')),
    tally: new Tally(),
  };
  await Promise.all(Array.from({ length: Number(values.workers) }, () => work(run)));
  console.log(`all programs: ${run.tally.summary()}`);
  if (run.tally.hasDifferences) return 1;
  rmSync(run.folder, { recursive: true });
  return 0;
}

/** Has a process of its own compare one program after the other. */
async function work({ numbers, firstSeed, generators, tools, folder, tally }: Run): Promise<void> {
  const helper = new Helper<Task, Verdict>(WORKER, PATIENCE);
  for (let next = numbers.next(); !next.done; next = numbers.next()) {
    const generator = generators[next.value % generators.length]!;
    const seed = firstSeed + next.value;
    const kept = join(folder, `${generator}-${seed}`);
    const answer = await helper.ask({ generator, seed, folder: kept, tools });
    const verdict = typeof answer === 'string' ? lost(answer) : answer;
    if (verdict.kind === 'different') report(generator, seed, kept, verdict);
    else rmSync(kept, { recursive: true });
    tally.add(`${generator} ${verdict.kind}`);
    if (tally.programs % PROGRESS_EVERY === 0) console.log(`${tally.programs} programs: ${tally.summary()}`);
  }
  helper.end();
}

function lost(detail: string): Verdict {
  return { kind: 'different', detail, commands: [] };
}

/** How many programs of each generator came out how. */
class Tally {
  programs = 0;
  readonly #counts = new Map<string, number>();

  add(kind: string): void {
    this.programs++;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get hasDifferences(): boolean {
    return [...this.#counts.keys()].some((kind) => kind.endsWith('different'));
  }

  summary(): string {
    return [...this.#counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  }
}

function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', command]).status === 0;
}

function report(generator: Generator, seed: number, folder: string, { detail, commands }: Verdict): void {
  console.log(`DIFFERENT: ${generator}, seed ${seed}, in ${folder}\n  ${detail}\n  ${commands.join('\n  ')}`);
}

process.exitCode = await main();
