/**
 * Writer of large ELF64 relocatable objects (gABI chapter 4): it takes time and memory in proportion to what is added,
 * and numbers sections of any count. The symbols of an object are numbered as they are added, local ones first.
 */
import { writeU16, writeU32, writeU64 } from '../../src/elf/bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_REL,
  EV_CURRENT,
  RELA_SIZE,
  SHDR_SIZE,
  SHN_LORESERVE,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  STB_GLOBAL,
  STB_LOCAL,
  SYM_SIZE,
} from '../../src/elf/constants.ts';
import { writeSectionHeader } from '../../src/elf/sectionHeader.ts';
import { ByteBuffer } from './buffer.ts';

interface NewSection {
  readonly name: string;
  readonly flags: number;
  readonly type?: number;
  readonly bytes?: Uint8Array;
  /** sh_size for SHT_NOBITS. */
  readonly size?: number;
  readonly addralign?: number;
  readonly entsize?: number;
}

interface Section extends NewSection {
  readonly link?: number;
  readonly info?: number;
}

/** A section that is about other sections. */
interface Table {
  readonly name: string;
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly link: number;
  readonly info: number;
  readonly entsize: number;
}

interface SymbolTraits {
  readonly binding?: number;
  readonly type?: number;
  readonly size?: number;
}

/** An object in the making. */
export class ObjectWriter {
  readonly #sections: Section[] = [{ name: '', flags: 0, type: SHT_NULL, addralign: 0 }];
  readonly #symbols = new ByteBuffer();
  readonly #names = new ByteBuffer();
  /** Rows of all relocation tables, one table after the other. */
  readonly #rows = new ByteBuffer();
  /** Where each table begins in `#rows`, and the section that it applies to. */
  readonly #tables: { readonly begin: number; readonly target: number }[] = [];
  /** Section of each symbol, by the symbol's number. */
  readonly #places: number[] = [];
  #localCount = 1;

  constructor() {
    this.#names.u8(0);
    this.#addSymbol(0, 0, 0, 0, 0);
  }

  /** @returns the section's number */
  section(section: NewSection): number {
    return this.#sections.push(section) - 1;
  }

  /** Adds a symbol: section 0 leaves it undefined. @returns its number */
  symbol(name: string, section = 0, value = 0, traits: SymbolTraits = {}): number {
    const { binding = STB_GLOBAL, type = 0, size = 0 } = traits;
    if (binding === STB_LOCAL && this.#localCount++ !== this.#places.length)
      throw new Error('local symbols stand before global ones');
    const nameOffset = this.#names.length;
    this.#names.text(name);
    return this.#addSymbol(nameOffset, (binding << 4) | type, section, value, size);
  }

  /** Adds a row to a section's relocation table. All rows for a section are added one after the other. */
  relocation(section: number, offset: number, type: number, symbol: number, addend = 0): void {
    const rows = this.#rows;
    if (this.#tables.at(-1)?.target !== section) this.#tables.push({ begin: rows.length, target: section });
    rows.u64(offset);
    rows.u32(type);
    rows.u32(symbol);
    rows.u32(addend);
    rows.u32(Math.floor(addend / 2 ** 32));
  }

  /** The object's bytes. Nothing may be added afterwards. */
  finish(): Uint8Array {
    const symtab = this.#sections.length;
    this.#addTables(symtab);
    const nameOffsets = this.#nameSections();
    this.section({ name: '', flags: 0, type: SHT_STRTAB, bytes: this.#names.bytes() });
    return assemble(this.#sections, [...nameOffsets, 0]);
  }

  #addSymbol(name: number, info: number, section: number, value: number, size: number): number {
    const symbols = this.#symbols;
    symbols.u32(name);
    symbols.u8(info);
    symbols.u8(0);
    symbols.u16(section < SHN_LORESERVE ? section : SHN_XINDEX);
    symbols.u64(value);
    symbols.u64(size);
    return this.#places.push(section) - 1;
  }

  /** Adds all sections but the string table, which comes last. */
  #addTables(symtab: number): void {
    const needsPlaces = this.#places.some((place) => place >= SHN_LORESERVE);
    const link = symtab + 1 + (needsPlaces ? 1 : 0) + this.#tables.length;
    const [symbols, info] = [this.#symbols.bytes(), this.#localCount];
    this.#addTable({ name: '.symtab', type: SHT_SYMTAB, bytes: symbols, link, info, entsize: SYM_SIZE });
    if (needsPlaces) this.#addPlaces(symtab);
    const rows = this.#rows.bytes();
    this.#tables.forEach(({ begin, target }, i) => {
      const name = `.rela${this.#sections[target]!.name}`;
      const bytes = rows.subarray(begin, this.#tables[i + 1]?.begin ?? rows.length);
      this.#addTable({ name, type: SHT_RELA, bytes, link: symtab, info: target, entsize: RELA_SIZE });
    });
  }

  #addPlaces(symtab: number): void {
    const bytes = new ByteBuffer(this.#places.length * 4);
    for (const place of this.#places) bytes.u32(place < SHN_LORESERVE ? 0 : place);
    const [name, type] = ['.symtab_shndx', SHT_SYMTAB_SHNDX];
    this.#addTable({ name, type, bytes: bytes.bytes(), link: symtab, info: 0, entsize: 4 });
  }

  #addTable({ name, type, bytes, link, info, entsize }: Table): void {
    this.#sections.push({ name, flags: 0, type, bytes, link, info, entsize, addralign: 8 });
  }

  /** Offsets of the sections' names in the string table, equal names once. */
  #nameSections(): number[] {
    const known = new Map<string, number>([['', 0]]);
    return this.#sections.map(({ name }) => {
      const offset = known.get(name) ?? this.#names.length;
      if (!known.has(name)) this.#names.text(name);
      known.set(name, offset);
      return offset;
    });
  }
}

/** Header, contents, section header table. The last section has the names. */
function assemble(sections: readonly Section[], nameOffsets: readonly number[]): Uint8Array {
  let end = EHDR_SIZE;
  const offsets = sections.map(({ bytes }) => {
    const offset = end;
    end += Math.ceil((bytes?.length ?? 0) / 8) * 8;
    return offset;
  });
  const file = new Uint8Array(end + sections.length * SHDR_SIZE);
  writeHeader(file, end, sections.length);
  sections.forEach((section, i) => {
    if (section.bytes) file.set(section.bytes, offsets[i]!);
    writeSectionHeader(file, end + i * SHDR_SIZE, {
      sh_name: nameOffsets[i]!,
      sh_type: section.type ?? SHT_PROGBITS,
      sh_flags: section.flags,
      sh_addr: 0,
      sh_offset: offsets[i]!,
      sh_size: section.type === SHT_NOBITS ? section.size! : (section.bytes?.length ?? 0),
      sh_link: section.link ?? 0,
      sh_info: section.info ?? 0,
      sh_addralign: section.addralign ?? 1,
      sh_entsize: section.entsize ?? 0,
    });
  });
  if (sections.length >= SHN_LORESERVE) escapeCounts(file, end, sections.length);
  return file;
}

function writeHeader(file: Uint8Array, e_shoff: number, count: number): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT], 0);
  writeU16(file, 16, ET_REL);
  writeU16(file, 18, EM_X86_64);
  writeU32(file, 20, EV_CURRENT);
  writeU64(file, 40, e_shoff);
  writeU16(file, 52, EHDR_SIZE);
  writeU16(file, 58, SHDR_SIZE);
  writeU16(file, 60, count);
  writeU16(file, 62, count - 1);
}

/** Counts that do not fit in the header stand in the header of section 0. */
function escapeCounts(file: Uint8Array, headers: number, count: number): void {
  writeU16(file, 60, 0);
  writeU16(file, 62, SHN_XINDEX);
  writeU64(file, headers + 32, count);
  writeU32(file, headers + 40, count - 1);
}
