/**
 * The pipeline: one call a pass, in order. Each pass takes what earlier ones made; the comment behind it is what
 * holds from there on. Errors are collected throughout and end the link at one place, so that a user sees all of
 * them at once.
 */
import { addTables, checkTables, makeDebugFile } from './debug/tables.ts';
import { type Diagnostic, Diagnostics, FormatError, LinkError } from './diagnostics.ts';
import type { LinkMap } from './explain/linkMap.ts';
import { buildMap } from './explain/map.ts';
import { type LinkSummary, summarize } from './explain/mapBytes.ts';
import { describeShrinkage, type ShrunkSection } from './explain/shrunk.ts';
import { SizeLog } from './explain/sizeLog.ts';
import { Image, type ImageSink } from './image.ts';
import { type InputFiles, UnreadableFile } from './inputs.ts';
import { assertInvariant, present } from './invariant.ts';
import { describeLoadedImage, type LoadedImage } from './layout/loaded.ts';
import { sequencesOf } from './layout/sequences.ts';
import type { LinkCache } from './linkCache.ts';
import type { LinkOptions, Sequences } from './options.ts';
import { assembleUnwind } from './passes/assembleUnwind.ts';
import { discardSections } from './passes/discardSections.ts';
import { dropTails } from './passes/dropTails.ts';
import { findRuns } from './passes/findRuns.ts';
import { findZeros } from './passes/findZeros.ts';
import { fitHeader } from './passes/fitHeader.ts';
import { foldIdentical } from './passes/foldIdentical.ts';
import { indexUnwind } from './passes/indexUnwind.ts';
import { joinSections } from './passes/joinSections.ts';
import { layoutImage } from './passes/layoutImage.ts';
import { loadInputs } from './passes/loadInputs.ts';
import { markLive } from './passes/markLive.ts';
import { matchSections } from './passes/matchSections.ts';
import { mergeStrings } from './passes/mergeStrings.ts';
import { orderSections } from './passes/orderSections.ts';
import { outlineCode } from './passes/outlineCode.ts';
import { placeByScript } from './passes/placeByScript.ts';
import { relaxAlignment } from './passes/relaxAlignment.ts';
import { relocate } from './passes/relocate.ts';
import { resolveSymbols } from './passes/resolveSymbols.ts';
import { shrinkCode } from './passes/shrinkCode.ts';
import { synthesize } from './passes/synthesize.ts';
import { trimZeros } from './passes/trimZeros.ts';
import { verifyImage } from './passes/verifyImage.ts';
import { verifyRelocations } from './passes/verifyRelocations.ts';
import { writeImage } from './passes/writeImage.ts';
import type { Pieces } from './pieces.ts';
import type { SectionRules } from './place/rules.ts';
import type { Program } from './program.ts';
import type {
  CodeRuns,
  HeaderFit,
  ImageLayout,
  Liveness,
  Shrinkage,
  Synthesis,
  UnwindPlan,
} from './results.ts';
import { type LinkScript, withScript } from './script/linkScript.ts';

/** A finished link. */
export interface LinkResult {
  /** The executable, byte for byte; empty if it has gone to the sink. */
  readonly bytes: Uint8Array;
  /** Its size in bytes, wherever it is. */
  readonly size: number;
  /** Whether the executable has gone to the sink. */
  readonly isStreamed: boolean;
  /**
   * A second file with the same addresses, symbols and debug information; made when it is asked for, from an executable
   * that has not gone to the sink.
   */
  debugFile(): Uint8Array;
  /** How many bytes of the file are what. */
  summary(): LinkSummary;
  /** What lies where and why; made when it is asked for. */
  map(): LinkMap;
  /** What became of each section of code; made when it is asked for. */
  shrinkage(): ShrunkSection[];
  /** What has to be in memory before the program starts. */
  loaded(): LoadedImage;
  /** Names of the objects that take part, archive members included. */
  inputs(): string[];
  /** Name of the executable, if a script says one. */
  readonly output: string | undefined;
  /** Warnings; a link with errors throws instead. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What a link does beside its result. */
export interface LinkHooks {
  /**
   * Gets a large executable block by block, so that it need not be in memory; what it has got is of no use if the link
   * fails.
   */
  readonly sink?: ImageSink | undefined;
  /** Is told the name of each pass before it begins. */
  readonly passBegins?: ((name: string) => void) | undefined;
  /** Is told the name of each pass when it has ended. */
  readonly passDone?: ((name: string) => void) | undefined;
  /** Where the link finds what earlier links have read, and leaves what it reads. One link uses it at a time. */
  readonly cache?: LinkCache | undefined;
}

/**
 * Links objects and archives into a static executable.
 * @param files where inputs are read from: a Map from path to bytes will do
 * @throws LinkError with every error that was found
 */
export function link(files: InputFiles, asked: LinkOptions, hooks: LinkHooks = {}): LinkResult {
  return reporting((diagnostics) => runPasses(files, asked, hooks, diagnostics), hooks.cache);
}

/** Does something of which every failure is a LinkError with all that was found. */
function reporting<T>(action: (diagnostics: Diagnostics) => T, cache?: LinkCache): T {
  const diagnostics = new Diagnostics();
  let isGood = false;
  try {
    const result = action(diagnostics);
    isGood = true;
    return result;
  } catch (error) {
    // A later pass came across damage that an earlier one has reported.
    if (error instanceof FormatError) diagnostics.stopOnErrors();
    if (!(error instanceof UnreadableFile)) throw error;
    // Large objects are read more than once.
    diagnostics.error('unreadable-input', `cannot read ${error.path ?? 'an input'} again: ${error.message}`);
    throw new LinkError(diagnostics.items);
  } finally {
    cache?.end(isGood);
  }
}

/** A link whose sections can be put into one sequence after another. */
export interface SequencedLink {
  /** The sequences in which they are if nobody says any, as `LinkOptions.sequences`. */
  readonly first: Sequences;
  /** What a link with these sequences makes. */
  place(sequences: Sequences): Pick<LinkResult, 'bytes' | 'loaded'>;
}

/**
 * Links an image that another program unpacks so far that only its sections have no places.
 * @throws LinkError with every error that was found
 */
export function linkInSequences(files: InputFiles, asked: LinkOptions): SequencedLink {
  return reporting((diagnostics) => {
    const run: Run = (pass, ...args) => pass(...args);
    const sized = sizeSections(run, new SizeLog(), files, asked, undefined, diagnostics);
    const { program, liveness, pieces, synthesis, options } = sized;
    const fits = fitHeader(program, liveness, pieces, synthesis, options, diagnostics);
    const order = orderSections(program, pieces, fits, options, diagnostics);
    diagnostics.stopOnErrors();
    return {
      first: sequencesOf(order.order, fits[0]!.plan),
      place: (sequences) => {
        const own = { ...sized, options: { ...options, sequences } };
        const told = new Diagnostics();
        const placed = placeSections(run, own, fits, told);
        const image = new Image(placed.fileSize);
        const layout = fillImage(run, own, placed, image, told);
        told.stopOnErrors();
        return {
          bytes: image.finish(),
          loaded: () => describeLoadedImage(program, pieces, layout, sized.runs),
        };
      },
    };
  });
}

/** Executables from this size on, in bytes, go to the sink block by block. */
const STREAMED_SIZE = 2 ** 24;
/** Bytes that hold all headers. */
const HEAD_SIZE = 4096;

/** Runs a pass. */
type Run = <A extends unknown[], R>(pass: (...args: A) => R, ...args: A) => R;

/** What is known once the sizes of sections are final. */
interface Sized {
  readonly program: Program;
  readonly script: LinkScript;
  /** With what the script says. */
  readonly options: LinkOptions;
  readonly rules: SectionRules | undefined;
  readonly discards: Uint8Array;
  readonly liveness: Liveness;
  readonly pieces: Pieces;
  readonly synthesis: Synthesis;
  readonly shrinkage: Shrinkage;
  readonly unwind: UnwindPlan | undefined;
  readonly runs: CodeRuns | undefined;
}

/** The passes up to the one behind which nothing changes in size. */
function sizeSections(
  run: Run,
  sizes: SizeLog,
  files: InputFiles,
  asked: LinkOptions,
  cache: LinkCache | undefined,
  diagnostics: Diagnostics,
): Sized {
  const { inputs, script } = run(loadInputs, files, asked, diagnostics, cache);
  // Every input is an object or an archive, and its tables lie within its bytes.
  const options = withScript(asked, script);
  const program = run(resolveSymbols, inputs, files, options, script, diagnostics, cache);
  sizes.made.program = program;
  // Each name has one definition; no object, section or symbol is added any more.
  const rules = run(matchSections, program, script);
  const discards = run(discardSections, program, rules, options);
  sizes.made.discards = discards;
  const liveness = run(markLive, program, discards, options, script, rules, diagnostics);
  sizes.made.liveness = liveness;
  // Only live sections exist; every relocation of theirs has been read once and lies within its section.
  const { synthesis, pieces } = run(synthesize, program, liveness, options, rules, diagnostics);
  sizes.made.pieces = pieces;
  // It is decided which references are rewritten, and no new section appears.
  if (!rules) run(dropTails, program, liveness, pieces, options);
  // Sections end where the program does.
  if (cache) program.keepRelocations();
  const shrinkage = run(shrinkCode, program, liveness, pieces, synthesis, script, rules, options);
  // The code of a section is what will run; its relocations are as `shrinkCode` leaves them.
  run(relaxAlignment, program, liveness, pieces, options);
  // Strings are no more aligned than something may see.
  run(mergeStrings, program, liveness, pieces, rules);
  // Strings and constants have their places within sections.
  run(foldIdentical, program, liveness, pieces, synthesis, options, rules);
  // Every section is its own, merged with others, or stands for the ones that are like it.
  run(outlineCode, program, liveness, pieces, synthesis, shrinkage, rules, options);
  // Sequences of instructions that occur often are functions.
  run(joinSections, program, liveness, pieces, synthesis, shrinkage, rules);
  // Sections that run into others are tied to them.
  const unwind = run(assembleUnwind, program, liveness, pieces, options);
  // Sizes are final.
  if (!rules) run(findZeros, program, liveness, pieces, options);
  // It is known which variables the file needs no bytes for.
  const isToBePacked = options.unpackedBy !== undefined && !options.outline;
  const runs = isToBePacked ? run(findRuns, program, liveness, pieces, synthesis, shrinkage) : undefined;
  // And where a packer may move instructions.
  return { program, script, options, rules, discards, liveness, pieces, synthesis, shrinkage, unwind, runs };
}

/** Gives each section its place. @param fits ways to fill the header */
function placeSections(
  run: Run,
  { program, liveness, pieces, script, options }: Sized,
  fits: readonly HeaderFit[],
  diagnostics: Diagnostics,
): ImageLayout {
  const order = run(orderSections, program, pieces, fits, options, diagnostics);
  return run(layoutImage, program, liveness, pieces, order, script, options, diagnostics);
}

/** Writes all sections. @returns the layout, in which the image may have become shorter */
function fillImage(
  run: Run,
  { program, pieces, synthesis, unwind, options }: Sized,
  placed: ImageLayout,
  image: Image,
  diagnostics: Diagnostics,
): ImageLayout {
  run(relocate, program, pieces, placed, synthesis, unwind, image, diagnostics);
  run(indexUnwind, program, pieces, placed, unwind, image);
  // The bytes of the image are final but for the header.
  return run(trimZeros, image, placed, options);
}

function runPasses(
  files: InputFiles,
  asked: LinkOptions,
  { sink, passBegins, passDone, cache }: LinkHooks,
  diagnostics: Diagnostics,
): LinkResult {
  const sizes = new SizeLog();
  const names = passNames();
  const run: Run = (pass, ...args) => {
    const name = present(names.get(pass), 'each pass has a name');
    passBegins?.(name);
    sizes.begin(name);
    const result = pass(...args);
    passDone?.(name);
    return result;
  };
  checkTables(asked, diagnostics);

  const sized = sizeSections(run, sizes, files, asked, cache, diagnostics);
  const { program, script, options, rules, discards, liveness, pieces, synthesis, shrinkage, unwind } = sized;
  const placed = rules
    ? run(placeByScript, program, liveness, pieces, script, rules, options, diagnostics)
    : placeSections(
        run,
        sized,
        run(fitHeader, program, liveness, pieces, synthesis, options, diagnostics),
        diagnostics,
      );
  sizes.made.layout = placed;
  // Addresses, file offsets and the values of symbols are final.
  const isLarge = placed.fileSize >= STREAMED_SIZE && !rules && options.tables === 'none';
  // Code that is cut up lies wherever there is room, and a sink takes nothing out of order.
  const isStreamed = isLarge && !placed.fit?.cut.size;
  assertInvariant(Number.isSafeInteger(placed.fileSize), 'a layout has a size', () => `${placed.fileSize}`);
  const image = new Image(placed.fileSize, isStreamed ? sink : undefined);
  const layout = fillImage(run, sized, placed, image, diagnostics);
  sizes.made.layout = layout;
  // The file ends with a byte that is not zero, or with a page.
  diagnostics.stopOnErrors();
  // A binary file is the bytes of the sections and nothing else, and so is what another program unpacks.
  const hasHeader = script.format !== 'binary' && options.unpackedBy === undefined;
  if (hasHeader) run(writeImage, image, pieces, layout, options);
  // Loaded bytes are final.
  if (options.unpackedBy === undefined && !rules) run(verifyImage, image, program, options, diagnostics);
  diagnostics.stopOnErrors();
  const start = image.head.slice(0, HEAD_SIZE);
  const executable = image.finish();
  const made = {
    bytes: image.isStreamed ? start : executable,
    image,
    hasHeaders: hasHeader,
    isPacked: !rules,
  };
  const isReadable = !image.isStreamed || sink?.read !== undefined;
  if (options.verify && isReadable) {
    run(verifyRelocations, program, pieces, layout, synthesis, unwind, {
      ...made,
      sink: image.isStreamed ? sink : undefined,
    });
  }
  // Each relocation has the value of the psABI.
  // Linux loads them; what follows is for tools.
  const finished = { files, program, discards, pieces, layout, diagnostics };
  const bytes = run(addTables, executable, finished, options);
  const tableBytes = image.isStreamed ? 0 : bytes.length - layout.fileSize;
  sizes.made.tableBytes = tableBytes;
  const head = (image.isStreamed ? start : bytes).subarray(0, hasHeader ? HEAD_SIZE : 0);

  return {
    bytes,
    size: image.isStreamed ? image.size : bytes.length,
    isStreamed: image.isStreamed,
    debugFile: () => makeDebugFile(executable, finished, options),
    summary: () => summarize(pieces, layout, tableBytes),
    map: once(() => buildMap({ ...finished, liveness, synthesis, sizes, head, tableBytes })),
    shrinkage: () => describeShrinkage(program, pieces, shrinkage),
    loaded: () => describeLoadedImage(program, pieces, layout, sized.runs),
    inputs: () => program.objects.slice(1).map(({ name }) => name),
    output: script.output,
    diagnostics: diagnostics.items,
  };
}

/** A function that is called when it is first asked for its result, and never again. */
export function once<T>(make: () => T): () => T {
  let made: { readonly result: T } | undefined;
  return () => {
    made ??= { result: make() };
    return made.result;
  };
}

/** The passes by name: functions have other names in the build. */
function passNames(): ReadonlyMap<unknown, string> {
  const passes = {
    addTables,
    assembleUnwind,
    discardSections,
    dropTails,
    findRuns,
    findZeros,
    fitHeader,
    foldIdentical,
    indexUnwind,
    joinSections,
    layoutImage,
    loadInputs,
    markLive,
    matchSections,
    mergeStrings,
    orderSections,
    outlineCode,
    placeByScript,
    relaxAlignment,
    relocate,
    resolveSymbols,
    shrinkCode,
    synthesize,
    trimZeros,
    verifyImage,
    verifyRelocations,
    writeImage,
  };
  return new Map(Object.entries(passes).map(([name, pass]) => [pass, name]));
}
