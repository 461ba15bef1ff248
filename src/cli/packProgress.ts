/** How far packing is, for the line that a terminal shows. */
import type { PackEffort } from '../pack/method.ts';
import type { Progress } from './progress.ts';

/** Milliseconds between two messages. */
const INTERVAL = 100;
/** Share of the work from which on it is known how long the rest takes, about. */
const KNOWN = 0.02;

/**
 * @param deadline when packing has to be done, as `Date.now()` tells time, if the user has said
 * @returns what a method tells
 */
export function packProgress(progress: Progress, deadline: number | undefined): PackEffort['progress'] {
  const started = Date.now();
  let told = 0;
  return (done, total, size) => {
    const now = Date.now();
    if (now - told < INTERVAL) return;
    told = now;
    const share = done / total;
    const rest = Math.min(
      ((now - started) * (1 - share)) / share,
      (deadline ?? Number.POSITIVE_INFINITY) - now,
    );
    const left = share < KNOWN ? '' : `, ${Math.ceil(Math.max(0, rest) / 1000)} s left`;
    progress.begin('packImage', `: ${size} bytes so far, ${Math.floor(100 * share)} %${left}`);
  };
}
