/** Names (5.1.4 to 5.1.5.2, 5.1.7, 5.1.8). */
import { giveUp } from '../limits.ts';
import { readEncoding } from './encoding.ts';
import { type Node, text } from './nodes.ts';
import { operatorOf } from './operators.ts';
import type { Parser } from './parser.ts';
import { readHead, readParameter, readSubstitution, readTemplate } from './template.ts';
import { QUALIFIERS, readParameterTypes, readType } from './type.ts';

/** A name, and what it says of a member function: ` const &`. */
export interface QualifiedName {
  readonly name: Node;
  readonly qualifiers: string;
}

const STD = text('std');

/** Reads `name`. */
export function readName(parser: Parser): QualifiedName {
  return parser.within(() => {
    if (parser.eat('N')) return readNested(parser);
    if (parser.eat('Z')) return readLocal(parser);
    return { name: readUnscoped(parser), qualifiers: '' };
  });
}

function readUnscoped(parser: Parser): Node {
  if (/^S[^t]/.test(parser.peek2)) {
    const name = readSubstitution(parser);
    return parser.peek === 'I' ? readTemplate(parser, name) : name;
  }
  const isStd = parser.eat('St');
  const last = readUnqualified(parser, undefined);
  const name: Node = isStd ? { kind: 'nested', scope: STD, name: last } : last;
  if (parser.peek !== 'I') return name;
  return readTemplate(parser, parser.remember(name));
}

/** Behind `N`. */
function readNested(parser: Parser): QualifiedName {
  // An explicit object parameter says nothing that the parameters do not.
  const letters = parser.eat('H') ? '' : (parser.match(/[rVK]*/y) ?? '');
  const reference = /[RO]/.test(parser.peek) ? (parser.take() === 'R' ? ' &' : ' &&') : '';
  const first = readStep(parser, undefined);
  const name = parser.chain(first, (prefix) => (parser.eat('E') ? undefined : readStep(parser, prefix)));
  return { name, qualifiers: qualifierText(letters) + reference };
}

/** Reads one more part of a nested name. What is not the whole name can be substituted later. */
function readStep(parser: Parser, prefix: Node | undefined): Node {
  const { name, isNew } = readPart(parser, prefix);
  if (isNew && parser.peek !== 'E') parser.remember(name);
  return name;
}

/** Qualifiers as they are printed: the innermost, which is written last, first. */
export function qualifierText(letters: string): string {
  return [...letters]
    .reverse()
    .map((letter) => QUALIFIERS[letter])
    .join('');
}

/** What has been substituted is not new. */
function readPart(parser: Parser, prefix: Node | undefined): { name: Node; isNew: boolean } {
  if (prefix && parser.peek === 'I') return { name: readTemplate(parser, prefix), isNew: true };
  // The initializer of a data member: a lambda in it is named from there.
  if (prefix && parser.eat('M')) return { name: prefix, isNew: false };
  if (!prefix) {
    if (parser.eat('St')) return { name: STD, isNew: false };
    if (parser.peek === 'S') return { name: readSubstitution(parser), isNew: false };
    if (parser.peek === 'T') return { name: readParameter(parser), isNew: true };
    if (/^D[tT]/.test(parser.peek2)) return { name: readType(parser), isNew: false };
  }
  const last = readUnqualified(parser, prefix);
  return { name: prefix ? { kind: 'nested', scope: prefix, name: last } : last, isNew: true };
}

/** `local-name` behind `Z`. */
function readLocal(parser: Parser): QualifiedName {
  const encoding = readEncoding(parser);
  parser.expect('E');
  // What the function returns would look like the type of what is in it.
  const scope: Node = encoding.kind === 'encoding' ? { ...encoding, returns: undefined } : encoding;
  if (parser.eat('s')) {
    readDiscriminator(parser);
    return { name: { kind: 'nested', scope, name: text('string literal') }, qualifiers: '' };
  }
  const argument = parser.eat('d') ? parser.readIndex() : -1;
  const { name, qualifiers } = readName(parser);
  readDiscriminator(parser);
  const place: Node =
    argument < 0 ? scope : { kind: 'nested', scope, name: text(`{default arg#${argument + 1}}`) };
  return { name: { kind: 'nested', scope: place, name }, qualifiers };
}

/** `_` and a digit, or `__`, a number and `_`; it tells apart what has one name, but is not printed. */
function readDiscriminator(parser: Parser): void {
  parser.match(/__\d+_|_\d/y);
}

/** Reads `unqualified-name`. @param scope the class, which gives constructors their name */
export function readUnqualified(parser: Parser, scope: Node | undefined): Node {
  readModules(parser);
  // Internal linkage, where compilers tell.
  while (parser.peek === 'L') parser.take();
  return readTags(parser, readPlain(parser, scope));
}

function readPlain(parser: Parser, scope: Node | undefined): Node {
  const { peek, peek2 } = parser;
  if (/\d/.test(peek)) return text(readSource(parser));
  if (peek === 'C' || /^D[0-5]$/.test(peek2)) return readStructor(parser, scope ?? giveUp());
  if (parser.eat('DC')) {
    return {
      kind: 'wrapped',
      before: '[',
      parts: parser.list('E', () => text(readSource(parser))),
      after: ']',
    };
  }
  if (parser.eat('Ut')) return text(`{unnamed type#${parser.readIndex() + 1}}`);
  if (parser.eat('Ul')) return readClosure(parser);
  return readOperatorName(parser);
}

/** Names of C++20's modules are not printed; they can be substituted. */
function readModules(parser: Parser): void {
  while (parser.eat('W')) {
    parser.eat('P');
    parser.remember(text(readSource(parser)));
  }
}

/** Reads `source-name`. */
export function readSource(parser: Parser): string {
  const digits = parser.match(/[1-9]\d{0,5}/y) ?? giveUp();
  const end = parser.at + Number(digits);
  if (end > parser.text.length) giveUp();
  const name = parser.text.slice(parser.at, end);
  parser.at = end;
  return /^_GLOBAL_[._$]N/.test(name) ? '(anonymous namespace)' : name;
}

/** Reads `abi-tags`. */
export function readTags(parser: Parser, name: Node): Node {
  return parser.chain(name, (tagged) =>
    parser.eat('B') ? { kind: 'tagged', name: tagged, tag: readSource(parser) } : undefined,
  );
}

function readStructor(parser: Parser, scope: Node): Node {
  const isDestructor = parser.take() === 'D';
  const isInherited = parser.eat('I');
  if (!/[0-5]/.test(parser.take())) giveUp();
  // An inherited constructor has the name that it has in its own class.
  const named = isInherited ? readType(parser) : scope;
  return { kind: 'structor', of: lastName(named), isDestructor };
}

/** The name of a class without its scope, arguments and tags. */
function lastName(node: Node): Node {
  switch (node.kind) {
    case 'nested':
    case 'template':
    case 'tagged':
      return lastName(node.name);
    case 'named':
      return text(node.last);
    default:
      return node;
  }
}

/** A lambda's type, behind `Ul`. */
function readClosure(parser: Parser): Node {
  const heads: string[] = [];
  while (/^T[yntp]/.test(parser.peek2)) heads.push(readHead(parser, heads.length));
  const params = readParameterTypes(parser, () => parser.peek === 'E');
  parser.expect('E');
  return { kind: 'closure', heads, params, number: parser.readIndex() + 1 };
}

function readConversion(parser: Parser): Node {
  parser.isConversion = true;
  const type = readType(parser);
  parser.isConversion = false;
  return { kind: 'conversion', type };
}

function readOperatorName(parser: Parser): Node {
  if (parser.eat('cv')) return readConversion(parser);
  if (parser.eat('li')) return text(`operator"" ${readSource(parser)}`);
  if (parser.match(/v\d/y)) return text(`operator ${readSource(parser)}`);
  const { text: operator } = operatorOf(parser.peek2) ?? giveUp();
  parser.at += 2;
  const words = operator.trimEnd();
  return text(/^[a-z]/.test(words) ? `operator ${words}` : `operator${words}`);
}
