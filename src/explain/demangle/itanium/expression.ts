/** Expressions in template arguments, array bounds and decltype (5.1.6). */
import { giveUp } from '../limits.ts';
import { readEncoding } from './encoding.ts';
import { readSource, readUnqualified } from './name.ts';
import { type Node, text } from './nodes.ts';
import { operatorOf } from './operators.ts';
import type { Parser } from './parser.ts';
import { readArguments, readParameter, readTemplate } from './template.ts';
import { readType } from './type.ts';

/** Reads `expression`. */
export function readExpression(parser: Parser): Node {
  return parser.within(() => {
    switch (parser.peek) {
      case 'L':
        return readPrimary(parser);
      case 'T':
        return readParameter(parser);
      case 'f':
        return readFunctionParameter(parser) ?? readFold(parser);
      case 'u':
        return readVendor(parser);
    }
    if (/\d/.test(parser.peek)) return readSimple(parser);
    return readWritten(parser) ?? readOperation(parser);
  });
}

/** Reads `expr-primary`. */
export function readPrimary(parser: Parser): Node {
  parser.expect('L');
  if (parser.eat('_Z') || parser.eat('Z')) return readEntity(parser);
  const start = parser.at;
  const type = readType(parser);
  const builtin = type.kind === 'text' && parser.at - start <= 2 ? type.text : '';
  const value = parser.match(/[^E]*/y) ?? '';
  parser.expect('E');
  return { kind: 'literal', type, builtin, value: value.replace(/^n/, '-') };
}

function readEntity(parser: Parser): Node {
  const entity = readEncoding(parser);
  parser.expect('E');
  const isObject = entity.kind === 'encoding' && !entity.params && entity.qualifiers === '';
  return isObject ? entity.name : entity;
}

/** `function-param`: of the function whose signature it stands in, or of one around it. */
function readFunctionParameter(parser: Parser): Node | undefined {
  if (parser.eat('fpT')) return text('this');
  if (!parser.match(/f(?:p|L\d+p)(?=[rVK\d_])/y)) return undefined;
  parser.match(/[rVK]*/y);
  return text(`{parm#${parser.readIndex() + 1}}`);
}

/** A fold with an operand at one side, or two. */
function readFold(parser: Parser): Node {
  const kind = parser.match(/f[lrLR]/y) ?? giveUp();
  const { text: operator } = operatorOf(parser.peek2) ?? giveUp();
  parser.at += 2;
  const first = readExpression(parser);
  if (kind === 'fl') return { kind: 'fold', operator, left: undefined, right: first };
  if (kind === 'fr') return { kind: 'fold', operator, left: first, right: undefined };
  return { kind: 'fold', operator, left: first, right: readExpression(parser) };
}

function readVendor(parser: Parser): Node {
  parser.take();
  const callee = text(readSource(parser));
  const args: Node[] = parser.peek === 'I' ? [] : parser.list('E', () => readExpression(parser));
  return parser.peek === 'I' ? readTemplate(parser, callee) : { kind: 'call', callee, args };
}

/** A name with its arguments, if any. */
function readSimple(parser: Parser): Node {
  const name = readUnqualified(parser, undefined);
  return parser.peek === 'I' ? readTemplate(parser, name) : name;
}

/** What is no operator although it begins like one. */
function readWritten(parser: Parser): Node | undefined {
  switch (parser.peek2) {
    case 'sp':
      parser.at += 2;
      return { kind: 'expansion', pattern: readExpression(parser) };
    case 'sr':
      return readUnresolved(parser);
    case 'on':
      parser.at += 2;
      return readSimple(parser);
    case 'dn':
      parser.at += 2;
      return prefixed('~', /\d/.test(parser.peek) ? readSimple(parser) : readType(parser));
    case 'gs':
      parser.at += 2;
      return prefixed('::', readExpression(parser));
    case 'il':
      parser.at += 2;
      return { kind: 'braced', type: undefined, items: readList(parser, 'E') };
    case 'tl': {
      parser.at += 2;
      const type = readType(parser);
      return { kind: 'braced', type, items: readList(parser, 'E') };
    }
    case 'di':
    case 'dx':
    case 'dX':
      return readDesignated(parser);
    default:
      return undefined;
  }
}

function prefixed(operator: string, operand: Node): Node {
  return { kind: 'unary', operator, operand, parentheses: 'never' };
}

function readList(parser: Parser, end: string): Node[] {
  return parser.list(end, () => readExpression(parser));
}

/** `.name=value`, `[index]=value` and `[first ... last]=value` in braces. */
function readDesignated(parser: Parser): Node {
  const kind = parser.take() + parser.take();
  const name = kind === 'di' ? text(readSource(parser)) : readExpression(parser);
  const last = kind === 'dX' ? [text(' ... '), readExpression(parser)] : [];
  const value = readExpression(parser);
  const target: Node[] = kind === 'di' ? [text('.'), name] : [text('['), name, ...last, text(']')];
  return { kind: 'sequence', parts: [...target, text('='), value] };
}

/** `unresolved-name` behind `sr`: a member of a type that depends on template parameters. */
function readUnresolved(parser: Parser): Node {
  parser.expect('sr');
  const scope = readQualifier(parser);
  const base = readBase(parser);
  if (base.kind !== 'template') return { kind: 'nested', scope, name: base };
  return { ...base, name: { kind: 'nested', scope, name: base.name } };
}

function readQualifier(parser: Parser): Node {
  if (parser.eat('N')) return readLevels(parser, readType(parser));
  if (!/\d/.test(parser.peek)) return readType(parser);
  const start = parser.mark();
  const levels = readLevels(parser, readSimple(parser));
  if (/\d|[od]n/.test(parser.peek2)) return levels;
  // gcc writes a type, without a mark behind it: what looked like the last level is the member.
  parser.reset(start);
  return readType(parser);
}

/** Reads `unresolved-qualifier-level`s and the mark behind them. */
function readLevels(parser: Parser, first: Node): Node {
  const scope = parser.chain(first, (before) =>
    /\d/.test(parser.peek) ? { kind: 'nested', scope: before, name: readSimple(parser) } : undefined,
  );
  parser.eat('E');
  return scope;
}

/** `base-unresolved-name`. */
function readBase(parser: Parser): Node {
  if (parser.peek2 === 'dn') return readWritten(parser) ?? giveUp();
  parser.eat('on');
  return readSimple(parser);
}

function readOperation(parser: Parser): Node {
  if (parser.eat('cv')) return readConversion(parser);
  if (parser.eat('sZ')) return { kind: 'packLength', of: readExpression(parser) };
  if (parser.eat('sP')) return { kind: 'packLength', of: { kind: 'pack', items: readArguments(parser) } };
  const code = parser.peek2;
  const { text: operator, operands } = operatorOf(code) ?? giveUp();
  parser.at += 2;
  if (code === 'nw' || code === 'na') return readNew(parser, operator);
  if (operands === 0) return text(operator);
  if (operands === 1) return readUnary(parser, code, operator);
  if (operands === 2) return readBinary(parser, code, operator);
  const condition = readExpression(parser);
  const yes = readExpression(parser);
  return { kind: 'conditional', condition, yes, no: readExpression(parser) };
}

/** Behind `cv`. */
function readConversion(parser: Parser): Node {
  const type = readType(parser);
  const operand: Node = parser.eat('_')
    ? { kind: 'list', items: readList(parser, 'E') }
    : readExpression(parser);
  return { kind: 'cast', type, operand };
}

/** Operators whose operand is a type. */
const OF_TYPES = ['st', 'at', 'ti'];

function readUnary(parser: Parser, code: string, operator: string): Node {
  if (code === 'pp' || code === 'mm') {
    if (!parser.eat('_')) return { kind: 'postfix', operator, operand: readExpression(parser) };
  }
  const isOfType = OF_TYPES.includes(code);
  const operand = isOfType ? readType(parser) : readExpression(parser);
  const parentheses = isOfType || code === 'nx' ? 'always' : 'needed';
  return { kind: 'unary', operator, operand: code === 'ad' ? addressed(operand) : operand, parentheses };
}

/** The address of a function in a scope is written without its parameters, but for members with qualifiers. */
function addressed(operand: Node): Node {
  if (operand.kind !== 'encoding') return operand;
  return operand.name.kind === 'nested' && operand.qualifiers === '' ? operand.name : operand;
}

function readBinary(parser: Parser, code: string, operator: string): Node {
  if (operator.endsWith('_cast')) {
    const type = readType(parser);
    return { kind: 'namedCast', operator, type, operand: readExpression(parser) };
  }
  const left = readExpression(parser);
  if (code === 'cl') return { kind: 'call', callee: calledName(left), args: readList(parser, 'E') };
  if (code === 'ix') return { kind: 'index', of: left, by: readExpression(parser) };
  const isMember = code === 'dt' || code === 'pt';
  const right = isMember ? readMember(parser) : readExpression(parser);
  return { kind: 'binary', operator, left, right };
}

/** A call names a function without the types of its parameters. */
function calledName(callee: Node): Node {
  return callee.kind === 'encoding' && callee.params ? callee.name : callee;
}

function readMember(parser: Parser): Node {
  return parser.peek2 === 'sr' || parser.peek2 === 'gs' ? readExpression(parser) : readBase(parser);
}

/** `new` with its placement, type and initializer. */
function readNew(parser: Parser, operator: string): Node {
  const placement = readList(parser, '_');
  const type = readType(parser);
  let initializer: Node | undefined;
  if (parser.eat('pi')) initializer = { kind: 'list', items: readList(parser, 'E') };
  else if (parser.peek2 === 'il') initializer = readExpression(parser);
  else parser.expect('E');
  return { kind: 'new', operator, placement, type, initializer };
}
