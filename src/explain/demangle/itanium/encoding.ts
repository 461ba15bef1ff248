/** Mangled names and what they encode (5.1.2 to 5.1.4). */
import { giveUp } from '../limits.ts';
import { readExpression } from './expression.ts';
import { readName, readSource } from './name.ts';
import { type Node, text } from './nodes.ts';
import type { Parser } from './parser.ts';
import { readArgument } from './template.ts';
import { readParameterTypes, readType } from './type.ts';

/** Reads a whole name behind `_Z`, with what compilers append to it. */
export function readMangledName(parser: Parser): Node {
  const node = parser.chain(readEncoding(parser), (of) => {
    const suffix = parser.match(/\.[a-z\d_]+(?:\.\d+)*/y);
    return suffix === undefined ? undefined : { kind: 'clone', of, suffix };
  });
  return parser.peek === '' ? node : giveUp();
}

/** Reads `encoding`. */
export function readEncoding(parser: Parser): Node {
  return parser.within(() => {
    if (/^(?:T[^_]|G)/.test(parser.peek2)) return readSpecial(parser);
    const { name, qualifiers } = readName(parser);
    const common = { kind: 'encoding', name, qualifiers, args: argumentsOf(name) } as const;
    if (isEnd(parser)) return { ...common, returns: undefined, params: undefined };
    const hasReturn = parser.eat('J') || returnsSomething(name);
    const returns = hasReturn ? readType(parser) : undefined;
    const params = readParameterTypes(parser, () => isEnd(parser));
    // A constraint on the function.
    if (parser.eat('Q')) readExpression(parser);
    return { ...common, returns, params };
  });
}

function isEnd({ peek }: Parser): boolean {
  return peek === '' || peek === 'E' || peek === '.' || peek === 'Q';
}

/** The arguments that template parameters in a signature stand for: those written last in the function's name. */
function argumentsOf(name: Node): readonly Node[] | undefined {
  switch (name.kind) {
    case 'template':
      return name.args;
    case 'nested':
      return argumentsOf(name.name) ?? (isLocal(name) ? undefined : argumentsOf(name.scope));
    case 'tagged':
      return argumentsOf(name.name);
    default:
      return undefined;
  }
}

function isLocal(name: Node & { kind: 'nested' }): boolean {
  return name.scope.kind === 'encoding';
}

/** Only of templates is the type of the result a part of the name, and not of those that have none to choose. */
function returnsSomething(name: Node): boolean {
  if (name.kind === 'nested') return returnsSomething(name.name);
  return name.kind === 'template' && !isWithoutResult(name.name);
}

function isWithoutResult(name: Node): boolean {
  if (name.kind === 'nested' || name.kind === 'tagged') return isWithoutResult(name.name);
  return name.kind === 'structor' || name.kind === 'conversion';
}

const OF_TYPES: Readonly<Record<string, string>> = {
  TV: 'vtable for ',
  TT: 'VTT for ',
  TI: 'typeinfo for ',
  TS: 'typeinfo name for ',
  TF: 'typeinfo fn for ',
  TJ: 'java Class for ',
};

const OF_NAMES: Readonly<Record<string, string>> = {
  TH: 'TLS init function for ',
  TW: 'TLS wrapper function for ',
  GV: 'guard variable for ',
};

/** Reads `special-name`. */
function readSpecial(parser: Parser): Node {
  const code = parser.peek2;
  parser.at += 2;
  const ofType = OF_TYPES[code];
  if (ofType) return { kind: 'special', prefix: ofType, of: readType(parser) };
  const ofName = OF_NAMES[code];
  if (ofName) return { kind: 'special', prefix: ofName, of: readName(parser).name };
  switch (code) {
    case 'Th':
    case 'Tv':
      parser.at--;
      readCallOffset(parser);
      return thunk(parser, code === 'Th' ? 'non-virtual thunk to ' : 'virtual thunk to ');
    case 'Tc':
      readCallOffset(parser);
      readCallOffset(parser);
      return thunk(parser, 'covariant return thunk to ');
    case 'TC':
      return readConstructionTable(parser);
    case 'TA':
      return { kind: 'special', prefix: 'template parameter object for ', of: readArgument(parser) };
    case 'GR':
      return readTemporary(parser);
    case 'GA':
      return thunk(parser, 'hidden alias for ');
    case 'GT':
      return readTransaction(parser);
    case 'GI':
      return readModule(parser);
    default:
      return giveUp();
  }
}

function thunk(parser: Parser, prefix: string): Node {
  return { kind: 'special', prefix, of: readEncoding(parser) };
}

/** How a thunk changes `this`; two thunks may differ in nothing else. */
function readCallOffset(parser: Parser): void {
  const isVirtual = parser.take() === 'v';
  parser.readNumber();
  parser.expect('_');
  if (!isVirtual) return;
  parser.readNumber();
  parser.expect('_');
}

function readConstructionTable(parser: Parser): Node {
  const inside = readType(parser);
  parser.readNumber();
  parser.expect('_');
  return { kind: 'special', prefix: 'construction vtable for ', of: readType(parser), inside };
}

function readTemporary(parser: Parser): Node {
  const { name } = readName(parser);
  // Without `_` in compilers before the ABI settled it.
  const number = parser.match(/[0-9A-Z]*_/y) ?? '_';
  const count = number === '_' ? 0 : Number.parseInt(number, 36) + 1;
  return { kind: 'special', prefix: `reference temporary #${count} for `, of: name };
}

function readTransaction(parser: Parser): Node {
  const kind = parser.take();
  return thunk(parser, kind === 'n' ? 'non-transaction clone for ' : 'transaction clone for ');
}

function readModule(parser: Parser): Node {
  const names: string[] = [];
  while (parser.eat('W')) {
    const mark = parser.eat('P') ? ':' : '.';
    names.push(`${names.length > 0 || mark === ':' ? mark : ''}${readSource(parser)}`);
  }
  return text(`initializer for module ${names.join('') || giveUp()}`);
}
