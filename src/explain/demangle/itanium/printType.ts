/** Types, which C++ writes around the name that they declare. */
import type { ArrayType, FunctionType, Node } from './nodes.ts';
import type { Printer } from './print.ts';

/** Writes what of a type stands before a name. @returns false if the node is no such type */
export function printLeft(printer: Printer, node: Node): boolean {
  switch (node.kind) {
    case 'parameter':
      printer.left(printer.resolve(node));
      return true;
    case 'pack':
      printer.list(node.items);
      return true;
    case 'expansion':
      printer.expand(node.pattern);
      return true;
    case 'qualified':
      printer.left(node.type);
      printQualifier(printer, node);
      return true;
    case 'pointer':
      printPointer(printer, node);
      return true;
    case 'memberPointer':
      printer.left(node.to);
      open(printer, node.to);
      if (printer.last !== '(') printer.write(' ');
      printer.print(node.of);
      printer.write('::*');
      return true;
    case 'function':
      printer.left(node.returns);
      if (!isInsideOut(printer, node.returns)) printer.write(' ');
      return true;
    case 'array':
      printer.left(node.of);
      return true;
    default:
      return false;
  }
}

/** Writes what of a type stands behind a name. */
export function printRight(printer: Printer, node: Node): void {
  switch (node.kind) {
    case 'parameter':
      printer.right(printer.resolve(node));
      break;
    case 'qualified':
      printer.right(node.type);
      break;
    case 'pointer':
    case 'memberPointer': {
      const to = node.kind === 'pointer' ? collapse(printer, node).to : node.to;
      if (isClosedType(printer, to)) printer.write(')');
      printer.right(to);
      break;
    }
    case 'function':
      printFunctionEnd(printer, node);
      break;
    case 'array':
      printDimension(printer, node, true);
      break;
  }
}

/** What a template argument is already, it need not be called again. */
function printQualifier(printer: Printer, { type, qualifier }: Node & { kind: 'qualified' }): void {
  if (qualifier.kind !== 'text') {
    printer.print(qualifier);
    return;
  }
  const inner = printer.resolve(type);
  const known = inner.kind === 'qualified' && inner.qualifier.kind === 'text' ? inner.qualifier.text : '';
  const words = qualifier.text.split(/(?= )/).filter((word) => !known.split(/(?= )/).includes(word));
  printer.write(words.join(''));
}

function printPointer(printer: Printer, node: Node & { kind: 'pointer' }): void {
  const { to, mark } = collapse(printer, node);
  printer.left(to);
  open(printer, to);
  printer.write(mark);
}

/** References to references, as arguments make them, are references: to lvalues if one of them is. */
function collapse(printer: Printer, node: Node & { kind: 'pointer' }): { to: Node; mark: string } {
  let { to, mark } = node;
  if (mark === '*') return { to, mark };
  for (let inner = printer.resolve(to); inner.kind === 'pointer' && inner.mark !== '*'; ) {
    printer.step();
    to = inner.to;
    if (inner.mark === '&') mark = '&';
    inner = printer.resolve(to);
  }
  return { to, mark };
}

/** Opens the parenthesis between what a function or an array is made of and a mark. */
function open(printer: Printer, to: Node): void {
  const kind = closedKind(printer, to);
  if (kind === 'array') printer.write(' (');
  else if (kind === 'function') printer.write(' (*'.includes(printer.last) ? '(' : ' (');
}

function isClosedType(printer: Printer, node: Node): boolean {
  return closedKind(printer, node) !== undefined;
}

/** Whether a type is a function or an array, qualified or not. */
function closedKind(printer: Printer, node: Node): 'function' | 'array' | undefined {
  const resolved = printer.resolve(node);
  if (resolved.kind === 'qualified') return closedKind(printer, resolved.type);
  return resolved.kind === 'function' || resolved.kind === 'array' ? resolved.kind : undefined;
}

/** Whether something of a type stands behind the name. */
export function isInsideOut(printer: Printer, node: Node): boolean {
  const resolved = printer.resolve(node);
  switch (resolved.kind) {
    case 'function':
    case 'array':
      return true;
    case 'qualified':
      return isInsideOut(printer, resolved.type);
    case 'pointer':
    case 'memberPointer':
      return isInsideOut(printer, resolved.to);
    default:
      return false;
  }
}

function printFunctionEnd(printer: Printer, node: FunctionType): void {
  printer.write('(');
  printer.list(node.params);
  printer.write(`)${node.qualifiers}`);
  if (node.exceptions) printer.print(node.exceptions);
  printer.right(node.returns);
}

/** Only the first of several dimensions stands apart. */
function printDimension(printer: Printer, { of, size }: ArrayType, isFirst: boolean): void {
  printer.write(isFirst ? ' [' : '[');
  if (size) printer.print(size);
  printer.write(']');
  const element = printer.resolve(of);
  if (element.kind === 'array') printer.within(() => printDimension(printer, element, false));
  else printer.right(of);
}
