/** Writer of small ELF64 relocatable objects (gABI chapter 4): what the linker supplies itself, and tests. */
import { writeU16, writeU32, writeU64 } from './bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_REL,
  EV_CURRENT,
  RELA_SIZE,
  SHDR_SIZE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STB_LOCAL,
  SYM_SIZE,
} from './constants.ts';
import { writeSectionHeader } from './sectionHeader.ts';
import { StringTable } from './stringTable.ts';

interface RelocationSpec {
  /** r_offset in bytes. */
  readonly offset: number;
  readonly type: number;
  /** Name of the symbol. */
  readonly symbol: string;
  readonly addend?: number;
}

export interface SectionSpec {
  readonly name: string;
  readonly flags: number;
  readonly bytes?: Uint8Array;
  readonly type?: number;
  /** sh_size for SHT_NOBITS. */
  readonly size?: number;
  readonly addralign?: number;
  readonly link?: number;
  readonly info?: number;
  readonly entsize?: number;
  readonly relocations?: readonly RelocationSpec[];
}

export interface SymbolSpec {
  readonly name: string;
  /** Name of the section it lies in, or a number such as SHN_ABS; SHN_UNDEF if absent. */
  readonly section?: string | number;
  readonly value?: number;
  readonly size?: number;
  /** STB_GLOBAL if absent. */
  readonly binding?: number;
  readonly type?: number;
}

/** Builds an object. Symbols that only relocations name become undefined global ones. */
export function buildObject(sections: readonly SectionSpec[], symbols: readonly SymbolSpec[]): Uint8Array {
  const table = orderSymbols(sections, symbols);
  const strings = new StringTable();
  const number = new Map(sections.map(({ name }, i) => [name, i + 1]));
  const symtabIndex = sections.length + 1;
  const headers: SectionSpec[] = [{ name: '', flags: 0, type: SHT_NULL, addralign: 0 }, ...sections];
  headers.push({
    name: '.symtab',
    flags: 0,
    type: SHT_SYMTAB,
    bytes: encodeSymbols(table, number, strings),
    link: symtabIndex + 1,
    info: table.findIndex(({ binding }) => binding !== STB_LOCAL),
    entsize: SYM_SIZE,
    addralign: 8,
  });
  // The string table's bytes are taken last: section names are added while headers are written.
  headers.push({ name: '.strtab', flags: 0, type: SHT_STRTAB });
  sections.forEach(({ name, relocations = [] }, i) => {
    if (relocations.length === 0) return;
    headers.push({
      name: `.rela${name}`,
      flags: 0,
      type: SHT_RELA,
      bytes: encodeRelocations(relocations, table),
      link: symtabIndex,
      info: i + 1,
      entsize: RELA_SIZE,
      addralign: 8,
    });
  });
  return assemble(headers, symtabIndex + 1, strings);
}

/** The null symbol, local ones, then global ones, as the gABI wants it. */
function orderSymbols(sections: readonly SectionSpec[], symbols: readonly SymbolSpec[]): SymbolSpec[] {
  const all = symbols.map((symbol) => ({ binding: STB_GLOBAL, ...symbol }));
  const known = new Set(all.map(({ name }) => name));
  for (const { symbol } of sections.flatMap(({ relocations = [] }) => relocations)) {
    if (!known.has(symbol)) all.push({ name: symbol, binding: STB_GLOBAL });
    known.add(symbol);
  }
  const isLocal = ({ binding }: SymbolSpec) => binding === STB_LOCAL;
  const locals = all.filter(isLocal);
  return [{ name: '', binding: STB_LOCAL }, ...locals, ...all.filter((symbol) => !isLocal(symbol)), END];
}

/** Keeps a first global symbol in every table, so that sh_info is always found. */
const END: SymbolSpec = { name: '', binding: STB_GLOBAL };

function encodeSymbols(
  table: readonly SymbolSpec[],
  number: ReadonlyMap<string, number>,
  strings: StringTable,
): Uint8Array {
  const bytes = new Uint8Array(table.length * SYM_SIZE);
  table.forEach(({ name, section = SHN_UNDEF, value = 0, size = 0, binding = 0, type = 0 }, i) => {
    const at = i * SYM_SIZE;
    writeU32(bytes, at, strings.add(name));
    bytes[at + 4] = (binding << 4) | type;
    writeU16(bytes, at + 6, typeof section === 'number' ? section : number.get(section)!);
    writeU64(bytes, at + 8, value);
    writeU64(bytes, at + 16, size);
  });
  return bytes;
}

function encodeRelocations(relocations: readonly RelocationSpec[], table: readonly SymbolSpec[]): Uint8Array {
  const bytes = new Uint8Array(relocations.length * RELA_SIZE);
  relocations.forEach(({ offset, type, symbol, addend = 0 }, i) => {
    const at = i * RELA_SIZE;
    writeU64(bytes, at, offset);
    writeU32(bytes, at + 8, type);
    writeU32(
      bytes,
      at + 12,
      table.findIndex(({ name }) => name === symbol),
    );
    writeU32(bytes, at + 16, addend);
    writeU32(bytes, at + 20, Math.floor(addend / 2 ** 32));
  });
  return bytes;
}

/** Lays out header, section contents and section header table. */
function assemble(headers: readonly SectionSpec[], shstrndx: number, strings: StringTable): Uint8Array {
  const nameOffsets = headers.map(({ name }) => strings.add(name));
  const contents = headers.map(({ bytes = new Uint8Array(0) }, i) =>
    i === shstrndx ? strings.bytes() : bytes,
  );
  let offset = EHDR_SIZE;
  const offsets = contents.map((bytes) => {
    const here = offset;
    offset += Math.ceil(bytes.length / 8) * 8;
    return here;
  });
  const file = new Uint8Array(offset + headers.length * SHDR_SIZE);
  writeHeader(file, offset, headers.length, shstrndx);
  headers.forEach((header, i) => {
    const bytes = contents[i]!;
    file.set(bytes, offsets[i]!);
    const sh_type = header.type ?? SHT_PROGBITS;
    writeSectionHeader(file, offset + i * SHDR_SIZE, {
      sh_name: nameOffsets[i]!,
      sh_type,
      sh_flags: header.flags,
      sh_addr: 0,
      sh_offset: offsets[i]!,
      sh_size: sh_type === SHT_NOBITS ? (header.size ?? 0) : bytes.length,
      sh_link: header.link ?? 0,
      sh_info: header.info ?? 0,
      sh_addralign: header.addralign ?? 1,
      sh_entsize: header.entsize ?? 0,
    });
  });
  return file;
}

function writeHeader(file: Uint8Array, e_shoff: number, e_shnum: number, e_shstrndx: number): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT], 0);
  writeU16(file, 16, ET_REL);
  writeU16(file, 18, EM_X86_64);
  writeU32(file, 20, EV_CURRENT);
  writeU64(file, 40, e_shoff);
  writeU16(file, 52, EHDR_SIZE);
  writeU16(file, 58, SHDR_SIZE);
  writeU16(file, 60, e_shnum);
  writeU16(file, 62, e_shstrndx);
}
