/**
 * Method `lz`: a Lempel-Ziv coder with a filter for branches before it, for programs that are to start within
 * milliseconds. Only programs at fixed addresses: the stub has absolute ones.
 */
import { distanceBits, filterBranches } from '../filter/branches.ts';
import { encodedRuns } from '../filter/instructionState.ts';
import type { Method, PackEffort, Packed, PackInput } from '../method.ts';
import { patchStub, stubObject } from '../stub.ts';
import { LZ_STUB } from '../stubs/lz.ts';
import { encode } from './encode.ts';
import { MODEL_BYTES } from './model.ts';

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

/** Its work has no end to choose, so that it does not look at the time. */
export const lz: Method = { name: 'lz', pack };

function pack({ bytes }: PackInput, { level, progress }: PackEffort): Packed {
  const image = bytes.slice();
  const shift = 32 - distanceBits(image.length);
  filterBranches(image, 32 - shift);
  const encoded = encode(image, EFFORTS[level - 1]!, progress);
  const object = stubObject(LZ_STUB);
  for (const label of ['shift_left', 'shift_right']) patchStub(object, label, Uint8Array.of(shift));
  const runs = encodedRuns();
  const payload = new Uint8Array(runs.length + encoded.bytes.length);
  payload.set(runs);
  payload.set(encoded.bytes, runs.length);
  return { method: 'lz', object, payload, scratchSize: MODEL_BYTES, bits: encoded.bits };
}
