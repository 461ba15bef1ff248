/**
 * The model of the stub cm2: what contexts add up to in model.ts, and besides what they have counted. The logarithm of
 * zeros over ones in a slot is taken as the difference of float bits; it is weighted, and the weights learn along the
 * gradient, in a set for each state of the instruction decoder and one for each opcode (Mahoney, "Adaptive weighing of
 * context models for lossless data compression", 2005). A count is halved when the other bit comes.
 */
import { LAST_OPCODE, SEEN, STATE } from './instructions.ts';
import {
  asFloat,
  floatBits,
  floatOf,
  LARGEST,
  MARKS,
  type Material,
  type Model,
  namedBytes,
  type Pace,
  ROUND,
  seedsOf,
  startOf,
  type Table,
  type Watch,
} from './model.ts';

/** Weights of a set. */
const SET = 32;
const STATES = 32;
const OPCODES = 256;
/** Counts below have their logarithm in a table. */
const KNOWN = 4096;

/** As `measureSums`, for a model that mixes. */
export function measureMixed(
  { bytes, seen }: Material,
  model: Model,
  table: Table,
  pace?: Pace,
  watch?: Watch,
): number {
  const { masks, scale, tableBits } = model;
  const mixing = model.mixing!;
  const count = masks.length;
  table.clear(tableBits, true);
  const { values, errors, zeros, ones } = table;
  const shift = 32 - tableBits;
  const factor = floatOf(scale);
  const start = startOf(scale);
  const weight = floatOf(mixing.weight);
  const rate = floatOf(mixing.rate);
  const added = floatOf(mixing.count);
  const logs = new Int32Array(KNOWN).map((_, n) => logarithm(n, added));
  const seeds = seedsOf(model);
  const plans = masks.map(namedBytes);
  const hashes = new Int32Array(count);
  const slots = new Int32Array(count);
  const inputs = new Int32Array(count);
  const byState = new Float64Array(STATES * SET);
  const byOpcode = new Float64Array(OPCODES * SET);
  let product = 1;
  let cost = 0;
  const step = Math.ceil(bytes.length / MARKS);
  let next = step;
  for (let at = 0; at < bytes.length; at++) {
    const base = at * SEEN;
    for (let index = 0; index < count; index++) {
      const plan = plans[index]!;
      let hash = seeds[index]!;
      for (let place = 0; place < plan.length; place++)
        hash = Math.imul(hash ^ seen[base + plan[place]!]!, scale);
      hashes[index] = hash;
    }
    const stateSet = seen[base + STATE]! * SET;
    const opcodeSet = seen[base + LAST_OPCODE]! * SET;
    const byte = bytes[at]!;
    let partial = 1;
    for (let place = 7; place >= 0; place--) {
      let sum = start;
      for (let index = 0; index < count; index++) {
        const slot = Math.imul(hashes[index]! ^ partial, scale) >>> shift;
        slots[index] = slot;
        const zero = zeros[slot]!;
        const one = ones[slot]!;
        const input =
          (zero < KNOWN ? logs[zero]! : logarithm(zero, added)) -
          (one < KNOWN ? logs[one]! : logarithm(one, added));
        inputs[index] = input;
        sum += values[slot]!;
        sum += input * (weight + byState[stateSet + index]! + byOpcode[opcodeSet + index]!);
      }
      const rounded = sum * factor + ROUND - ROUND;
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
        const change = inputs[index]! * error * rate;
        byState[stateSet + index]! += change;
        byOpcode[opcodeSet + index]! += change;
        const slot = slots[index]!;
        const seenError = size + errors[slot]!;
        errors[slot] = seenError;
        values[slot]! += error / Math.sqrt(seenError);
        const came = bit === 1 ? ones : zeros;
        const other = bit === 1 ? zeros : ones;
        came[slot]!++;
        const left = other[slot]!;
        if (left > 1) other[slot] = (left >> 1) + 1;
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
  return product > 0 ? cost - Math.log2(product) : Number.POSITIVE_INFINITY;
}

/** Float bits of a count and what is added to it. */
function logarithm(count: number, added: number): number {
  asFloat[0] = count + added;
  return floatBits[0]!;
}
