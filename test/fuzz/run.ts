/**
 * `npm run fuzz -- --minutes N [--seed S] [--target objects|archives|scripts|argv|maps|all] [--finds DIR]`: fuzzes the
 * linker. What it finds is written to the folder, each input with a text that says what it does. The exit status is 1
 * if anything was found. The work is done by a process of its own, so that an input that never ends, or takes all
 * memory, is a find too.
 */
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Find, Progress } from './engine.ts';
import { TARGETS } from './targets.ts';

/** What the worker is asked for. */
export interface Task {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  /** File that holds the input that is being tried. */
  readonly current: string;
}

/** What the worker says. */
export type Message =
  | { readonly kind: 'find'; readonly find: Omit<Find, 'bytes'> & { readonly bytes: string } }
  | { readonly kind: 'progress'; readonly target: string; readonly progress: Progress };

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Milliseconds without a word after which a worker hangs: it reports every second. */
const PATIENCE = 30_000;

interface Settings {
  readonly finds: string;
  readonly current: string;
}

let count = 0;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      target: { type: 'string', default: 'all' },
      finds: { type: 'string', default: 'fuzz-finds' },
    },
  });
  const targets = values.target === 'all' ? Object.keys(TARGETS) : [values.target];
  const unknown = targets.find((target) => !Object.hasOwn(TARGETS, target));
  if (unknown !== undefined)
    throw new Error(`no target ${unknown}; there are ${Object.keys(TARGETS).join(', ')}, all`);
  const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-fuzz-'));
  const settings = { finds: values.finds, current: join(scratch, 'current') };
  const seconds = (Number(values.minutes) * 60) / targets.length;
  for (const target of targets) await fuzz(target, Number(values.seed), seconds, settings);
  rmSync(scratch, { recursive: true });
  console.log(count === 0 ? 'nothing found' : `${count} finds in ${values.finds}`);
  return count === 0 ? 0 : 1;
}

/** Fuzzes one target; a worker that dies or hangs is followed by another one with the time that is left. */
async function fuzz(target: string, seed: number, seconds: number, settings: Settings): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (let attempt = 0; Date.now() < end; attempt++) {
    const left = (end - Date.now()) / 1000;
    const task: Task = { target, seed: seed + attempt * 1_000_003, seconds: left, current: settings.current };
    const problem = await runWorker(task, settings);
    if (problem === undefined) return;
    save({ target, round: -1, detail: problem, bytes: readFileSync(settings.current) }, settings);
  }
}

/** @returns what ended the worker before its time, if anything did */
function runWorker(task: Task, settings: Settings): Promise<string | undefined> {
  return new Promise((resolve) => {
    const worker = fork(WORKER, { serialization: 'json' });
    let last: Progress | undefined;
    let problem: string | undefined;
    const hangs = () => {
      problem = 'does not end';
      worker.kill('SIGKILL');
    };
    let timer = setTimeout(hangs, PATIENCE);
    worker.on('message', (message: Message) => {
      clearTimeout(timer);
      timer = setTimeout(hangs, PATIENCE);
      if (message.kind === 'progress') last = message.progress;
      else save({ ...message.find, bytes: Buffer.from(message.find.bytes, 'base64') }, settings);
    });
    worker.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (last)
        console.log(`${task.target}: ${last.trials} inputs, ${last.corpus} kept, ${last.blocks} blocks`);
      resolve(problem ?? (code === 0 ? undefined : `ended the process: ${signal ?? code}`));
    });
    worker.send(task);
  });
}

function save({ target, round, detail, bytes }: Find, { finds }: Settings): void {
  mkdirSync(finds, { recursive: true });
  const path = join(finds, `${target}-${++count}`);
  writeFileSync(path, bytes);
  writeFileSync(`${path}.txt`, `round ${round}\n${detail}\n`);
  console.log(`FOUND ${path}: ${detail.split('\n', 1)[0]}`);
}

process.exitCode = await main();
