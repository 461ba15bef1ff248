/** Links files with the built command line and runs what comes of it. */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { LD_TINYELF, run } from '../run.ts';
import { RIGHT } from './code.ts';

/** Links in a folder; the program must find itself right. @returns the size of its file in bytes */
export function linkAndRun(folder: string, args: readonly string[]): number {
  const output = join(folder, 'program');
  rmSync(output, { force: true });
  const linked = run(process.execPath, [LD_TINYELF, ...args, '-o', output], { cwd: folder });
  expect({ code: linked.code, signal: linked.signal, stderr: linked.stderr }).toEqual({
    code: 0,
    signal: null,
    stderr: '',
  });
  const { code, signal } = run(output, []);
  expect({ code, signal }).toEqual({ code: RIGHT, signal: null });
  return statSync(output).size;
}

/** Writes files into a folder of their own. @returns the folder */
export function writeFiles(folder: string, name: string, files: ReadonlyMap<string, Uint8Array>): string {
  const own = join(folder, name);
  mkdirSync(own);
  for (const [path, bytes] of files) writeFileSync(join(own, path), bytes);
  return own;
}
