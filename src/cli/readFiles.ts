/** Files that commands read beside a link, and what is said of those that are no good. */
import { readFileSync } from 'node:fs';
import { FormatError } from '../diagnostics.ts';
import { type LinkMap, writtenSize } from '../explain/linkMap.ts';
import { readMap } from '../explain/readMap.ts';
import { STANDARD_INPUT } from '../node/files.ts';
import { writeMessage } from '../node/output.ts';
import { explainSystemError, isSystemError } from '../node/system.ts';
import { EXIT_LINK_ERROR } from './exitCodes.ts';
import { diagnosticOf, diagnosticsOf, exitCodeFor, reportFailure, writeFailure } from './failure.ts';
import { styleFor } from './style.ts';
import { UsageError } from './values.ts';

/** An error in one of the files that were named. */
export class FileError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Prints an error that has ended a command.
 * @param isJson on standard output, as a link with `--json` does
 * @returns the exit code
 */
export function reportFileFailure(error: unknown, isJson = false): number {
  if (isJson && !(error instanceof UsageError)) {
    const isFileError = error instanceof FileError;
    writeFailure(isFileError ? [diagnosticOf('bad-file', error)] : diagnosticsOf(error));
    return isFileError ? EXIT_LINK_ERROR : exitCodeFor(error);
  }
  if (!(error instanceof FileError)) return reportFailure('tinyelf', error);
  const { error: red, hint } = styleFor('stderr');
  writeMessage(`tinyelf: ${red('error:')} ${error.message}\n`);
  if (error.hint !== undefined) writeMessage(`  ${hint('hint:')} ${error.hint}\n`);
  return EXIT_LINK_ERROR;
}

/**
 * @param path `-` or 0 for standard input
 * @param hint what to do where there is no such file
 * @throws FileError
 */
export function readBytes(path: string | 0, hint?: string): Buffer {
  try {
    return readFileSync(path === STANDARD_INPUT ? 0 : path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new FileError(`cannot read ${path || 'standard input'}: ${explainSystemError(error)}`, hint);
  }
}

/** Does something with the contents of a file. @throws FileError if they are malformed */
export function explained<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FileError(`${file}: ${error.message}`, error.hint);
  }
}

/** Reads a map, or the one that lies beside an executable: that of `out` is `out.map.json`. @throws FileError */
export function loadMap(path: string): LinkMap {
  const bytes = readBytes(path);
  return isElf(bytes) ? loadBeside(path, bytes.length) : parse(path, bytes);
}

/** As `loadMap`. @returns undefined if that cannot be done; the reason has been printed */
export function tryLoadMap(path: string): LinkMap | undefined {
  try {
    return loadMap(path);
  } catch (error) {
    reportFileFailure(error);
    return undefined;
  }
}

/** @param size of the executable in bytes */
function loadBeside(path: string, size: number): LinkMap {
  const beside = `${path}.map.json`;
  const hint = `link ${path} with --map-json ${beside}`;
  const map = parse(beside, readBytes(beside, hint));
  const mapped = writtenSize(map);
  if (mapped === size) return map;
  throw new FileError(`${beside} is the map of a file of ${mapped} bytes; ${path} has ${size}`, hint);
}

function parse(path: string, bytes: Buffer): LinkMap {
  return explained(path, () => readMap(bytes.toString('utf8')));
}

/** Whether a file begins as ELF files do. */
export function isElf(bytes: Buffer): boolean {
  return bytes.subarray(0, 4).toString('latin1') === '\x7fELF';
}
