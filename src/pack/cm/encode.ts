/**
 * The arithmetic coder whose decoder is in the stubs: a range of at most 31 bits, of which the lower part belongs to a
 * 1, and a byte more whenever it is below 2^23 (Martin, "Range encoding", 1979).
 */
import { Measurer } from './measure.ts';
import { type Material, type Model, ROUND } from './model.ts';

/** A byte more comes whenever the range is less. */
export const LEAST_RANGE = 2 ** 23;
/** The decoder reads three bytes before the first bit. */
const FIRST_RANGE = 2 ** 24;

/** @returns the coded bits; undefined if the model gives a bit no room */
export function encode(material: Material, model: Model): Uint8Array | undefined {
  // The stub that mixes gives a 1 a little more, so that none is impossible.
  const coder = new Coder(model.mixing ? 1 : 0);
  const watch = (probability: number, bit: number) => coder.put(probability, bit);
  const cost = new Measurer(material, false).measure(model, undefined, watch);
  return Number.isFinite(cost) && coder.isGood ? coder.finish() : undefined;
}

class Coder {
  /** Whether every bit had room. */
  isGood = true;
  private range = FIRST_RANGE;
  /** Lower end of the range; 32 bits, and the carry. */
  private low = 0;
  private readonly bytes: number[] = [];
  private readonly least: number;

  /** @param least what is added to the part of the range that belongs to a 1 */
  constructor(least: number) {
    this.least = least;
  }

  put(probability: number, bit: number): void {
    const split = this.range * probability + ROUND - ROUND + this.least;
    if (bit === 1) {
      this.range = split;
    } else {
      this.low += split;
      this.range -= split;
    }
    if (this.range <= 0) {
      this.isGood = false;
      this.range = FIRST_RANGE;
    }
    while (this.range < LEAST_RANGE) {
      this.shift();
      this.range *= 256;
    }
  }

  private shift(): void {
    if (this.low >= 2 ** 32) {
      let at = this.bytes.length - 1;
      while (this.bytes[at] === 0xff) this.bytes[at--] = 0;
      this.bytes[at]!++;
      this.low -= 2 ** 32;
    }
    this.bytes.push(Math.floor(this.low / 2 ** 24));
    this.low = (this.low % 2 ** 24) * 256;
  }

  /** The lower end itself: the decoder then ends with a code of 0, which tells that nothing is damaged. */
  finish(): Uint8Array {
    for (let count = 0; count < 4; count++) this.shift();
    // The decoder begins with three bytes, not with four.
    return Uint8Array.from(this.bytes.slice(1));
  }
}
