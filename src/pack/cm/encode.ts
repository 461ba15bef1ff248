/**
 * The arithmetic coder whose decoder is in the stubs: a range, of which the lower part belongs to a 1, and more bits
 * whenever it is small (Martin, "Range encoding", 1979). The smallest stub reads them one by one, from the lowest of each
 * byte on, while the range is below 2^31; the others byte by byte, while it is below 2^23.
 */
import { Measurer } from './measure.ts';
import { type Material, type Model, ROUND } from './model.ts';

/** What tells both apart. */
export interface Reading {
  /** Bits that are read at a time. */
  readonly bits: 1 | 8;
  /** They are when the range is less. */
  readonly leastRange: number;
}

/** @param width bytes of a mask of the stub */
export function readingOf({ width }: Pick<Model, 'width'>): Reading {
  return width === 1 ? { bits: 1, leastRange: 2 ** 31 } : { bits: 8, leastRange: 2 ** 23 };
}

/** Bits of the decoder's code. */
const CODE_BITS = 32;

/** @returns the coded bits; undefined if the model gives a bit no room */
export function encode(material: Material, model: Model): Uint8Array | undefined {
  // The stub that mixes gives a 1 a little more, so that none is impossible.
  const coder = new Coder(readingOf(model), model.mixing ? 1 : 0);
  const watch = (probability: number, bit: number) => coder.put(probability, bit);
  const cost = new Measurer(material, false).measure(model, undefined, watch);
  return Number.isFinite(cost) && coder.isGood ? coder.finish() : undefined;
}

class Coder {
  /** Whether every bit had room. */
  isGood = true;
  private range: number;
  /** Lower end of the range; 32 bits, and the carry. */
  private low = 0;
  /** What the decoder reads at a time. */
  private readonly units: number[] = [];
  private readonly reading: Reading;
  /** What the decoder does not read at a time of its code. */
  private readonly rest: number;
  private readonly least: number;

  /** @param least what is added to the part of the range that belongs to a 1 */
  constructor(reading: Reading, least: number) {
    this.reading = reading;
    this.rest = 2 ** (CODE_BITS - reading.bits);
    this.range = this.rest;
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
      this.range = this.rest;
    }
    while (this.range < this.reading.leastRange) {
      this.shift();
      this.range *= 2 ** this.reading.bits;
    }
  }

  private shift(): void {
    const { units, rest } = this;
    const largest = 2 ** this.reading.bits - 1;
    if (this.low >= 2 ** CODE_BITS) {
      let at = units.length - 1;
      while (units[at] === largest) units[at--] = 0;
      units[at]!++;
      this.low -= 2 ** CODE_BITS;
    }
    units.push(Math.floor(this.low / rest));
    this.low = (this.low % rest) * (largest + 1);
  }

  /** The lower end itself: the decoder then ends with a code of 0, which tells that nothing is damaged. */
  finish(): Uint8Array {
    const { bits } = this.reading;
    for (let left = CODE_BITS; left > 0; left -= bits) this.shift();
    // The decoder begins with so much less than the code has bits.
    const units = this.units.slice(1);
    const bytes = new Uint8Array(Math.ceil((units.length * bits) / 8));
    for (const [at, unit] of units.entries()) {
      const place = at * bits;
      bytes[place >> 3]! |= unit << (place & 7);
    }
    return bytes;
  }
}
