/**
 * The model: a decision has two contexts, each with an estimate of its own; what is coded is their mean. An estimate
 * moves towards what comes, first by a quarter of the difference, and after each eight uses by half as much, down to
 * a thirty-second. A slot has the probability of 1 less a half, in units of 2^-31, but for the low five
 * bits, which count uses; so memory of zeros is a model's start.
 *
 * Contexts are rows of slots; a slot's number in its row is the path through a tree of decisions. Those behind 255 are
 * for kinds of tokens.
 */
import { DISTANCE_SIZE, STATES } from '../filter/instructionState.ts';

/** Slots of a row: those of a tree of 8 bits and 16 more; so the starts of rows spread over a cache's sets. */
const ROW_SLOTS = 272;
const SLOT_BYTES = 4;

/** Rows 1 to 4: exponents of distances by lengths of 1 to 4 and more. */
const DISTANCE_BITS_LEFT = 32;
const DISTANCE_EXPONENT = 64;
const KIND_BY_HISTORY = 96;
const LENGTH_BY_KIND = 352;
const LENGTH_BY_HISTORY = 416;
const EXPONENT_BY_LENGTH = 672;
const LITERAL_BY_BYTE = 928;
const LITERAL_BY_MATCH = 1184;
const BY_STATE = 1440;
/** The last rows, one for each state. */
const ROWS = BY_STATE + STATES;

/** First rows of the contexts. */
export const Row = {
  DISTANCE_BITS_LEFT,
  DISTANCE_EXPONENT,
  KIND_BY_HISTORY,
  LENGTH_BY_KIND,
  LENGTH_BY_HISTORY,
  EXPONENT_BY_LENGTH,
  LITERAL_BY_BYTE,
  LITERAL_BY_MATCH,
  BY_STATE,
} as const;

/** Bytes of what the stub knows of instructions, and of two numbers more. */
const TABLE_BYTES = STATES * 2 + 8;

/** Bytes of memory that the stub needs for an image: there may be a distance behind each byte that is in none. */
export function scratchBytes(size: number): number {
  return ROWS * ROW_SLOTS * SLOT_BYTES + TABLE_BYTES + Math.ceil(size / (1 + DISTANCE_SIZE)) * 4 + 4;
}

/** Bits of a slot that count. */
const COUNT_MASK = 31;
/** Rates are powers of 1/2; the first three are for eight uses each. */
const FIRST_RATE = 2;
const LAST_RATE = 5;
/**
 * What is added to a probability, in units of 2^-17: the halves of a range that nothing is known of must not be alike.
 * Else another bit where a payload begins could be another decision and nothing more, and nobody would see the damage.
 */
const BIAS = 8;
/** What slots move to; so far short of a half that neither rounding nor the bias exceeds it. */
const ONE = 2 ** 30 - 2 ** 15 - BIAS * 2 ** 15;
const ZERO = -ONE - 1;
/** Prices are in units of 1/256 bit; the table is indexed by the upper 12 of 17 bits of a probability. */
export const BIT_PRICE = 256;
const PRICES = Uint16Array.from({ length: 4096 }, (_, i) =>
  Math.round(-Math.log2((i + 0.5) / 4096) * BIT_PRICE),
);

export class Model {
  private readonly slots = new Int32Array(ROWS * ROW_SLOTS);

  /** Price of a decision with slots `node` of two rows. */
  price(first: number, second: number, node: number, bit: number): number {
    const probability = this.probability(first, second, node);
    return PRICES[(bit ? probability : 2 ** 17 - probability) >> 5]!;
  }

  /** Probability of 1 in units of 2^-17. */
  probability(first: number, second: number, node: number): number {
    const sum = this.slots[first * ROW_SLOTS + node]! + this.slots[second * ROW_SLOTS + node]!;
    return (sum >> 15) + 2 ** 16 + BIAS;
  }

  /** Moves both estimates towards a decision. */
  update(first: number, second: number, node: number, bit: number): void {
    this.move(first * ROW_SLOTS + node, bit);
    this.move(second * ROW_SLOTS + node, bit);
  }

  private move(index: number, bit: number): void {
    const slot = this.slots[index]!;
    const rate = ((slot & COUNT_MASK) >> 3) + FIRST_RATE;
    const step = (((bit ? ONE : ZERO) - slot) >> rate) & ~COUNT_MASK;
    this.slots[index] = slot + step + (rate < LAST_RATE ? 1 : 0);
  }
}
