/** Expressions, with more parentheses than they need: operators are not compared. */
import { isFloating, literalOf } from './builtin.ts';
import type { Node } from './nodes.ts';
import type { Printer } from './print.ts';

/** Writes an expression. @returns false if the node is none */
export function printExpression(printer: Printer, node: Node): boolean {
  switch (node.kind) {
    case 'literal':
      printLiteral(printer, node);
      return true;
    case 'unary':
      printUnary(printer, node);
      return true;
    case 'postfix':
      printOperand(printer, node.operand);
      printer.write(node.operator);
      return true;
    case 'binary':
      printBinary(printer, node);
      return true;
    case 'cast':
      enclose(printer, '(', [node.type], ')');
      printOperand(printer, node.operand);
      return true;
    case 'namedCast':
      enclose(printer, `${node.operator}<`, [node.type], '>');
      enclose(printer, '(', [node.operand], ')');
      return true;
    case 'index':
      printOperand(printer, node.of);
      enclose(printer, '[', [node.by], ']');
      return true;
    case 'call':
      printOperand(printer, node.callee);
      enclose(printer, '(', node.args, ')');
      return true;
    case 'conditional':
      printOperand(printer, node.condition);
      printer.write('?');
      printOperand(printer, node.yes);
      printer.write(' : ');
      printOperand(printer, node.no);
      return true;
    default:
      return printGroup(printer, node);
  }
}

/** What has several parts. */
function printGroup(printer: Printer, node: Node): boolean {
  switch (node.kind) {
    case 'wrapped':
      enclose(printer, node.before, node.parts, node.after);
      return true;
    case 'sequence':
      for (const part of node.parts) printer.print(part);
      return true;
    case 'list':
      printer.list(node.items);
      return true;
    case 'braced':
      if (node.type) printer.print(node.type);
      enclose(printer, '{', node.items, '}');
      return true;
    case 'packLength':
      printer.write(`${printer.lengthOf(node.of)}`);
      return true;
    case 'fold':
      printer.unexpanded(() => printFold(printer, node));
      return true;
    case 'new':
      printNew(printer, node);
      return true;
    default:
      return false;
  }
}

function enclose(printer: Printer, before: string, parts: readonly Node[], after: string): void {
  printer.write(before);
  printer.list(parts);
  printer.write(after);
}

function printLiteral(printer: Printer, { type, builtin, value }: Node & { kind: 'literal' }): void {
  const short = literalOf(builtin, value);
  if (short !== undefined) {
    printer.write(short);
    return;
  }
  if (value === '') {
    printer.print(type);
    return;
  }
  enclose(printer, '(', [type], ')');
  printer.write(isFloating(builtin) ? `[${value}]` : value);
}

function printUnary(printer: Printer, node: Node & { kind: 'unary' }): void {
  printer.write(node.operator);
  if (node.parentheses === 'always') enclose(printer, '(', [node.operand], ')');
  else if (node.parentheses === 'never') printer.print(node.operand);
  else printOperand(printer, node.operand);
}

/** A `>` would end the arguments around it. */
function printBinary(printer: Printer, { operator, left, right }: Node & { kind: 'binary' }): void {
  if (operator === '>') printer.write('(');
  printOperand(printer, left);
  printer.write(operator);
  printOperand(printer, right);
  if (operator === '>') printer.write(')');
}

const SIMPLE: readonly Node['kind'][] = ['text', 'named', 'nested', 'braced'];

function printOperand(printer: Printer, node: Node): void {
  if (SIMPLE.includes(node.kind)) printer.print(node);
  else enclose(printer, '(', [node], ')');
}

function printFold(printer: Printer, { operator, left, right }: Node & { kind: 'fold' }): void {
  printer.write('(');
  if (left) {
    printOperand(printer, left);
    printer.write(operator);
  }
  printer.write('...');
  if (right) {
    printer.write(operator);
    printOperand(printer, right);
  }
  printer.write(')');
}

function printNew(printer: Printer, node: Node & { kind: 'new' }): void {
  printer.write(`${node.operator} `);
  if (node.placement.length > 0) enclose(printer, '(', node.placement, ') ');
  printer.print(node.type);
  if (!node.initializer) return;
  if (node.initializer.kind === 'list') enclose(printer, '(', [node.initializer], ')');
  else printer.print(node.initializer);
}
