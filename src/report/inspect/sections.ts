/**
 * Section headers and symbols of an executable, as far as they can be made sense of (gABI chapter 4). No loader looks at
 * them, and in a header with overlaps other things lie where they are told of: what does not add up is taken as absent.
 */
import { decodeText, findNul, readU16, readU32, readU64 } from '../../elf/bytes.ts';
import {
  EHDR_SIZE,
  SHDR_SIZE,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_NULL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_NOTYPE,
  STT_OBJECT,
  SYM_SIZE,
} from '../../elf/constants.ts';
import { ELF_HEADER } from '../../header/structure.ts';
import type { NamedPlace } from './symbols.ts';

/** A section of an executable. */
interface FileSection {
  readonly name: string;
  readonly type: number;
  /** Low 32 bits of sh_flags. */
  readonly flags: number;
  /** File offset. */
  readonly offset: number;
  /** Bytes in the file: 0 for SHT_NOBITS. */
  readonly size: number;
  readonly link: number;
}

/** The section headers of a file, and what they lead to. */
export interface SectionTables {
  /** File offset of the section headers. */
  readonly offset: number;
  /** In the order of their headers, the first one, which is none, included. */
  readonly sections: readonly FileSection[];
  readonly symbols: readonly NamedPlace[];
  /** Addresses of functions. */
  readonly functions: readonly number[];
}

const SHT_DYNSYM = 11;

/** @returns the tables; what is wrong with them in words, or undefined if there are none */
export function readSectionTables(bytes: Uint8Array): SectionTables | string | undefined {
  const offset = readU64(bytes, ELF_HEADER.e_shoff.offset);
  if (offset === 0 || readU16(bytes, ELF_HEADER.e_shentsize.offset) !== SHDR_SIZE) return undefined;
  if (offset < EHDR_SIZE || offset + SHDR_SIZE > bytes.length) return outside(offset);
  // Numbers that are too large for their field stand in the first section header.
  const count = readU16(bytes, ELF_HEADER.e_shnum.offset) || readU64(bytes, offset + 32);
  if (offset + count * SHDR_SIZE > bytes.length) return outside(offset);
  const names = readU16(bytes, ELF_HEADER.e_shstrndx.offset);
  const nameIndex = names === SHN_XINDEX ? readU32(bytes, offset + 40) : names;
  const sections = readSections(bytes, offset, count, nameIndex);
  const table =
    sections.find(({ type }) => type === SHT_SYMTAB) ?? sections.find(({ type }) => type === SHT_DYNSYM);
  const symbols = table ? readSymbols(bytes, table, sections) : [];
  return {
    offset,
    sections,
    symbols: symbols.map(({ name, address, size }) => ({ name, address, size })),
    functions: symbols.filter(({ isFunction }) => isFunction).map(({ address }) => address),
  };
}

function outside(offset: number): string {
  return `the section headers at 0x${offset.toString(16)} do not lie in the file: it is truncated, or they have been cut off`;
}

function readSections(bytes: Uint8Array, table: number, count: number, nameIndex: number): FileSection[] {
  const names = nameIndex < count ? extentOf(bytes, table + nameIndex * SHDR_SIZE) : undefined;
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * SHDR_SIZE;
    return {
      name: names ? textAt(bytes, names, readU32(bytes, at)) : `section ${i}`,
      type: readU32(bytes, at + 4),
      flags: readU32(bytes, at + 8),
      ...extentOf(bytes, at),
      link: readU32(bytes, at + 40),
    };
  });
}

interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** The part of a section that lies in the file. @param at of its header */
function extentOf(bytes: Uint8Array, at: number): Extent {
  const type = readU32(bytes, at + 4);
  const offset = Math.min(readU64(bytes, at + 24), bytes.length);
  const size = Math.min(readU64(bytes, at + 32), bytes.length - offset);
  return { offset, size: type === SHT_NOBITS || type === SHT_NULL ? 0 : size };
}

function textAt(bytes: Uint8Array, { offset, size }: Extent, index: number): string {
  if (index >= size) return '';
  const end = findNul(bytes, offset + index, offset + size);
  return end < 0 ? '' : decodeText(bytes, offset + index, end - offset - index);
}

function readSymbols(
  bytes: Uint8Array,
  table: FileSection,
  sections: readonly FileSection[],
): (NamedPlace & { readonly isFunction: boolean })[] {
  const names = sections[table.link];
  if (names?.type !== SHT_STRTAB) return [];
  const symbols: (NamedPlace & { isFunction: boolean })[] = [];
  for (let at = table.offset; at + SYM_SIZE <= table.offset + table.size; at += SYM_SIZE) {
    const type = bytes[at + 4]! & 15;
    const isFunction = type === STT_FUNC || type === STT_GNU_IFUNC;
    const section = readU16(bytes, at + 6);
    const isPlace = section !== SHN_UNDEF && (section < SHN_LORESERVE || section === SHN_XINDEX);
    if (!isPlace || !(isFunction || type === STT_OBJECT || type === STT_NOTYPE)) continue;
    const name = textAt(bytes, names, readU32(bytes, at));
    if (name === '') continue;
    symbols.push({ name, address: readAddress(bytes, at + 8), size: readU64(bytes, at + 16), isFunction });
  }
  return symbols;
}

/** An address as `addressOf64` has it. */
function readAddress(bytes: Uint8Array, at: number): number {
  return (readU32(bytes, at + 4) | 0) * 2 ** 32 + readU32(bytes, at);
}
