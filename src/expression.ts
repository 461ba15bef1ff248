/**
 * Expressions of `--defsym NAME=EXPRESSION`: numbers (decimal, 0x…, octal, with K or M behind), symbols,
 * with C's operators + - * / % << >> & | ^ ~ and parentheses, as in GNU ld's manual, chapter "Expressions".
 * Values are 64 bits wide and wrap; they are few, so they may be BigInts.
 */

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    };

/** Thrown for text that is no expression, and for a calculation that has no result. */
export class ExpressionError extends Error {}

/** Binary operators by how tightly they bind, loosest first. */
const LEVELS: readonly (readonly string[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const TOKEN = /\s*(0[xX][0-9a-fA-F]+[kKmM]?|[0-9]+[kKmM]?|[A-Za-z_.$][\w.$]*|<<|>>|[-+*/%&|^~()])/y;

/** Deepest nesting that is accepted: far above any use, far below the stack's end. */
const MAX_DEPTH = 200;

/** Parses an expression. @throws ExpressionError that quotes the text where it is wrong */
export function parseExpression(text: string): Expression {
  const tokens = tokenize(text);
  let at = 0;
  let depth = 0;
  const result = binary(0);
  if (at < tokens.length) throw new ExpressionError(`unexpected '${tokens[at]}' in '${text}'`);
  return result;

  function binary(level: number): Expression {
    if (level === LEVELS.length) return unary();
    let left = binary(level + 1);
    while (at < tokens.length && LEVELS[level]!.includes(tokens[at]!)) {
      const operator = tokens[at++]!;
      left = { kind: 'binary', operator, left, right: binary(level + 1) };
    }
    return left;
  }

  function unary(): Expression {
    if (++depth > MAX_DEPTH) throw new ExpressionError(`'${text}' is nested too deeply`);
    const token = tokens[at++];
    try {
      if (token === '-' || token === '~') return { kind: 'unary', operator: token, operand: unary() };
      if (token === '(') return parenthesis();
      if (token !== undefined && /^[0-9]/.test(token)) return { kind: 'number', value: readNumber(token) };
      if (token !== undefined && /^[A-Za-z_.$]/.test(token)) return { kind: 'symbol', name: token };
    } finally {
      depth--;
    }
    throw new ExpressionError(
      `expected a number or a symbol ${token ? `before '${token}'` : 'at the end'} of '${text}'`,
    );
  }

  function parenthesis(): Expression {
    const inner = binary(0);
    if (tokens[at++] !== ')') throw new ExpressionError(`a parenthesis is not closed in '${text}'`);
    return inner;
  }
}

/**
 * Calculates an expression.
 * @param addressOf gives a symbol's value, of which the low 64 bits count
 * @returns 0 … 2^64 - 1
 * @throws ExpressionError on division by zero
 */
export function evaluate(expression: Expression, addressOf: (name: string) => bigint): bigint {
  switch (expression.kind) {
    case 'number':
      return wrap(expression.value);
    case 'symbol':
      return wrap(addressOf(expression.name));
    case 'unary': {
      const operand = evaluate(expression.operand, addressOf);
      return wrap(expression.operator === '-' ? -operand : ~operand);
    }
    case 'binary': {
      const left = evaluate(expression.left, addressOf);
      return wrap(calculate(expression.operator, left, evaluate(expression.right, addressOf)));
    }
  }
}

/** The names that an expression mentions, each once. */
export function symbolsOf(expression: Expression, into = new Set<string>()): Set<string> {
  if (expression.kind === 'symbol') into.add(expression.name);
  if (expression.kind === 'unary') symbolsOf(expression.operand, into);
  if (expression.kind === 'binary') {
    symbolsOf(expression.left, into);
    symbolsOf(expression.right, into);
  }
  return into;
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const pattern = new RegExp(TOKEN);
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new ExpressionError(`cannot read '${text.slice(from).trim()}' in '${text}'`);
    tokens.push(match[1]!);
  }
  return tokens;
}

/** Reads 42, 0x2a, 052, 4K or 1M as a plain number. @throws ExpressionError if it is none below 2^53 */
export function parseNumber(text: string): number {
  const value = readNumber(text.trim());
  if (value > Number.MAX_SAFE_INTEGER) throw new ExpressionError(`'${text}' is too large`);
  return Number(value);
}

function readNumber(text: string): bigint {
  const match = /^(?:(0[xX][0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))([kKmM]?)$/.exec(text);
  if (!match) throw new ExpressionError(`'${text}' is not a number`);
  const [, hexadecimal, octal, decimal, suffix] = match;
  const value = BigInt(hexadecimal ?? (octal === undefined ? decimal! : `0o${octal}`));
  if (value >= 2n ** 64n) throw new ExpressionError(`'${text}' does not fit 64 bits`);
  if (suffix === '') return value;
  return value * (suffix?.toLowerCase() === 'k' ? 2n ** 10n : 2n ** 20n);
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** Division is signed and shifts are not, as in GNU ld (ldexp.c, fold_binary). */
function calculate(operator: string, left: bigint, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
    case '%':
      if (right === 0n) throw new ExpressionError('division by zero');
      if (operator === '/') return signed(left) / signed(right);
      return signed(left) % signed(right);
    case '<<':
      return right > 63n ? 0n : left << right;
    case '>>':
      return right > 63n ? 0n : left >> right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    default:
      return left ^ right;
  }
}

function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
