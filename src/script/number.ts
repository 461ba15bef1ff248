/** Number literals, as in GNU ld's manual, section "Constants", and what operators and functions make of them. */
import { quote } from './lex.ts';
import type { NumericFunction } from './readExpression.ts';

const NUMBER = /^(?:(0[xX][0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))([kKmM]?)$/;

/**
 * Reads 42, 0x2a, 052, 4K or 1M.
 * @param refuse makes the error to be thrown for text that is no such number below 2^64
 */
export function readNumber(text: string, refuse: (reason: string) => Error): bigint {
  const match = NUMBER.exec(text);
  if (!match) throw refuse(`${quote(text)} is not a number`);
  const [, hexadecimal, octal, decimal, suffix] = match;
  const value = BigInt(hexadecimal ?? (octal === undefined ? decimal! : `0o${octal}`));
  if (value >= 2n ** 64n) throw refuse(`${quote(text)} does not fit 64 bits`);
  if (suffix === '') return value;
  return value * (suffix?.toLowerCase() === 'k' ? 2n ** 10n : 2n ** 20n);
}

/** Binary operators by how tightly they bind, loosest first: the manual's section "Operators", with C's `^`. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** How tightly each binary operator binds; the loosest is 0. */
export const PRECEDENCE: ReadonlyMap<string, number> = new Map(
  LEVELS.flatMap((operators, level) => operators.map((operator) => [operator, level] as const)),
);

/**
 * Applies a binary operator other than && and || to two numbers of 64 bits. As in GNU ld (ldexp.c, fold_binary),
 * division is signed while comparisons and shifts are not.
 * @returns a result that may need wrapping; undefined for a division by zero
 */
export function calculate(operator: string, left: bigint, right: bigint): bigint | undefined {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? undefined : signed(left) / signed(right);
    case '%':
      return right === 0n ? undefined : signed(left) % signed(right);
    case '<<':
      return right > 63n ? 0n : left << right;
    case '>>':
      return right > 63n ? 0n : left >> right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    default:
      return compare(operator, left, right) ? 1n : 0n;
  }
}

function compare(operator: string, left: bigint, right: bigint): boolean {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

/** Applies a unary operator; the result may need wrapping. */
export function calculateUnary(operator: string, operand: bigint): bigint {
  if (operator === '!') return operand === 0n ? 1n : 0n;
  return operator === '-' ? -operand : ~operand;
}

/**
 * Calls a function of numbers: the manual's section "Builtin Functions". Those of data segments give what they do
 * without `-z relro`. The result may need wrapping.
 * @param location gives the location counter
 */
export function callFunction(
  name: NumericFunction,
  [first = 0n, second]: readonly bigint[],
  location: () => bigint,
): bigint {
  switch (name) {
    case 'ALIGN':
      return second === undefined ? alignUp(location(), first) : alignUp(first, second);
    case 'MAX':
    case 'MIN':
      return first > second! === (name === 'MAX') ? first : second!;
    case 'LOG2CEIL':
      return first <= 1n ? 0n : BigInt((first - 1n).toString(2).length);
    case 'DATA_SEGMENT_ALIGN':
      return alignUp(location(), first) + (location() & (first - 1n));
    case 'DATA_SEGMENT_RELRO_END':
      return second!;
    case 'ABSOLUTE':
    case 'DATA_SEGMENT_END':
      return first;
  }
}

/** The next multiple of a number that need not be a power of two; 0 and 1 leave the value as it is. */
function alignUp(value: bigint, alignment: bigint): bigint {
  if (alignment <= 1n) return value;
  return ((value + alignment - 1n) / alignment) * alignment;
}

function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
