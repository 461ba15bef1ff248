/** Types (5.1.5). */
import { giveUp } from '../limits.ts';
import { builtinType } from './builtin.ts';
import { readExpression } from './expression.ts';
import { qualifierText, readName, readSource } from './name.ts';
import { type Node, text } from './nodes.ts';
import type { Parser } from './parser.ts';
import { readParameter, readSubstitution, readTemplate } from './template.ts';

/** `CV-qualifiers`, as they are printed. */
export const QUALIFIERS: Readonly<Record<string, string>> = {
  r: ' restrict',
  V: ' volatile',
  K: ' const',
};

/** Reads `type`. */
export function readType(parser: Parser): Node {
  return parser.within(() => {
    const { peek, peek2 } = parser;
    const builtin = builtinType(peek === 'D' ? peek2 : peek);
    if (builtin !== undefined) {
      parser.at += peek === 'D' ? 2 : 1;
      return text(builtin);
    }
    if (peek === 'S' && peek2 !== 'St') return readSubstitutedType(parser);
    if (peek === 'D' && /[FBU]/.test(peek2[1] ?? '')) return readSizedType(parser);
    const vendor = peek === 'u' ? readVendorType(parser) : undefined;
    return vendor ?? parser.remember(readCompound(parser));
  });
}

/** Vendors' types without arguments are built-in ones, which are not substituted. */
function readVendorType(parser: Parser): Node {
  parser.take();
  const name = text(readSource(parser));
  return parser.peek === 'I' ? parser.remember(readTemplate(parser, name)) : name;
}

function readSubstitutedType(parser: Parser): Node {
  const name = readSubstitution(parser);
  return parser.peek === 'I' ? parser.remember(readTemplate(parser, name)) : name;
}

/** `_Float16`, `_BitInt(8)` and their kin, behind which stands a number. */
function readSizedType(parser: Parser): Node {
  parser.take();
  const letter = parser.take();
  if (letter === 'F') {
    const bits = parser.match(/\d+/y) ?? giveUp();
    if (parser.eat('b')) return text('std::bfloat16_t');
    const isExtended = parser.eat('x');
    if (!isExtended) parser.expect('_');
    return text(`_Float${bits}${isExtended ? 'x' : ''}`);
  }
  const before = letter === 'B' ? '_BitInt(' : 'unsigned _BitInt(';
  const bits = /\d/.test(parser.peek) ? text(parser.readNumber()) : readExpression(parser);
  parser.expect('_');
  return { kind: 'wrapped', before, parts: [bits], after: ')' };
}

function readCompound(parser: Parser): Node {
  const { peek, peek2 } = parser;
  if (isQualifier(peek)) return readQualified(parser);
  switch (peek) {
    case 'P':
      return readPointer(parser, '*');
    case 'R':
      return readPointer(parser, '&');
    case 'O':
      return readPointer(parser, '&&');
    case 'C':
      return readPostfixed(parser, ' _Complex');
    case 'G':
      return readPostfixed(parser, ' _Imaginary');
    case 'U':
      return readVendorQualified(parser);
    case 'F':
      return readFunction(parser);
    case 'A':
      return readArray(parser);
    case 'M': {
      parser.take();
      const of = readType(parser);
      return { kind: 'memberPointer', of, to: readType(parser) };
    }
    case 'T':
      // `struct`, `union` or `enum` before a name that needs it.
      if (/[sue]/.test(peek2[1] ?? '')) parser.at += 2;
      else return readParameterType(parser);
      return readName(parser).name;
    case 'D':
      return readSpecialType(parser);
    default:
      return readName(parser).name;
  }
}

function readParameterType(parser: Parser): Node {
  const parameter = readParameter(parser);
  const hasArguments = parser.peek === 'I' && !parser.isConversion;
  return hasArguments ? readTemplate(parser, parser.remember(parameter)) : parameter;
}

function readPointer(parser: Parser, mark: '*' | '&' | '&&'): Node {
  parser.take();
  return { kind: 'pointer', to: readType(parser), mark };
}

function readPostfixed(parser: Parser, qualifier: string): Node {
  parser.take();
  return { kind: 'qualified', type: readType(parser), qualifier: text(qualifier) };
}

function isQualifier(character: string): boolean {
  return QUALIFIERS[character] !== undefined;
}

/** All qualifiers of a type are one part of the name, with those of a function. */
function readQualified(parser: Parser): Node {
  const letters = parser.match(/[rVK]+/y) ?? giveUp();
  const qualifiers = qualifierText(letters);
  if (/^(?:F|D[oOwx])/.test(parser.peek2)) return readFunction(parser, qualifiers);
  return { kind: 'qualified', type: readType(parser), qualifier: text(qualifiers) };
}

function readVendorQualified(parser: Parser): Node {
  parser.take();
  const name = text(` ${readSource(parser)}`);
  const qualifier = parser.peek === 'I' ? readTemplate(parser, name) : name;
  return { kind: 'qualified', type: readType(parser), qualifier };
}

/** A function's type: its exception specification, `F`, types, `E`. */
function readFunction(parser: Parser, qualifiers = ''): Node {
  const exceptions = readExceptions(parser);
  const isSafe = parser.eat('Dx');
  parser.expect('F');
  // C linkage.
  parser.eat('Y');
  const returns = readType(parser);
  const params = readParameterTypes(parser, () => /^(?:E|RE|OE)/.test(parser.peek2));
  const reference = parser.eat('R') ? ' &' : parser.eat('O') ? ' &&' : '';
  parser.expect('E');
  const all = `${qualifiers}${isSafe ? ' transaction_safe' : ''}${reference}`;
  return { kind: 'function', returns, params, qualifiers: all, exceptions };
}

function readExceptions(parser: Parser): Node | undefined {
  if (parser.eat('Do')) return text(' noexcept');
  if (parser.eat('DO')) {
    const condition = readExpression(parser);
    parser.expect('E');
    return { kind: 'wrapped', before: ' noexcept(', parts: [condition], after: ')' };
  }
  if (!parser.eat('Dw')) return undefined;
  return { kind: 'wrapped', before: ' throw(', parts: parser.list('E', () => readType(parser)), after: ')' };
}

/** Reads types of parameters up to their end. @returns none for `v` alone */
export function readParameterTypes(parser: Parser, isEnd: () => boolean): Node[] {
  const params: Node[] = [];
  while (!isEnd()) params.push(readType(parser));
  const [first] = params;
  const isVoid = params.length === 1 && first!.kind === 'text' && first!.text === 'void';
  return isVoid ? [] : params;
}

function readArray(parser: Parser): Node {
  parser.take();
  const size = parser.peek === '_' ? undefined : readDimension(parser);
  parser.expect('_');
  return { kind: 'array', of: readType(parser), size };
}

function readDimension(parser: Parser): Node {
  return /\d/.test(parser.peek) ? text(parser.readNumber()) : readExpression(parser);
}

/** What begins with `D` and is no built-in type. */
function readSpecialType(parser: Parser): Node {
  if (parser.eat('Dp')) return { kind: 'expansion', pattern: readType(parser) };
  if (parser.eat('DT') || parser.eat('Dt')) {
    const expression = readExpression(parser);
    parser.expect('E');
    return { kind: 'wrapped', before: 'decltype (', parts: [expression], after: ')' };
  }
  if (parser.eat('Dv')) return readVector(parser);
  if (parser.eat('Dk') || parser.eat('DK')) return readName(parser).name;
  return readFunction(parser);
}

function readVector(parser: Parser): Node {
  const size = parser.eat('_') ? readExpression(parser) : readDimension(parser);
  parser.expect('_');
  const qualifier: Node = { kind: 'wrapped', before: ' __vector(', parts: [size], after: ')' };
  return { kind: 'qualified', type: readType(parser), qualifier };
}
