/** Reads `MEMORY { … }` and `REGION_ALIAS(…)`: GNU ld's manual, chapter "MEMORY Command". */
import type { Expression } from '../expression.ts';
import type { Memory, MemoryRegion, RegionAlias } from './ast.ts';
import { readStatements, type ScriptLexer, type Token } from './lex.ts';
import { readExpression } from './readExpression.ts';

/** What each half of a region's description may be called. */
const ORIGIN = ['ORIGIN', 'org', 'o'];
const LENGTH = ['LENGTH', 'len', 'l'];

/** Letters of attributes. `!` turns the meaning of those behind it around. */
const ATTRIBUTES = /^[rwxail!]+$/i;
const ATTRIBUTE_NAMES = 'attributes (r, w, x, a, i, l or !)';

/** Reads the command, whose name was passed. */
export function readMemory(lexer: ScriptLexer, keyword: Token): Memory {
  const where = lexer.where(keyword.at);
  const regions: MemoryRegion[] = [];
  lexer.expect('{');
  readStatements(lexer, '}', (inner) => regions.push(readRegion(inner)));
  return { kind: 'memory', where, regions };
}

function readRegion(lexer: ScriptLexer): MemoryRegion {
  const { text: name, at } = lexer.name('statement', "a memory region or '}'");
  const attributes = lexer.take('(') ? readAttributes(lexer) : { wanted: '', unwanted: '' };
  lexer.expect(':');
  const origin = readHalf(lexer, ORIGIN);
  lexer.take(',');
  const length = readHalf(lexer, LENGTH);
  return { where: lexer.where(at), name, attributes, origin, length };
}

function readAttributes(lexer: ScriptLexer): MemoryRegion['attributes'] {
  const read = { wanted: '', unwanted: '' };
  do {
    const token = lexer.name('list', ATTRIBUTE_NAMES);
    if (!ATTRIBUTES.test(token.text)) throw lexer.expected(ATTRIBUTE_NAMES, token);
    for (const [i, letters] of token.text.toLowerCase().split('!').entries()) {
      read[i % 2 === 0 ? 'wanted' : 'unwanted'] += letters;
    }
  } while (!lexer.take(')'));
  return read;
}

/** Reads `ORIGIN = value` or `LENGTH = value`. */
function readHalf(lexer: ScriptLexer, names: readonly string[]): Expression {
  const token = lexer.name('statement', names[0]!);
  if (!names.includes(token.text)) throw lexer.expected(names[0]!, token);
  lexer.expect('=');
  return readExpression(lexer);
}

/** Reads the command, whose name was passed. */
export function readRegionAlias(lexer: ScriptLexer, keyword: Token): RegionAlias {
  const where = lexer.where(keyword.at);
  lexer.expect('(');
  const alias = lexer.name('statement', 'a name').text;
  lexer.expect(',');
  const region = lexer.name('statement', 'a memory region').text;
  lexer.expect(')');
  return { kind: 'regionAlias', where, alias, region };
}
