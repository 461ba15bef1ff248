/**
 * Finds the smallest packed file: each image that may be packed is packed by each method that may win, with little
 * effort; and those with a file that is among the smallest, with all of it.
 */
import type { LinkResult } from '../link.ts';
import type { LinkOptions } from '../options.ts';
import type { Method, PackEffort, Packed } from '../pack/method.ts';
import { EFFORT } from '../pack/names.ts';
import type { LinkedImage } from './linkImage.ts';
import { linkStub } from './linkStub.ts';
import { type Packing, suitable } from './packing.ts';

/** The link of a packed file, and what it is made of. */
export interface PackedLink {
  readonly image: LinkedImage;
  readonly packed: Packed;
  readonly stub: LinkResult;
}

/** What may be tried. */
interface Trial {
  readonly image: LinkedImage;
  readonly method: Method;
}

/** Trials that come into the last round. */
const FINALISTS = 2;
/** How much larger than the smallest file one may be before, to be smaller in the end. */
const HOPE = 1.02;

/** @returns undefined if there is nothing to pack or nothing to pack it with */
export function packSmallest(
  images: readonly LinkedImage[],
  options: LinkOptions,
  { methods, effort }: Packing,
): PackedLink | undefined {
  const trials = images
    .filter(({ input }) => input.bytes.length > 0)
    .flatMap((image) =>
      suitable(methods, image.input.bytes.length, effort).map((method) => ({ image, method })),
    );
  const first = trials.length > 1 ? trials.map((trial) => quickly(trial, options, effort)) : [];
  const finalists = effort.level > EFFORT.least || first.length === 0 ? finalistsOf(trials, first) : [];
  const files = finalists.map((trial, index) => {
    const sizes = first.map(({ stub }) => stub.size);
    const extra = overheadOf(first[trials.indexOf(trial)]);
    return pack(trial, options, partOf(effort, index, finalists.length, extra, Math.min(...sizes)));
  });
  return [...files, ...first].sort(bySize)[0];
}

function quickly(trial: Trial, options: LinkOptions, effort: PackEffort): PackedLink {
  return pack(trial, options, { ...effort, level: EFFORT.least, progress: undefined });
}

/** @param first what each trial came to with little effort; empty if there is only one */
function finalistsOf(trials: readonly Trial[], first: readonly PackedLink[]): readonly Trial[] {
  if (first.length === 0) return trials;
  const sorted = first.toSorted(bySize);
  const most = sorted[0]!.stub.size * HOPE;
  const chosen = sorted.slice(0, FINALISTS).filter(({ stub }) => stub.size <= most);
  return chosen.map((file) => trials[first.indexOf(file)]!);
}

function bySize(a: PackedLink, b: PackedLink): number {
  return a.stub.size - b.stub.size;
}

/** Bytes of a file that are not its payload's. */
function overheadOf(file: PackedLink | undefined): number {
  return file ? file.stub.size - file.packed.payload.length : 0;
}

/**
 * The effort of one trial of several that come one after another: each has a part of the time that is left.
 * @param extra bytes of the file besides the payload
 * @param smallest bytes of the smallest file so far
 */
function partOf(
  effort: PackEffort,
  index: number,
  count: number,
  extra: number,
  smallest: number,
): PackEffort {
  const { deadline, progress } = effort;
  const now = Date.now();
  return {
    ...effort,
    deadline: deadline === undefined ? undefined : now + Math.max(0, deadline - now) / (count - index),
    progress: (done, total, size) =>
      progress?.(index * total + done, count * total, Math.min(smallest, size + extra)),
  };
}

function pack({ image, method }: Trial, options: LinkOptions, effort: PackEffort): PackedLink {
  const packed = method.pack(image.input, effort);
  return { image, packed, stub: linkStub(packed, image, options) };
}
