/**
 * Reader of ELF64 little-endian x86-64 relocatable objects (gABI chapter 4). It checks every table against the
 * end of the file once; what is read later from a checked table needs no check.
 */
import { FormatError } from '../diagnostics.ts';
import { checkRange, decodeText, findNul, readU16, readU32, readU64, wordsAt } from './bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_REL,
  EV_CURRENT,
  SHDR_SIZE,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYM_SIZE,
} from './constants.ts';
import { identify } from './identify.ts';
import { checkNameSizes } from './nameSizes.ts';
import { traitsOf } from './sectionNames.ts';
import { hasRow, NO_NAME, NO_ROW, type SectionTable } from './sections.ts';

/** Where an object's tables lie. All offsets are bytes from the start of the object. */
export interface ElfObject {
  readonly bytes: Uint8Array;
  /** Ids of the sections that have a row: so many from the first one on. */
  readonly firstSection: number;
  readonly sectionCount: number;
  /** e_shoff, and the number of section headers. */
  readonly headersOffset: number;
  readonly headerCount: number;
  /** Index in `SectionTable.rowOf` of section number 0. */
  readonly firstNumber: number;
  readonly symbols: SymbolTableView;
  /** Number of the section SHT_LLVM_ADDRSIG, or 0. */
  readonly addressTable: number;
  /** Where to look for tables, while it is known; `tablesOf` finds it out again. */
  readonly tables?: Tables | undefined;
}

/** Numbers of the sections that describe others: the first of a kind, or 0, or all of them. */
interface Tables {
  symbols: number;
  addresses: number;
  readonly extended: number[];
  readonly relocations: number[];
  readonly groups: number[];
}

/** The numbers of an object's tables. */
export function tablesOf(object: ElfObject): Tables {
  if (object.tables) return object.tables;
  const tables: Tables = { symbols: 0, extended: [], addresses: 0, relocations: [], groups: [] };
  const headers = sectionHeaders(object);
  for (let n = 0; n < object.headerCount; n++) {
    const type = headers[n * HEADER_WORDS + HEADER_TYPE]!;
    if (!hasRow(type)) noteTable(tables, type, n);
  }
  return tables;
}

/** The one SHT_SYMTAB of an object; `count` is 0 where there is none. */
interface SymbolTableView {
  readonly offset: number;
  readonly count: number;
  /** sh_info: number of the first symbol that is not STB_LOCAL. */
  readonly firstGlobal: number;
  readonly stringsOffset: number;
  readonly stringsSize: number;
  /** Offset of the SHT_SYMTAB_SHNDX table, or -1. */
  readonly shndxOffset: number;
}

/** 32-bit words of a section header, and of it the ones that readers of many headers look at. */
export const HEADER_WORDS = SHDR_SIZE / 4;
export const HEADER_TYPE = 1;
export const HEADER_FLAGS = 2;
export const HEADER_OFFSET = 6;
export const HEADER_SIZE = 8;
export const HEADER_LINK = 10;
export const HEADER_INFO = 11;

/**
 * Reads the headers of an object and adds its sections to `sections`.
 * @param objectId the id that the new rows get in `sections.object`
 * @throws FormatError if the bytes are not a well-formed ELF64 x86-64 ET_REL file
 */
export function parseObject(bytes: Uint8Array, sections: SectionTable, objectId: number): ElfObject {
  checkHeader(bytes);
  const headersOffset = readU64(bytes, 40);
  const first = { firstSection: sections.count, firstNumber: sections.numbers };
  if (headersOffset === 0) {
    const none = { headersOffset: 0, headerCount: 0, symbols: NO_SYMBOLS, addressTable: 0 };
    return { bytes, ...first, sectionCount: 0, ...none, tables: NO_TABLES };
  }
  checkRange(headersOffset, SHDR_SIZE, bytes.length, 'section header table', 40);
  const headerCount = sectionHeaderCount(bytes, headersOffset);
  checkRange(headersOffset, headerCount * SHDR_SIZE, bytes.length, 'section header table', 40);
  const headers = wordsAt(bytes, headersOffset, headerCount * HEADER_WORDS);
  const object = { bytes, headers, headersOffset, headerCount };
  const tables = readSectionHeaders(object, sections, objectId);
  return {
    bytes,
    ...first,
    sectionCount: sections.count - first.firstSection,
    headersOffset,
    headerCount,
    symbols: findSymbols(object, tables),
    addressTable: tables.addresses,
    tables,
  };
}

/** An object's section headers as 32-bit words. */
interface Headers {
  readonly bytes: Uint8Array;
  readonly headers: Int32Array;
  readonly headersOffset: number;
  readonly headerCount: number;
}

/** The section headers of an object, as 32-bit words. */
export function sectionHeaders({ bytes, headersOffset, headerCount }: ElfObject): Int32Array {
  return wordsAt(bytes, headersOffset, headerCount * HEADER_WORDS);
}

/** Two words of a table as an unsigned number; above 2^53 rounded, as by `readU64`. */
export function wordPair(words: Int32Array, at: number): number {
  return (words[at + 1]! >>> 0) * 2 ** 32 + (words[at]! >>> 0);
}

/** Offset of symbol `index` in the object's bytes. @throws FormatError if there is no such symbol */
export function symbolOffset(object: ElfObject, index: number): number {
  if (index >= object.symbols.count) {
    throw new FormatError(
      `symbol number ${index} is out of range; the symbol table has ${object.symbols.count} entries`,
      object.symbols.offset,
    );
  }
  return object.symbols.offset + index * SYM_SIZE;
}

/**
 * The section number of symbol `index`: st_shndx, looked up in SHT_SYMTAB_SHNDX where it is SHN_XINDEX.
 * Reserved numbers (SHN_ABS, SHN_COMMON) come back as they are.
 * @throws FormatError if the number names no section of the object
 */
export function symbolSection(object: ElfObject, index: number): number {
  const at = symbolOffset(object, index) + 6;
  let shndx = readU16(object.bytes, at);
  const extended = shndx === SHN_XINDEX;
  if (extended) {
    const { shndxOffset } = object.symbols;
    if (shndxOffset < 0) throw new FormatError('SHN_XINDEX without an SHT_SYMTAB_SHNDX section', at);
    shndx = readU32(object.bytes, shndxOffset + index * 4);
  }
  if (shndx >= object.headerCount && (extended || shndx < SHN_LORESERVE)) {
    throw new FormatError(
      `symbol number ${index} lies in section ${shndx}; the file has ${object.headerCount} sections`,
      at,
    );
  }
  return shndx;
}

/** Whether the section number of symbol `index` is one of the reserved ones, not an index. */
export function hasReservedSection(object: ElfObject, index: number): boolean {
  const shndx = readU16(object.bytes, symbolOffset(object, index) + 6);
  return shndx >= SHN_LORESERVE && shndx !== SHN_XINDEX;
}

/** Offset of a symbol's NUL-terminated name. @throws FormatError if it lies outside the string table */
export function symbolNameOffset(object: ElfObject, index: number): number {
  const at = symbolOffset(object, index);
  const st_name = readU32(object.bytes, at);
  if (st_name >= object.symbols.stringsSize) {
    throw new FormatError(
      `st_name 0x${st_name.toString(16)} of symbol number ${index} lies outside the string table of 0x${object.symbols.stringsSize.toString(16)} bytes`,
      at,
    );
  }
  return object.symbols.stringsOffset + st_name;
}

/** Length in bytes of a name in the symbol string table. @throws FormatError if no NUL ends it */
export function symbolNameLength(object: ElfObject, nameOffset: number): number {
  const { stringsOffset, stringsSize } = object.symbols;
  const nul = findNul(object.bytes, nameOffset, stringsOffset + stringsSize);
  if (nul < 0) throw new FormatError('a symbol name has no terminating NUL', nameOffset);
  return nul - nameOffset;
}

/** Name of a section whose row has this `nameOffset`, for printing and comparing. */
export function sectionNameAt(bytes: Uint8Array, nameOffset: number): string {
  if (nameOffset === NO_NAME) return '';
  return decodeText(bytes, nameOffset, bytes.indexOf(0, nameOffset) - nameOffset);
}

/** Longest name of a section that a message has. */
const LONGEST_NAME = 100;

/** A section as messages name it: `section 14 (.rela.text)`, or by its number alone where its name cannot be read. */
export function sectionLabel(bytes: Uint8Array, n: number): string {
  const headers = readU64(bytes, 40);
  const e_shstrndx = readU16(bytes, 62);
  const names = headers + (e_shstrndx === SHN_XINDEX ? readU32(bytes, headers + 40) : e_shstrndx) * SHDR_SIZE;
  const start = readU64(bytes, names + 24) + readU32(bytes, headers + n * SHDR_SIZE);
  const isWithin = names > headers && names + SHDR_SIZE <= bytes.length && start < bytes.length;
  const length = isWithin ? bytes.subarray(start, start + LONGEST_NAME).indexOf(0) : 0;
  return length > 0 ? `section ${n} (${decodeText(bytes, start, length)})` : `section ${n}`;
}

/** The symbol's name as text, for printing. */
export function symbolName(object: ElfObject, index: number): string {
  const offset = symbolNameOffset(object, index);
  return decodeText(object.bytes, offset, symbolNameLength(object, offset));
}

const NO_TABLES: Tables = { symbols: 0, extended: [], addresses: 0, relocations: [], groups: [] };

const NO_SYMBOLS: SymbolTableView = {
  offset: 0,
  count: 0,
  firstGlobal: 0,
  stringsOffset: 0,
  stringsSize: 0,
  shndxOffset: -1,
};

function checkHeader(bytes: Uint8Array): void {
  checkKind(bytes);
  if (bytes.length < EHDR_SIZE) {
    throw new FormatError(
      `the file has ${bytes.length} bytes, fewer than the ${EHDR_SIZE} of an ELF header`,
      0,
      'the file is truncated; build it again',
    );
  }
  if (bytes[4] === ELFCLASS32) {
    throw new FormatError('a 32-bit object; expected ELFCLASS64', 4, 'compile for x86_64, without -m32');
  }
  if (bytes[4] !== ELFCLASS64) throw new FormatError(`EI_CLASS is ${bytes[4]}; expected 2 (ELFCLASS64)`, 4);
  if (bytes[5] !== ELFDATA2LSB) {
    throw new FormatError(`EI_DATA is ${bytes[5]}; expected 1 (little-endian)`, 5, 'compile for x86_64');
  }
  if (bytes[6] !== EV_CURRENT) throw new FormatError(`EI_VERSION is ${bytes[6]}; expected 1`, 6);
  const e_type = readU16(bytes, 16);
  if (e_type !== ET_REL) throw new FormatError(`e_type is ${e_type}; expected 1 (ET_REL)`, 16);
  const e_machine = readU16(bytes, 18);
  if (e_machine !== EM_X86_64) {
    throw new FormatError(
      `e_machine is ${e_machine}; expected ${EM_X86_64} (EM_X86_64)`,
      18,
      'compile for x86_64',
    );
  }
  const e_shentsize = readU16(bytes, 58);
  if (readU64(bytes, 40) !== 0 && e_shentsize !== SHDR_SIZE) {
    throw new FormatError(`e_shentsize is ${e_shentsize}; expected ${SHDR_SIZE}`, 58);
  }
}

/** A member of an archive may be anything. */
function checkKind(bytes: Uint8Array): void {
  const kind = identify(bytes);
  if (kind === 'bitcode') {
    const hint = 'turn LTO-only output off: no -flto for clang, no -C linker-plugin-lto for rustc';
    throw new FormatError('the member is LLVM bitcode', 0, hint);
  }
  if (kind === 'object' || kind === 'elf-other') return;
  throw new FormatError('the file is no ELF object', 0, 'expected an object from rustc, clang, gcc or nasm');
}

/** e_shnum, or sh_size of section 0 where there are SHN_LORESERVE sections or more (gABI, "ELF Header"). */
function sectionHeaderCount(bytes: Uint8Array, e_shoff: number): number {
  const e_shnum = readU16(bytes, 60);
  return e_shnum === 0 ? readU64(bytes, e_shoff + 32) : e_shnum;
}

/** The section that holds section names. */
interface Names {
  readonly offset: number;
  readonly end: number;
  /** Its last byte is NUL, so that every name in it ends. */
  readonly isEnded: boolean;
}

/** Where section names lie; ends at 0 if the object has none. */
function nameSection(bytes: Uint8Array, e_shoff: number, sectionCount: number): Names {
  const e_shstrndx = readU16(bytes, 62);
  const index = e_shstrndx === SHN_XINDEX ? readU32(bytes, e_shoff + 40) : e_shstrndx;
  if (index === SHN_UNDEF) return { offset: 0, end: 0, isEnded: true };
  if (index >= sectionCount) {
    throw new FormatError(`e_shstrndx is ${index}; the file has ${sectionCount} sections`, 62);
  }
  const header = e_shoff + index * SHDR_SIZE;
  if (readU32(bytes, header + 4) !== SHT_STRTAB) {
    throw new FormatError(
      `${sectionLabel(bytes, index)}, which should hold the section names, is no SHT_STRTAB`,
      header,
    );
  }
  const offset = readU64(bytes, header + 24);
  const size = readU64(bytes, header + 32);
  checkRange(offset, size, bytes.length, 'section name table', header);
  return { offset, end: offset + size, isEnded: size > 0 && bytes[offset + size - 1] === 0 };
}

/** Reads every section header; those of sections that hold something become rows. */
function readSectionHeaders(object: Headers, sections: SectionTable, objectId: number): Tables {
  const { bytes, headers, headersOffset, headerCount } = object;
  const names = nameSection(bytes, headersOffset, headerCount);
  const firstNumber = sections.numbers;
  const tables: Tables = { symbols: 0, extended: [], addresses: 0, relocations: [], groups: [] };
  sections.reserve(headerCount);
  sections.numbers += headerCount;
  let size = 0;
  for (let n = 0; n < headerCount; n++) {
    checkSection(object, n, names);
    const type = headers[n * HEADER_WORDS + HEADER_TYPE]!;
    if (type !== SHT_NOBITS && type !== SHT_NULL) size += headers[n * HEADER_WORDS + HEADER_SIZE]! >>> 0;
    if (hasRow(type)) {
      sections.rowOf[firstNumber + n] = sections.count;
      addRow(object, n, names, sections, objectId);
    } else {
      sections.rowOf[firstNumber + n] = NO_ROW;
      noteTable(tables, type, n);
    }
  }
  checkTotal(bytes, size);
  checkNameSizes(
    bytes,
    names.offset,
    names.end,
    headerCount,
    (n) => names.offset + (headers[n * HEADER_WORDS]! >>> 0),
    'the section name table',
    names.offset,
  );
  return tables;
}

/** How many times the bytes of a file may be bytes of sections. */
const MAX_OVERLAP = 2;

/**
 * Refuses files whose sections overlap each other many times, which the gABI (chapter 4, "Sections") does not permit at
 * all: a small one could fill the memory.
 */
function checkTotal(bytes: Uint8Array, size: number): void {
  if (size <= bytes.length * MAX_OVERLAP) return;
  throw new FormatError(
    `the sections overlap: together they have ${size} bytes, and the file has ${bytes.length}`,
    40,
    'the file is damaged; build it again',
  );
}

function noteTable(tables: Tables, type: number, n: number): void {
  if (type === SHT_RELA || type === SHT_REL) tables.relocations.push(n);
  else if (type === SHT_GROUP) tables.groups.push(n);
  else if (type === SHT_SYMTAB) tables.symbols ||= n;
  else if (type === SHT_SYMTAB_SHNDX) tables.extended.push(n);
  else if (type === SHT_LLVM_ADDRSIG) tables.addresses ||= n;
}

function addRow(
  { bytes, headers }: Headers,
  n: number,
  names: Names,
  sections: SectionTable,
  objectId: number,
): void {
  const at = n * HEADER_WORDS;
  const id = sections.count++;
  const nameOffset = names.end === 0 ? NO_NAME : names.offset + (headers[at]! >>> 0);
  sections.object[id] = objectId;
  sections.number[id] = n;
  sections.nameOffset[id] = nameOffset;
  sections.traits[id] = names.end === 0 ? 0 : traitsOf(bytes, nameOffset);
  sections.type[id] = headers[at + HEADER_TYPE]!;
  sections.flags[id] = headers[at + HEADER_FLAGS]!;
  const isSmall = headers[at + HEADER_OFFSET + 1] === 0 && headers[at + HEADER_SIZE + 1] === 0;
  sections.offset[id] = isSmall ? headers[at + HEADER_OFFSET]! >>> 0 : wordPair(headers, at + HEADER_OFFSET);
  sections.size[id] = isSmall ? headers[at + HEADER_SIZE]! >>> 0 : wordPair(headers, at + HEADER_SIZE);
  sections.link[id] = headers[at + HEADER_LINK]!;
  sections.addralign[id] = headers[at + 12]! || 1;
  sections.entsize[id] = headers[at + 15] === 0 ? headers[at + 14]! : 0xffffffff;
  sections.firstRelocation[id] = 0;
  sections.relocationCount[id] = 0;
  sections.superseded[id] = 0;
}

/** @throws FormatError unless the section's name and bytes lie within the object */
function checkSection(object: Headers, n: number, names: Names): void {
  const { bytes, headers, headersOffset } = object;
  const at = n * HEADER_WORDS;
  if (names.end > 0 && !isNameWithin(bytes, headers[at]! >>> 0, names)) {
    const what = `the name of section ${n} lies outside the section name table`;
    throw new FormatError(what, headersOffset + n * SHDR_SIZE);
  }
  const type = headers[at + HEADER_TYPE]!;
  if (type === SHT_NULL) return;
  const high = headers[at + HEADER_OFFSET + 1]! | headers[at + HEADER_SIZE + 1]!;
  const end = (headers[at + HEADER_OFFSET]! >>> 0) + (headers[at + HEADER_SIZE]! >>> 0);
  // Most sections need no sums of 64 bits.
  if (high !== 0 || (end > bytes.length && type !== SHT_NOBITS)) checkExtent(object, n, type);
  const low = headers[at + 12]!;
  const isPowerOfTwo = headers[at + 13] === 0 && (low & (low - 1)) === 0 && low >= 0 && low <= 2 ** 30;
  if (isPowerOfTwo) return;
  throw new FormatError(
    `sh_addralign of ${sectionLabel(bytes, n)} is 0x${wordPair(headers, at + 12).toString(16)}; expected a power of two up to 2^30`,
    headersOffset + n * SHDR_SIZE + 48,
  );
}

function checkExtent({ bytes, headers, headersOffset }: Headers, n: number, type: number): void {
  const size = wordPair(headers, n * HEADER_WORDS + HEADER_SIZE);
  const place = headersOffset + n * SHDR_SIZE;
  if (type !== SHT_NOBITS) {
    const offset = wordPair(headers, n * HEADER_WORDS + HEADER_OFFSET);
    checkRange(offset, size, bytes.length, sectionLabel(bytes, n), place);
  } else if (size >= 2 ** 47) {
    throw new FormatError(`${sectionLabel(bytes, n)} is larger than the address space`, place + 32);
  }
}

function isNameWithin(bytes: Uint8Array, name: number, { offset, end, isEnded }: Names): boolean {
  return isEnded ? offset + name < end : findNul(bytes, offset + name, end) >= 0;
}

function findSymbols(object: Headers, { symbols: symtab, extended }: Tables): SymbolTableView {
  const { headers, headerCount } = object;
  if (symtab === 0) return NO_SYMBOLS;
  const at = symtab * HEADER_WORDS;
  const offset = wordPair(headers, at + HEADER_OFFSET);
  const size = wordPair(headers, at + HEADER_SIZE);
  if (wordPair(headers, at + 14) !== SYM_SIZE || size % SYM_SIZE !== 0) {
    throw new FormatError(
      `the symbol table, ${sectionLabel(object.bytes, symtab)}, does not hold ${SYM_SIZE}-byte entries`,
      offset,
    );
  }
  const count = size / SYM_SIZE;
  const link = headers[at + HEADER_LINK]! >>> 0;
  const strings = link * HEADER_WORDS;
  if (link >= headerCount || headers[strings + HEADER_TYPE] !== SHT_STRTAB) {
    throw new FormatError(
      `sh_link of ${sectionLabel(object.bytes, symtab)} is ${link}; expected the symbol string table`,
      offset,
    );
  }
  const firstGlobal = headers[at + HEADER_INFO]! >>> 0;
  if (firstGlobal > count) {
    throw new FormatError(
      `sh_info of the symbol table says ${firstGlobal} local symbols; it has ${count} entries`,
      offset,
    );
  }
  const stringsOffset = wordPair(headers, strings + HEADER_OFFSET);
  const stringsSize = wordPair(headers, strings + HEADER_SIZE);
  const { bytes } = object;
  const nameAt = (index: number) => stringsOffset + readU32(bytes, offset + index * SYM_SIZE);
  const stringsEnd = stringsOffset + stringsSize;
  checkNameSizes(bytes, stringsOffset, stringsEnd, count, nameAt, 'the symbol string table', stringsOffset);
  return {
    offset,
    count,
    firstGlobal,
    stringsOffset,
    stringsSize,
    shndxOffset: findShndx(object, extended, symtab, count),
  };
}

/** Offset of the SHT_SYMTAB_SHNDX table that belongs to the symbol table, or -1. */
function findShndx(
  { headers }: Headers,
  extended: readonly number[],
  symtab: number,
  symbolCount: number,
): number {
  for (const n of extended) {
    const at = n * HEADER_WORDS;
    if (headers[at + HEADER_LINK] !== symtab) continue;
    const offset = wordPair(headers, at + HEADER_OFFSET);
    if (wordPair(headers, at + HEADER_SIZE) < symbolCount * 4) {
      throw new FormatError('SHT_SYMTAB_SHNDX has fewer entries than the symbol table', offset);
    }
    return offset;
  }
  return -1;
}
