/** Links as compiler drivers order them, kept as response files that any linker can be given. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Recorder } from '../test/recorder.ts';
import { cacheFolder, mustRun } from './cache.ts';
import type { LinkInput } from './linkers.ts';

/** What every link in the benches does besides what its driver orders. */
const COMMON = ['--gc-sections', '-s', '--build-id=none'];

const RECORDER = new Recorder(cacheFolder('recorder'));

/** For gcc, whose link is to be captured. */
export const GCC_FLAGS = RECORDER.flags;

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
  const response = join(folder, `${name}.rsp`);
  writeFileSync(
    response,
    [...withoutOutput(RECORDER.words()), ...COMMON].map((word) => `${quote(word)}\n`).join(''),
  );
  return { folder, response };
}

function withoutOutput(words: readonly string[]): string[] {
  return words.filter((word, i) => word !== '-o' && words[i - 1] !== '-o');
}

/** A word as response files have it, where quotes and backslashes mean something. */
function quote(word: string): string {
  return /^[\w./+=:,@-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}
