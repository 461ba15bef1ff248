/** Template arguments and parameters, substitutions (5.1.5.8 to 5.1.10). */
import { giveUp } from '../limits.ts';
import { readExpression, readPrimary } from './expression.ts';
import { readTags } from './name.ts';
import type { Node } from './nodes.ts';
import type { Parser } from './parser.ts';
import { headName } from './print.ts';
import { readType } from './type.ts';

/** Reads `template-args` behind their `I`. */
export function readArguments(parser: Parser): Node[] {
  const { isConversion } = parser;
  parser.isConversion = false;
  const args = parser.within(() => {
    const items: Node[] = [];
    while (parser.peek !== 'E' && parser.peek !== 'Q') items.push(readArgument(parser));
    // A constraint: it says when there is such a function, not which it is.
    if (parser.eat('Q')) readExpression(parser);
    return items;
  });
  parser.expect('E');
  parser.isConversion = isConversion;
  return args;
}

/** Reads arguments of a name, which its encoding's template parameters stand for. */
export function readTemplate(parser: Parser, name: Node): Node {
  parser.expect('I');
  return { kind: 'template', name, args: readArguments(parser) };
}

/** Reads `template-arg`. */
export function readArgument(parser: Parser): Node {
  switch (parser.peek) {
    case 'L':
      return readPrimary(parser);
    case 'X': {
      parser.take();
      const expression = readExpression(parser);
      parser.expect('E');
      return expression;
    }
    case 'J':
    case 'I':
      parser.take();
      return { kind: 'pack', items: readArguments(parser) };
    default:
      // The declaration of a template parameter, where the argument alone would be ambiguous.
      if (/^T[yntpk]/.test(parser.peek2)) readHead(parser);
      return readType(parser);
  }
}

/** Reads `template-param`. */
export function readParameter(parser: Parser): Node {
  parser.expect('T');
  // A level: only lambdas in signatures have more than one.
  if (parser.eat('L')) parser.readIndex();
  return { kind: 'parameter', index: parser.readIndex() };
}

/** Reads a `template-param-decl`. @returns what it declares, with the number that it gets */
export function readHead(parser: Parser, index = 0): string {
  return parser.within(() => {
    parser.expect('T');
    switch (parser.take()) {
      case 'y':
        return `typename ${headName(index)}`;
      case 'n':
        readType(parser);
        return `auto ${headName(index)}`;
      case 'p':
        return readHead(parser, index).replace(' ', '...');
      case 't': {
        const heads: string[] = [];
        while (!parser.eat('E')) heads.push(readHead(parser, heads.length));
        return `template<${heads.join(', ')}> class ${headName(index)}`;
      }
      default:
        return giveUp();
    }
  });
}

interface Standard {
  readonly short: string;
  /** Where a constructor or destructor follows. */
  readonly long: string;
  readonly last: string;
}

const CHAR_TRAITS = 'std::char_traits<char>';

/** 5.1.10, "Compression": abbreviations of the standard library. */
const STANDARD: Readonly<Record<string, Standard>> = {
  a: { short: 'std::allocator', long: 'std::allocator', last: 'allocator' },
  b: { short: 'std::basic_string', long: 'std::basic_string', last: 'basic_string' },
  s: {
    short: 'std::string',
    long: `std::basic_string<char, ${CHAR_TRAITS}, std::allocator<char> >`,
    last: 'basic_string',
  },
  i: { short: 'std::istream', long: `std::basic_istream<char, ${CHAR_TRAITS} >`, last: 'basic_istream' },
  o: { short: 'std::ostream', long: `std::basic_ostream<char, ${CHAR_TRAITS} >`, last: 'basic_ostream' },
  d: { short: 'std::iostream', long: `std::basic_iostream<char, ${CHAR_TRAITS} >`, last: 'basic_iostream' },
};

/** Reads `substitution`, but for `St`. */
export function readSubstitution(parser: Parser): Node {
  parser.expect('S');
  const standard = STANDARD[parser.peek];
  if (!standard) return parser.readSubstituted();
  parser.take();
  const isLong = parser.peek === 'C' || parser.peek === 'D';
  const named: Node = { kind: 'named', text: isLong ? standard.long : standard.short, last: standard.last };
  return parser.peek === 'B' ? parser.remember(readTags(parser, named)) : named;
}
