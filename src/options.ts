/** Everything a user can ask of a link: the options as the passes see them, and as the command line offers them. */
import type { Expression } from './expression.ts';
import type { ProgramHeader } from './header/encode.ts';
import type { Compatibility } from './header/layouts.ts';
import { LOWEST_BASE } from './header/structure.ts';
import type { InputName } from './inputs.ts';

/** `--defsym`: a symbol and the expression that gives its value. */
export interface SymbolDefinition {
  readonly name: string;
  readonly expression: Expression;
}

/**
 * In which sequence sections lie: for each part of the image the numbers of its sections, or of groups that lie side by
 * side. They are counted from 0 on in input order, part by part.
 */
export type Sequences = readonly (readonly number[])[];

/** The options of one link. */
export interface LinkOptions {
  readonly inputs: readonly InputName[];
  /** Folders in which `-l` looks, in order. */
  readonly libraryPaths: readonly string[];
  /** Linker scripts (`-T`), in order. */
  readonly scripts: readonly string[];
  /** Folder that stands for the root in the paths of scripts that lie in it; '' for none. */
  readonly sysroot: string;
  /** Symbol where the program starts, or an address; '' for what a script says, or else `_start`. */
  readonly entry: string;
  /** Address of the file's first byte; a multiple of 4096. */
  readonly base: number;
  /** Whether the user has chosen it, so that it is not to be changed. */
  readonly isBaseGiven: boolean;
  /** One of the `headerNames`. */
  readonly header: string;
  /** Which loaders must take the file. */
  readonly compatibility: Compatibility;
  /** Permit the header that loads only with more than 4 GiB of memory. */
  readonly floor: boolean;
  /** EI_OSABI, a byte the kernel does not look at. */
  readonly osabi: number;
  /** Up to 8 bytes for e_ident from EI_ABIVERSION on, which the kernel does not look at. */
  readonly identPad: Uint8Array;
  /** Copy sections as they are: no rewriting of instructions, input order, all permissions. */
  readonly verbatim: boolean;
  /** Drop sections that the entry does not reach. */
  readonly gcSections: boolean;
  /** Symbols to be treated as referenced (`-u`). */
  readonly undefinedSymbols: readonly string[];
  /** Symbols that must be defined in the end (`--require-defined`). */
  readonly requiredSymbols: readonly string[];
  /** Symbols whose undefined references go to `__wrap_NAME` (`--wrap`). */
  readonly wrappedSymbols: readonly string[];
  /** Symbols whose definitions and references are listed (`--trace-symbol`). */
  readonly tracedSymbols: readonly string[];
  /** Take the first of several strong definitions. */
  readonly allowMultipleDefinition: boolean;
  /** What an undefined symbol is: an error, a warning, or nothing; the address is then 0. */
  readonly unresolved: 'error' | 'warning' | 'ignore';
  /** Warn of common symbols that meet others. */
  readonly warnCommon: boolean;
  /** What becomes of sections that a script with SECTIONS does not mention; all but `discard` give them a place. */
  readonly orphanHandling: 'place' | 'warn' | 'error' | 'discard';
  /** How a script with SECTIONS sorts what it does not say to sort, and what it sorts by the other of the two. */
  readonly sortSection: 'none' | 'name' | 'alignment';
  readonly definitions: readonly SymbolDefinition[];
  /** The input is position-independent start-up code that reads `_DYNAMIC`; it is linked to a fixed address. */
  readonly positionIndependent: boolean;
  /** Write `.eh_frame_hdr`, by which unwinders find `.eh_frame` through the program headers. */
  readonly ehFrameHdr: boolean;
  /** Add PT_GNU_STACK: whether the stack may be executed. */
  readonly stack: 'default' | 'executable' | 'not-executable';
  /** One segment for everything; one for code and constants and one for data (W^X); or each on pages of its own. */
  readonly segments: 'joined' | 'split' | 'pages';
  /** Addresses of parts of the image, by section name: `.text`, `.data`, `.bss`. */
  readonly sectionStarts: ReadonlyMap<string, number>;
  /** Page size that segments are aligned to, a power of two of at least 4096 bytes. */
  readonly pageSize: number;
  /** Fold identical functions: those whose address does not matter, all, or none. */
  readonly icf: 'safe' | 'all' | 'none';
  /** Rewrite code so that it gets smaller: where a compiler has made it, all that is understood, or none. */
  readonly shrink: 'safe' | 'all' | 'none';
  /** Make functions of sequences of instructions that occur often. */
  readonly outline: boolean;
  /**
   * How sections follow each other: so that the file gets smallest, constants between functions; or as they are in the
   * inputs, code and constants apart.
   */
  readonly order: 'smallest' | 'input';
  /** Sequences of sections in place of those that `order` leads to; of an image that another program unpacks. */
  readonly sequences: Sequences | undefined;
  /** Supply small versions of memcpy and its kin where they are needed. */
  readonly builtins: 'mem' | 'none';
  /** There will be a file with debug information, which must agree with the executable. */
  readonly withDebugFile: boolean;
  /** Read the finished file again and compare the value of each relocation. */
  readonly verify: boolean;
  /** What stands behind the loaded bytes for tools: nothing, sections and symbols, or these and debug information. */
  readonly tables: 'none' | 'symbols' | 'debug';
  /**
   * Address of the program that unpacks this image to `base` and has the headers for it; undefined for an image that
   * has its own.
   */
  readonly unpackedBy: number | undefined;
  /**
   * Program headers other than PT_LOAD of an image that this program unpacks, whose start-up code may look for them;
   * undefined for a program that unpacks none.
   */
  readonly unpacks: readonly ProgramHeader[] | undefined;
}

export const DEFAULT_OPTIONS: LinkOptions = {
  inputs: [],
  libraryPaths: [],
  scripts: [],
  sysroot: '',
  entry: '',
  base: LOWEST_BASE,
  isBaseGiven: false,
  header: 'auto',
  compatibility: 'linux',
  floor: false,
  osabi: 0,
  identPad: new Uint8Array(0),
  verbatim: false,
  gcSections: true,
  undefinedSymbols: [],
  requiredSymbols: [],
  wrappedSymbols: [],
  tracedSymbols: [],
  allowMultipleDefinition: false,
  unresolved: 'error',
  warnCommon: false,
  orphanHandling: 'place',
  sortSection: 'none',
  definitions: [],
  positionIndependent: false,
  ehFrameHdr: true,
  stack: 'default',
  segments: 'joined',
  sectionStarts: new Map(),
  pageSize: 0x1000,
  icf: 'safe',
  shrink: 'safe',
  outline: true,
  order: 'smallest',
  sequences: undefined,
  builtins: 'none',
  withDebugFile: false,
  verify: true,
  tables: 'none',
  unpackedBy: undefined,
  unpacks: undefined,
};

const PAGE = 0x1000;
/** Lowest base without room for a program below the end of the address space. */
export const BASE_LIMIT = 2 ** 47 - 2 ** 20;
/** Bytes of e_ident from EI_ABIVERSION on. */
export const IDENT_PAD_SIZE = 8;

/** Whether a program may begin at an address: a multiple of the page size with room above it. */
export function isBase(address: number): boolean {
  return address % PAGE === 0 && address < BASE_LIMIT;
}

/** Whether segments can be aligned to a number of bytes: a power of two from 4096 to 2^30. */
export function isPageSize(size: number): boolean {
  return size >= PAGE && size <= 2 ** 30 && Math.log2(size) % 1 === 0;
}

/** Whether inputs may be made smaller by rewriting them. */
export function isShrinking({ shrink, verbatim }: Pick<LinkOptions, 'shrink' | 'verbatim'>): boolean {
  return shrink !== 'none' && !verbatim;
}

/** The header for a user who asked for none: the smallest, or the one that has room for section headers. */
export function defaultHeader(tables: LinkOptions['tables']): string {
  return tables === 'none' ? DEFAULT_OPTIONS.header : 'plain';
}

/** An option as `tinyelf link --help` shows it. */
export interface OptionHelp {
  readonly flags: string;
  readonly group: string;
  readonly help: string;
  /** The option may be given several times. */
  readonly repeatable?: boolean;
}

export const GROUPS = {
  inputs: 'Inputs:',
  program: 'What goes in:',
  header: 'Header and address:',
  packing: 'Packing:',
  output: 'Output:',
  budgets: 'Budgets and configuration:',
};

/** The options of `tinyelf link`, in the order of the help text. */
export const LINK_OPTIONS: readonly OptionHelp[] = [
  {
    flags: '-L, --library-path <dir>',
    group: GROUPS.inputs,
    help: 'look for -l libraries in <dir>',
    repeatable: true,
  },
  { flags: '-l, --library <name>', group: GROUPS.inputs, help: 'link lib<name>.a', repeatable: true },
  {
    flags: '--chroot <dir>',
    group: GROUPS.inputs,
    help: 'take inputs with absolute paths from within <dir>',
  },
  {
    flags: '-T, --script <file>',
    group: GROUPS.inputs,
    help: 'read a linker script; its SECTIONS, if any, decide where everything lies',
    repeatable: true,
  },
  {
    flags: '--builtins <set>',
    group: GROUPS.inputs,
    help: 'mem: supply memcpy, memmove, memset, memcmp, bcmp, strlen if nothing else defines them (7 to 24 bytes each)',
  },
  {
    flags: '-e, --entry <symbol>',
    group: GROUPS.program,
    help: 'where the program starts (default: _start)',
  },
  {
    flags: '-u, --undefined <symbol>',
    group: GROUPS.program,
    help: 'keep <symbol> and take it from an archive if need be',
    repeatable: true,
  },
  {
    flags: '--defsym <name=expression>',
    group: GROUPS.program,
    help: 'define a symbol: a number, another symbol, or a sum of them',
    repeatable: true,
  },
  { flags: '--gc-sections', group: GROUPS.program, help: 'drop sections that nothing reaches (default)' },
  { flags: '--no-gc-sections', group: GROUPS.program, help: 'keep them' },
  {
    flags: '--icf <mode>',
    group: GROUPS.program,
    help: 'fold identical functions: safe: those whose address nothing compares (default); all: these and constants; none',
  },
  {
    flags: '--shrink <mode>',
    group: GROUPS.program,
    help: 'rewrite code so that it gets smaller: safe: what compilers have made and is understood to the last byte (default); all: what assemblers have made too; none',
  },
  {
    flags: '--verbatim',
    group: GROUPS.program,
    help: 'copy sections bit for bit in input order; segment readable, writable and executable',
  },
  {
    flags: '--header <layout>',
    group: GROUPS.header,
    help: 'auto: the smallest that loads, with parts of the program in its holes (default); classic: 112 bytes; plain: 120 bytes, as tools expect it; 0x18 to 0x40: program headers from this offset on',
  },
  {
    flags: '--compat <loaders>',
    group: GROUPS.header,
    help: 'linux: every Linux from 4.4 on (default); portable: qemu-user and gVisor too',
  },
  {
    flags: '--floor',
    group: GROUPS.header,
    help: 'permit the 68-byte header, a curiosity: random base, more than 4 GiB of memory',
  },
  {
    flags: '--segments <kind>',
    group: GROUPS.header,
    help: 'joined: one segment for everything (default); split: code and data apart, none writable and executable (costs up to 64 bytes)',
  },
  {
    flags: '--base <address>',
    group: GROUPS.header,
    help: 'address of the first byte of the file (default: 0x10000, or higher where that makes the file smaller)',
  },
  {
    flags: '--osabi <number>',
    group: GROUPS.header,
    help: 'byte 7 of the header; free, the kernel ignores it',
  },
  {
    flags: '--ident-pad <text>',
    group: GROUPS.header,
    help: 'up to 8 bytes of your own at offset 8 of the header; C escapes are understood; a small program loses that room',
  },
  {
    flags: '--pack <method>',
    group: GROUPS.packing,
    help: 'write an executable that unpacks itself, if that is smaller: auto, or --pack alone: by the method with the smallest result; cm, cmx, cm2, cm3, lz: by this one',
  },
  {
    flags: '--pack-effort <level>',
    group: GROUPS.packing,
    help: 'how much is tried to make it smaller: 1 (fast) to 9 (small) (default: 5)',
  },
  {
    flags: '--pack-time <seconds>',
    group: GROUPS.packing,
    help: 'take the best that is found in this time; how small that is depends on the machine (default: no limit)',
  },
  {
    flags: '--pack-threads <count>',
    group: GROUPS.packing,
    help: 'how many threads search at a time, 1 to 8; the result is the same (default: one for each processor)',
  },
  {
    flags: '-o, --output <file>',
    group: GROUPS.output,
    help: 'the executable; - for standard output (default: a.out)',
  },
  {
    flags: '--symbols',
    group: GROUPS.output,
    help: 'append section headers and a symbol table (sets --header=plain); the program stays the same',
  },
  { flags: '--debug', group: GROUPS.output, help: 'append these and the debug information of the inputs' },
  {
    flags: '--debug-file <file>',
    group: GROUPS.output,
    help: 'write them to <file>, which a debugger can load in place of the executable',
  },
  {
    flags: '--map <file>',
    group: GROUPS.output,
    help: 'write to <file> what lies where, and why it is there',
  },
  {
    flags: '--map-json <file>',
    group: GROUPS.output,
    help: 'write all there is to know about the link to <file> as JSON, for other commands and tools',
  },
  {
    flags: '--dependency-file <file>',
    group: GROUPS.output,
    help: 'write a make rule to <file> that names everything that was read',
  },
  {
    flags: '--reproduce <file>',
    group: GROUPS.output,
    help: 'pack everything that was read into a tar archive, with a response.txt that links it again',
  },
  { flags: '--print-map', group: GROUPS.output, help: 'print what lies where, and why it is there' },
  {
    flags: '--print-shrink',
    group: GROUPS.output,
    help: 'print for each section of code what shrinking it has saved, or why it stays as it is',
  },
  {
    flags: '--verify',
    group: GROUPS.output,
    help: 'read the finished file again and compare the value of each relocation (default)',
  },
  { flags: '--no-verify', group: GROUPS.output, help: 'do not' },
  {
    flags: '--time',
    group: GROUPS.output,
    help: 'print how much processor time each pass took to standard error',
  },
  {
    flags: '--watch',
    group: GROUPS.output,
    help: 'link, then link again whenever an input changes, until interrupted; what did not change is not read again',
  },
  { flags: '--json', group: GROUPS.output, help: 'print the result, the map and the diagnostics as JSON' },
  {
    flags: '--budget <size>',
    group: GROUPS.budgets,
    help: 'fail with exit status 3 if the executable is larger, after it has been written; 4096, 4k, 4KiB',
  },
  {
    flags: '--baseline <file>',
    group: GROUPS.budgets,
    help: 'the map of an earlier link (or an executable with its .map.json beside it): say what has grown since if a budget is exceeded',
  },
  {
    flags: '--config <file>',
    group: GROUPS.budgets,
    help: 'take budgets, and options that are not given, from <file> (default: the nearest tinyelf.config.json, or package.json with the key "tinyelf", up to the first package.json)',
  },
  { flags: '--no-config', group: GROUPS.budgets, help: 'take them from no file' },
];
