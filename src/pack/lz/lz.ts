/**
 * Method `lz`: a Lempel-Ziv coder with a filter for branches before it, for programs that are to start within
 * milliseconds. Only programs at fixed addresses: the stub has absolute ones.
 */

import { isReadySoon } from '../cm/cm.ts';
import { distanceBits, filterBranches } from '../filter/branches.ts';
import { encodedRuns } from '../filter/instructionState.ts';
import type { Method, PackEffort, Packed, PackInput } from '../method.ts';
import { patchStub, stubObject } from '../stub.ts';
import { LZ_STUB } from '../stubs/lz.ts';
import { encode } from './encode.ts';
import { scratchBytes } from './model.ts';

/** Paths kept at a position and steps of a search for matches, by level. */
const EFFORTS = [
  { paths: 1, depth: 8 },
  { paths: 1, depth: 24 },
  { paths: 2, depth: 32 },
  { paths: 2, depth: 64 },
  { paths: 3, depth: 128 },
  { paths: 4, depth: 192 },
  { paths: 6, depth: 256 },
  { paths: 8, depth: 400 },
  { paths: 16, depth: 1000 },
] as const;

/** Seconds for a byte of an image at each level, about. */
const SECONDS = [2e-6, 2e-6, 2.5e-6, 2.5e-6, 3e-6, 4e-6, 5e-6, 8e-6, 2e-5] as const;

export const lz: Method = {
  name: 'lz',
  suits: (size, seconds) => !isReadySoon(size, seconds),
  pack,
};

/** The highest level up to one asked for that is done in time, about. Levels do not look at the time themselves. */
function levelFor(size: number, { level, deadline }: PackEffort): number {
  if (deadline === undefined) return level;
  const seconds = (deadline - Date.now()) / 1000;
  let most = level;
  while (most > 1 && SECONDS[most - 1]! * size > seconds) most--;
  return most;
}

function pack({ bytes }: PackInput, effort: PackEffort): Packed {
  const image = bytes.slice();
  const shift = 32 - distanceBits(image.length);
  filterBranches(image, 32 - shift);
  const encoded = encode(image, EFFORTS[levelFor(bytes.length, effort) - 1]!, effort.progress);
  const object = stubObject(LZ_STUB);
  for (const label of ['shift_left', 'shift_right']) patchStub(object, label, Uint8Array.of(shift));
  const runs = encodedRuns();
  const payload = new Uint8Array(runs.length + encoded.bytes.length);
  payload.set(runs);
  payload.set(encoded.bytes, runs.length);
  return { method: 'lz', object, payload, scratchSize: scratchBytes(image.length), bits: encoded.bits };
}
