/** Reads `SECTIONS { … }`: GNU ld's manual, chapter "SECTIONS Command". */
import {
  CONSTRAINTS,
  type Content,
  type Insertion,
  type OutputSection,
  SECTION_TYPES,
  type Sections,
  type SectionsStatement,
  type SectionType,
} from './ast.ts';
import { readContents, readFill } from './content.ts';
import { readStatements, type ScriptLexer, type Token } from './lex.ts';
import { readExpression } from './readExpression.ts';
import { readEntry, readStatement } from './statement.ts';

const UNSUPPORTED = new Set(['GROUP', 'INSERT', 'MEMORY', 'OVERLAY', 'PHDRS', 'VERSION']);

/** What may stand between the colon and the brace, but is not there yet. */
const UNSUPPORTED_ATTRIBUTES = new Set(['ALIGN_WITH_INPUT', 'SPECIAL']);

/** What an output section's description says between its name and its content. */
type Head = Omit<OutputSection, 'kind' | 'where' | 'name' | 'content' | 'fill' | keyof Destination>;

/** Where it goes, which stands behind its content. */
type Destination = Pick<OutputSection, 'region' | 'loadRegion' | 'segments'>;

/** Reads the command, whose name was passed. */
export function readSections(lexer: ScriptLexer, keyword: Token): Sections {
  const where = lexer.where(keyword.at);
  const statements: SectionsStatement[] = [];
  lexer.expect('{');
  readStatements(lexer, '}', (inner) => statements.push(readSectionsStatement(inner)));
  return { kind: 'sections', where, statements, insertion: readInsertion(lexer) };
}

function readInsertion(lexer: ScriptLexer): Insertion | undefined {
  const keyword = lexer.peek('statement');
  if (keyword.kind !== 'name' || keyword.text !== 'INSERT') return undefined;
  lexer.next('statement');
  const side = lexer.name('statement', 'AFTER or BEFORE');
  if (side.text !== 'AFTER' && side.text !== 'BEFORE') throw lexer.expected('AFTER or BEFORE', side);
  const section = lexer.name('statement', 'an output section').text;
  return { where: lexer.where(keyword.at), side: side.text === 'AFTER' ? 'after' : 'before', section };
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
  const destination = readDestination(lexer);
  const fill = lexer.take('=') ? readFill(lexer) : undefined;
  lexer.take(',');
  if (name === '/DISCARD/') return { kind: 'discard', where, content };
  return { kind: 'section', where, name, ...head, content, ...destination, fill };
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

/** Reads `>region`, `AT>region` and `:segment`; sections "Output Section Region", "LMA" and "Phdr". */
function readDestination(lexer: ScriptLexer): Destination {
  const region = lexer.take('>') ? readRegionName(lexer) : undefined;
  const loadRegion = takeAt(lexer) ? readRegionName(lexer) : undefined;
  const segments: string[] = [];
  while (lexer.take(':')) segments.push(lexer.name('statement', 'a program header').text);
  return { region, loadRegion, segments };
}

function readRegionName(lexer: ScriptLexer): string {
  return lexer.name('statement', 'a memory region').text;
}

/** Passes `AT>`, if that is next: `AT` may also be the name of the next section. */
function takeAt(lexer: ScriptLexer): boolean {
  const first = lexer.peek('expression');
  if (first.kind !== 'name' || first.text !== 'AT') return false;
  lexer.next('expression');
  if (lexer.take('>')) return true;
  lexer.rewind(first);
  return false;
}
