/** The local symbols of all objects of a link, as a structure of arrays. */
import { FormatError } from '../diagnostics.ts';
import { wordsAt } from './bytes.ts';
import { SHN_LORESERVE, SHN_UNDEF, SHN_XINDEX, STT_SECTION, SYM_SIZE } from './constants.ts';
import { type ElfObject, sectionLabel, symbolOffset, symbolSection } from './object.ts';
import { copyInto, copyRows, NO_ROW, type SectionTable } from './sections.ts';

const INITIAL_ROWS = 256;
const SYM_WORDS = SYM_SIZE / 4;

/** `section` of a symbol that nothing can refer to: its section does not exist or is a table. */
const UNUSABLE = -2;

/** A row for each local symbol; that of an object's symbol number i is the object's first row + i. */
export class LocalSymbols {
  /** Row 0 is what symbol number 0 means where there is no symbol table: the address 0. */
  count = 1;
  /** Id of the section, or -1 for an address by itself. */
  section: Int32Array;
  /** Low and high halves of the value. */
  valueLow: Uint32Array;
  valueHigh: Int32Array;
  /** Symbol type, STT_… */
  type: Uint8Array;
  /** st_size in bytes; of what has 4 GiB or more, the low half. */
  size: Uint32Array;

  /** @param rows symbols for which there is room at first */
  constructor(rows = INITIAL_ROWS) {
    this.section = new Int32Array(rows);
    this.section[0] = -1;
    this.valueLow = new Uint32Array(rows);
    this.valueHigh = new Int32Array(rows);
    this.type = new Uint8Array(rows);
    this.size = new Uint32Array(rows);
  }

  /** Adds the local symbols of an object. @returns the row of its symbol number 0 */
  add(object: ElfObject, sections: SectionTable): number {
    const first = this.count;
    const { firstGlobal, offset } = object.symbols;
    this.#reserve(firstGlobal);
    const words = wordsAt(object.bytes, offset, firstGlobal * SYM_WORDS);
    for (let index = 0; index < firstGlobal; index++) {
      const at = index * SYM_WORDS;
      const row = first + index;
      const shndx = words[at + 1]! >>> 16;
      this.section[row] = sectionOf(object, sections, index, shndx);
      this.valueLow[row] = words[at + 2]!;
      this.valueHigh[row] = words[at + 3]!;
      this.type[row] = words[at + 1]! & 15;
      this.size[row] = words[at + 4]!;
    }
    this.count += firstGlobal;
    return first;
  }

  /**
   * Adds copies of rows of another table.
   * @param shift by how much ids of the sections that they lie in are greater here
   * @returns the first row
   */
  addCopies(from: LocalSymbols, firstRow: number, count: number, shift: number): number {
    const first = this.count;
    this.#reserve(count);
    copyRows(this.valueLow, first, from.valueLow, firstRow, count);
    copyRows(this.valueHigh, first, from.valueHigh, firstRow, count);
    copyRows(this.type, first, from.type, firstRow, count);
    copyRows(this.size, first, from.size, firstRow, count);
    for (let i = 0; i < count; i++) {
      const section = from.section[firstRow + i]!;
      this.section[first + i] = section < 0 ? section : section + shift;
    }
    this.count += count;
    return first;
  }

  /** Adds a symbol that stands for a section of the linker's. @returns its row */
  addSection(section: number): number {
    this.#reserve(1);
    const row = this.count++;
    this.section[row] = section;
    this.type[row] = STT_SECTION;
    return row;
  }

  /** @throws FormatError if symbol `index` of the object, which has this row, cannot be referred to */
  check(object: ElfObject, index: number, row: number): void {
    if (this.section[row] !== UNUSABLE) return;
    const shndx = symbolSection(object, index);
    throw new FormatError(
      `symbol number ${index}, which a relocation names, lies in ${sectionLabel(object.bytes, shndx)}, a table`,
      symbolOffset(object, index) + 6,
    );
  }

  #reserve(rows: number): void {
    const needed = this.count + rows;
    if (needed <= this.section.length) return;
    const length = Math.max(needed, this.section.length * 2);
    this.section = copyInto(new Int32Array(length), this.section);
    this.valueLow = copyInto(new Uint32Array(length), this.valueLow);
    this.valueHigh = copyInto(new Int32Array(length), this.valueHigh);
    this.type = copyInto(new Uint8Array(length), this.type);
    this.size = copyInto(new Uint32Array(length), this.size);
  }
}

function sectionOf(object: ElfObject, sections: SectionTable, index: number, shndx: number): number {
  if (shndx === SHN_UNDEF || (shndx >= SHN_LORESERVE && shndx !== SHN_XINDEX)) return -1;
  const number = shndx === SHN_XINDEX ? extendedSection(object, index) : shndx;
  const id = number < object.headerCount ? sections.rowOf[object.firstNumber + number]! : NO_ROW;
  return id === NO_ROW ? UNUSABLE : id;
}

/** The section number from SHT_SYMTAB_SHNDX; one that does not exist where that cannot be told. */
function extendedSection(object: ElfObject, index: number): number {
  try {
    return symbolSection(object, index);
  } catch (error) {
    if (error instanceof FormatError) return object.headerCount;
    throw error;
  }
}
