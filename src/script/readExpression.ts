/** Reads expressions: GNU ld's manual, chapter "Expressions in Linker Scripts". */
import type { Expression } from '../expression.ts';
import type { Lexer, Token } from './lex.ts';
import { PRECEDENCE, readNumber } from './number.ts';

/** Most operators in one expression, so that walks down its tree end before the stack does. */
const MAX_OPERATORS = 1000;

/** Functions of numbers, with the fewest and the most operands that they take. */
const FUNCTIONS = {
  ABSOLUTE: [1, 1],
  ALIGN: [1, 2],
  DATA_SEGMENT_ALIGN: [2, 2],
  DATA_SEGMENT_END: [1, 1],
  DATA_SEGMENT_RELRO_END: [2, 2],
  LOG2CEIL: [1, 1],
  MAX: [2, 2],
  MIN: [2, 2],
} as const satisfies Record<string, readonly [number, number]>;

export type NumericFunction = keyof typeof FUNCTIONS;

/** Functions of an output section's name. */
const SECTION_FUNCTIONS = ['ADDR', 'ALIGNOF', 'LOADADDR', 'SIZEOF'] as const;

export type SectionFunction = (typeof SECTION_FUNCTIONS)[number];

/** The names that `CONSTANT` knows. */
const CONSTANTS = ['MAXPAGESIZE', 'COMMONPAGESIZE'] as const;

export type ConstantName = (typeof CONSTANTS)[number];

/** Functions of a memory region's name. */
const REGION_FUNCTIONS = ['LENGTH', 'ORIGIN'] as const;

export type RegionFunction = (typeof REGION_FUNCTIONS)[number];

/** Reads the longest expression that begins at the next token. */
export function readExpression(lexer: Lexer): Expression {
  return new ExpressionReader(lexer).conditional();
}

/** Recursive descent; calls nest at most as deeply as the lexer allows. */
class ExpressionReader {
  readonly #lexer: Lexer;
  #operators = 0;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
  }

  conditional(): Expression {
    const lexer = this.#lexer;
    const condition = this.#binary(0);
    if (!lexer.take('?')) return condition;
    return lexer.nested('the expression', () => {
      const whenTrue = this.conditional();
      lexer.expect(':');
      return { kind: 'conditional', condition, whenTrue, whenFalse: this.conditional() };
    });
  }

  /** Reads operands joined by operators that bind at least as tightly as `least`. */
  #binary(least: number): Expression {
    let left = this.#unary();
    for (;;) {
      const operator = this.#lexer.operator();
      const level = operator === undefined ? undefined : PRECEDENCE.get(operator);
      if (operator === undefined || level === undefined || level < least) return left;
      const { at } = this.#lexer.next('expression');
      if (++this.#operators > MAX_OPERATORS) {
        throw this.#lexer.refused(`the expression has more than ${MAX_OPERATORS} operators`, at);
      }
      left = { kind: 'binary', operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    return this.#lexer.nested('the expression', () => {
      const token = this.#lexer.next('expression');
      if (token.kind === 'number') return this.#number(token);
      if (token.kind === 'quoted') return { kind: 'symbol', name: token.text };
      if (token.kind === 'name' && token.text !== '/DISCARD/') return this.#named(token);
      switch (token.text) {
        case '(':
          return this.#parenthesis();
        case '+':
          return this.#unary();
        case '-':
        case '~':
        case '!':
          return { kind: 'unary', operator: token.text, operand: this.#unary() };
      }
      throw this.#lexer.expected('a number or a symbol', token);
    });
  }

  #parenthesis(): Expression {
    const inner = this.conditional();
    this.#lexer.expect(')');
    return inner;
  }

  #number({ text, at }: Token): Expression {
    return { kind: 'number', value: readNumber(text, (reason) => this.#lexer.refused(reason, at)) };
  }

  /** Reads what begins with a name: a symbol, unless it is one of GNU ld's words. */
  #named(token: Token): Expression {
    const { text } = token;
    if (text === '.') return { kind: 'location' };
    if (text === 'SIZEOF_HEADERS') return { kind: 'headersSize' };
    const call = this.#lexer.take('(') ? this.#call(token) : undefined;
    if (call) {
      this.#lexer.expect(')');
      return call;
    }
    this.#lexer.rewind(token);
    this.#lexer.next('expression');
    return { kind: 'symbol', name: text };
  }

  /** Reads a function's operands, whose opening parenthesis was passed; undefined if there is no such function. */
  #call(token: Token): Expression | undefined {
    const name = token.text === 'BLOCK' ? 'ALIGN' : token.text;
    if (isNumeric(name)) return { kind: 'call', name, operands: this.#operands(name) };
    const sectionFunction = SECTION_FUNCTIONS.find((known) => known === name);
    if (sectionFunction) {
      return { kind: 'section', name: sectionFunction, section: this.#nameOf('statement', 'a section') };
    }
    const regionFunction = REGION_FUNCTIONS.find((known) => known === name);
    if (regionFunction) {
      return { kind: 'region', name: regionFunction, region: this.#nameOf('statement', 'a memory region') };
    }
    if (name === 'DEFINED') return { kind: 'defined', symbol: this.#nameOf('expression', 'a symbol') };
    if (name === 'CONSTANT') return { kind: 'constant', name: this.#constant() };
    if (name === 'SEGMENT_START') return this.#segmentStart();
    if (name === 'ASSERT') return this.#assert();
    if (name === 'NEXT') throw this.#lexer.refused(`${name} is not supported`, token.at);
    return undefined;
  }

  #operands(name: NumericFunction): Expression[] {
    const [fewest, most] = FUNCTIONS[name];
    const operands = [this.conditional()];
    while (operands.length < most && this.#lexer.take(',')) operands.push(this.conditional());
    if (operands.length < fewest) throw this.#lexer.expected("','");
    return operands;
  }

  #nameOf(mode: 'statement' | 'expression', what: string): string {
    return this.#lexer.name(mode, what).text;
  }

  #constant(): ConstantName {
    const token = this.#lexer.next('expression');
    const name = CONSTANTS.find((known) => known === token.text);
    if (name) return name;
    throw this.#lexer.expected(CONSTANTS.join(' or '), token);
  }

  #segmentStart(): Expression {
    const segment = this.#nameOf('statement', 'a segment');
    this.#lexer.expect(',');
    return { kind: 'segmentStart', segment, fallback: this.conditional() };
  }

  #assert(): Expression {
    const condition = this.conditional();
    this.#lexer.expect(',');
    return { kind: 'assert', condition, message: this.#nameOf('expression', 'a quoted message') };
  }
}

function isNumeric(name: string): name is NumericFunction {
  return Object.hasOwn(FUNCTIONS, name);
}
