/** Runs a link for a command line: reads, links, writes, and says what happened. Shared by all front ends. */
import { type Diagnostic, LinkError } from '../diagnostics.ts';
import { type LinkResult, link } from '../link.ts';
import { LinkCache } from '../linkCache.ts';
import { DiskFiles, STANDARD_INPUT } from '../node/files.ts';
import { OutputError, STANDARD_OUTPUT, writeMessage, writeText } from '../node/output.ts';
import { EXECUTABLE, Outputs, PLAIN } from '../node/outputs.ts';
import { isInPlace, Replacement } from '../node/replacement.ts';
import { HeldSignals } from '../node/signals.ts';
import { mayBeTerminal } from '../node/terminal.ts';
import { isShrinking, type LinkOptions } from '../options.ts';
import type { BudgetRequest } from './budgetRequest.ts';
import type { BudgetReport } from './budgets.ts';
import { EXIT_LINK_ERROR, EXIT_OK, EXIT_OVER_BUDGET } from './exitCodes.ts';
import { diagnosticsOf, exitCodeFor, writeFailure } from './failure.ts';
import type { LdItem } from './ldArgv.ts';
import type { LinkWords } from './linkArgv.ts';
import { budgetsForJson, openBudgets } from './linkBudgets.ts';
import type { PackRequest } from './packRequest.ts';
import { PassTimer } from './passTimer.ts';
import { Progress } from './progress.ts';
import { TunedFiles, type Work } from './tunedFiles.ts';
import { UsageError } from './values.ts';

/** A link as a command line asks for it. */
export interface LinkRequest {
  /** Name in front of messages. */
  readonly program: string;
  readonly options: LinkOptions;
  /** Path of the executable; `-` for standard output; undefined for what a script says, or else `a.out`. */
  readonly output: string | undefined;
  readonly printMap: boolean;
  /** Say what became of each section of code. */
  readonly printShrink?: boolean;
  readonly json: boolean;
  /** File for the map as text. */
  readonly mapFile?: string | undefined;
  /** File for the map as JSON. */
  readonly mapJsonFile?: string | undefined;
  /** File for a make rule that names the inputs. */
  readonly dependencyFile?: string | undefined;
  /** File for symbols and debug information, beside the executable. */
  readonly debugFile?: string | undefined;
  /** Say which sections were left out. */
  readonly printGcSections?: boolean;
  /** Say which files were read. */
  readonly trace?: boolean;
  readonly fatalWarnings?: boolean;
  /** Pack what is read, and how. */
  readonly reproduce?: Reproduction | undefined;
  /** Write an executable that unpacks itself. */
  readonly pack?: PackRequest | undefined;
  /** Folder in which absolute paths of inputs begin; '' for the root itself. */
  readonly chroot?: string | undefined;
  /** Say how long each pass took. */
  readonly time?: boolean;
  /** Link again whenever an input changes. */
  readonly watch?: boolean;
  /** No warnings. */
  readonly quiet?: boolean;
  /** Warnings about the command line itself. */
  readonly notices?: readonly string[];
  readonly budgets?: BudgetRequest | undefined;
  /** A driver runs the link, and shows its users standard error only: budgets are printed there. */
  readonly isDriven?: boolean;
}

/** An archive with everything that makes a link again. */
export interface Reproduction {
  /** Of the archive. */
  readonly path: string;
  /** What the command line says, response files replaced. */
  readonly words: LinkWords | { readonly items: readonly LdItem[] };
  /** Paths of the response files. */
  readonly responses: readonly string[];
}

/** What came of one link. */
export interface LinkOutcome {
  readonly code: number;
  /** Path of the executable and its bytes, if there is one. */
  readonly executable?: { readonly path: string; readonly size: number };
}

/** @returns the exit code; every message has been printed @throws UsageError for what cannot be watched */
export async function runLink(request: LinkRequest): Promise<number> {
  if (request.watch) return await watchLink(request);
  const files = new TunedFiles(request.chroot, workOf(request));
  const { code } = await linkOnce(request, files, undefined);
  return code;
}

function workOf({ pack, options }: LinkRequest): Work {
  if (pack) return 'packing';
  return isShrinking(options) ? 'shrinking' : 'linking';
}

/** Links until the process is told to end. @returns the exit code that a shell knows for that */
async function watchLink(request: LinkRequest): Promise<number> {
  const { output, options, program } = request;
  const isInput = options.inputs.some((input) => input.kind === 'file' && input.path === STANDARD_INPUT);
  if (output === STANDARD_OUTPUT || isInput) {
    throw new UsageError('--watch needs files: standard input and standard output go by only once');
  }
  // Not tuned: what V8 optimizes for the first link pays in those that follow.
  const files = new DiskFiles(request.chroot);
  const cache = new LinkCache();
  const { watchInputs } = await import('./watch.ts');
  return await watchInputs(program, files, () => {
    files.refresh();
    return linkOnce(request, files, cache);
  });
}

async function linkOnce(
  request: LinkRequest,
  files: DiskFiles,
  cache: LinkCache | undefined,
): Promise<LinkOutcome> {
  const signals = new HeldSignals();
  let isPacked = false;
  const pack = async () => {
    isPacked = true;
    await reproduce(request, files);
  };
  try {
    return await linkAndTell(request, files, cache, signals, pack);
  } catch (error) {
    await reportErrors(request, diagnosticsOf(error));
    // What went wrong is all the more worth keeping.
    if (!isPacked) await tell(request.program, pack);
    return { code: exitCodeFor(error) };
  } finally {
    await signals.release();
  }
}

/** Packs what a link has read, if that is asked for. @throws OutputError */
async function reproduce({ reproduce: asked }: LinkRequest, files: DiskFiles): Promise<void> {
  if (!asked) return;
  const { writeReproduction } = await import('./reproduce.ts');
  writeReproduction(asked, files);
}

/** Does something, and prints what goes wrong. */
async function tell(program: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    await printDiagnostics(program, diagnosticsOf(error));
  }
}

async function linkAndTell(
  request: LinkRequest,
  files: DiskFiles,
  cache: LinkCache | undefined,
  signals: HeldSignals,
  pack: () => Promise<void>,
): Promise<LinkOutcome> {
  const started = process.hrtime.bigint();
  const parts = partsFor(request);
  const timer = request.time ? new PassTimer() : undefined;
  const progress = request.quiet || request.json ? undefined : new Progress(request.program);
  const outputs = new Outputs();
  try {
    const budgets = await openBudgets(request.budgets);
    const hooks = { sink: parts, passBegins: progress?.begin, passDone: timer?.lap, cache };
    const linkAsAsked = await linkerFor(request, progress);
    const result = linkWith(progress, () => linkAsAsked(files, request.options, hooks));
    // Made before anything is written: making it may add warnings, which may be fatal.
    const debugFile = request.debugFile === undefined ? undefined : result.debugFile();
    const diagnostics = request.quiet ? [] : [...noticesOf(request), ...result.diagnostics];
    if (request.fatalWarnings && diagnostics.some(({ severity }) => severity === 'warning')) {
      throw new LinkError(diagnostics.map((item) => ({ ...item, severity: 'error' })));
    }
    const spent = budgets?.check(result.map());
    const output = request.output ?? result.output ?? 'a.out';
    refuseInput(output, files);
    if (debugFile) outputs.add({ path: request.debugFile!, content: debugFile, mode: EXECUTABLE });
    await addSideFiles(outputs, { ...request, output }, result, files);
    if (result.isStreamed) outputs.take(parts!);
    else outputs.add({ path: output, content: result.bytes, mode: EXECUTABLE });
    await pack();
    await signals.look();
    outputs.commit();
    if (timer) writeMessage(timer.report());
    await report({ ...request, output }, result, files, diagnostics, spent, millisecondsSince(started));
    const code = spent?.diagnostics.length ? EXIT_OVER_BUDGET : EXIT_OK;
    return { code, executable: { path: output, size: result.size } };
  } finally {
    parts?.discard();
    outputs.discard();
  }
}

/** Who forgets the name behind -o names an input there. @throws OutputError */
function refuseInput(output: string, files: DiskFiles): void {
  if (output === STANDARD_OUTPUT || !files.hasRead(output)) return;
  throw new OutputError(`cannot write ${output}: it is an input too`, 'name another file with -o');
}

/**
 * Links without writing anything.
 * @returns the link; undefined if it failed. Diagnostics have been printed
 */
export async function tryLink(program: string, options: LinkOptions): Promise<LinkResult | undefined> {
  try {
    const result = link(new DiskFiles(), options);
    await printDiagnostics(program, result.diagnostics);
    return result;
  } catch (error) {
    await printDiagnostics(program, diagnosticsOf(error));
    return undefined;
  }
}

/** What links: for executables that unpack themselves, it has to be loaded. */
async function linkerFor({ pack }: LinkRequest, progress: Progress | undefined): Promise<typeof link> {
  if (!pack) return link;
  const { packingLink } = await import('./packing.ts');
  return packingLink(pack, progress);
}

/** Links, and leaves no line of progress behind. */
function linkWith(progress: Progress | undefined, action: () => LinkResult): LinkResult {
  try {
    return action();
  } finally {
    progress?.clear();
  }
}

/** Says why there is no link. @returns the exit code */
export async function reportErrors(
  { program, json }: Pick<LinkRequest, 'program' | 'json'>,
  diagnostics: readonly Diagnostic[],
): Promise<number> {
  if (json) writeFailure(diagnostics);
  else await printDiagnostics(program, diagnostics);
  return EXIT_LINK_ERROR;
}

/** Takes an executable in parts, where that can be done: a debug file is made from all of it. */
function partsFor({ output, debugFile }: LinkRequest): Replacement | undefined {
  if (output === undefined || debugFile !== undefined) return undefined;
  try {
    return isInPlace(output) ? undefined : new Replacement(output, EXECUTABLE);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    // That is said when the file is to be written, if the link comes that far.
    return undefined;
  }
}

function noticesOf({ notices = [] }: LinkRequest): Diagnostic[] {
  return notices.map((message) => ({ severity: 'warning', code: 'notice', message, where: [] }));
}

/** Prints notes to standard output, warnings and errors to standard error. */
export async function printDiagnostics(program: string, diagnostics: readonly Diagnostic[]): Promise<void> {
  if (diagnostics.length === 0) return;
  const { formatDiagnostic, styleFor } = await import('./print.ts');
  const style = styleFor('stderr');
  const text = (isNote: boolean) =>
    diagnostics
      .filter(({ severity }) => (severity === 'note') === isNote)
      .map((item) => formatDiagnostic(item, program, style))
      .join('');
  writeText(text(true));
  writeMessage(text(false));
}

async function report(
  request: LinkRequest & { readonly output: string },
  result: LinkResult,
  files: DiskFiles,
  diagnostics: readonly Diagnostic[],
  spent: BudgetReport | undefined,
  milliseconds: number,
): Promise<void> {
  const { program, output, json, printMap } = request;
  if (json) {
    await reportJson(output, result, diagnostics, spent);
    return;
  }
  await printDiagnostics(program, diagnostics);
  if (request.trace)
    writeText(
      tracedNames(result, files)
        .map((name) => `${name}\n`)
        .join(''),
    );
  if (request.printGcSections) printDiscarded(program, result);
  // With `-o -` standard output holds the executable, so what is for people goes where messages go.
  const write = output === STANDARD_OUTPUT ? writeMessage : writeText;
  if (request.printShrink) write((await import('./print.ts')).formatShrinkage(result.shrinkage()));
  if (spent) await reportSpent(request, spent);
  const isTerminal = mayBeTerminal(1) && mayBeTerminal(2) && process.stdout.isTTY && process.stderr.isTTY;
  // While inputs are watched each link has a line of its own.
  const isSummed = isTerminal && !request.watch;
  if (!printMap && !isSummed) return;
  const { formatMap, formatSummary, styleFor } = await import('./print.ts');
  if (printMap) write(formatMap(result.map(), styleFor(output === STANDARD_OUTPUT ? 'stderr' : 'stdout')));
  if (isSummed) writeMessage(formatSummary(output, result.summary(), milliseconds, styleFor('stderr')));
}

/**
 * The objects that take part, and then what else was read: scripts, archives of which nothing was needed, and what an
 * archive or a script has named.
 */
function tracedNames(result: LinkResult, files: DiskFiles): string[] {
  const inputs = result.inputs();
  const told = new Set(inputs.flatMap((name) => [name, name.replace(/\([^(]*\)$/, '')]));
  return [...inputs, ...files.paths().filter((path) => !told.has(path))];
}

/** Prints the budgets, and what is wrong with them. */
async function reportSpent(request: LinkRequest, spent: BudgetReport): Promise<void> {
  const { formatSpent } = await import('./budgets.ts');
  const isError = request.isDriven || request.output === STANDARD_OUTPUT;
  const { table, growths } = formatSpent(spent, isError ? 'stderr' : 'stdout', request.budgets!.baseline);
  (isError ? writeMessage : writeText)(table);
  await printDiagnostics(request.program, spent.diagnostics);
  writeMessage(growths);
}

/** The result for machines; a link over budget is not `ok`, but all the rest is there. */
async function reportJson(
  output: string,
  result: LinkResult,
  diagnostics: readonly Diagnostic[],
  spent: BudgetReport | undefined,
): Promise<void> {
  const over = spent?.diagnostics ?? [];
  const map = result.map();
  const linked = { ok: over.length === 0, output, map, diagnostics: [...diagnostics, ...over] };
  writeText(`${JSON.stringify({ ...linked, ...(await budgetsForJson(spent)) }, null, 2)}\n`);
}

/** Unlike performance.now() it is there without loading a module. */
function millisecondsSince(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e6;
}

function printDiscarded(program: string, result: LinkResult): void {
  const dead = result.map().discarded.filter(({ reason }) => reason === 'nothing refers to it');
  const lines = dead.map(({ object, name }) => `${program}: removing unused section ${object}:(${name})\n`);
  writeText(lines.join(''));
}

/** Prepares the files that tell of the executable. @throws OutputError */
async function addSideFiles(
  outputs: Outputs,
  { mapFile, mapJsonFile, dependencyFile, output }: LinkRequest & { readonly output: string },
  result: LinkResult,
  files: DiskFiles,
): Promise<void> {
  const add = (path: string, content: string) => outputs.add({ path, content, mode: PLAIN });
  if (mapFile !== undefined) {
    const print = await import('./print.ts');
    add(mapFile, print.formatMap(result.map(), print.PLAIN));
  }
  if (mapJsonFile !== undefined) {
    const { formatMapJson } = await import('./print.ts');
    add(mapJsonFile, formatMapJson(result.map()));
  }
  if (dependencyFile !== undefined) add(dependencyFile, dependencyRule(output, files.paths()));
}

/**
 * A make rule, with an empty rule for each input so that a removed one does not stop make. Make has no way to write a
 * line feed in a name: files with one are left out.
 */
function dependencyRule(output: string, inputs: readonly string[]): string {
  const named = inputs.filter((path) => !path.includes('\n'));
  const [target, ...escaped] = [output, ...named].map((path) =>
    path.replace(/([ #\\])/g, '\\$1').replace(/\$/g, '$$$$'),
  );
  if (output.includes('\n')) return '';
  const phony = escaped.map((path) => `\n${path}:\n`).join('');
  return `${target}: ${escaped.join(' \\\n  ')}\n${phony}`;
}
