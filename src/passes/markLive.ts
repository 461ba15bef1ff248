/**
 * Keeps what the program can reach: breadth-first from the entry over relocations, so that the parent recorded
 * for each section is on a shortest chain from a root. Afterwards only live sections exist. Undefined symbols
 * are reported here, because only references from live sections count.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { SHF_COMPRESSED, SHF_GNU_RETAIN, SHF_TLS, STB_WEAK, STT_GNU_IFUNC } from '../elf/constants.ts';
import { symbolOffset } from '../elf/object.ts';
import { RelocationBuffer, readRelocations } from '../elf/relocations.ts';
import { symbolsOf } from '../expression.ts';
import { hintForUndefined } from '../hints.ts';
import type { LinkOptions } from '../options.ts';
import {
  describeSymbol,
  type InputObject,
  locate,
  locateGlobal,
  type Program,
  Reference,
  SymbolKind,
  Target,
} from '../program.ts';
import { DISCARD_REASONS, Discard, type Liveness, Root } from '../results.ts';
import { fieldSize, isSupported, relocationName } from '../x86/relocations.ts';

/** @param discards a `Discard` for each section id */
export function markLive(
  program: Program,
  discards: Uint8Array,
  options: LinkOptions,
  diagnostics: Diagnostics,
): Liveness {
  const marker = new Marker(program, discards, options, diagnostics);
  marker.markRoots();
  marker.followAll();
  marker.reportUndefined();
  return marker.liveness();
}

/**
 * Functions that only unwinding calls: from landing pads, which nothing but an unwinder enters, and from unwind
 * tables. Where they are undefined there is no unwinder, so code that mentions them (the prebuilt Rust libraries
 * do) never runs, and the address 0 does no harm.
 */
const UNWIND_ONLY: ReadonlySet<string> = new Set([
  '_Unwind_Resume',
  'rust_eh_personality',
  '__gxx_personality_v0',
  '__gcc_personality_v0',
]);

/** How many references to an undefined symbol are shown. */
const SHOWN_REFERENCES = 3;

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
  readonly #relocations = new RelocationBuffer();
  readonly #target = new Target();
  /** By symbol id. */
  readonly #undefined = new Map<number, UndefinedReferences>();
  readonly #seenExpressions = new Set<number>();

  constructor(program: Program, discards: Uint8Array, options: LinkOptions, diagnostics: Diagnostics) {
    const { count } = program.sections;
    this.#program = program;
    this.#discards = discards;
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#live = new Uint8Array(count);
    this.#parent = new Int32Array(count).fill(Root.none);
    this.#parentOffset = new Float64Array(count);
    this.#queue = new Int32Array(count);
  }

  markRoots(): void {
    const { symbols, sections } = this.#program;
    const { entry, undefinedSymbols, gcSections } = this.#options;
    if (!/^[0-9]/.test(entry)) this.#markEntry(entry);
    for (const name of undefinedSymbols) this.#markSymbol(symbols.names.find(name), Root.option, 0);
    for (let id = 0; id < sections.count; id++) {
      if (this.#discards[id] !== Discard.kept) continue;
      if (!gcSections) this.#markSection(id, Root.everything, 0);
      else if ((sections.flags[id]! & SHF_GNU_RETAIN) !== 0) this.#markSection(id, Root.retained, 0);
    }
  }

  /** Follows the relocations of every live section; the queue grows meanwhile. */
  followAll(): void {
    for (let next = 0; next < this.#queued; next++) {
      const id = this.#queue[next]!;
      try {
        this.#follow(id);
      } catch (error) {
        this.#diagnostics.formatError(this.#program.objectOf(id).name, error);
      }
    }
  }

  reportUndefined(): void {
    for (const [symbol, references] of this.#undefined) {
      const name = this.#program.symbols.names.text(symbol);
      if (UNWIND_ONLY.has(name)) continue;
      const where = references.shown.map((place) => `referenced by ${place}`);
      const more = references.count - references.shown.length;
      if (more > 0) where.push(`${where.pop()}, and ${more} more`);
      const hint = hintForUndefined(name, this.#options);
      this.#diagnostics.error('undefined-symbol', `undefined symbol: ${name}`, { where, hint });
    }
  }

  liveness(): Liveness {
    return {
      live: this.#live,
      reached: this.#queue.subarray(0, this.#queued),
      parent: this.#parent,
      parentOffset: this.#parentOffset,
    };
  }

  #markEntry(entry: string): void {
    const symbol = this.#program.symbols.names.find(entry);
    if (this.#program.symbols.kind[symbol]! > SymbolKind.lazy) {
      this.#markSymbol(symbol, Root.entry, 0);
      return;
    }
    this.#diagnostics.error('no-entry', `the entry symbol ${entry} is not defined`, {
      hint: 'define it, or name another with --entry <symbol>',
    });
  }

  /** Marks what a global symbol stands for, as wanted by `parent`. */
  #markSymbol(symbol: number, parent: number, parentOffset: number): void {
    const { symbols } = this.#program;
    if (symbols.kind[symbol] === SymbolKind.expression) this.#markExpression(symbol, parent, parentOffset);
    locateGlobal(this.#program, symbol, this.#target);
    if (this.#target.section >= 0) this.#markSection(this.#target.section, parent, parentOffset);
  }

  /** A live `--defsym` keeps what its expression mentions, which must be defined. */
  #markExpression(symbol: number, parent: number, parentOffset: number): void {
    if (this.#seenExpressions.has(symbol)) return;
    this.#seenExpressions.add(symbol);
    const { symbols } = this.#program;
    const definition = this.#options.definitions[symbols.index[symbol]!]!;
    for (const name of symbolsOf(definition.expression)) {
      const used = symbols.names.find(name);
      if (symbols.kind[used]! <= SymbolKind.lazy) this.#noteUndefined(used, `--defsym ${definition.name}`);
      else this.#markSymbol(used, parent, parentOffset);
    }
  }

  #markSection(id: number, parent: number, parentOffset: number): void {
    if (this.#live[id] === 1) return;
    this.#live[id] = 1;
    this.#parent[id] = parent;
    this.#parentOffset[id] = parentOffset;
    this.#queue[this.#queued++] = id;
    this.#checkLinkable(id);
  }

  #checkLinkable(id: number): void {
    const flags = this.#program.sections.flags[id]!;
    if ((flags & (SHF_TLS | SHF_COMPRESSED)) === 0) return;
    const what = flags & SHF_TLS ? 'thread-local storage' : 'compressed sections that are loaded';
    this.#diagnostics.error('unsupported-section', `${what} cannot be linked by this version`, {
      where: [`in ${this.#program.place(id, 0)}`],
      hint: flags & SHF_TLS ? 'use an ordinary static variable' : 'compile without section compression',
    });
  }

  #follow(id: number): void {
    const program = this.#program;
    const object = program.objectOf(id);
    const relocations = this.#relocations;
    const target = this.#target;
    readRelocations(object, program.sections, id, fieldSize, relocations);
    for (let row = 0; row < relocations.count; row++) {
      const index = relocations.symbol[row]!;
      const offset = relocations.offset[row]!;
      if (!isSupported(relocations.type[row]!)) this.#reportType(id, offset, relocations.type[row]!);
      locate(program, object, index, target);
      if (target.symbol >= 0) this.#checkGlobal(object, index, target.symbol, id, offset);
      const { section } = target;
      if (section < 0 || this.#live[section] === 1) continue;
      if (this.#discards[section] === Discard.kept) this.#markSection(section, id, offset);
      else this.#reportDiscarded(id, offset, object, index, section);
    }
  }

  /** Looks after globals that are no plain place: undefined ones, expressions, indirect functions. */
  #checkGlobal(object: InputObject, index: number, symbol: number, id: number, offset: number): void {
    const { symbols, objects } = this.#program;
    const kind = symbols.kind[symbol]!;
    if (kind === SymbolKind.expression) {
      this.#markExpression(symbol, id, offset);
      locateGlobal(this.#program, symbol, this.#target);
    } else if (kind <= SymbolKind.lazy) {
      const binding = object.bytes[symbolOffset(object, index) + 4]! >> 4;
      const isWeak = binding === STB_WEAK || symbols.reference[symbol] === Reference.weak;
      if (!isWeak) this.#noteUndefined(symbol, this.#program.place(id, offset));
    } else if (kind === SymbolKind.defined && symbols.object[symbol]! > 0) {
      const definer = objects[symbols.object[symbol]!]!;
      const type = definer.bytes[symbolOffset(definer, symbols.index[symbol]!) + 4]! & 15;
      if (type === STT_GNU_IFUNC) this.#reportIndirect(symbol, id, offset);
    }
  }

  #noteUndefined(symbol: number, place: string): void {
    const known = this.#undefined.get(symbol) ?? { count: 0, shown: [] };
    known.count++;
    if (known.shown.length < SHOWN_REFERENCES) known.shown.push(place);
    this.#undefined.set(symbol, known);
  }

  #reportType(id: number, offset: number, type: number): void {
    const name = relocationName(type);
    this.#diagnostics.error('unsupported-relocation', `relocation ${name} cannot be linked by this version`, {
      where: [`in ${this.#program.place(id, offset)}`],
      hint: /TLS|TPOFF|DTP/.test(name)
        ? 'thread-local storage is not supported; use a static variable'
        : undefined,
    });
  }

  #reportIndirect(symbol: number, id: number, offset: number): void {
    const name = this.#program.symbols.names.text(symbol);
    this.#diagnostics.error('unsupported-symbol', `${name} is an indirect function (STT_GNU_IFUNC)`, {
      where: [`referenced by ${this.#program.place(id, offset)}`],
      hint: 'indirect functions cannot be linked by this version; use a plain function',
    });
  }

  #reportDiscarded(id: number, offset: number, object: InputObject, index: number, section: number): void {
    const name = describeSymbol(this.#program, object, index);
    const reason = DISCARD_REASONS[this.#discards[section]!];
    const what = `${name} lies in a section that is not part of the program`;
    this.#diagnostics.error('discarded-section', what, {
      where: [
        `referenced by ${this.#program.place(id, offset)}`,
        `the section ${this.#program.place(section, 0)} is ${reason}`,
      ],
    });
  }
}
