/** Strings that fill the gaps before others. */

/** Those of the least alignment that fit into gaps, by size; those that came first are taken first. */
export class Fillers {
  /** By size, the first string that may be left, and for each string the next one of its size; or -1. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #alignment: number;

  /**
   * @param hosts strings to place, strictest alignment first
   * @param size of each string in bytes
   */
  constructor(hosts: Int32Array, size: Uint32Array, alignment: Uint32Array) {
    const largestGap = hosts.length === 0 ? 0 : alignment[hosts[0]!]! - 1;
    this.#alignment = hosts.length === 0 ? 1 : alignment[hosts.at(-1)!]!;
    this.#first = new Int32Array(largestGap + 1).fill(-1);
    this.#next = new Int32Array(size.length);
    for (let i = hosts.length - 1; i >= 0; i--) {
      const host = hosts[i]!;
      if (alignment[host] !== this.#alignment) break;
      if (size[host]! > largestGap) continue;
      this.#next[host] = this.#first[size[host]!]!;
      this.#first[size[host]!] = host;
    }
  }

  /** Takes the longest string that fits between two offsets and has no place yet, or -1. */
  take(from: number, to: number, place: Int32Array): number {
    if (from % this.#alignment !== 0) return -1;
    for (let size = to - from; size > 0; size--) {
      let string = this.#first[size]!;
      while (string >= 0 && place[string]! >= 0) string = this.#next[string]!;
      this.#first[size] = string < 0 ? -1 : this.#next[string]!;
      if (string >= 0) return string;
    }
    return -1;
  }
}
