/**
 * GNU ld's options: which take a value, and what each does here. An option that cannot change a tiny static
 * executable is known and does nothing; one that would and is not supported says so; any other is unknown, so that
 * nothing a user asks for is silently left out.
 */
import { statSync } from 'node:fs';
import type { LinkOptions } from '../options.ts';
import { ELF_FORMAT } from '../script/linkScript.ts';
import type { Arity } from './ldWords.ts';
import {
  parseAddress,
  parseBase,
  parseBuiltins,
  parseCompatibility,
  parseDefinition,
  parseHeader,
  parseIcf,
  parseIdentPad,
  parseOrphanHandling,
  parseOsabi,
  parsePageSize,
  parseSegments,
  parseShrink,
  parseSortSection,
  UsageError,
} from './values.ts';

/** What the options of a command line add up to. Options are applied from left to right. */
export interface LdState {
  settings: { -readonly [Key in keyof LinkOptions]?: LinkOptions[Key] };
  readonly libraryPaths: string[];
  readonly undefinedSymbols: string[];
  readonly requiredSymbols: string[];
  readonly wrappedSymbols: string[];
  readonly tracedSymbols: string[];
  readonly definitions: LinkOptions['definitions'][number][];
  readonly sectionStarts: Map<string, number>;
  readonly scripts: string[];
  output: string | undefined;
  action: 'link' | 'version' | 'help';
  /** Print the version line and go on. */
  announce: boolean;
  printMap: boolean;
  printShrink: boolean;
  mapFile: string | undefined;
  mapJsonFile: string | undefined;
  dependencyFile: string | undefined;
  reproduce: string | undefined;
  chroot: string | undefined;
  debugFile: string | undefined;
  printGcSections: boolean;
  trace: boolean;
  fatalWarnings: boolean;
  quiet: boolean;
  time: boolean;
  watch: boolean;
  budget: string | undefined;
  baseline: string | undefined;
  pack: string | undefined;
  packEffort: string | undefined;
  packTime: string | undefined;
  packThreads: string | undefined;
  config: string | undefined;
  sysroot: string;
  defaultPaths: boolean;
  /** How files and libraries that follow are taken. */
  mode: { whole: boolean; lazy: boolean };
  readonly pushed: { whole: boolean; lazy: boolean }[];
  addLibrary(name: string): void;
}

/** An option. `value` is '' where it has none. */
interface LdOption {
  readonly arity: Arity;
  readonly apply: (state: LdState, value: string, name: string) => void;
  /** It asks for what is not made. */
  readonly isRefused?: boolean;
}

const table = new Map<string, LdOption>();

/** What is known of an option, by its name without dashes. */
export function ldOption(name: string): LdOption | undefined {
  if (table.size === 0) fillTable();
  return table.get(name) ?? ignoredOption(name);
}

/** The options that do something here, in the order of the table: names without dashes. */
export function usefulLdOptions(): { readonly name: string; readonly arity: Arity }[] {
  if (table.size === 0) fillTable();
  const useful = [...table].filter(([name, { isRefused }]) => !isRefused && !name.startsWith('z-'));
  return useful.map(([name, { arity }]) => ({ name, arity }));
}

/** The names of all options. */
export function* ldOptionNames(): Iterable<string> {
  if (table.size === 0) fillTable();
  yield* table.keys();
  for (const [names] of IGNORED) yield* names.trim().split(/\s+/);
}

function fillTable(): void {
  addInputOptions();
  addSymbolOptions();
  addLayoutOptions();
  addOutputOptions();
  addOwnOptions();
  refuse('just-symbols', 'value', NO_ADDRESSES);
  refuse('shared Bshareable', 'none', 'shared libraries are not made; tinyelf makes static executables only');
  refuse('r relocatable i Ur', 'none', 'relocatable output is not made; tinyelf makes executables');
  refuse('oformat', 'value', `the output is always ${ELF_FORMAT}`, [ELF_FORMAT]);
  refuse('b format', 'value', 'inputs are ELF objects and archives; other formats are not read', [
    ELF_FORMAT,
    'default',
  ]);
}

/** The output has no section headers, symbols, relocations or dynamic section, and no second copy of anything. */
const IGNORED_FLAGS = `
  ( ) start-group end-group Bdynamic dy call_shared Bsymbolic Bsymbolic-functions Bsymbolic-non-weak-functions
  Bgroup Bstatic dn static non_shared EL N omagic n nmagic no-omagic S strip-debug s strip-all X discard-locals
  x discard-all discard-none as-needed no-as-needed add-needed no-add-needed copy-dt-needed-entries
  no-copy-dt-needed-entries build-id no-build-id d dc dp demangle no-demangle disable-new-dtags
  enable-new-dtags E export-dynamic no-export-dynamic g gdb-index no-gdb-index no-dynamic-linker
  ld-generated-unwind-info no-ld-generated-unwind-info no-mmap-output-file no-pie nopie no-relax relax
  no-rosegment rosegment nostdlib q emit-relocs reduce-memory-overheads no-keep-memory sort-common stats
  traditional-format warn-once warn-constructors warn-alternate-em warn-section-align warn-shared-textrel
  warn-textrel warn-rwx-segments no-warn-rwx-segments warn-execstack no-warn-execstack warn-backrefs
  no-warn-mismatch no-warn-search-mismatch check-sections no-check-sections no-accept-unknown-input-arch
  accept-unknown-input-arch no-print-gc-sections no-print-map no-print-icf-sections print-icf-sections
  lto-O2 no-threads threads no-ctors-in-init-array ctors-in-init-array no-undefined-version
  undefined-version allow-shlib-undefined no-allow-shlib-undefined no-define-common define-common
  no-apply-dynamic-relocs apply-dynamic-relocs fix-cortex-a53-843419 no-color-diagnostics
  no-call-graph-profile-sort no-lto-legacy-pass-manager verbose dll-verbose embedded-relocs force-exe-suffix
  enable-non-contiguous-regions non-contiguous-regions package-metadata optimize-bb-jumps
  enable-non-contiguous-regions-warnings force-group-allocation map-whole-files no-strip-discarded
  print-map-discarded no-print-map-discarded print-memory-usage strip-discarded support-old-code
  warn-multiple-gp Qy`;

const IGNORED_VALUES = `
  a A architecture c audit P depaudit auxiliary f F filter fini init h soname I dynamic-linker
  rpath rpath-link Y dynamic-list dynamic-list-data version-script retain-symbols-file
  version-exports-section plugin plugin-opt Tldata-segment task-link max-cache-size O
  hash-size thread-count assert symbol-ordering-file call-graph-ordering-file exclude-modules-for-implib
  hash-style error-limit spare-dynamic-tags pack-dyn-relocs thinlto-cache-dir
  thinlto-jobs icf-iterations dependent-libraries mllvm export-dynamic-symbol export-dynamic-symbol-list exclude-libs`;

const IGNORED_OPTIONAL = `
  compress-debug-sections compress-sections color-diagnostics optimize lto-O
  build-id threads warn-symbol-ordering no-warn-symbol-ordering gc-keep-exported
  gpsize G split-by-file split-by-reloc unique ctf-variables no-ctf-variables rsp-quoting error-handling-script cref no-cref`;

/** Names, each behind a blank, and whether these options have a value. */
const IGNORED: readonly (readonly [string, Arity])[] = [
  [IGNORED_FLAGS, 'none'],
  [IGNORED_VALUES, 'value'],
  [IGNORED_OPTIONAL, 'optional'],
];

/** Of --just-symbols. */
const NO_ADDRESSES = 'symbols are not taken from executables; --defsym gives them addresses';

const nothing = (): void => {};

/** Looks the lists through: cheaper than to make a table of them for the few options of one command line. */
function ignoredOption(name: string): LdOption | undefined {
  if (name === '' || /\s/.test(name)) return undefined;
  // Of a name in two lists the later one counts.
  const found = IGNORED.findLast(([names]) => isListed(names, name));
  return found && { arity: found[1], apply: nothing };
}

function isListed(names: string, name: string): boolean {
  for (let at = names.indexOf(` ${name}`); at >= 0; at = names.indexOf(` ${name}`, at + 1)) {
    const behind = names[at + 1 + name.length];
    if (behind === undefined || behind === ' ' || behind === '\n') return true;
  }
  return false;
}

function addInputOptions(): void {
  option('l library', 'value', (state, value) => state.addLibrary(value));
  option('L library-path', 'value', (state, value) => state.libraryPaths.push(value));
  option('sysroot', 'value', (state, value) => {
    state.sysroot = value;
  });
  option('chroot', 'value', (state, value) => {
    state.chroot = value;
  });
  option('T script default-script dT', 'value', (state, value) => state.scripts.push(value));
  option('whole-archive', 'none', (state) => setMode(state, { whole: true }));
  option('no-whole-archive', 'none', (state) => setMode(state, { whole: false }));
  option('start-lib', 'none', (state) => setMode(state, { lazy: true }));
  option('end-lib', 'none', (state) => setMode(state, { lazy: false }));
  option('push-state', 'none', (state) => state.pushed.push(state.mode));
  option('pop-state', 'none', (state) => {
    state.mode = state.pushed.pop() ?? state.mode;
  });
  option('m', 'value', (_, value) => require('-m', value, 'elf_x86_64'));
  option('flavor', 'value', (_, value) => require('-flavor', value, 'gnu'));
  option('EB', 'none', () => {
    throw new UsageError('-EB: x86-64 is little-endian');
  });
}

function addSymbolOptions(): void {
  option('e entry', 'value', (state, value) => set(state, { entry: value }));
  option('u undefined', 'value', (state, value) => state.undefinedSymbols.push(value));
  option('require-defined', 'value', (state, value) => state.requiredSymbols.push(value));
  option('R', 'value', (_, value) => {
    // The name of a folder is one for a dynamic linker to look in.
    if (statSync(value, { throwIfNoEntry: false })?.isFile())
      throw new UsageError(`-R ${value}: ${NO_ADDRESSES}`);
  });
  option('wrap', 'value', (state, value) => state.wrappedSymbols.push(value));
  option('y trace-symbol', 'value', (state, value) => state.tracedSymbols.push(value));
  option('defsym', 'value', (state, value) => state.definitions.push(parseDefinition(value)));
  option('gc-sections', 'none', (state) => set(state, { gcSections: true }));
  option('no-gc-sections', 'none', (state) => set(state, { gcSections: false }));
  option('verify', 'none', (state) => set(state, { verify: true }));
  option('no-verify', 'none', (state) => set(state, { verify: false }));
  option('z-muldefs allow-multiple-definition', 'none', (state) =>
    set(state, { allowMultipleDefinition: true }),
  );
  option('no-allow-multiple-definition', 'none', (state) => set(state, { allowMultipleDefinition: false }));
  option('no-undefined z-defs', 'none', (state) => set(state, { unresolved: 'error' }));
  option('z-undefs', 'none', (state) => set(state, { unresolved: 'ignore' }));
  option('warn-unresolved-symbols', 'none', (state) => set(state, { unresolved: 'warning' }));
  option('error-unresolved-symbols', 'none', (state) => set(state, { unresolved: 'error' }));
  option('noinhibit-exec', 'none', (state) => set(state, { unresolved: 'warning' }));
  option('unresolved-symbols', 'value', (state, value) =>
    set(state, { unresolved: unresolvedPolicy(value) }),
  );
  option('warn-common', 'none', (state) => set(state, { warnCommon: true }));
  option('no-warn-common', 'none', (state) => set(state, { warnCommon: false }));
  option('fatal-warnings', 'none', (state) => {
    state.fatalWarnings = true;
  });
  option('no-fatal-warnings', 'none', (state) => {
    state.fatalWarnings = false;
  });
  option('icf', 'value', (state, value) => set(state, { icf: parseIcf(value) }));
  option('shrink', 'value', (state, value) => set(state, { shrink: parseShrink(value) }));
}

function addLayoutOptions(): void {
  option('pie pic-executable static-pie', 'none', (state) => set(state, { positionIndependent: true }));
  option('eh-frame-hdr', 'none', (state) => set(state, { ehFrameHdr: true }));
  option('no-eh-frame-hdr', 'none', (state) => set(state, { ehFrameHdr: false }));
  option('image-base base', 'value', (state, value) =>
    set(state, { base: parseBase(value), isBaseGiven: true }),
  );
  option('Ttext-segment', 'value', (state, value) =>
    set(state, { base: parseBase(`0x${value.replace(/^0x/i, '')}`), isBaseGiven: true }),
  );
  for (const name of ['text', 'data', 'bss', 'rodata']) {
    const names = name === 'rodata' ? 'Trodata-segment' : `T${name}`;
    option(names, 'value', (state, value) => startSection(state, `.${name}`, value, `-T${name}`));
  }
  option('sort-section', 'value', (state, value) => set(state, { sortSection: parseSortSection(value) }));
  option('orphan-handling', 'value', (state, value) =>
    set(state, { orphanHandling: parseOrphanHandling(value) }),
  );
  option('section-start', 'value', (state, value) => {
    const [, section, address] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    if (!section || !address) throw new UsageError(`--section-start ${value}: expected SECTION=ADDRESS`);
    startSection(state, section, address, '--section-start');
  });
  option('z', 'value', applyKeyword);
  option('z-separate-code', 'none', (state) => set(state, { segments: 'pages' }));
  option('z-noseparate-code', 'none', (state) => set(state, { segments: 'joined' }));
  option('z-noexecstack', 'none', (state) => set(state, { stack: 'not-executable' }));
  option('z-execstack', 'none', (state) => set(state, { stack: 'executable' }));
  option('z-max-page-size', 'value', (state, value) => set(state, { pageSize: parsePageSize(value) }));
}

function addOutputOptions(): void {
  option('o output', 'value', (state, value) => {
    state.output = value;
  });
  option('M print-map', 'none', (state) => {
    state.printMap = true;
  });
  option('print-shrink', 'none', (state) => {
    state.printShrink = true;
  });
  option('Map', 'value', (state, value) => {
    state.mapFile = value;
  });
  option('map-json', 'value', (state, value) => {
    state.mapJsonFile = value;
  });
  option('dependency-file', 'value', (state, value) => {
    state.dependencyFile = value;
  });
  option('reproduce', 'value', (state, value) => {
    state.reproduce = value;
  });
  option('print-gc-sections', 'none', (state) => {
    state.printGcSections = true;
  });
  option('t trace', 'none', (state) => {
    state.trace = true;
  });
  option('time', 'none', (state) => {
    state.time = true;
  });
  option('quiet w no-warnings', 'none', (state) => {
    state.quiet = true;
  });
  option('version', 'none', (state) => {
    state.action = 'version';
  });
  option('v V', 'none', (state) => {
    state.announce = true;
  });
  option('help', 'none', (state) => {
    state.action = 'help';
  });
}

/** tinyelf's own options, so that a driver can pass them on (`-Wl,--header=plain`). */
function addOwnOptions(): void {
  option('verbatim', 'none', (state) => set(state, { verbatim: true }));
  option('header', 'value', (state, value) => set(state, { header: parseHeader(value) }));
  option('compat', 'value', (state, value) => set(state, { compatibility: parseCompatibility(value) }));
  option('floor', 'none', (state) => set(state, { floor: true }));
  option('osabi', 'value', (state, value) => set(state, { osabi: parseOsabi(value) }));
  option('ident-pad', 'value', (state, value) => set(state, { identPad: parseIdentPad(value) }));
  option('builtins', 'value', (state, value) => set(state, { builtins: parseBuiltins(value) }));
  option('symbols', 'none', (state) => set(state, { tables: state.settings.tables ?? 'symbols' }));
  option('debug', 'none', (state) => set(state, { tables: 'debug' }));
  option('debug-file', 'value', (state, value) => {
    state.debugFile = value;
  });
  option('watch', 'none', (state) => {
    state.watch = true;
  });
  option('budget', 'value', (state, value) => {
    state.budget = value;
  });
  option('baseline', 'value', (state, value) => {
    state.baseline = value;
  });
  option('pack', 'optional', (state, value) => {
    state.pack = value === '' ? 'auto' : value;
  });
  option('pack-effort', 'value', (state, value) => {
    state.packEffort = value;
  });
  option('pack-time', 'value', (state, value) => {
    state.packTime = value;
  });
  option('pack-threads', 'value', (state, value) => {
    state.packThreads = value;
  });
  option('config', 'value', (state, value) => {
    state.config = value;
  });
  option('no-config', 'none', (state) => {
    state.config = undefined;
  });
  option('segments', 'value', (state, value) => set(state, { segments: parseSegments(value) }));
}

/** `-z KEYWORD` and `-z KEYWORD=VALUE`; keywords that mean nothing here, known or not, are ignored as in GNU ld. */
function applyKeyword(state: LdState, keyword: string): void {
  const [name = '', value = ''] = keyword.split('=', 2);
  table.get(`z-${name}`)?.apply(state, value, `-z ${keyword}`);
}

function set(state: LdState, settings: Partial<LinkOptions>): void {
  Object.assign(state.settings, settings);
}

function setMode(state: LdState, mode: Partial<LdState['mode']>): void {
  state.mode = { ...state.mode, ...mode };
}

/** Addresses behind -Ttext and its kin are hexadecimal with or without 0x (GNU ld's manual, "-Tbss=org"). */
function startSection(state: LdState, section: string, address: string, name: string): void {
  if (!['.text', '.rodata', '.data', '.bss'].includes(section)) {
    throw new UsageError(`${name} ${section}: only .text, .rodata, .data and .bss can be given an address`);
  }
  state.sectionStarts.set(section, parseAddress(`0x${address.replace(/^0x/i, '')}`, name));
}

function unresolvedPolicy(value: string): LinkOptions['unresolved'] {
  if (value === 'ignore-all' || value === 'ignore-in-object-files') return 'ignore';
  if (value === 'report-all' || value === 'ignore-in-shared-libs') return 'error';
  throw new UsageError(
    `--unresolved-symbols ${value}: expected ignore-all, report-all or ignore-in-object-files`,
  );
}

function require(name: string, value: string, expected: string): void {
  if (value !== expected) throw new UsageError(`${name} ${value}: only ${expected} is supported`);
}

function option(names: string, arity: Arity, apply: LdOption['apply']): void {
  for (const name of names.split(' ')) table.set(name, { arity, apply });
}

/** @param accepted values that ask for nothing but what is made anyway */
function refuse(names: string, arity: Arity, reason: string, accepted: readonly string[] = []): void {
  const apply: LdOption['apply'] = (_, value, name) => {
    if (accepted.includes(value)) return;
    const asked = value === '' || name.endsWith(`=${value}`) ? name : `${name} ${value}`;
    throw new UsageError(`${asked}: ${reason}`);
  };
  for (const name of names.split(' ')) table.set(name, { arity, apply, isRefused: true });
}
