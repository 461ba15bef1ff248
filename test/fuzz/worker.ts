/** The process that fuzzes for `run.ts`: it tells what it finds, and once a second how far it is. */
import { ftruncateSync, openSync, writeSync } from 'node:fs';
import { randomNumbers } from '../elf/make.ts';
import { Engine, type Listener } from './engine.ts';
import type { Message, Task } from './run.ts';
import { TARGETS } from './targets.ts';

process.once('message', (task: Task) => work(task));

function work({ target, seed, seconds, current }: Task): void {
  const file = openSync(current, 'w');
  const listener: Listener = {
    begin(_target, bytes) {
      ftruncateSync(file, bytes.length);
      writeSync(file, bytes, 0, bytes.length, 0);
    },
    find: (find) =>
      tell({ kind: 'find', find: { ...find, bytes: Buffer.from(find.bytes).toString('base64') } }),
  };
  const engine = new Engine(target, TARGETS[target]!(), randomNumbers(seed), listener);
  const end = performance.now() + seconds * 1000;
  const turn = () => {
    const pause = performance.now() + 1000;
    while (performance.now() < Math.min(pause, end)) engine.step();
    if (performance.now() < end) tell({ kind: 'progress', target, progress: engine.progress });
    if (performance.now() < end) setImmediate(turn);
    else
      process.send!({ kind: 'progress', target, progress: engine.progress } satisfies Message, () =>
        process.disconnect(),
      );
  };
  turn();
}

function tell(message: Message): void {
  process.send!(message);
}
