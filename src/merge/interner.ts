/** Finds equal things among many, by hash first and by comparison then. Things are known by number. */

/** An open-addressing hash set of numbers with linear probing, at most half full. */
export class Interner {
  readonly #equal: (a: number, b: number) => boolean;
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;

  /**
   * @param capacity the most different things that will be added
   * @param equal whether two things that were added are equal; asked only about things with the same hash
   */
  constructor(capacity: number, equal: (a: number, b: number) => boolean) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(capacity, 1) * 2));
    this.#equal = equal;
    this.#slots = new Int32Array(slots).fill(-1);
    this.#hashes = new Int32Array(slots);
  }

  /** Adds a thing. @returns the first one added that equals it: itself where there is none */
  add(item: number, hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let known = this.#slots[slot]!; known >= 0; known = this.#slots[slot]!) {
      if (this.#hashes[slot] === hash && this.#equal(known, item)) return known;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = item;
    this.#hashes[slot] = hash;
    return item;
  }
}
