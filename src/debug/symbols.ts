/** The symbol table of the executable: names of what is part of it, with its addresses (gABI, "Symbol Table"). */
import { FormatError } from '../diagnostics.ts';
import { readI32, readU32, readU64, writeU16, writeU32, writeU64 } from '../elf/bytes.ts';
import {
  SHN_ABS,
  SHN_UNDEF,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_COMMON,
  STT_FILE,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  STT_TLS,
  STV_HIDDEN,
  STV_INTERNAL,
  SYM_SIZE,
} from '../elf/constants.ts';
import { hasReservedSection, symbolName, symbolOffset, symbolSection } from '../elf/object.ts';
import { StringTable } from '../elf/stringTable.ts';
import { type InputObject, SymbolKind } from '../program.ts';
import type { LoadedSections } from './loadedSections.ts';
import { addressOf, type FinishedLink, type OutputSection, templateStart } from './source.ts';

/** A symbol of the output. */
interface Entry {
  readonly name: string;
  readonly binding: number;
  /** Symbol type, STT_… */
  readonly type: number;
  /** Section number in the output, or a reserved one. */
  readonly shndx: number;
  /** Halves of st_value: an address, for thread-local symbols an offset in the template. */
  readonly low: number;
  readonly high: number;
  /** Bytes. */
  readonly size: number;
}

/** Labels that assemblers make for themselves; linkers leave them out as well (GNU ld's manual, `--discard-none`). */
const ASSEMBLER_LABEL = /^(\.L|$)/;

/** @returns `.symtab` and `.strtab` */
export function makeSymbolTable(link: FinishedLink, loaded: LoadedSections): OutputSection[] {
  const collector = new Collector(link, loaded);
  const locals = [NO_SYMBOL, ...collector.locals()];
  const globals = collector.globals();
  const hidden = globals.filter(({ binding }) => binding === STB_LOCAL);
  // A file symbol without a name ends the locals of the last file.
  if (hidden.length > 0) locals.push(fileSymbol(''), ...hidden);
  const entries = [...locals, ...globals.filter(({ binding }) => binding !== STB_LOCAL)];
  const strings = new StringTable();
  const table = encode(entries, strings);
  const names = strings.bytes();
  const common = { flags: 0, address: 0 };
  return [
    {
      ...common,
      name: '.symtab',
      type: SHT_SYMTAB,
      size: table.length,
      alignment: 8,
      content: table,
      entsize: SYM_SIZE,
      link: '.strtab',
      info: locals.length,
    },
    { ...common, name: '.strtab', type: SHT_STRTAB, size: names.length, alignment: 1, content: names },
  ];
}

const NO_SYMBOL: Entry = {
  name: '',
  binding: STB_LOCAL,
  type: STT_NOTYPE,
  shndx: SHN_UNDEF,
  low: 0,
  high: 0,
  size: 0,
};

function fileSymbol(name: string): Entry {
  return { ...NO_SYMBOL, name, type: STT_FILE, shndx: SHN_ABS };
}

function encode(entries: readonly Entry[], strings: StringTable): Uint8Array {
  const table = new Uint8Array(entries.length * SYM_SIZE);
  entries.forEach(({ name, binding, type, shndx, low, high, size }, i) => {
    const at = i * SYM_SIZE;
    writeU32(table, at, strings.add(name));
    table[at + 4] = (binding << 4) | type;
    writeU16(table, at + 6, shndx);
    writeU32(table, at + 8, low);
    writeU32(table, at + 12, high);
    writeU64(table, at + 16, size);
  });
  return table;
}

class Collector {
  readonly #link: FinishedLink;
  readonly #loaded: LoadedSections;
  readonly #template: number;

  constructor(link: FinishedLink, loaded: LoadedSections) {
    this.#link = link;
    this.#loaded = loaded;
    this.#template = templateStart(link.layout);
  }

  /** Local symbols, those of each object behind the name of its source file. */
  locals(): Entry[] {
    const entries: Entry[] = [];
    for (const object of this.#link.program.objects) {
      if (!this.#isPresent(object)) continue;
      for (let index = 1; index < object.symbols.firstGlobal; index++) {
        const entry = this.#local(object, index);
        if (entry) entries.push(entry);
      }
    }
    return entries;
  }

  /** Global symbols. Hidden ones have local binding: nothing outside the file may refer to them. */
  globals(): Entry[] {
    const { symbols } = this.#link.program;
    const entries: Entry[] = [];
    for (let id = 0; id < symbols.count; id++) {
      const entry = this.#global(id);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  /** Whether anything of an object is in the program. */
  #isPresent({ firstSection, sectionCount }: InputObject): boolean {
    return this.#link.pieces.home
      .subarray(firstSection, firstSection + sectionCount)
      .some((home) => home >= 0);
  }

  /** A local symbol as it is to be listed. No relocation may have looked at it, so it may be malformed. */
  #local(object: InputObject, index: number): Entry | undefined {
    try {
      return this.#readLocal(object, index);
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }

  #readLocal(object: InputObject, index: number): Entry | undefined {
    const { bytes } = object;
    const at = symbolOffset(object, index);
    const type = bytes[at + 4]! & 15;
    const name = symbolName(object, index);
    if (type === STT_FILE) return fileSymbol(name);
    if (type === STT_SECTION || ASSEMBLER_LABEL.test(name)) return undefined;
    const symbol = { name, binding: STB_LOCAL, type, size: readU64(bytes, at + 16) };
    const low = readU32(bytes, at + 8);
    if (hasReservedSection(object, index)) {
      return { ...symbol, shndx: SHN_ABS, low, high: readI32(bytes, at + 12) };
    }
    const section = this.#link.program.rowOf(object, symbolSection(object, index));
    return section < 0 ? undefined : this.#placed(symbol, section, low);
  }

  #global(id: number): Entry | undefined {
    const { symbols } = this.#link.program;
    if (symbols.kind[id]! <= SymbolKind.lazy) return undefined;
    const weakness = symbols.weak[id] === 1 ? STB_WEAK : STB_GLOBAL;
    const symbol = {
      name: symbols.names.text(id),
      binding: this.#isHidden(id) ? STB_LOCAL : weakness,
      type: symbols.type[id] === STT_COMMON ? STT_OBJECT : symbols.type[id]!,
      size: symbols.size[id]!,
    };
    const section = symbols.section[id]!;
    const low = symbols.valueLow[id]!;
    const high = symbols.valueHigh[id]!;
    if (section >= 0) return this.#placed(symbol, section, low);
    const isEdge = symbols.kind[id] === SymbolKind.provided;
    return { ...symbol, shndx: isEdge ? this.#sectionAround(low) : SHN_ABS, low, high };
  }

  #isHidden(id: number): boolean {
    const { symbols, objects } = this.#link.program;
    if (symbols.kind[id] !== SymbolKind.defined || symbols.object[id]! < 0) return false;
    const object = objects[symbols.object[id]!]!;
    const visibility = object.bytes[symbolOffset(object, symbols.index[id]!) + 5]! & 3;
    return visibility === STV_HIDDEN || visibility === STV_INTERNAL;
  }

  /** The entry for a symbol at an offset of an input section, if that is part of the program. */
  #placed(symbol: Omit<Entry, 'shndx' | 'low' | 'high'>, section: number, offset: number): Entry | undefined {
    const address = addressOf(this.#link, section, offset);
    if (address < 0) return undefined;
    const value = symbol.type === STT_TLS ? address - this.#template : address;
    const shndx = this.#loaded.indexOf[this.#link.pieces.home[section]!]! + 1;
    const size = this.#link.pieces.sizeOf(section, offset, symbol.size);
    return { ...symbol, size, shndx, low: value, high: Math.floor(value / 2 ** 32) };
  }

  /** Number of the section that an edge of the image belongs to: the last that begins at or before it. */
  #sectionAround(address: number): number {
    const { sections } = this.#loaded;
    const index = sections.findLastIndex((section) => section.address <= address && section.name !== '.tbss');
    return index < 0 ? SHN_ABS : index + 1;
  }
}
