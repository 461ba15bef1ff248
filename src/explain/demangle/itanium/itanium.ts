/** The Itanium C++ ABI's mangling (chapter 5.1), which gcc and clang use. */
import { Budget } from '../limits.ts';
import { readMangledName } from './encoding.ts';
import { Parser } from './parser.ts';
import { Printer } from './print.ts';

/** @param name one that begins with `_Z` @returns the declaration @throws NotUnderstood */
export function demangleItanium(name: string): string {
  const budget = new Budget();
  const parser = new Parser(name.slice('_Z'.length), budget);
  const node = readMangledName(parser);
  const printer = new Printer(budget);
  printer.print(node);
  return printer.output;
}
