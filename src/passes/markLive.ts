/**
 * Keeps what the program can reach: breadth-first from the entry over relocations, so that the parent recorded
 * for each section is on a shortest chain from a root. Afterwards only live sections exist. Undefined symbols
 * are reported here, because only references from live sections count.
 *
 * Some things are kept by rules of their own. Of a mergeable section only the strings and constants that something
 * refers to are live. A reference to `__start_X` keeps all sections X, one to `__init_array_start` all constructors.
 * Unwind tables describe functions and keep nothing alive but what those functions need to unwind; they are part of
 * the program only if code of an unwinder is.
 */
import { Clusters, isCIdentifier } from '../clusters.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { decodeText } from '../elf/bytes.ts';
import {
  SHF_COMPRESSED,
  SHF_GNU_RETAIN,
  SHF_LINK_ORDER,
  SHF_MERGE,
  SHT_NOTE,
  STB_WEAK,
  STT_SECTION,
} from '../elf/constants.ts';
import { isMergeable, splitMergeable } from '../elf/mergeable.ts';
import { leadingWords } from '../elf/names.ts';
import { Trait } from '../elf/sectionNames.ts';
import { symbolsOf } from '../expression.ts';
import { hintForUndefined } from '../hints.ts';
import type { LinkOptions } from '../options.ts';
import { lastAtOrBefore } from '../pieces.ts';
import { isKept, type SectionRules } from '../place/rules.ts';
import { SectionMatcher } from '../place/sectionMatcher.ts';
import {
  bindingOf,
  describeReference,
  locate,
  locateGlobal,
  type Program,
  Reference,
  SymbolKind,
  Target,
} from '../program.ts';
import { providedPlace } from '../provided.ts';
import { DISCARD_REASONS, Discard, type Liveness, type MergeableElements, Root } from '../results.ts';
import type { LinkScript } from '../script/linkScript.ts';
import { definedSymbols, referencedSymbols } from '../script/symbols.ts';
import { Origin, originOf } from '../shrink/origin.ts';
import { UnwindTables } from '../unwind.ts';
import {
  Calculation,
  isSupported,
  isTlsCallSequence,
  relocationName,
  sectionAddend,
  typesWith,
} from '../x86/relocations.ts';

/**
 * @param discards a `Discard` for each section id
 * @param rules where a linker script places sections: what it keeps
 */
export function markLive(
  program: Program,
  discards: Uint8Array,
  options: LinkOptions,
  script: LinkScript,
  rules: SectionRules | undefined,
  diagnostics: Diagnostics,
): Liveness {
  const marker = new Marker(program, discards, options, rules, diagnostics);
  marker.markRoots();
  marker.markScript(script, rules);
  marker.followAll();
  if (marker.canUnwind()) {
    marker.addUnwindTables();
    marker.followAll();
  }
  marker.reportUndefined();
  return marker.liveness();
}

/** How many references to an undefined symbol are shown. */
const SHOWN_REFERENCES = 3;

/**
 * Functions that only unwinding calls: from landing pads, which nothing but an unwinder enters, and from unwind
 * tables. Where no unwinder is part of the program and they are undefined, code that mentions them (the prebuilt
 * Rust libraries do) never runs, and the address 0 does no harm.
 */
const UNWIND_ONLY: ReadonlySet<string> = new Set([
  '_Unwind_Resume',
  'rust_eh_personality',
  '__gxx_personality_v0',
  '__gcc_personality_v0',
]);

/** How the names of an unwinder's functions begin. */
const UNWINDER = leadingWords('_Unwind_');

interface UndefinedReferences {
  count: number;
  readonly shown: string[];
}

class Marker {
  readonly #program: Program;
  readonly #discards: Uint8Array;
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #live: Uint8Array;
  readonly #parent: Int32Array;
  readonly #parentOffset: Float64Array;
  /** Live sections; those from `#next` on have not been followed yet. */
  readonly #queue: Int32Array;
  #queued = 0;
  #next = 0;
  readonly #target = new Target();
  readonly #clusters: Clusters;
  /** Elements of mergeable sections that have been reached, by section id. */
  readonly #elements = new Map<number, MergeableElements>();
  #unwind: UnwindTables | undefined;
  /** Sections with SHF_LINK_ORDER by the section they go with. */
  readonly #dependents = new Map<number, number[]>();
  /** By symbol id. */
  readonly #undefined = new Map<number, UndefinedReferences>();
  readonly #seenSpecial = new Set<number>();
  /** 1 for each section that is live as a whole and of which nothing more can become live. */
  readonly #isDone: Uint8Array;
  /** Sections without bytes that something refers to. */
  readonly #labels = new Set<number>();
  /** 1 for each global symbol that is defined in a section and of whose use nobody is warned, by symbol id. */
  readonly #isOrdinary: Uint8Array;
  /** Messages of `.gnu.warning.NAME` sections by symbol id. */
  readonly #warnings: Map<number, string>;

  constructor(
    program: Program,
    discards: Uint8Array,
    options: LinkOptions,
    rules: SectionRules | undefined,
    diagnostics: Diagnostics,
  ) {
    const { count } = program.sections;
    this.#program = program;
    this.#discards = discards;
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#live = new Uint8Array(count);
    this.#parent = new Int32Array(count).fill(Root.none);
    this.#parentOffset = new Float64Array(count);
    this.#queue = new Int32Array(count);
    const isOrdered = rules !== undefined || options.verbatim;
    this.#clusters = new Clusters(program, (id) => discards[id] === Discard.kept, isOrdered);
    this.#warnings = collectWarnings(program);
    this.#isDone = new Uint8Array(count);
    this.#isOrdinary = findOrdinary(program, this.#warnings);
    this.#collectDependents();
  }

  markRoots(): void {
    const { symbols, sections } = this.#program;
    const { entry, undefinedSymbols, requiredSymbols, gcSections } = this.#options;
    if (!/^[0-9]/.test(entry)) this.#markEntry(entry);
    for (const name of [...undefinedSymbols, ...requiredSymbols]) {
      this.#markSymbol(symbols.names.find(name), Root.option, 0);
    }
    for (let id = 0; id < sections.count; id++) {
      if (this.#discards[id] !== Discard.kept || this.#program.isLinkerMade(id)) continue;
      if (!gcSections) this.#markWhole(id, Root.everything, 0);
      else if ((sections.flags[id]! & SHF_GNU_RETAIN) !== 0) this.#markWhole(id, Root.retained, 0);
    }
  }

  /** What KEEP names, notes that a script has a place for, and whatever its expressions refer to. */
  markScript(script: LinkScript, placing: SectionRules | undefined): void {
    const { symbols, sections, overridden } = this.#program;
    const { inserted } = script;
    const rules =
      placing ?? (inserted.length > 0 ? new SectionMatcher(this.#program).match(inserted) : undefined);
    for (let id = 0; rules && id < sections.count; id++) {
      if (this.#discards[id] !== Discard.kept || this.#program.isLinkerMade(id)) continue;
      const isNote = placing !== undefined && sections.type[id] === SHT_NOTE;
      if (isKept(rules, id) || isNote) this.#markWhole(id, Root.script, 0);
    }
    const names = referencedSymbols(script);
    for (const [name, { uses }] of definedSymbols(script)) {
      if (symbols.kind[symbols.names.find(name)] !== SymbolKind.expression) continue;
      for (const used of uses) names.add(used);
    }
    for (const name of names) {
      const id = symbols.names.find(name);
      this.#markSymbol(id, Root.script, 0);
      const { section, value } = overridden.get(id) ?? { section: -1, value: 0n };
      if (section >= 0 && this.#discards[section] === Discard.kept) {
        this.#markPlace(section, Number(value), Root.script, 0);
      }
    }
  }

  /** Follows the relocations of every live section; the queue grows meanwhile. */
  followAll(): void {
    while (this.#next < this.#queued) {
      const id = this.#queue[this.#next++]!;
      this.#follow(id);
      this.#followUnwind(id);
    }
  }

  /** Whether code of an unwinder is live: without it, nobody reads unwind tables. */
  canUnwind(): boolean {
    const { symbols } = this.#program;
    const registry = symbols.names.find('__register_frame_info');
    for (let id = 0; id < symbols.count; id++) {
      const section = symbols.section[id]!;
      if (section < 0 || this.#live[section] !== 1) continue;
      if (id === registry || symbols.names.beginsWith(id, UNWINDER)) return true;
    }
    return false;
  }

  /** Reads all unwind tables and follows those of the functions that are live already. */
  addUnwindTables(): void {
    const unwind = new UnwindTables(this.#program);
    for (let id = 0; id < this.#discards.length; id++) {
      if (this.#discards[id] !== Discard.unwind) continue;
      try {
        unwind.add(id);
      } catch (error) {
        this.#diagnostics.formatError(this.#program.objectOf(id).name, error);
      }
    }
    this.#unwind = unwind;
    for (let i = 0; i < this.#next; i++) this.#followUnwind(this.#queue[i]!);
  }

  reportUndefined(): void {
    for (const [symbol, references] of this.#undefined) {
      const name = this.#program.symbols.names.text(symbol);
      if (UNWIND_ONLY.has(name) && !this.#unwind) continue;
      const where = references.shown.map((place) => `referenced by ${place}`);
      const more = references.count - references.shown.length;
      if (more > 0) where.push(`${where.pop()}, and ${more} more`);
      const hint = hintForUndefined(name, this.#options);
      const { unresolved } = this.#options;
      if (unresolved === 'ignore') continue;
      this.#diagnostics[unresolved]('undefined-symbol', `undefined symbol: ${name}`, { where, hint });
    }
    for (const name of this.#options.requiredSymbols) this.#checkRequired(name);
  }

  #checkRequired(name: string): void {
    const { symbols } = this.#program;
    if (symbols.kind[symbols.names.find(name)]! > SymbolKind.lazy) return;
    this.#diagnostics.error('undefined-symbol', `required symbol is not defined: ${name}`, {
      hint: 'it was named by --require-defined',
    });
  }

  liveness(): Liveness {
    return {
      live: this.#live,
      reached: this.#queue.subarray(0, this.#queued),
      parent: this.#parent,
      parentOffset: this.#parentOffset,
      elements: this.#elements,
      clusters: this.#clusters,
      unwind: this.#unwind,
    };
  }

  #collectDependents(): void {
    const { sections } = this.#program;
    for (let id = 0; id < sections.count; id++) {
      if ((sections.flags[id]! & SHF_LINK_ORDER) === 0 || this.#discards[id] !== Discard.kept) continue;
      const target = this.#program.linkedSection(id);
      const list = this.#dependents.get(target);
      if (list) list.push(id);
      else this.#dependents.set(target, [id]);
    }
  }

  #markEntry(entry: string): void {
    const symbol = this.#program.symbols.names.find(entry);
    if (this.#program.symbols.kind[symbol]! > SymbolKind.lazy) {
      this.#markSymbol(symbol, Root.entry, 0);
      return;
    }
    // It would have been in what cannot be read, most likely.
    if (this.#diagnostics.lacksInputs) return;
    this.#diagnostics.error('no-entry', `the entry symbol ${entry} is not defined`, {
      hint: 'define it, or name another with --entry <symbol>',
    });
  }

  /** Marks what a global symbol stands for, as wanted by `parent`. */
  #markSymbol(symbol: number, parent: number, parentOffset: number): void {
    const kind = this.#program.symbols.kind[symbol];
    if (kind === SymbolKind.expression || kind === SymbolKind.provided) {
      this.#markSpecial(symbol, parent, parentOffset);
    }
    locateGlobal(this.#program, symbol, this.#target);
    const { section, low } = this.#target;
    if (section < 0) return;
    if (this.#discards[section] === Discard.kept) this.#markPlace(section, low, parent, parentOffset);
    else this.#reportDiscardedSymbol(this.#program.symbols.names.text(symbol), section, []);
  }

  /** A symbol that the linker or --defsym defines keeps what its value depends on. */
  #markSpecial(symbol: number, parent: number, parentOffset: number): void {
    if (this.#seenSpecial.has(symbol)) return;
    this.#seenSpecial.add(symbol);
    if (this.#program.symbols.kind[symbol] === SymbolKind.expression) {
      this.#markExpression(symbol, parent, parentOffset);
    } else this.#markBound(symbol, parent, parentOffset);
  }

  #markExpression(symbol: number, parent: number, parentOffset: number): void {
    const { symbols } = this.#program;
    const definition = this.#options.definitions[symbols.index[symbol]!];
    // What the expressions of a linker script refer to is live in any case.
    if (!definition) return;
    for (const name of symbolsOf(definition.expression)) {
      const used = symbols.names.find(name);
      if (symbols.kind[used]! <= SymbolKind.lazy) this.#noteUndefined(used, `--defsym ${definition.name}`);
      else this.#markSymbol(used, parent, parentOffset);
    }
  }

  /** `__start_X` keeps every section X; the program steps from one to the next. */
  #markBound(symbol: number, parent: number, parentOffset: number): void {
    const place = providedPlace(this.#program.symbols.names.text(symbol));
    if (place?.kind !== 'bound') return;
    for (const id of this.#clusters.members.get(place.cluster) ?? [])
      this.#markWhole(id, parent, parentOffset);
  }

  /** Marks a section, and of a mergeable one only the element at `offset`. */
  #markPlace(id: number, offset: number, parent: number, parentOffset: number): void {
    if (this.#program.sections.size[id] === 0) this.#keepOrder(id);
    const elements = this.#elementsOf(id);
    this.#markSection(id, parent, parentOffset);
    if (!elements) return;
    const element = lastAtOrBefore(elements.starts, offset);
    if (element >= 0) elements.live[element] = 1;
  }

  /**
   * A label with nothing behind it is the end of something: Free Pascal steps through its tables up to one. Constants
   * of compilers that know sizes may have none.
   */
  #keepOrder(id: number): void {
    const program = this.#program;
    if (this.#labels.has(id) || program.isCode(id) || program.isLinkerMade(id)) return;
    this.#labels.add(id);
    if (originOf(program, program.objectOf(id)) !== Origin.compiler) this.#clusters.tie(program, id);
  }

  /** Marks a section with everything in it. */
  #markWhole(id: number, parent: number, parentOffset: number): void {
    this.#elementsOf(id)?.live.fill(1);
    this.#markSection(id, parent, parentOffset);
  }

  #elementsOf(id: number): MergeableElements | undefined {
    const { sections } = this.#program;
    if ((sections.flags[id]! & SHF_MERGE) === 0 || this.#options.verbatim || !isMergeable(sections, id))
      return undefined;
    const known = this.#elements.get(id);
    if (known) return known;
    const isBounded = isCIdentifier(this.#program.sectionName(id));
    const starts = isBounded ? undefined : splitMergeable(sections, id, this.#program.borrowBytes(id));
    if (!starts) return undefined;
    const elements = { starts, live: new Uint8Array(starts.length) };
    this.#elements.set(id, elements);
    return elements;
  }

  #markSection(id: number, parent: number, parentOffset: number): void {
    if (this.#live[id] === 1) return;
    this.#live[id] = 1;
    // Of those without bytes it matters whether they are referred to.
    if (!this.#elementsOf(id) && this.#program.sections.size[id] !== 0) this.#isDone[id] = 1;
    this.#parent[id] = parent;
    this.#parentOffset[id] = parentOffset;
    this.#queue[this.#queued++] = id;
    this.#checkLinkable(id);
    if ((this.#program.sections.traits[id]! & Trait.sequence) !== 0) {
      for (const companion of this.#clusters.companions(id)) this.#markWhole(companion, id, 0);
    }
    if (this.#dependents.size === 0) return;
    for (const dependent of this.#dependents.get(id) ?? []) this.#markWhole(dependent, id, 0);
  }

  #checkLinkable(id: number): void {
    if ((this.#program.sections.flags[id]! & SHF_COMPRESSED) === 0) return;
    this.#diagnostics.error('unsupported-section', 'a compressed section would have to be loaded', {
      where: [`in ${this.#program.place(id, 0)}`],
      hint: 'compile without section compression',
    });
  }

  #follow(id: number): void {
    const { sections } = this.#program;
    const first = sections.firstRelocation[id]!;
    this.#followRows(id, first, first + sections.relocationCount[id]!);
  }

  /** Follows relocations of section `id` from row `first` to the one before `end`. */
  #followRows(id: number, first: number, end: number): void {
    const { relocations, symbols, locals } = this.#program;
    const { type, symbol } = relocations;
    for (let row = first; row < end; row++) {
      const reference = symbol[row]!;
      const isPlain = reference < 0 || this.#isOrdinary[reference] === 1;
      const section = reference < 0 ? locals.section[~reference]! : symbols.section[reference]!;
      // Most references are to sections that are live already.
      if (isPlain && isCommonType[type[row]!] === 1 && section >= 0 && this.#isDone[section] === 1) continue;
      this.#followRelocation(id, row);
      // The call of __tls_get_addr behind these is rewritten together with them and keeps nothing.
      if (isTlsCallSequence(type[row]!)) row++;
    }
  }

  #followRelocation(id: number, row: number): void {
    const { relocations } = this.#program;
    const { type, symbol, offset } = relocations;
    const target = this.#target;
    const reference = symbol[row]!;
    if (!isSupported(type[row]!)) this.#reportType(id, offset[row]!, relocations.typeOf(row));
    locate(this.#program, reference, target);
    if (reference >= 0) this.#checkGlobal(reference, id, offset[row]!);
    const { section } = target;
    if (section < 0) return;
    const discard = this.#discards[section];
    // .eh_frame is put together anew; a reference to it is to wherever that will lie.
    if (discard === Discard.unwind) return;
    if (discard !== Discard.kept) this.#reportDiscarded(id, offset[row]!, reference, section);
    else this.#markPlace(section, this.#referredOffset(id, row), id, offset[row]!);
  }

  /** The offset in its section that a relocation means: for a section symbol, the addend tells. */
  #referredOffset(id: number, row: number): number {
    const { low, type } = this.#target;
    if (type !== STT_SECTION) return low;
    return low + sectionAddend(this.#program.relocations, row, this.#program.isCode(id));
  }

  /** Follows the unwind tables of a live function, once they are part of the program. */
  #followUnwind(id: number): void {
    const unwind = this.#unwind;
    if (!unwind) return;
    for (let record = unwind.firstOf(id); record >= 0; record = unwind.nextOf(record)) {
      this.#followRecord(unwind, record);
      this.#followRecord(unwind, unwind.records.cie[record]!);
    }
  }

  /** Marks what a record refers to: a personality routine or a table of landing pads. */
  #followRecord(unwind: UnwindTables, record: number): void {
    const { live, firstRow, endRow } = unwind;
    if (live[record] === 1) return;
    live[record] = 1;
    const { id } = unwind.sectionOf(record);
    this.#followRows(id, firstRow[record]!, endRow[record]!);
  }

  /** Looks after globals that are no plain place. */
  #checkGlobal(symbol: number, id: number, offset: number): void {
    const { symbols } = this.#program;
    const kind = symbols.kind[symbol]!;
    if (this.#warnings.size > 0) this.#warnOfUse(symbol, id, offset);
    if (kind === SymbolKind.expression || kind === SymbolKind.provided) {
      this.#markSpecial(symbol, id, offset);
      locateGlobal(this.#program, symbol, this.#target);
    } else if (kind <= SymbolKind.lazy) {
      const isWeak =
        symbols.reference[symbol] === Reference.weak ||
        bindingOf(this.#program.objectOf(id), symbol) === STB_WEAK;
      if (!isWeak) this.#noteUndefined(symbol, this.#program.place(id, offset));
    }
  }

  /** A section `.gnu.warning.NAME` holds what to say to whoever refers to NAME. */
  #warnOfUse(symbol: number, id: number, offset: number): void {
    const message = this.#warnings.get(symbol);
    if (message === undefined || this.#program.sections.object[id] === this.#program.symbols.object[symbol])
      return;
    this.#warnings.delete(symbol);
    this.#diagnostics.warning('dangerous-use', message, {
      where: [`referenced by ${this.#program.place(id, offset)}`],
    });
  }

  #noteUndefined(symbol: number, place: string): void {
    const known = this.#undefined.get(symbol) ?? { count: 0, shown: [] };
    known.count++;
    if (known.shown.length < SHOWN_REFERENCES) known.shown.push(place);
    this.#undefined.set(symbol, known);
  }

  #reportType(id: number, offset: number, type: number): void {
    const what = `relocation ${relocationName(type)} cannot be linked into a static executable`;
    this.#diagnostics.error('unsupported-relocation', what, {
      where: [`in ${this.#program.place(id, offset)}`],
    });
  }

  #reportDiscarded(id: number, offset: number, reference: number, section: number): void {
    const name = describeReference(this.#program, this.#program.objectOf(id), reference);
    this.#reportDiscardedSymbol(name, section, [`referenced by ${this.#program.place(id, offset)}`]);
  }

  #reportDiscardedSymbol(name: string, section: number, where: readonly string[]): void {
    const reason = DISCARD_REASONS[this.#discards[section]!];
    const what = `${name} lies in a section that is not part of the program`;
    this.#diagnostics.error('discarded-section', what, {
      where: [...where, `the section ${this.#program.place(section, 0)} is ${reason}`],
    });
  }
}

/** By relocation type: 1 for those that can be linked and do not belong to others beside them. */
const isCommonType = typesWith(
  Object.values(Calculation).filter((calculation) => calculation !== Calculation.sequence),
);

/** @returns 1 by symbol id for what `Marker` need not look at more closely */
function findOrdinary({ symbols }: Program, warnings: ReadonlyMap<number, string>): Uint8Array {
  const ordinary = new Uint8Array(symbols.count);
  for (let id = 0; id < symbols.count; id++) if (symbols.kind[id] === SymbolKind.defined) ordinary[id] = 1;
  for (const id of warnings.keys()) ordinary[id] = 0;
  return ordinary;
}

const WARNING_PREFIX = '.gnu.warning.';

function collectWarnings(program: Program): Map<number, string> {
  const warnings = new Map<number, string>();
  for (let id = 0; id < program.sections.count; id++) {
    if ((program.sections.traits[id]! & Trait.warning) === 0) continue;
    const name = program.sectionName(id);
    const bytes = program.sectionBytes(id);
    const text = decodeText(bytes, 0, bytes.length).replace(/\0+$/, '').trim();
    warnings.set(program.symbols.names.find(name.slice(WARNING_PREFIX.length)), text);
  }
  return warnings;
}
