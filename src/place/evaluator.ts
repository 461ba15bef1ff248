/** Evaluates the expressions of scripts at the place that a walk through them has reached. */
import type { Diagnostics } from '../diagnostics.ts';
import { type Expression, ExpressionError } from '../expression.ts';
import type { LinkOptions } from '../options.ts';
import type { Assertion, Fill } from '../script/ast.ts';
import type { LinkScript } from '../script/linkScript.ts';
import {
  ABSOLUTE,
  absolute,
  type Context,
  evaluateIn,
  type Frame,
  type FrameOfSection,
  type Value,
} from './evaluate.ts';
import { fillPattern } from './fill.ts';
import type { ScriptSymbols } from './symbols.ts';

const ZERO: Value = { value: 0n, frame: ABSOLUTE };

export class Evaluator {
  /** The location counter; undefined where there is none. */
  dot: bigint | undefined;
  /** Bytes of all headers. */
  headersSize = 0n;
  /** Errors count, because everything has its final value. Before, what cannot be evaluated yet is 0. */
  isFinal = false;
  readonly #symbols: ScriptSymbols;
  readonly #section: (name: string) => FrameOfSection | undefined;
  readonly #regions: LinkScript['regions'];
  readonly #base: bigint | undefined;
  readonly #diagnostics: Diagnostics;

  /** @param section gives output sections by name */
  constructor(
    symbols: ScriptSymbols,
    section: (name: string) => FrameOfSection | undefined,
    { regions }: LinkScript,
    { base, isBaseGiven }: LinkOptions,
    diagnostics: Diagnostics,
  ) {
    this.#symbols = symbols;
    this.#section = section;
    this.#regions = regions;
    this.#base = isBaseGiven ? BigInt(base) : undefined;
    this.#diagnostics = diagnostics;
  }

  /** @param frame the output section around the expression, or `ABSOLUTE` */
  evaluate(expression: Expression, frame: Frame, where: string): Value {
    return this.#try(expression, frame, where) ?? ZERO;
  }

  absolute(expression: Expression, where: string): bigint {
    return absolute(this.evaluate(expression, ABSOLUTE, where));
  }

  /** An alignment; 1 where there is no expression. */
  alignment(expression: Expression | undefined, where: string): bigint {
    const alignment = expression ? this.absolute(expression, where) : 0n;
    if (alignment === 0n) return 1n;
    if ((alignment & (alignment - 1n)) === 0n) return alignment;
    this.report(where, `the alignment ${alignment} is not a power of two`);
    return 1n;
  }

  pattern(fill: Fill, where: string): Uint8Array {
    return fill.kind === 'bytes' ? fill.bytes : fillPattern(this.absolute(fill.value, where));
  }

  /** Reports an assertion that does not hold in the end. */
  check({ condition, message, where }: Assertion, frame: Frame): void {
    if (this.isFinal && this.#try(condition, frame, where)?.value === 0n) {
      this.#diagnostics.error('assertion', message, { where: [where] });
    }
  }

  report(where: string | undefined, message: string, hint?: string): void {
    if (!this.isFinal) return;
    this.#diagnostics.error('bad-script', message, { where: where === undefined ? [] : [where], hint });
  }

  #try(expression: Expression, frame: Frame, where: string): Value | undefined {
    try {
      return evaluateIn(expression, this.#context(frame));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.report(where, error.message);
      return undefined;
    }
  }

  #context(frame: Frame): Context {
    const context: Context = {
      frame,
      dot: () => {
        if (this.dot === undefined) throw new ExpressionError("'.' has no value outside of SECTIONS");
        return this.dot;
      },
      headersSize: this.headersSize,
      symbol: (name) => this.#symbols.value(name, context),
      isDefined: (name) => this.#symbols.isDefined(name),
      section: this.#section,
      segmentStart: (segment) => this.#segmentStart(segment),
      region: (name) => this.#regions.get(name),
    };
    return context;
  }

  /** --image-base or -Ttext-segment, where it was given. */
  #segmentStart(segment: string): bigint | undefined {
    return segment === 'text-segment' ? this.#base : undefined;
  }
}
