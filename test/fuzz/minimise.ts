/** Makes an input smaller that shows a fault. */

/** Trials that are spent on one input. */
const MAX_TRIALS = 2000;

/** @param isSame whether an input shows the same fault @returns the smallest input that was found, with zeros where it does not matter */
export function minimise(bytes: Uint8Array, isSame: (bytes: Uint8Array) => boolean): Uint8Array {
  let left = MAX_TRIALS;
  const isGood = (candidate: Uint8Array) => left-- > 0 && isSame(candidate);
  return blanked(shortened(bytes, isGood), isGood);
}

/** Leaves pieces out, half of it first, single bytes last. */
function shortened(bytes: Uint8Array, isGood: (bytes: Uint8Array) => boolean): Uint8Array {
  let best = bytes;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = best.length - size; at >= 0; at -= size) {
      const candidate = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]));
      if (isGood(candidate)) best = candidate;
    }
  }
  return best;
}

/** Zeroes pieces. */
function blanked(bytes: Uint8Array, isGood: (bytes: Uint8Array) => boolean): Uint8Array {
  let best = bytes;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length; at += size) {
      if (best.subarray(at, at + size).every((byte) => byte === 0)) continue;
      const candidate = best.slice();
      candidate.fill(0, at, at + size);
      if (isGood(candidate)) best = candidate;
    }
  }
  return best;
}
