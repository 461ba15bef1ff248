/** Reader of SHT_RELA and SHT_REL sections (gABI chapter 4, "Relocation"). */
import { FormatError } from '../diagnostics.ts';
import { readI32, readU32, readU64 } from './bytes.ts';
import { REL_SIZE, RELA_SIZE, SHT_NOBITS, SHT_RELA } from './constants.ts';
import type { ElfObject } from './object.ts';
import type { SectionTable } from './sections.ts';

const INITIAL_ENTRIES = 256;

/** The relocations of one section, decoded into columns. Reused from section to section. */
export class RelocationBuffer {
  count = 0;
  /** r_offset: bytes from the start of the section that is relocated. */
  offset = new Float64Array(INITIAL_ENTRIES);
  /** Relocation type: the low half of r_info. */
  type = new Uint32Array(INITIAL_ENTRIES);
  /** Symbol number in the object: the high half of r_info. */
  symbol = new Uint32Array(INITIAL_ENTRIES);
  /** Low and high halves of the 64-bit addend. */
  addendLow = new Uint32Array(INITIAL_ENTRIES);
  addendHigh = new Int32Array(INITIAL_ENTRIES);

  /** Makes room for `count` entries; contents are lost. */
  reserve(count: number): void {
    this.count = count;
    if (count <= this.offset.length) return;
    const rows = Math.max(count, this.offset.length * 2);
    this.offset = new Float64Array(rows);
    this.type = new Uint32Array(rows);
    this.symbol = new Uint32Array(rows);
    this.addendLow = new Uint32Array(rows);
    this.addendHigh = new Int32Array(rows);
  }

  /** Sorts the rows by offset where they are not sorted already, as compilers leave them. */
  sortByOffset(): void {
    const { count } = this;
    let isSorted = true;
    for (let row = 1; row < count; row++) isSorted &&= this.offset[row - 1]! <= this.offset[row]!;
    if (isSorted) return;
    const order = Array.from({ length: count }, (_, row) => row);
    order.sort((a, b) => this.offset[a]! - this.offset[b]! || a - b);
    this.offset = Float64Array.from(order, (row) => this.offset[row]!);
    this.type = Uint32Array.from(order, (row) => this.type[row]!);
    this.symbol = Uint32Array.from(order, (row) => this.symbol[row]!);
    this.addendLow = Uint32Array.from(order, (row) => this.addendLow[row]!);
    this.addendHigh = Int32Array.from(order, (row) => this.addendHigh[row]!);
  }
}

/**
 * Decodes every relocation that applies to section `id`, from all its relocation sections, into `buffer`.
 * @param fieldSize bytes that a relocation of each type changes; types beyond its end are left to the caller
 * @param size bytes of the section, where its content is not what lies in the object
 * @throws FormatError if a field lies outside the section or a symbol number outside the symbol table
 */
export function readRelocations(
  object: ElfObject,
  sections: SectionTable,
  id: number,
  fieldSize: Uint8Array,
  buffer: RelocationBuffer,
  size: number = sections.type[id] === SHT_NOBITS ? 0 : sections.size[id]!,
): void {
  let count = 0;
  for (let rel = sections.relocations[id]!; rel >= 0; rel = sections.relocations[rel]!) {
    count += sections.size[rel]! / entrySize(sections, rel);
  }
  buffer.reserve(count);
  let row = 0;
  for (let rel = sections.relocations[id]!; rel >= 0; rel = sections.relocations[rel]!) {
    row = decode(object, sections, id, rel, fieldSize, buffer, row, size);
  }
}

function entrySize(sections: SectionTable, rel: number): number {
  return sections.type[rel] === SHT_RELA ? RELA_SIZE : REL_SIZE;
}

/** Decodes relocation section `rel` into the rows from `row` on and returns the next free row. */
function decode(
  object: ElfObject,
  sections: SectionTable,
  id: number,
  rel: number,
  fieldSize: Uint8Array,
  buffer: RelocationBuffer,
  row: number,
  size: number,
): number {
  const { bytes } = object;
  const isRela = sections.type[rel] === SHT_RELA;
  const step = entrySize(sections, rel);
  const start = sections.offset[rel]!;
  const end = start + sections.size[rel]!;
  for (let at = start; at < end; at += step, row++) {
    const offset = readU64(bytes, at);
    const type = readU32(bytes, at + 8);
    const symbol = readU32(bytes, at + 12);
    const width = fieldSize[type] ?? 0;
    if (offset + width > size) throw outside(id - object.firstSection, offset, width, size, at);
    if (symbol >= object.symbols.count && symbol !== 0) throw noSuchSymbol(object, symbol, at);
    buffer.offset[row] = offset;
    buffer.type[row] = type;
    buffer.symbol[row] = symbol;
    if (isRela) {
      buffer.addendLow[row] = readU32(bytes, at + 16);
      buffer.addendHigh[row] = readI32(bytes, at + 20);
    } else {
      readImplicitAddend(bytes, sections.offset[id]! + offset, width, buffer, row);
    }
  }
  return row;
}

/** SHT_REL keeps the addend in the field itself, sign-extended from its width. */
function readImplicitAddend(
  bytes: Uint8Array,
  at: number,
  width: number,
  buffer: RelocationBuffer,
  row: number,
): void {
  if (width === 8) {
    buffer.addendLow[row] = readU32(bytes, at);
    buffer.addendHigh[row] = readI32(bytes, at + 4);
    return;
  }
  let value = 0;
  for (let i = 0; i < width; i++) value |= bytes[at + i]! << (8 * i);
  if (width > 0) value = (value << (32 - 8 * width)) >> (32 - 8 * width);
  buffer.addendLow[row] = value;
  buffer.addendHigh[row] = value >> 31;
}

function outside(section: number, offset: number, width: number, size: number, at: number): FormatError {
  return new FormatError(
    `a relocation of section ${section} covers bytes 0x${offset.toString(16)} to 0x${(offset + width).toString(16)}; the section ends at 0x${size.toString(16)}`,
    at,
  );
}

function noSuchSymbol(object: ElfObject, symbol: number, at: number): FormatError {
  return new FormatError(
    `a relocation names symbol number ${symbol}; the symbol table has ${object.symbols.count} entries`,
    at,
  );
}
