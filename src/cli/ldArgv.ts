/**
 * GNU ld's command line, as gcc, clang and rustc write it: long options with one dash or two, values joined by
 * `=` or in the next word, short options with values behind them, `@file`. Options that cannot change a tiny
 * static executable are accepted and ignored; an option that is not known is an error, so that nothing a user
 * asks for is silently left out.
 */
import type { InputName } from '../inputs.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../options.ts';
import {
  parseBase,
  parseBuiltins,
  parseDefinition,
  parseHeader,
  parseIdentPad,
  parseOsabi,
  UsageError,
} from './values.ts';

/** What a GNU ld command line asks for. */
export interface LdRequest {
  readonly action: 'link' | 'version' | 'help';
  readonly options: LinkOptions;
  readonly output: string;
  readonly printMap: boolean;
}

/** Options without a value that change nothing here: output has no sections, no symbols and one segment. */
const IGNORED_FLAGS = words(`
  ( ) Bdynamic Bstatic Bsymbolic EL N S X as-needed build-id call_shared d dc dn dp dy demangle
  discard-all discard-locals disable-new-dtags dn eh-frame-hdr emit-relocs enable-new-dtags end-group export-dynamic
  fatal-warnings g gdb-index i n nmagic no-add-needed no-as-needed no-build-id no-copy-dt-needed-entries no-demangle
  no-dynamic-linker no-eh-frame-hdr no-export-dynamic no-fatal-warnings no-ld-generated-unwind-info
  no-omagic no-pie no-print-gc-sections no-relax no-rosegment no-warn-mismatch no-warnings no-warn-rwx-segments
  non_shared nostdlib omagic pie print-gc-sections q relax rosegment s start-group static static-pie strip-all
  strip-debug t trace v warn-common warn-once x`);

/** Options with a value that changes nothing here. */
const IGNORED_VALUES = words(`
  I O R audit build-id compress-debug-sections dynamic-linker h hash-style
  max-cache-size plugin plugin-opt rpath rpath-link sort-section soname sysroot threads z`);

/** Options that would change the program and that this version cannot honour. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['T', 'linker scripts are not read'],
  ['script', 'linker scripts are not read'],
  ['shared', 'shared libraries are not made; tinyelf makes static executables only'],
  ['r', 'relocatable output is not made'],
  ['relocatable', 'relocatable output is not made'],
  ['whole-archive', 'use -u SYMBOL to take members that nothing refers to'],
  ['wrap', 'symbols cannot be wrapped by this version'],
  ['Ttext', 'use --base for the address of the whole file'],
  ['Tdata', 'all sections lie in one segment; use --base for its address'],
  ['Tbss', 'all sections lie in one segment; use --base for its address'],
  ['section-start', 'all sections lie in one segment; use --base for its address'],
]);

/** Options that take their value from the next word where it is not joined to them. */
const WITH_VALUE = new Set([
  ...words('L l o e u m library-path library output entry undefined defsym base image-base header builtins'),
  ...words('osabi ident-pad Map flavor'),
  ...[...IGNORED_VALUES].filter((name) => name !== 'build-id' && name !== 'compress-debug-sections'),
]);

/** Short options that may have their value joined to the letter. */
const JOINED = /^-([LlouemITOzhRy])(.+)$/s;

/** Reads files named by `@file`: returns the text, or undefined if there is no such file. */
export type ResponseReader = (path: string) => string | undefined;

/** @throws UsageError for an option that is unknown, incomplete or cannot be honoured */
export function parseLdArgv(argv: readonly string[], readResponse: ResponseReader): LdRequest {
  const parser = new LdParser(expandResponses(argv, readResponse, 0));
  parser.parse();
  return parser.request();
}

class LdParser {
  readonly #argv: readonly string[];
  #next = 0;
  #action: LdRequest['action'] = 'link';
  #output = 'a.out';
  #printMap = false;
  readonly #inputs: InputName[] = [];
  readonly #libraryPaths: string[] = [];
  readonly #undefined: string[] = [];
  readonly #definitions: LinkOptions['definitions'][number][] = [];
  #settings: Partial<LinkOptions> = {};

  constructor(argv: readonly string[]) {
    this.#argv = argv;
  }

  parse(): void {
    while (this.#next < this.#argv.length) {
      const word = this.#argv[this.#next++]!;
      if (!word.startsWith('-') || word === '-') this.#inputs.push({ kind: 'file', path: word });
      else this.#parseOption(word);
    }
  }

  /** GNU ld collects no sections unless asked to, but here size comes first: only --no-gc-sections keeps them. */
  request(): LdRequest {
    return {
      action: this.#action,
      output: this.#output,
      printMap: this.#printMap,
      options: {
        ...DEFAULT_OPTIONS,
        ...this.#settings,
        inputs: this.#inputs,
        libraryPaths: this.#libraryPaths,
        undefinedSymbols: this.#undefined,
        definitions: this.#definitions,
      },
    };
  }

  #parseOption(word: string): void {
    const { name, value } = this.#split(word);
    if (REFUSED.has(name)) throw new UsageError(`${word}: ${REFUSED.get(name)}`);
    if (value !== undefined && this.#setValue(name, value)) return;
    if (value === undefined && (IGNORED_FLAGS.has(name) || this.#setFlag(name))) return;
    if (value !== undefined && IGNORED_VALUES.has(name)) return;
    throw new UsageError(`unknown option ${word}`);
  }

  /** Splits an option into name and value, taking the value from the next word where it must have one. */
  #split(word: string): { name: string; value: string | undefined } {
    const long = /^--?([^=]+)(?:=(.*))?$/s.exec(word);
    const name = long?.[1] ?? word;
    const isKnown = isKnownName(name) && (word.startsWith('--') || !name.startsWith('o') || name === 'o');
    const joined = JOINED.exec(word);
    if (!isKnown && joined) return { name: joined[1]!, value: joined[2]! };
    if (long?.[2] !== undefined) return { name, value: long[2] };
    return { name, value: WITH_VALUE.has(name) ? this.#take(word) : undefined };
  }

  #take(word: string): string {
    const value = this.#argv[this.#next++];
    if (value === undefined) throw new UsageError(`${word} needs a value`);
    return value;
  }

  /** @returns whether the option is one of these */
  #setFlag(name: string): boolean {
    const flags: Readonly<Record<string, () => void>> = {
      'gc-sections': () => this.#set({ gcSections: true }),
      'no-gc-sections': () => this.#set({ gcSections: false }),
      verbatim: () => this.#set({ verbatim: true }),
      'print-map': () => this.#setPrintMap(),
      M: () => this.#setPrintMap(),
      version: () => this.#setAction('version'),
      V: () => this.#setAction('version'),
      help: () => this.#setAction('help'),
    };
    const effect = flags[name];
    effect?.();
    return effect !== undefined;
  }

  /** @returns whether the option is one of these */
  #setValue(name: string, value: string): boolean {
    switch (name) {
      case 'o':
      case 'output':
        this.#output = value;
        return true;
      case 'L':
      case 'library-path':
        this.#libraryPaths.push(value);
        return true;
      case 'l':
      case 'library':
        this.#inputs.push({ kind: 'library', name: value });
        return true;
      case 'u':
      case 'undefined':
        this.#undefined.push(value);
        return true;
      case 'defsym':
        this.#definitions.push(parseDefinition(value));
        return true;
      case 'm':
        if (value !== 'elf_x86_64') throw new UsageError(`-m ${value}: only elf_x86_64 is supported`);
        return true;
      case 'flavor':
        if (value !== 'gnu') throw new UsageError(`-flavor ${value}: only gnu is supported`);
        return true;
      default:
        return this.#setSetting(name, value);
    }
  }

  #setSetting(name: string, value: string): boolean {
    if (name === 'e' || name === 'entry') return this.#set({ entry: value });
    if (name === 'base' || name === 'image-base') return this.#set({ base: parseBase(value) });
    if (name === 'header') return this.#set({ header: parseHeader(value) });
    if (name === 'osabi') return this.#set({ osabi: parseOsabi(value) });
    if (name === 'ident-pad') return this.#set({ identPad: parseIdentPad(value) });
    if (name === 'builtins') return this.#set({ builtins: parseBuiltins(value) });
    if (name === 'Map') throw new UsageError('-Map: use --print-map and redirect it');
    return false;
  }

  #set(settings: Partial<LinkOptions>): true {
    this.#settings = { ...this.#settings, ...settings };
    return true;
  }

  #setPrintMap(): void {
    this.#printMap = true;
  }

  #setAction(action: LdRequest['action']): void {
    this.#action = action;
  }
}

function isKnownName(name: string): boolean {
  return (
    WITH_VALUE.has(name) ||
    IGNORED_FLAGS.has(name) ||
    IGNORED_VALUES.has(name) ||
    REFUSED.has(name) ||
    OWN_FLAGS.has(name)
  );
}

const OWN_FLAGS = words('gc-sections no-gc-sections verbatim print-map M version V help');

/** How deep response files may name each other. */
const RESPONSE_DEPTH = 16;

/** Replaces each `@file` by the words in the file; quotes and backslashes work as in libiberty's buildargv. */
function expandResponses(argv: readonly string[], read: ResponseReader, depth: number): string[] {
  return argv.flatMap((word) => {
    if (!word.startsWith('@')) return [word];
    const text = read(word.slice(1));
    if (text === undefined) return [word];
    if (depth === RESPONSE_DEPTH) throw new UsageError(`${word}: response files are nested too deeply`);
    return expandResponses(splitWords(text), read, depth + 1);
  });
}

function splitWords(text: string): string[] {
  const result: string[] = [];
  for (const [word] of text.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs)) {
    result.push(
      word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double, single, escaped) =>
        double === undefined ? (single ?? escaped) : double.replace(/\\(.)/gs, '$1'),
      ),
    );
  }
  return result;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter((word) => word !== ''));
}
