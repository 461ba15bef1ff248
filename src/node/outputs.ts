/** The files that a command writes: all of them, or none. */
import { closeSync, openSync } from 'node:fs';
import { OutputError, STANDARD_OUTPUT, writeAll, writeText } from './output.ts';
import { descriptorOf, isInPlace, Replacement } from './replacement.ts';
import { explainSystemError, isSystemError } from './system.ts';

/** Permissions of files, less what the umask takes. */
export const EXECUTABLE = 0o777;
export const PLAIN = 0o666;

/** A file to write. */
export interface Output {
  /** `-` for standard output. */
  readonly path: string;
  readonly content: Uint8Array | string;
  readonly mode: number;
}

/**
 * Files that are prepared first, where everything can fail that usually does, and then put in their places one after the
 * other, the last added last.
 */
export class Outputs {
  readonly #inPlace: Output[] = [];
  readonly #replacements: Replacement[] = [];

  /** Prepares a file. @throws OutputError */
  add(output: Output): void {
    if (isInPlace(output.path)) this.#inPlace.push(output);
    else this.#replacements.push(Replacement.of(output.path, output.mode, bytesOf(output)));
  }

  /** Takes a file that has been written in parts. @throws OutputError */
  take(replacement: Replacement): void {
    this.#replacements.push(replacement);
    replacement.seal();
  }

  /** Writes what takes no preparation, as to devices and pipes, and puts the others in their places. @throws OutputError */
  commit(): void {
    for (const output of this.#inPlace) writeInPlace(output);
    for (const replacement of this.#replacements) replacement.commit();
  }

  /** Removes what is not in its place. */
  discard(): void {
    for (const replacement of this.#replacements) replacement.discard();
  }
}

/** Writes files, or none of them. @throws OutputError */
export function writeOutputs(...files: readonly Output[]): void {
  const outputs = new Outputs();
  try {
    for (const file of files) outputs.add(file);
    outputs.commit();
  } finally {
    outputs.discard();
  }
}

function bytesOf({ content }: Output): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content;
}

function writeInPlace(output: Output): void {
  const { path, content } = output;
  if (path === STANDARD_OUTPUT && typeof content === 'string') {
    writeText(content);
    return;
  }
  try {
    const open = path === STANDARD_OUTPUT ? { process: process.pid, number: 1 } : descriptorOf(path);
    // Opened anew, a file would begin from the start, and a socket cannot be.
    if (open?.process === process.pid) writeAll(open.number, bytesOf(output));
    else writeTo(path, bytesOf(output));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OutputError(`cannot write ${path}: ${explainSystemError(error)}`);
  }
}

function writeTo(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w');
  try {
    writeAll(file, bytes);
  } finally {
    closeSync(file);
  }
}
