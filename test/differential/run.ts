/**
 * `npm run test:differential -- [--programs 1000] [--seed S] [--only KIND] [--workers 2] [--finds DIR]`: generates
 * programs, has each linked by tinyelf, GNU ld and lld, runs what they make, and compares. What differs is made small
 * and kept. The exit status is 1 if anything differed. `--model FILE` tries one program that was kept.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Helper } from '../helper.ts';
import { evaluate, type Verdict } from './evaluate.ts';
import { generate } from './generate.ts';
import { KINDS } from './kinds/index.ts';
import type { Model } from './model.ts';
import { Tally } from './tally.ts';
import type { Answer, Task } from './worker.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));
const PROGRESS_EVERY = 50;
/** Milliseconds that one program may take with all its links; then the link in the worker's process hangs. */
const PATIENCE = 300_000;

interface Settings {
  readonly programs: number;
  readonly seed: number;
  readonly only: string | undefined;
  readonly finds: string;
  readonly scratch: string;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      programs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      workers: { type: 'string', default: '2' },
      finds: { type: 'string', default: 'differential-finds' },
      model: { type: 'string' },
    },
  });
  if (values.model !== undefined) return tryModel(values.model);
  if (values.only !== undefined && !Object.hasOwn(KINDS, values.only))
    throw new Error(`no kind ${values.only}; there are ${Object.keys(KINDS).join(', ')}`);
  const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-differential-'));
  const settings = {
    programs: Number(values.programs),
    seed: Number(values.seed),
    only: values.only,
    finds: values.finds,
    scratch,
  };
  const tally = new Tally();
  const seeds = Array.from({ length: settings.programs }, (_, k) => settings.seed + k).values();
  const workers = Array.from({ length: Number(values.workers) }, (_, k) => work(k, seeds, settings, tally));
  await Promise.all(workers);
  rmSync(scratch, { recursive: true });
  console.log(tally.report());
  return tally.differences === 0 ? 0 : 1;
}

function tryModel(path: string): number {
  const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-differential-'));
  const model: Model = JSON.parse(readFileSync(path, 'utf8'));
  const { kind, detail } = evaluate(model, join(scratch, 'program'));
  rmSync(scratch, { recursive: true });
  console.log(`${kind}\n${detail}`);
  return kind === 'different' ? 1 : 0;
}

/** Has a process of its own try one seed after the other. */
async function work(
  number: number,
  seeds: Iterator<number>,
  settings: Settings,
  tally: Tally,
): Promise<void> {
  const scratch = join(settings.scratch, `${number}`);
  mkdirSync(scratch);
  const helper = new Helper<Task, Answer>(WORKER, PATIENCE);
  for (let next = seeds.next(); !next.done; next = seeds.next()) {
    const seed = next.value;
    const answer = await helper.ask({ seed, only: settings.only, scratch, finds: settings.finds });
    const { verdict, folder } = typeof answer === 'string' ? lost(answer) : answer;
    tally.add(generate(seed, settings.only), verdict);
    if (verdict.kind === 'different') report(seed, verdict, folder);
    if (tally.programs % PROGRESS_EVERY === 0) console.log(tally.progress());
  }
  helper.end();
}

function lost(detail: string): Answer {
  const verdict: Verdict = { kind: 'different', detail, mark: 'lost', way: undefined, features: [] };
  return { verdict, folder: undefined };
}

function report(seed: number, { mark, detail, way }: Verdict, folder: string | undefined): void {
  const words = way ? ` with ${way.words.join(' ') || 'no options'}` : '';
  const place = folder === undefined ? '' : `\n  smallest: ${folder}/reproduce.sh`;
  console.log(`DIFFERENT: seed ${seed}${words}: ${mark}\n  ${detail.replaceAll('\n', '\n  ')}${place}`);
}

process.exitCode = await main();
