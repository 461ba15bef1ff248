/** Writes the tree of a name as binutils and gdb do. */
import { type Budget, giveUp } from '../limits.ts';
import { type Node, type Parameter, partsOf, text } from './nodes.ts';
import { printExpression } from './printExpression.ts';
import { isInsideOut, printLeft, printRight } from './printType.ts';

export class Printer {
  private text = '';
  /** Last character; to look for it in the text would have it copied each time. */
  private lastWritten = '';
  /** Which item of packs is meant while a pack is expanded; -1 for all. */
  private packIndex = -1;

  /** What template parameters stand for here. */
  private args: readonly Node[] | undefined;
  /** The template parameters that a lambda has written out; undefined but between its parentheses. */
  private heads: readonly string[] | undefined;

  constructor(private readonly budget: Budget) {}

  get output(): string {
    return this.text;
  }

  /** Characters written so far. */
  get length(): number {
    return this.text.length;
  }

  get last(): string {
    return this.lastWritten;
  }

  write(text: string): void {
    this.text = this.budget.allow(this.text + text);
    this.lastWritten = text.at(-1) ?? this.lastWritten;
  }

  /** Counts a bit of work that writes nothing. */
  step(): void {
    this.budget.step();
  }

  within(action: () => void): void {
    this.budget.within(action);
  }

  /** Writes a node with all that belongs around it. */
  print(node: Node): void {
    this.left(node);
    this.right(node);
  }

  /** Writes what stands before the name that a type declares. */
  left(node: Node): void {
    this.within(() => printLeft(this, node) || printExpression(this, node) || printName(this, node));
  }

  /** Writes what stands behind it. */
  right(node: Node): void {
    this.within(() => printRight(this, node));
  }

  /** Writes nodes between commas; of empty packs there is nothing. */
  list(nodes: readonly Node[]): void {
    let isFirst = true;
    for (const node of nodes) {
      const { text: before, lastWritten } = this;
      if (!isFirst) this.write(', ');
      const start = this.length;
      this.print(node);
      if (this.length > start) {
        isFirst = false;
        continue;
      }
      this.text = before;
      this.lastWritten = lastWritten;
    }
  }

  /** The argument that a template parameter stands for here; other nodes as they are. */
  resolve(node: Node): Node {
    let current = node;
    for (let steps = 0; current.kind === 'parameter'; steps++) {
      const argument = this.argumentOf(current);
      const item: Node | undefined =
        argument?.kind === 'pack' && this.packIndex >= 0 ? argument.items[this.packIndex] : argument;
      if (item === undefined || steps > 100) giveUp();
      current = item;
    }
    return current;
  }

  /** How many arguments a node stands for, empty packs not counted. */
  lengthOf(node: Node): number {
    const resolved = this.resolve(node);
    if (resolved.kind === 'expansion') return this.packIn(resolved.pattern)?.length ?? 1;
    if (resolved.kind !== 'pack') return 1;
    return resolved.items.reduce(
      (sum, item) => sum + (item.kind === 'pack' || item.kind === 'expansion' ? this.lengthOf(item) : 1),
      0,
    );
  }

  /** Writes a pattern once for each item of the pack in it. */
  expand(pattern: Node): void {
    const pack = this.packIn(pattern);
    if (!pack) {
      this.print(pattern);
      this.write('...');
      return;
    }
    const before = this.packIndex;
    for (let i = 0; i < pack.length; i++) {
      if (i > 0) this.write(', ');
      this.packIndex = i;
      this.print(pattern);
    }
    this.packIndex = before;
  }

  /** Writes with all items of packs. */
  unexpanded(action: () => void): void {
    const before = this.packIndex;
    this.packIndex = -1;
    action();
    this.packIndex = before;
  }

  /** Writes what is in an encoding. */
  withArguments(args: readonly Node[] | undefined, action: () => void): void {
    const { args: argsBefore, heads } = this;
    this.args = args;
    this.heads = undefined;
    action();
    this.args = argsBefore;
    this.heads = heads;
  }

  /** Writes the parameters of a lambda, whose template parameters are its own. */
  withHeads(heads: readonly string[], action: () => void): void {
    const before = this.heads;
    this.heads = heads;
    action();
    this.heads = before;
  }

  private argumentOf({ index }: Parameter): Node | undefined {
    if (!this.heads) return this.args?.[index];
    return text(index < this.heads.length ? headName(index) : `auto:${index + 1}`);
  }

  /** The first pack among the parameters in a pattern. */
  private packIn(pattern: Node): readonly Node[] | undefined {
    const seen = new Set<Node>();
    const waiting = [pattern];
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      this.step();
      if (seen.has(node)) continue;
      seen.add(node);
      const argument = node.kind === 'parameter' ? this.argumentOf(node) : undefined;
      if (argument?.kind === 'pack') return argument.items;
      waiting.push(...partsOf(node).reverse());
    }
    return undefined;
  }
}

/** How a template parameter that a lambda has written out is called. */
export function headName(index: number): string {
  return `$T${index}`;
}

function printName(printer: Printer, node: Node): void {
  switch (node.kind) {
    case 'text':
    case 'named':
      printer.write(node.text);
      break;
    case 'tagged':
      printer.print(node.name);
      printer.write(`[abi:${node.tag}]`);
      break;
    case 'nested':
      printer.print(node.scope);
      printer.write('::');
      printer.print(node.name);
      break;
    case 'template':
      printer.print(node.name);
      printArguments(printer, node.args);
      break;
    case 'structor':
      if (node.isDestructor) printer.write('~');
      printer.print(node.of);
      break;
    case 'conversion':
      printer.write('operator ');
      printer.print(node.type);
      break;
    case 'closure':
      printClosure(printer, node);
      break;
    case 'encoding':
      printer.withArguments(node.args, () => printEncoding(printer, node));
      break;
    case 'special':
      printSpecial(printer, node);
      break;
    case 'clone':
      printer.print(node.of);
      printer.write(` [clone ${node.suffix}]`);
      break;
    default:
      giveUp();
  }
}

/** `operator<` and nested arguments need a blank, which keeps the tokens apart. */
function printArguments(printer: Printer, args: readonly Node[]): void {
  printer.write(printer.last === '<' ? ' <' : '<');
  printer.list(args);
  printer.write(printer.last === '>' ? ' >' : '>');
}

function printClosure(printer: Printer, { heads, params, number }: Node & { kind: 'closure' }): void {
  printer.write('{lambda');
  if (heads.length > 0) printer.write(`<${heads.join(', ')}>`);
  printer.write('(');
  printer.withHeads(heads, () => printer.list(params));
  printer.write(`)#${number}}`);
}

function printEncoding(printer: Printer, node: Node & { kind: 'encoding' }): void {
  const { name, returns, params, qualifiers } = node;
  if (returns) {
    const { length } = printer;
    printer.left(returns);
    if (printer.length > length && !isInsideOut(printer, returns)) printer.write(' ');
  }
  printer.print(name);
  if (params) {
    printer.write('(');
    printer.list(params);
    printer.write(`)${qualifiers}`);
  }
  if (returns) printer.right(returns);
}

function printSpecial(printer: Printer, { prefix, of, inside }: Node & { kind: 'special' }): void {
  printer.write(prefix);
  printer.print(of);
  if (!inside) return;
  printer.write('-in-');
  printer.print(inside);
}
