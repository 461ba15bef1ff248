/**
 * Random expressions and statements of C. All are of type `u64` and calculate with it, so that nothing overflows;
 * shifts are masked and divisors odd, so that nothing is undefined.
 */
import type { Random } from './random.ts';

/** A function that generated code may call. */
export interface Callee {
  readonly name: string;
  /** Of a call with two operands. */
  readonly call: (a: string, b: string) => string;
  /** Visible in its own file only. */
  readonly file: number | undefined;
  /** Whether it has the type `u64 (u64, u64)`. */
  readonly isPlain: boolean;
}

/** What an expression may refer to. */
export interface Scope {
  readonly variables: readonly string[];
  readonly callees: readonly Callee[];
}

const NARROW = ['s8', 'u8', 's16', 'u16', 's32', 'u32', 's64'];
const BUILTINS = ['popcountll', 'clrsbll', 'ffsll', 'parityll', 'bswap64'];

/** A number: mostly one of those that have short encodings or are at the ends of them. */
export function constant(random: Random): string {
  switch (random.int(0, 5)) {
    case 0:
      return `0x${random.bits().toString(16)}${random.bits().toString(16).padStart(8, '0')}ull`;
    case 1:
      return `0x${random.bits().toString(16)}ull`;
    case 2:
      return random.pick(['127ull', '128ull', '255ull', '256ull', '-1ull', '-128ull', '-129ull', '65536ull']);
    default:
      return `${random.int(0, 130)}ull`;
  }
}

/** @param depth of the tree at most */
export function expression(random: Random, scope: Scope, depth: number): string {
  if (depth <= 0) return random.oneIn(3) ? constant(random) : random.pick(scope.variables);
  const part = () => expression(random, scope, depth - 1);
  switch (random.int(0, 9)) {
    case 0:
      return `(${part()} ${random.pick(['<<', '>>'])} (${part()} & 63))`;
    case 1:
      return `(${part()} ${random.pick(['/', '%'])} (${part()} | 1))`;
    case 2:
      return `(u64)((s64)${part()} ${random.pick(['<', '>=', '==', '!='])} (s64)${part()})`;
    case 3:
      return `(${part()} < ${part()} ? ${part()} : ${part()})`;
    case 4:
      return `(u64)(${random.pick(NARROW)})${part()}`;
    case 5:
      return `(u64)__builtin_${random.pick(BUILTINS)}(${part()})`;
    case 6:
      return call(random, scope, depth);
    default:
      return `(${part()} ${random.pick(['+', '-', '*', '^', '|', '&'])} ${part()})`;
  }
}

/** A call, if there is anything to call. */
export function call(random: Random, scope: Scope, depth: number): string {
  if (scope.callees.length === 0) return random.pick(scope.variables);
  const { call: write } = random.pick(scope.callees);
  return write(expression(random, scope, depth - 1), expression(random, scope, depth - 1));
}

/** Statements that change the variables of the scope. @param depth of blocks in blocks at most */
export function statements(random: Random, scope: Scope, depth: number, count = random.int(1, 4)): string {
  return random.list(count, () => statement(random, scope, depth)).join('\n');
}

function statement(random: Random, scope: Scope, depth: number): string {
  const variable = random.pick(scope.variables);
  const value = () => expression(random, scope, 2);
  const block = () => `{ ${statements(random, scope, depth - 1)} }`;
  switch (depth > 0 ? random.int(0, 7) : 7) {
    case 0:
      return `if (${value()} & ${random.int(1, 7)}) ${block()} else ${block()}`;
    case 1:
      return `if (${random.pick(['__builtin_expect', 'EXPECT'])}((${value()}) == ${constant(random)}, 0)) ${block()}`;
    case 2:
      return `for (int i_${depth} = ${random.int(1, 12)}; i_${depth} > 0; i_${depth}--) ${block()}`;
    case 3:
      return `switch (${value()} & 3) { case ${random.int(0, 1)}: ${block()} break; case 2: ${block()} case 3: ${variable}++; }`;
    case 4:
      return `if (${value()} & 1) return ${call(random, scope, 2)};`;
    case 5:
      return `mix(${value()});`;
    default:
      return `${variable} ${random.pick(['', '+', '^', '-', '*'])}= ${value()};`;
  }
}
