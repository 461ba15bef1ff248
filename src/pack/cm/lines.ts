/**
 * The model of the stub cm3, for large images: contexts are counted, and their counts mixed, as in mix.ts. But what a
 * context has counted in half a byte lies together in one line of a table, which is found once for four bits, and knows
 * whose it is: contexts do not get in each other's way, and of the table no more than a cache line is looked at. A slot
 * has, in place of the errors, a value that moves against each of them by the same share. Sets of weights are chosen by
 * the state of the instruction decoder with the length of the instruction so far, by either of the last two bytes, and by
 * the bits of this byte.
 */
import { SEEN } from './instructions.ts';
import {
  asFloat,
  floatBits,
  floatBitsOf,
  floatOf,
  LARGEST,
  type Material,
  type Model,
  ONE,
  type Pace,
  ROUND,
  seedsOf,
  startOf,
  Tally,
  type Watch,
} from './model.ts';
import { namedBytes } from './slots.ts';
import { SET, SETS, WeightsByInstruction } from './weightSets.ts';

/** Slots of a line, the one in whose place its hash lies included. */
const LINE = 16;
/** Counts of zeros and ones end here. */
const MOST = 255;
/** Adding and subtracting it rounds to an integer of any sign, as FISTP does. */
const ROUND_SIGNED = 1.5 * ROUND;

/** The same for each run, since they are many. */
let byInstruction: WeightsByInstruction<Float32Array> | undefined;

/** Both counts of a slot after a zero or a one, by what they were: the number of zeros, and 256 times that of ones. */
const afterBit: Uint16Array[] = [];

function countsAfter(bit: number): Uint16Array {
  return Uint16Array.from({ length: 0x10000 }, (_, counts) => {
    const came = bit === 1 ? counts >> 8 : counts & 0xff;
    const other = bit === 1 ? counts & 0xff : counts >> 8;
    const more = Math.min(came + 1, MOST);
    const less = other > 3 ? (other >> 2) + 2 : other;
    return bit === 1 ? (more << 8) | less : more | (less << 8);
  });
}

/** A table of lines, as it is in the stub's memory. */
export class Lines {
  /** By number of a line: the hash that it belongs to. */
  private readonly owners: Int32Array;
  /** Counts in the low half, value in the other. */
  readonly slots: Int32Array;
  private readonly shift: number;

  /** @param bits logarithm of the number of lines */
  constructor(bits: number) {
    this.owners = new Int32Array(2 ** bits);
    this.slots = new Int32Array(2 ** bits * LINE);
    this.shift = 32 - bits;
  }

  get bits(): number {
    return 32 - this.shift;
  }

  clear(): void {
    this.owners.fill(0);
    // Those of the hash 0; other lines are cleared when they are taken.
    this.slots.fill(0, 0, 2 * LINE);
  }

  /** The first slot of the line of a hash, which may have been another's. */
  find(hash: number): number {
    const { owners, slots } = this;
    const first = hash >>> this.shift;
    if (owners[first] === hash) return first * LINE;
    const second = first ^ 1;
    if (owners[second] === hash) return second * LINE;
    // One that is nobody's has counted nothing, whatever an earlier run has left there.
    const taken = this.useOf(first) <= this.useOf(second) ? first : second;
    owners[taken] = hash;
    slots.fill(0, taken * LINE, (taken + 1) * LINE);
    return taken * LINE;
  }

  private useOf(line: number): number {
    return this.owners[line] === 0 && line > 1 ? 0 : this.slots[line * LINE + 1]! & 0xffff;
  }
}

/** As `measureSums`, for a model whose slots lie in lines. @param lines as many as the model says, none of them used */
export function measureLines(
  { bytes, seen, decide }: Material,
  model: Model,
  lines: Lines,
  pace?: Pace,
  watch?: Watch,
): number {
  const { masks, scale } = model;
  const mixing = model.mixing!;
  const count = masks.length;
  const seeds = seedsOf(model);
  const plans = masks.map((mask) => Uint8Array.from(namedBytes(mask)));
  const { slots } = lines;
  const factor = floatOf(scale);
  const start = startOf(scale);
  const weight = floatOf(mixing.weight);
  const rate = floatOf(mixing.rate);
  const valueRate = floatOf(mixing.value!);
  const added = floatOf(mixing.count);
  const logs = Float32Array.from({ length: MOST + 1 }, (_, n) => floatBitsOf(n + added));
  afterBit[0] ??= countsAfter(0);
  afterBit[1] ??= countsAfter(1);
  const hashes = new Int32Array(count);
  const found = new Int32Array(count);
  const inputs = new Float32Array(count);
  byInstruction ??= new WeightsByInstruction((length) => new Float32Array(length));
  const byState = byInstruction.begin();
  const byLast = new Float32Array(SETS * SET);
  const byBefore = new Float32Array(SETS * SET);
  const byBits = new Float32Array(SETS * SET);
  const tally = new Tally(bytes.length, pace);
  for (let at = 0; at < bytes.length; at++) {
    const base = at * SEEN;
    const stateSet = byInstruction.offsetOf(seen, base);
    const lastSet = seen[base + 1]! * SET;
    const beforeSet = seen[base + 2]! * SET;
    for (let index = 0; index < count; index++) {
      const plan = plans[index]!;
      let hash = seeds[index]!;
      for (let step = 0; step < plan.length; step++)
        hash = Math.imul(hash ^ seen[base + plan[step]!]!, scale);
      hashes[index] = hash;
    }
    // Bits of this byte in front of the half, behind a 1.
    let front = 1;
    const byte = bytes[at]!;
    for (let end = 4; end >= 0; end -= 4) {
      for (let index = 0; index < count; index++)
        found[index] = lines.find(Math.imul(hashes[index]! ^ front, scale));
      let node = 1;
      for (let place = end + 3; place >= end; place--) {
        const bitsSet = (((front << 4) & 0xff) | node) * SET;
        let sum = start;
        for (let index = 0; index < count; index++) {
          const slot = slots[found[index]! + node]!;
          const input = logs[slot & 0xff]! - logs[(slot >> 8) & 0xff]!;
          inputs[index] = input;
          sum +=
            input *
              (weight +
                byState[stateSet + index]! +
                byLast[lastSet + index]! +
                byBefore[beforeSet + index]! +
                byBits[bitsSet + index]!) +
            (slot >> 16);
        }
        const rounded = sum * factor + ROUND - ROUND;
        if (!(rounded > 0 && rounded < LARGEST)) return Number.POSITIVE_INFINITY;
        floatBits[0] = rounded;
        const probability = 1 / (asFloat[0]! + ONE);
        const bit = decide ? decide(probability) : (byte >> place) & 1;
        if (watch) watch(probability, bit);
        tally.add(bit === 1 ? probability : 1 - probability);
        const error = probability - bit;
        const move = (error * valueRate + ROUND_SIGNED - ROUND_SIGNED) << 16;
        const step = error * rate;
        const after = afterBit[bit]!;
        for (let index = 0; index < count; index++) {
          const change = inputs[index]! * step;
          byState[stateSet + index]! += change;
          byLast[lastSet + index]! += change;
          byBefore[beforeSet + index]! += change;
          byBits[bitsSet + index]! += change;
          const slot = slots[found[index]! + node]!;
          slots[found[index]! + node] = ((slot & ~0xffff) | after[slot & 0xffff]!) + move;
        }
        node = (node << 1) | bit;
      }
      front = node;
    }
    if (!tally.endByte(at)) return Number.POSITIVE_INFINITY;
  }
  return tally.total();
}
