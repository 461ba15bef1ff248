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

/** Adds a number to a hash that is being made. */
export function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** Spreads a hash over all its bits, so that the low ones index a table well. */
export function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** A hash of the bytes from `start` to `end`. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash = mix(hash, word);
  }
  for (; at < end; at++) hash = mix(hash, bytes[at]!);
  return finish(hash);
}

/** Whether `size` bytes at `a` of `from` equal those at `b` of `other`. */
export function equalBytes(from: Uint8Array, a: number, other: Uint8Array, b: number, size: number): boolean {
  for (let i = 0; i < size; i++) {
    if (from[a + i] !== other[b + i]) return false;
  }
  return true;
}
