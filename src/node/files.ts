/** Input files from disk and standard input. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { copyInto } from '../elf/sections.ts';
import { type InputFile, type InputFiles, MemoryFile, UnreadableFile } from '../inputs.ts';
import { explainSystemError, isSystemError, pause } from './system.ts';

/** The path that stands for standard input. */
const STANDARD_INPUT = '-';

/** A file that is not larger is read at once: as a rule all of it is wanted. */
const SMALL = 65536;

/** Files that are held open; reading one of others opens it again. */
const MAX_OPEN = 200;

/** Opens each file when it is first asked for, and reads parts of it as they are wanted. */
export class DiskFiles implements InputFiles {
  readonly #known = new Map<string, InputFile | undefined>();
  readonly #open: DiskFile[] = [];

  /** Paths of the files that were read, in the order in which they were asked for. */
  paths(): string[] {
    return [...this.#known].filter(([path, file]) => file && path !== STANDARD_INPUT).map(([path]) => path);
  }

  get(path: string): Uint8Array | undefined {
    const file = this.open(path);
    if (!file || file.bytes) return file?.bytes;
    const bytes = new Uint8Array(file.size);
    file.read(bytes, 0);
    return bytes;
  }

  open(path: string): InputFile | undefined {
    if (!this.#known.has(path)) this.#known.set(path, this.#openPath(path));
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

  #openPath(path: string): InputFile | undefined {
    try {
      if (path === STANDARD_INPUT) return new MemoryFile(readStandardInput());
      const descriptor = openSync(path, 'r');
      const status = fstatSync(descriptor);
      if (!status.isFile() || status.size <= SMALL) {
        try {
          return new MemoryFile(
            status.isFile() ? readSmall(descriptor, status.size) : readFileSync(descriptor),
          );
        } finally {
          closeSync(descriptor);
        }
      }
      const file = new DiskFile(path, descriptor, status.size, status.mtimeMs);
      if (this.#open.push(file) > MAX_OPEN) this.#open.shift()!.close();
      return file;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw new UnreadableFile(explainSystemError(error));
    }
  }
}

/** A file on disk, of which parts are read. */
class DiskFile implements InputFile {
  readonly size: number;
  readonly #path: string;
  readonly #modified: number;
  #descriptor: number;

  constructor(path: string, descriptor: number, size: number, modified: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.size = size;
    this.#modified = modified;
  }

  read(target: Uint8Array, position: number): void {
    try {
      if (this.#descriptor < 0) this.#reopen();
      let filled = 0;
      while (filled < target.length) {
        const count = readSync(this.#descriptor, target, filled, target.length - filled, position + filled);
        if (count === 0) throw new UnreadableFile('the file became shorter while it was read');
        filled += count;
      }
    } catch (error) {
      if (isSystemError(error)) throw new UnreadableFile(explainSystemError(error));
      throw error;
    }
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #reopen(): void {
    this.#descriptor = openSync(this.#path, 'r');
    const { size, mtimeMs } = fstatSync(this.#descriptor);
    if (size !== this.size || mtimeMs !== this.#modified) {
      throw new UnreadableFile('the file changed while it was read');
    }
  }
}

/** Reads a file of a known size; it may have become shorter. */
function readSmall(descriptor: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const count = readSync(descriptor, bytes, filled, size - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

const CHUNK = 65536;

/** Reads standard input to its end. It may be non-blocking, in which case reading says EAGAIN until data comes. */
function readStandardInput(): Uint8Array {
  // Taken when it is needed, like zlib.
  if (process.getBuiltinModule('node:tty').isatty(0))
    throw new UnreadableFile('standard input is a terminal; pipe an object into it');
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
