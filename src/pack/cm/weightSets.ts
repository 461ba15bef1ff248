/**
 * Sets of weights, of which an image uses few. Those are cleared when they are first asked for: memory for all of them
 * would take longer to get than a small image takes to be measured.
 */
export class WeightSets<Weights extends Float32Array | Float64Array> {
  readonly weights: Weights;
  /** Weights of a set. */
  readonly #size: number;
  readonly #isClear: Uint8Array;

  constructor(weights: Weights, size: number) {
    this.weights = weights;
    this.#size = size;
    this.#isClear = new Uint8Array(weights.length / size);
  }

  /** Forgets what has been learnt. */
  begin(): void {
    this.#isClear.fill(0);
  }

  /** @returns index of the first weight of a set */
  offsetOf(set: number): number {
    const offset = set * this.#size;
    if (this.#isClear[set] === 0) {
      this.weights.fill(0, offset, offset + this.#size);
      this.#isClear[set] = 1;
    }
    return offset;
  }
}
