/** What tokens cost while the model is as it is; what several tokens ask for is computed once. */
import type { Model } from './model.ts';
import {
  LONGEST,
  type Visit,
  visitDistance,
  visitExponent,
  visitKind,
  visitLength,
  visitLiteral,
} from './tokens.ts';

const HISTORIES = 16;
const EXPONENTS = 32;
const UNKNOWN = -1;

export class Prices {
  private readonly lengths = new Int32Array(HISTORIES * (LONGEST + 1));
  private readonly exponents = new Int32Array((LONGEST + 1) * EXPONENTS);
  private sum = 0;
  private readonly add: Visit;

  constructor(model: Model) {
    this.add = (first, second, node, bit) => {
      this.sum += model.price(first, second, node, bit);
    };
  }

  /** Forgets what was computed: the model has changed. */
  forget(): void {
    this.lengths.fill(UNKNOWN);
    this.exponents.fill(UNKNOWN);
  }

  kind(state: number, history: number, kind: number): number {
    this.sum = 0;
    visitKind(this.add, state, history, kind);
    return this.sum;
  }

  /** @param second the row that `literalRow` gives */
  literal(before: number, second: number, byte: number): number {
    this.sum = 0;
    visitLiteral(this.add, before, second, byte);
    return this.sum;
  }

  /** @param history with the token itself */
  length(history: number, number: number): number {
    const index = history * (LONGEST + 1) + number;
    if (this.lengths[index] === UNKNOWN) {
      this.sum = 0;
      visitLength(this.add, history, number);
      this.lengths[index] = this.sum;
    }
    return this.lengths[index]!;
  }

  exponent(number: number, exponent: number): number {
    const index = number * EXPONENTS + exponent;
    if (this.exponents[index] === UNKNOWN) {
      this.sum = 0;
      visitExponent(this.add, number, exponent);
      this.exponents[index] = this.sum;
    }
    return this.exponents[index]!;
  }

  distance(exponent: number, distance: number): number {
    this.sum = 0;
    visitDistance(this.add, exponent, distance);
    return this.sum;
  }
}
