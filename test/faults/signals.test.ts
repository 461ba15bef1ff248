/** Signals in the middle of a link, and links to one file at the same time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, scratchFolder, TINYELF } from '../run.ts';
import { EXIT42, LARGE, leftovers, objectWithData } from './faults.ts';

const folder = scratchFolder();
const objects = ['a', 'b'].map((name) => join(folder, `${name}.o`));

/** Larger than others need it: writing it has to take a while. */
const SIZE = 6 * LARGE;

beforeAll(() => {
  writeFileSync(objects[0]!, objectWithData(SIZE));
  writeFileSync(objects[1]!, objectWithData(LARGE));
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function start(cwd: string, ...words: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [TINYELF, 'link', ...words], { cwd, stdio: 'ignore' });
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  );
  return { child, ended };
}

/**
 * Starts a link and stops it as soon as it has a temporary file.
 * @returns undefined if it was quicker
 */
async function stopInTheMiddle(
  cwd: string,
  ...words: string[]
): Promise<ReturnType<typeof start> | undefined> {
  const started = start(cwd, ...words);
  while (leftovers(cwd).length === 0 && started.child.exitCode === null)
    await new Promise((resolve) => setImmediate(resolve));
  started.child.kill('SIGSTOP');
  if (leftovers(cwd).length > 0) return started;
  started.child.kill('SIGCONT');
  await started.ended;
  return undefined;
}

describe('a signal in the middle', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends the link, and leaves only the old file',
    async (signal) => {
      const cwd = join(folder, signal);
      mkdirSync(cwd);
      let stopped: Awaited<ReturnType<typeof stopInTheMiddle>>;
      while (!stopped) {
        writeFileSync(join(cwd, 'out'), 'old');
        stopped = await stopInTheMiddle(cwd, objects[0]!, '-o', 'out', '--map-json', 'map');
      }
      stopped.child.kill(signal);
      stopped.child.kill('SIGCONT');
      expect(await stopped.ended).toEqual({ code: null, signal });
      expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe('old');
      expect(readdirSync(cwd)).toEqual(['out']);
    },
  );

  it('that cannot be caught leaves a file that no later link trips over', async () => {
    const cwd = join(folder, 'killed');
    mkdirSync(cwd);
    let stopped: Awaited<ReturnType<typeof stopInTheMiddle>>;
    while (!stopped) stopped = await stopInTheMiddle(cwd, objects[0]!, '-o', 'out');
    stopped.child.kill('SIGKILL');
    expect((await stopped.ended).signal).toBe('SIGKILL');
    expect(await start(cwd, EXIT42, '-o', 'out').ended).toEqual({ code: 0, signal: null });
    expect(run(join(cwd, 'out'), []).code).toBe(42);
  });
});

describe('links to one file at the same time', () => {
  it('all end well, and one of them has written the file', async () => {
    const cwd = join(folder, 'together');
    mkdirSync(cwd);
    const inputs = [EXIT42, objects[1]!, EXIT42, objects[1]!];
    const ends = await Promise.all(
      inputs.map((input) => start(cwd, input, '-o', 'out', '--map', 'map').ended),
    );
    expect(ends).toEqual(inputs.map(() => ({ code: 0, signal: null })));
    expect(readdirSync(cwd).sort()).toEqual(['map', 'out']);
    const { length } = readFileSync(join(cwd, 'out'));
    expect(length === 80 || length > LARGE).toBe(true);
    expect(run(join(cwd, 'out'), []).code).toBe(42);
  });
});
