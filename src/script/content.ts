/** Reads what an output section holds: GNU ld's manual, sections "Input Section Description" and "Output Section Data". */
import type { Content, Data, Fill, InputSections, SortKey, Wildcard } from './ast.ts';
import { type Mode, readStatements, type ScriptLexer, type Token } from './lex.ts';
import { PRECEDENCE } from './number.ts';
import { readExpression } from './readExpression.ts';
import { readNames, readStatement } from './statement.ts';

const DATA_SIZES: ReadonlyMap<string, Data['size']> = new Map([
  ['BYTE', 1],
  ['SHORT', 2],
  ['LONG', 4],
  ['QUAD', 8],
  ['SQUAD', 8],
]);

/** Section "Input Section Wildcard Patterns". */
const SORT_KEYS: ReadonlyMap<string, SortKey> = new Map([
  ['SORT', 'name'],
  ['SORT_BY_NAME', 'name'],
  ['SORT_BY_ALIGNMENT', 'alignment'],
  ['SORT_BY_INIT_PRIORITY', 'initPriority'],
  ['SORT_NONE', 'none'],
]);

/** "Input Section Keywords" for tables of constructors in formats other than ELF. */
const IDLE = new Set(['CONSTRUCTORS', 'CREATE_OBJECT_SYMBOLS']);

const UNSUPPORTED = new Set(['ASCIZ', 'ENTRY', 'INPUT_SECTION_FLAGS', 'LINKER_VERSION', 'REVERSE']);

/** Reads what stands between braces, of which the first was passed. */
export function readContents(lexer: ScriptLexer): Content[] {
  const contents: Content[] = [];
  readStatements(lexer, '}', (inner) => {
    const content = readContent(inner);
    if (content) contents.push(content);
  });
  return contents;
}

/** Reads one thing; undefined for what means nothing in ELF. */
function readContent(lexer: ScriptLexer): Content | undefined {
  const first = lexer.name('content', "input sections, data, an assignment or '}'");
  if (first.kind === 'name') {
    if (skipIdle(lexer, first)) return undefined;
    if (UNSUPPORTED.has(first.text)) {
      throw lexer.refused(`${first.text} is not supported in an output section`, first.at);
    }
    const command = readCommand(lexer, first);
    if (command) return command;
  }
  return readStatement(lexer, first) ?? readInputSections(lexer, first, false);
}

function skipIdle(lexer: ScriptLexer, first: Token): boolean {
  if (IDLE.has(first.text)) return true;
  if (SORT_KEYS.get(first.text) !== 'name') return false;
  if (lexer.take('(') && lexer.next('content').text === 'CONSTRUCTORS') {
    lexer.expect(')');
    return true;
  }
  lexer.rewind(first);
  lexer.next('content');
  return false;
}

function readCommand(lexer: ScriptLexer, first: Token): Content | undefined {
  const where = lexer.where(first.at);
  const size = DATA_SIZES.get(first.text);
  if (size !== undefined) {
    return { kind: 'data', where, size, value: inParentheses(lexer, () => readExpression(lexer)) };
  }
  if (first.text === 'FILL') {
    return { kind: 'fill', where, fill: inParentheses(lexer, () => readFill(lexer)) };
  }
  if (first.text !== 'KEEP') return undefined;
  return inParentheses(lexer, () => readInputSections(lexer, lexer.name('content', 'input sections'), true));
}

function inParentheses<T>(lexer: ScriptLexer, read: () => T): T {
  lexer.expect('(');
  const inner = read();
  lexer.expect(')');
  return inner;
}

/** Section "Input Section Basics". A file without sections stands for all of them. */
function readInputSections(lexer: ScriptLexer, first: Token, keep: boolean): InputSections {
  lexer.rewind(first);
  const where = lexer.where(first.at);
  const file = readWildcard(lexer, 'content', 'a file');
  const sections: Wildcard[] = [];
  if (!lexer.take('(')) return { kind: 'input', where, keep, file, sections: [plain('*')] };
  do {
    sections.push(readWildcard(lexer, 'pattern', 'a section'));
    lexer.take(',');
  } while (!lexer.take(')'));
  return { kind: 'input', where, keep, file, sections };
}

/** Reads a pattern, sorted at most twice. Only names and alignments can be combined, and files know no alignment. */
function readWildcard(
  lexer: ScriptLexer,
  mode: Mode,
  what: string,
  outer: readonly SortKey[] = [],
): Wildcard {
  const token = lexer.name(mode, what);
  const key = token.kind === 'name' ? SORT_KEYS.get(token.text) : undefined;
  if (!key || lexer.operator() !== '(') {
    lexer.rewind(token);
    return { ...readUnsorted(lexer, mode, what), sort: outer };
  }
  const sort = [...outer, key];
  const isCombined = sort.length > 1 && sort.some((each) => each !== 'name' && each !== 'alignment');
  const isOfFiles = mode === 'content' && (sort.length > 1 || key === 'alignment' || key === 'initPriority');
  if (sort.length > 2 || isCombined || isOfFiles) {
    throw lexer.refused(`${token.text} is not allowed here: expected ${what}`, token.at);
  }
  return inParentheses(lexer, () => readWildcard(lexer, mode, what, sort));
}

function readUnsorted(lexer: ScriptLexer, mode: Mode, what: string): Wildcard {
  const token = lexer.name(mode, what);
  const isExclusion = token.kind === 'name' && token.text === 'EXCLUDE_FILE';
  if (!isExclusion || lexer.operator() !== '(') return plain(token.text);
  const exclude = readNames(lexer, 'pattern', 'a file');
  return { ...plain(lexer.name(mode, what).text), exclude };
}

function plain(pattern: string): Wildcard {
  return { pattern, exclude: [], sort: [] };
}

/** Sections "Output Section Fill" and "Output Section Data": what FILL and `=` fill gaps with. */
export function readFill(lexer: ScriptLexer): Fill {
  const token = lexer.next('expression');
  const digits = /^0[xX]([0-9a-fA-F]+)$/.exec(token.text)?.[1];
  const follower = lexer.operator() ?? '';
  if (token.kind === 'number' && digits && follower !== '?' && !PRECEDENCE.has(follower)) {
    return { kind: 'bytes', bytes: bytesOf(digits) };
  }
  lexer.rewind(token);
  return { kind: 'value', value: readExpression(lexer) };
}

/** Bytes of hexadecimal digits; the first digit of an odd number of them is a byte of its own. */
function bytesOf(digits: string): Uint8Array {
  const pairs = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Uint8Array.from({ length: pairs.length / 2 }, (_, i) =>
    Number.parseInt(pairs.slice(2 * i, 2 * i + 2), 16),
  );
}
