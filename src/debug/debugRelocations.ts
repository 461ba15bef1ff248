/**
 * Applies the relocations of debug sections. They refer to code and data by address and to each other by offset.
 * What they say of code that is not in the executable gets a tombstone, as lld does it (ELF/InputSection.cpp,
 * relocateNonAlloc): 0, where no code can be, or 1 in the old lists of ranges, which end with a pair of zeros. The
 * addend is left out, lest the result be the address of something else.
 */
import { FormatError } from '../diagnostics.ts';
import { writeU32 } from '../elf/bytes.ts';
import { STT_SECTION } from '../elf/constants.ts';
import { RelocationTable, readRelocations } from '../elf/relocations.ts';
import { type InputObject, locate, symbolSize, Target } from '../program.ts';
import { Calculation, calculationOf, fieldSize, relocationName, sectionAddend } from '../x86/relocations.ts';
import { KeptGroups } from './keptGroups.ts';
import { addressOf, type FinishedLink, isFolded, templateStart } from './source.ts';

const TWO_32 = 2 ** 32;
const OLD_LISTS: ReadonlySet<string> = new Set(['.debug_loc', '.debug_ranges']);

export class DebugRelocator {
  readonly #link: FinishedLink;
  /** By section id: where a debug section's bytes lie in the output section of its name, or -1. */
  readonly #placeOf: Float64Array;
  readonly #kept: KeptGroups;
  readonly #template: number;
  readonly #relocations = new RelocationTable();
  readonly #target = new Target();
  /** The section that is being relocated. */
  #name = '';

  constructor(link: FinishedLink, placeOf: Float64Array) {
    this.#link = link;
    this.#placeOf = placeOf;
    this.#kept = new KeptGroups(link.program);
    this.#template = templateStart(link.layout);
  }

  /**
   * @param id the input section
   * @param name its name
   * @param bytes its content in the output, which is changed
   * @param place offset of that content in the output section
   * @throws FormatError for a relocation outside the section or of a type that means nothing there
   */
  relocate(id: number, name: string, bytes: Uint8Array, place: number): void {
    const { program } = this.#link;
    const object = program.objectOf(id);
    const relocations = this.#relocations;
    this.#name = name;
    const references = program.referencesOf(object);
    object.loadUnloaded();
    readRelocations(object, program.sections, id, bytes.length, references, fieldSize, relocations);
    for (let row = 0; row < relocations.count; row++) this.#apply(object, row, bytes, place);
  }

  #apply(object: InputObject, row: number, bytes: Uint8Array, place: number): void {
    const { type, symbol, offset } = this.#relocations;
    const field = offset[row]!;
    switch (calculationOf[type[row]!] as Calculation) {
      case Calculation.absolute:
        this.#locate(row);
        this.#storeAddress(row, bytes, 0);
        break;
      case Calculation.relative:
        this.#locate(row);
        this.#storeAddress(row, bytes, place + field);
        break;
      case Calculation.threadOffset:
        // Debuggers count from the start of the module's block, unlike code (DWARF 5, DW_OP_form_tls_address).
        this.#locate(row);
        this.#storeAddress(row, bytes, this.#template);
        break;
      case Calculation.size:
        this.#store(row, bytes, symbolSize(this.#link.program, object, symbol[row]!), 0);
        break;
      case Calculation.none:
        if (type[row] !== 0) this.#refuse(row);
        break;
      default:
        this.#refuse(row);
    }
  }

  #refuse(row: number): never {
    const { offset } = this.#relocations;
    const what = `relocation ${relocationName(this.#relocations.typeOf(row))} means nothing in a debug section`;
    throw new FormatError(what, offset[row]!);
  }

  #locate(row: number): void {
    locate(this.#link.program, this.#relocations.symbol[row]!, this.#target);
  }

  /** Writes the target's address, less `origin`, or a tombstone. */
  #storeAddress(row: number, bytes: Uint8Array, origin: number): void {
    const { section, low, high } = this.#target;
    if (section < 0) {
      this.#store(row, bytes, low - origin, high);
      return;
    }
    const base = this.#baseOf(section, row);
    if (base === undefined) this.#writeField(row, bytes, OLD_LISTS.has(this.#name) ? 1 : 0, 0);
    else this.#store(row, bytes, base - origin, 0);
  }

  /** The target's address without the addend; undefined for what is not in the output. */
  #baseOf(section: number, row: number): number | undefined {
    const { pieces } = this.#link;
    const { low, type } = this.#target;
    const place = this.#placeOf[this.#kept.replacement(section)]!;
    if (place >= 0) return place + low;
    // A folded function's lines are its twin's as well, so that a breakpoint can be set on them.
    if (isFolded(pieces, section) && this.#name !== '.debug_line') return undefined;
    const addend =
      type === STT_SECTION && pieces.isMapped(section) ? sectionAddend(this.#relocations, row, false) : 0;
    const address = addressOf(this.#link, section, low + addend);
    return address < 0 ? undefined : address - addend;
  }

  #store(row: number, bytes: Uint8Array, value: number, high: number): void {
    const low = value + (this.#relocations.addend[row]! >>> 0);
    const carry = Math.floor(low / TWO_32);
    this.#writeField(row, bytes, low, high + this.#relocations.addendHigh(row) + carry);
  }

  /** @param low may have more than 32 bits; the upper ones are in `high` already */
  #writeField(row: number, bytes: Uint8Array, low: number, high: number): void {
    const { offset, type } = this.#relocations;
    const field = offset[row]!;
    const size = fieldSize[type[row]!]!;
    for (let i = 0; i < Math.min(size, 4); i++) bytes[field + i] = low >>> (8 * i);
    if (size === 8) writeU32(bytes, field + 4, high);
  }
}
