/**
 * The format: what decisions a token consists of, in which contexts. A token is a literal, a match with a new distance,
 * or one with one of the last four distances. `visit` sees each decision: the encoder writes it, the parser sums up
 * prices; lz.asm reads them in the same order.
 */
import { Row } from './model.ts';

/** Kinds of tokens: from REPEAT on, matches with the last distance, the one before it and so on. */
export const LITERAL = 0;
export const MATCH = 1;
export const REPEAT = 2;
/** Distances that are kept. */
export const REPEATS = 4;
const LAST_KIND = REPEAT + REPEATS - 1;

/** Slot of the first decision of a kind. */
const KIND_SLOT = 256;

/** Longest match, in bytes. */
export const LONGEST = 255;
/** Shortest match with a new distance. */
export const SHORTEST = 2;

/** Sees a decision: two rows, the slot in both, and the bit. */
export type Visit = (first: number, second: number, node: number, bit: number) => void;

/** The last two kinds of tokens, 2 bits each; the last is the lower. */
export function nextHistory(history: number, kind: number): number {
  return ((history << 2) | Math.min(kind, 3)) & 15;
}

/** The kind of a token in unary. */
export function visitKind(visit: Visit, state: number, history: number, kind: number): void {
  const first = Row.BY_STATE + state;
  const second = Row.KIND_BY_HISTORY + history * 16 + (state >> 8);
  for (let i = 0; i < LAST_KIND; i++) {
    const bit = kind > i ? 1 : 0;
    visit(first, second, KIND_SLOT + i, bit);
    if (!bit) return;
  }
}

/**
 * The second context of a literal.
 * @param history with the literal itself
 * @param expected the byte at the last distance
 */
export function literalRow(state: number, history: number, expected: number): number {
  return history >> 2 ? Row.LITERAL_BY_MATCH + expected : Row.BY_STATE + state;
}

/** A literal after the byte `before`. */
export function visitLiteral(visit: Visit, before: number, second: number, byte: number): void {
  visitTree(visit, Row.LITERAL_BY_BYTE + before, second, byte, 8);
}

/**
 * A number from 1 to 255: how many bits follow its first in unary, then these. It is a match's length, or less by 1
 * with a new distance.
 * @param history with the token itself
 */
export function visitLength(visit: Visit, history: number, number: number): void {
  let first = Row.LENGTH_BY_KIND + (history & 3) * 16;
  let second = Row.LENGTH_BY_HISTORY + history * 16;
  const bits = 31 - Math.clz32(number);
  for (let i = 0; i < bits; i++) visit(first++, second++, 0, 1);
  visit(first++, second++, 0, 0);
  visitTree(visit, first, second, number, bits);
}

/** How many bits follow the first of a distance; `number` is what was coded as length. */
export function visitExponent(visit: Visit, number: number, exponent: number): void {
  visitTree(visit, Row.EXPONENT_BY_LENGTH + number, Math.min(number, 4), exponent, 5);
}

/** The bits of a distance but the first: of the path through them the last three count. */
export function visitDistance(visit: Visit, exponent: number, distance: number): void {
  const first = Row.DISTANCE_EXPONENT + exponent;
  let node = 1;
  for (let left = exponent - 1; left >= 0; left--) {
    const bit = (distance >> left) & 1;
    visit(first, Row.DISTANCE_BITS_LEFT + left, node, bit);
    node = node * 2 + bit;
    if (node >= 16) node = (node & 7) | 8;
  }
}

function visitTree(visit: Visit, first: number, second: number, value: number, bits: number): void {
  let node = 1;
  for (let left = bits - 1; left >= 0; left--) {
    const bit = (value >> left) & 1;
    visit(first, second, node, bit);
    node = node * 2 + bit;
  }
}
