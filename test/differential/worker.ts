/** The process that tries programs for `run.ts`, one after the other. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
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

/** What it says: first that it is making a difference smaller, which takes its time, then what has come of it. */
export type Message =
  | { readonly kind: 'minimising' }
  | { readonly kind: 'done'; readonly verdict: Verdict; readonly folder: string | undefined };

process.on('message', (task: Task) => {
  const folder = join(task.scratch, 'program');
  const model = generate(task.seed, task.only);
  const verdict = evaluate(model, folder);
  if (verdict.kind !== 'different') {
    rmSync(folder, { recursive: true });
    tell({ kind: 'done', verdict, folder: undefined });
    return;
  }
  tell({ kind: 'minimising' });
  const smallest = minimise(model, (candidate) => evaluate(candidate, folder).mark === verdict.mark);
  rmSync(folder, { recursive: true });
  tell({ kind: 'done', verdict, folder: keep(smallest, join(task.finds, `${task.seed}`)) });
});

function tell(message: Message): void {
  process.send!(message);
}
