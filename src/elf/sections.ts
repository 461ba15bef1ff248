/**
 * The sections of all objects of a link, as a structure of arrays. A section's id is its row. Sections that only
 * describe others (symbol, string and relocation tables, groups) have no row; those of one object that have one
 * follow each other in the order of its section header table.
 */
import {
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
  SHT_NULL,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from './constants.ts';

const INITIAL_ROWS = 256;

/** `nameOffset` of a section whose object has no section names. */
export const NO_NAME = 0xffffffff;

/** `SectionTable.rowOf` of a section without a row. */
export const NO_ROW = -1;

/** Whether sections of this type have a row. */
export function hasRow(sh_type: number): boolean {
  switch (sh_type) {
    case SHT_NULL:
    case SHT_SYMTAB:
    case SHT_STRTAB:
    case SHT_RELA:
    case SHT_REL:
    case SHT_GROUP:
    case SHT_SYMTAB_SHNDX:
    case SHT_LLVM_ADDRSIG:
      return false;
    default:
      return true;
  }
}

/** Columns that hold one number a section; see gABI chapter 4, "Section Header". */
export class SectionTable {
  count = 0;
  /** Id of the object the section comes from. */
  object: Int32Array;
  /** The section's number in its object. */
  number: Uint32Array;
  /** Offset of the NUL-terminated name in the object's bytes, or `NO_NAME`. */
  nameOffset: Uint32Array;
  /** sh_type. */
  type: Uint32Array;
  /** Low 32 bits of sh_flags; no flag of the gABI, GNU or x86-64 lies above them. */
  flags: Uint32Array;
  /** sh_offset: where the bytes begin in the object, in bytes. */
  offset: Float64Array;
  /** sh_size in bytes. For SHT_NOBITS no bytes lie in the file. */
  size: Float64Array;
  /** sh_link, as a section number of the object. */
  link: Uint32Array;
  /** sh_addralign in bytes: a power of two, at least 1. */
  addralign: Uint32Array;
  /** sh_entsize in bytes; no more than 2^32 - 1 of it. */
  entsize: Uint32Array;
  /** The section's relocations: rows of the `RelocationTable` from the first one on. */
  firstRelocation: Uint32Array;
  relocationCount: Uint32Array;
  /** Bits of `Trait`. */
  traits: Uint8Array;
  /** 1 for a member of a COMDAT group that an earlier object has supplied; set by `resolveSymbols`. */
  superseded: Uint8Array;
  /** The row of each section header of every object, or `NO_ROW`; an object knows where its own begin. */
  rowOf: Int32Array;
  /** Section headers so far. */
  numbers = 0;

  /**
   * @param rows sections for which there is room at first
   * @param numbers section headers for which there is room at first
   */
  constructor(rows = INITIAL_ROWS, numbers = INITIAL_ROWS) {
    this.object = new Int32Array(rows);
    this.number = new Uint32Array(rows);
    this.nameOffset = new Uint32Array(rows);
    this.type = new Uint32Array(rows);
    this.flags = new Uint32Array(rows);
    this.offset = new Float64Array(rows);
    this.size = new Float64Array(rows);
    this.link = new Uint32Array(rows);
    this.addralign = new Uint32Array(rows);
    this.entsize = new Uint32Array(rows);
    this.firstRelocation = new Uint32Array(rows);
    this.relocationCount = new Uint32Array(rows);
    this.traits = new Uint8Array(rows);
    this.superseded = new Uint8Array(rows);
    this.rowOf = new Int32Array(numbers);
  }

  /** Forgets what was added since there were so many rows and headers. */
  truncate(count: number, numbers: number): void {
    this.count = count;
    this.numbers = numbers;
  }

  /** Makes room for the sections of an object with so many section headers. */
  reserve(headers: number): void {
    if (this.count + headers > this.type.length) {
      this.#grow(Math.max(this.count + headers, this.type.length * 2));
    }
    if (this.numbers + headers > this.rowOf.length) {
      const rows = Math.max(this.numbers + headers, this.rowOf.length * 2);
      this.rowOf = copyInto(new Int32Array(rows), this.rowOf);
    }
  }

  /** Adds a zeroed row, for which there is room. @returns its id */
  add(): number {
    const id = this.count++;
    this.link[id] = 0;
    this.addralign[id] = 1;
    this.entsize[id] = 0;
    this.firstRelocation[id] = 0;
    this.relocationCount[id] = 0;
    this.traits[id] = 0;
    this.superseded[id] = 0;
    this.size[id] = 0;
    this.offset[id] = 0;
    return id;
  }

  /**
   * Adds copies of an object's rows and numbers in another table. Whether the sections are superseded, and their
   * relocations, are left open.
   */
  addCopies(
    from: SectionTable,
    { firstSection, sectionCount, firstNumber, headerCount }: RowRange,
    objectId: number,
  ) {
    this.reserve(headerCount);
    const { count: first, numbers } = this;
    const end = first + sectionCount;
    this.object.fill(objectId, first, end);
    copyRows(this.number, first, from.number, firstSection, sectionCount);
    copyRows(this.nameOffset, first, from.nameOffset, firstSection, sectionCount);
    copyRows(this.type, first, from.type, firstSection, sectionCount);
    copyRows(this.flags, first, from.flags, firstSection, sectionCount);
    copyRows(this.offset, first, from.offset, firstSection, sectionCount);
    copyRows(this.size, first, from.size, firstSection, sectionCount);
    copyRows(this.link, first, from.link, firstSection, sectionCount);
    copyRows(this.addralign, first, from.addralign, firstSection, sectionCount);
    copyRows(this.entsize, first, from.entsize, firstSection, sectionCount);
    copyRows(this.traits, first, from.traits, firstSection, sectionCount);
    this.firstRelocation.fill(0, first, end);
    this.relocationCount.fill(0, first, end);
    this.superseded.fill(0, first, end);
    const shift = first - firstSection;
    for (let n = 0; n < headerCount; n++) {
      const row = from.rowOf[firstNumber + n]!;
      this.rowOf[numbers + n] = row === NO_ROW ? NO_ROW : row + shift;
    }
    this.count = end;
    this.numbers += headerCount;
  }

  #grow(rows: number): void {
    this.object = copyInto(new Int32Array(rows), this.object);
    this.number = copyInto(new Uint32Array(rows), this.number);
    this.nameOffset = copyInto(new Uint32Array(rows), this.nameOffset);
    this.type = copyInto(new Uint32Array(rows), this.type);
    this.flags = copyInto(new Uint32Array(rows), this.flags);
    this.offset = copyInto(new Float64Array(rows), this.offset);
    this.size = copyInto(new Float64Array(rows), this.size);
    this.link = copyInto(new Uint32Array(rows), this.link);
    this.addralign = copyInto(new Uint32Array(rows), this.addralign);
    this.entsize = copyInto(new Uint32Array(rows), this.entsize);
    this.firstRelocation = copyInto(new Uint32Array(rows), this.firstRelocation);
    this.relocationCount = copyInto(new Uint32Array(rows), this.relocationCount);
    this.traits = copyInto(new Uint8Array(rows), this.traits);
    this.superseded = copyInto(new Uint8Array(rows), this.superseded);
  }
}

/** Which rows and numbers of a table are those of an object. */
interface RowRange {
  readonly firstSection: number;
  readonly sectionCount: number;
  readonly firstNumber: number;
  readonly headerCount: number;
}

type Column = Int32Array | Uint32Array | Float64Array | Uint8Array;

/** Rows below which a loop is faster than to have the system copy them. */
const FEW_ROWS = 24;

/** Copies rows of a column into another one of its kind. */
export function copyRows<T extends Column>(to: T, at: number, from: T, first: number, count: number): void {
  if (count > FEW_ROWS) to.set(from.subarray(first, first + count), at);
  else for (let i = 0; i < count; i++) to[at + i] = from[first + i]!;
}

/** Copies `from` to the beginning of the longer `to` and returns it. */
export function copyInto<T extends Column>(to: T, from: T): T {
  to.set(from);
  return to;
}
