/** Makers for tests: archives of every kind, objects with values the builder cannot write, links from memory. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sourceOf } from '../../src/contents.ts';
import { type Diagnostic, LinkError } from '../../src/diagnostics.ts';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../../src/elf/bytes.ts';
import {
  GRP_COMDAT,
  REL_SIZE,
  RELA_SIZE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_GROUP,
  SHT_NOBITS,
  SHT_PROGBITS,
  type SHT_REL,
  SHT_RELA,
  STB_LOCAL,
  SYM_SIZE,
} from '../../src/elf/constants.ts';
import { symbolName, symbolOffset } from '../../src/elf/object.ts';
import type { MapSection } from '../../src/explain/linkMap.ts';
import { parseExpression } from '../../src/expression.ts';
import type { InputFile } from '../../src/inputs.ts';
import { type LinkResult, link } from '../../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { Program } from '../../src/program.ts';

/** Flags of the usual sections. */
export const CODE = SHF_ALLOC | SHF_EXECINSTR;
export const RODATA = SHF_ALLOC;
export const DATA = SHF_ALLOC | SHF_WRITE;

/** Bytes of an object under `fixtures/`. */
export function fixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url))));
}

/** Bytes of text, one a character. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** One byte string after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A file of which only parts are in memory, those that were read. */
export function partFile(bytes: Uint8Array): InputFile {
  return {
    size: bytes.length,
    read(target, position) {
      if (position + target.length > bytes.length) throw new Error('a part outside the file was asked for');
      target.set(bytes.subarray(position, position + target.length));
    },
  };
}

/** Hexadecimal byte pairs. */
export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Pseudo-random numbers 0 … `below` - 1 (xorshift32), the same on every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Numbers as a little-endian table of `width` bytes each. */
export function table(width: 4 | 8, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * width);
  values.forEach((value, i) => {
    if (width === 4) writeU32(bytes, i * 4, value);
    else writeU64(bytes, i * 8, value);
  });
  return bytes;
}

/** A section with these bytes, or that many zeros. */
export function section(
  name: string,
  flags: number,
  bytes: Uint8Array | number,
  more: Partial<SectionSpec> = {},
) {
  const content = typeof bytes === 'number' ? new Uint8Array(bytes) : bytes;
  return { name, flags, bytes: content, ...more };
}

/** A zero-initialised section. */
export function bss(name: string, size: number, addralign = 1): SectionSpec {
  return { name, flags: DATA, type: SHT_NOBITS, size, addralign };
}

/** A COMDAT group of sections, given by number; its signature is the symbol of that number. */
export function group(symtab: number, signature: number, members: readonly number[]): SectionSpec {
  const bytes = table(4, [GRP_COMDAT, ...members]);
  return { name: '.group', flags: 0, type: SHT_GROUP, bytes, link: symtab, info: signature, entsize: 4 };
}

/** An object whose sections all belong to one COMDAT group, named by the first symbol. */
export function groupedObject(sections: readonly SectionSpec[], symbols: readonly SymbolSpec[]): Uint8Array {
  const locals = symbols.filter(({ binding }) => binding === STB_LOCAL).length;
  const members = sections.map((_, i) => i + 1);
  const signature = symbols[0]!.binding === STB_LOCAL ? 1 : locals + 1;
  return buildObject([...sections, group(sections.length + 2, signature, members)], symbols);
}

/** A row of a relocation table, with the symbol's number and all bits of the addend. */
export interface RelocationRow {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend?: bigint;
}

/** A SHT_RELA or SHT_REL section that applies to section `target`. */
export function relocationSection(
  type: typeof SHT_RELA | typeof SHT_REL,
  symtab: number,
  target: number,
  rows: readonly RelocationRow[],
): SectionSpec {
  const entsize = type === SHT_RELA ? RELA_SIZE : REL_SIZE;
  const bytes = new Uint8Array(rows.length * entsize);
  rows.forEach(({ offset, type: number, symbol, addend = 0n }, i) => {
    const at = i * entsize;
    writeU64(bytes, at, offset);
    writeU32(bytes, at + 8, number);
    writeU32(bytes, at + 12, symbol);
    if (type === SHT_RELA) writeBig(bytes, at + 16, addend);
  });
  return { name: '.relocations', flags: 0, type, bytes, link: symtab, info: target, entsize };
}

/** Writes the low 64 bits of `value`. */
export function writeBig(bytes: Uint8Array, at: number, value: bigint): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, BigInt.asUintN(64, value), true);
}

/** Reads `size` bytes as an unsigned number. */
export function readBig(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
  return value;
}

/** Offset of the header of section `number` in an object. */
export function sectionHeader(object: Uint8Array, number: number): number {
  return readU64(object, 40) + number * 64;
}

/** Offset of the entry of symbol `name` in an object's symbol table. */
export function symbolEntry(bytes: Uint8Array, name: string): number {
  const object = new Program([]).addObject('object', sourceOf(bytes), 0);
  for (let index = 1; index < object.symbols.count; index++) {
    if (symbolName(object, index) === name) return symbolOffset(object, index);
  }
  throw new Error(`no symbol ${name}`);
}

/** Gives a symbol of an object a 64-bit value; the bytes are changed in place. */
export function setSymbolValue(bytes: Uint8Array, name: string, value: bigint): Uint8Array {
  writeBig(bytes, symbolEntry(bytes, name) + 8, value);
  return bytes;
}

/** Gives each entry of the object's SHT_RELA section number `number` its 64-bit addend, in place. */
export function setAddends(bytes: Uint8Array, number: number, addends: readonly bigint[]): Uint8Array {
  const offset = readU64(bytes, sectionHeader(bytes, number) + 24);
  addends.forEach((addend, i) => {
    writeBig(bytes, offset + i * RELA_SIZE + 16, addend);
  });
  return bytes;
}

/**
 * Gives an object of `count` sections, which the builder's 16-bit fields cannot count, the escapes that the gABI
 * has for it. `shndx` is the number of an SHT_SYMTAB_SHNDX section of zeros; sections of symbols go by `places`.
 */
export function escapeSectionNumbers(
  object: Uint8Array,
  {
    count,
    symtab,
    shndx,
    places,
  }: { count: number; symtab: number; shndx: number; places: readonly number[] },
): Uint8Array {
  writeU16(object, 60, 0); // e_shnum: see sh_size of section 0
  writeU64(object, sectionHeader(object, 0) + 32, count);
  writeU16(object, 62, 0xffff); // e_shstrndx: see sh_link of section 0
  writeU32(object, sectionHeader(object, 0) + 40, symtab + 1);
  const symbols = readU64(object, sectionHeader(object, symtab) + 24);
  const extended = readU64(object, sectionHeader(object, shndx) + 24);
  places.forEach((place, number) => {
    if (place < 0xff00) return;
    writeU16(object, symbols + number * SYM_SIZE + 6, 0xffff);
    writeU32(object, extended + number * 4, place);
  });
  return object;
}

/** Links files from memory; all of them are inputs, in order, unless the options say otherwise. */
export function linkFiles(
  files: Readonly<Record<string, Uint8Array>>,
  options: Partial<LinkOptions> & { defsym?: Readonly<Record<string, string>> } = {},
): LinkResult {
  const { defsym = {}, ...rest } = options;
  const inputs = Object.keys(files).map((path) => ({ kind: 'file', path }) as const);
  const definitions = Object.entries(defsym).map(([name, text]) => ({
    name,
    expression: parseExpression(text),
  }));
  const conventional = { base: 0x400000, isBaseGiven: true, header: 'classic' };
  return link(new Map(Object.entries(files)), {
    ...DEFAULT_OPTIONS,
    ...conventional,
    inputs,
    definitions,
    ...rest,
  });
}

/** The diagnostics of a link that must fail. */
export function errorsOf(action: () => unknown): readonly Diagnostic[] {
  try {
    action();
  } catch (error) {
    if (error instanceof LinkError) return error.diagnostics;
    throw error;
  }
  throw new Error('the link succeeded');
}

/** The live section of that name in a finished link. */
export function placed(result: LinkResult, name: string): MapSection {
  const found = result.map().sections.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no live section ${name}`);
  return found;
}

/** The bytes of a live section in the executable. */
export function contents(result: LinkResult, name: string): Uint8Array {
  const { fileOffset, size } = placed(result, name);
  return result.bytes.subarray(fileOffset!, fileOffset! + size);
}

/** The live sections; a global offset table without slots is none. */
export function liveSections(result: LinkResult): MapSection[] {
  return result.map().sections.filter(({ name, size }) => name !== '.got' || size > 0);
}

/** Names of the live sections, sorted. */
export function liveNames(result: LinkResult): string[] {
  return liveSections(result)
    .map(({ name }) => name)
    .sort();
}

/** Fields of the executable's header as a loader reads them. */
export function header({ bytes }: LinkResult) {
  const at = readU64(bytes, 32);
  return {
    e_entry: readU64(bytes, 24),
    e_phoff: at,
    e_ehsize: readU16(bytes, 52),
    e_phnum: readU16(bytes, 56),
    p_type: readU32(bytes, at),
    p_flags: readU32(bytes, at + 4),
    p_offset: readU64(bytes, at + 8),
    p_vaddr: readU64(bytes, at + 16),
    p_filesz: readU64(bytes, at + 32),
    p_memsz: readU64(bytes, at + 40),
  };
}

/** An archive member and the names that the archive's symbol table lists for it. */
export interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly symbols?: readonly string[];
}

interface GnuOptions {
  /** Width of the symbol table's numbers: 4 for `/`, 8 for `/SYM64/`, 0 for none. */
  readonly index?: 0 | 4 | 8;
  /** Members are files of their own. */
  readonly thin?: boolean;
}

/** A GNU archive: names of more than 15 characters, and all names of a thin archive, go to `//`. */
export function gnuArchive(
  members: readonly Member[],
  { index = 4, thin = false }: GnuOptions = {},
): Uint8Array {
  let longNames = '';
  const headerNames = members.map(({ name }) => {
    if (name.length < 16 && !thin) return `${name}/`;
    longNames += `${name}/\n`;
    return `/${longNames.length - name.length - 2}`;
  });
  const symbols = members.flatMap(({ symbols = [] }) => symbols);
  const names = latin1(symbols.map((name) => `${name}\0`).join(''));
  const indexSize = index === 0 ? 0 : (symbols.length + 1) * index + names.length;
  const special = longNames === '' ? [] : [entry('//', latin1(longNames))];
  let at = 8 + (index === 0 ? 0 : 60 + even(indexSize)) + special.reduce((sum, part) => sum + part.length, 0);
  const numbers = [symbols.length];
  const parts = members.map(({ bytes, symbols: own = [] }, i) => {
    for (const _ of own) numbers.push(at);
    const part = thin ? entryHeader(headerNames[i]!, bytes.length) : entry(headerNames[i]!, bytes);
    at += part.length;
    return part;
  });
  if (index !== 0) {
    const content = concat(...numbers.map((number) => bigEndian(number, index)), names);
    special.unshift(entry(index === 4 ? '/' : '/SYM64/', content));
  }
  return concat(latin1(thin ? '!<thin>\n' : '!<arch>\n'), ...special, ...parts);
}

/** A BSD archive: every name in front of its member's data, the symbol table in `__.SYMDEF`. */
export function bsdArchive(members: readonly Member[], sorted = false): Uint8Array {
  const symbols = members.flatMap(({ symbols = [] }) => symbols);
  const strings = latin1(symbols.map((name) => `${name}\0`).join(''));
  const index = (pairs: readonly number[]) =>
    bsdEntry(
      sorted ? '__.SYMDEF SORTED' : '__.SYMDEF',
      concat(table(4, [pairs.length * 4, ...pairs, strings.length]), strings),
    );
  let at = 8 + index(symbols.flatMap(() => [0, 0])).length;
  let nameOffset = 0;
  const pairs: number[] = [];
  const parts = members.map(({ name, bytes, symbols: own = [] }) => {
    for (const symbol of own) {
      pairs.push(nameOffset, at);
      nameOffset += symbol.length + 1;
    }
    const part = bsdEntry(name, bytes);
    at += part.length;
    return part;
  });
  return concat(latin1('!<arch>\n'), index(pairs), ...parts);
}

/** A member header: name, date, owner, group, mode, size, in ASCII padded with blanks. */
export function entryHeader(name: string, size: number | string): Uint8Array {
  return latin1(
    `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}644     ${`${size}`.padEnd(10)}\`\n`,
  );
}

/** A member with its header, padded to an even size. */
export function entry(name: string, bytes: Uint8Array): Uint8Array {
  const padding = bytes.length % 2 === 0 ? '' : '\n';
  return concat(entryHeader(name, bytes.length), bytes, latin1(padding));
}

function bsdEntry(name: string, bytes: Uint8Array): Uint8Array {
  const field = latin1(name.padEnd(Math.ceil((name.length + 1) / 4) * 4, '\0'));
  return entry(`#1/${field.length}`, concat(field, bytes));
}

function bigEndian(value: number, width: 4 | 8): Uint8Array {
  return table(8, [value])
    .reverse()
    .subarray(8 - width);
}

function even(size: number): number {
  return size + (size % 2);
}

/** An object that defines and needs one name each way: `defines` in a section of that name, calls to `needs`. */
export function functionObject(
  defines: string,
  needs: readonly string[] = [],
  more: { readonly weakly?: boolean; readonly content?: Uint8Array } = {},
): Uint8Array {
  const bytes = more.content ?? new Uint8Array(8 + needs.length * 8).fill(0x90);
  const relocations = needs.map((symbol, i) => ({ offset: 8 + i * 8, type: 1, symbol }));
  const text = { name: `.text.${defines}`, flags: CODE, type: SHT_PROGBITS, bytes, relocations };
  const references = more.weakly ? needs.map((name) => ({ name, binding: 2 })) : [];
  return buildObject([text], [{ name: defines, section: text.name }, ...references]);
}
