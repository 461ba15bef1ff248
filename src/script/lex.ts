/**
 * Tokens of linker scripts. What a character means depends on where it stands: `-` and `*` are operators in an
 * expression and belong to the name in `lib-a.o` and `*.o`. GNU ld's lexer is switched between modes by its
 * parser; here the parser says with each token in which mode it wants it.
 */
import { FormatError } from '../diagnostics.ts';

/**
 * How the next token is read:
 * - `expression`: numbers, symbols and operators
 * - `list`: what stands in the parentheses of a command: names of files, formats, symbols
 * - `statement`: a command, symbol or output section, in front of `=`, `+=`, `(`, `:` …
 * - `content`: the same within an output section, where it may be the pattern of a file name
 * - `pattern`: the pattern of a section name
 */
export type Mode = 'expression' | 'list' | 'statement' | 'content' | 'pattern';

export interface Token {
  /** `unknown`: nothing can begin like this; its text is the rest of the line, or the beginning of that. */
  readonly kind: 'name' | 'quoted' | 'number' | 'operator' | 'unknown' | 'end';
  /** Without the quotes of a quoted name. */
  readonly text: string;
  /** Where it begins, counted in UTF-16 units as in JavaScript strings. */
  readonly at: number;
  /** Where it ends. */
  readonly end: number;
}

/** Where a name ends, by mode. In a name that may be a pattern, a slash and a star begin no comment. */
const NAME_ENDS: Readonly<Record<Exclude<Mode, 'expression'>, RegExp>> = {
  list: /[^\w./\-+$:[\]\\=&!<>~\u0080-\uffff]|\/\*/g,
  statement: /[^\w./\-+$\\~\u0080-\uffff]|\/\*|[-+/]=/g,
  content: /[^\w./\-+$:[\]\\&!<>~?*^\u0080-\uffff]|(?:[-+*/&^]|<<|>>)=/g,
  pattern: /[^\w./\-+$:[\]\\=&!<>~?*^\u0080-\uffff]/g,
};

/** `/DISCARD/` is a name here too, because it may follow the expression of a fill. */
const SYMBOL = /\/DISCARD\/|[A-Za-z_.$][\w.$]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+[kKmM]?|[0-9]+[kKmM]?/y;
const OPERATOR = /(?:<<|>>|[-+*/&|^])=|<<|>>|&&|\|\||[=!<>]=|[-+*/%&|^~!<>=?:(){};,]/y;

/** Longest piece of a script that an error message quotes. */
const QUOTE_LIMIT = 40;

/** Deepest nesting that is accepted: far above any use, far below the stack's end. */
const MAX_DEPTH = 200;

/** Reads tokens from a text, one at a time. */
export abstract class Lexer {
  protected readonly text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The error for a token that stands where something else should. */
  abstract expected(what: string, found?: Token): Error;
  /** The error for text that is in order as such but not acceptable. */
  abstract refused(message: string, at: number): Error;

  /** The next token, which stays where it is. */
  peek(mode: Mode): Token {
    this.#skipBlanks();
    const at = this.#at;
    if (at >= this.text.length) return { kind: 'end', text: '', at, end: at };
    if (this.text[at] === '"') return this.#quoted(at);
    return (mode === 'expression' ? this.#operand(at) : this.#name(mode, at)) ?? this.#operator(at);
  }

  /** The next token, which is passed. */
  next(mode: Mode): Token {
    const token = this.peek(mode);
    this.#at = token.end;
    return token;
  }

  /** Goes back to a token. */
  rewind(token: Token): void {
    this.#at = token.at;
  }

  /** The operator or bracket that is next, if one is. */
  operator(): string | undefined {
    const token = this.peek('expression');
    return token.kind === 'operator' ? token.text : undefined;
  }

  /** Passes an operator or a bracket if it is next. */
  take(operator: string): boolean {
    if (this.operator() !== operator) return false;
    this.next('expression');
    return true;
  }

  /** Passes an operator or a bracket that must be next. */
  expect(operator: string): void {
    if (!this.take(operator)) throw this.expected(`'${operator}'`);
  }

  /** Reads a name, quoted or not, that must be next. */
  name(mode: Mode, what: string): Token {
    const token = this.next(mode);
    if (token.kind === 'name' || token.kind === 'quoted') return token;
    throw this.expected(what, token);
  }

  /** Reads something that may contain itself. */
  nested<T>(what: string, read: () => T): T {
    if (this.#depth >= MAX_DEPTH) throw this.refused(`${what} is nested too deeply`, this.#at);
    this.#depth++;
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }

  /** Passes blanks, comments, and what follows a `#` up to the end of the line. */
  #skipBlanks(): void {
    const { text } = this;
    for (;;) {
      while (isBlank(text.charCodeAt(this.#at))) this.#at++;
      if (text.startsWith('/*', this.#at)) this.#at = this.#endOf('*/', this.#at + 2, 'a comment');
      else if (text[this.#at] === '#') this.#at = lineEnd(text, this.#at);
      else return;
    }
  }

  #endOf(closing: string, from: number, what: string): number {
    const end = this.text.indexOf(closing, from);
    if (end >= 0) return end + closing.length;
    throw this.refused(`${what} is not closed: expected '${closing}', found the end`, this.#at);
  }

  #quoted(at: number): Token {
    const end = this.#endOf('"', at + 1, 'a quoted name');
    return { kind: 'quoted', text: this.text.slice(at + 1, end - 1), at, end };
  }

  #operand(at: number): Token | undefined {
    return this.#match(NUMBER, 'number', at) ?? this.#match(SYMBOL, 'name', at);
  }

  #name(mode: Exclude<Mode, 'expression'>, at: number): Token | undefined {
    const ending = NAME_ENDS[mode];
    ending.lastIndex = at;
    const end = ending.exec(this.text)?.index ?? this.text.length;
    return end === at ? undefined : { kind: 'name', text: this.text.slice(at, end), at, end };
  }

  #operator(at: number): Token {
    return this.#match(OPERATOR, 'operator', at) ?? this.#unknown(at);
  }

  #unknown(at: number): Token {
    const text = this.text
      .slice(at, at + QUOTE_LIMIT)
      .split('\n', 1)[0]!
      .trimEnd();
    return { kind: 'unknown', text, at, end: at + text.length };
  }

  #match(pattern: RegExp, kind: Token['kind'], at: number): Token | undefined {
    pattern.lastIndex = at;
    const text = pattern.exec(this.text)?.[0];
    return text === undefined ? undefined : { kind, text, at, end: at + text.length };
  }
}

/** The text of a file that INCLUDE names, its path, and what finds the files that it includes. */
interface IncludedText {
  readonly text: string;
  readonly file: string;
  readonly find: FindIncluded;
}

/** Finds a file that INCLUDE names. @throws FormatError if there is none */
export type FindIncluded = (name: string, refuse: (message: string) => FormatError) => IncludedText;

/** Reads a whole script; its errors are `FormatError`s that begin with the line. */
export class ScriptLexer extends Lexer {
  readonly #file: string;
  readonly #find: FindIncluded;
  /** The line that was asked for last; the next one is mostly behind it. `end` is where its newline stands. */
  #line = { number: 1, start: 0, end: 0 };

  constructor(text: string, file: string, find: FindIncluded) {
    super(text);
    this.#file = file;
    this.#find = find;
    this.#line.end = lineEnd(text, 0);
  }

  /** Passes `INCLUDE file`, if that is next. @returns what reads the file, which ends with it */
  takeIncluded(): ScriptLexer | undefined {
    const keyword = this.peek('statement');
    if (keyword.kind !== 'name' || keyword.text !== 'INCLUDE') return undefined;
    this.next('statement');
    const { text: name, at } = this.name('list', 'a file');
    const { text, file, find } = this.#find(name, (message) => this.refused(message, at));
    return new ScriptLexer(text, file, find);
  }

  expected(what: string, found = this.peek('expression')): FormatError {
    return this.#error(`expected ${what}, found ${describe(found)}`, found.at);
  }

  refused(message: string, at: number): FormatError {
    return this.#error(message, at);
  }

  /** A position as people read it: `script.ld:12`. */
  where(at: number): string {
    return `${this.#file}:${this.#lineOf(at)}`;
  }

  #error(message: string, at: number): FormatError {
    const offset = new TextEncoder().encode(this.text.slice(0, at)).length;
    return new FormatError(`line ${this.#lineOf(at)}: ${message}`, offset, undefined, this.#file);
  }

  #lineOf(at: number): number {
    if (at < this.#line.start) this.#line = { number: 1, start: 0, end: lineEnd(this.text, 0) };
    while (at > this.#line.end) {
      const { number, end } = this.#line;
      this.#line = { number: number + 1, start: end + 1, end: lineEnd(this.text, end + 1) };
    }
    return this.#line.number;
  }
}

/**
 * Reads statements up to what closes them, those of included files in their places.
 * @param closing undefined: up to the end
 * @param read reads one that begins at the next token
 */
export function readStatements(
  lexer: ScriptLexer,
  closing: '}' | undefined,
  read: (lexer: ScriptLexer) => void,
): void {
  for (;;) {
    while (lexer.take(';'));
    if (closing === undefined ? lexer.peek('statement').kind === 'end' : lexer.take(closing)) return;
    const included = lexer.takeIncluded();
    if (included) readStatements(included, undefined, read);
    else read(lexer);
  }
}

function describe({ kind, text }: Token): string {
  if (kind === 'end') return 'the end';
  const word = kind === 'unknown' ? text.split(/\s/, 1)[0]! : text;
  return quote(word);
}

/** A piece of a script as messages quote it: not all of it, if it is long. */
export function quote(text: string): string {
  return `'${text.length > QUOTE_LIMIT ? `${text.slice(0, QUOTE_LIMIT)}…` : text}'`;
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
}

function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline < 0 ? text.length : newline;
}
