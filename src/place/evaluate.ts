/**
 * Expressions where addresses count from somewhere: GNU ld's manual, section "The Section of an Expression". Within
 * an output section, a number means an offset and an address is one relative to the section, so that
 * `. = ALIGN(. + 3, 4)` aligns the offset; outside, everything is absolute (ldexp.c).
 */

import { type Expression, ExpressionError } from '../expression.ts';
import type { MemoryRegion } from '../script/ast.ts';
import { calculate, calculateUnary, callFunction } from '../script/number.ts';

/** What relative addresses count from: an output section. */
export interface Frame {
  readonly address: bigint;
}

export const ABSOLUTE: Frame = { address: 0n };

/** A relative or absolute address; without a frame, a plain number. */
export interface Value {
  /** 0 … 2^64 - 1 */
  readonly value: bigint;
  readonly frame: Frame | undefined;
}

/** What ADDR and its kin know of an output section, which is a frame too. */
export interface FrameOfSection extends Frame {
  readonly loadAddress: bigint;
  readonly size: bigint;
  readonly alignment: bigint;
}

/** What the words of an expression stand for at some place in a script. */
export interface Context {
  /** The output section around the expression, or `ABSOLUTE`. */
  readonly frame: Frame;
  /** The location counter as an absolute address. */
  dot(): bigint;
  readonly headersSize: bigint;
  symbol(name: string): Value;
  isDefined(name: string): boolean;
  section(name: string): FrameOfSection | undefined;
  segmentStart(segment: string): bigint | undefined;
  region(name: string): MemoryRegion | undefined;
}

/** CONSTANT(MAXPAGESIZE) and CONSTANT(COMMONPAGESIZE). */
const PAGE = 0x1000n;

/** An address as messages have it. */
export function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

/** @throws ExpressionError for a calculation that has no result */
export function evaluateIn(expression: Expression, context: Context): Value {
  switch (expression.kind) {
    case 'number':
      // Outside of output sections numbers are absolute addresses.
      return of(expression.value, context.frame === ABSOLUTE ? ABSOLUTE : undefined);
    case 'location':
      return relativeTo(context.dot(), context);
    case 'symbol':
      return symbolValue(context.symbol(expression.name), context);
    case 'unary': {
      const operand = evaluateIn(expression.operand, context);
      return of(calculateUnary(expression.operator, operand.value), operand.frame);
    }
    case 'binary':
      return binaryValue(expression, context);
    case 'conditional': {
      const { condition, whenTrue, whenFalse } = expression;
      return evaluateIn(evaluateIn(condition, context).value === 0n ? whenFalse : whenTrue, context);
    }
    case 'headersSize':
      return of(context.headersSize, undefined);
    case 'constant':
      return of(PAGE, undefined);
    case 'defined':
      return of(context.isDefined(expression.symbol) ? 1n : 0n, undefined);
    case 'section':
      return sectionValue(expression, context);
    case 'region': {
      const region = context.region(expression.region);
      if (!region) throw new ExpressionError(`there is no memory region ${expression.region}`);
      const isOrigin = expression.name === 'ORIGIN';
      const half = isOrigin ? region.origin : region.length;
      const value = absolute(evaluateIn(half, { ...context, frame: ABSOLUTE }));
      return isOrigin ? relativeTo(value, context) : of(value, undefined);
    }
    case 'segmentStart': {
      const start = context.segmentStart(expression.segment);
      return start === undefined ? evaluateIn(expression.fallback, context) : relativeTo(start, context);
    }
    case 'assert': {
      const value = evaluateIn(expression.condition, context);
      if (value.value === 0n) throw new ExpressionError(expression.message);
      return value;
    }
    case 'call':
      return callValue(expression, context);
  }
}

/** A value as an absolute address; a plain number is one already. */
export function absolute({ value, frame }: Value): bigint {
  return BigInt.asUintN(64, value + (frame?.address ?? 0n));
}

/** The next multiple of a power of two. */
export function alignUp(value: bigint, alignment: bigint): bigint {
  return alignment <= 1n ? value : (value + alignment - 1n) & -alignment;
}

function of(value: bigint, frame: Frame | undefined): Value {
  return { value: BigInt.asUintN(64, value), frame };
}

/** An absolute address as one relative to where the expression stands. */
function relativeTo(address: bigint, { frame }: Context): Value {
  return of(address - frame.address, frame);
}

/** Within an output section, absolute symbols are numbers. */
function symbolValue(value: Value, { frame }: Context): Value {
  return value.frame === ABSOLUTE && frame !== ABSOLUTE ? of(value.value, undefined) : value;
}

function binaryValue(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  context: Context,
): Value {
  const first = evaluateIn(left, context);
  if (operator === '&&' || operator === '||') return logicalValue(operator, first, right, context);
  const second = evaluateIn(right, context);
  const [a, b] = commonFrame(first, second);
  const result = calculate(operator, a.value, b.value);
  if (result === undefined) throw new ExpressionError('division by zero');
  return of(result, COMPARISONS.has(operator) ? undefined : resultFrame(a, b, context));
}

/** The right side need have no value where the left one decides, which GNU ld does not allow. */
function logicalValue(operator: '&&' | '||', first: Value, right: Expression, context: Context): Value {
  const isDecided = (value: bigint) => (value !== 0n) === (operator === '||');
  try {
    const [a, b] = commonFrame(first, evaluateIn(right, context));
    return of((isDecided(a.value) ? a.value : b.value) === 0n ? 0n : 1n, undefined);
  } catch (error) {
    if (!(error instanceof ExpressionError) || !isDecided(first.value)) throw error;
    return of(operator === '||' ? 1n : 0n, undefined);
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=']);

/** Addresses that count from different places become absolute; a number adapts to the other operand. */
function commonFrame(first: Value, second: Value): readonly [Value, Value] {
  if (first.frame === second.frame || !first.frame || !second.frame) return [first, second];
  return [of(absolute(first), ABSOLUTE), of(absolute(second), ABSOLUTE)];
}

/** An address and a number give an address; two of a kind give a number, outside of output sections an absolute one. */
function resultFrame(first: Value, second: Value, { frame }: Context): Frame | undefined {
  if (first.frame !== second.frame) return first.frame ?? second.frame;
  return frame === ABSOLUTE ? ABSOLUTE : undefined;
}

function sectionValue({ name, section }: Extract<Expression, { kind: 'section' }>, context: Context): Value {
  const found = context.section(section);
  if (name === 'SIZEOF') return of(found?.size ?? 0n, undefined);
  if (name === 'ALIGNOF') return of(found?.alignment ?? 0n, undefined);
  if (!found) throw new ExpressionError(`${name}(${section}): there is no output section of this name`);
  return name === 'ADDR' ? of(0n, found) : of(found.loadAddress, ABSOLUTE);
}

/** Section "Builtin Functions". */
function callValue({ name, operands }: Extract<Expression, { kind: 'call' }>, context: Context): Value {
  const values = operands.map((operand) => evaluateIn(operand, context));
  const [first, second] = values as [Value, Value | undefined];
  const call = (...numbers: bigint[]) => callFunction(name, numbers, () => context.dot());
  if (name === 'DATA_SEGMENT_END') return first;
  if (name === 'DATA_SEGMENT_RELRO_END') return second!;
  if (name === 'DATA_SEGMENT_ALIGN') return relativeTo(call(absolute(first), absolute(second!)), context);
  if (name === 'LOG2CEIL') return of(call(absolute(first)), undefined);
  if (!second) {
    const result = call(absolute(first));
    return name === 'ALIGN' ? relativeTo(result, context) : of(result, ABSOLUTE);
  }
  const [a, b] = commonFrame(first, second);
  return of(call(a.value, b.value), a.frame ?? b.frame);
}
