/**
 * The tables that passes share: objects, sections and symbols under integer ids. `loadInputs` and
 * `resolveSymbols` fill them; after that they do not change, and later passes return columns of their own,
 * indexed by the same ids.
 */

import { type ByteSource, Contents, sourceOf } from './contents.ts';
import { FormatError } from './diagnostics.ts';
import { decodeText, readU64 } from './elf/bytes.ts';
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
  STB_LOCAL,
  STT_SECTION,
} from './elf/constants.ts';
import { LocalSymbols } from './elf/locals.ts';
import { NameTable } from './elf/names.ts';
import {
  type ElfObject,
  hasReservedSection,
  parseObject,
  sectionNameAt,
  symbolName,
  symbolOffset,
  symbolSection,
} from './elf/object.ts';
import { addRelocations, type RelocationRows, RelocationTable } from './elf/relocations.ts';
import { Trait } from './elf/sectionNames.ts';
import { copyInto, NO_NAME, SectionTable } from './elf/sections.ts';
import type { LoadedInput } from './inputs.ts';
import { fieldSize } from './x86/relocations.ts';

/** So many bytes are read in the time that it takes to ask for some. */
const PART_COST = 12_000;
/** Bytes of a name that are read at first. */
const NAME_SIZE = 128;

/** An object that takes part in the link. */
export class InputObject implements ElfObject {
  readonly id: number;
  /** As shown to users: `main.o`, `libc.a(memcpy.o)`. */
  readonly name: string;
  /** Number of the command-line input it comes from: where its sections stand when order matters. */
  readonly position: number;
  readonly firstSection: number;
  readonly sectionCount: number;
  readonly headersOffset: number;
  readonly headerCount: number;
  readonly firstNumber: number;
  readonly symbols: ElfObject['symbols'];
  readonly addressTable: number;
  /** There until the relocations have been read. */
  tables: ElfObject['tables'];
  /** Row of symbol number 0 in the table of local symbols. */
  readonly firstLocal: number;
  /** Symbol ids of the object's non-local symbols; symbol number `firstGlobal + i` has `globals[i]`. */
  readonly globals: Int32Array;
  /**
   * References to the symbols whose addresses the object's code may compare; undefined if it does not say. Set by
   * `resolveSymbols` where that matters.
   */
  significant: Int32Array | undefined;
  readonly #source: ByteSource;
  readonly #contents: Contents;
  readonly #kept: Uint8Array | undefined;

  constructor(
    id: number,
    name: string,
    position: number,
    elf: Omit<ElfObject, 'bytes'>,
    firstLocal: number,
    source: ByteSource,
    contents: Contents,
    kept: Uint8Array | undefined,
  ) {
    this.id = id;
    this.name = name;
    this.position = position;
    this.firstSection = elf.firstSection;
    this.sectionCount = elf.sectionCount;
    this.headersOffset = elf.headersOffset;
    this.headerCount = elf.headerCount;
    this.firstNumber = elf.firstNumber;
    this.symbols = elf.symbols;
    this.addressTable = elf.addressTable;
    this.tables = elf.tables;
    this.firstLocal = firstLocal;
    this.globals = new Int32Array(elf.symbols.count - elf.symbols.firstGlobal);
    this.#source = source;
    this.#contents = contents;
    this.#kept = kept;
  }

  /**
   * The bytes of the object; of a large one without large sections that are not loaded, and their relocations. Unless
   * `isKept`, they are there only until another object's are asked for.
   * @throws UnreadableFile
   */
  get bytes(): Uint8Array {
    return this.#kept ?? this.#contents.borrow(this.#source);
  }

  /**
   * Reads a range of the object's bytes at once if that is cheaper than the parts of it that will be asked for.
   * @param count number of the parts
   * @param bytes size of all of them
   * @throws UnreadableFile
   */
  prepare(start: number, end: number, count: number, bytes: number): void {
    const isCheaper = count > 1 && count * PART_COST + bytes >= end - start;
    if (!this.#kept && isCheaper) this.#contents.prepare(this.#source, start, end - start);
  }

  /** Reads what `bytes` leaves out as well, which is there until another object's are asked for. @throws UnreadableFile */
  loadUnloaded(): void {
    if (!this.#kept) this.#contents.borrowAll(this.#source);
  }

  /** Reads what `bytes` gives at once, since most of it will be asked for part by part. @throws UnreadableFile */
  load(): void {
    if (!this.#kept) this.#contents.borrow(this.#source);
  }

  /** Bytes of the object. */
  get size(): number {
    return this.#source.size;
  }

  /** A part of the bytes, for as long as `bytes`. @throws UnreadableFile */
  part(offset: number, size: number): Uint8Array {
    if (this.#kept) return this.#kept.subarray(offset, offset + size);
    return this.#contents.borrowPart(this.#source, offset, size);
  }

  /** Whether the bytes stay in memory. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** The bytes, if they stay in memory. */
  get keptBytes(): Uint8Array | undefined {
    return this.#kept;
  }
}

/** Relocations of an earlier link: the first row of each section, and how many it has. */
interface RelocationsAsRead {
  readonly table: RelocationTable;
  readonly firsts: Uint32Array;
  readonly counts: Uint32Array;
}

/** What a name stands for. The order is that of strength: a higher kind replaces a lower one. */
export const SymbolKind = {
  undefined: 0,
  /** Defined by an archive member that nothing has needed yet. */
  lazy: 1,
  common: 2,
  /** Defined in a section: the value is an offset into it. */
  defined: 3,
  absolute: 4,
  /** `--defsym` or a linker script: the value is known when addresses are. */
  expression: 5,
  /** Defined by the linker (`_end`, `__bss_start`, …) because something refers to it. */
  provided: 6,
} as const;
export type SymbolKind = (typeof SymbolKind)[keyof typeof SymbolKind];

/** How strongly objects refer to a name. */
export const Reference = { none: 0, weak: 1, strong: 2 } as const;

const INITIAL_ROWS = 256;

/** One row for each distinct global name; a symbol's id is the id of its name. */
class SymbolTable {
  readonly names: NameTable;
  kind: Uint8Array;
  /** 1 if the definition is weak. */
  weak: Uint8Array;
  /** `Reference`: the strongest reference of any object. */
  reference: Uint8Array;
  /** defined, absolute, common: the defining object. lazy: the number of the loaded input. Else -1. */
  object: Int32Array;
  /** defined, absolute, common: the symbol's number in that object. lazy: header offset of the member. expression: number in the options' definitions, or -1 for one of a script. */
  index: Float64Array;
  /** defined: id of the section. Else -1. */
  section: Int32Array;
  /** Low and high halves of the value; for `expression` and `provided` filled in by `layoutImage`. */
  valueLow: Uint32Array;
  valueHigh: Int32Array;
  /** st_size in bytes. */
  size: Float64Array;
  /** Symbol type (STT_…) of the definition. */
  type: Uint8Array;

  /**
   * @param rows symbols for which there is room at first
   * @param earlier names that an earlier link has met
   */
  constructor(rows: number, earlier: NameTable | undefined) {
    this.names = new NameTable(rows, earlier);
    this.kind = new Uint8Array(rows);
    this.weak = new Uint8Array(rows);
    this.reference = new Uint8Array(rows);
    this.object = new Int32Array(rows);
    this.index = new Float64Array(rows);
    this.section = new Int32Array(rows);
    this.valueLow = new Uint32Array(rows);
    this.valueHigh = new Int32Array(rows);
    this.size = new Float64Array(rows);
    this.type = new Uint8Array(rows);
    this.object.fill(-1);
    this.section.fill(-1);
  }

  get count(): number {
    return this.names.count;
  }

  /** Id for a name given as bytes. */
  intern(bytes: Uint8Array, offset: number, length: number): number {
    return this.#row(this.names.intern(bytes, offset, length));
  }

  /** As `NameTable.internTerminated`. */
  internTerminated(bytes: Uint8Array, offset: number, end: number): number {
    const id = this.names.internTerminated(bytes, offset, end);
    return id < 0 ? id : this.#row(id);
  }

  /** As `NameTable.internEarlier`. */
  internEarlier(names: NameTable, id: number): number {
    return this.#row(this.names.internEarlier(names, id));
  }

  /** Id for a name given as text. */
  internText(text: string): number {
    return this.#row(this.names.internText(text));
  }

  /** Sets a value that is a plain number below 2^53 in magnitude. */
  setValue(id: number, value: number): void {
    this.valueLow[id] = value % 2 ** 32;
    this.valueHigh[id] = Math.floor(value / 2 ** 32);
  }

  /** Sets a value of 64 bits. */
  setValue64(id: number, value: bigint): void {
    this.valueLow[id] = Number(BigInt.asUintN(32, value));
    this.valueHigh[id] = Number(BigInt.asIntN(32, value >> 32n));
  }

  #row(id: number): number {
    if (id >= this.kind.length) this.#grow(Math.max(id + 1, this.kind.length * 2));
    return id;
  }

  #grow(rows: number): void {
    const used = this.kind.length;
    this.kind = copyInto(new Uint8Array(rows), this.kind);
    this.weak = copyInto(new Uint8Array(rows), this.weak);
    this.reference = copyInto(new Uint8Array(rows), this.reference);
    this.object = copyInto(new Int32Array(rows), this.object).fill(-1, used);
    this.index = copyInto(new Float64Array(rows), this.index);
    this.section = copyInto(new Int32Array(rows), this.section).fill(-1, used);
    this.valueLow = copyInto(new Uint32Array(rows), this.valueLow);
    this.valueHigh = copyInto(new Int32Array(rows), this.valueHigh);
    this.size = copyInto(new Float64Array(rows), this.size);
    this.type = copyInto(new Uint8Array(rows), this.type);
  }
}

function sizeOf(input: LoadedInput): number {
  return input.kind === 'object' ? input.file.size : input.archive.file.size;
}

/**
 * A link's tables. They have room for what inputs of their size usually hold: tables that grow are copied, and memory
 * that is never touched costs nothing.
 */
export class Program {
  readonly objects: InputObject[] = [];
  readonly sections: SectionTable;
  readonly symbols: SymbolTable;
  readonly locals: LocalSymbols;
  /** Of loaded sections; `symbol` holds a reference, for which see `locate`. */
  readonly relocations: RelocationTable;
  readonly inputs: readonly LoadedInput[];
  /** By symbol id, what objects define of symbols that a linker script assigns to: section, or -1, and value. */
  readonly overridden = new Map<number, { readonly section: number; readonly value: bigint }>();
  /** By id of an object that was taken out of an archive, the symbol that was wanted; -1 if all members are. */
  readonly extractedFor = new Map<number, number>();
  /** Stands for the linker where an object is asked for: the sections it makes belong to it. */
  readonly linkerObject: InputObject;
  /** Ids of the sections that the linker makes, by name. */
  readonly made: Readonly<Record<LinkerSection, number>>;
  /** The relocations before a pass rewrote some; where later links want them. */
  #relocationsAsRead: RelocationsAsRead | undefined;
  readonly #contents: Contents;
  /** Names of sections that passes will ask for, by section id. */
  readonly #names = new Map<number, string>();

  /**
   * @param earlier names that an earlier link has met: this one takes them over
   * @param keptSize bytes of objects that may stay in memory, if not as many as for one link
   */
  constructor(inputs: readonly LoadedInput[], earlier?: NameTable, keptSize?: number) {
    this.#contents = new Contents(keptSize);
    this.inputs = inputs;
    const size = inputs.reduce((sum, input) => sum + sizeOf(input), 0);
    const rows = (bytesPerRow: number) => Math.ceil(size / bytesPerRow) + INITIAL_ROWS;
    this.sections = new SectionTable(rows(1500), rows(700));
    this.symbols = new SymbolTable(rows(2500), earlier);
    this.locals = new LocalSymbols(rows(1000));
    this.relocations = new RelocationTable(rows(140));
    this.linkerObject = this.#addLinkerObject();
    this.made = {
      '.got': this.#addLinkerSection('.got', SHT_PROGBITS, SHF_ALLOC, 8),
      '.igot': this.#addLinkerSection('.igot', SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8),
      '.iplt': this.#addLinkerSection('.iplt', SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 1),
      '.rela.iplt': this.#addLinkerSection('.rela.iplt', SHT_PROGBITS, SHF_ALLOC, 8),
      '.eh_frame': this.#addLinkerSection('.eh_frame', SHT_PROGBITS, SHF_ALLOC, 8),
      '.eh_frame_hdr': this.#addLinkerSection('.eh_frame_hdr', SHT_PROGBITS, SHF_ALLOC, 4),
      '.dynamic': this.#addLinkerSection('.dynamic', SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 8),
      '.text.outlined': this.#addLinkerSection('.text.outlined', SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 1),
    };
  }

  /**
   * Reads an object and adds it with its sections and local symbols. Its bytes can be borrowed from then on.
   * @throws FormatError if it is malformed; nothing refers to it then
   */
  addObject(name: string, source: ByteSource, position: number): InputObject {
    const { sections, locals } = this;
    const { count, numbers } = sections;
    const localCount = locals.count;
    try {
      const { bytes, stays } = this.#contents.read(source);
      const elf = parseObject(bytes, sections, this.objects.length);
      const firstLocal = elf.symbols.count > 0 ? locals.add(elf, sections) : 0;
      const { length: id } = this.objects;
      const kept = stays ? bytes : undefined;
      const object = new InputObject(id, name, position, elf, firstLocal, source, this.#contents, kept);
      this.objects.push(object);
      this.#noteNames(object, bytes);
      return object;
    } catch (error) {
      sections.truncate(count, numbers);
      locals.count = localCount;
      throw error;
    }
  }

  /**
   * Adds an object as `addObject` does, of which an earlier link has read the same bytes.
   * @param earlier the tables of that link, in which `original` is the object
   */
  copyObject(
    name: string,
    source: ByteSource,
    position: number,
    earlier: Program,
    original: InputObject,
  ): InputObject {
    const { sections, locals } = this;
    const { length: id } = this.objects;
    const place = { firstSection: sections.count, firstNumber: sections.numbers };
    sections.addCopies(earlier.sections, original, id);
    const shift = place.firstSection - original.firstSection;
    const { count, firstGlobal } = original.symbols;
    const firstLocal =
      count > 0 ? locals.addCopies(earlier.locals, original.firstLocal, firstGlobal, shift) : 0;
    const { sectionCount, headersOffset, headerCount, symbols, addressTable } = original;
    const elf = { ...place, sectionCount, headersOffset, headerCount, symbols, addressTable };
    const kept = original.keptBytes;
    if (kept) this.#contents.countKept(source);
    const object = new InputObject(id, name, position, elf, firstLocal, source, this.#contents, kept);
    this.objects.push(object);
    for (let row = place.firstSection; row < sections.count; row++) {
      if ((sections.traits[row]! & NAMED) !== 0) this.#names.set(row, earlier.#names.get(row - shift)!);
    }
    return object;
  }

  #noteNames({ firstSection, sectionCount }: InputObject, bytes: Uint8Array): void {
    const { traits, nameOffset } = this.sections;
    for (let id = firstSection; id < firstSection + sectionCount; id++) {
      if ((traits[id]! & NAMED) !== 0) this.#names.set(id, sectionNameAt(bytes, nameOffset[id]!));
    }
  }

  /** Reads the relocations of an object whose symbols have their ids. @throws FormatError if they are malformed */
  addRelocations(object: InputObject): void {
    addRelocations(object, this.sections, this.referencesOf(object), fieldSize, this.relocations);
    object.tables = undefined;
  }

  /**
   * As `addRelocations`, for an object that was copied.
   * @param rows its relocations in the tables of the earlier link
   * @param symbolOf for each id of a symbol there the id here
   */
  copyRelocations(
    object: InputObject,
    earlier: Program,
    original: InputObject,
    rows: RelocationRows,
    symbolOf: Int32Array,
  ): void {
    const { sections, relocations } = this;
    const { table, firsts, counts } = earlier.#asRead();
    const shift = relocations.count - rows.first;
    for (let i = 0; i < object.sectionCount; i++) {
      const row = original.firstSection + i;
      const count = counts[row]!;
      if (count === 0) continue;
      sections.relocationCount[object.firstSection + i] = count;
      sections.firstRelocation[object.firstSection + i] = firsts[row]! + shift;
    }
    const localShift = object.firstLocal - original.firstLocal;
    relocations.addCopies(table, rows, symbolOf, localShift);
  }

  /** Keeps the relocations as they are for a later link, before a pass changes them. */
  keepRelocations(): void {
    const { firstRelocation, relocationCount, count } = this.sections;
    const firsts = firstRelocation.slice(0, count);
    const counts = relocationCount.slice(0, count);
    this.#relocationsAsRead = { table: this.relocations.copy(), firsts, counts };
  }

  #asRead(): RelocationsAsRead {
    const { relocations: table, sections } = this;
    const { firstRelocation: firsts, relocationCount: counts } = sections;
    return this.#relocationsAsRead ?? { table, firsts, counts };
  }

  /**
   * Gives a section so many rows for other relocations than it has: its own, or new ones if it has not enough.
   * @returns the first of them
   */
  renewRelocations(id: number, count: number): number {
    const { sections, relocations } = this;
    if (count > sections.relocationCount[id]!) {
      relocations.reserve(count);
      sections.firstRelocation[id] = relocations.count;
      relocations.count += count;
    }
    sections.relocationCount[id] = count;
    return sections.firstRelocation[id]!;
  }

  /** What the symbol numbers of an object mean. */
  referencesOf({ symbols, globals, firstLocal }: InputObject) {
    return { firstGlobal: symbols.firstGlobal, globals, firstLocal, locals: this.locals };
  }

  /** Adds a zero-initialised section for a common symbol. @returns its id */
  addCommon(size: number, addralign: number): number {
    const id = this.#addLinkerSection('COMMON', SHT_NOBITS, SHF_ALLOC | SHF_WRITE, addralign);
    this.sections.size[id] = size;
    return id;
  }

  /** Whether a section holds instructions. */
  isCode(id: number): boolean {
    return (this.sections.flags[id]! & SHF_EXECINSTR) !== 0;
  }

  /** Whether a section is one that the linker makes. */
  isLinkerMade(id: number): boolean {
    return this.sections.object[id] === this.linkerObject.id;
  }

  /** Name of a section, for printing and comparing. */
  sectionName(id: number): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const at = this.sections.nameOffset[id]!;
    if (at === NO_NAME) return '';
    const object = this.objectOf(id);
    for (let size = NAME_SIZE; ; size *= 8) {
      const bytes = object.part(at, Math.min(size, object.size - at));
      const length = bytes.indexOf(0);
      if (length >= 0) return decodeText(bytes, 0, length);
    }
  }

  /** Reads the names of all sections of an object at once, for `sectionName`, where they lie close enough. */
  prepareNames(object: InputObject): void {
    const { firstSection, sectionCount, size } = object;
    const { nameOffset } = this.sections;
    let [first, last] = [size, 0];
    for (let id = firstSection; id < firstSection + sectionCount; id++) {
      const at = nameOffset[id]!;
      if (at === NO_NAME || this.#names.has(id)) continue;
      first = Math.min(first, at);
      last = Math.max(last, at);
    }
    if (first < last)
      object.prepare(first, Math.min(last + NAME_SIZE, size), sectionCount, sectionCount * NAME_SIZE);
  }

  /** The object that a section comes from. */
  objectOf(section: number): InputObject {
    return this.objects[this.sections.object[section]!]!;
  }

  /** Id of section number `n` of an object, or -1 if it is a table. */
  rowOf({ firstNumber }: InputObject, n: number): number {
    return this.sections.rowOf[firstNumber + n]!;
  }

  /** The section that sh_link of a section names, or -1. */
  linkedSection(id: number): number {
    const object = this.objectOf(id);
    const link = this.sections.link[id]!;
    return link < object.headerCount ? this.rowOf(object, link) : -1;
  }

  /** A place in the inputs as shown to users: `main.o:(.text._start+0x1c)`. */
  place(section: number, offset: number): string {
    return `${this.objectOf(section).name}:(${this.sectionName(section)}+0x${offset.toString(16)})`;
  }

  /**
   * The bytes of a section in its object; empty for SHT_NOBITS and for sections the linker makes. Unless its object
   * is kept, they are there only until another object's are asked for.
   */
  borrowBytes(id: number): Uint8Array {
    const { sections } = this;
    if (sections.type[id] === SHT_NOBITS || this.isLinkerMade(id)) return NO_BYTES;
    return this.objectOf(id).part(sections.offset[id]!, sections.size[id]!);
  }

  /** As `borrowBytes`, to keep. */
  sectionBytes(id: number): Uint8Array {
    const bytes = this.borrowBytes(id);
    return this.objectOf(id).isKept ? bytes : new Uint8Array(bytes);
  }

  #addLinkerSection(name: LinkerSection | 'COMMON', type: number, flags: number, addralign: number): number {
    const { sections } = this;
    sections.reserve(1);
    const id = sections.add();
    sections.number[id] = 0;
    sections.object[id] = this.linkerObject.id;
    sections.nameOffset[id] = LINKER_NAMES.indexOf(`\0${name}\0`) + 1;
    sections.type[id] = type;
    sections.flags[id] = flags;
    sections.addralign[id] = addralign;
    return id;
  }

  #addLinkerObject(): InputObject {
    const bytes = new TextEncoder().encode(LINKER_NAMES);
    const symbols = {
      offset: 0,
      count: 0,
      firstGlobal: 0,
      stringsOffset: 0,
      stringsSize: 0,
      shndxOffset: -1,
    };
    const headers = { headersOffset: 0, headerCount: 0, firstNumber: 0, addressTable: 0 };
    const elf = { firstSection: 0, sectionCount: 0, symbols, ...headers };
    const object = new InputObject(0, '<linker>', 0, elf, 0, sourceOf(bytes), this.#contents, bytes);
    this.objects.push(object);
    return object;
  }
}

const NO_BYTES = new Uint8Array(0);

/** What the names of these sections say exactly matters. */
const NAMED = Trait.sequence | Trait.warning;
const LINKER_NAMES =
  '\0.got\0.igot\0.iplt\0.rela.iplt\0.eh_frame\0.eh_frame_hdr\0.dynamic\0.text.outlined\0COMMON\0';
/** Sections of which the linker makes one if it is needed. */
type LinkerSection =
  | '.got'
  | '.igot'
  | '.iplt'
  | '.rela.iplt'
  | '.eh_frame'
  | '.eh_frame_hdr'
  | '.dynamic'
  | '.text.outlined';

/** Where a symbol reference leads; one such object is reused by each pass that follows references. */
export class Target {
  /** Symbol id, or -1 for a symbol local to its object. */
  symbol = -1;
  /** Section id; -1 where the value is an address by itself. */
  section = -1;
  /** The value: an offset into the section, or an address. */
  low = 0;
  high = 0;
  /** Symbol type, STT_… */
  type = 0;
}

/**
 * Follows a reference to its definition. A reference is the id of a global symbol, or the complement of a local
 * symbol's row.
 */
export function locate(program: Program, reference: number, out: Target): void {
  if (reference >= 0) {
    locateGlobal(program, reference, out);
    return;
  }
  const { locals } = program;
  const row = ~reference;
  out.symbol = -1;
  out.section = locals.section[row]!;
  out.low = locals.valueLow[row]!;
  out.high = locals.valueHigh[row]!;
  out.type = locals.type[row]!;
}

/** Symbol type of what a reference leads to. */
export function typeOf({ locals, symbols }: Program, reference: number): number {
  return reference >= 0 ? symbols.type[reference]! : locals.type[~reference]!;
}

/** Sets `out` to the definition of a global symbol; an undefined one is the address 0. */
export function locateGlobal(program: Program, symbol: number, out: Target): void {
  const { symbols } = program;
  out.symbol = symbol;
  out.section = symbols.section[symbol]!;
  out.low = symbols.valueLow[symbol]!;
  out.high = symbols.valueHigh[symbol]!;
  out.type = symbols.type[symbol]!;
}

/** The reference that symbol number `index` of an object is. */
export function referenceOf(object: InputObject, index: number): number {
  const { firstGlobal } = object.symbols;
  return index >= firstGlobal && index > 0
    ? object.globals[index - firstGlobal]!
    : ~(object.firstLocal + index);
}

/** Number of a symbol in an object that refers to it, or -1. */
function indexOf(object: InputObject, reference: number): number {
  if (reference < 0) return ~reference - object.firstLocal;
  const i = object.globals.indexOf(reference);
  return i < 0 ? -1 : object.symbols.firstGlobal + i;
}

/** st_size of what a reference of `object` leads to, from its definition where that is global. Bytes. */
export function symbolSize(program: Program, object: InputObject, reference: number): number {
  if (reference >= 0) return program.symbols.size[reference]!;
  const index = indexOf(object, reference);
  return object.symbols.count === 0 ? 0 : readU64(object.bytes, symbolOffset(object, index) + 16);
}

/** Binding of the symbol by which an object refers to a global symbol. */
export function bindingOf(object: InputObject, symbol: number): number {
  return object.part(symbolOffset(object, indexOf(object, symbol)) + 4, 1)[0]! >> 4;
}

/** Name of what a reference of `object` leads to, as shown to users; a section symbol goes by its section's name. */
export function describeReference(program: Program, object: InputObject, reference: number): string {
  const index = indexOf(object, reference);
  if (index < 0) return program.symbols.names.text(reference);
  try {
    const info = object.bytes[symbolOffset(object, index) + 4]!;
    const isSection = (info & 15) === STT_SECTION && info >> 4 === STB_LOCAL;
    if (!isSection || hasReservedSection(object, index)) return symbolName(object, index);
    const section = program.rowOf(object, symbolSection(object, index));
    return section < 0 ? `symbol number ${index}` : program.sectionName(section);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return `symbol number ${index}`;
  }
}
