/** Objects with code to be shrunk, as compilers would have made them, and what became of it. */
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { STT_FUNC } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import { CODE, contents, latin1, linkFiles, section, toHex } from '../elf/make.ts';

export const R_64 = 1;
export const R_PC32 = 2;
export const R_PLT32 = 4;
export const R_32 = 10;
export const R_32S = 11;

/** By this section an object says that a compiler has made it. */
export const COMMENT = section('.comment', 0, latin1('\0GCC: (GNU) 12.2.0\0'));

/** Hexadecimal byte pairs, with `..` for bytes that relocations fill in. What follows a semicolon says what they are. */
export function hex(text: string): Uint8Array {
  const pairs = text
    .split('\n')
    .flatMap((line) => line.replace(/;.*/, '').split(' '))
    .filter((pair) => pair !== '');
  return Uint8Array.from(pairs, (pair) => (pair === '..' ? 0 : Number.parseInt(pair, 16)));
}

/** So many times PUSH RAX, a byte each that is never left out. */
export function filler(count: number): string {
  return '50 '.repeat(count);
}

/** The form in which tests compare code. */
export function pairs(text: string): string {
  return toHex(hex(text));
}

type Relocations = NonNullable<SectionSpec['relocations']>;

/** A section of code. */
export function code(name: string, text: string, relocations: Relocations = [], addralign = 1): SectionSpec {
  return section(name, CODE, hex(text), { relocations, addralign });
}

/** A global function. */
export function functionSymbol(name: string, inSection: string, value = 0, size = 0): SymbolSpec {
  return { name, section: inSection, value, size, type: STT_FUNC };
}

export const START = functionSymbol('_start', '.text');

/** An object of a compiler's. */
export function compiled(
  sections: readonly SectionSpec[],
  symbols: readonly SymbolSpec[] = [START],
): Uint8Array {
  return buildObject([...sections, COMMENT], symbols);
}

type Options = Parameters<typeof linkFiles>[1];

/** What an object's section `.text` becomes, in hexadecimal. */
export function linkedText(object: Uint8Array, options: Options = {}): string {
  return toHex(contents(linkFiles({ 'a.o': object }, options), '.text'));
}

/** Names the entry a second time: then nothing is known of the registers there. */
export const CALLED: Options = { undefinedSymbols: ['_start'] };

/** What code becomes that is all there is, and that may be called. */
export function shrunk(text: string, relocations: Relocations = [], options: Options = CALLED): string {
  return linkedText(compiled([code('.text', text, relocations)]), options);
}

/** Why a section stays as it is; '' if it does not. */
export function refusalOf(result: LinkResult, name = '.text'): string {
  const found = result.shrinkage().find((each) => each.name === name);
  if (!found) throw new Error(`no section of code ${name}`);
  return found.refusal;
}

/** Why the code of an object's `.text` stays as it is. It is checked that it does. */
export function refused(object: Uint8Array, options: Options = {}): string {
  const result = linkFiles({ 'a.o': object }, options);
  const plain = linkFiles({ 'a.o': object }, { ...options, shrink: 'none' });
  const [before, after] = [plain, result].map((each) => contents(each, '.text').length);
  if (before !== after) throw new Error(`${before} bytes have become ${after}`);
  return refusalOf(result);
}

/** Address of a symbol in a finished link. */
export function addressOf(result: LinkResult, name: string): number {
  const symbols = result.map().sections.flatMap((each) => each.symbols);
  const found = symbols.find((symbol) => symbol.name === name);
  if (!found) throw new Error(`no symbol ${name}`);
  return found.address;
}
