/** The process that tries programs for `run.ts`, one after the other. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { help } from '../helper.ts';
import { evaluate, type Verdict } from './evaluate.ts';
import { keep } from './finds.ts';
import { generate } from './generate.ts';
import { minimise } from './minimise.ts';

/** What the worker is asked for. */
export interface Task {
  readonly seed: number;
  readonly only: string | undefined;
  /** Folder of its own. */
  readonly scratch: string;
  readonly finds: string;
}

/** What has come of a program, and where the smallest one is kept that differs in the same way. */
export interface Answer {
  readonly verdict: Verdict;
  readonly folder: string | undefined;
}

/** Milliseconds that it may take to make a difference smaller. */
const MINIMISING = 1_800_000;

help<Task, Answer>(({ seed, only, scratch, finds }, asksForPatience) => {
  const folder = join(scratch, 'program');
  const model = generate(seed, only);
  const verdict = evaluate(model, folder);
  if (verdict.kind !== 'different') {
    rmSync(folder, { recursive: true });
    return { verdict, folder: undefined };
  }
  asksForPatience(MINIMISING);
  const smallest = minimise(model, (candidate) => evaluate(candidate, folder).mark === verdict.mark);
  rmSync(folder, { recursive: true });
  return { verdict, folder: keep(smallest, join(finds, `${seed}`)) };
});
