import { describe, expect, it } from 'vitest';
import {
  type Environment,
  ExpressionError,
  evaluate,
  parseExpression,
  symbolsOf,
} from '../../src/expression.ts';

const U64 = 2n ** 64n;

const ENVIRONMENT: Environment = {
  symbol: (name) => {
    if (name === 'start') return 0x400078n;
    throw new ExpressionError(`${name} is undefined`);
  },
  isDefined: (name) => name === 'start',
  location: 0x401234n,
  headersSize: 120n,
  section: (name) =>
    name === '.data-x'
      ? { address: 0x402000n, loadAddress: 0x2000n, size: 0x30n, alignment: 16n }
      : undefined,
  segmentStart: (segment) => (segment === 'moved' ? 0x10000n : undefined),
};

function value(text: string): bigint {
  return evaluate(parseExpression(text), ENVIRONMENT);
}

describe('evaluate, with GNU ld’s values', () => {
  it.each<[string, bigint]>([
    ['+4', 4n],
    ['!0', 1n],
    ['!5', 0n],
    ['- - 3', 3n],
    ['2 > 1', 1n],
    ['1 >= 2', 0n],
    ['2 < 1', 0n],
    ['2 <= 2', 1n],
    ['3 == 3', 1n],
    ['3 != 3', 0n],
    ['-1 > 0', 1n],
    ['3 == 3 && 2 != 1 || 0', 1n],
    ['5 && 0', 0n],
    ['0 || 7', 1n],
    ['0 || 0', 0n],
    ['1 ? 2 : 3', 2n],
    ['0 ? 2 : 0 ? 4 : 5', 5n],
    ['1 ? 0 ? 1 : 2 : 3', 2n],
    ['1 << 2 + 1', 8n],
    ['5 & 4 == 4', 1n],
    ['5 | 1 << 3', 13n],
    ['7 ^ 3 & 2', 5n],
    ['-7 / 2', U64 - 3n],
    ['-7 % 2', U64 - 1n],
    ['0xffffffffffffffff >> 1', U64 / 2n - 1n],
    ['MAX(-1, 2)', U64 - 1n],
    ['MIN(-1, 2)', 2n],
    ['MAX(1, 2) + MIN(1, 2)', 3n],
    ['ABSOLUTE(4)', 4n],
    ['LOG2CEIL(0) + LOG2CEIL(1)', 0n],
    ['LOG2CEIL(5) * 10 + LOG2CEIL(8)', 33n],
    ['.', 0x401234n],
    ['. - start', 0x11bcn],
    ['ALIGN(16)', 0x401240n],
    ['ALIGN(0x234)', 0x401244n],
    ['ALIGN(1) + ALIGN(0)', 2n * 0x401234n],
    ['BLOCK(0x1000)', 0x402000n],
    ['ALIGN(13, 8)', 16n],
    ['ALIGN(16, 8)', 16n],
    ['ALIGN(-1, 8)', 0n],
    ['SIZEOF(.data-x)', 0x30n],
    ['SIZEOF ( ".data-x" ) / 2', 0x18n],
    ['ADDR(.data-x) - LOADADDR(.data-x)', 0x400000n],
    ['ALIGNOF(.data-x)', 16n],
    ['SIZEOF(.none) + ALIGNOF(.none)', 0n],
    ['SIZEOF_HEADERS', 120n],
    ['CONSTANT(MAXPAGESIZE) + CONSTANT (COMMONPAGESIZE)', 0x2000n],
    ['DEFINED(start) + DEFINED("stop")', 1n],
    ['DEFINED(stop) ? stop : 4', 4n],
    ['DEFINED(stop) && stop', 0n],
    ['!DEFINED(stop) || stop', 1n],
    ['SEGMENT_START("text-segment", 0x400000)', 0x400000n],
    ['SEGMENT_START(moved, 0x400000)', 0x10000n],
    ['DATA_SEGMENT_ALIGN(0x1000, 0x1000)', 0x402234n],
    ['DATA_SEGMENT_RELRO_END(24, .)', 0x401234n],
    ['DATA_SEGMENT_END(.)', 0x401234n],
    ['ASSERT(2 > 1, "never")', 1n],
    ['1 /* one */ + 2', 3n],
    ['start + start', 0x8000f0n],
  ])('%s', (text, expected) => {
    expect(value(text)).toBe(expected);
  });

  it.each<[string, string]>([
    ['ADDR(.none)', 'ADDR(.none): there is no output section of this name'],
    ['LOADADDR(.none)', 'there is no output section'],
    ['ASSERT(1 > 2, "one is less")', 'one is less'],
    ['1 / (start - start)', 'division by zero'],
    ['stop', 'stop is undefined'],
  ])('fails for %s', (text, message) => {
    expect(() => value(text)).toThrow(ExpressionError);
    expect(() => value(text)).toThrow(message);
  });

  it.each([
    '.',
    'ALIGN(4)',
    'SIZEOF(.x)',
    'SIZEOF_HEADERS',
    'DEFINED(x)',
    'LENGTH(ram)',
    'DATA_SEGMENT_ALIGN(1, 1)',
  ])('fails for %s where only symbols have values', (text) => {
    const expression = parseExpression(text);
    expect(() => evaluate(expression, () => 0n)).toThrow(ExpressionError);
    expect(() => evaluate(expression, () => 0n)).toThrow('has no value here');
  });
});

describe('parseExpression', () => {
  it('takes functions for symbols where no parenthesis follows', () => {
    expect(parseExpression('MAX')).toEqual({ kind: 'symbol', name: 'MAX' });
    expect(parseExpression('constructor')).toEqual({ kind: 'symbol', name: 'constructor' });
  });

  it('lets symbols have any name in quotes', () => {
    expect(parseExpression('"a + b"')).toEqual({ kind: 'symbol', name: 'a + b' });
    expect(parseExpression('"."')).toEqual({ kind: 'symbol', name: '.' });
  });

  it.each<[string, string]>([
    ['NEXT(8)', "NEXT is not supported in 'NEXT(8)'"],
    ['MAX(1)', "expected ',' before ')' of 'MAX(1)'"],
    ['f(1)', "unexpected '(' in 'f(1)'"],
    ['1 ? 2', "expected ':' at the end of '1 ? 2'"],
    ['a = 1', "unexpected '=' in 'a = 1'"],
    ['1 @ 2', "cannot read '@ 2' in '1 @ 2'"],
    ['"open', "a quoted name is not closed: expected '\"', found the end in '\"open'"],
  ])('refuses %s', (text, message) => {
    expect(() => parseExpression(text)).toThrow(ExpressionError);
    expect(() => parseExpression(text)).toThrow(message);
  });
});

it('symbolsOf looks everywhere but into DEFINED', () => {
  const text = 'a ? -b : MAX(c, d) + SEGMENT_START(s, e) + ASSERT(f, "g") + DEFINED(h) + SIZEOF(i) + . + a';
  expect([...symbolsOf(parseExpression(text))]).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});
