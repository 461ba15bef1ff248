/**
 * Finds equal things among many: whoever adds one first looks at those with its hash and compares.
 *
 * `for (known = table.first(hash); known >= 0 && !areEqual(known, item); known = table.next());`
 * `if (known < 0) table.add(item);`
 */

/** An open-addressing hash table of numbers that stand for things, with linear probing, at most two thirds full. */
export class Interner {
  /** Pairs of a thing plus one, 0 where there is none, and its hash: side by side, they are one wait for memory. */
  readonly #slots: Int32Array;
  readonly #last: number;
  #hash = 0;
  /** Index of a pair. */
  #slot = 0;

  /** @param capacity the most different things that will be added */
  constructor(capacity: number) {
    const slots = 2 << (31 - Math.clz32(Math.max(1, capacity * 1.5)));
    this.#slots = new Int32Array(2 * slots);
    this.#last = 2 * slots - 2;
  }

  /** The first thing that was added with this hash, or -1. */
  first(hash: number): number {
    this.#hash = hash;
    this.#slot = (hash << 1) & this.#last;
    return this.#find();
  }

  /** The next one, or -1. */
  next(): number {
    this.#slot = (this.#slot + 2) & this.#last;
    return this.#find();
  }

  /** Adds a thing with the hash that was last asked for, once nothing more with it is found. */
  add(thing: number): void {
    this.#slots[this.#slot] = thing + 1;
    this.#slots[this.#slot + 1] = this.#hash;
  }

  #find(): number {
    const slots = this.#slots;
    let slot = this.#slot;
    while (slots[slot] !== 0 && slots[slot + 1] !== this.#hash) slot = (slot + 2) & this.#last;
    this.#slot = slot;
    return slots[slot]! - 1;
  }
}
