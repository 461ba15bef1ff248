/** `tinyelf pack`: packs an executable of any linker. A file of its own in the build: links are not to wait for it. */

import { STANDARD_OUTPUT, writeMessage, writeText } from '../node/output.ts';
import { EXECUTABLE, writeOutputs } from '../node/outputs.ts';
import { mayBeTerminal } from '../node/terminal.ts';
import { type PackedProgram, packProgram } from '../packed/packProgram.ts';
import { formatPacked } from '../report/linkMap.ts';
import { EXIT_OK } from './exitCodes.ts';
import { packingFor } from './packing.ts';
import { packRequest } from './packRequest.ts';
import { Progress } from './progress.ts';
import { explained, readBytes, reportFileFailure } from './readFiles.ts';
import { styleFor } from './style.ts';
import { UsageError } from './values.ts';

/** What a command line of `tinyelf pack` says. */
export interface PackWords {
  readonly file: string;
  readonly output: string;
  readonly packMethod: string;
  readonly packEffort?: string;
  readonly packTime?: string;
  readonly packThreads?: string;
  readonly segments: 'joined' | 'split';
  readonly json?: boolean;
}

/** Packs and writes an executable. What packing makes no smaller is copied. @returns the exit code */
export function packFile(words: PackWords): number {
  const started = performance.now();
  try {
    const { file, output, packMethod, segments, json } = words;
    if (json && output === STANDARD_OUTPUT) throw new UsageError('--json and -o - both need standard output');
    const progress = json ? undefined : new Progress('tinyelf');
    const packing = packingFor(packRequest({ ...words, pack: packMethod })!, progress);
    const bytes = readBytes(file);
    const result = explained(file, () =>
      quietly(progress, () => packProgram(bytes, { segments }, packing())),
    );
    const isSmaller = result !== undefined && result.bytes.length < bytes.length;
    writeOutputs({ path: output, content: isSmaller ? result.bytes : bytes, mode: EXECUTABLE });
    if (json) writeJson(output, bytes.length, result, isSmaller);
    else if (!isSmaller) warn(file, bytes.length, result);
    else if (isWatched())
      writeMessage(formatPacked(output, result.packed, performance.now() - started, styleFor('stderr')));
    return EXIT_OK;
  } catch (error) {
    return reportFileFailure(error, words.json);
  }
}

/** Leaves no line of progress behind. */
function quietly<T>(progress: Progress | undefined, action: () => T): T {
  try {
    return action();
  } finally {
    progress?.clear();
  }
}

/** Whether somebody sees both streams. */
function isWatched(): boolean {
  return mayBeTerminal(1) && mayBeTerminal(2) && process.stdout.isTTY && process.stderr.isTTY;
}

function warn(file: string, size: number, result: PackedProgram | undefined): void {
  const reason = result
    ? `${result.packed.method} would make it ${result.bytes.length} bytes`
    : 'no stub is that small';
  const label = styleFor('stderr').warning('warning:');
  writeMessage(`tinyelf: ${label} ${file} is not packed, but copied: it has ${size} bytes, and ${reason}\n`);
}

function writeJson(
  output: string,
  plainSize: number,
  result: PackedProgram | undefined,
  isPacked: boolean,
): void {
  const said = { ok: true, output, size: isPacked ? result!.bytes.length : plainSize };
  const packed = isPacked ? { packed: result!.packed } : { unpacked: result?.packed ?? null };
  writeText(`${JSON.stringify({ ...said, ...packed }, null, 2)}\n`);
}
