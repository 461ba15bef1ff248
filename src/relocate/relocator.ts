/**
 * Values of relocations. They are 64-bit two's complement as pairs of 32-bit halves, so that every type wraps and is
 * range-checked exactly as the psABI says; the common types take a shorter way that gives the same.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { writeU16, writeU32 } from '../elf/bytes.ts';
import { STT_GNU_IFUNC, STT_SECTION } from '../elf/constants.ts';
import type { Image } from '../image.ts';
import { assertInvariant } from '../invariant.ts';
import { partAddend } from '../partAddend.ts';
import type { Pieces } from '../pieces.ts';
import {
  describeReference,
  locate,
  type Program,
  Reference,
  SymbolKind,
  symbolSize,
  Target,
} from '../program.ts';
import { type ImageLayout, IPLT_ENTRY_SIZE, Rewrite, SLOT_SIZE, type Synthesis } from '../results.ts';
import { applyGotRelaxation, type GotRelaxation, isAbsolute } from '../x86/relax.ts';
import {
  baseRow,
  Calculation,
  calculationOf,
  fieldSize,
  fits,
  R_X86_64_64,
  R_X86_64_PC32,
  R_X86_64_PLT32,
  Range,
  rangeOf,
  relocationName,
} from '../x86/relocations.ts';
import { applyTlsRelaxation, type TlsRelaxation } from '../x86/tls.ts';

const TWO_32 = 2 ** 32;

/** Columns of symbols that say where they are. */
interface SymbolColumns {
  readonly section: Int32Array;
  readonly valueLow: Uint32Array;
  readonly valueHigh: Int32Array;
  readonly type: Uint8Array;
}

/**
 * Addresses of symbols in sections that are in the program and have stayed in one piece; NaN for others and for indirect
 * functions, and for all if addends are so large that sums would not be exact.
 */
function plainAddresses(
  { relocations }: Program,
  pieces: Pieces,
  { address }: ImageLayout,
  { section, valueLow, valueHigh, type }: SymbolColumns,
  count: number,
): Float64Array {
  const addresses = new Float64Array(count).fill(Number.NaN);
  if (relocations.hasWideAddends) return addresses;
  const { home } = pieces;
  for (let symbol = 0; symbol < count; symbol++) {
    const id = section[symbol]!;
    if (id < 0 || home[id]! < 0 || type[symbol] === STT_GNU_IFUNC || valueHigh[symbol] !== 0) continue;
    if (!pieces.isMapped(id)) addresses[symbol] = address[home[id]!]! + valueLow[symbol]!;
    // Of a section symbol the addend tells which part is meant.
    else if (type[symbol] !== STT_SECTION)
      addresses[symbol] = addressOf(pieces, address, id, valueLow[symbol]!);
  }
  return addresses;
}

/** The address of an offset in a section that is in the program. */
function addressOf(pieces: Pieces, address: Float64Array, section: number, offset: number): number {
  return address[pieces.home[section]!]! + Math.max(0, pieces.resolve(section, offset));
}

/** Applies relocations to the open part of an image. */
export class Relocator {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #layout: ImageLayout;
  readonly #synthesis: Synthesis;
  readonly #image: Image;
  /** Addresses by symbol id and by local symbol, NaN where they depend on more than the symbol. */
  readonly #globalAddress: Float64Array;
  readonly #localAddress: Float64Array;
  readonly #diagnostics: Diagnostics;
  readonly #target = new Target();
  /** The 64-bit value last calculated. */
  #low = 0;
  #high = 0;

  constructor(
    program: Program,
    pieces: Pieces,
    layout: ImageLayout,
    synthesis: Synthesis,
    image: Image,
    diagnostics: Diagnostics,
  ) {
    this.#program = program;
    this.#pieces = pieces;
    this.#layout = layout;
    this.#synthesis = synthesis;
    this.#image = image;
    this.#diagnostics = diagnostics;
    const { symbols, locals } = program;
    this.#globalAddress = plainAddresses(program, pieces, layout, symbols, symbols.count);
    this.#localAddress = plainAddresses(program, pieces, layout, locals, locals.count);
  }

  /** Applies the relocations of a section that is its own home to the part of the image that is open and holds it. */
  relocateSection(id: number): void {
    const { sections } = this.#program;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    if (first === end) return;
    if (this.#pieces.isScattered(id) || this.#layout.fit?.rewrites.has(id)) this.#relocateParts(id);
    else this.relocateRows(id, first, end, 0, this.#pieces.size[id]!);
  }

  /**
   * Applies relocations to bytes that have stayed together.
   * @param moved what offsets in the section's home are ahead of those in the section
   * @param size bytes of the section: what was dropped from its end needs no values
   */
  relocateRows(id: number, first: number, end: number, moved: number, size: number): void {
    const { relocations } = this.#program;
    const { offset: offsets, type, symbol, addend } = relocations;
    const { rewrites } = this.#synthesis;
    const { view, shift } = this.#image;
    const globalAddress = this.#globalAddress;
    const localAddress = this.#localAddress;
    const home = this.#pieces.home[id]!;
    const start = this.#layout.address[home]! + moved;
    const startField = this.#layout.fileOffset[home]! + moved - shift;
    for (let row = first; row < end; row++) {
      const offset = offsets[row]!;
      const rewrite = rewrites[row]!;
      if (rewrite === Rewrite.consumed || offset >= size) continue;
      const place = start + offset;
      const field = startField + offset;
      if (rewrite !== Rewrite.none) {
        this.#applyRewritten(id, row, place, field, rewrite);
        continue;
      }
      const reference = symbol[row]!;
      const target = reference >= 0 ? globalAddress[reference]! : localAddress[~reference]!;
      // No number for what needs more thought: then no comparison below holds.
      const value = target + addend[row]!;
      const kind = type[row];
      if (kind === R_X86_64_PC32 || kind === R_X86_64_PLT32) {
        const distance = value - place;
        if (distance >= -0x80000000 && distance < 0x80000000) {
          view.setInt32(field, distance, true);
          continue;
        }
      } else if (kind === R_X86_64_64 && value >= 0) {
        view.setUint32(field, value, true);
        view.setUint32(field + 4, value / TWO_32, true);
        continue;
      }
      this.#apply(id, row, place, field);
    }
  }

  /** As `relocateRows`, for a section whose parts lie apart. */
  #relocateParts(id: number): void {
    const { relocations, sections } = this.#program;
    const first = sections.firstRelocation[id]!;
    const fitted = this.#layout.fit?.rewrites.get(id);
    const end = this.#pieces.isScattered(id) ? Number.POSITIVE_INFINITY : this.#pieces.size[id]!;
    for (let row = first; row < first + sections.relocationCount[id]!; row++) {
      const rewrite = fitted?.[row - first] || this.#synthesis.rewrites[row]!;
      const offset = this.#pieces.resolveOwn(id, relocations.offset[row]!);
      if (rewrite === Rewrite.consumed || offset < 0 || offset >= end) continue;
      const place = this.#layout.address[id]! + offset;
      const field = this.#layout.fileOffset[id]! + offset - this.#image.shift;
      if (rewrite === Rewrite.none) this.#apply(id, row, place, field);
      else this.#applyRewritten(id, row, place, field, rewrite);
    }
  }

  #applyRewritten(id: number, row: number, place: number, field: number, rewrite: number): void {
    if (rewrite === Rewrite.distance) this.#applyDistance(id, row, place, field);
    else if ((rewrite & Rewrite.tls) !== 0) this.#applyThread(id, row, field, rewrite);
    else this.#applyRelaxed(id, row, place, field, rewrite);
  }

  /** Writes what a slot of the global offset table holds: the address of its symbol, or its distance from the thread pointer. */
  fillSlot(slot: number, at: number): void {
    const { symbol, isThread } = this.#synthesis.slots[slot]!;
    this.#setToSymbol(symbol);
    if (isThread) this.#subtract(this.#layout.edges.threadPointer);
    this.#write(at, SLOT_SIZE);
  }

  #apply(id: number, row: number, place: number, field: number): void {
    const { relocations } = this.#program;
    const type = relocations.type[row]!;
    const calculation = (calculationOf[type] ?? Calculation.none) as Calculation;
    // A type that cannot be applied has been reported.
    if (calculation === Calculation.none) return;
    this.#calculate(calculation, id, place, row);
    this.#add(relocations.addend[row]! >>> 0, relocations.addendHigh(row));
    this.#store(id, row, field, rangeOf[type] as Range);
  }

  /** A rewritten GOT reference: the field becomes S − (P + 4), or S where the instruction takes an immediate. */
  #applyRelaxed(id: number, row: number, place: number, field: number, code: number): void {
    const relaxation = (code & Rewrite.gotMask) as GotRelaxation;
    applyGotRelaxation(this.#image.bytes, field, relaxation, (code & Rewrite.rex) !== 0);
    this.#setToSymbol(this.#program.relocations.symbol[row]!);
    if (!isAbsolute(relaxation)) this.#subtract(place + 4);
    this.#store(id, row, field, Range.signed);
  }

  /** A load of an address by its distance from the end of the instruction: S + A − (P + 4). */
  #applyDistance(id: number, row: number, place: number, field: number): void {
    const { relocations } = this.#program;
    this.#setToSymbol(relocations.symbol[row]!, id, row);
    this.#add(relocations.addend[row]! >>> 0, relocations.addendHigh(row));
    this.#subtract(place + 4);
    this.#store(id, row, field, Range.signed);
  }

  /** A rewritten thread-local access: the field, if it has one, becomes the distance from the thread pointer. */
  #applyThread(id: number, row: number, field: number, code: number): void {
    const target = applyTlsRelaxation(this.#image.bytes, field, (code & Rewrite.gotMask) as TlsRelaxation);
    if (target < 0) return;
    this.#setToSymbol(this.#program.relocations.symbol[row]!);
    this.#subtract(this.#layout.edges.threadPointer);
    this.#store(id, row, target, Range.signed);
  }

  /** Leaves the value of a calculation without its addend in `#low` and `#high`. */
  #calculate(calculation: Calculation, id: number, place: number, row: number): void {
    const { got } = this.#layout.edges;
    const symbol = this.#program.relocations.symbol[row]!;
    switch (calculation) {
      case Calculation.absolute:
        this.#setToSymbol(symbol, id, row);
        break;
      case Calculation.relative:
        this.#setToSymbol(symbol, id, row);
        this.#subtract(place);
        break;
      case Calculation.slotRelative:
        this.#set(got + this.#slot(symbol, false) * SLOT_SIZE - place);
        break;
      case Calculation.threadSlot:
        this.#set(got + this.#slot(symbol, true) * SLOT_SIZE - place);
        break;
      case Calculation.slotOffset:
        this.#set(this.#slot(symbol, false) * SLOT_SIZE);
        break;
      case Calculation.gotOffset:
        this.#setToSymbol(symbol, id, row);
        this.#subtract(got);
        break;
      case Calculation.gotRelative:
        this.#set(got - place);
        break;
      case Calculation.size:
        this.#set(symbolSize(this.#program, this.#program.objectOf(id), symbol));
        break;
      case Calculation.threadOffset:
        this.#setToSymbol(symbol);
        this.#subtract(this.#layout.edges.threadPointer);
        break;
      case Calculation.distance: {
        const base = this.#baseAddress(id, row);
        this.#setToSymbol(symbol, id, row);
        this.#subtract(base);
        break;
      }
    }
  }

  /** What the distances in a table count from. */
  #baseAddress(id: number, row: number): number {
    const { relocations } = this.#program;
    const base = baseRow(relocations, row);
    this.#setToSymbol(relocations.symbol[base]!, id, base);
    return this.#high * TWO_32 + this.#low + relocations.addend[base]!;
  }

  /**
   * Leaves a symbol's address in `#low` and `#high`. Where the symbol is that of a section whose parts have moved,
   * the addend of relocation `row` of section `id` tells which part is meant.
   */
  #setToSymbol(symbol: number, id = -1, row = -1): void {
    const target = this.#target;
    locate(this.#program, symbol, target);
    this.#low = target.low;
    this.#high = target.high;
    const { section } = target;
    if (section < 0) return;
    if (target.type === STT_GNU_IFUNC) this.#set(this.#entryAddress(section, target.low));
    else if (!this.#pieces.isMapped(section)) this.#addNumber(this.#homeAddress(section));
    else if (row >= 0 && target.type === STT_SECTION) this.#setToPart(id, row);
    else this.#set(this.#addressOf(section, target.low));
  }

  /** The address of the part that the addend leads to, less the addend, which is added later. */
  #setToPart(id: number, row: number): void {
    const { section, low } = this.#target;
    const addend = partAddend(this.#program, this.#pieces, id, row);
    this.#set(this.#addressOf(section, low + addend) - addend);
  }

  /** Address of an offset in a live section; of the whole home where the part itself is gone. */
  #addressOf(section: number, offset: number): number {
    return this.#homeAddress(section) + Math.max(0, this.#pieces.resolve(section, offset));
  }

  /** Where the section's bytes lie now; the start of the image for one that is not in the program. */
  #homeAddress(section: number): number {
    const home = this.#pieces.home[section]!;
    return home < 0 ? this.#layout.edges.start : this.#layout.address[home]!;
  }

  #entryAddress(section: number, offset: number): number {
    const start = this.#layout.address[this.#program.made['.iplt']]!;
    const entry = this.#synthesis.entryOf(section, offset);
    assertInvariant(entry >= 0, 'indirect functions have an entry in .iplt');
    return start + entry * IPLT_ENTRY_SIZE;
  }

  #slot(symbol: number, isThread: boolean): number {
    const slot = this.#synthesis.slotOf(symbol, isThread);
    assertInvariant(slot >= 0, 'what goes through the global offset table has a slot there');
    return slot;
  }

  #set(value: number): void {
    this.#low = 0;
    this.#high = 0;
    this.#addNumber(value);
  }

  #subtract(value: number): void {
    this.#addNumber(-value);
  }

  #addNumber(value: number): void {
    const high = Math.floor(value / TWO_32);
    this.#add(value - high * TWO_32, high);
  }

  /** Adds a 64-bit number, wrapping. `low` is unsigned. */
  #add(low: number, high: number): void {
    const sum = this.#low + low;
    this.#high = (this.#high + high + (sum >= TWO_32 ? 1 : 0)) | 0;
    this.#low = sum >>> 0;
  }

  /** Writes the value into the field at file offset `field` if it fits. */
  #store(id: number, row: number, field: number, range: Range): void {
    const size = fieldSize[this.#program.relocations.type[row]!]!;
    if (fits(this.#low, this.#high, size, range)) this.#write(field, size);
    else this.#reportRange(id, row, size, range);
  }

  #write(field: number, size: number): void {
    const { bytes } = this.#image;
    if (size === 1) bytes[field] = this.#low;
    else if (size === 2) writeU16(bytes, field, this.#low);
    else writeU32(bytes, field, this.#low);
    if (size === 8) writeU32(bytes, field + 4, this.#high);
  }

  #reportRange(id: number, row: number, size: number, range: Range): void {
    const { symbol, type, offset } = this.#program.relocations;
    // An undefined symbol has been reported; that its address 0 is far away is no news.
    const { symbol: global } = this.#target;
    const { kind, reference } = this.#program.symbols;
    if (global >= 0 && kind[global]! <= SymbolKind.lazy && reference[global] === Reference.strong) return;
    const name = describeReference(this.#program, this.#program.objectOf(id), symbol[row]!);
    const type_ = relocationName(type[row]!);
    const value = formatPair(this.#low, this.#high);
    this.#diagnostics.error(
      'out-of-range',
      `relocation ${type_} out of range: ${value} does not fit ${rangeText(size, range)}`,
      {
        where: [
          `referenced by ${this.#program.place(id, this.#pieces.inputOffset(id, offset[row]!))}`,
          `the reference is to ${name}`,
        ],
        hint: rangeHint(size, range),
      },
    );
  }
}

/** A 64-bit value in hexadecimal, as a signed number. */
function formatPair(low: number, high: number): string {
  if (high >= 0) return `0x${(high * TWO_32 + low).toString(16)}`;
  const value = -(high * TWO_32 + low);
  return `-0x${value.toString(16)}`;
}

function rangeText(size: number, range: Range): string {
  const bits = 8 * size;
  const lowest = range === Range.unsigned ? '0' : `-0x${(2 ** (bits - 1)).toString(16)}`;
  const highest = 2 ** (range === Range.signed ? bits - 1 : bits) - 1;
  return `${bits} bits: ${lowest} to 0x${highest.toString(16)}`;
}

function rangeHint(size: number, range: Range): string {
  if (size < 4) return 'use a wider field, or a symbol with a smaller value';
  if (range === Range.signed) return 'keep --base below 0x7ff00000, or compile with -mcmodel=large';
  return 'keep --base below 0xfff00000, or compile position-independent code';
}
