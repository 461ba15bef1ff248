/** The folder where benches keep what they compile, so that the next run need not do it again. */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './tools.ts';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url));

/** A folder of the cache, which is made if it is not there. */
export function cacheFolder(name: string): string {
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Whether a file has to be made: it is not there, or older than what it is made from. */
export function isStale(file: string, source: string): boolean {
  const made = statSync(file, { throwIfNoEntry: false });
  return made === undefined || made.mtimeMs < statSync(source).mtimeMs;
}

/** Compiles a source file unless its output is newer. @throws if the compiler fails */
export function compile(driver: string, source: string, output: string, flags: readonly string[]): void {
  if (isStale(output, source)) mustRun(driver, [...flags, source, '-o', output]);
}

/** Runs a command that must succeed. @returns what it printed @throws with its errors if it fails */
export function mustRun(command: string, args: readonly string[], folder?: string): string {
  const { code, stdout, stderr, found } = run(command, args, folder);
  if (!found) throw new Error(`${command} is not installed`);
  if (code !== 0) throw new Error(`${command} fails: ${stderr}`);
  return stdout;
}
