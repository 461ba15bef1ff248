/** Numbers that look random and follow from a seed, on every machine the same. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next 32 bits: mulberry32. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + (this.bits() % (high - low + 1));
  }

  /** Whether something happens that happens once in `n` times. */
  oneIn(n: number): boolean {
    return this.bits() % n === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.bits() % items.length]!;
  }

  /** What `make` returns, `count` times. */
  list<T>(count: number, make: (k: number) => T): T[] {
    return Array.from({ length: count }, (_, k) => make(k));
  }
}
