/**
 * Expressions of `--defsym NAME=EXPRESSION` and of linker scripts, as in GNU ld's manual, chapter "Expressions in
 * Linker Scripts". Values are 64 bits wide and wrap; they are few, so they may be BigInts.
 */
import { Lexer, type Token } from './script/lex.ts';
import { calculate, calculateUnary, callFunction, readNumber } from './script/number.ts';
import {
  type ConstantName,
  type NumericFunction,
  type RegionFunction,
  readExpression,
  type SectionFunction,
} from './script/readExpression.ts';

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** `a ? b : c` */
  | {
      readonly kind: 'conditional';
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  /** `.` */
  | { readonly kind: 'location' }
  /** `SIZEOF_HEADERS` */
  | { readonly kind: 'headersSize' }
  /** `CONSTANT(MAXPAGESIZE)` */
  | { readonly kind: 'constant'; readonly name: ConstantName }
  /** `DEFINED(symbol)` */
  | { readonly kind: 'defined'; readonly symbol: string }
  /** `SIZEOF(.text)` and its kin */
  | { readonly kind: 'section'; readonly name: SectionFunction; readonly section: string }
  /** `ORIGIN(ram)` and `LENGTH(ram)` */
  | { readonly kind: 'region'; readonly name: RegionFunction; readonly region: string }
  /** `SEGMENT_START("text-segment", 0x400000)` */
  | { readonly kind: 'segmentStart'; readonly segment: string; readonly fallback: Expression }
  /** `ASSERT(condition, "message")` within an expression: the condition's value, unless it is 0 */
  | { readonly kind: 'assert'; readonly condition: Expression; readonly message: string }
  /** `MAX(a, b)` and its kin; ALIGN has one operand or two */
  | { readonly kind: 'call'; readonly name: NumericFunction; readonly operands: readonly Expression[] };

/** Thrown for text that is no expression, and for a calculation that has no result. */
export class ExpressionError extends Error {}

/** What expressions know of an output section. */
interface SectionValues {
  readonly address: bigint;
  readonly loadAddress: bigint;
  readonly size: bigint;
  readonly alignment: bigint;
}

/** What an expression's words stand for. What is left out makes the expressions that need it fail. */
export interface Environment {
  /** A symbol's value, of which the low 64 bits count. */
  symbol(name: string): bigint;
  /** Whether `DEFINED` holds. */
  isDefined?(name: string): boolean;
  /** The location counter. */
  readonly location?: bigint;
  /** An output section; undefined if there is none of this name. */
  section?(name: string): SectionValues | undefined;
  /** `SIZEOF_HEADERS` */
  readonly headersSize?: bigint;
  /** An address that the user gave to a segment, as with GNU ld's `-Ttext-segment`. */
  segmentStart?(segment: string): bigint | undefined;
}

/** Both page sizes that `CONSTANT` can name, on x86-64. */
const PAGE = 0x1000n;

/** Parses an expression. @throws ExpressionError that quotes the text where it is wrong */
export function parseExpression(text: string): Expression {
  const lexer = new ExpressionLexer(text);
  const result = readExpression(lexer);
  const rest = lexer.peek('expression');
  if (rest.kind === 'end') return result;
  if (rest.kind === 'unknown') throw lexer.expected('an operator', rest);
  throw lexer.refused(`unexpected '${rest.text}'`);
}

/** Reads 42, 0x2a, 052, 4K or 1M as a plain number. @throws ExpressionError if it is none below 2^53 */
export function parseNumber(text: string): number {
  const value = readNumber(text.trim(), (reason) => new ExpressionError(reason));
  if (value > Number.MAX_SAFE_INTEGER) throw new ExpressionError(`'${text}' is too large`);
  return Number(value);
}

/** The names that an expression mentions, each once; not those that it only asks about with `DEFINED`. */
export function symbolsOf(expression: Expression, into = new Set<string>()): Set<string> {
  if (expression.kind === 'symbol') into.add(expression.name);
  for (const operand of operandsOf(expression)) symbolsOf(operand, into);
  return into;
}

/** The memory regions that an expression asks about, each once. */
export function regionsOf(expression: Expression, into = new Set<string>()): Set<string> {
  if (expression.kind === 'region') into.add(expression.region);
  for (const operand of operandsOf(expression)) regionsOf(operand, into);
  return into;
}

function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'unary':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'conditional':
      return [expression.condition, expression.whenTrue, expression.whenFalse];
    case 'segmentStart':
      return [expression.fallback];
    case 'assert':
      return [expression.condition];
    case 'call':
      return expression.operands;
    default:
      return [];
  }
}

/**
 * Calculates an expression.
 * @param environment gives the values of its words; a function gives those of symbols alone
 * @returns 0 … 2^64 - 1
 * @throws ExpressionError on division by zero, on a failed ASSERT, and for a word that has no value
 */
export function evaluate(
  expression: Expression,
  environment: Environment | ((name: string) => bigint),
): bigint {
  const known = typeof environment === 'function' ? { symbol: environment } : environment;
  return value64(expression, known);
}

function value64(expression: Expression, environment: Environment): bigint {
  return BigInt.asUintN(64, unwrapped(expression, environment));
}

function unwrapped(expression: Expression, environment: Environment): bigint {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'symbol':
      return environment.symbol(expression.name);
    case 'unary':
      return calculateUnary(expression.operator, value64(expression.operand, environment));
    case 'binary':
      return binaryValue(expression.operator, expression.left, expression.right, environment);
    case 'conditional': {
      const { condition, whenTrue, whenFalse } = expression;
      return value64(value64(condition, environment) === 0n ? whenFalse : whenTrue, environment);
    }
    case 'location':
      return demand(environment.location, "'.'");
    case 'headersSize':
      return demand(environment.headersSize, 'SIZEOF_HEADERS');
    case 'constant':
      return PAGE;
    case 'defined':
      return demand(environment.isDefined?.(expression.symbol), 'DEFINED') ? 1n : 0n;
    case 'section':
      return sectionValue(expression.name, expression.section, environment);
    case 'region':
      throw new ExpressionError(`${expression.name}(${expression.region}) has no value here`);
    case 'segmentStart':
      return environment.segmentStart?.(expression.segment) ?? value64(expression.fallback, environment);
    case 'assert': {
      const value = value64(expression.condition, environment);
      if (value === 0n) throw new ExpressionError(expression.message);
      return value;
    }
    case 'call': {
      const operands = expression.operands.map((operand) => value64(operand, environment));
      return callFunction(expression.name, operands, () => demand(environment.location, "'.'"));
    }
  }
}

/** && and || leave their right side alone if the left decides. */
function binaryValue(
  operator: string,
  left: Expression,
  right: Expression,
  environment: Environment,
): bigint {
  const first = value64(left, environment);
  if (operator === '&&' && first === 0n) return 0n;
  if (operator === '||' && first !== 0n) return 1n;
  const second = value64(right, environment);
  if (operator === '&&' || operator === '||') return second === 0n ? 0n : 1n;
  const result = calculate(operator, first, second);
  if (result === undefined) throw new ExpressionError('division by zero');
  return result;
}

/** Section "Builtin Functions" of the manual. A section that does not exist has size 0 and no address. */
function sectionValue(name: SectionFunction, section: string, { section: find }: Environment): bigint {
  if (!find) throw new ExpressionError(`${name}(${section}) has no value here`);
  const values = find(section);
  if (values) return values[SECTION_VALUES[name]];
  if (name === 'SIZEOF' || name === 'ALIGNOF') return 0n;
  throw new ExpressionError(`${name}(${section}): there is no output section of this name`);
}

const SECTION_VALUES = {
  ADDR: 'address',
  ALIGNOF: 'alignment',
  LOADADDR: 'loadAddress',
  SIZEOF: 'size',
} as const satisfies Record<SectionFunction, keyof SectionValues>;

function demand<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new ExpressionError(`${what} has no value here`);
  return value;
}

/** Reads one expression; its errors are `ExpressionError`s that quote all of the text. */
class ExpressionLexer extends Lexer {
  expected(what: string, found: Token = this.peek('expression')): ExpressionError {
    if (found.kind === 'unknown') return this.refused(`cannot read '${found.text}'`);
    if (what === "')'") return this.refused('a parenthesis is not closed');
    const where = found.kind === 'end' ? 'at the end' : `before '${found.text}'`;
    return new ExpressionError(`expected ${what} ${where} of '${this.text}'`);
  }

  refused(message: string): ExpressionError {
    return new ExpressionError(`${message} in '${this.text}'`);
  }
}
