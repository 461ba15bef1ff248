/** Writing the executable so that a failure leaves what was there before. */
import {
  closeSync,
  fchmodSync,
  ftruncateSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ImageSink } from '../image.ts';
import { explainSystemError, isSystemError, pause } from './system.ts';

/** Thrown when the output cannot be written; the message names the file and the reason. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/** The path that stands for standard output. */
export const STANDARD_OUTPUT = '-';

/**
 * Writes an executable file. The bytes go into a temporary file in the same folder, which is then renamed, so
 * that at every moment the old file or the whole new one is there. A device such as /dev/null is written to.
 * @throws OutputError
 */
export function writeExecutable(path: string, bytes: Uint8Array): void {
  writeWhole(path, bytes, 0o777);
}

/** Writes a text file as a whole, like an executable; `-` is standard output. @throws OutputError */
export function replaceText(path: string, text: string): void {
  if (path === STANDARD_OUTPUT) writeText(text);
  else writeWhole(path, new TextEncoder().encode(text), 0o666);
}

/** @param mode permissions of the file, less what the umask takes */
function writeWhole(path: string, bytes: Uint8Array, mode: number): void {
  try {
    if (path === STANDARD_OUTPUT) writeAll(1, bytes);
    else if (isSpecialFile(path)) writeInPlace(path, bytes);
    else replaceFile(resolveLink(path), bytes, mode);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OutputError(`cannot write ${path}: ${explainSystemError(error)}`);
  }
}

/**
 * An executable or other file that comes in parts. They go into a temporary file, as with `writeExecutable`, but for special
 * files and standard output, which take no parts.
 */
export class ExecutableParts implements ImageSink {
  readonly #path: string;
  readonly #mode: number;
  #open: { readonly temporary: string; readonly file: number } | undefined;

  /** @param mode permissions of the file, of which umask takes some */
  constructor(path: string, mode = 0o777) {
    this.#path = path;
    this.#mode = mode;
  }

  /** Whether a file can be written in parts. */
  static canTake(path: string): boolean {
    try {
      return path !== STANDARD_OUTPUT && !isSpecialFile(path);
    } catch {
      // What is wrong is said when the file is written.
      return false;
    }
  }

  /** The file gets its size at once: one that grows with every part costs the file system more. @throws OutputError */
  begin(size: number): void {
    this.#try(() => {
      this.#open = openTemporary(resolveLink(this.#path));
      ftruncateSync(this.#open.file, size);
    });
  }

  /** @throws OutputError */
  write(bytes: Uint8Array, position: number): void {
    this.#try(() => writeAll(this.#open!.file, bytes, position));
  }

  /** @throws OutputError */
  end(size: number): void {
    this.#try(() => ftruncateSync(this.#open!.file, size));
  }

  /** Puts the file in its place. @throws OutputError */
  finish(): void {
    this.#try(() => {
      const { temporary, file } = this.#open!;
      fchmodSync(file, this.#mode & ~process.umask());
      closeSync(file);
      renameSync(temporary, resolveLink(this.#path));
      this.#open = undefined;
    });
  }

  /** Leaves nothing behind, unless the file is finished. */
  discard(): void {
    if (!this.#open) return;
    const { temporary, file } = this.#open;
    this.#open = undefined;
    closeSync(file);
    rmSync(temporary, { force: true });
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw new OutputError(`cannot write ${this.#path}: ${explainSystemError(error)}`);
    }
  }
}

/** Writes a text file; `-` is standard output. @throws OutputError */
export function writeFile(path: string, text: string): void {
  try {
    if (path === STANDARD_OUTPUT) writeText(text);
    else writeFileSync(path, text);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OutputError(`cannot write ${path}: ${explainSystemError(error)}`);
  }
}

/**
 * Writes text to standard output, all of it, before the process may end, or until nobody reads it any more.
 * @throws OutputError
 */
export function writeText(text: string): void {
  tryText(text);
}

/** @returns whether somebody has read it */
function tryText(text: string): boolean {
  try {
    writeAll(1, new TextEncoder().encode(text));
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'EPIPE') return false;
    throw new OutputError(`cannot write ${STANDARD_OUTPUT}: ${explainSystemError(error)}`);
  }
}

/** Characters that are written at a time. */
const CHUNK = 65536;

/**
 * Writes lines to standard output while they are made, until nobody reads them any more: then no more are made.
 * @throws OutputError
 */
export function writeLines(lines: Iterable<string>): void {
  let text = '';
  for (const line of lines) {
    text += line;
    if (text.length < CHUNK) continue;
    if (!tryText(text)) return;
    text = '';
  }
  tryText(text);
}

/** Writes a message to standard error, all of it, before the process may end. Where that is closed, nobody is told. */
export function writeMessage(text: string): void {
  try {
    writeAll(2, new TextEncoder().encode(text));
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

function isSpecialFile(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory()) throw new OutputError(`cannot write ${path}: it is a directory`);
  return status !== undefined && !status.isFile();
}

/** A symbolic link stays; the file it points to is replaced. */
function resolveLink(path: string): string {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status?.isSymbolicLink() && statSync(path, { throwIfNoEntry: false }) ? realpathSync(path) : path;
}

function writeInPlace(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w');
  try {
    writeAll(file, bytes);
  } finally {
    closeSync(file);
  }
}

/** A new file in the folder of the one that it will replace. */
function openTemporary(path: string): { temporary: string; file: number } {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  return { temporary, file: openSync(temporary, 'wx', 0o777) };
}

function replaceFile(path: string, bytes: Uint8Array, mode: number): void {
  const { temporary, file } = openTemporary(path);
  try {
    try {
      writeAll(file, bytes);
      fchmodSync(file, mode & ~process.umask());
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Bytes that the system takes at a time, and Node as well. */
const MAX_WRITE = 2 ** 30;

/** Writes every byte; a pipe may be non-blocking and take a part at a time. @param position in the file, if it has one */
function writeAll(file: number, bytes: Uint8Array, position?: number): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      const at = position === undefined ? null : position + written;
      const size = Math.min(bytes.length - written, MAX_WRITE);
      written += writeSync(file, bytes, written, size, at);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
      pause();
    }
  }
}
