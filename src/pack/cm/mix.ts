/**
 * The model of the stub cm2: what contexts add up to in model.ts, and besides what they have counted. The logarithm of
 * zeros over ones in a slot is taken as the difference of float bits; it is weighted, and the weights learn along the
 * gradient (Mahoney, "Adaptive weighing of context models for lossless data compression", 2005). They are the sum of
 * those of two sets: by state of the instruction decoder and length of the instruction so far, and by the byte before. A
 * count falls to a quarter and two when the other bit comes.
 */
import { SEEN } from './instructions.ts';
import {
  asFloat,
  FORGOTTEN,
  floatBits,
  floatBitsOf,
  floatOf,
  LARGEST,
  type Material,
  type Model,
  ONE,
  type Pace,
  ROUND,
  startOf,
  Tally,
  type Watch,
} from './model.ts';
import type { Slots } from './slots.ts';
import { SET, SETS, WeightsByInstruction } from './weightSets.ts';

/** Counts below have their logarithm in a table. */
const KNOWN = 4096;

/** The same for each run, since they are many. */
let byInstruction: WeightsByInstruction<Float64Array> | undefined;

/** Logarithm of the words of a slot: those of a sum, and how many zeros and ones came to it, as the stub keeps them. */
export const MIXED_WORDS = 2;

/** As `measureSums`, for a model that mixes. */
export function measureMixed(
  { bytes, seen, decide }: Material,
  model: Model,
  slots: Slots,
  memory: ArrayBuffer,
  pace?: Pace,
  watch?: Watch,
): number {
  const { masks, scale } = model;
  const mixing = model.mixing!;
  const count = masks.length;
  const words = new Float32Array(memory);
  const counts = new Int32Array(memory);
  const { numbers, rows } = slots;
  const factor = floatOf(scale);
  const start = startOf(scale);
  const weight = floatOf(mixing.weight);
  const rate = floatOf(mixing.rate);
  const added = floatOf(mixing.count);
  const logs = new Float64Array(KNOWN).map((_, n) => floatBitsOf(n + added));
  const used = new Int32Array(count);
  const inputs = new Float64Array(count);
  byInstruction ??= new WeightsByInstruction((length) => new Float64Array(length));
  const byState = byInstruction.begin();
  const byLast = new Float64Array(SETS * SET);
  const size = bytes.length;
  const tally = new Tally(size, pace);
  let stretch = 0;
  let bitAt = 0;
  for (let at = 0; at < size; at++) {
    if (at === stretch) {
      stretch = slots.find(at);
      if (slots.isPassing) bitAt = 0;
    }
    const stateSet = byInstruction.offsetOf(seen, at * SEEN);
    const lastSet = seen[at * SEEN + 1]! * SET;
    const byte = bytes[at]!;
    let partial = 1;
    for (let place = 7; place >= 0; place--) {
      if (decide) slots.tell!(7 - place, partial);
      let sum = start;
      for (let index = 0; index < count; index++) {
        const slot = numbers[rows[index]! + bitAt]!;
        used[index] = slot;
        const zero = counts[slot + 2]!;
        const one = counts[slot + 3]!;
        const input =
          (zero < KNOWN ? logs[zero]! : floatBitsOf(zero + added)) -
          (one < KNOWN ? logs[one]! : floatBitsOf(one + added));
        inputs[index] = input;
        sum += words[slot]!;
        sum += input * (weight + byState[stateSet + index]! + byLast[lastSet + index]!);
      }
      bitAt++;
      const rounded = sum * factor + ROUND - ROUND;
      if (!(rounded > 0 && rounded < LARGEST)) return Number.POSITIVE_INFINITY;
      floatBits[0] = rounded;
      const probability = 1 / (asFloat[0]! + ONE);
      const bit = decide ? decide(probability) : (byte >> place) & 1;
      partial = (partial << 1) | bit;
      if (watch) watch(probability, bit);
      tally.add(bit === 1 ? probability : 1 - probability);
      const error = probability - bit;
      const size = Math.abs(error);
      const came = bit === 1 ? 3 : 2;
      const other = 5 - came;
      // The stub takes slots from its stack, the last context first.
      for (let index = count - 1; index >= 0; index--) {
        const change = inputs[index]! * error * rate;
        byState[stateSet + index]! += change;
        byLast[lastSet + index]! += change;
        const slot = used[index]!;
        const seenError = size + words[slot + 1]!;
        words[slot + 1] = seenError;
        counts[slot + 1]! -= FORGOTTEN;
        words[slot]! += error / Math.sqrt(seenError);
        counts[slot + came]!++;
        const left = counts[slot + other]!;
        if (left > 3) counts[slot + other] = (left >> 2) + 2;
      }
    }
    if (!tally.endByte(at)) return Number.POSITIVE_INFINITY;
  }
  return tally.total();
}
