/**
 * Finds the next section of a part so that little is lost to alignment. For the purpose of padding, all that matters
 * of a section is its alignment and its size modulo the strictest alignment, so sections are kept on shelves by these
 * two, and the search looks at shelves, of which there are few, not at sections.
 */
import type { Pieces } from '../pieces.ts';
import { type Groups, padding } from './groups.ts';

/** Larger alignments are rare; telling sizes apart beyond this would only make the search longer. */
const MAX_MODULUS = 64;

const NONE = -1;
/** More shelves than one are known to close a gap. */
const SEVERAL = -2;
const UNKNOWN = -3;

/** The shelves of one alignment, by residue: the first and the last section of each, and how many there are. */
interface Rack {
  readonly alignment: number;
  readonly first: Int32Array;
  readonly last: Int32Array;
  readonly count: Int32Array;
  total: number;
}

/** The groups of a part that have no place yet, known by their index in it. */
export class Packer {
  readonly #modulus: number;
  /** Strictest alignment first. */
  readonly #racks: Rack[] = [];
  /** For each group the next one on its shelf. */
  readonly #next: Int32Array;
  /**
   * For an end of a section modulo the modulus: the only shelf that closes the gap to the next multiple of the goal,
   * as its rack's number times the modulus plus its residue, or one of the values above. Valid while no shelf becomes
   * empty.
   */
  readonly #closers: Int32Array;

  constructor(part: Int32Array, groups: Groups, pieces: Pieces) {
    const { alignment } = pieces;
    const strictest = part.reduce((most, group) => Math.max(most, alignment[groups.lead[group]!]!), 1);
    this.#modulus = Math.min(strictest, MAX_MODULUS);
    this.#next = new Int32Array(part.length).fill(NONE);
    this.#closers = new Int32Array(this.#modulus).fill(UNKNOWN);
    const racks = new Map<number, Rack>();
    for (let i = 0; i < part.length; i++) {
      const group = part[i]!;
      const size = groups.endOf(group, pieces, 0);
      this.#add(racks, i, alignment[groups.lead[group]!]!, size % this.#modulus);
    }
    this.#racks.push(...[...racks.values()].sort((a, b) => b.alignment - a.alignment));
  }

  /** Removes the group to place at file offset `offset` and returns its index. */
  take(offset: number): number {
    while (this.#racks[0]!.total === 0) {
      this.#racks.shift();
      this.#closers.fill(UNKNOWN);
    }
    let needed = Number.POSITIVE_INFINITY;
    for (const { alignment, total } of this.#racks) {
      if (total > 0) needed = Math.min(needed, padding(offset, alignment));
    }
    const goal = Math.min(this.#racks[0]!.alignment, this.#modulus);
    return this.#takeClosing(offset, needed, goal) ?? this.#takeOther(offset, needed, goal);
  }

  /**
   * Least padding comes first. Among the sections that need it, one behind which the strictest alignment that is left
   * is met comes first, then the stricter alignment, then input order.
   */
  #takeClosing(offset: number, needed: number, goal: number): number | undefined {
    const place = offset + needed;
    const wanted = (goal - (place % goal)) % goal;
    for (const rack of this.#racks) {
      if (rack.total === 0 || padding(offset, rack.alignment) !== needed) continue;
      let best = NONE;
      for (let residue = wanted; residue < this.#modulus; residue += goal) {
        best = earlier(rack, best, residue);
      }
      if (best !== NONE) return this.#remove(rack, best);
    }
    return undefined;
  }

  /** Where none is, one behind which another one would meet it, and else the first. */
  #takeOther(offset: number, needed: number, goal: number): number {
    let first: Rack | undefined;
    for (let number = 0; number < this.#racks.length; number++) {
      const rack = this.#racks[number]!;
      if (rack.total === 0 || padding(offset, rack.alignment) !== needed) continue;
      first ??= rack;
      let best = NONE;
      for (let residue = 0; residue < this.#modulus; residue++) {
        if (earlier(rack, best, residue) === best) continue;
        if (this.#isClosable(offset + needed + residue, goal, number, residue)) best = residue;
      }
      if (best !== NONE) return this.#remove(rack, best);
    }
    let best = NONE;
    for (let residue = 0; residue < this.#modulus; residue++) best = earlier(first!, best, residue);
    return this.#remove(first!, best);
  }

  /** Whether a section other than the next of this shelf would begin without padding at `end` and end at the goal. */
  #isClosable(end: number, goal: number, rack: number, residue: number): boolean {
    const place = end % this.#modulus;
    if (this.#closers[place] === UNKNOWN) this.#closers[place] = this.#findCloser(place, goal);
    const closer = this.#closers[place]!;
    if (closer === SEVERAL) return true;
    const own = rack * this.#modulus + residue;
    if (closer !== NONE && (closer !== own || this.#racks[rack]!.count[residue]! > 1)) return true;
    return this.#hasLargeCloser(end, goal, rack, residue);
  }

  /** The shelf of an alignment up to the modulus that closes the gap from an end with this residue. */
  #findCloser(end: number, goal: number): number {
    let found = NONE;
    for (let number = 0; number < this.#racks.length; number++) {
      const { alignment, count } = this.#racks[number]!;
      if (alignment > this.#modulus || end % alignment !== 0) continue;
      for (let residue = (goal - (end % goal)) % goal; residue < this.#modulus; residue += goal) {
        if (count[residue] === 0) continue;
        if (found !== NONE) return SEVERAL;
        found = number * this.#modulus + residue;
      }
    }
    return found;
  }

  /** As `#findCloser`, for alignments of which the residue does not tell whether they are met. */
  #hasLargeCloser(end: number, goal: number, rack: number, own: number): boolean {
    for (let number = 0; number < this.#racks.length; number++) {
      const { alignment, count } = this.#racks[number]!;
      if (alignment <= this.#modulus) return false;
      if (end % alignment !== 0) continue;
      for (let residue = (goal - (end % goal)) % goal; residue < this.#modulus; residue += goal) {
        const isOwn = number === rack && residue === own;
        if (count[residue]! > (isOwn ? 1 : 0)) return true;
      }
    }
    return false;
  }

  #add(racks: Map<number, Rack>, index: number, alignment: number, residue: number): void {
    const modulus = this.#modulus;
    const rack = racks.get(alignment) ?? {
      alignment,
      first: new Int32Array(modulus).fill(NONE),
      last: new Int32Array(modulus).fill(NONE),
      count: new Int32Array(modulus),
      total: 0,
    };
    racks.set(alignment, rack);
    if (rack.count[residue] === 0) rack.first[residue] = index;
    else this.#next[rack.last[residue]!] = index;
    rack.last[residue] = index;
    rack.count[residue]!++;
    rack.total++;
  }

  #remove(rack: Rack, residue: number): number {
    const index = rack.first[residue]!;
    rack.first[residue] = this.#next[index]!;
    rack.total--;
    rack.count[residue]!--;
    if (rack.count[residue] === 0) this.#closers.fill(UNKNOWN);
    return index;
  }
}

/** Of two shelves of a rack the one whose next section comes first in the input; `best` may be none. */
function earlier({ first, count }: Rack, best: number, residue: number): number {
  if (count[residue] === 0) return best;
  return best === NONE || first[residue]! < first[best]! ? residue : best;
}
