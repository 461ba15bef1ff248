/**
 * Finds the smallest of several packed files with the effort that is allowed for all: each is made with little effort,
 * and those that are among the smallest, with all of it.
 */
import type { PackEffort, Packed } from '../pack/method.ts';
import { EFFORT } from '../pack/names.ts';

/** What a trial comes to. */
export interface Outcome {
  readonly packed: Packed;
  /** Bytes of the packed file. */
  readonly size: number;
}

/** Makes a packed file, of which others may be smaller. */
export type Trial<T extends Outcome> = (effort: PackEffort) => T;

/** Trials that come into the last round. */
const FINALISTS = 2;
/** How much larger than the smallest file one may be before, to be smaller in the end. */
const HOPE = 1.02;

/** @returns undefined if there is nothing to try */
export function smallestOf<T extends Outcome>(
  trials: readonly Trial<T>[],
  effort: PackEffort,
): T | undefined {
  const quick = { ...effort, level: EFFORT.least, progress: undefined };
  const first = trials.length > 1 ? trials.map((trial) => trial(quick)) : [];
  const finalists = effort.level > EFFORT.least || first.length === 0 ? finalistsOf(trials, first) : [];
  const smallest = Math.min(...first.map(({ size }) => size));
  const last = finalists.map((trial, index) => {
    const extra = overheadOf(first[trials.indexOf(trial)]);
    return trial(partOf(effort, index, finalists.length, extra, smallest));
  });
  return [...last, ...first].sort(bySize)[0];
}

/** @param first what each trial came to with little effort; empty if there is only one */
function finalistsOf<T extends Outcome>(
  trials: readonly Trial<T>[],
  first: readonly T[],
): readonly Trial<T>[] {
  if (first.length === 0) return trials;
  const sorted = first.toSorted(bySize);
  const most = sorted[0]!.size * HOPE;
  const chosen = sorted.slice(0, FINALISTS).filter(({ size }) => size <= most);
  return chosen.map((outcome) => trials[first.indexOf(outcome)]!);
}

function bySize(a: Outcome, b: Outcome): number {
  return a.size - b.size;
}

/** Bytes of a file that are not its payload's. */
function overheadOf(outcome: Outcome | undefined): number {
  return outcome ? outcome.size - outcome.packed.payload.length : 0;
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
