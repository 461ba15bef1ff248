/** Running programs in tests: the command line, linked executables, compilers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { spawnApart } from './spawnApart.ts';

const BIN = fileURLToPath(new URL('../bin', import.meta.url));

/** Paths of the two commands as they are installed. */
export const TINYELF = join(BIN, 'tinyelf.js');
export const LD_TINYELF = join(BIN, 'ld.tinyelf.js');

export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the command is ended. */
  readonly timeout?: number;
}

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Outcome {
  const { status, signal, stdout, stderr, error } = spawnApart(command, args, {
    input: options.input ?? '',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    maxBuffer: 2 ** 28,
    timeout: options.timeout ?? 100_000,
  });
  if (error) throw error;
  return { code: status, signal, stdout, stderr: stderr.toString() };
}

/** Runs `tinyelf` with these arguments. */
export function tinyelf(args: readonly string[], options: RunOptions = {}): Outcome {
  return run(process.execPath, [TINYELF, ...args], options);
}

/**
 * Whether a command is installed. In CI everything must be, so that no test is skipped there unnoticed, but for
 * what TINYELF_WITHOUT names.
 */
export function hasTool(command: string): boolean {
  const found = spawnApart('sh', ['-c', 'command -v "$0"', command]).status === 0;
  const isExcused = process.env.TINYELF_WITHOUT?.split(' ').includes(command) === true;
  if (!found && process.env.CI && !isExcused)
    throw new Error(`${command} is not installed; CI must not skip tests that need it`);
  return found;
}

/** A folder of its own for a test file, removed afterwards. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
