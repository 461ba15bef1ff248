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
import type { Slots } from './slots.ts';

/** What tells one model from another; the stub gets all of it. */
export interface Model {
  /** Bytes that each context is made of: bit n names byte n of what is seen. Bit 0, the bits of this byte, is set. */
  readonly masks: readonly number[];
  /** Bits of a float32: what the sum is multiplied by to be float bits, and the multiplier of the hash. */
  readonly scale: number;
  /** Bytes of a mask. With one, the hash takes the bits of this byte first, with two last. */
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
  /** Bits of a float32: how fast a slot's own value learns. Absent where the errors that it has seen decide. */
  readonly value?: number | undefined;
}

/** What kinds of opcodes have been chosen by. */
export const FITS = 'the image that is packed is one that the stub gives back';

/** An image with what contexts see of it. */
export interface Material {
  readonly bytes: Uint8Array;
  /** SEEN bytes for each. */
  readonly seen: Uint8Array;
  /** Tells each bit by its probability to be 1, where `bytes` and `seen` grow with what a decoder finds. */
  readonly decide?: (probability: number) => number;
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

/** The bits of a number as a float32. */
export function floatBitsOf(value: number): number {
  asFloat[0] = value;
  return floatBits[0]!;
}

/** x87 control word: round to double precision, to the nearest, no exceptions. */
const DOUBLE_PRECISION = 0x27f;
/** Bytes of a scale, and of a control word and what the sum starts with: one byte is part of both. */
const SCALE = 4;
const CONTROL = 5;

/** A model that mixes adds this to the odds, a float32: no bit is certain to be 1. */
export const ONE = 1 + 2 ** -20;

/** Where the parts of a model lie in what the stub gets: offsets in bytes. */
interface ModelPlaces {
  /** Control word; a byte behind it, what the sum starts with. */
  readonly control: number;
  /** Numbers of a model that mixes. */
  readonly mixing: number;
  /** The stub takes the last one first. */
  readonly masks: number;
  readonly size: number;
}

/** In the smallest stub, masks are found by something that lies behind, in the others by something in front. */
export function modelPlaces({
  width,
  contexts,
  isMixed,
  hasValues,
}: Omit<ModelForm, 'tableBits'>): ModelPlaces {
  const masksSize = contexts * width;
  if (width === 1)
    return { control: SCALE + masksSize, mixing: 0, masks: SCALE, size: SCALE + masksSize + CONTROL };
  const mixing = SCALE + CONTROL;
  const masks = mixing + (isMixed ? 16 : 0) + (hasValues ? 4 : 0);
  return { control: SCALE, mixing, masks, size: masks + masksSize };
}

function formOf({ width, tableBits, mixing, masks }: Model): ModelForm {
  return {
    width,
    tableBits,
    isMixed: mixing !== undefined,
    hasValues: mixing?.value !== undefined,
    contexts: masks.length,
  };
}

/** The model as the stub gets it, in front of the coded bits. */
export function encodeModel(model: Model): Uint8Array {
  const { masks, scale, width, mixing } = model;
  const places = modelPlaces(formOf(model));
  const bytes = new Uint8Array(places.size);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, scale, true);
  view.setFloat32(places.control + 1, startOf(scale), true);
  view.setUint16(places.control, DOUBLE_PRECISION, true);
  if (mixing) {
    view.setInt32(places.mixing, mixing.weight, true);
    view.setInt32(places.mixing + 4, mixing.count, true);
    view.setInt32(places.mixing + 8, mixing.rate, true);
    view.setFloat32(places.mixing + 12, ONE, true);
    if (mixing.value !== undefined) view.setInt32(places.mixing + 16, mixing.value, true);
  }
  for (const [index, mask] of masks.entries()) {
    const at = places.masks + (masks.length - 1 - index) * width;
    if (width === 2) view.setUint16(at, mask, true);
    // The bits of this byte are part of every context anyway.
    else bytes[at] = mask >> 1;
  }
  return bytes;
}

/** What the stub was given: which kind of model, and how many contexts it has. */
export interface ModelForm extends Pick<Model, 'width' | 'tableBits'> {
  readonly isMixed: boolean;
  readonly hasValues: boolean;
  readonly contexts: number;
}

/** Undoes `encodeModel`. @returns the model and its size in bytes; undefined if they are too few */
export function decodeModel(
  bytes: Uint8Array,
  form: ModelForm,
): { readonly model: Model; readonly size: number } | undefined {
  const { width, tableBits, isMixed, hasValues, contexts } = form;
  const places = modelPlaces(form);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => view.getInt32(at, true);
  if (places.size > bytes.length) return undefined;
  const mixing: Mixing | undefined = isMixed
    ? {
        weight: word(places.mixing),
        count: word(places.mixing + 4),
        rate: word(places.mixing + 8),
        value: hasValues ? word(places.mixing + 16) : undefined,
      }
    : undefined;
  const masks = Array.from({ length: contexts }, (_, index) => {
    const at = places.masks + (contexts - 1 - index) * width;
    return width === 2 ? view.getUint16(at, true) : (bytes[at]! << 1) | 1;
  });
  return { model: { masks, scale: word(0), width, tableBits, mixing }, size: places.size };
}

/** What the hash of each context begins with: the four bytes that end with its mask, or begin with it if it is one byte. */
export function seedsOf(model: Model): Int32Array {
  const { masks, width } = model;
  const places = modelPlaces(formOf(model));
  const view = new DataView(encodeModel(model).buffer);
  return Int32Array.from(masks, (_, index) => {
    const at = places.masks + (masks.length - 1 - index) * width;
    return view.getInt32(width === 2 ? at - 2 : at, true);
  });
}

/** Bits of a float32 three quarters of this one, an odd number. */
export function lowerScale(scale: number): number {
  return floatBitsOf(floatOf(scale) * 0.75) | 1;
}

/** What the sum starts with: the bias of the exponent, in units of the sum; its lowest byte matters little. */
export function startOf(scale: number): number {
  const bits = floatBitsOf((EXPONENT_BIAS * MANTISSA) / floatOf(scale));
  return floatOf((bits & ~0xff) | (DOUBLE_PRECISION >> 8));
}

/** Places in an image at which models are compared. */
export const MARKS = 16;
/** A model may be this much behind another on the way, and win in the end. */
const LAG = 1.01;

/** What a run may cost up to some places of an image, and has cost. */
export class Pace {
  /** Bits up to each of the places that it has come to. */
  readonly marks: number[] = [];
  private readonly best: readonly number[];
  private readonly deadline: number;

  /** @param best marks of the run to compare with @param deadline when it has to be over, as `Date.now()` tells time */
  constructor(best: readonly number[], deadline = Number.POSITIVE_INFINITY) {
    this.best = best;
    this.deadline = deadline;
  }

  /** @param cost bits up to the next place @returns whether to go on */
  keeps(cost: number): boolean {
    const limit = this.best[this.marks.length];
    this.marks.push(cost);
    if (limit !== undefined && cost > limit * LAG) return false;
    return this.deadline === Number.POSITIVE_INFINITY || Date.now() < this.deadline;
  }
}

/** Adds up what bits cost. */
export class Tally {
  private cost = 0;
  /** Logarithms are taken of products of many probabilities. */
  private product = 1;
  private next: number;
  private readonly step: number;
  private readonly pace: Pace | undefined;

  /** @param size bytes of the image @param pace what a model may cost */
  constructor(size: number, pace: Pace | undefined) {
    this.step = Math.ceil(size / MARKS);
    this.next = this.step;
    this.pace = pace;
  }

  /** @param probability of the bit that has come */
  add(probability: number): void {
    this.product *= probability;
  }

  /** Ends a byte. @returns whether to go on */
  endByte(at: number): boolean {
    if (this.product < 1e-200) {
      if (!(this.product > 0)) return false;
      this.cost -= Math.log2(this.product);
      this.product = 1;
    }
    if (at !== this.next) return true;
    this.next += this.step;
    return !this.pace || this.pace.keeps(this.cost - Math.log2(this.product));
  }

  /** Bits; Infinity if one was certain to be the other. */
  total(): number {
    return this.product > 0 ? this.cost - Math.log2(this.product) : Number.POSITIVE_INFINITY;
  }
}

/** Takes the probability that a bit is 1, and the bit.  */
export type Watch = (probability: number, bit: number) => void;

/** What is taken from the bits of a float which errors add up to, each time: half a percent of it. */
export const FORGOTTEN = 2 ** 16;

/** Logarithm of the words of a slot: its value, and what its errors add up to, without their signs. */
export const SUMS_WORDS = 1;

/**
 * Runs a model over an image.
 * @param memory words of the slots, all 0
 * @param pace what a model may cost; one that falls behind is given up
 * @param watch is told every bit
 * @returns what the image costs in bits; Infinity if the model is given up or a bit has no probability
 */
export function measureSums(
  { bytes, decide }: Material,
  { masks, scale }: Model,
  slots: Slots,
  memory: ArrayBuffer,
  pace?: Pace,
  watch?: Watch,
): number {
  const count = masks.length;
  const words = new Float32Array(memory);
  const bits = new Int32Array(memory);
  const { numbers, rows } = slots;
  const factor = floatOf(scale);
  const start = startOf(scale);
  const used = new Int32Array(count);
  const size = bytes.length;
  const tally = new Tally(size, pace);
  let stretch = 0;
  let bitAt = 0;
  for (let at = 0; at < size; at++) {
    if (at === stretch) {
      stretch = slots.find(at);
      if (slots.isPassing) bitAt = 0;
    }
    const byte = bytes[at]!;
    let partial = 1;
    for (let place = 7; place >= 0; place--) {
      if (decide) slots.tell!(7 - place, partial);
      let sum = start;
      for (let index = 0; index < count; index++) {
        const slot = numbers[rows[index]! + bitAt]!;
        used[index] = slot;
        sum += words[slot]!;
      }
      bitAt++;
      const rounded = sum * factor + ROUND - ROUND;
      // The bits of a positive float; what is not, has no probability.
      if (!(rounded > 0 && rounded < LARGEST)) return Number.POSITIVE_INFINITY;
      floatBits[0] = rounded;
      const probability = 1 / (1 + asFloat[0]!);
      const bit = decide ? decide(probability) : (byte >> place) & 1;
      partial = (partial << 1) | bit;
      if (watch) watch(probability, bit);
      tally.add(bit === 1 ? probability : 1 - probability);
      const error = probability - bit;
      const size = Math.abs(error);
      // The stub takes slots from its stack, the last context first.
      for (let index = count - 1; index >= 0; index--) {
        const slot = used[index]!;
        const seenError = size + words[slot + 1]!;
        words[slot + 1] = seenError;
        bits[slot + 1]! -= FORGOTTEN;
        words[slot]! += error / Math.sqrt(seenError);
      }
    }
    if (!tally.endByte(at)) return Number.POSITIVE_INFINITY;
  }
  return tally.total();
}
