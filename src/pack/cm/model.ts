/**
 * The model of the stubs cm and cmx: which probability the next bit has, after all bits before it. Every context has a
 * slot in one table, found by a hash of the bytes that its mask names and of the bits of this byte so far. The values
 * of the slots add up to the logarithm of the odds of a 0. After the bit, each moves against the error, divided by the
 * root of the errors that it has seen so far (AdaGrad): a slot learns fast at first and slowly later.
 *
 * The stub computes with the x87 unit rounding to double precision, and keeps slots as single floats; here are the same
 * operations in the same order, so that both agree to the last bit. Only IEEE basic operations occur; the power of two
 * is taken by making the bits of a float.
 */
import { SEEN } from './instructions.ts';

/** What tells one model from another; the stub gets all of it. */
export interface Model {
  /** Bytes that each context is made of: bit n names byte n of what is seen. Bit 0, the bits of this byte, is set. */
  readonly masks: readonly number[];
  /** Bits of a float32: what the sum is multiplied by to be float bits, and the multiplier of the hash. */
  readonly scale: number;
  /** Bytes of a mask. */
  readonly width: 1 | 2;
  /** Logarithm of the number of slots. */
  readonly tableBits: number;
  /** Absent for a model whose contexts are only added up. */
  readonly mixing?: Mixing | undefined;
}

/** What a model that mixes has besides. */
export interface Mixing {
  /** Bits of a float32: the weight that every context begins with, in units of the sum and of float bits. */
  readonly weight: number;
  /** Bits of a float32: what is added to the counts of zeros and ones. */
  readonly count: number;
  /** Bits of a float32: how fast weights learn. */
  readonly rate: number;
}

/** An image with what contexts see of it. */
export interface Material {
  readonly bytes: Uint8Array;
  /** SEEN bytes for each. */
  readonly seen: Uint8Array;
}

/** Bias of a float32's exponent as the stub adds it to the sum. */
const EXPONENT_BIAS = 127;
const MANTISSA = 2 ** 23;
/** Adding and subtracting it rounds to an integer, to even in the middle, as FISTP does. */
export const ROUND = 2 ** 52;

/** Bits of infinity. */
export const LARGEST = 0x7f800000;

export const floatBits = new Int32Array(1);
export const asFloat = new Float32Array(floatBits.buffer);

/** The float that has these bits. */
export function floatOf(bits: number): number {
  floatBits[0] = bits;
  return asFloat[0]!;
}

/** x87 control word: round to double precision, to the nearest, no exceptions. */
const DOUBLE_PRECISION = 0x27f;
/** Offset of the masks in what the stub gets. */
const MASKS = 10;
const MIXED_MASKS = 22;

/** The model as the stub gets it, in front of the coded bits. */
export function encodeModel({ masks, scale, width, mixing }: Model): Uint8Array {
  const head = mixing ? MIXED_MASKS : MASKS;
  const bytes = new Uint8Array(head + masks.length * width);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, scale, true);
  view.setFloat32(4, startOf(scale), true);
  view.setUint16(8, DOUBLE_PRECISION, true);
  if (mixing) {
    view.setInt32(MASKS, mixing.weight, true);
    view.setInt32(MASKS + 4, mixing.count, true);
    view.setInt32(MASKS + 8, mixing.rate, true);
  }
  // The stub takes the last mask first.
  for (const [index, mask] of masks.entries()) {
    const at = head + (masks.length - 1 - index) * width;
    if (width === 2) view.setUint16(at, mask, true);
    else bytes[at] = mask;
  }
  return bytes;
}

/** What the hash of each context begins with: the four bytes that end with its mask. */
export function seedsOf(model: Model): Int32Array {
  const bytes = encodeModel(model);
  const view = new DataView(bytes.buffer);
  return Int32Array.from(model.masks, (_, index) =>
    view.getInt32(bytes.length - index * model.width - 4, true),
  );
}

/** What the sum starts with: the bias of the exponent, in units of the sum. */
export function startOf(scale: number): number {
  return Math.fround((EXPONENT_BIAS * MANTISSA) / floatOf(scale));
}

/** Slots of the models that are tried; one model uses them at a time. */
export class Table {
  values = new Float32Array(0);
  /** What the errors of a slot add up to, without their signs. */
  errors = new Float32Array(0);
  /** How many zeros and ones came to a slot, as the stub keeps them; made for models that mix. */
  zeros = new Int32Array(0);
  ones = new Int32Array(0);

  /** @param bits logarithm of the number of slots, which are 0 from then on */
  clear(bits: number, isMixed: boolean): void {
    const size = 2 ** bits;
    if (this.values.length < size) {
      this.values = new Float32Array(size);
      this.errors = new Float32Array(size);
    } else {
      this.values.fill(0, 0, size);
      this.errors.fill(0, 0, size);
    }
    if (!isMixed) return;
    if (this.zeros.length < size) {
      this.zeros = new Int32Array(size);
      this.ones = new Int32Array(size);
    } else {
      this.zeros.fill(0, 0, size);
      this.ones.fill(0, 0, size);
    }
  }
}

/** Places in an image at which models are compared. */
export const MARKS = 16;
/** A model may be this much behind another on the way, and win in the end. */
const LAG = 1.01;

/** What the best model has cost up to some places of an image. */
export class Pace {
  private best: readonly number[] = [];
  private marks: number[] = [];

  /** @param cost bits up to the next place */
  keeps(cost: number): boolean {
    const limit = this.best[this.marks.length];
    this.marks.push(cost);
    return limit === undefined || cost <= limit * LAG;
  }

  /** Forgets the places of a run. @param isBest whether later ones are compared with it */
  end(isBest: boolean): void {
    if (isBest) this.best = this.marks;
    this.marks = [];
  }
}

/** Takes the probability that a bit is 1, and the bit.  */
export type Watch = (probability: number, bit: number) => void;

/**
 * Runs a model over an image.
 * @param pace what a model may cost; one that falls behind is given up
 * @param watch is told every bit
 * @returns what the image costs in bits; Infinity if the model is given up or a bit has no probability
 */
export function measureSums(
  { bytes, seen }: Material,
  model: Model,
  table: Table,
  pace?: Pace,
  watch?: Watch,
): number {
  const { masks, scale, tableBits } = model;
  const count = masks.length;
  table.clear(tableBits, false);
  const { values, errors } = table;
  const shift = 32 - tableBits;
  const factor = floatOf(scale);
  const start = startOf(scale);
  const seeds = seedsOf(model);
  const plans = masks.map(namedBytes);
  const hashes = new Int32Array(count);
  const slots = new Int32Array(count);
  // Logarithms are taken of products of many probabilities.
  let product = 1;
  let cost = 0;
  const step = Math.ceil(bytes.length / MARKS);
  let next = step;
  for (let at = 0; at < bytes.length; at++) {
    const base = at * SEEN;
    for (let index = 0; index < count; index++) {
      const plan = plans[index]!;
      let hash = seeds[index]!;
      for (let step = 0; step < plan.length; step++)
        hash = Math.imul(hash ^ seen[base + plan[step]!]!, scale);
      hashes[index] = hash;
    }
    const byte = bytes[at]!;
    let partial = 1;
    for (let place = 7; place >= 0; place--) {
      let sum = start;
      for (let index = 0; index < count; index++) {
        const slot = Math.imul(hashes[index]! ^ partial, scale) >>> shift;
        slots[index] = slot;
        sum += values[slot]!;
      }
      const rounded = sum * factor + ROUND - ROUND;
      // The bits of a positive float; what is not, has no probability.
      if (!(rounded > 0 && rounded < LARGEST)) return Number.POSITIVE_INFINITY;
      floatBits[0] = rounded;
      const probability = 1 / (1 + asFloat[0]!);
      const bit = (byte >> place) & 1;
      partial = (partial << 1) | bit;
      watch?.(probability, bit);
      product *= bit === 1 ? probability : 1 - probability;
      const error = probability - bit;
      const size = Math.abs(error);
      // The stub takes slots from its stack, the last context first.
      for (let index = count - 1; index >= 0; index--) {
        const slot = slots[index]!;
        const seenError = size + errors[slot]!;
        errors[slot] = seenError;
        values[slot]! += error / Math.sqrt(seenError);
      }
    }
    if (product < 1e-200) {
      if (!(product > 0)) return Number.POSITIVE_INFINITY;
      cost -= Math.log2(product);
      product = 1;
    }
    if (at === next) {
      if (pace && !pace.keeps(cost - Math.log2(product))) return Number.POSITIVE_INFINITY;
      next += step;
    }
  }
  // No probability is left if a bit was certain to be the other one.
  return product > 0 ? cost - Math.log2(product) : Number.POSITIVE_INFINITY;
}

/** Which bytes a mask names, in the order in which the stub takes them into the hash, without the bits of this byte. */
export function namedBytes(mask: number): number[] {
  const named: number[] = [];
  for (let bit = SEEN - 1; bit > 0; bit--) if (mask & (1 << bit)) named.push(bit);
  return named;
}
