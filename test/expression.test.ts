/** Expressions of --defsym: grammar, 64-bit arithmetic, errors. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Expression,
  ExpressionError,
  evaluate,
  parseExpression,
  parseNumber,
  symbolsOf,
} from '../src/expression.ts';

const SYMBOLS: Readonly<Record<string, bigint>> = {
  start: 0x400070n,
  top: 0xffff_ffff_ffff_fff0n,
  '.text': 7n,
  _x$1: 3n,
  negative: -1n,
};

function value(text: string): bigint {
  return evaluate(parseExpression(text), (name) => SYMBOLS[name]!);
}

const U64 = 2n ** 64n;

/** A random expression as text with all its parentheses, and its value by exact arithmetic; null for no value. */
interface Case {
  readonly text: string;
  readonly value: bigint | null;
}

function apply(operator: string, a: bigint, b: bigint): bigint | null {
  const signed = (x: bigint) => BigInt.asIntN(64, x);
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0n ? null : signed(a) / signed(b);
    case '%':
      return b === 0n ? null : signed(a) % signed(b);
    case '<<':
      return b < 64n ? a * 2n ** b : 0n;
    case '>>':
      return b < 64n ? a / 2n ** b : 0n;
    case '&':
      return a & b;
    case '|':
      return a | b;
    default:
      return a ^ b;
  }
}

const OPERATORS = ['+', '-', '*', '/', '%', '<<', '>>', '&', '|', '^'] as const;

const number = fc
  .oneof(fc.constant(0n), fc.bigInt(0n, 70n), fc.bigInt(0n, U64 - 1n))
  .chain((n) =>
    fc.constantFrom<Case>(
      { text: `${n}`, value: n },
      { text: `0x${n.toString(16)}`, value: n },
      { text: `0X${n.toString(16).toUpperCase()}`, value: n },
      { text: `0${n.toString(8)}`, value: n },
    ),
  );
const symbol = fc.constantFrom(...Object.entries(SYMBOLS)).map(([text, n]): Case => ({ text, value: n }));

const cases = fc.letrec<{ expression: Case }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    number,
    symbol,
    fc.tuple(fc.constantFrom('-', '~'), tie('expression')).map(
      ([operator, { text, value: inner }]): Case => ({
        text: `${operator}(${text})`,
        value: inner === null ? null : BigInt.asUintN(64, operator === '-' ? -inner : ~inner),
      }),
    ),
    fc
      .tuple(tie('expression'), fc.constantFrom(...OPERATORS), tie('expression'))
      .map(([a, operator, b]): Case => {
        const text = `(${a.text}) ${operator} (${b.text})`;
        if (a.value === null || b.value === null) return { text, value: null };
        const result = apply(operator, BigInt.asUintN(64, a.value), BigInt.asUintN(64, b.value));
        return { text, value: result === null ? null : BigInt.asUintN(64, result) };
      }),
  ),
})).expression;

describe('evaluate', () => {
  it('agrees with exact arithmetic, wrapped to 64 bits', () => {
    let undefinedResults = 0;
    const property = fc.property(cases, ({ text, value: expected }) => {
      if (expected !== null) {
        expect(value(text)).toBe(BigInt.asUintN(64, expected));
        return;
      }
      undefinedResults++;
      expect(() => value(text)).toThrow(new ExpressionError('division by zero'));
    });
    fc.assert(property, { seed: 20_260_109, numRuns: 3000 });
    expect(undefinedResults).toBeGreaterThan(20);
  });

  it('agrees with C on precedence and grouping, whatever the operators', () => {
    // C's levels, tightest first; all group from the left.
    const levels = [['*', '/', '%'], ['+', '-'], ['<<', '>>'], ['&'], ['^'], ['|']];
    const terms = fc.array(fc.tuple(fc.constantFrom(...OPERATORS), fc.bigInt(1n, 40n)), {
      minLength: 1,
      maxLength: 6,
    });
    const property = fc.property(fc.bigInt(1n, 1000n), terms, (first, rest) => {
      const values: (bigint | null)[] = [first, ...rest.map(([, operand]) => operand)];
      const operators: string[] = rest.map(([operator]) => operator);
      for (const level of levels) {
        for (let i = 0; i < operators.length; ) {
          if (!level.includes(operators[i]!)) {
            i++;
            continue;
          }
          const [a, b] = [values[i]!, values[i + 1]!];
          const result = a === null || b === null ? null : apply(operators[i]!, a, b);
          values.splice(i, 2, result === null ? null : BigInt.asUintN(64, result));
          operators.splice(i, 1);
        }
      }
      const text = rest.reduce((sum, [operator, operand]) => `${sum}${operator}${operand}`, `${first}`);
      if (values[0] === null) expect(() => value(text)).toThrow('division by zero');
      else expect(value(text)).toBe(values[0]);
    });
    fc.assert(property, { seed: 20_260_110, numRuns: 2000 });
  });

  it.each<[string, bigint]>([
    ['0', 0n],
    ['052', 42n],
    ['0x2A', 42n],
    ['4K', 4096n],
    ['4k', 4096n],
    ['0x10M', 0x1000000n],
    ['010m', 8n * 2n ** 20n],
    ['0xfK', 15n * 1024n],
    ['18446744073709551615', U64 - 1n],
    ['18446744073709551615 + 2', 1n],
    ['0xffffffffffffffffK', U64 - 1024n],
    ['-1', U64 - 1n],
    ['- - 5', 5n],
    ['~-~0', U64 - 2n],
    ['-7 / 2', U64 - 3n],
    ['-7 % 3', U64 - 1n],
    ['-1 >> 60', 15n],
    ['1 << 63 << 1', 0n],
    ['1 << 64', 0n],
    ['1 << -1', 0n],
    ['0x8000000000000000 / -1', 2n ** 63n],
    ['start+4', 0x400074n],
    ['.text*_x$1', 21n],
    ['top + 0x10', 0n],
    ['negative', U64 - 1n],
    ['  ( start )\t', 0x400070n],
    ['7 - 2 - 1', 4n],
    ['100 / 10 / 5', 2n],
    ['2 + 3 * 4', 14n],
    ['-2 * 3 + 10', 4n],
    ['1 | 2 ^ 3 & 4 << 1 + 1', 3n],
  ])('%s is %i', (text, expected) => {
    expect(value(text)).toBe(expected);
  });
});

describe('parseExpression', () => {
  it.each<[string, string]>([
    ['', "expected a number or a symbol at the end of ''"],
    ['   ', 'expected a number or a symbol at the end'],
    ['1 +', "expected a number or a symbol at the end of '1 +'"],
    ['* 1', "expected a number or a symbol before '*' of '* 1'"],
    ['1 2', "unexpected '2' in '1 2'"],
    ['f g', "unexpected 'g' in 'f g'"],
    ['(1', "a parenthesis is not closed in '(1'"],
    ['(1 2)', 'a parenthesis is not closed'],
    ['1)', "unexpected ')' in '1)'"],
    ['()', "expected a number or a symbol before ')'"],
    ['1 @ 2', "in '1 @ 2'"],
    ['089', "'089' is not a number"],
    ['0x', "unexpected 'x' in '0x'"],
    ['12z', "unexpected 'z' in '12z'"],
    ['0x1_0', "unexpected '_0' in '0x1_0'"],
    ['18446744073709551616', "'18446744073709551616' does not fit 64 bits"],
    ['0x10000000000000000', 'does not fit 64 bits'],
  ])('refuses %j', (text, message) => {
    expect(() => parseExpression(text)).toThrow(ExpressionError);
    expect(() => parseExpression(text)).toThrow(message);
  });

  it('never throws anything but an ExpressionError', () => {
    const piece = fc.constantFrom(
      '0',
      '9',
      'x',
      'K',
      'sym',
      '.',
      '$',
      '(',
      ')',
      '+',
      '-',
      '~',
      '<<',
      '>',
      ' ',
      '/',
      '%',
      '\n',
      'é',
    );
    const property = fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      try {
        evaluate(parseExpression(text), () => 1n);
      } catch (error) {
        expect(error).toBeInstanceOf(ExpressionError);
      }
    });
    fc.assert(property, { seed: 20_260_111, numRuns: 3000 });
  });

  it('nests 199 deep and no deeper than 200', () => {
    const nested = (depth: number, open: string, close: string) =>
      `${open.repeat(depth)}5${close.repeat(depth)}`;
    expect(value(nested(199, '(', ')'))).toBe(5n);
    expect(value(nested(199, '-', ''))).toBe(U64 - 5n);
    for (const [open, close] of [
      ['(', ')'],
      ['-', ''],
      ['~(', ')'],
    ] as const) {
      expect(() => parseExpression(nested(200, open, close))).toThrow('is nested too deeply');
      expect(() => parseExpression(nested(100_000, open, close))).toThrow('is nested too deeply');
    }
  });

  it('does not count what stands side by side as nesting', () => {
    const sum = Array.from({ length: 1000 }, (_, i) => `(${i})`).join('+');
    expect(value(sum)).toBe(499_500n);
  });

  it('gives a tree that groups from the left', () => {
    const n = (digit: bigint): Expression => ({ kind: 'number', value: digit });
    expect(parseExpression('1-2-3')).toEqual({
      kind: 'binary',
      operator: '-',
      left: { kind: 'binary', operator: '-', left: n(1n), right: n(2n) },
      right: n(3n),
    });
  });
});

describe('symbolsOf', () => {
  it('names each symbol once, in order', () => {
    expect([...symbolsOf(parseExpression('b + -a * (b | ~c) << 2'))]).toEqual(['b', 'a', 'c']);
    expect([...symbolsOf(parseExpression('1 + 2'))]).toEqual([]);
  });
});

describe('parseNumber', () => {
  it.each<[string, number]>([
    ['0x400000', 0x400000],
    [' 4096 ', 4096],
    ['4K', 4096],
    ['017', 15],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('reads %j', (text, expected) => {
    expect(parseNumber(text)).toBe(expected);
  });

  it.each<[string, string]>([
    ['9007199254740992', 'is too large'],
    ['0xffffffffffffffff', 'is too large'],
    ['-1', 'is not a number'],
    ['1+1', 'is not a number'],
    ['', "'' is not a number"],
    ['0x', 'is not a number'],
    ['1e3', 'is not a number'],
  ])('refuses %j', (text, message) => {
    expect(() => parseNumber(text)).toThrow(ExpressionError);
    expect(() => parseNumber(text)).toThrow(message);
  });
});
