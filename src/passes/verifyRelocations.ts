/**
 * Reads the finished file again and compares the value of each relocation with what the psABI says it should be,
 * calculated anew from where symbols and sections are now. Of a rewritten instruction the bytes tell what it does. It also
 * looks whether loaders put each section where the link took it to be. A difference is a defect of this linker, and no
 * file comes of it.
 */

import type { Image, ImageSink } from '../image.ts';
import { assertInvariant, InvariantError } from '../invariant.ts';
import { findOverlap } from '../layout/overlap.ts';
import type { Pieces } from '../pieces.ts';
import { describeReference, type Program, symbolSize } from '../program.ts';
import {
  Category,
  type ImageLayout,
  Rewrite,
  SLOT_SIZE,
  type Synthesis,
  type UnwindPlan,
} from '../results.ts';
import { type Form, isAddressLoad, NO_FIELD, readGotForm, readThreadForm } from '../verify/forms.ts';
import { ImageReader } from '../verify/imageReader.ts';
import { verifyIndirect, verifyJump } from '../verify/linkerSections.ts';
import { SymbolValues } from '../verify/symbolValues.ts';
import { verifyUnwindIndex } from '../verify/unwindIndex.ts';
import type { GotRelaxation } from '../x86/relax.ts';
import {
  baseRow,
  Calculation,
  calculationOf,
  fieldSize,
  R_X86_64_PC32,
  R_X86_64_PLT32,
  Range,
  rangeOf,
  relocationName,
} from '../x86/relocations.ts';
import { TlsRelaxation, tlsRelaxationSpan } from '../x86/tls.ts';

/** What was made, and where it is. */
export interface Verified {
  /** All bytes of the file; or its beginning with all headers, where it has gone to a sink. */
  readonly bytes: Uint8Array;
  readonly image: Image;
  /** Where the file has gone, if it has. */
  readonly sink: ImageSink | undefined;
  /** False for a file that is nothing but the bytes of sections. */
  readonly hasHeaders: boolean;
  /** Whether the link has chosen all addresses: a script may have sections lie in others. */
  readonly isPacked: boolean;
}

/**
 * @returns how many relocations have been compared
 * @throws InvariantError
 */
export function verifyRelocations(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  synthesis: Synthesis,
  unwind: UnwindPlan | undefined,
  { bytes, image, sink, hasHeaders, isPacked }: Verified,
): number {
  const reader = new ImageReader(bytes, image.size, sink, hasHeaders);
  const verifier = new Verifier(program, pieces, layout, synthesis, reader, isPacked);
  verifier.verifyOrder();
  verifier.verifySections();
  if (unwind && pieces.home[program.made['.eh_frame']]! >= 0) verifier.verifyUnwind(unwind);
  verifier.verifySlots();
  verifyIndirect(program, pieces, layout, synthesis, reader);
  verifyJump(layout, reader);
  return verifier.count;
}

class Verifier {
  /** Relocations that were compared. */
  count = 0;
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #layout: ImageLayout;
  readonly #synthesis: Synthesis;
  readonly #reader: ImageReader;
  readonly #values: SymbolValues;
  readonly #isPacked: boolean;

  constructor(
    program: Program,
    pieces: Pieces,
    layout: ImageLayout,
    synthesis: Synthesis,
    reader: ImageReader,
    isPacked: boolean,
  ) {
    this.#isPacked = isPacked;
    this.#program = program;
    this.#pieces = pieces;
    this.#layout = layout;
    this.#synthesis = synthesis;
    this.#reader = reader;
    this.#values = new SymbolValues(program, pieces, layout, synthesis);
  }

  /** Each section has bytes of its own, but for those that were cut up: their parts lie where others leave room. */
  verifyOrder(): void {
    if (!this.#isPacked) return;
    const { order, address, fit } = this.#layout;
    const isWhole = (id: number) => !fit?.cut.has(id);
    const [, second] = findOverlap(order.filter(isWhole), address, this.#pieces.size) ?? [];
    assertInvariant(second === undefined, 'sections do not overlap', () => this.#program.place(second!, 0));
  }

  /** Compares all that is relocated in sections, in the order in which they lie in the file. */
  verifySections(): void {
    const { order, category, fileOffset, fileSize, trimmed, fit } = this.#layout;
    for (let i = 0; i < order.length; i++) {
      const id = order[i]!;
      const size = this.#pieces.size[id]!;
      if (category[i] === Category.bss || size === 0) continue;
      const isCut = fit?.cut.has(id) === true;
      // Parts of a cut section lie wherever there was room, in a file that is in memory as a whole; zeros behind its
      // end are part of the last one.
      if (isCut) this.#reader.open(0, fileSize + trimmed);
      else {
        this.#verifyPlace(id);
        this.#reader.open(fileOffset[id]!, size);
      }
      this.#verifySection(id);
    }
  }

  /** Loaders have to put a section where the link took it to be. */
  #verifyPlace(id: number): void {
    const { address, fileOffset } = this.#layout;
    if (!this.#reader.isMapped(fileOffset[id]!)) return;
    const loaded = this.#reader.addressOf(fileOffset[id]!);
    // A script may have sections that are not loaded.
    if (loaded === address[id] || (loaded === undefined && !this.#isPacked)) return;
    throw new InvariantError(
      'sections are loaded where references lead',
      `${this.#program.place(id, 0)} has the address ${hex(address[id]!)} and is loaded ${loaded === undefined ? 'nowhere' : `at ${hex(loaded)}`}`,
    );
  }

  #verifySection(id: number): void {
    const { sections, relocations } = this.#program;
    const count = sections.relocationCount[id]!;
    if (count === 0) return;
    const first = sections.firstRelocation[id]!;
    const fitted = this.#layout.fit?.rewrites.get(id);
    const isScattered = this.#pieces.isScattered(id) || fitted !== undefined;
    const size = this.#pieces.size[id]!;
    const { rewrites } = this.#synthesis;
    for (let row = first; row < first + count; row++) {
      const given = relocations.offset[row]!;
      const offset = isScattered ? this.#pieces.resolveOwn(id, given) : given;
      if (offset < 0 || (offset >= size && !this.#pieces.isScattered(id))) continue;
      this.#verifyRow(id, row, offset, fitted?.[row - first] || rewrites[row]!);
    }
  }

  /** Compares what is relocated in the records of unwind tables. */
  verifyUnwind({ tables, offset }: UnwindPlan): void {
    const home = this.#program.made['.eh_frame'];
    this.#reader.open(this.#layout.fileOffset[home]!, this.#pieces.size[home]!);
    for (const { id, first, end } of tables.sections) {
      for (let record = first; record < end; record++) {
        if (offset[record]! < 0) continue;
        const moved = offset[record]! - tables.records.offset[record]!;
        for (let row = tables.firstRow[record]!; row < tables.endRow[record]!; row++) {
          const { offset: offsets } = this.#program.relocations;
          this.#verifyRow(id, row, offsets[row]! + moved, this.#synthesis.rewrites[row]!);
        }
      }
    }
    const index = this.#program.made['.eh_frame_hdr'];
    if (this.#pieces.home[index] === index)
      verifyUnwindIndex(this.#reader, this.#placeOf(index), this.#placeOf(home));
  }

  #placeOf(id: number) {
    const { address, fileOffset } = this.#layout;
    return { address: address[id]!, offset: fileOffset[id]!, size: this.#pieces.size[id]! };
  }

  /** Compares the slots of the global offset table. */
  verifySlots(): void {
    const { slots } = this.#synthesis;
    if (slots.length === 0) return;
    const got = this.#program.made['.got'];
    const start = this.#layout.fileOffset[got]!;
    this.#reader.open(start, slots.length * SLOT_SIZE);
    slots.forEach(({ symbol, isThread }, slot) => {
      const expected = this.#symbol(symbol) - BigInt(isThread ? this.#layout.edges.threadPointer : 0);
      const found = this.#reader.view.getBigInt64(start + slot * SLOT_SIZE - this.#reader.shift, true);
      const holds = BigInt.asIntN(64, expected) === found;
      assertInvariant(
        holds,
        'slots of the global offset table hold what they stand for',
        () => `slot ${slot}`,
      );
    });
  }

  /** @param offset of the field in the section's home */
  #verifyRow(id: number, row: number, offset: number, rewrite: number): void {
    const { relocations } = this.#program;
    const type = relocations.type[row]!;
    if (rewrite === Rewrite.consumed || calculationOf[type] === Calculation.none) return;
    this.count++;
    const home = this.#pieces.home[id]!;
    const place = this.#layout.address[home]! + offset;
    const field = this.#layout.fileOffset[home]! + offset - this.#reader.shift;
    const holds =
      rewrite === Rewrite.none
        ? this.#isValue(id, row, place, field)
        : this.#isRewritten(id, row, place, field, rewrite);
    if (!holds) this.#report(id, row, rewrite);
  }

  #isValue(id: number, row: number, place: number, field: number): boolean {
    const { relocations } = this.#program;
    const type = relocations.type[row]!;
    // The most frequent ones, to symbols that have been met.
    if ((type === R_X86_64_PC32 || type === R_X86_64_PLT32) && !relocations.hasWideAddends) {
      const value = this.#values.known(relocations.symbol[row]!) + relocations.addend[row]! - place;
      if (this.#reader.view.getInt32(field, true) === value) return true;
    }
    const range = rangeOf[type] as Range;
    const symbol = this.#symbolPart(calculationOf[type] as Calculation, id, row);
    const subtracted = this.#subtracted(calculationOf[type] as Calculation, place, id, row);
    const value = relocations.hasWideAddends ? Number.NaN : symbol + relocations.addend[row]! - subtracted;
    if (!Number.isNaN(value)) return this.#holds(value, field, fieldSize[type]!, range);
    const addend = (BigInt(relocations.addendHigh(row)) << 32n) | BigInt(relocations.addend[row]! >>> 0);
    const first = Number.isNaN(symbol) ? this.#values.wideValue(relocations.symbol[row]!) : BigInt(symbol);
    return this.#holdsWide(first + addend - BigInt(subtracted), field, fieldSize[type]!, range);
  }

  /** What a calculation takes of the symbol: S, Z, or the address of its slot. */
  #symbolPart(calculation: Calculation, id: number, row: number): number {
    const symbol = this.#program.relocations.symbol[row]!;
    switch (calculation) {
      case Calculation.slotRelative:
      case Calculation.slotOffset:
        return this.#values.slotAddress(symbol, false);
      case Calculation.threadSlot:
        return this.#values.slotAddress(symbol, true);
      case Calculation.gotRelative:
        return this.#layout.edges.got;
      case Calculation.size:
        return symbolSize(this.#program, this.#program.objectOf(id), symbol);
      case Calculation.threadOffset:
        return this.#values.value(symbol, id, -1);
      default:
        return this.#values.value(symbol, id, row);
    }
  }

  /** What a calculation subtracts: P, the address of the global offset table, the thread pointer, or a table's base. */
  #subtracted(calculation: Calculation, place: number, id: number, row: number): number {
    switch (calculation) {
      case Calculation.distance: {
        const { relocations } = this.#program;
        const base = baseRow(relocations, row);
        return this.#values.value(relocations.symbol[base]!, id, base) + relocations.addend[base]!;
      }
      case Calculation.relative:
      case Calculation.slotRelative:
      case Calculation.gotRelative:
      case Calculation.threadSlot:
        return place;
      case Calculation.slotOffset:
      case Calculation.gotOffset:
        return this.#layout.edges.got;
      case Calculation.threadOffset:
        return this.#layout.edges.threadPointer;
      default:
        return 0;
    }
  }

  #isRewritten(id: number, row: number, place: number, field: number, rewrite: number): boolean {
    const { relocations } = this.#program;
    const symbol = relocations.symbol[row]!;
    const { bytes } = this.#reader;
    if (rewrite === Rewrite.distance) {
      const target = this.#values.value(symbol, id, row) + relocations.addend[row]!;
      return isAddressLoad(bytes, field) && this.#holds(target - (place + 4), field, 4, Range.signed);
    }
    const isThread = (rewrite & Rewrite.tls) !== 0;
    const code = rewrite & Rewrite.gotMask;
    const form = isThread
      ? readThreadForm(bytes, field, code as TlsRelaxation)
      : readGotForm(bytes, field, code as GotRelaxation);
    if (!form || form.field === NO_FIELD) return form !== undefined;
    const origin = isThread ? this.#layout.edges.threadPointer : 0;
    return this.#holdsForm(this.#symbol(symbol), form, origin, place);
  }

  /** Whether the number of a rewritten instruction leads to a symbol. @param origin what it counts from if no distance */
  #holdsForm(symbol: bigint, { field, isDistance }: Form, origin: number, place: number): boolean {
    const start = isDistance ? place + 4 : origin;
    return this.#holdsWide(symbol - BigInt(start), field, 4, Range.signed);
  }

  /** S of a symbol, whatever it is. */
  #symbol(reference: number): bigint {
    const value = this.#values.value(reference, -1, -1);
    return Number.isNaN(value) ? this.#values.wideValue(reference) : BigInt(value);
  }

  /** Whether a field holds a value, which is an exact number. */
  #holds(value: number, field: number, size: number, range: Range): boolean {
    const { view } = this.#reader;
    if (size === 4) {
      if (range === Range.signed) return view.getInt32(field, true) === value;
      return view.getUint32(field, true) === (range === Range.unsigned ? value : value >>> 0);
    }
    if (size === 8) {
      const high = Math.floor(value / 2 ** 32);
      return (
        view.getUint32(field, true) === value - high * 2 ** 32 && view.getInt32(field + 4, true) === high
      );
    }
    return this.#holdsWide(BigInt(value), field, size, range);
  }

  /** As `#holds`, for values of any size. */
  #holdsWide(value: bigint, field: number, size: number, range: Range): boolean {
    const { bytes } = this.#reader;
    let found = 0n;
    for (let i = size - 1; i >= 0; i--) found = (found << 8n) | BigInt(bytes[field + i]!);
    const wrapped = BigInt.asIntN(64, value);
    const bits = 8 * size;
    const isSigned = BigInt.asIntN(bits, found) === wrapped;
    const isUnsigned = found === BigInt.asUintN(64, value);
    if (range === Range.signed) return isSigned;
    return range === Range.unsigned ? isUnsigned : isSigned || isUnsigned;
  }

  #report(id: number, row: number, rewrite: number): void {
    const { relocations } = this.#program;
    const reference = relocations.symbol[row]!;
    // What is undefined and permitted has the address 0, which need not fit. Of fields that overlap the last one counts.
    if (this.#values.isUndefined(reference) || this.#isOverwritten(id, row)) return;
    const place = this.#program.place(id, this.#pieces.inputOffset(id, relocations.offset[row]!));
    const name = describeReference(this.#program, this.#program.objectOf(id), reference);
    const type = relocationName(relocations.type[row]!);
    const how = rewrite === Rewrite.none ? '' : ', rewritten';
    throw new InvariantError(
      'relocated fields hold the values of the psABI',
      `${place}: ${type}${how}, to ${name}`,
    );
  }

  /** Whether a later relocation of the section has written to the same bytes, as only damaged objects have it. */
  #isOverwritten(id: number, row: number): boolean {
    const { sections } = this.#program;
    const end = sections.firstRelocation[id]! + sections.relocationCount[id]!;
    const own = this.#span(row);
    for (let other = row + 1; other < end; other++) {
      const { start, stop } = this.#span(other);
      // What a rewrite has consumed writes nothing, and lies within what that has written.
      if (start < stop && start < own.stop && stop > own.start) return true;
    }
    return false;
  }

  /** The bytes of a section that a relocation writes: of rewritten instructions more than the field. */
  #span(row: number): { readonly start: number; readonly stop: number } {
    const { offset, type } = this.#program.relocations;
    const rewrite = this.#synthesis.rewrites[row]!;
    const start = offset[row]!;
    if (rewrite === Rewrite.consumed) return { start, stop: start };
    if (rewrite === Rewrite.none) return { start, stop: start + fieldSize[type[row]!]! };
    const isThread = (rewrite & Rewrite.tls) !== 0;
    const { before, behind } = tlsRelaxationSpan(
      isThread ? ((rewrite & Rewrite.gotMask) as TlsRelaxation) : TlsRelaxation.none,
    );
    return { start: start - before, stop: start + behind };
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
