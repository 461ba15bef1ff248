/**
 * `tinyelf pack`: packs an executable that is linked already. What of it lies in memory stays where it is; the packed file
 * lies below where there is room, else above, and with a program that lies anywhere, it goes along.
 */
import { FormatError, LinkError } from '../diagnostics.ts';
import type { MapPacked } from '../explain/linkMap.ts';
import { loadsOnEveryLinux } from '../header/loader.ts';
import type { Method, PackEffort, PackInput } from '../pack/method.ts';
import { packAbove } from './packAbove.ts';
import { packBelow } from './packBelow.ts';
import { type PackedFile, type Packing, suitable } from './packing.ts';
import { packMovable } from './packMovable.ts';
import { openProgram, type Program, readProgram } from './readProgram.ts';
import { type Outcome, smallestOf } from './trials.ts';
import { isPacked } from './unpackProgram.ts';
import { verifyPacked } from './verifyPacked.ts';

/** How the packed file is made. */
export interface PackOptions {
  /** One segment, or none that is both writable and executable. */
  readonly segments: 'joined' | 'split';
}

/** Bytes that stub and headers have at least. */
const SMALLEST = 200;

/** The smallest packed file of a program. */
export interface PackedProgram {
  readonly bytes: Uint8Array;
  readonly packed: MapPacked;
}

/**
 * @param file a static executable
 * @returns undefined if there is nothing to gain
 * @throws FormatError for what is no static x86-64 executable, or cannot be packed
 */
export function packProgram(
  file: Uint8Array,
  { segments }: PackOptions,
  { methods, effort }: Packing,
): PackedProgram | undefined {
  const executable = openProgram(file);
  if (file.length < SMALLEST) return undefined;
  if (isPacked(file))
    throw new FormatError('it is packed already', 0, 'tinyelf unpack FILE gives back the plain program');
  const program = readProgram(executable);
  if (program.input.bytes.length === 0) return undefined;
  const isSplit = segments === 'split';
  const trials = suitable(methods, program.input.bytes.length, effort).map(
    (method) => (effort: PackEffort) => packWith(method, program, isSplit, effort),
  );
  const smallest = smallestOf(trials, effort);
  if (!smallest) return undefined;
  verifyPacked(smallest.file.bytes, smallest.packed, smallest.input);
  checkLoads(file, smallest.file.bytes);
  return { bytes: smallest.file.bytes, packed: describe(smallest, file.length) };
}

interface Candidate extends Outcome {
  /** What has been packed. */
  readonly input: PackInput;
  readonly file: PackedFile;
}

function packWith(method: Method, program: Program, isSplit: boolean, effort: PackEffort): Candidate {
  return explained(() => {
    const pack = program.isMovable ? packMovable : (packBelow(program, isSplit) ?? packAbove);
    let made: Pick<Candidate, 'packed' | 'input'> | undefined;
    const isStartedAtOnce = !program.isMovable && !isSplit;
    const file = pack(program, isSplit, (input) => {
      made = { input, packed: method.pack({ ...input, isStartedAtOnce }, effort) };
      return made.packed;
    });
    return { ...made!, file, size: file.bytes.length };
  });
}

/** What a link cannot do with a program is an error of its file. */
function explained<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    throw new FormatError(error.message, 0, error.diagnostics[0]?.hint);
  }
}

/** A packed file is loaded by whatever loads the plain one. */
function checkLoads(plain: Uint8Array, packed: Uint8Array): void {
  const refused = loadsOnEveryLinux(packed);
  if (!refused || loadsOnEveryLinux(plain)) return;
  const { kernel, refusal } = refused;
  throw new FormatError(`packed, it would not be loaded by Linux ${kernel}: ${refusal.explanation}`, 0);
}

function describe({ packed, file, size }: Candidate, plainSize: number): MapPacked {
  const { header, payload, memorySize } = file;
  return {
    method: packed.method,
    size,
    header,
    stub: size - header - payload,
    payload,
    memorySize,
    plainSize,
  };
}
