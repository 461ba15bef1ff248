/**
 * Where code is entered from outside: every place in code that a live relocation, the entry or an option leads to.
 *
 * A relocation in data that holds a distance may belong to a table that a switch jumps through: each entry holds the
 * distance of a label from the start of the table, `.long label - table`, which assemblers make R_X86_64_PC32 with
 * the offset of the entry in the table added to the addend. So to know which label is meant, one must know where the
 * table begins. It begins at a place of which code loads the address, with a run of such entries, one every four
 * bytes. Where such a place lies within a run, code must be seen to go through a table there: `array[i - 1]` of an array
 * behind a table may have its address loaded as that of the table's last entries.
 */
import { SHF_EXECINSTR, STT_FUNC, STT_GNU_IFUNC, STT_SECTION } from '../elf/constants.ts';
import { Trait } from '../elf/sectionNames.ts';
import { symbolsOf } from '../expression.ts';
import { IntList } from '../merge/intList.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, SymbolKind, Target } from '../program.ts';
import { type Liveness, Root, SLOT_SIZE, type Synthesis } from '../results.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { referencedSymbols } from '../script/symbols.ts';
import { createInstruction, decode } from '../x86/decode.ts';
import { Calculation, calculationOf, R_X86_64_PC32, sectionAddend } from '../x86/relocations.ts';
import { readsTable } from './tableReads.ts';

/** Bits that say how a place is referred to. */
export const Entry = {
  /** Control may come here. */
  reached: 1,
  /** Its address is known to data, or loaded by code. */
  taken: 2,
  /** A function begins here. Alone it says nothing about whether anyone comes. */
  function: 4,
  /** A distance to here was not understood. */
  unknown: 8,
  /** Read or written as data, for all that is known. */
  data: 16,
  /** Code loads its address. */
  loaded: 32,
  /** Code elsewhere calls it, or jumps to it. */
  called: 64,
  /** Where a distance would lead if it counted from its own place, not from the start of its table. */
  fromEntry: 128,
  /** Where the kernel starts the program, with 0 in all general registers but rsp (docs/loader.md). */
  process: 256,
  /** A function ends here, as its symbol says. */
  functionEnd: 512,
} as const;

const TAKEN = Entry.reached | Entry.taken;
const LOADED = Entry.reached | Entry.taken | Entry.loaded;
const CALLED = Entry.reached | Entry.called;

/** Places in code by section. */
export interface CodeEntries {
  /** For each section id where its entries begin; one more for the end. */
  readonly first: Uint32Array;
  /** Offset in the section, and bits of `Entry`. */
  readonly offset: Int32Array;
  readonly kind: Uint16Array;
}

/** A section with tables of distances. */
interface Holder {
  /** Entries with another one right in front of them. */
  readonly inner: Set<number>;
  /** Places of which code has the address, and whether a table that has an entry there begins with it. */
  readonly starts: Map<number, boolean>;
}

/** Tables of places that compilers have filled with NOPs: -fpatchable-function-entry, -mrecord-mcount. */
const PATCH_TABLES: ReadonlySet<string> = new Set(['__patchable_function_entries', '__mcount_loc']);

/** Bytes of an entry in a table of distances. */
const ENTRY_SIZE = 4;

export function findEntries(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  script: LinkScript,
  options: LinkOptions,
): CodeEntries {
  const finder = new Finder(program, liveness, pieces);
  finder.addTables();
  finder.addRelocations();
  finder.addUnwind();
  finder.addSynthesized(synthesis);
  finder.addOptions(options, script);
  finder.addSymbols(options);
  return finder.entries();
}

class Finder {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #pieces: Pieces;
  readonly #isCode: Uint8Array;
  readonly #section = new IntList();
  readonly #offset = new IntList();
  readonly #kind = new IntList();
  readonly #target = new Target();
  readonly #neighbour = new Target();

  constructor(program: Program, liveness: Liveness, pieces: Pieces) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
    const { count, flags } = program.sections;
    this.#isCode = new Uint8Array(count);
    for (let id = 0; id < count; id++) {
      if (liveness.live[id] === 1 && (flags[id]! & SHF_EXECINSTR) !== 0) this.#isCode[id] = 1;
    }
  }

  /** Finds tables of distances in data. */
  addTables(): void {
    const holders = this.#findHolders();
    if (holders.size === 0) return;
    this.#findStarts(holders);
    const tables = new Map<number, Uint32Array>();
    for (const [id, { starts }] of holders) {
      const bounds = this.#boundTables(id, starts);
      if (bounds.length > 0) tables.set(id, bounds);
    }
    this.#pieces.setTables(tables);
  }

  /** Sections of data with distances to code. */
  #findHolders(): Map<number, Holder> {
    const { sections, relocations, symbols, locals } = this.#program;
    const { type, symbol } = relocations;
    const holders = new Map<number, Holder>();
    for (const id of this.#liveness.reached) {
      if (this.#isCode[id] === 1 || (sections.traits[id]! & Trait.unwind) !== 0) continue;
      const first = sections.firstRelocation[id]!;
      const end = first + sections.relocationCount[id]!;
      for (let row = first; row < end; row++) {
        if (type[row] !== R_X86_64_PC32) continue;
        const reference = symbol[row]!;
        const section = reference < 0 ? locals.section[~reference]! : symbols.section[reference]!;
        if (section < 0 || this.#isCode[section] === 0) continue;
        holders.set(id, { inner: this.#innerEntries(first, end), starts: new Map() });
        break;
      }
    }
    return holders;
  }

  /** @returns offsets of the entries among some relocations that follow on another one */
  #innerEntries(first: number, end: number): Set<number> {
    const { type, offset } = this.#program.relocations;
    const inner = new Set<number>();
    let run = -1;
    for (let row = first; row < end; row++) {
      if (type[row] !== R_X86_64_PC32) continue;
      if (offset[row] === run) inner.add(run);
      run = offset[row]! + ENTRY_SIZE;
    }
    return inner;
  }

  /**
   * Notes every place in those of which code has the address, to which it adds what a table holds. An operand in memory
   * is none: `array-8(,%rax,8)` leads to the last entries of a table in front of the array.
   */
  #findStarts(holders: Map<number, Holder>): void {
    const { sections, relocations, symbols, locals } = this.#program;
    const { symbol } = relocations;
    const isHolder = new Uint8Array(sections.count);
    for (const id of holders.keys()) isHolder[id] = 1;
    for (const id of this.#liveness.reached) {
      if (this.#isCode[id] === 0) continue;
      const first = sections.firstRelocation[id]!;
      const end = first + sections.relocationCount[id]!;
      let operands: OperandFinder | undefined;
      for (let row = first; row < end; row++) {
        const reference = symbol[row]!;
        const section = reference < 0 ? locals.section[~reference]! : symbols.section[reference]!;
        if (section < 0 || isHolder[section] === 0) continue;
        operands ??= new OperandFinder(this.#pieces.contentOf(id) ?? this.#program.borrowBytes(id));
        if (!this.#isAddress(operands, row)) continue;
        const low = reference < 0 ? locals.valueLow[~reference]! : symbols.valueLow[reference]!;
        const { inner, starts } = holders.get(section)!;
        const start = low + sectionAddend(relocations, row, true);
        const isStart = starts.get(start) === true || !inner.has(start) || this.#readsTable(operands, row);
        starts.set(start, isStart);
      }
    }
  }

  /** Whether a field of code has an address that it does not read or write at. */
  #isAddress(operands: OperandFinder, row: number): boolean {
    const { type, offset } = this.#program.relocations;
    const calculation = calculationOf[type[row]!];
    if (calculation === Calculation.relative) return relativeKind(operands.bytes, offset[row]!) === LOADED;
    return calculation !== Calculation.absolute || operands.isImmediate(offset[row]!);
  }

  /** Whether code at a field is seen to go through the table whose address is there. */
  #readsTable({ bytes }: OperandFinder, row: number): boolean {
    const { type, offset } = this.#program.relocations;
    return calculationOf[type[row]!] === Calculation.relative && readsTable(bytes, offset[row]!);
  }

  /**
   * A start within a run that may be none leaves the rest of the run to no table: which label its entries mean is not
   * known then.
   * @returns starts of tables, and where each ends, in turns
   */
  #boundTables(id: number, starts: Holder['starts']): Uint32Array {
    const { sections, relocations } = this.#program;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    const bounds: number[] = [];
    let last = -1;
    for (let row = first; row < end; row++) {
      const offset = relocations.offset[row]!;
      // Out of order: no table of a compiler's.
      if (offset < last) return new Uint32Array(0);
      last = offset;
      if (relocations.type[row] !== R_X86_64_PC32) continue;
      const isStart = starts.get(offset);
      if (isStart === true) bounds.push(offset, offset + ENTRY_SIZE);
      else if (isStart === undefined && bounds.at(-1) === offset)
        bounds[bounds.length - 1] = offset + ENTRY_SIZE;
    }
    return Uint32Array.from(bounds);
  }

  /** Notes where the relocations of live sections lead. */
  addRelocations(): void {
    const { sections, relocations, symbols, locals } = this.#program;
    const { symbol } = relocations;
    for (const id of this.#liveness.reached) {
      if ((sections.traits[id]! & Trait.unwind) !== 0) continue;
      const first = sections.firstRelocation[id]!;
      const end = first + sections.relocationCount[id]!;
      const namesPatches = this.#namesPatches(id);
      let operands: OperandFinder | undefined;
      for (let row = first; row < end; row++) {
        const reference = symbol[row]!;
        const section = reference < 0 ? locals.section[~reference]! : symbols.section[reference]!;
        if (section < 0 || this.#isCode[section] === 0) continue;
        if (namesPatches) this.#notePatch(row);
        else if (this.#isCode[id] === 0) this.#noteFromData(id, row);
        else {
          operands ??= new OperandFinder(this.#pieces.contentOf(id) ?? this.#program.borrowBytes(id));
          this.#noteFromCode(operands, row);
        }
      }
    }
  }

  #noteFromData(id: number, row: number): void {
    const { relocations } = this.#program;
    const target = this.#target;
    locate(this.#program, relocations.symbol[row]!, target);
    const value = target.low + relocations.addend[row]!;
    const calculation = calculationOf[relocations.type[row]!];
    if (calculation === Calculation.absolute)
      this.#noteTarget(value, this.#isAlone(id, row) ? LOADED : TAKEN);
    else if (calculation !== Calculation.relative) this.#note(target.section, target.low, Entry.unknown);
    else {
      const offset = relocations.offset[row]!;
      const distance = this.#pieces.distanceInTable(id, offset);
      // Not in a table, it must be the distance of a function from the field itself.
      if (distance > 0 && relocations.addend[row] === 0 && target.type !== STT_SECTION) {
        // Assemblers make labels in a table offsets from the section; so this is a table of distances of functions.
        this.#note(target.section, value, TAKEN);
      } else if (distance >= 0) {
        this.#noteTarget(value - distance, Entry.reached);
        if (distance > 0) this.#note(target.section, value, Entry.fromEntry);
      } else if (relocations.addend[row] === 0 && target.type !== STT_SECTION)
        this.#note(target.section, value, Entry.reached | Entry.taken);
      else this.#note(target.section, value, Entry.unknown);
    }
  }

  /** Whether a section says where in code a program may put other instructions. */
  #namesPatches(id: number): boolean {
    const mayBe = this.#isCode[id] === 0 && (this.#program.sections.traits[id]! & Trait.sequence) !== 0;
    return mayBe && PATCH_TABLES.has(this.#program.sectionName(id));
  }

  #notePatch(row: number): void {
    const { symbol, addend } = this.#program.relocations;
    locate(this.#program, symbol[row]!, this.#target);
    this.#note(this.#target.section, this.#target.low + addend[row]!, Entry.data);
  }

  /** @param operands of the section that the relocation is in */
  #noteFromCode(operands: OperandFinder, row: number): void {
    const { relocations } = this.#program;
    const target = this.#target;
    locate(this.#program, relocations.symbol[row]!, target);
    const field = relocations.offset[row]!;
    switch (calculationOf[relocations.type[row]!]) {
      case Calculation.relative: {
        const place = target.low + relocations.addend[row]! + 4;
        this.#noteTarget(place, relativeKind(operands.bytes, field));
        break;
      }
      case Calculation.absolute: {
        const kind = operands.isImmediate(field) ? LOADED : Entry.data;
        this.#noteTarget(target.low + relocations.addend[row]!, kind);
        break;
      }
      default:
        this.#note(target.section, target.low, LOADED);
    }
  }

  /** Whether an address in data has no other beside it that leads to the same section, as in a table of labels. */
  #isAlone(id: number, row: number): boolean {
    const { sections, relocations } = this.#program;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    const { section } = this.#target;
    return [row - 1, row + 1].every((other) => {
      if (other < first || other >= end) return true;
      if (Math.abs(relocations.offset[other]! - relocations.offset[row]!) !== SLOT_SIZE) return true;
      locate(this.#program, relocations.symbol[other]!, this.#neighbour);
      return this.#neighbour.section !== section;
    });
  }

  /**
   * Notes a place that a relocation leads to from the symbol in `#target`. The addend is added to where the symbol goes;
   * only of a section symbol does it tell which part of the section is meant, and moves with that.
   */
  #noteTarget(place: number, kind: number): void {
    const { section, low, type } = this.#target;
    const isDistant = place !== low && type !== STT_SECTION;
    this.#note(section, place, isDistant ? kind | Entry.unknown : kind);
  }

  /** Personality routines. */
  addUnwind(): void {
    const { unwind } = this.#liveness;
    if (!unwind) return;
    const { records, firstRow, endRow, live } = unwind;
    const { relocations } = this.#program;
    for (let record = 0; record < records.count; record++) {
      if (records.cie[record]! >= 0 || live[record] === 0) continue;
      for (let row = firstRow[record]!; row < endRow[record]!; row++) {
        locate(this.#program, relocations.symbol[row]!, this.#target);
        this.#note(
          this.#target.section,
          this.#target.low + relocations.addend[row]!,
          Entry.reached | Entry.taken,
        );
      }
    }
  }

  /** What tables of the linker's refer to. */
  addSynthesized({ slots, indirect }: Synthesis): void {
    for (const { symbol } of slots) {
      locate(this.#program, symbol, this.#target);
      this.#note(this.#target.section, this.#target.low, Entry.reached | Entry.taken);
    }
    for (const { section, offset } of indirect) this.#note(section, offset, Entry.reached | Entry.taken);
  }

  /** What the command line and a linker script name. */
  addOptions(options: LinkOptions, script: LinkScript): void {
    const isLinux = options.compatibility === 'linux';
    this.#noteSymbol(options.entry, isLinux ? CALLED | Entry.process : CALLED);
    const names = [
      ...options.undefinedSymbols,
      ...options.requiredSymbols,
      ...options.definitions.flatMap(({ expression }) => [...symbolsOf(expression)]),
      ...referencedSymbols(script),
    ];
    for (const name of names) this.#noteSymbol(name, CALLED);
    for (const { section, value } of this.#program.overridden.values())
      this.#note(section, Number(value), CALLED);
  }

  #noteSymbol(name: string, kind: number): void {
    const { symbols } = this.#program;
    const id = symbols.names.find(name);
    if (id < 0 || symbols.kind[id] !== SymbolKind.defined) return;
    this.#note(symbols.section[id]!, symbols.valueLow[id]!, kind);
  }

  /** Where functions begin and end. A section that is kept without a reference may be entered at its start and each symbol. */
  addSymbols(options: LinkOptions): void {
    const { symbols, locals } = this.#program;
    const isWhole = this.#findWhole(options);
    const note = (section: number, offset: number, type: number, size: number) => {
      if (section < 0 || this.#isCode[section] === 0) return;
      if (isWhole[section] === 1) this.#note(section, offset, Entry.function | Entry.reached);
      else if (isFunction(type)) this.#note(section, offset, Entry.function);
      if (isFunction(type) && size > 0) this.#note(section, offset + size, Entry.functionEnd);
    };
    for (let id = 0; id < symbols.count; id++)
      note(symbols.section[id]!, symbols.valueLow[id]!, symbols.type[id]!, symbols.size[id]!);
    for (let row = 0; row < locals.count; row++)
      note(locals.section[row]!, locals.valueLow[row]!, locals.type[row]!, locals.size[row]!);
  }

  /** @returns 1 by id for each section of code that nothing need refer to; their starts have been noted */
  #findWhole({ gcSections }: LinkOptions): Uint8Array {
    const isWhole = new Uint8Array(this.#isCode.length);
    for (const id of this.#liveness.reached) {
      if (this.#isCode[id] === 0 || (gcSections && this.#liveness.parent[id]! >= Root.entry)) continue;
      isWhole[id] = 1;
      this.#note(id, 0, Entry.reached);
    }
    return isWhole;
  }

  #note(section: number, offset: number, kind: number): void {
    if (section < 0 || this.#isCode[section] === 0) return;
    this.#section.push(section);
    this.#offset.push(offset);
    this.#kind.push(kind);
  }

  /** Sorts what was noted by section. */
  entries(): CodeEntries {
    const { count } = this.#program.sections;
    const total = this.#section.length;
    const sections = this.#section.values;
    const first = new Uint32Array(count + 1);
    for (let n = 0; n < total; n++) first[sections[n]! + 1]!++;
    for (let id = 0; id < count; id++) first[id + 1]! += first[id]!;
    const next = first.slice();
    const offset = new Int32Array(total);
    const kind = new Uint16Array(total);
    for (let n = 0; n < total; n++) {
      const at = next[sections[n]!]!++;
      offset[at] = this.#offset.values[n]!;
      kind[at] = this.#kind.values[n]!;
    }
    return { first, offset, kind };
  }
}

function isFunction(type: number): boolean {
  return type === STT_FUNC || type === STT_GNU_IFUNC;
}

/** What the instruction does whose relative field begins at `field`, as far as the bytes before it tell. */
function relativeKind(bytes: Uint8Array, field: number): number {
  const last = bytes[field - 1]!;
  if (last === 0xe8 || last === 0xe9) return Entry.reached | Entry.called; // CALL, JMP
  if (bytes[field - 2] === 0x0f && (last & 0xf0) === 0x80) return Entry.reached | Entry.called; // Jcc
  // ModRM with rip: LEA takes the address; what goes through a table comes later.
  if ((last & 0xc7) === 0x05 && bytes[field - 2] === 0x8d) return LOADED;
  return Entry.data;
}

/** Tells immediates from displacements by decoding a section from its start. */
class OperandFinder {
  readonly bytes: Uint8Array;
  readonly #insn = createInstruction();
  /** Offset of an instruction; those before it have been decoded. */
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether a field is the immediate of an instruction, as far as can be told. Fields are best asked for in order. */
  isImmediate(field: number): boolean {
    const insn = this.#insn;
    if (field < this.#at) this.#at = 0;
    while (this.#at <= field && decode(this.bytes, this.#at, this.bytes.length, insn) > 0) {
      if (field < this.#at + insn.length) return field === this.#at + insn.immOffset;
      this.#at += insn.length;
    }
    return false;
  }
}
