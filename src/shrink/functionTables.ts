/**
 * What unwind tables say of the functions in a section: read before the section is rewritten, so that all of their
 * places are known to be instructions, and rewritten after it. Tables that are not understood keep their functions as
 * they are.
 */
import { type FdeForm, lsdaPointer, programOf, readAdvances, readFdeForm } from '../elf/cfi.ts';
import { readCie } from '../elf/cie.ts';
import { CodeOffsets } from '../elf/codeOffsets.ts';
import { FDE_PC_BEGIN } from '../elf/ehFrame.ts';
import type { FrameStates } from '../elf/frameStates.ts';
import { CallSites, readCallSites, remapCallSites } from '../elf/lsda.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { UnwindTables } from '../unwind.ts';
import type { Tracer } from './branches.ts';
import { type Code, Mark } from './code.ts';

/** State of an instruction of which its tables say more than how to unwind it. */
export const UNLIKE_OTHERS = -1;

/** A function of the section that is being shrunk. */
interface FunctionTable {
  /** Its FDE. */
  readonly record: number;
  /** Where it begins and ends in the section, in bytes. */
  readonly start: number;
  readonly end: number;
  /** Where its language-specific data lies: a section, or -1, and an offset. */
  readonly lsdaSection: number;
  readonly lsdaOffset: number;
  /** Its landing pads in bytes from its start. */
  readonly landingPads: Int32Array;
}

const NO_PADS = new Int32Array(0);

const TWO_32 = 2 ** 32;

export class FunctionTables {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #unwind: UnwindTables;
  readonly #forms = new Map<number, FdeForm | string>();
  /** Language-specific data by section and offset: 1, or 2 where several functions share it. */
  readonly #lsdas = new Map<number, number>();
  readonly #target = new Target();
  readonly #places = new CodeOffsets();
  readonly #callSites = new CallSites();
  #functions: FunctionTable[] = [];

  constructor(program: Program, pieces: Pieces, unwind: UnwindTables) {
    this.#program = program;
    this.#pieces = pieces;
    this.#unwind = unwind;
    this.#countLsdas();
  }

  /** Whether any function of the section has landing pads. */
  get hasLandingPads(): boolean {
    return this.#functions.some(({ lsdaSection }) => lsdaSection >= 0);
  }

  get isEmpty(): boolean {
    return this.#functions.length === 0;
  }

  /** Notes who refers to which data: the second row of an FDE that will be in the program, if there is one. */
  #countLsdas(): void {
    const { records, live, firstRow, endRow } = this.#unwind;
    for (let record = 0; record < records.count; record++) {
      if (live[record] === 0 || records.cie[record]! < 0) continue;
      const section = this.#unwind.functionOf(record);
      if (section >= 0 && this.#pieces.isFolded(section)) continue;
      for (let row = firstRow[record]! + 1; row < endRow[record]!; row++) {
        const place = this.#place(row);
        const key = this.#target.section * TWO_32 + place;
        this.#lsdas.set(key, Math.min(2, (this.#lsdas.get(key) ?? 0) + 1));
      }
    }
  }

  /** Where what a relocation of a record leads to lies in its home now; the home is left in `#target`. */
  #place(row: number): number {
    const { relocations } = this.#program;
    const target = this.#target;
    locate(this.#program, relocations.symbol[row]!, target);
    const place = target.low + relocations.addend[row]!;
    const { section } = target;
    if (section < 0 || this.#pieces.home[section]! < 0) return place;
    target.section = this.#pieces.home[section]!;
    return this.#pieces.resolve(section, place);
  }

  /** Reads the tables of a section's functions, and marks where landing pads are. @returns whether all is understood */
  read(id: number, code: Code): boolean {
    const unwind = this.#unwind;
    this.#functions = [];
    for (let record = unwind.firstOf(id); record >= 0; record = unwind.nextOf(record)) {
      if (unwind.live[record] === 1 && !this.#readRecord(record, code)) return false;
    }
    return true;
  }

  #readRecord(record: number, code: Code): boolean {
    const { records, firstRow, endRow } = this.#unwind;
    const table = this.#unwind.sectionOf(record).id;
    const bytes = this.#program.borrowBytes(table);
    const at = records.offset[record]!;
    const end = at + records.size[record]!;
    const form = this.#formOf(bytes, records.cie[record]!);
    if (typeof form === 'string' || readAdvances(bytes, at, end, form, this.#places) !== undefined)
      return false;
    const { relocations } = this.#program;
    const first = firstRow[record]!;
    if (relocations.offset[first] !== at + FDE_PC_BEGIN || endRow[record]! - first > 2) return false;
    const start = this.#place(first);
    const { count, value } = this.#places;
    const placeOf = this.#placesFrom(first, start);
    for (let k = 0; k < count; k++) value[k] = placeOf(value[k]!) - start;
    if (!this.#areInstructions(code, start, this.#places)) return false;
    const found = { record, start, end: start + value[1]! };
    if (endRow[record]! - first === 1) {
      this.#functions.push({ ...found, lsdaSection: -1, lsdaOffset: 0, landingPads: NO_PADS });
      return true;
    }
    if (relocations.offset[first + 1] !== lsdaPointer(bytes, at, form)) return false;
    const lsdaOffset = this.#place(first + 1);
    const lsdaSection = this.#target.section;
    if (!this.#readLsda(code, start, lsdaSection, lsdaOffset)) return false;
    const pads = this.#callSites.landingPads;
    const landingPads = pads.value.slice(0, pads.count);
    for (const pad of landingPads) code.marks[code.insnAt[start + pad]!]! |= Mark.landingPad;
    this.#functions.push({ ...found, lsdaSection, lsdaOffset, landingPads });
    return true;
  }

  #formOf(bytes: Uint8Array, cie: number): FdeForm | string {
    const known = this.#forms.get(cie);
    if (known !== undefined) return known;
    const { offset, size } = this.#unwind.records;
    const form = readFdeForm(bytes, offset[cie]!, offset[cie]! + size[cie]!);
    this.#forms.set(cie, form);
    return form;
  }

  #readLsda(code: Code, start: number, section: number, offset: number): boolean {
    if (section < 0 || offset < 0 || this.#lsdas.get(section * TWO_32 + offset) !== 1) return false;
    const bytes = this.#pieces.contentOf(section) ?? this.#program.borrowBytes(section);
    const sites = this.#callSites;
    if (readCallSites(bytes, offset, bytes.length, sites) !== undefined) return false;
    if (this.#isRelocated(section, offset, offset + sites.size)) return false;
    return this.#areInstructions(code, start, sites.offsets);
  }

  /**
   * Finds what the tables say of each instruction of the section, as numbers of `FrameStates`; 0 where they say nothing,
   * and `UNLIKE_OTHERS` in functions with landing pads: where any instruction may throw, it matters which one does.
   * @param states gets one for each instruction
   */
  readStates({ insnAt, count }: Code, found: FrameStates, states: Int32Array): void {
    states.fill(0, 0, count);
    for (const { record, start, end, lsdaSection } of this.#functions) {
      if (lsdaSection >= 0) {
        states.fill(UNLIKE_OTHERS, insnAt[start]!, insnAt[end]!);
        continue;
      }
      const { records, firstRow } = this.#unwind;
      const bytes = this.#program.borrowBytes(this.#unwind.sectionOf(record).id);
      const cie = records.offset[records.cie[record]!]!;
      const { instructions } = readCie(bytes, cie);
      found.begin(instructions, 0, instructions.length);
      const at = records.offset[record]!;
      const form = this.#formOf(bytes, records.cie[record]!) as FdeForm;
      const recordEnd = at + records.size[record]!;
      const placeOf = this.#placesFrom(firstRow[record]!, start);
      // Each state holds to the end, until the next is found.
      found.follow(bytes, programOf(bytes, at, recordEnd, form), recordEnd, (location, state) =>
        states.fill(state, insnAt[placeOf(location)]!, insnAt[end]!),
      );
    }
  }

  /** Where places of a function, bytes from its start in the input, lie in the section now. */
  #placesFrom(row: number, start: number): (location: number) => number {
    const { relocations } = this.#program;
    locate(this.#program, relocations.symbol[row]!, this.#target);
    const { section, low } = this.#target;
    if (section < 0 || !this.#pieces.isRewritten(section)) return (location) => start + location;
    const origin = low + relocations.addend[row]!;
    return (location) => this.#pieces.resolve(section, origin + location);
  }

  /** Follows the flow of control from the landing pads of functions that can be reached. */
  traceLandingPads(code: Code, tracer: Tracer): void {
    let open = this.#functions.filter(({ landingPads }) => landingPads.length > 0);
    for (let before = -1; before !== open.length; ) {
      before = open.length;
      open = open.filter((table) => !this.#traceFrom(code, tracer, table));
    }
  }

  /** @returns whether the function can be reached */
  #traceFrom(code: Code, tracer: Tracer, { start, end, landingPads }: FunctionTable): boolean {
    const { insnAt, marks } = code;
    let isLive = false;
    for (let i = insnAt[start]!; i < insnAt[end]!; i++) isLive ||= (marks[i]! & Mark.live) !== 0;
    if (!isLive) return false;
    for (const pad of landingPads) {
      marks[insnAt[start + pad]!]! |= Mark.entry;
      tracer.traceFrom(code, insnAt[start + pad]!);
    }
    return true;
  }

  /** Whether a relocation lies in a part of a section. */
  #isRelocated(section: number, start: number, end: number): boolean {
    const { sections, relocations } = this.#program;
    const first = sections.firstRelocation[section]!;
    for (let row = first; row < first + sections.relocationCount[section]!; row++) {
      if (relocations.offset[row]! >= start && relocations.offset[row]! < end) return true;
    }
    return false;
  }

  /** Marks the instructions at some places, bytes from `start`. @returns whether there is one at each */
  #areInstructions({ insnAt, size, marks }: Code, start: number, { count, value }: CodeOffsets): boolean {
    for (let k = 0; k < count; k++) {
      const place = start + value[k]!;
      const i = place < 0 || place > size ? -1 : insnAt[place]!;
      if (i < 0) return false;
      marks[i]! |= Mark.described;
    }
    return true;
  }

  /** Whether every landing pad still lies behind the start of its function: its number must not be 0. */
  keepLandingPads({ insnAt, newAt }: Code): boolean {
    return this.#functions.every(({ start, landingPads }) => {
      const begin = newAt[insnAt[start]!]!;
      return landingPads.every((pad) => newAt[insnAt[start + pad]!]! > begin);
    });
  }

  /** Makes the tables agree with the section as it has been put together; records of dropped functions die. */
  commit({ insnAt, newAt }: Code): void {
    for (const { record, start, end, lsdaSection, lsdaOffset } of this.#functions) {
      const newOffsetOf = (offset: number) => newAt[insnAt[start + offset]!]!;
      if (newOffsetOf(0) === newOffsetOf(end - start)) this.#unwind.live[record] = 0;
      else if (lsdaSection >= 0) {
        const bytes = this.#ownContent(lsdaSection);
        remapCallSites(bytes, lsdaOffset, bytes.length, newOffsetOf);
      }
    }
  }

  /** The bytes of a section, which may be changed. */
  #ownContent(section: number): Uint8Array {
    const known = this.#pieces.contentOf(section);
    if (known) return known;
    // Not `slice`, which of a Buffer makes a view.
    const bytes = new Uint8Array(this.#program.borrowBytes(section));
    this.#pieces.setContent(section, bytes);
    return bytes;
  }
}
