/** Writing the executable so that a failure leaves what was there before. */
import {
  closeSync,
  fchmodSync,
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
import { explainSystemError, isSystemError, pause } from './system.ts';

/** Thrown when the output cannot be written; the message names the file and the reason. */
export class OutputError extends Error {}

/** The path that stands for standard output. */
export const STANDARD_OUTPUT = '-';

/**
 * Writes an executable file. The bytes go into a temporary file in the same folder, which is then renamed, so
 * that at every moment the old file or the whole new one is there. A device such as /dev/null is written to.
 * @throws OutputError
 */
export function writeExecutable(path: string, bytes: Uint8Array): void {
  try {
    if (path === STANDARD_OUTPUT) writeAll(1, bytes);
    else if (isSpecialFile(path)) writeInPlace(path, bytes);
    else replaceFile(resolveLink(path), bytes);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OutputError(`cannot write ${path}: ${explainSystemError(error)}`);
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

/** Writes text to standard output, all of it, before the process may end. @throws OutputError */
export function writeText(text: string): void {
  writeExecutable(STANDARD_OUTPUT, new TextEncoder().encode(text));
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

function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = openSync(temporary, 'wx', 0o777);
  try {
    try {
      writeAll(file, bytes);
      fchmodSync(file, 0o777 & ~process.umask());
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes every byte; a pipe may be non-blocking and take a part at a time. */
function writeAll(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(file, bytes, written);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
      pause();
    }
  }
}
