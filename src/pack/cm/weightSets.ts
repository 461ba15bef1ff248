import { LENGTH, STATE } from './instructions.ts';

/** Weights of a set: one for each context that a model may have. */
export const SET = 32;
/** Sets of which a byte chooses one. */
export const SETS = 256;
/** States of the instruction decoder. */
const STATES = 32;

/**
 * Sets of weights by state of the instruction decoder and length of the instruction so far, of which an image uses few.
 * Those are cleared when they are first asked for: memory for all of them would take longer to get than a small image
 * takes to be measured.
 */
export class WeightsByInstruction<Weights extends Float32Array | Float64Array> {
  readonly #weights: Weights;
  readonly #isClear = new Uint8Array(STATES * SETS);

  /** @param make a number of weights */
  constructor(make: (length: number) => Weights) {
    this.#weights = make(STATES * SETS * SET);
  }

  /** The weights, with nothing learnt in those that `offsetOf` gives from now on. */
  begin(): Weights {
    this.#isClear.fill(0);
    return this.#weights;
  }

  /**
   * @param seen as `Material` has it
   * @param base where what is seen at a byte begins
   * @returns index of the first weight of its set
   */
  offsetOf(seen: Uint8Array, base: number): number {
    const set = seen[base + STATE]! * SETS + seen[base + LENGTH]!;
    const offset = set * SET;
    if (this.#isClear[set] === 0) {
      this.#weights.fill(0, offset, offset + SET);
      this.#isClear[set] = 1;
    }
    return offset;
  }
}
