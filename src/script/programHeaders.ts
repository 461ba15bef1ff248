/** Reads `PHDRS { … }`: GNU ld's manual, chapter "PHDRS Command". */
import { SEGMENT_TYPES } from '../elf/segmentTypes.ts';
import type { Expression } from '../expression.ts';
import type { DeclaredHeader, ProgramHeaders } from './ast.ts';
import { readStatements, type ScriptLexer, type Token } from './lex.ts';
import { readExpression } from './readExpression.ts';

/** Reads the command, whose name was passed. */
export function readProgramHeaders(lexer: ScriptLexer, keyword: Token): ProgramHeaders {
  const where = lexer.where(keyword.at);
  const headers: DeclaredHeader[] = [];
  lexer.expect('{');
  readStatements(lexer, '}', (inner) => headers.push(readHeader(inner)));
  return { kind: 'programHeaders', where, headers };
}

function readHeader(lexer: ScriptLexer): DeclaredHeader {
  const { text: name, at } = lexer.name('statement', "a program header or '}'");
  const type = readType(lexer);
  let hasHeaders = false;
  let flags: Expression | undefined;
  while (!lexer.take(';')) {
    const token = lexer.name('statement', "FILEHDR, PHDRS, FLAGS or ';'");
    if (token.text === 'FILEHDR' || token.text === 'PHDRS') hasHeaders = true;
    else if (token.text === 'FLAGS') flags = readFlags(lexer);
    else if (token.text === 'AT') throw lexer.refused('AT of a program header is not supported', token.at);
    else throw lexer.expected("FILEHDR, PHDRS, FLAGS or ';'", token);
  }
  return { where: lexer.where(at), name, type, hasHeaders, flags };
}

/** Reads a type by its name, or as a number. */
function readType(lexer: ScriptLexer): Expression {
  const token = lexer.peek('expression');
  const type = token.kind === 'name' ? SEGMENT_TYPES[token.text] : undefined;
  if (type === undefined) return readExpression(lexer);
  lexer.next('expression');
  return { kind: 'number', value: BigInt(type) };
}

function readFlags(lexer: ScriptLexer): Expression {
  lexer.expect('(');
  const flags = readExpression(lexer);
  lexer.expect(')');
  return flags;
}
