/** Links as compiler drivers order them, kept as response files that any linker can be given. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, mustRun } from './cache.ts';
import type { LinkInput } from './linkers.ts';

/** What the driver finds in place of its linker: it writes its words down and links nothing. */
const RECORDER = `#!/bin/sh
printf '%s\\0' "$@" > "$(dirname "$0")/words"
`;

/** What every link in the benches does besides what its driver orders. */
const COMMON = ['--gc-sections', '-s', '--build-id=none'];

/** For gcc: how to call the recorder and no plugin, which not every linker can load. */
export const GCC_FLAGS = [`-B${recorderFolder()}`, '-fno-use-linker-plugin'];

/**
 * Runs a driver with GCC_FLAGS among its arguments, and keeps what it tells its linker in `folder`/`name`.rsp.
 * Objects that the driver names must outlive its run.
 */
export function captureLink(
  folder: string,
  name: string,
  driver: string,
  args: readonly string[],
): LinkInput {
  mustRun(driver, args, folder);
  const words = readFileSync(join(recorderFolder(), 'words'), 'utf8').split('\0').slice(0, -1);
  const response = join(folder, `${name}.rsp`);
  writeFileSync(response, [...withoutOutput(words), ...COMMON].map((word) => `${quote(word)}\n`).join(''));
  return { folder, response };
}

function recorderFolder(): string {
  const folder = cacheFolder('recorder');
  const recorder = join(folder, 'ld');
  writeFileSync(recorder, RECORDER);
  chmodSync(recorder, 0o755);
  return folder;
}

function withoutOutput(words: readonly string[]): string[] {
  return words.filter((word, i) => word !== '-o' && words[i - 1] !== '-o');
}

/** A word as response files have it, where quotes and backslashes mean something. */
function quote(word: string): string {
  return /^[\w./+=:,@-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}
