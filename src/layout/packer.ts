/**
 * Finds the next section of a part so that little is lost to alignment. For the purpose of padding, all that matters
 * of a section is its alignment and its size modulo the strictest alignment, so sections are kept on shelves by these
 * two, and the search looks at shelves, of which there are few, not at sections. Alignments are powers of two, so
 * a set of them is a number with a bit for each: the alignments that a place has are one such number, those of the
 * shelves that are not empty another.
 */
import type { Groups } from './groups.ts';
import { padding } from './padding.ts';

/** Larger alignments are rare; telling sizes apart beyond this would only make the search longer. */
const MAX_MODULUS = 64;
/** Alignments there are: so many bits has sh_addralign, as far as it is kept. */
const ALIGNMENTS = 32;

const NONE = -1;
/** On an empty shelf, in place of its first section. */
const EMPTY = 0x7fffffff;

/** The groups of a part that have no place yet, known by their index in it. */
export class Packer {
  readonly #modulus: number;
  /**
   * The first and the last section of each shelf. A shelf's number is the binary logarithm of its alignment times the
   * modulus, plus the residue of its sections' sizes.
   */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** For each group the next one on its shelf. */
  readonly #next: Int32Array;
  /** By residue, the alignments of the shelves that are not empty. */
  readonly #stocked: Int32Array;
  /** The same by residue modulo the goal of the last search, `#goal`. */
  readonly #stockedFor: Int32Array;
  #goal = 0;
  /** By logarithm of the alignment, the first section that is left; for each section the next one, left or not. */
  readonly #head = new Int32Array(ALIGNMENTS).fill(NONE);
  readonly #following: Int32Array;
  readonly #shelfOf: Int32Array;
  /** 1 for each section that has been taken. */
  readonly #taken: Uint8Array;
  /** The alignments that any are left of. */
  #alignments = 0;

  constructor(part: Int32Array, { alignment, size }: Groups) {
    for (let i = 0; i < part.length; i++) this.#alignments |= alignment[part[i]!]!;
    const modulus = Math.min(strictest(this.#alignments), MAX_MODULUS);
    this.#modulus = modulus;
    this.#first = new Int32Array(ALIGNMENTS * modulus).fill(EMPTY);
    this.#last = new Int32Array(ALIGNMENTS * modulus);
    this.#next = new Int32Array(part.length);
    this.#stocked = new Int32Array(modulus);
    this.#stockedFor = new Int32Array(modulus);
    this.#following = new Int32Array(part.length);
    this.#shelfOf = new Int32Array(part.length);
    this.#taken = new Uint8Array(part.length);
    for (let i = part.length - 1; i >= 0; i--) {
      const group = part[i]!;
      const kind = logarithm(alignment[group]!);
      const residue = size[group]! & (modulus - 1);
      const shelf = kind * modulus + residue;
      if (this.#first[shelf] === EMPTY) this.#last[shelf] = i;
      this.#next[i] = this.#first[shelf]!;
      this.#first[shelf] = i;
      this.#stocked[residue]! |= 1 << kind;
      this.#shelfOf[i] = shelf;
      this.#following[i] = this.#head[kind]!;
      this.#head[kind] = i;
    }
  }

  /**
   * Removes the group to place at file offset `offset` and returns its index. Least padding comes first. Among the
   * sections that need it, one behind which the strictest alignment that is left is met comes first, then the
   * stricter alignment, then input order.
   */
  take(offset: number): number {
    const alignments = this.#alignments;
    const place = offset + padding(offset, alignments & -alignments);
    const fitting = alignments & alignmentsAt(place);
    const goal = Math.min(strictest(alignments), this.#modulus);
    if (goal !== this.#goal) this.#countFor(goal);
    const closing = this.#findClosing(place, fitting, goal);
    return this.#removeFirst(closing === NONE ? this.#findOther(place, fitting, goal) : closing);
  }

  /** Sums up what is stocked for a goal that had another value in the last search. */
  #countFor(goal: number): void {
    this.#goal = goal;
    for (let residue = 0; residue < goal; residue++) this.#countResidue(residue);
  }

  #countResidue(residue: number): void {
    let stocked = 0;
    for (let other = residue; other < this.#modulus; other += this.#goal) stocked |= this.#stocked[other]!;
    this.#stockedFor[residue] = stocked;
  }

  /** The shelf of a section that ends at the goal, or none. @param fitting alignments to choose from */
  #findClosing(place: number, fitting: number, goal: number): number {
    const wanted = -place & (goal - 1);
    const stocked = this.#stockedFor[wanted]! & fitting;
    return stocked === 0 ? NONE : this.#earliest(logarithm(stocked), wanted, goal);
  }

  /** The shelf of a section behind which another one would end at the goal; where none is, the first one. */
  #findOther(place: number, fitting: number, goal: number): number {
    for (let rest = fitting; rest !== 0; ) {
      const kind = logarithm(rest);
      rest ^= 1 << kind;
      // More often than not the first section will do.
      const first = this.#shelfOf[this.#head[kind]!]!;
      if (this.#isClosable(place + (first & (this.#modulus - 1)), goal, first)) return first;
      const other = this.#findClosable(place, kind, goal);
      if (other !== NONE) return other;
    }
    return this.#shelfOf[this.#head[logarithm(fitting)]!]!;
  }

  /** Of the shelves of one alignment behind whose next section another one would end at the goal, that of the first. */
  #findClosable(place: number, kind: number, goal: number): number {
    const modulus = this.#modulus;
    const first = this.#first;
    let best = NONE;
    let earliest = EMPTY;
    for (let shelf = kind * modulus, residue = 0; residue < modulus; shelf++, residue++) {
      if (first[shelf]! >= earliest || !this.#isClosable(place + residue, goal, shelf)) continue;
      best = shelf;
      earliest = first[shelf]!;
    }
    return best;
  }

  /** Whether a section other than the next of this shelf would begin without padding at `end` and end at the goal. */
  #isClosable(end: number, goal: number, own: number): boolean {
    const modulus = this.#modulus;
    const fitting = alignmentsAt(end);
    const wanted = -end & (goal - 1);
    if ((this.#stockedFor[wanted]! & fitting) === 0) return false;
    for (let residue = wanted; residue < modulus; residue += goal) {
      const closers = this.#stocked[residue]! & fitting;
      if (closers === 0) continue;
      const isAlone = residue === (own & (modulus - 1)) && this.#first[own] === this.#last[own];
      if (!isAlone || (closers & ~(1 << (own / modulus))) !== 0) return true;
    }
    return false;
  }

  /** Of the shelves of one alignment with every `step`th residue, the one whose next section comes first. */
  #earliest(kind: number, residue: number, step: number): number {
    const start = kind * this.#modulus;
    let best = start + residue;
    for (let shelf = best + step; shelf < start + this.#modulus; shelf += step) {
      if (this.#first[shelf]! < this.#first[best]!) best = shelf;
    }
    return best;
  }

  #removeFirst(shelf: number): number {
    const modulus = this.#modulus;
    const kind = Math.floor(shelf / modulus);
    const index = this.#first[shelf]!;
    this.#first[shelf] = this.#next[index]!;
    if (index === this.#last[shelf]) {
      this.#stocked[shelf & (modulus - 1)]! &= ~(1 << kind);
      this.#countResidue(shelf & (this.#goal - 1));
    }
    this.#taken[index] = 1;
    let head = this.#head[kind]!;
    while (head !== NONE && this.#taken[head] === 1) head = this.#following[head]!;
    this.#head[kind] = head;
    if (head === NONE) this.#alignments &= ~(1 << kind);
    return index;
  }
}

/** All alignments up to the largest power of two that divides `place`. */
function alignmentsAt(place: number): number {
  return place ^ (place - 1);
}

/** Binary logarithm of the strictest of some alignments. */
function logarithm(alignments: number): number {
  return 31 - Math.clz32(alignments);
}

/** The strictest of some alignments; 1 where there is none. */
function strictest(alignments: number): number {
  return alignments === 0 ? 1 : 0x80000000 >>> Math.clz32(alignments);
}
