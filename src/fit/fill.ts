/**
 * Fills the holes of a header with whole sections, for programs too large to be cut up. Sections that fit are
 * small, so each hole is filled by an exhaustive search over sizes and alignments, larger holes first.
 */
import { alignUp } from '../elf/bytes.ts';
import type { Hole } from '../header/layout.ts';

/** A section that may lie in a hole. */
export interface Candidate {
  readonly id: number;
  readonly size: number;
  readonly alignment: number;
}

/** Sections of one size and alignment. */
interface Shelf {
  readonly size: number;
  readonly alignment: number;
  readonly ids: number[];
}

/** Which section lies where. */
interface Filling {
  readonly bytes: number;
  readonly places: readonly { readonly shelf: Shelf; readonly offset: number }[];
}

/** Nothing in a hole. */
const EMPTY: Filling = { bytes: 0, places: [] };

/** @returns the file offset of each section that found a place, by id */
export function fillHoles(candidates: readonly Candidate[], holes: readonly Hole[]): Map<number, number> {
  const shelves = shelve(candidates);
  const placed = new Map<number, number>();
  const largestFirst = [...holes].sort((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start);
  for (const hole of largestFirst) {
    for (const { shelf, offset } of fill(shelves, hole.start, hole.end, new Map()).places) {
      placed.set(shelf.ids.shift()!, offset);
    }
  }
  return placed;
}

/** Largest first, and within a shelf in input order. */
function shelve(candidates: readonly Candidate[]): Shelf[] {
  const shelves = new Map<string, Shelf>();
  for (const { id, size, alignment } of candidates) {
    const key = `${size} ${alignment}`;
    const shelf = shelves.get(key) ?? { size, alignment, ids: [] };
    shelf.ids.push(id);
    shelves.set(key, shelf);
  }
  return [...shelves.values()].sort((a, b) => b.size - a.size || b.alignment - a.alignment);
}

/** The way to fill [start, end) that leaves least. @param used how many of each shelf lie before `start` */
function fill(shelves: readonly Shelf[], start: number, end: number, used: Map<Shelf, number>): Filling {
  let best = EMPTY;
  for (const shelf of shelves) {
    const offset = alignUp(start, shelf.alignment);
    const count = used.get(shelf) ?? 0;
    if (offset + shelf.size > end || count >= shelf.ids.length) continue;
    used.set(shelf, count + 1);
    const rest = fill(shelves, offset + shelf.size, end, used);
    used.set(shelf, count);
    if (shelf.size + rest.bytes <= best.bytes) continue;
    best = { bytes: shelf.size + rest.bytes, places: [{ shelf, offset }, ...rest.places] };
    if (best.bytes === end - start) break;
  }
  return best;
}
