/**
 * Starts commands from a process that stays small. Linux copies the page tables of a process that starts another one;
 * those of tests are large, and on a virtual machine that takes longer than most of what they start.
 */
import { type SpawnSyncOptions, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';

const SPAWNER = fileURLToPath(new URL('spawner.cjs', import.meta.url));

/** The process that starts others, which waits for a byte on one pipe and answers with one on another. */
class Spawner {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tinyelf-spawner-'));
  readonly #requests: number;
  readonly #responses: number;

  constructor() {
    const pipes = ['requests', 'responses'].map((name) => join(this.#folder, name)) as [string, string];
    const { status } = spawnSync('mkfifo', pipes, { stdio: 'inherit' });
    if (status !== 0) throw new Error('mkfifo has failed');
    spawn(process.execPath, [SPAWNER, this.#folder], { stdio: ['ignore', 'ignore', 'inherit'] }).unref();
    this.#requests = openSync(pipes[0], 'w');
    this.#responses = openSync(pipes[1], 'r');
  }

  run(command: string, args: readonly string[], options: SpawnSyncOptions): SpawnSyncReturns<Buffer> {
    writeFileSync(join(this.#folder, 'request'), serialize([command, args, options]));
    writeSync(this.#requests, '\n');
    if (readSync(this.#responses, Buffer.alloc(1)) === 0)
      throw new Error('the process that starts others has ended');
    const { failure, ...result } = deserialize(readFileSync(join(this.#folder, 'response')));
    return failure ? { ...result, error: Object.assign(new Error(failure.message), failure) } : result;
  }
}

let spawner: Spawner | undefined;

/** As `spawnSync` of Node.js; output is bytes. */
export function spawnApart(
  command: string,
  args: readonly string[],
  options: Omit<SpawnSyncOptions, 'encoding'> = {},
): SpawnSyncReturns<Buffer> {
  spawner ??= new Spawner();
  return spawner.run(command, args, { cwd: process.cwd(), env: { ...process.env }, ...options });
}
