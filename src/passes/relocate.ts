/**
 * Copies the live sections into the image and applies their relocations. Values are 64-bit two's complement as
 * pairs of 32-bit halves, so that every type wraps and is range-checked exactly as the psABI says. Afterwards the
 * bytes of the image are final but for the header.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { writeU16, writeU32 } from '../elf/bytes.ts';
import { RelocationBuffer, readRelocations } from '../elf/relocations.ts';
import {
  describeSymbol,
  type InputObject,
  locate,
  type Program,
  SymbolKind,
  symbolSize,
  Target,
} from '../program.ts';
import { Category, type GlobalOffsetTable, type ImageLayout } from '../results.ts';
import { applyGotRelaxation, type GotRelaxation, isAbsolute, REX_FLAG } from '../x86/relax.ts';
import {
  Calculation,
  calculationOf,
  fieldSize,
  fits,
  Range,
  rangeOf,
  relocationName,
} from '../x86/relocations.ts';

const TWO_32 = 2 ** 32;
const SLOT_SIZE = 8;

/** @returns the file's bytes, with zeros where the header will be */
export function relocate(
  program: Program,
  layout: ImageLayout,
  got: GlobalOffsetTable,
  diagnostics: Diagnostics,
): Uint8Array {
  const image = new Uint8Array(layout.fileSize);
  const relocator = new Relocator(program, layout, got, image, diagnostics);
  layout.order.forEach((id, i) => {
    if (layout.category[i] === Category.bss) return;
    image.set(program.sectionBytes(id), layout.address[id]! - layout.base);
    relocator.relocateSection(id);
  });
  relocator.fillGot();
  return image;
}

class Relocator {
  readonly #program: Program;
  readonly #layout: ImageLayout;
  readonly #got: GlobalOffsetTable;
  readonly #image: Uint8Array;
  readonly #diagnostics: Diagnostics;
  readonly #relocations = new RelocationBuffer();
  readonly #target = new Target();
  /** The 64-bit value last calculated. */
  #low = 0;
  #high = 0;

  constructor(
    program: Program,
    layout: ImageLayout,
    got: GlobalOffsetTable,
    image: Uint8Array,
    diagnostics: Diagnostics,
  ) {
    this.#program = program;
    this.#layout = layout;
    this.#got = got;
    this.#image = image;
    this.#diagnostics = diagnostics;
  }

  relocateSection(id: number): void {
    const object = this.#program.objectOf(id);
    const relocations = this.#relocations;
    readRelocations(object, this.#program.sections, id, fieldSize, relocations);
    const relaxations = this.#got.relaxations.get(id);
    for (let row = 0; row < relocations.count; row++) {
      const relaxation = relaxations?.[row] ?? 0;
      if (relaxation > 0) this.#applyRelaxed(id, object, row, relaxation);
      else this.#apply(id, object, row);
    }
  }

  /** Each slot holds the address of its symbol. */
  fillGot(): void {
    const start = this.#layout.address[this.#program.got]! - this.#layout.base;
    this.#got.owners.forEach(({ object, index }, slot) => {
      this.#setToSymbol(this.#program.objects[object]!, index);
      this.#write(start + slot * SLOT_SIZE, SLOT_SIZE);
    });
  }

  #apply(id: number, object: InputObject, row: number): void {
    const { type, symbol, offset, addendLow, addendHigh } = this.#relocations;
    const calculation = calculationOf[type[row]!] as Calculation;
    if (calculation === Calculation.none) return;
    const place = this.#layout.address[id]! + offset[row]!;
    this.#calculate(calculation, object, symbol[row]!, place);
    this.#add(addendLow[row]!, addendHigh[row]!);
    this.#store(id, object, row, place - this.#layout.base, rangeOf[type[row]!] as Range);
  }

  /** A rewritten GOT reference: the field becomes S − (P + 4), or S where the instruction takes an immediate. */
  #applyRelaxed(id: number, object: InputObject, row: number, stored: number): void {
    const relaxation = (stored & ~REX_FLAG) as GotRelaxation;
    const place = this.#layout.address[id]! + this.#relocations.offset[row]!;
    const field = place - this.#layout.base;
    applyGotRelaxation(this.#image, field, relaxation, (stored & REX_FLAG) !== 0);
    this.#setToSymbol(object, this.#relocations.symbol[row]!);
    if (!isAbsolute(relaxation)) this.#subtract(place + 4);
    this.#store(id, object, row, field, Range.signed);
  }

  /** Leaves the value of a calculation without its addend in `#low` and `#high`. */
  #calculate(calculation: Calculation, object: InputObject, index: number, place: number): void {
    const { edges } = this.#layout;
    const { got } = edges;
    switch (calculation) {
      case Calculation.absolute:
        this.#setToSymbol(object, index);
        break;
      case Calculation.relative:
        this.#setToSymbol(object, index);
        this.#subtract(place);
        break;
      case Calculation.slotRelative:
        this.#set(got + this.#got.slotOf(object.id, index) * SLOT_SIZE - place);
        break;
      case Calculation.slotOffset:
        this.#set(this.#got.slotOf(object.id, index) * SLOT_SIZE);
        break;
      case Calculation.gotOffset:
        this.#setToSymbol(object, index);
        this.#subtract(got);
        break;
      case Calculation.gotRelative:
        this.#set(got - place);
        break;
      case Calculation.size:
        this.#set(symbolSize(this.#program, object, index));
        break;
    }
  }

  #setToSymbol(object: InputObject, index: number): void {
    const target = this.#target;
    locate(this.#program, object, index, target);
    this.#low = target.low;
    this.#high = target.high;
    if (target.section >= 0) this.#addNumber(this.#layout.address[target.section]!);
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
  #store(id: number, object: InputObject, row: number, field: number, range: Range): void {
    const size = fieldSize[this.#relocations.type[row]!]!;
    if (fits(this.#low, this.#high, size, range)) this.#write(field, size);
    else this.#reportRange(id, object, row, size, range);
  }

  #write(field: number, size: number): void {
    if (size === 1) this.#image[field] = this.#low;
    else if (size === 2) writeU16(this.#image, field, this.#low);
    else writeU32(this.#image, field, this.#low);
    if (size === 8) writeU32(this.#image, field + 4, this.#high);
  }

  #reportRange(id: number, object: InputObject, row: number, size: number, range: Range): void {
    const { symbol, type, offset } = this.#relocations;
    // An undefined symbol has been reported; that its address 0 is far away is no news.
    const { symbol: global } = this.#target;
    if (global >= 0 && this.#program.symbols.kind[global]! <= SymbolKind.lazy) return;
    const name = describeSymbol(this.#program, object, symbol[row]!);
    const type_ = relocationName(type[row]!);
    const value = formatPair(this.#low, this.#high);
    this.#diagnostics.error(
      'out-of-range',
      `relocation ${type_} out of range: ${value} does not fit ${rangeText(size, range)}`,
      {
        where: [`referenced by ${this.#program.place(id, offset[row]!)}`, `the reference is to ${name}`],
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
  const signed = `-0x${(2 ** (bits - 1)).toString(16)} to 0x${(2 ** (bits - 1) - 1).toString(16)}`;
  const unsigned = `0 to 0x${(2 ** bits - 1).toString(16)}`;
  if (range === Range.signed) return `${bits} bits: ${signed}`;
  if (range === Range.unsigned) return `${bits} bits: ${unsigned}`;
  return `${bits} bits: -0x${(2 ** (bits - 1)).toString(16)} to 0x${(2 ** bits - 1).toString(16)}`;
}

function rangeHint(size: number, range: Range): string {
  if (size < 4) return 'use a wider field, or a symbol with a smaller value';
  if (range === Range.signed) return 'keep --base below 0x7ff00000, or compile with -mcmodel=large';
  return 'keep --base below 0xfff00000, or compile position-independent code';
}
