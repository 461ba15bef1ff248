/**
 * Gives every global name one definition and decides which objects take part. Objects named on the command line
 * do; an archive member does when it defines a name that is strongly referenced and undefined at that moment,
 * wherever in the command line the reference or the archive stand (as in lld, unlike GNU ld, which looks at an
 * archive once). Where several archives define a name, the first named wins.
 *
 * Afterwards no symbol changes its definition, and no object, section or symbol is added.
 */
import type { ByteSource } from '../contents.ts';
import { type Diagnostics, FormatError } from '../diagnostics.ts';
import { readAddressTable } from '../elf/addressTable.ts';
import { Archive, type ArchiveIndex, type ArchiveMember } from '../elf/archive.ts';
import { findNul, wordsAt } from '../elf/bytes.ts';
import {
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  STB_GLOBAL,
  STB_GNU_UNIQUE,
  STB_WEAK,
  STT_NOTYPE,
  SYM_SIZE,
} from '../elf/constants.ts';
import { readGroups, signatureOf } from '../elf/groups.ts';
import { type FileKind, IDENTIFYING_SIZE, identify } from '../elf/identify.ts';
import {
  type ElfObject,
  parseObject,
  sectionLabel,
  symbolNameLength,
  symbolNameOffset,
  symbolOffset,
  symbolSection,
  wordPair,
} from '../elf/object.ts';
import { Trait } from '../elf/sectionNames.ts';
import { copyInto, NO_ROW, SectionTable } from '../elf/sections.ts';
import { type Expression, symbolsOf } from '../expression.ts';
import {
  type InputFile,
  type InputFiles,
  type LoadedInput,
  openInput,
  readPart,
  UnreadableFile,
} from '../inputs.ts';
import type { KnownObject, LinkCache, LinkReuse } from '../linkCache.ts';
import type { LinkOptions } from '../options.ts';
import { type InputObject, Program, Reference, referenceOf, SymbolKind } from '../program.ts';
import { DATA_LABELS, DYNAMIC_SYMBOL, providedPlace } from '../provided.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { definedSymbols, referencedSymbols, type ScriptSymbol } from '../script/symbols.ts';

/**
 * @param files where the members of thin archives are found
 * @param cache has what earlier links have read, and gets what this one reads
 */
export function resolveSymbols(
  inputs: readonly LoadedInput[],
  files: InputFiles,
  options: LinkOptions,
  script: LinkScript,
  diagnostics: Diagnostics,
  cache?: LinkCache,
): Program {
  const resolver = new Resolver(inputs, files, options, diagnostics, cache);
  resolver.addRoots(options);
  resolver.addScript(script);
  // What takes part in any case comes first, so that nothing is taken from an archive that an object defines.
  inputs.forEach((input, number) => {
    if (!isOptional(input)) resolver.addInput(input, number);
  });
  inputs.forEach((input, number) => {
    if (isOptional(input)) resolver.addInput(input, number);
  });
  resolver.wantPlainNames();
  resolver.allocateCommons();
  resolver.defineScriptSymbols();
  resolver.provideSymbols(options);
  if (!script.hasSections && !options.verbatim) resolver.moveDataLabels();
  resolver.takePlainNames();
  resolver.resolveAliases(options);
  return resolver.program;
}

/** Whether an input takes part only where something needs it. */
function isOptional(input: LoadedInput): boolean {
  return input.kind === 'archive' ? !input.whole : input.lazy;
}

/** A symbol table entry as it is compared with what is already known of its name; one is reused for all. */
class Candidate {
  kind: SymbolKind = SymbolKind.undefined;
  weak = false;
  section = -1;
  valueLow = 0;
  valueHigh = 0;
  size = 0;
  type = 0;
}

/** A definition that an input would supply of a symbol. */
interface Offer {
  readonly symbol: number;
  /** Number of the input. */
  readonly input: number;
  /** Offset of the member's header, or -1 for an object. */
  readonly header: number;
}

const SYM_WORDS = SYM_SIZE / 4;

/** A common symbol of objects that have nothing but bytecode (GCC, gcc/toplev.cc, compile_file). */
const SLIM_MARK = '__gnu_lto_slim';

/** Bytes that addresses on x86-64 can tell apart, which no section exceeds either. */
const ADDRESS_SPACE = 2 ** 47;

class Resolver {
  readonly program: Program;
  readonly #reuse: LinkReuse | undefined;
  readonly #files: InputFiles;
  readonly #diagnostics: Diagnostics;
  /** By symbol id, 1 for a name that is the signature of a COMDAT group that some object has supplied. */
  #groups = new Uint8Array(0);
  /** Names of the sections that sequences are made of; collected when they are first needed. */
  #sectionNames: ReadonlySet<string> | undefined;
  /** Header offsets of the members already extracted, by number of the input; -1 stands for an object. */
  readonly #extracted = new Map<number, Set<number>>();
  readonly #candidate = new Candidate();
  /** Lazy symbols that turned out to be needed and whose member is not read yet. */
  readonly #wanted: number[] = [];
  /** Numbers of the inputs that take part only where something needs them. */
  readonly #optional: number[] = [];
  /** What those have of common symbols, and is not looked at yet. */
  readonly #offers: Offer[] = [];
  /** Whether a symbol has become common of which these have more than is in `#offers`. */
  #isOfferMissing = false;

  readonly #options: LinkOptions;
  /** Ids of the symbols of --trace-symbol. */
  readonly #traced = new Set<number>();
  /** What a linker script defines, by symbol id. */
  readonly #scripted = new Map<number, ScriptSymbol>();
  /** Ids of names with a version that nobody defines, and of those without it. */
  readonly #plainNames = new Map<number, number>();
  /** By symbol id, the id that undefined references to it mean instead (`--wrap`). */
  readonly #wrapped = new Map<number, number>();

  constructor(
    inputs: readonly LoadedInput[],
    files: InputFiles,
    options: LinkOptions,
    diagnostics: Diagnostics,
    cache: LinkCache | undefined,
  ) {
    this.#reuse = cache?.begin(inputs, options);
    this.program = this.#reuse?.program ?? new Program(inputs);
    this.#files = files;
    this.#options = options;
    this.#diagnostics = diagnostics;
  }

  /** Names that the command line itself refers to or defines. */
  addRoots(options: LinkOptions): void {
    const { entry, undefinedSymbols, requiredSymbols, wrappedSymbols, definitions } = options;
    const { symbols } = this.program;
    for (const name of options.tracedSymbols) this.#traced.add(symbols.internText(name));
    for (const name of wrappedSymbols) {
      this.#wrapped.set(symbols.internText(name), symbols.internText(`__wrap_${name}`));
      this.#wrapped.set(symbols.internText(`__real_${name}`), symbols.internText(name));
    }
    definitions.forEach(({ name, expression }, number) => {
      const id = symbols.internText(name);
      symbols.kind[id] = SymbolKind.expression;
      symbols.index[id] = number;
      for (const used of symbolsOf(expression)) this.#refer(symbols.internText(used), Reference.strong);
    });
    const asked = [...undefinedSymbols, ...requiredSymbols];
    const names = /^[0-9]/.test(entry) ? asked : [entry, ...asked];
    for (const name of names) this.#refer(symbols.internText(name), Reference.strong);
  }

  /** Names that a linker script refers to or defines. --defsym wins over it. */
  addScript(script: LinkScript): void {
    const { symbols } = this.program;
    for (const [name, symbol] of definedSymbols(script)) {
      const id = symbols.internText(name);
      if (symbols.kind[id] !== SymbolKind.expression) this.#scripted.set(id, symbol);
    }
    for (const name of referencedSymbols(script)) this.#refer(symbols.internText(name), Reference.strong);
  }

  addInput(input: LoadedInput, number: number): void {
    if (isOptional(input)) this.#optional.push(number);
    this.#readInput(input, number);
    this.#extractWanted();
  }

  #readInput(input: LoadedInput, number: number): void {
    if (input.kind === 'archive') this.#addArchive(input, number);
    else if (input.lazy) this.#addLazyObject(input.name, wholeFile(input), number);
    else this.#addObject(input.name, wholeFile(input), number);
  }

  /** Refuses objects that GCC has left without machine code: to be compiled they need a plugin of GCC's. */
  #refuseSlimObjects(): void {
    const { symbols, objects } = this.program;
    const id = symbols.names.find(SLIM_MARK);
    if (id < 0 || symbols.kind[id] !== SymbolKind.common) return;
    const { name } = objects[symbols.object[id]!]!;
    const hint = 'compile without -flto, or with -ffat-lto-objects besides';
    this.#diagnostics.formatError(
      name,
      new FormatError("it has GCC's LTO bytecode, not machine code", 0, hint),
    );
    this.#diagnostics.stopOnErrors();
  }

  /**
   * Refers to the plain name where something refers to a version of it that nobody defines: objects that were made to
   * be linked with shared libraries name versions, and libraries for static links have none.
   */
  wantPlainNames(): void {
    const { symbols } = this.program;
    for (let id = 0; id < symbols.count; id++) {
      const reference = symbols.reference[id]!;
      if (symbols.kind[id] !== SymbolKind.undefined || reference === Reference.none) continue;
      const name = symbols.names.text(id);
      const length = name.indexOf('@', 1);
      if (length < 0 || name.startsWith('@')) continue;
      const plain = symbols.internText(name.slice(0, length));
      this.#plainNames.set(id, plain);
      this.#refer(plain, reference);
      this.#extractWanted();
    }
  }

  /** Gives names with versions that nobody defines the definition of the plain name. */
  takePlainNames(): void {
    const { symbols } = this.program;
    for (const [id, plain] of this.#plainNames) {
      const kind = symbols.kind[plain];
      if (symbols.kind[id] !== SymbolKind.undefined) continue;
      if (kind !== SymbolKind.defined && kind !== SymbolKind.absolute) continue;
      this.#copyDefinition(id, plain);
      symbols.weak[id] = symbols.weak[plain]!;
    }
  }

  /** All of a definition but whether it is weak. */
  #copyDefinition(to: number, from: number): void {
    const { symbols } = this.program;
    symbols.kind[to] = symbols.kind[from]!;
    symbols.section[to] = symbols.section[from]!;
    symbols.type[to] = symbols.type[from]!;
    symbols.object[to] = symbols.object[from]!;
    symbols.index[to] = symbols.index[from]!;
    symbols.size[to] = symbols.size[from]!;
    symbols.valueLow[to] = symbols.valueLow[from]!;
    symbols.valueHigh[to] = symbols.valueHigh[from]!;
  }

  /** Turns each common symbol into a zero-initialised section of its own (gABI, "Symbol Table", SHN_COMMON). */
  allocateCommons(): void {
    this.#refuseSlimObjects();
    const { symbols } = this.program;
    for (let id = 0; id < symbols.count; id++) {
      if (symbols.kind[id] !== SymbolKind.common) continue;
      const alignment = this.#commonAlignment(id);
      symbols.kind[id] = SymbolKind.defined;
      symbols.section[id] = this.program.addCommon(this.#commonSize(id), alignment);
      symbols.setValue(id, 0);
    }
  }

  /** st_size of a common symbol, which is as large as a section may be at most. */
  #commonSize(id: number): number {
    const { symbols } = this.program;
    const size = symbols.size[id]!;
    if (size < ADDRESS_SPACE) return size;
    this.#reportCommon(id, `has 0x${size.toString(16)} bytes, more than the address space`, 16);
    return 0;
  }

  /** @param field offset in the symbol's entry of what is wrong with it */
  #reportCommon(id: number, what: string, field: number): void {
    const { symbols, objects } = this.program;
    const object = objects[symbols.object[id]!]!;
    const at = symbolOffset(object, symbols.index[id]!) + field;
    const message = `the common symbol ${symbols.names.text(id)} ${what}`;
    this.#diagnostics.formatError(object.name, new FormatError(message, at));
  }

  /** st_value of a common symbol: an alignment, of which section headers permit powers of two (gABI, sh_addralign). */
  #commonAlignment(id: number): number {
    const { symbols } = this.program;
    const alignment = Math.max(1, symbols.valueLow[id]!);
    const isPossible = (alignment & (alignment - 1)) === 0 && alignment <= 2 ** 30;
    if (isPossible && symbols.valueHigh[id] === 0) return alignment;
    const value = (symbols.valueHigh[id]! >>> 0) * 2 ** 32 + symbols.valueLow[id]!;
    const what = `has alignment 0x${value.toString(16)}; expected a power of two up to 2^30`;
    this.#reportCommon(id, what, 8);
    return 1;
  }

  /**
   * Gives the symbols of a linker script to it. What PROVIDE defines counts only if something refers to it and
   * nothing else defines it; it may need more from archives. What objects define is kept for expressions that ask
   * for it, as in `x = DEFINED(x) ? x : 1`.
   */
  defineScriptSymbols(): void {
    const { symbols, overridden } = this.program;
    for (const [id, { isProvided, uses }] of this.#scripted) {
      const isDefined = symbols.kind[id]! > SymbolKind.lazy;
      if (isProvided && (isDefined || symbols.reference[id] === Reference.none)) continue;
      this.#scripted.delete(id);
      if (isDefined) overridden.set(id, { section: symbols.section[id]!, value: this.#valueOf(id) });
      symbols.kind[id] = SymbolKind.expression;
      symbols.index[id] = SCRIPT_DEFINITION;
      symbols.section[id] = -1;
      symbols.type[id] = STT_NOTYPE;
      symbols.size[id] = 0;
      if (!isProvided) continue;
      for (const name of uses) this.#refer(symbols.internText(name), Reference.strong);
      this.#extractWanted();
      this.allocateCommons();
      // What it refers to may be provided in turn, by a statement further up.
      this.defineScriptSymbols();
      return;
    }
  }

  #valueOf(id: number): bigint {
    const { valueLow, valueHigh } = this.program.symbols;
    return (BigInt(valueHigh[id]!) << 32n) + BigInt(valueLow[id]!);
  }

  /** Defines the linker's own symbols where a reference is left without a definition. */
  provideSymbols({ positionIndependent }: LinkOptions): void {
    const { symbols } = this.program;
    for (let id = 0; id < symbols.count; id++) {
      if (symbols.kind[id]! > SymbolKind.lazy || symbols.reference[id] === Reference.none) continue;
      const name = symbols.names.text(id);
      const isDynamic = name === DYNAMIC_SYMBOL;
      const isNeeded = isDynamic
        ? positionIndependent || symbols.reference[id] === Reference.strong
        : this.#isProvided(name);
      if (isNeeded) symbols.kind[id] = SymbolKind.provided;
    }
  }

  /**
   * Has the labels in front of all data stand there, where other sections may come first. Those of glibc are two in one
   * place, and the second one is weak; a name alone may be anything.
   */
  moveDataLabels(): void {
    const { symbols } = this.program;
    const ids = DATA_LABELS.map((name) => symbols.names.find(name));
    const isLabel = (id: number) =>
      id >= 0 &&
      symbols.kind[id] === SymbolKind.defined &&
      symbols.type[id] === STT_NOTYPE &&
      symbols.size[id] === 0 &&
      symbols.valueLow[id] === 0 &&
      symbols.section[id] === symbols.section[ids[0]!];
    if (!ids.every(isLabel) || symbols.weak[ids[0]!] === 1 || symbols.weak[ids[1]!] === 0) return;
    for (const id of ids) {
      if (symbols.reference[id] === Reference.none) continue;
      symbols.kind[id] = SymbolKind.provided;
      symbols.section[id] = -1;
    }
  }

  /** `__start_X` and `__stop_X` exist where a section X does; the other names always. */
  #isProvided(name: string): boolean {
    if ((DATA_LABELS as readonly string[]).includes(name)) return false;
    const place = providedPlace(name);
    if (place?.kind !== 'bound' || place.isArray) return place !== undefined;
    this.#sectionNames ??= collectSectionNames(this.program);
    return this.#sectionNames.has(place.cluster);
  }

  /** A `--defsym` that names another symbol, or one with an offset, is that place, not just its address. */
  resolveAliases({ definitions }: LinkOptions): void {
    definitions.forEach(({ name, expression }, number) => {
      const place = placeOf(expression);
      const { symbols } = this.program;
      const alias = symbols.names.find(name);
      // The last definition of a name counts.
      if (!place || symbols.kind[alias] !== SymbolKind.expression || symbols.index[alias] !== number) return;
      const target = symbols.names.find(place.name);
      if (symbols.kind[target] !== SymbolKind.defined) return;
      const value =
        symbols.valueHigh[target]! * 2 ** 32 +
        symbols.valueLow[target]! +
        Number(BigInt.asIntN(64, place.offset));
      this.#copyDefinition(alias, target);
      symbols.setValue(alias, value);
    });
  }

  #addObject(name: string, source: ByteSource, position: number): void {
    try {
      const known = this.#reuse?.object(source);
      if (known) this.#takeObject(known, name, source, position);
      else this.#readObject(name, source, position);
    } catch (error) {
      this.#reportInput(name, error);
    }
  }

  #readObject(name: string, source: ByteSource, position: number): void {
    const object = this.program.addObject(name, source, position);
    this.#nameGlobals(object);
    const names = this.#namesOf(object);
    const groups = this.#readGroups(object);
    this.#supersede(groups);
    const words = globalWords(object);
    this.#addSymbols(object, words);
    const addresses = this.#options.icf === 'safe' ? readAddressTable(object) : undefined;
    noteSignificant(object, addresses);
    const { relocations } = this.program;
    const { count: first, wideCount } = relocations;
    this.program.addRelocations(object);
    if (!this.#reuse) return;
    const rows = { first, count: relocations.count - first, hasWide: relocations.wideCount > wideCount };
    const read = { object, names, groups: Int32Array.from(groups), addresses, relocations: rows };
    this.#reuse.noteObject(source, { ...read, words: object.isKept ? words : words.slice() });
  }

  /** As `#readObject`, from what an earlier link has read. */
  #takeObject(known: KnownObject, name: string, source: ByteSource, position: number): void {
    const object = known.copy(name, source, position);
    const names = this.#namesOf(object);
    const groups = known.groups(object);
    this.#supersede(groups);
    const { words, addresses } = known;
    this.#addSymbols(object, words);
    noteSignificant(object, addresses);
    const { relocations } = this.program;
    const { count: first, wideCount } = relocations;
    known.addRelocations(object);
    const rows = { first, count: relocations.count - first, hasWide: relocations.wideCount > wideCount };
    this.#reuse?.noteObject(source, { object, names, words, groups, addresses, relocations: rows });
  }

  /** Ids of the names of an object's global symbols: of its own where `--wrap` is going to change none of those. */
  #namesOf({ globals }: InputObject): Int32Array {
    return this.#wrapped.size > 0 ? globals.slice() : globals;
  }

  /** Reports what reading an input threw, unless it is a defect of the linker. */
  #reportInput(name: string, error: unknown): void {
    if (error instanceof UnreadableFile) this.#reportUnreadable(name, error);
    else this.#diagnostics.formatError(name, error);
  }

  #reportUnreadable(name: string, error: UnreadableFile): void {
    this.#diagnostics.error('unreadable-input', `cannot read ${name}: ${error.message}`);
  }

  /** Gives every global symbol of an object the id of its name. */
  #nameGlobals(object: InputObject): void {
    const { bytes, globals } = object;
    const { firstGlobal, stringsOffset, stringsSize } = object.symbols;
    const { symbols } = this.program;
    const words = globalWords(object);
    const strings = bytes.subarray(stringsOffset, stringsOffset + stringsSize);
    for (let i = 0; i < globals.length; i++) {
      const st_name = words[i * SYM_WORDS]! >>> 0;
      let id = symbols.internTerminated(strings, st_name, stringsSize);
      if (id < 0) {
        // The name has a version, or something is wrong for which the reader of single names has the words.
        const isDefinition = words[i * SYM_WORDS + 1]! >>> 16 !== SHN_UNDEF;
        id = isDefinition
          ? this.#definedName(object, firstGlobal + i)
          : this.#referredName(object, firstGlobal + i);
      }
      globals[i] = id;
    }
  }

  #referredName(object: InputObject, index: number): number {
    const offset = symbolNameOffset(object, index);
    return this.program.symbols.intern(object.bytes, offset, symbolNameLength(object, offset));
  }

  /** Finds the sections of which a link keeps one: the name by which they are known, their number and ids for each group. */
  #readGroups(object: InputObject): number[] {
    const groups: number[] = [];
    this.#readLinkOnce(object, groups);
    const { firstGlobal } = object.symbols;
    readGroups(object, this.program.sections, (index, members) => {
      const isNamed = index >= firstGlobal && index < object.symbols.count;
      const name = isNamed ? object.globals[index - firstGlobal]! : this.#signatureOf(object, index);
      const rows = members.filter((member) => member !== NO_ROW);
      groups.push(name, rows.length);
      for (const row of rows) groups.push(row);
    });
    return groups;
  }

  /** Marks the members of groups whose name an earlier object has supplied. */
  #supersede(groups: ArrayLike<number>): void {
    const { superseded } = this.program.sections;
    for (let at = 0; at < groups.length; ) {
      const members = at + 2;
      const end = members + groups[at + 1]!;
      const isFirst = this.#takeGroup(groups[at]!);
      for (let i = members; !isFirst && i < end; i++) superseded[groups[i]!] = 1;
      at = end;
    }
  }

  #signatureOf(object: InputObject, index: number): number {
    const { bytes, offset, length } = signatureOf(object, index);
    return this.program.symbols.intern(bytes, offset, length);
  }

  /** Takes the first group of a name. @returns false if there was one before */
  #takeGroup(name: number): boolean {
    if (name >= this.#groups.length) {
      this.#groups = copyInto(
        new Uint8Array(Math.max(name + 1, this.program.symbols.count * 2)),
        this.#groups,
      );
    }
    if (this.#groups[name] === 1) return false;
    this.#groups[name] = 1;
    return true;
  }

  /** `.gnu.linkonce.*` is what compilers wrote before there were groups: sections of one name, of which one stays. */
  #readLinkOnce(object: InputObject, groups: number[]): void {
    const { sections } = this.program;
    const { bytes } = object;
    for (let id = object.firstSection; id < object.firstSection + object.sectionCount; id++) {
      if ((sections.traits[id]! & Trait.linkOnce) === 0) continue;
      const at = sections.nameOffset[id]!;
      const name = this.program.symbols.intern(bytes, at, bytes.indexOf(0, at) - at);
      groups.push(name, 1, id);
    }
  }

  /** @param words the entries of the object's global symbols */
  #addSymbols(object: InputObject, words: Int32Array): void {
    const { globals } = object;
    const { firstGlobal } = object.symbols;
    const candidate = this.#candidate;
    for (let i = 0; i < globals.length; i++) {
      this.#readSymbol(object, words, i, candidate);
      const isDefinition = candidate.kind !== SymbolKind.undefined;
      let id = globals[i]!;
      if (!isDefinition && this.#wrapped.size > 0) {
        id = this.#wrapped.get(id) ?? id;
        globals[i] = id;
      }
      if (this.#traced.has(id)) this.#trace(id, object, isDefinition);
      if (isDefinition) this.#define(id, object, firstGlobal + i, candidate);
      else this.#refer(id, candidate.weak ? Reference.weak : Reference.strong);
    }
  }

  #trace(id: number, object: InputObject, isDefinition: boolean): void {
    const what = isDefinition ? 'definition of' : 'reference to';
    this.#diagnostics.note('trace', `${object.name}: ${what} ${this.program.symbols.names.text(id)}`);
  }

  /** Reads the i-th global symbol of an object. */
  #readSymbol(object: InputObject, words: Int32Array, i: number, candidate: Candidate): void {
    const at = i * SYM_WORDS;
    const info = words[at + 1]!;
    const binding = (info >> 4) & 15;
    const index = object.symbols.firstGlobal + i;
    if (binding !== STB_GLOBAL && binding !== STB_WEAK && binding !== STB_GNU_UNIQUE) {
      const what = `symbol number ${index} has binding ${binding} among the global symbols`;
      throw new FormatError(what, symbolOffset(object, index) + 4);
    }
    candidate.weak = binding === STB_WEAK;
    candidate.valueLow = words[at + 2]! >>> 0;
    candidate.valueHigh = words[at + 3]!;
    candidate.size = wordPair(words, at + 4);
    candidate.type = info & 15;
    this.#findPlace(object, index, info >>> 16, candidate);
  }

  /** A definition in a superseded group member counts as a reference to the group that is kept. */
  #findPlace(object: InputObject, index: number, raw: number, candidate: Candidate): void {
    candidate.section = -1;
    candidate.kind = SymbolKind.undefined;
    if (raw === SHN_UNDEF) return;
    if (raw === SHN_COMMON) candidate.kind = SymbolKind.common;
    else if (raw === SHN_ABS) candidate.kind = SymbolKind.absolute;
    else {
      const { sections } = this.program;
      const number = raw < object.headerCount && raw < SHN_LORESERVE ? raw : usualSection(object, index, raw);
      if (number === SHN_UNDEF) return;
      const section = sections.rowOf[object.firstNumber + number]!;
      if (section < 0) {
        const what = `symbol number ${index} lies in ${sectionLabel(object.bytes, number)}, a table`;
        throw new FormatError(what, symbolOffset(object, index) + 6);
      }
      if (sections.superseded[section] === 1) return;
      candidate.section = section;
      candidate.kind = SymbolKind.defined;
    }
  }

  #refer(id: number, reference: number): void {
    const { symbols } = this.program;
    symbols.reference[id] = Math.max(symbols.reference[id]!, reference);
    if (symbols.kind[id] === SymbolKind.lazy && reference === Reference.strong) this.#wanted.push(id);
  }

  /** Offers a definition of `id`; the strongest stays, and two strong ones are an error. */
  #define(id: number, object: InputObject, index: number, candidate: Candidate): void {
    const { symbols } = this.program;
    const known = symbols.kind[id]!;
    if (known === SymbolKind.expression) return;
    if (this.#options.warnCommon) this.#warnCommon(id, object, known as SymbolKind, candidate);
    if (known === SymbolKind.lazy && candidate.kind === SymbolKind.common) this.#isOfferMissing = true;
    if (known === SymbolKind.common && candidate.kind === SymbolKind.common) {
      symbols.size[id] = Math.max(symbols.size[id]!, candidate.size);
      symbols.valueLow[id] = Math.max(symbols.valueLow[id]!, candidate.valueLow);
      return;
    }
    // Of two names in one object that differ in a default version, the one without it is ignored, whatever its binding.
    const isRival = known > SymbolKind.lazy && symbols.object[id] === object.id;
    if (isRival && isDefaultVersion(object, symbols.index[id]!)) return;
    if (!(isRival && isDefaultVersion(object, index)) && !this.#prevails(id, object, index, candidate))
      return;
    symbols.kind[id] = candidate.kind;
    symbols.weak[id] = candidate.weak ? 1 : 0;
    symbols.object[id] = object.id;
    symbols.index[id] = index;
    symbols.section[id] = candidate.section;
    symbols.valueLow[id] = candidate.valueLow;
    symbols.valueHigh[id] = candidate.valueHigh;
    symbols.size[id] = candidate.size;
    symbols.type[id] = candidate.type;
  }

  /** Whether a definition is stronger than the one that is known. Two strong ones are reported. */
  #prevails(id: number, object: InputObject, index: number, candidate: Candidate): boolean {
    const { symbols } = this.program;
    const strength = strengthOf(candidate.kind, candidate.weak);
    const knownStrength = strengthOf(symbols.kind[id]! as SymbolKind, symbols.weak[id] === 1);
    const isConflict =
      strength === STRONG && knownStrength === STRONG && !this.#isSameAbsolute(id, candidate);
    if (isConflict && !this.#options.allowMultipleDefinition) this.#reportDuplicate(id, object, index);
    return strength > knownStrength;
  }

  #warnCommon(id: number, object: InputObject, known: SymbolKind, candidate: Candidate): void {
    if (known <= SymbolKind.lazy || (known !== SymbolKind.common && candidate.kind !== SymbolKind.common))
      return;
    const { symbols, objects } = this.program;
    this.#diagnostics.warning('common', `common symbol meets another definition: ${symbols.names.text(id)}`, {
      where: [`in ${objects[symbols.object[id]!]!.name}`, `in ${object.name}`],
    });
  }

  #isSameAbsolute(id: number, candidate: Candidate): boolean {
    const { symbols } = this.program;
    return (
      candidate.kind === SymbolKind.absolute &&
      symbols.kind[id] === SymbolKind.absolute &&
      symbols.valueLow[id] === candidate.valueLow &&
      symbols.valueHigh[id] === candidate.valueHigh
    );
  }

  #reportDuplicate(id: number, object: InputObject, index: number): void {
    const { symbols, objects } = this.program;
    const first = objects[symbols.object[id]!]!;
    this.#diagnostics.error('duplicate-symbol', `duplicate symbol: ${symbols.names.text(id)}`, {
      where: [
        `defined by ${this.#definitionPlace(first, symbols.index[id]!)}`,
        `defined by ${this.#definitionPlace(object, index)}`,
      ],
      hint: 'keep one definition, make the others static, or mark them weak',
    });
  }

  #definitionPlace(object: InputObject, index: number): string {
    const candidate = new Candidate();
    this.#readSymbol(object, globalWords(object), index - object.symbols.firstGlobal, candidate);
    if (candidate.kind !== SymbolKind.defined) return object.name;
    return this.program.place(candidate.section, (candidate.valueHigh >>> 0) * 2 ** 32 + candidate.valueLow);
  }

  /** Notes what an archive could supply. An archive without a symbol table has its members' symbols read. */
  #addArchive(input: Extract<LoadedInput, { kind: 'archive' }>, number: number): void {
    const { archive, name } = input;
    try {
      if (input.whole) {
        for (const { header } of archive.members()) this.#extract(number, header, -1);
      } else if (archive.hasIndex) {
        this.#addIndex(input, number);
      } else {
        for (const member of archive.members()) {
          const source = this.#memberSource(number, member);
          if (source && kindOf(source) === 'object') {
            this.#noteDefinitions(`${name}(${member.name})`, source, number, member.header);
          }
        }
      }
    } catch (error) {
      this.#reportInput(name, error);
    }
  }

  #addIndex({ archive }: Extract<LoadedInput, { kind: 'archive' }>, number: number): void {
    const source = { file: archive.file, offset: 0, size: archive.file.size };
    const known = this.#reuse?.definitions(source);
    if (!known) this.#readIndex(archive, source, number);
    else for (let i = 0; i < known.ids.length; i++) this.#addLazy(known.ids[i]!, number, known.members![i]!);
  }

  #readIndex(archive: Archive, source: ByteSource, number: number): void {
    const index = archive.readIndex();
    const { symbols } = this.program;
    const ids = new Int32Array(index.count);
    for (let i = 0, name = index.names; i < index.count; i++) {
      if (index.nameOffset) name = index.nameOffset[i]!;
      let id = symbols.internTerminated(index.bytes, name, index.bytes.length);
      let end = name + symbols.names.lastLength;
      if (id < 0) {
        end = endOfIndexedName(index, name);
        id = symbols.intern(index.bytes, name, baseLength(index.bytes, name, end - name));
      }
      ids[i] = id;
      this.#addLazy(id, number, index.member[i]!);
      name = end + 1;
    }
    this.#reuse?.noteDefinitions(source, { ids, members: index.member });
  }

  #addLazyObject(name: string, source: ByteSource, number: number): void {
    this.#noteDefinitions(name, source, number, -1);
  }

  /** Adds a lazy symbol for each definition in an object, without making the object part of the link. */
  #noteDefinitions(name: string, source: ByteSource, number: number, header: number): void {
    try {
      const known = this.#reuse?.definitions(source);
      if (known) for (const id of known.ids) this.#addLazy(id, number, header);
      else this.#readDefinitions(source, number, header);
    } catch (error) {
      this.#reportInput(name, error);
    }
  }

  #readDefinitions(source: ByteSource, number: number, header: number): void {
    const bytes = readPart(source.file, source.offset, source.size);
    const object = parseObject(bytes, new SectionTable(), 0);
    const ids: number[] = [];
    for (let index = object.symbols.firstGlobal; index < object.symbols.count; index++) {
      if (symbolSection(object, index) === SHN_UNDEF) continue;
      const id = this.#definedName(object, index);
      ids.push(id);
      this.#addLazy(id, number, header);
    }
    this.#reuse?.noteDefinitions(source, { ids: Int32Array.from(ids), members: undefined });
  }

  /** Id of the name of a definition. */
  #definedName(object: ElfObject, index: number): number {
    const offset = symbolNameOffset(object, index);
    const length = baseLength(object.bytes, offset, symbolNameLength(object, offset));
    return this.program.symbols.intern(object.bytes, offset, length);
  }

  #addLazy(id: number, input: number, header: number): void {
    const { symbols } = this.program;
    if (symbols.kind[id] === SymbolKind.common) this.#offers.push({ symbol: id, input, header });
    // What a script defines in any case is not taken from an archive.
    if (symbols.kind[id] !== SymbolKind.undefined || this.#scripted.get(id)?.isProvided === false) return;
    symbols.kind[id] = SymbolKind.lazy;
    symbols.object[id] = input;
    symbols.index[id] = header;
    if (symbols.reference[id] === Reference.strong) this.#wanted.push(id);
  }

  /** Reads the members that define wanted symbols; what they refer to may want more. */
  #extractWanted(): void {
    do {
      this.#extractReferenced();
      this.#extractOffered();
    } while (this.#wanted.length > 0 || this.#isOfferMissing);
  }

  #extractReferenced(): void {
    const { symbols } = this.program;
    for (let next = 0; next < this.#wanted.length; next++) {
      const id = this.#wanted[next]!;
      if (symbols.kind[id] !== SymbolKind.lazy) continue;
      this.#extract(symbols.object[id]!, symbols.index[id]!, id);
      if (symbols.kind[id] === SymbolKind.lazy) symbols.kind[id] = SymbolKind.undefined;
    }
    this.#wanted.length = 0;
  }

  /**
   * A common symbol takes a member that defines it in a section, as an undefined one does: the value of the variable
   * is there (GNU ld's elf_link_is_defined_archive_symbol; lld's --fortran-common, which is its default).
   */
  #extractOffered(): void {
    const { symbols } = this.program;
    if (this.#isOfferMissing) {
      this.#isOfferMissing = false;
      for (const number of this.#optional) this.#readInput(this.program.inputs[number]!, number);
    }
    for (const offer of this.#offers) {
      const { symbol, input, header } = offer;
      if (symbols.kind[symbol] === SymbolKind.common && this.#isDefinedBy(offer)) {
        this.#extract(input, header, symbol);
      }
    }
    this.#offers.length = 0;
  }

  /** Whether what is offered is a definition in a section, and not another common symbol. */
  #isDefinedBy({ symbol, input: number, header }: Offer): boolean {
    const input = this.program.inputs[number]!;
    try {
      const source =
        input.kind === 'object' ? wholeFile(input) : this.#memberSource(number, input.archive.member(header));
      if (!source) return false;
      const bytes = readPart(source.file, source.offset, source.size);
      const object = parseObject(bytes, new SectionTable(), 0);
      for (let index = object.symbols.firstGlobal; index < object.symbols.count; index++) {
        const section = symbolSection(object, index);
        if (section === SHN_UNDEF || section === SHN_COMMON) continue;
        if (this.#definedName(object, index) === symbol) return true;
      }
    } catch (error) {
      this.#reportInput(input.name, error);
    }
    return false;
  }

  /** @param symbol the one that is wanted, or -1 */
  #extract(number: number, header: number, symbol: number): void {
    const extracted = this.#extracted.get(number) ?? new Set();
    this.#extracted.set(number, extracted);
    if (extracted.has(header)) return;
    extracted.add(header);
    this.program.extractedFor.set(this.program.objects.length, symbol);
    const input = this.program.inputs[number]!;
    if (input.kind === 'object') {
      this.#addObject(input.name, wholeFile(input), number);
      return;
    }
    try {
      const member = input.archive.member(header);
      const source = this.#memberSource(number, member);
      // --whole-archive of an .rlib: its metadata is no object.
      if (input.whole && source && !isLinkable(source)) return;
      if (source) this.#addObject(`${input.name}(${member.name})`, source, number);
    } catch (error) {
      this.#reportInput(input.name, error);
    }
  }

  /** Where the bytes of a member are; undefined if the file of a thin archive's cannot be read, which is reported. */
  #memberSource(number: number, member: ArchiveMember): ByteSource | undefined {
    const { name, offset, size, external, nestedHeader } = member;
    const input = this.program.inputs[number]!;
    if (input.kind !== 'archive') return undefined;
    if (!external) return { file: input.archive.file, offset, size };
    const path = thinMemberPath(input.name, name);
    try {
      const file = openInput(this.#files, path);
      if (file) return nestedHeader === undefined ? wholeFile({ file }) : nestedSource(file, nestedHeader);
      const where = [`named by the thin archive ${input.name}`];
      this.#diagnostics.error('missing-input', `no such file: ${path}`, { where });
    } catch (error) {
      if (error instanceof UnreadableFile) this.#reportUnreadable(path, error);
      else this.#reportInput(path, error);
    }
    return undefined;
  }
}

/** Where a name of an archive's index ends. @throws FormatError if it does not */
function endOfIndexedName({ bytes, offset }: ArchiveIndex, name: number): number {
  const nul = findNul(bytes, name, bytes.length);
  if (nul < 0)
    throw new FormatError("a name in the archive's symbol table has no terminating NUL", offset + name);
  return nul;
}

function wholeFile({ file }: { readonly file: InputFile }): ByteSource {
  return { file, offset: 0, size: file.size };
}

/** Where the bytes of an archive's member are. @throws FormatError if there is none at `header` */
function nestedSource(file: InputFile, header: number): ByteSource {
  const { offset, size } = new Archive(file, false).member(header);
  return { file, offset, size };
}

/** The entries of an object's global symbols; a view of its bytes where the machine allows that. */
function globalWords({ bytes, symbols, globals }: InputObject): Int32Array {
  const offset = symbols.offset + symbols.firstGlobal * SYM_SIZE;
  return wordsAt(bytes, offset, globals.length * SYM_WORDS);
}

/** Notes the symbols of an address table as references. */
function noteSignificant(object: InputObject, symbols: readonly number[] | undefined): void {
  if (symbols) object.significant = Int32Array.from(symbols, (index) => referenceOf(object, index));
}

/** Section number of a symbol whose st_shndx is no plain one. @throws FormatError if there is no such section */
function usualSection(object: InputObject, index: number, raw: number): number {
  const number = symbolSection(object, index);
  if (raw !== SHN_XINDEX && number >= object.headerCount) {
    throw new FormatError(
      `symbol number ${index} has the reserved section number 0x${number.toString(16)}`,
      symbolOffset(object, index) + 6,
    );
  }
  return number;
}

function collectSectionNames(program: Program): ReadonlySet<string> {
  const names = new Set<string>();
  const { sections } = program;
  for (let id = 0; id < sections.count; id++) {
    if ((sections.traits[id]! & Trait.sequence) !== 0) names.add(program.sectionName(id));
  }
  return names;
}

function kindOf({ file, offset, size }: ByteSource): FileKind {
  return identify(readPart(file, offset, Math.min(size, IDENTIFYING_SIZE)));
}

function isLinkable(source: ByteSource): boolean {
  const kind = kindOf(source);
  return kind === 'object' || kind === 'bitcode';
}

const AT = 0x40;

/**
 * Length of the name of a definition without a default version: `foo@@V` is what plain `foo` refers to; `foo@V` is hidden
 * from it.
 */
function baseLength(bytes: Uint8Array, offset: number, length: number): number {
  let at = 1;
  while (at < length && bytes[offset + at] !== AT) at++;
  if (at >= length || bytes[offset] === AT) return length;
  return bytes[offset + at + 1] === AT ? at : length;
}

/** Whether the name of a definition has a default version. */
function isDefaultVersion(object: InputObject, index: number): boolean {
  const offset = symbolNameOffset(object, index);
  const length = symbolNameLength(object, offset);
  return baseLength(object.bytes, offset, length) < length;
}

/** `symbols.index` of a symbol that a linker script defines. */
const SCRIPT_DEFINITION = -1;

const STRONG = 3;

/** Undefined and lazy < weak < common < strong, as in the table of bfd/linker.c. */
function strengthOf(kind: SymbolKind, weak: boolean): number {
  if (kind <= SymbolKind.lazy) return 0;
  if (weak) return 1;
  return kind === SymbolKind.common ? 2 : STRONG;
}

/** `symbol`, `symbol + n`, `symbol - n` as a place; any other expression is only a number. */
function placeOf(expression: Expression): { name: string; offset: bigint } | undefined {
  if (expression.kind === 'symbol') return { name: expression.name, offset: 0n };
  if (
    expression.kind !== 'binary' ||
    expression.left.kind !== 'symbol' ||
    expression.right.kind !== 'number'
  ) {
    return undefined;
  }
  if (expression.operator === '+') return { name: expression.left.name, offset: expression.right.value };
  if (expression.operator === '-') return { name: expression.left.name, offset: -expression.right.value };
  return undefined;
}

/** Members of a thin archive are named relative to the archive's folder. */
function thinMemberPath(archive: string, member: string): string {
  if (member.startsWith('/')) return member;
  const slash = archive.lastIndexOf('/');
  return slash < 0 ? member : `${archive.slice(0, slash + 1)}${member}`;
}
