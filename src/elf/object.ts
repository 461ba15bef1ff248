/**
 * Reader of ELF64 little-endian x86-64 relocatable objects (gABI chapter 4). It checks every table against the
 * end of the file once; what is read later from a checked table needs no check.
 */
import { FormatError } from '../diagnostics.ts';
import { checkRange, decodeText, findNul, readU16, readU32, readU64 } from './bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_REL,
  EV_CURRENT,
  GRP_COMDAT,
  REL_SIZE,
  RELA_SIZE,
  SHDR_SIZE,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_GROUP,
  SHT_NOBITS,
  SHT_NULL,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYM_SIZE,
} from './constants.ts';
import type { SectionTable } from './sections.ts';

/** Where an object's tables lie. All offsets are bytes from the start of the object. */
export interface ElfObject {
  readonly bytes: Uint8Array;
  /** Id of section number 0 in the section table; section number n has id `firstSection + n`. */
  readonly firstSection: number;
  readonly sectionCount: number;
  readonly symbols: SymbolTableView;
  readonly groups: readonly SectionGroup[];
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

/** A COMDAT group: of all groups with one signature, a link keeps the first. */
interface SectionGroup {
  /** Where the signature's bytes lie in the object. */
  readonly nameOffset: number;
  readonly nameLength: number;
  /** Ids of the member sections. */
  readonly members: readonly number[];
}

/**
 * Reads the headers of an object and adds its sections to `sections`.
 * @param objectId the id that the new rows get in `sections.object`
 * @throws FormatError if the bytes are not a well-formed ELF64 x86-64 ET_REL file
 */
export function parseObject(bytes: Uint8Array, sections: SectionTable, objectId: number): ElfObject {
  checkHeader(bytes);
  const e_shoff = readU64(bytes, 40);
  if (e_shoff === 0) {
    return { bytes, firstSection: sections.count, sectionCount: 0, symbols: NO_SYMBOLS, groups: [] };
  }
  checkRange(e_shoff, SHDR_SIZE, bytes.length, 'section header table', 40);
  const sectionCount = sectionHeaderCount(bytes, e_shoff);
  checkRange(e_shoff, sectionCount * SHDR_SIZE, bytes.length, 'section header table', 40);
  const names = nameSection(bytes, e_shoff, sectionCount);
  const firstSection = sections.add(sectionCount);
  for (let n = 0; n < sectionCount; n++) {
    readSectionHeader(bytes, e_shoff + n * SHDR_SIZE, n, names, sections, firstSection + n);
    sections.object[firstSection + n] = objectId;
  }
  const symbols = findSymbols(bytes, sections, firstSection, sectionCount);
  attachRelocations(sections, firstSection, sectionCount);
  const groups = readGroups(bytes, sections, firstSection, sectionCount, symbols);
  return { bytes, firstSection, sectionCount, symbols, groups };
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
  if (shndx >= object.sectionCount && (extended || shndx < SHN_LORESERVE)) {
    throw new FormatError(
      `symbol number ${index} lies in section ${shndx}; the file has ${object.sectionCount} sections`,
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
  if (nameOffset < 0) return '';
  return decodeText(bytes, nameOffset, bytes.indexOf(0, nameOffset) - nameOffset);
}

/** The symbol's name as text, for printing. */
export function symbolName(object: ElfObject, index: number): string {
  const offset = symbolNameOffset(object, index);
  return decodeText(object.bytes, offset, symbolNameLength(object, offset));
}

const NO_SYMBOLS: SymbolTableView = {
  offset: 0,
  count: 0,
  firstGlobal: 0,
  stringsOffset: 0,
  stringsSize: 0,
  shndxOffset: -1,
};

function checkHeader(bytes: Uint8Array): void {
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

/** e_shnum, or sh_size of section 0 where there are SHN_LORESERVE sections or more (gABI, "ELF Header"). */
function sectionHeaderCount(bytes: Uint8Array, e_shoff: number): number {
  const e_shnum = readU16(bytes, 60);
  return e_shnum === 0 ? readU64(bytes, e_shoff + 32) : e_shnum;
}

interface Extent {
  readonly offset: number;
  readonly end: number;
}

/** Extent of the section that holds section names. */
function nameSection(bytes: Uint8Array, e_shoff: number, sectionCount: number): Extent {
  const e_shstrndx = readU16(bytes, 62);
  const index = e_shstrndx === SHN_XINDEX ? readU32(bytes, e_shoff + 40) : e_shstrndx;
  if (index === SHN_UNDEF) return { offset: 0, end: 0 };
  if (index >= sectionCount) {
    throw new FormatError(`e_shstrndx is ${index}; the file has ${sectionCount} sections`, 62);
  }
  const header = e_shoff + index * SHDR_SIZE;
  if (readU32(bytes, header + 4) !== SHT_STRTAB) {
    throw new FormatError(`section ${index}, which should hold the section names, is no SHT_STRTAB`, header);
  }
  const offset = readU64(bytes, header + 24);
  const size = readU64(bytes, header + 32);
  checkRange(offset, size, bytes.length, 'section name table', header);
  return { offset, end: offset + size };
}

/** Reads section header `n` at byte `at` into row `id`. */
function readSectionHeader(
  bytes: Uint8Array,
  at: number,
  n: number,
  names: Extent,
  sections: SectionTable,
  id: number,
): void {
  const sh_type = readU32(bytes, at + 4);
  const offset = readU64(bytes, at + 24);
  const size = readU64(bytes, at + 32);
  const addralign = readU64(bytes, at + 48);
  sections.type[id] = sh_type;
  sections.flags[id] = readU32(bytes, at + 8);
  sections.offset[id] = offset;
  sections.size[id] = sh_type === SHT_NULL ? 0 : size;
  sections.link[id] = readU32(bytes, at + 40);
  sections.info[id] = readU32(bytes, at + 44);
  sections.addralign[id] = Math.max(1, addralign);
  sections.entsize[id] = readU64(bytes, at + 56);
  sections.nameOffset[id] = sectionNameOffset(bytes, at, n, names);
  if (sh_type === SHT_NULL) return;
  if (sh_type !== SHT_NOBITS) checkRange(offset, size, bytes.length, `section ${n}`, at);
  else if (size >= 2 ** 47) throw new FormatError(`section ${n} is larger than the address space`, at + 32);
  if (addralign > 2 ** 30 || Math.log2(Math.max(1, addralign)) % 1 !== 0) {
    throw new FormatError(
      `sh_addralign of section ${n} is 0x${addralign.toString(16)}; expected a power of two up to 2^30`,
      at + 48,
    );
  }
}

function sectionNameOffset(bytes: Uint8Array, at: number, n: number, names: Extent): number {
  if (names.end === 0) return -1;
  const offset = names.offset + readU32(bytes, at);
  if (findNul(bytes, offset, names.end) < 0) {
    throw new FormatError(`the name of section ${n} lies outside the section name table`, at);
  }
  return offset;
}

function findSymbols(
  bytes: Uint8Array,
  sections: SectionTable,
  first: number,
  sectionCount: number,
): SymbolTableView {
  const symtab = sections.type.subarray(first, first + sectionCount).indexOf(SHT_SYMTAB);
  if (symtab < 0) return NO_SYMBOLS;
  const id = first + symtab;
  const offset = sections.offset[id]!;
  if (sections.entsize[id] !== SYM_SIZE || sections.size[id]! % SYM_SIZE !== 0) {
    throw new FormatError(
      `the symbol table (section ${symtab}) does not hold ${SYM_SIZE}-byte entries`,
      offset,
    );
  }
  const count = sections.size[id]! / SYM_SIZE;
  const strings = linkedSection(sections, id, first, sectionCount, SHT_STRTAB, 'symbol string table');
  const firstGlobal = sections.info[id]!;
  if (firstGlobal > count) {
    throw new FormatError(
      `sh_info of the symbol table says ${firstGlobal} local symbols; it has ${count} entries`,
      offset,
    );
  }
  return {
    offset,
    count,
    firstGlobal,
    stringsOffset: sections.offset[strings]!,
    stringsSize: sections.size[strings]!,
    shndxOffset: findShndx(bytes, sections, first, sectionCount, symtab, count),
  };
}

/** Offset of the SHT_SYMTAB_SHNDX table that belongs to the symbol table, or -1. */
function findShndx(
  bytes: Uint8Array,
  sections: SectionTable,
  first: number,
  sectionCount: number,
  symtab: number,
  symbolCount: number,
): number {
  for (let id = first; id < first + sectionCount; id++) {
    if (sections.type[id] !== SHT_SYMTAB_SHNDX || sections.link[id] !== symtab) continue;
    const offset = sections.offset[id]!;
    if (sections.size[id]! < symbolCount * 4) {
      throw new FormatError('SHT_SYMTAB_SHNDX has fewer entries than the symbol table', offset);
    }
    checkRange(offset, symbolCount * 4, bytes.length, 'SHT_SYMTAB_SHNDX');
    return offset;
  }
  return -1;
}

/** Id of the section that sh_link of `id` names, which must be of type `type`. */
function linkedSection(
  sections: SectionTable,
  id: number,
  first: number,
  sectionCount: number,
  type: number,
  what: string,
): number {
  const link = sections.link[id]!;
  if (link < sectionCount && sections.type[first + link] === type) return first + link;
  throw new FormatError(
    `sh_link of section ${id - first} is ${link}; expected the ${what}`,
    sections.offset[id]!,
  );
}

/** Chains each relocation section to the section it applies to (sh_info). */
function attachRelocations(sections: SectionTable, first: number, sectionCount: number): void {
  for (let id = first + sectionCount - 1; id >= first; id--) {
    const type = sections.type[id];
    if (type !== SHT_RELA && type !== SHT_REL) continue;
    const target = sections.info[id]!;
    if (target === 0 || target >= sectionCount) {
      throw new FormatError(
        `relocation section ${id - first} applies to section ${target}; the file has ${sectionCount} sections`,
        sections.offset[id]!,
      );
    }
    const targetType = sections.type[first + target];
    if (targetType === SHT_RELA || targetType === SHT_REL) {
      const what = `relocation section ${id - first} applies to section ${target}, itself a relocation section`;
      throw new FormatError(what, sections.offset[id]!);
    }
    const entry = type === SHT_RELA ? RELA_SIZE : REL_SIZE;
    if (sections.size[id]! % entry !== 0) {
      throw new FormatError(
        `relocation section ${id - first} does not hold ${entry}-byte entries`,
        sections.offset[id]!,
      );
    }
    sections.relocations[id] = sections.relocations[first + target]!;
    sections.relocations[first + target] = id;
  }
}

function readGroups(
  bytes: Uint8Array,
  sections: SectionTable,
  first: number,
  sectionCount: number,
  symbols: SymbolTableView,
): SectionGroup[] {
  const groups: SectionGroup[] = [];
  for (let id = first; id < first + sectionCount; id++) {
    if (sections.type[id] !== SHT_GROUP) continue;
    const offset = sections.offset[id]!;
    const size = sections.size[id]!;
    if (size < 4 || size % 4 !== 0) {
      throw new FormatError(
        `group section ${id - first} has ${size} bytes; expected a multiple of 4`,
        offset,
      );
    }
    if ((readU32(bytes, offset) & GRP_COMDAT) === 0) continue;
    const members: number[] = [];
    for (let at = offset + 4; at < offset + size; at += 4) {
      const member = readU32(bytes, at);
      if (member === 0 || member >= sectionCount) {
        throw new FormatError(
          `group section ${id - first} names section ${member}, which does not exist`,
          at,
        );
      }
      members.push(first + member);
    }
    const object = { bytes, firstSection: first, sectionCount, symbols, groups };
    groups.push({ ...signature(object, sections, id), members });
  }
  return groups;
}

/** The group's signature: the name of symbol sh_info, or of its section where the symbol has none. */
function signature(
  object: ElfObject,
  sections: SectionTable,
  group: number,
): { nameOffset: number; nameLength: number } {
  const index = sections.info[group]!;
  const offset = symbolNameOffset(object, index);
  const length = symbolNameLength(object, offset);
  if (length > 0 || hasReservedSection(object, index)) return { nameOffset: offset, nameLength: length };
  const nameOffset = sections.nameOffset[object.firstSection + symbolSection(object, index)]!;
  return { nameOffset, nameLength: object.bytes.indexOf(0, nameOffset) - nameOffset };
}
