/** Parses GNU ld's command line, as gcc, clang and rustc write it, into the request for a link. */
import type { InputName } from '../inputs.ts';
import { DEFAULT_OPTIONS, defaultHeader, type LinkOptions } from '../options.ts';
import { inSysroot } from '../script/paths.ts';
import { type LdState, ldOption, ldOptionNames } from './ldOptions.ts';
import { expandResponses, type ResponseReader, splitOption } from './ldWords.ts';
import { nearestName } from './nearest.ts';
import { type PackRequest, packRequest } from './packRequest.ts';
import { UsageError } from './values.ts';

/** What a GNU ld command line asks for. */
export interface LdRequest {
  readonly action: LdState['action'];
  readonly announce: boolean;
  readonly options: LinkOptions;
  /** Undefined without -o. */
  readonly output: string | undefined;
  readonly printMap: boolean;
  readonly printShrink: boolean;
  readonly mapFile: string | undefined;
  readonly mapJsonFile: string | undefined;
  readonly dependencyFile: string | undefined;
  /** Archive for everything that makes the link again. */
  readonly reproduce: string | undefined;
  readonly chroot: string | undefined;
  readonly debugFile: string | undefined;
  readonly printGcSections: boolean;
  readonly trace: boolean;
  readonly fatalWarnings: boolean;
  readonly quiet: boolean;
  readonly time: boolean;
  readonly watch: boolean;
  readonly budget: string | undefined;
  readonly baseline: string | undefined;
  readonly pack: PackRequest | undefined;
  /** As they are given: without --pack they are a mistake. */
  readonly packEffort: string | undefined;
  readonly packTime: string | undefined;
  readonly packThreads: string | undefined;
  /** Path of a configuration to be used; none is looked for. */
  readonly config: string | undefined;
}

/** Where GNU ld looks for libraries behind the folders of -L (SEARCH_DIR in the default script of Debian's ld). */
export const DEFAULT_PATHS: readonly string[] = [
  '/usr/local/lib/x86_64-linux-gnu',
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/local/lib64',
  '/lib64',
  '/usr/lib64',
  '/usr/local/lib',
  '/lib',
  '/usr/lib',
];

/** @throws UsageError for an option that is unknown, incomplete or cannot be honoured */
export function parseLdArgv(argv: readonly string[], readResponse: ResponseReader): LdRequest {
  const words = expandResponses(argv, readResponse);
  const inputs: InputName[] = [];
  const state = initialState(inputs);
  for (const item of splitLdWords(words)) {
    if (item.name === undefined) addInput(inputs, state, { kind: 'file', path: item.words[0]! });
    else applyOption(state, item.words[0]!, item.name, item.value);
  }
  return toRequest(state, inputs);
}

/** An operand, or an option with its value. */
export interface LdItem {
  /** As they stand in the command line. */
  readonly words: readonly string[];
  /** Of an option, without dashes; undefined for an operand. */
  readonly name: string | undefined;
  readonly value: string | undefined;
}

/** Takes a command line apart, as far as it is asked for. @throws UsageError for an option that is incomplete */
export function* splitLdWords(words: readonly string[]): Iterable<LdItem> {
  let at = 0;
  while (at < words.length) {
    const start = at;
    const word = words[at++]!;
    const isOperand = !word.startsWith('-') || word === '-';
    const { name, value } = isOperand
      ? { name: undefined, value: undefined }
      : splitOption(
          word,
          (candidate) => ldOption(candidate)?.arity,
          () => words[at++],
        );
    yield { words: words.slice(start, at), name, value };
  }
}

function initialState(inputs: InputName[]): LdState {
  const state: LdState = {
    settings: {},
    libraryPaths: [],
    undefinedSymbols: [],
    requiredSymbols: [],
    wrappedSymbols: [],
    tracedSymbols: [],
    definitions: [],
    sectionStarts: new Map(),
    scripts: [],
    output: undefined,
    action: 'link',
    announce: false,
    printMap: false,
    printShrink: false,
    mapFile: undefined,
    mapJsonFile: undefined,
    dependencyFile: undefined,
    reproduce: undefined,
    chroot: undefined,
    debugFile: undefined,
    printGcSections: false,
    trace: false,
    fatalWarnings: false,
    quiet: false,
    time: false,
    watch: false,
    budget: undefined,
    baseline: undefined,
    pack: undefined,
    packEffort: undefined,
    packTime: undefined,
    packThreads: undefined,
    config: undefined,
    sysroot: '',
    defaultPaths: true,
    mode: { whole: false, lazy: false },
    pushed: [],
    addLibrary: (name) => addInput(inputs, state, { kind: 'library', name }),
  };
  return state;
}

function addInput(inputs: InputName[], { mode }: LdState, input: InputName): void {
  if (mode.lazy) inputs.push({ ...input, extraction: 'needed' });
  else if (mode.whole) inputs.push({ ...input, extraction: 'all' });
  else inputs.push(input);
}

function applyOption(state: LdState, word: string, name: string, value: string | undefined): void {
  const option = ldOption(name);
  if (!option) {
    if (word.startsWith('-Wl,'))
      throw new UsageError(
        `${word} is for compilers: ld.tinyelf is a linker, which gcc and clang start with -B`,
      );
    const near = nearestName(name, ldOptionNames());
    throw new UsageError(`unknown option ${word}${near === undefined ? '' : `; did you mean --${near}?`}`);
  }
  option.apply(state, value ?? '', word);
}

function toRequest(state: LdState, inputs: readonly InputName[]): LdRequest {
  const { settings, sysroot } = state;
  // `=` and `$SYSROOT` in front of a folder stand for --sysroot (GNU ld's manual, "-L searchdir").
  const paths = state.libraryPaths.map((path) => inSysroot(path, sysroot));
  return {
    action: state.action,
    announce: state.announce,
    output: state.output,
    printMap: state.printMap,
    printShrink: state.printShrink,
    mapFile: state.mapFile,
    mapJsonFile: state.mapJsonFile,
    dependencyFile: state.dependencyFile,
    reproduce: state.reproduce,
    chroot: state.chroot,
    debugFile: state.debugFile,
    printGcSections: state.printGcSections,
    trace: state.trace,
    fatalWarnings: state.fatalWarnings,
    quiet: state.quiet,
    time: state.time,
    watch: state.watch,
    budget: state.budget,
    baseline: state.baseline,
    pack: packRequest(state),
    packEffort: state.packEffort,
    packTime: state.packTime,
    packThreads: state.packThreads,
    config: state.config,
    options: {
      ...DEFAULT_OPTIONS,
      // Without --eh-frame-hdr a program registers its unwind tables itself, as crtbeginT.o does.
      ehFrameHdr: false,
      header: defaultHeader(settings.tables ?? 'none'),
      ...settings,
      withDebugFile: state.debugFile !== undefined,
      inputs,
      libraryPaths: [...paths, ...DEFAULT_PATHS.map((path) => `${sysroot}${path}`)],
      scripts: state.scripts,
      sysroot,
      undefinedSymbols: state.undefinedSymbols,
      requiredSymbols: state.requiredSymbols,
      wrappedSymbols: state.wrappedSymbols,
      tracedSymbols: state.tracedSymbols,
      definitions: state.definitions,
      sectionStarts: state.sectionStarts,
    },
  };
}
