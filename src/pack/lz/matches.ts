/**
 * Finds matches: for each position of an image the nearest occurrence of each length, from trees of all earlier
 * positions that start with the same two bytes. A tree is sorted by what follows, and nearer positions are nearer to
 * the root (as in Bell and Kulp 1993, and LZMA's match finder).
 */
import { LONGEST, SHORTEST } from './tokens.ts';

/** Matches of position `i` are those from `starts[i]` to `starts[i + 1]`, by ascending length and distance. */
export interface Matches {
  readonly starts: Uint32Array;
  readonly lengths: Uint8Array;
  readonly distances: Uint32Array;
}

/**
 * @param depth steps in a tree after which a search ends
 */
export function findMatches(image: Uint8Array, depth: number): Matches {
  const size = image.length;
  const starts = new Uint32Array(size + 1);
  let lengths = new Uint8Array(size * 4 + LONGEST);
  let distances = new Uint32Array(size * 4 + LONGEST);
  const roots = new Int32Array(65536).fill(-1);
  /** What is below a position: at twice its number the lower part of the tree, behind it the upper. */
  const below = new Int32Array(size * 2);
  let count = 0;
  for (let i = 0; i + SHORTEST <= size; i++) {
    starts[i] = count;
    if (count + LONGEST > lengths.length) {
      lengths = enlarge(lengths, new Uint8Array(lengths.length * 2));
      distances = enlarge(distances, new Uint32Array(distances.length * 2));
    }
    const limit = Math.min(LONGEST, size - i);
    const key = image[i]! | (image[i + 1]! << 8);
    let other = roots[key]!;
    roots[key] = i;
    let lowEnd = i * 2;
    let highEnd = i * 2 + 1;
    let lowLength = 0;
    let highLength = 0;
    let longest = SHORTEST - 1;
    let length = 0;
    for (let steps = depth; other >= 0 && steps > 0; steps--) {
      length = Math.min(lowLength, highLength);
      while (length < limit && image[other + length] === image[i + length]) length++;
      if (length > longest) {
        longest = length;
        lengths[count] = length;
        distances[count++] = i - other;
      }
      if (length === limit) break;
      if (image[other + length]! < image[i + length]!) {
        below[lowEnd] = other;
        lowEnd = other * 2 + 1;
        other = below[lowEnd]!;
        lowLength = length;
      } else {
        below[highEnd] = other;
        highEnd = other * 2;
        other = below[highEnd]!;
        highLength = length;
      }
    }
    // An equal position is replaced by this one.
    const isEqual = other >= 0 && length === limit;
    below[lowEnd] = isEqual ? below[other * 2]! : -1;
    below[highEnd] = isEqual ? below[other * 2 + 1]! : -1;
  }
  starts.fill(count, Math.max(0, size - SHORTEST + 1));
  return { starts, lengths, distances };
}

function enlarge<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
