/**
 * Where references lead in a finished image, found anew from definitions and final addresses. Values are plain numbers
 * where these are exact, which is nearly always, and else 64-bit ones modulo 2^64.
 */
import { STT_GNU_IFUNC, STT_SECTION } from '../elf/constants.ts';
import { assertInvariant } from '../invariant.ts';
import { partAddend } from '../partAddend.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Reference, SymbolKind, Target } from '../program.ts';
import { type ImageLayout, IPLT_ENTRY_SIZE, SLOT_SIZE, type Synthesis } from '../results.ts';

const EXACT = 2 ** 52;

export class SymbolValues {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #layout: ImageLayout;
  readonly #synthesis: Synthesis;
  readonly #target = new Target();
  /** By symbol and by local symbol: the address, where it depends on nothing else and has been asked for; else NaN. */
  readonly #globals: Float64Array;
  readonly #locals: Float64Array;

  constructor(program: Program, pieces: Pieces, layout: ImageLayout, synthesis: Synthesis) {
    this.#program = program;
    this.#pieces = pieces;
    this.#layout = layout;
    this.#synthesis = synthesis;
    this.#globals = new Float64Array(program.symbols.count).fill(Number.NaN);
    this.#locals = new Float64Array(program.locals.count).fill(Number.NaN);
  }

  /**
   * S for relocation `row` of section `id`; of a symbol of a section whose parts have moved, its addend tells which
   * part is meant. NaN for what no number holds exactly: see `wideValue`.
   */
  value(reference: number, id: number, row: number): number {
    const known = reference >= 0 ? this.#globals : this.#locals;
    const index = reference >= 0 ? reference : ~reference;
    const cached = known[index]!;
    if (!Number.isNaN(cached)) return cached;
    const target = this.#target;
    locate(this.#program, reference, target);
    if (this.#isByPart(target)) return this.#partValue(target, id, row);
    const value = this.#find(target);
    known[index] = value;
    return value;
  }

  /** As `value`, if it has been asked for and depends on nothing else; else NaN. */
  known(reference: number): number {
    return reference >= 0 ? this.#globals[reference]! : this.#locals[~reference]!;
  }

  /** What `value` has no exact number for: an address by itself, or any 64 bits added to that of a section. */
  wideValue(reference: number): bigint {
    const target = this.#target;
    locate(this.#program, reference, target);
    const start = target.section < 0 ? 0 : this.#place(target.section, 0);
    return BigInt(start) + ((BigInt(target.high) << 32n) | BigInt(target.low));
  }

  /** Whether a reference is to a symbol that has no definition and needs one: whoever has permitted that gets any value. */
  isUndefined(reference: number): boolean {
    const { kind, reference: references } = this.#program.symbols;
    return (
      reference >= 0 && kind[reference]! <= SymbolKind.lazy && references[reference] === Reference.strong
    );
  }

  /** Address of the GOT slot of what a reference leads to. */
  slotAddress(reference: number, isThread: boolean): number {
    const slot = this.#synthesis.slotOf(reference, isThread);
    assertInvariant(slot >= 0, 'what goes through the global offset table has a slot there');
    return this.#layout.address[this.#program.made['.got']]! + slot * SLOT_SIZE;
  }

  #isByPart({ section, type }: Target): boolean {
    return section >= 0 && type === STT_SECTION && this.#pieces.isMapped(section);
  }

  #partValue({ section, low }: Target, id: number, row: number): number {
    if (row < 0) return this.#place(section, low);
    const addend = partAddend(this.#program, this.#pieces, id, row);
    return this.#place(section, low + addend) - addend;
  }

  #find({ section, low, high, type }: Target): number {
    const offset = high * 2 ** 32 + low;
    if (section < 0) return Math.abs(offset) < EXACT ? offset : Number.NaN;
    if (type === STT_GNU_IFUNC) {
      const entry = this.#synthesis.entryOf(section, low);
      assertInvariant(entry >= 0, 'indirect functions have an entry in .iplt');
      return this.#layout.address[this.#program.made['.iplt']]! + entry * IPLT_ENTRY_SIZE;
    }
    if (this.#pieces.isMapped(section)) return this.#place(section, low);
    return Math.abs(offset) < EXACT ? this.#place(section, 0) + offset : Number.NaN;
  }

  /** A section that is not in the program stands for the start of the image, a part that is not there for its section's. */
  #place(section: number, offset: number): number {
    const home = this.#pieces.home[section]!;
    const { address, edges } = this.#layout;
    const within = this.#pieces.resolve(section, offset);
    return (home < 0 ? edges.start : address[home]!) + (within < 0 ? 0 : within);
  }
}
