/**
 * Finds equal things among many: whoever adds one first looks at those with its hash and compares.
 *
 * `for (known = table.first(hash); known >= 0 && !areEqual(known, item); known = table.next());`
 * `if (known < 0) table.add(item);`
 */

/** An open-addressing hash table of numbers that stand for things, with linear probing, at most half full. */
export class Interner {
  readonly #mask: number;
  /** Things plus one; 0 where there is none. */
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;
  #hash = 0;
  #slot = 0;

  /** @param capacity the most different things that will be added */
  constructor(capacity: number) {
    const slots = capacity < 2 ? 4 : 2 << (32 - Math.clz32(capacity - 1));
    this.#mask = slots - 1;
    this.#slots = new Int32Array(slots);
    this.#hashes = new Int32Array(slots);
  }

  /** The first thing that was added with this hash, or -1. */
  first(hash: number): number {
    this.#hash = hash;
    this.#slot = hash & this.#mask;
    return this.#find();
  }

  /** The next one, or -1. */
  next(): number {
    this.#slot = (this.#slot + 1) & this.#mask;
    return this.#find();
  }

  /** Adds a thing with the hash that was last asked for, once nothing more with it is found. */
  add(thing: number): void {
    this.#slots[this.#slot] = thing + 1;
    this.#hashes[this.#slot] = this.#hash;
  }

  #find(): number {
    let slot = this.#slot;
    while (this.#slots[slot] !== 0 && this.#hashes[slot] !== this.#hash) slot = (slot + 1) & this.#mask;
    this.#slot = slot;
    return this.#slots[slot]! - 1;
  }
}
