/** Input files from disk and standard input. */
import { readFileSync, readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { copyInto } from '../elf/sections.ts';
import { type InputFiles, UnreadableFile } from '../inputs.ts';
import { explainSystemError, isSystemError, pause } from './system.ts';

/** The path that stands for standard input. */
const STANDARD_INPUT = '-';

/** Reads each file once, when it is first asked for. */
export class DiskFiles implements InputFiles {
  readonly #known = new Map<string, Uint8Array | undefined>();

  /** Paths of the files that were read, in the order in which they were asked for. */
  paths(): string[] {
    return [...this.#known].filter(([path, bytes]) => bytes && path !== STANDARD_INPUT).map(([path]) => path);
  }

  get(path: string): Uint8Array | undefined {
    if (!this.#known.has(path)) this.#known.set(path, read(path));
    return this.#known.get(path);
  }

  inflate(bytes: Uint8Array): Uint8Array | undefined {
    try {
      // Taken when it is needed, so that no other link waits for the module to load.
      return process.getBuiltinModule('node:zlib').inflateSync(bytes);
    } catch (error) {
      if (isSystemError(error)) return undefined;
      throw error;
    }
  }
}

function read(path: string): Uint8Array | undefined {
  try {
    return path === STANDARD_INPUT ? readStandardInput() : readFileSync(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new UnreadableFile(explainSystemError(error));
  }
}

const CHUNK = 65536;

/** Reads standard input to its end. It may be non-blocking, in which case reading says EAGAIN until data comes. */
function readStandardInput(): Uint8Array {
  if (isatty(0)) throw new UnreadableFile('standard input is a terminal; pipe an object into it');
  let bytes = new Uint8Array(CHUNK);
  let used = 0;
  for (;;) {
    if (used === bytes.length) bytes = copyInto(new Uint8Array(bytes.length * 2), bytes);
    const count = readSome(bytes, used);
    if (count === 0) return bytes.subarray(0, used);
    used += count;
  }
}

function readSome(bytes: Uint8Array, offset: number): number {
  for (;;) {
    try {
      return readSync(0, bytes, offset, bytes.length - offset, null);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
      pause();
    }
  }
}
