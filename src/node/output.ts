/** Standard output and standard error, and writing of bytes. */
import { writeSync } from 'node:fs';
import { explainSystemError, isSystemError, pause } from './system.ts';

/** Thrown when the output cannot be written; the message names the file and the reason. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** The path that stands for standard output. */
export const STANDARD_OUTPUT = '-';

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

/** Bytes that the system takes at a time, and Node as well. */
const MAX_WRITE = 2 ** 30;

/** Writes every byte; a pipe may be non-blocking and take a part at a time. @param position in the file, if it has one */
export function writeAll(file: number, bytes: Uint8Array, position?: number): void {
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
