/** Reader of SHT_RELA and SHT_REL sections (gABI chapter 4, "Relocation"). */
import { FormatError } from '../diagnostics.ts';
import { allWords, readI32, wordsAt } from './bytes.ts';
import { REL_SIZE, RELA_SIZE, SHF_ALLOC, SHT_NOBITS, SHT_REL, SHT_RELA } from './constants.ts';
import type { LocalSymbols } from './locals.ts';
import {
  type ElfObject,
  HEADER_INFO,
  HEADER_OFFSET,
  HEADER_SIZE,
  HEADER_TYPE,
  HEADER_WORDS,
  sectionHeaders,
  sectionLabel,
  tablesOf,
  wordPair,
} from './object.ts';
import { copyInto, copyRows, type SectionTable } from './sections.ts';

const INITIAL_ROWS = 256;

/**
 * `type` of a row with this type number or a greater one, which the psABI does not have; the linker's own begin behind it.
 */
const WIDE_TYPE = 60;

/** Some rows of a table that follow each other. */
export interface RelocationRows {
  readonly first: number;
  readonly count: number;
  /** Whether there may be types or addends among them that are too large for their columns. */
  readonly hasWide: boolean;
}

/** Relocations decoded into columns; those of one section follow each other. */
export class RelocationTable {
  count = 0;
  /** r_offset: bytes from the start of the section that is relocated. */
  offset: Uint32Array;
  /** The low half of r_info; see `typeOf` for types beyond those of the psABI. */
  type: Uint8Array;
  /** What the high half of r_info stands for; see `SymbolReferences`. */
  symbol: Int32Array;
  /** The low half of the addend; see `addendHigh`. */
  addend: Int32Array;
  /** High halves of addends that are not just the sign of the low half, by row. */
  readonly #wideAddends = new Map<number, number>();
  readonly #wideTypes = new Map<number, number>();
  /** First rows of the sections whose relocations are no longer in the order of their objects. */
  readonly #reordered: number[] = [];

  /** @param rows relocations for which there is room at first */
  constructor(rows = INITIAL_ROWS) {
    this.offset = new Uint32Array(rows);
    this.type = new Uint8Array(rows);
    this.symbol = new Int32Array(rows);
    this.addend = new Int32Array(rows);
  }

  /** Rows with a type or an addend that is too large for its column, some of them counted twice. */
  get wideCount(): number {
    return this.#wideAddends.size + this.#wideTypes.size;
  }

  /** Whether any addend does not fit 32 bits. */
  get hasWideAddends(): boolean {
    return this.#wideAddends.size > 0;
  }

  /** The high half of a row's addend. */
  addendHigh(row: number): number {
    const sign = this.addend[row]! >> 31;
    return this.#wideAddends.size === 0 ? sign : (this.#wideAddends.get(row) ?? sign);
  }

  /** Relocation type of a row, for printing. */
  typeOf(row: number): number {
    return this.#wideTypes.get(row) ?? this.type[row]!;
  }

  /** Another table with the same rows. */
  copy(): RelocationTable {
    const copy = new RelocationTable(0);
    copy.count = this.count;
    copy.offset = this.offset.slice(0, this.count);
    copy.type = this.type.slice(0, this.count);
    copy.symbol = this.symbol.slice(0, this.count);
    copy.addend = this.addend.slice(0, this.count);
    for (const [row, high] of this.#wideAddends) copy.#wideAddends.set(row, high);
    for (const [row, type] of this.#wideTypes) copy.#wideTypes.set(row, type);
    copy.#reordered.push(...this.#reordered);
    return copy;
  }

  /** Makes a row anew, with a type and an addend that fit their columns. */
  set(row: number, offset: number, type: number, symbol: number, addend: number): void {
    this.offset[row] = offset;
    this.type[row] = type;
    this.symbol[row] = symbol;
    this.addend[row] = addend;
    if (this.#wideAddends.size > 0) this.#wideAddends.delete(row);
    if (this.#wideTypes.size > 0) this.#wideTypes.delete(row);
  }

  /** Makes room for `rows` more. */
  reserve(rows: number): void {
    const needed = this.count + rows;
    if (needed <= this.type.length) return;
    const length = Math.max(needed, this.type.length * 2);
    this.offset = copyInto(new Uint32Array(length), this.offset);
    this.type = copyInto(new Uint8Array(length), this.type);
    this.symbol = copyInto(new Int32Array(length), this.symbol);
    this.addend = copyInto(new Int32Array(length), this.addend);
  }

  /** Adds a row whose type or addend is too large for its column, for which there is room. */
  addWide(offset: number, type: number, symbol: number, addendLow: number, addendHigh: number): void {
    const row = this.count++;
    this.offset[row] = offset;
    this.type[row] = Math.min(type, WIDE_TYPE);
    this.symbol[row] = symbol;
    this.addend[row] = addendLow;
    this.#noteWide(row, type, addendLow, addendHigh);
  }

  #noteWide(row: number, type: number, addendLow: number, addendHigh: number): void {
    if (type >= WIDE_TYPE) this.#wideTypes.set(row, type);
    if (addendHigh !== addendLow >> 31) this.#wideAddends.set(row, addendHigh);
  }

  /** Whether some of these rows are no longer in the order in which they were decoded. */
  isReordered(first: number, end: number): boolean {
    return this.#reordered.some((row) => row >= first && row < end);
  }

  /**
   * Adds copies of rows of another table.
   * @param symbolOf for each id of a global symbol there the id here
   * @param localShift by how much rows of local symbols are greater here
   */
  addCopies(
    from: RelocationTable,
    { first, count, hasWide }: RelocationRows,
    symbolOf: Int32Array,
    localShift: number,
  ): void {
    this.reserve(count);
    const { count: start, symbol: symbols } = this;
    copyRows(this.offset, start, from.offset, first, count);
    copyRows(this.type, start, from.type, first, count);
    copyRows(this.addend, start, from.addend, first, count);
    const others = from.symbol;
    for (let i = 0; i < count; i++) {
      const symbol = others[first + i]!;
      symbols[start + i] = symbol < 0 ? symbol - localShift : symbolOf[symbol]!;
    }
    for (let i = 0; hasWide && i < count; i++) {
      this.#noteWide(start + i, from.typeOf(first + i), this.addend[start + i]!, from.addendHigh(first + i));
    }
    this.count += count;
  }

  /** Adds copies of rows. */
  repeat(first: number, count: number): void {
    this.reserve(count);
    for (let row = first; row < first + count; row++) {
      this.addWide(
        this.offset[row]!,
        this.typeOf(row),
        this.symbol[row]!,
        this.addend[row]!,
        this.addendHigh(row),
      );
    }
  }

  /** Sorts rows by offset where they are not sorted already, as compilers leave them. */
  sortByOffset(first: number, count: number): void {
    let isSorted = true;
    for (let row = first + 1; row < first + count; row++) {
      isSorted &&= this.offset[row - 1]! <= this.offset[row]!;
    }
    if (isSorted) return;
    this.#reordered.push(first);
    const order = Array.from({ length: count }, (_, i) => first + i);
    order.sort((a, b) => this.offset[a]! - this.offset[b]! || a - b);
    const rows = order.map((row) => [row, this.typeOf(row), this.addendHigh(row)] as const);
    const { offset, symbol, addend } = this;
    const old = {
      offset: offset.slice(first, first + count),
      symbol: symbol.slice(first, first + count),
      addend: addend.slice(first, first + count),
    };
    const end = this.count;
    this.count = first;
    for (const [row, type, high] of rows) {
      this.#wideAddends.delete(this.count);
      this.#wideTypes.delete(this.count);
      const i = row - first;
      this.addWide(old.offset[i]!, type, old.symbol[i]!, old.addend[i]!, high);
    }
    this.count = end;
  }
}

/** What symbol numbers of an object stand for in a `RelocationTable`. */
export interface SymbolReferences {
  /** sh_info of the symbol table. */
  readonly firstGlobal: number;
  /** For symbol number `firstGlobal + i` the id of the global symbol. */
  readonly globals: Int32Array;
  /** Symbol number i below that is row `firstLocal + i` of `locals`, of which the complement is noted. */
  readonly firstLocal: number;
  readonly locals: LocalSymbols;
}

/**
 * Decodes every relocation of the object's loaded sections, but for superseded ones, and notes in `sections` where
 * they are.
 * @param fieldSize bytes that a relocation of each type changes; types beyond its end are left to the caller
 * @throws FormatError if a field lies outside its section, or for a symbol that does not exist
 */
export function addRelocations(
  object: ElfObject,
  sections: SectionTable,
  references: SymbolReferences,
  fieldSize: Uint8Array,
  table: RelocationTable,
): void {
  const headers = sectionHeaders(object);
  const all = allWords(object.bytes);
  const source = new RelocationSource();
  let repeated = 0;
  for (const n of tablesOf(object).relocations) {
    const target = targetOf(object, headers, n);
    const id = sections.rowOf[object.firstNumber + target]!;
    if (id < 0 || (sections.flags[id]! & SHF_ALLOC) === 0 || sections.superseded[id] === 1) continue;
    const known = sections.relocationCount[id]!;
    // A section may have several such tables; its relocations stay together.
    const isLast = known > 0 && sections.firstRelocation[id]! + known === table.count;
    const first = isLast ? sections.firstRelocation[id]! : table.count;
    if (known > 0 && !isLast) {
      repeated += known;
      if (repeated > object.bytes.length) throw scattered(object.bytes, sections.number[id]!, headers, n);
      table.repeat(sections.firstRelocation[id]!, known);
    }
    const size = sections.type[id] === SHT_NOBITS ? 0 : sections.size[id]!;
    decode(object, all, source.set(headers, n, sections, id, size), references, fieldSize, table);
    sections.firstRelocation[id] = first;
    sections.relocationCount[id] = table.count - first;
  }
}

/**
 * Decodes the relocations of one section, which need not be loaded, into an empty table.
 * @param size bytes of the section, where its content is not what lies in the object
 * @throws as `addRelocations`
 */
export function readRelocations(
  object: ElfObject,
  sections: SectionTable,
  id: number,
  size: number,
  references: SymbolReferences,
  fieldSize: Uint8Array,
  table: RelocationTable,
): void {
  const headers = sectionHeaders(object);
  table.count = 0;
  for (const n of tablesOf(object).relocations) {
    if (targetOf(object, headers, n) !== sections.number[id]) continue;
    const source = new RelocationSource().set(headers, n, sections, id, size);
    decode(object, undefined, source, references, fieldSize, table);
  }
}

/** Number of the section that relocation section `n` applies to. @throws FormatError if it cannot */
function targetOf({ bytes, headerCount }: ElfObject, headers: Int32Array, n: number): number {
  const at = n * HEADER_WORDS;
  const offset = wordPair(headers, at + HEADER_OFFSET);
  const target = headers[at + HEADER_INFO]! >>> 0;
  if (target === 0 || target >= headerCount) {
    throw new FormatError(
      `relocation ${sectionLabel(bytes, n)} applies to section ${target}; the file has ${headerCount} sections`,
      offset,
    );
  }
  const targetType = headers[target * HEADER_WORDS + HEADER_TYPE];
  if (targetType === SHT_RELA || targetType === SHT_REL) {
    const what = `relocation ${sectionLabel(bytes, n)} applies to ${sectionLabel(bytes, target)}, itself a relocation section`;
    throw new FormatError(what, offset);
  }
  const entry = headers[at + HEADER_TYPE] === SHT_RELA ? RELA_SIZE : REL_SIZE;
  if (wordPair(headers, at + HEADER_SIZE) % entry !== 0) {
    throw new FormatError(`relocation ${sectionLabel(bytes, n)} does not hold ${entry}-byte entries`, offset);
  }
  return target;
}

/** A relocation section, and the section that it applies to. One is used for all of an object. */
class RelocationSource {
  isRela = true;
  /** Offset and number of its entries. */
  offset = 0;
  count = 0;
  /** Number of the other section, where it begins and how many bytes it has. */
  section = 0;
  start = 0;
  size = 0;

  /** Describes section number `n`, which applies to the one in row `id`. */
  set(headers: Int32Array, n: number, sections: SectionTable, id: number, size: number): this {
    const at = n * HEADER_WORDS;
    this.isRela = headers[at + HEADER_TYPE] === SHT_RELA;
    this.offset = wordPair(headers, at + HEADER_OFFSET);
    this.count = wordPair(headers, at + HEADER_SIZE) / (this.isRela ? RELA_SIZE : REL_SIZE);
    this.section = sections.number[id]!;
    this.start = sections.offset[id]!;
    this.size = size;
    return this;
  }
}

/** Adds the relocations of one section. @param all the object as words, if that can be had without a copy */
function decode(
  object: ElfObject,
  all: Int32Array | undefined,
  source: RelocationSource,
  { firstGlobal, globals, firstLocal, locals }: SymbolReferences,
  fieldSize: Uint8Array,
  table: RelocationTable,
): void {
  const { bytes } = object;
  const { isRela, count, size, start } = source;
  const step = isRela ? RELA_SIZE / 4 : REL_SIZE / 4;
  const isAligned = all !== undefined && source.offset % 4 === 0;
  const words = isAligned ? all : wordsAt(bytes, source.offset, count * step);
  const from = isAligned ? source.offset / 4 : 0;
  const symbolCount = object.symbols.count;
  table.reserve(count);
  const { offset: offsets, type: types, symbol: symbols, addend: addends } = table;
  for (let i = 0, at = from; i < count; i++, at += step) {
    const offset = words[at]! >>> 0;
    const type = words[at + 2]! >>> 0;
    const index = words[at + 3]! >>> 0;
    const width = type < fieldSize.length ? fieldSize[type]! : 0;
    const isWithin = words[at + 1] === 0 && offset + width <= size;
    if (!isWithin) throw outside(bytes, source, wordPair(words, at), width, i);
    if (index >= symbolCount && index !== 0) throw noSuchSymbol(object, index, source, i);
    let symbol: number;
    if (index >= firstGlobal && index !== 0) symbol = globals[index - firstGlobal]!;
    else {
      const local = symbolCount === 0 ? 0 : firstLocal + index;
      if (locals.section[local]! < -1) locals.check(object, index, local);
      symbol = ~local;
    }
    const low = isRela ? words[at + 4]! : implicitAddend(bytes, start + offset, width);
    const high = isRela ? words[at + 5]! : width === 8 ? readI32(bytes, start + offset + 4) : low >> 31;
    if (type >= WIDE_TYPE || high !== low >> 31) table.addWide(offset, type, symbol, low, high);
    else {
      const row = table.count++;
      offsets[row] = offset;
      types[row] = type;
      symbols[row] = symbol;
      addends[row] = low;
    }
  }
}

/** SHT_REL keeps the addend in the field itself, sign-extended from its width. */
function implicitAddend(bytes: Uint8Array, at: number, width: number): number {
  if (width >= 4) return readI32(bytes, at);
  let value = 0;
  for (let i = 0; i < width; i++) value |= bytes[at + i]! << (8 * i);
  return width > 0 ? (value << (32 - 8 * width)) >> (32 - 8 * width) : 0;
}

/** More tables than anything writes: the rows that stay together would be copied again and again. */
function scattered(bytes: Uint8Array, section: number, headers: Int32Array, n: number): FormatError {
  return new FormatError(
    `${sectionLabel(bytes, section)} has too many relocation sections, with those of others between them`,
    wordPair(headers, n * HEADER_WORDS + HEADER_OFFSET),
  );
}

function entryOffset({ offset, isRela }: RelocationSource, i: number): number {
  return offset + i * (isRela ? RELA_SIZE : REL_SIZE);
}

function outside(
  bytes: Uint8Array,
  source: RelocationSource,
  offset: number,
  width: number,
  i: number,
): FormatError {
  const { section, size } = source;
  return new FormatError(
    `a relocation of ${sectionLabel(bytes, section)} covers bytes 0x${offset.toString(16)} to 0x${(offset + width).toString(16)}; the section ends at 0x${size.toString(16)}`,
    entryOffset(source, i),
  );
}

function noSuchSymbol(object: ElfObject, symbol: number, source: RelocationSource, i: number): FormatError {
  return new FormatError(
    `a relocation of ${sectionLabel(object.bytes, source.section)} names symbol number ${symbol}; the symbol table has ${object.symbols.count} entries`,
    entryOffset(source, i),
  );
}
