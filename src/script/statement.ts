/** What may stand at any level of a script: assignments, PROVIDE and its kin, ASSERT; and lists of names. */
import type { Expression } from '../expression.ts';
import type { Assertion, Assignment, Entry } from './ast.ts';
import type { Mode, ScriptLexer, Token } from './lex.ts';
import { readExpression } from './readExpression.ts';

const ASSIGNMENT_OPERATORS = new Set(['=', '+=', '-=', '*=', '/=', '<<=', '>>=', '&=', '|=', '^=']);

/** What can be assigned to without quotes. */
const SYMBOL = /^[A-Za-z_.$][\w.$-]*$/;

const PROVIDERS: ReadonlyMap<string, { provide: boolean; hidden: boolean }> = new Map([
  ['PROVIDE', { provide: true, hidden: false }],
  ['HIDDEN', { provide: false, hidden: true }],
  ['PROVIDE_HIDDEN', { provide: true, hidden: true }],
]);

/** Reads the statement that begins with a name, which was passed; undefined if it is none of those at any level. */
export function readStatement(lexer: ScriptLexer, first: Token): Assignment | Assertion | undefined {
  if (first.kind === 'name' && first.text === 'ASSERT') return readAssertion(lexer, first);
  if (first.kind === 'name' && PROVIDERS.has(first.text)) return readProvided(lexer, first);
  const operator = lexer.operator();
  if (operator === undefined || !ASSIGNMENT_OPERATORS.has(operator)) return undefined;
  if (first.kind !== 'quoted' && !SYMBOL.test(first.text)) {
    throw lexer.expected(`a symbol before '${operator}'`, first);
  }
  const assignment = readAssignment(lexer, first);
  // Section "Simple Assignments": the semicolon is required. GNU ld takes a comma as well.
  if (!lexer.take(',')) lexer.expect(';');
  return assignment;
}

/** Reads `= value`, or `+= value` as `= target + value`. */
function readAssignment(lexer: ScriptLexer, target: Token): Assignment {
  const where = lexer.where(target.at);
  const isLocation = target.kind === 'name' && target.text === '.';
  const operator = lexer.next('expression').text.slice(0, -1);
  const operand = readExpression(lexer);
  const left: Expression = isLocation ? { kind: 'location' } : { kind: 'symbol', name: target.text };
  const value: Expression = operator ? { kind: 'binary', operator, left, right: operand } : operand;
  if (isLocation) return { kind: 'location', where, value };
  return { kind: 'symbol', where, name: target.text, value, provide: false, hidden: false };
}

/** Sections "HIDDEN", "PROVIDE" and "PROVIDE_HIDDEN". */
function readProvided(lexer: ScriptLexer, keyword: Token): Assignment {
  const where = lexer.where(keyword.at);
  lexer.expect('(');
  const target = lexer.name('statement', 'a symbol');
  if (target.kind === 'name' && (target.text === '.' || !SYMBOL.test(target.text))) {
    throw lexer.expected('a symbol', target);
  }
  if (lexer.operator() !== '=') throw lexer.expected("'='");
  const assignment = readAssignment(lexer, target);
  lexer.expect(')');
  return { ...assignment, ...PROVIDERS.get(keyword.text), where };
}

function readAssertion(lexer: ScriptLexer, keyword: Token): Assertion {
  const where = lexer.where(keyword.at);
  lexer.expect('(');
  const condition = readExpression(lexer);
  lexer.expect(',');
  const message = lexer.name('expression', 'a quoted message').text;
  lexer.expect(')');
  return { kind: 'assert', where, condition, message };
}

/** Section "Setting the Entry Point". */
export function readEntry(lexer: ScriptLexer, keyword: Token): Entry {
  const where = lexer.where(keyword.at);
  const [symbol = ''] = readNames(lexer, 'list', 'a symbol', 1);
  return { kind: 'entry', where, symbol };
}

/** Reads at least one name and at most `most` between parentheses, separated by blanks or commas. */
export function readNames(
  lexer: ScriptLexer,
  mode: Mode,
  what: string,
  most = Number.POSITIVE_INFINITY,
): string[] {
  lexer.expect('(');
  const names: string[] = [];
  do {
    names.push(lexer.name(mode, what).text);
    if (names.length < most) lexer.take(',');
  } while (names.length < most && lexer.operator() !== ')');
  lexer.expect(')');
  return names;
}
