/**
 * Reads linker scripts: GNU ld's manual, chapter "Linker Scripts". Commands that tinyelf does not have are
 * refused by name.
 */
import type { FormatError } from '../diagnostics.ts';
import type { NameCommand, ScriptCommand, ScriptInput } from './ast.ts';
import { type FindIncluded, readStatements, ScriptLexer, type Token } from './lex.ts';
import { readMemory, readRegionAlias } from './memory.ts';
import { readProgramHeaders } from './programHeaders.ts';
import { readSections } from './sections.ts';
import { readEntry, readNames, readStatement } from './statement.ts';

/** Reads the rest of a command whose name was passed. */
type Reader = (lexer: ScriptLexer, keyword: Token) => ScriptCommand;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['INPUT', readInputs('input')],
  ['GROUP', readInputs('group')],
  ['ENTRY', readEntry],
  ['OUTPUT', readName('output', 'a file')],
  ['STARTUP', readName('startup', 'a file')],
  ['SEARCH_DIR', readName('searchDirectory', 'a folder')],
  ['TARGET', readName('target', 'a format')],
  ['OUTPUT_ARCH', readName('architecture', 'an architecture')],
  ['OUTPUT_FORMAT', readFormat],
  ['EXTERN', readExtern],
  ['MEMORY', readMemory],
  ['PHDRS', readProgramHeaders],
  ['REGION_ALIAS', readRegionAlias],
  ['SECTIONS', readSections],
]);

const UNSUPPORTED = new Set([
  'FLOAT',
  'FORCE_GROUP_ALLOCATION',
  'HLL',
  'INHIBIT_COMMON_ALLOCATION',
  'LD_FEATURE',
  'MAP',
  'NOCROSSREFS',
  'NOCROSSREFS_TO',
  'NOFLOAT',
  'OVERLAY',
  'SYSLIB',
  'VERSION',
]);

/** Commands that ask for what is done anyway: common symbols get their place in every executable. */
const IDLE = new Set(['FORCE_COMMON_ALLOCATION']);

/**
 * Reads a script.
 * @param name the script's file, for the `where` of what is returned
 * @param find finds the files that INCLUDE names; without it there are none
 * @throws FormatError that says in which line what was found and what was expected
 */
export function parseScript(text: string, name: string, find: FindIncluded = findNone): ScriptCommand[] {
  const commands: ScriptCommand[] = [];
  readStatements(new ScriptLexer(text, name, find), undefined, (lexer) => {
    const first = lexer.name('statement', 'a command or an assignment');
    if (!isKeyword(first, IDLE)) commands.push(readCommand(lexer, first));
  });
  return commands;
}

function findNone(name: string, refuse: (message: string) => FormatError): never {
  throw refuse(`no such file: ${name}`);
}

function readCommand(lexer: ScriptLexer, first: Token): ScriptCommand {
  if (isKeyword(first, UNSUPPORTED)) throw lexer.refused(`${first.text} is not supported`, first.at);
  const command = isKeyword(first, READERS) ? READERS.get(first.text)?.(lexer, first) : undefined;
  const read = command ?? readStatement(lexer, first);
  if (!read) throw lexer.expected('a command or an assignment', first);
  return read;
}

function isKeyword({ kind, text }: Token, words: { has(word: string): boolean }): boolean {
  return kind === 'name' && words.has(text);
}

function readInputs(kind: 'input' | 'group'): Reader {
  return (lexer, keyword) => {
    const where = lexer.where(keyword.at);
    const files: ScriptInput[] = [];
    readFiles(lexer, false, files);
    return { kind, where, files };
  };
}

/** Reads the files between parentheses, and those of any AS_NEEDED among them. */
function readFiles(lexer: ScriptLexer, asNeeded: boolean, into: ScriptInput[]): void {
  lexer.expect('(');
  do {
    const token = lexer.name('list', 'a file');
    if (token.kind === 'name' && token.text === 'AS_NEEDED') {
      lexer.nested('AS_NEEDED', () => readFiles(lexer, true, into));
    } else {
      into.push(inputOf(lexer, token, asNeeded));
    }
    lexer.take(',');
  } while (!lexer.take(')'));
}

function inputOf(lexer: ScriptLexer, token: Token, asNeeded: boolean): ScriptInput {
  const where = lexer.where(token.at);
  if (token.kind === 'quoted' || !token.text.startsWith('-')) {
    return { kind: 'file', where, name: token.text, asNeeded };
  }
  if (!/^-l:?[^:]/.test(token.text)) throw lexer.expected('a file or -l and a library', token);
  return { kind: 'library', where, name: token.text.slice(2), asNeeded };
}

function readName(kind: NameCommand['kind'], what: string): Reader {
  return (lexer, keyword) => {
    const where = lexer.where(keyword.at);
    const [name = ''] = readNames(lexer, 'list', what, 1);
    return { kind, where, name };
  };
}

function readFormat(lexer: ScriptLexer, keyword: Token): ScriptCommand {
  const where = lexer.where(keyword.at);
  const formats = readNames(lexer, 'list', 'a format', 3);
  if (formats.length === 2) throw lexer.refused('OUTPUT_FORMAT has 2 formats; expected 1 or 3', keyword.at);
  return { kind: 'format', where, formats };
}

function readExtern(lexer: ScriptLexer, keyword: Token): ScriptCommand {
  const where = lexer.where(keyword.at);
  return { kind: 'extern', where, symbols: readNames(lexer, 'list', 'a symbol') };
}
