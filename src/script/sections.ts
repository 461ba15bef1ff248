/** Reads `SECTIONS { … }`: GNU ld's manual, chapter "SECTIONS Command". */
import {
  CONSTRAINTS,
  type Content,
  type OutputSection,
  SECTION_TYPES,
  type Sections,
  type SectionsStatement,
  type SectionType,
} from './ast.ts';
import { readContents, readFill } from './content.ts';
import { quote, type ScriptLexer, type Token } from './lex.ts';
import { readExpression } from './readExpression.ts';
import { readEntry, readStatement } from './statement.ts';

const UNSUPPORTED = new Set(['GROUP', 'INCLUDE', 'INSERT', 'MEMORY', 'OVERLAY', 'PHDRS', 'VERSION']);

/** What may stand between the colon and the brace, but is not there yet. */
const UNSUPPORTED_ATTRIBUTES = new Set(['ALIGN_WITH_INPUT', 'SPECIAL']);

/** What an output section's description says between its name and its content. */
type Head = Omit<OutputSection, 'kind' | 'where' | 'name' | 'content' | 'fill'>;

/** Reads the command, whose name was passed. */
export function readSections(lexer: ScriptLexer, keyword: Token): Sections {
  const where = lexer.where(keyword.at);
  lexer.expect('{');
  const statements: SectionsStatement[] = [];
  for (;;) {
    while (lexer.take(';'));
    if (lexer.take('}')) return { kind: 'sections', where, statements };
    statements.push(readSectionsStatement(lexer));
  }
}

function readSectionsStatement(lexer: ScriptLexer): SectionsStatement {
  const first = lexer.name('statement', "an output section, an assignment or '}'");
  if (first.kind === 'name') {
    if (first.text === 'ENTRY') return readEntry(lexer, first);
    if (UNSUPPORTED.has(first.text))
      throw lexer.refused(`${first.text} is not supported in SECTIONS`, first.at);
  }
  return readStatement(lexer, first) ?? readOutputSection(lexer, first);
}

/** Section "Output Section Description". */
function readOutputSection(lexer: ScriptLexer, { text: name, at }: Token): SectionsStatement {
  const where = lexer.where(at);
  const head = readHead(lexer);
  lexer.expect('{');
  const content: Content[] = readContents(lexer);
  refusePlacement(lexer);
  const fill = lexer.take('=') ? readFill(lexer) : undefined;
  lexer.take(',');
  if (name === '/DISCARD/') return { kind: 'discard', where, content };
  return { kind: 'section', where, name, ...head, content, fill };
}

function readHead(lexer: ScriptLexer): Head {
  let type = readType(lexer);
  let address: Head['address'];
  if (!type && lexer.operator() !== ':') {
    address = readExpression(lexer);
    type = readType(lexer);
  }
  lexer.expect(':');
  return { address, type: type === 'none' ? undefined : type, ...readAttributes(lexer) };
}

/** Reads `(NOLOAD)` and its kin; `()` is allowed too. Another parenthesis may begin an address and stays. */
function readType(lexer: ScriptLexer): SectionType | 'none' | undefined {
  const opening = lexer.peek('expression');
  if (!lexer.take('(')) return undefined;
  if (lexer.take(')')) return 'none';
  const { kind, text, at } = lexer.next('expression');
  const type = SECTION_TYPES.find((known) => known === text);
  if (kind === 'name' && type) {
    lexer.expect(')');
    return type;
  }
  if (kind === 'name' && text === 'TYPE' && lexer.operator() === '=') {
    throw lexer.refused('TYPE of an output section is not supported', at);
  }
  lexer.rewind(opening);
  return undefined;
}

/** Reads what stands between the colon and the brace, in any order. */
function readAttributes(lexer: ScriptLexer): Omit<Head, 'address' | 'type'> {
  const read = new Map<string, Head['address']>();
  let constraint: Head['constraint'];
  while (lexer.peek('expression').kind === 'name') {
    const token = lexer.next('expression');
    const { text } = token;
    if (UNSUPPORTED_ATTRIBUTES.has(text)) throw lexer.refused(`${text} is not supported`, token.at);
    const known = CONSTRAINTS.find((name) => name === text);
    if (!known && !['AT', 'ALIGN', 'SUBALIGN'].includes(text)) {
      throw lexer.expected("AT, ALIGN, SUBALIGN, ONLY_IF_RO, ONLY_IF_RW or '{'", token);
    }
    const what = known ? 'a constraint' : text;
    if (read.has(what)) throw lexer.refused(`${what} stands twice`, token.at);
    read.set(what, known ? undefined : readParenthesized(lexer));
    constraint = known ?? constraint;
  }
  const [loadAddress, alignment, subalignment] = ['AT', 'ALIGN', 'SUBALIGN'].map((name) => read.get(name));
  return { loadAddress, alignment, subalignment, constraint };
}

function readParenthesized(lexer: ScriptLexer): Head['address'] {
  lexer.expect('(');
  const expression = readExpression(lexer);
  lexer.expect(')');
  return expression;
}

/** Refuses `>region`, `AT>region` and `:phdr`; sections "Output Section Region" and "Output Section Phdr". */
function refusePlacement(lexer: ScriptLexer): void {
  const first = lexer.peek('expression');
  if (lexer.take('>')) throw refusal(lexer, first, 'memory region', '>');
  if (lexer.take(':')) throw refusal(lexer, first, 'program header', ':');
  if (first.kind !== 'name' || first.text !== 'AT') return;
  lexer.next('expression');
  if (lexer.take('>')) throw refusal(lexer, first, 'memory region', 'AT>');
  lexer.rewind(first);
}

function refusal(lexer: ScriptLexer, { at }: Token, what: string, sign: string): Error {
  const { text } = lexer.name('statement', `a ${what}`);
  return lexer.refused(`the ${what} of ${quote(sign + text)} is not supported`, at);
}
