/** Links as a driver orders it, in this process: V8 has compiled the linker after a few links, and the next are quick. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseLdArgv } from '../src/cli/ldArgv.ts';
import type { InputFiles } from '../src/inputs.ts';
import { link } from '../src/link.ts';
import type { LinkOptions } from '../src/options.ts';
import { Recorder } from './recorder.ts';
import { spawnApart } from './spawnApart.ts';

type Make = (files: InputFiles, options: LinkOptions) => Uint8Array;

/**
 * What a driver tells its linker. The objects must be there.
 * @param args of the driver, which is gcc or like it
 * @param folder for its working directory
 */
export function recordWords(driver: string, args: readonly string[], folder: string): string[] {
  const recorder = new Recorder(join(folder, 'recorder'));
  const { status, stderr } = spawnApart(driver, [...recorder.flags, ...args], { cwd: folder });
  if (status !== 0) throw new Error(`${driver} ${args.join(' ')}: ${stderr}`);
  return recorder.words();
}

/**
 * Links with tinyelf from its sources.
 * @param words as ld.tinyelf takes them, without response files
 * @param folder in which relative paths begin
 * @param make what makes a file of the inputs: a link if not given
 * @throws LinkError
 */
export function linkWords(
  words: readonly string[],
  folder: string,
  output: string,
  make: Make = (files, options) => link(files, options).bytes,
): void {
  const inFolder = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const { options } = parseLdArgv(words, () => undefined);
  const bytes = make({ get: (path) => readFile(inFolder(path)) }, options);
  writeFileSync(inFolder(output), bytes);
  chmodSync(inFolder(output), 0o755);
}

function readFile(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
