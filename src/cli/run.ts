/** Runs a link for a command line: reads, links, writes, and says what happened. Shared by all front ends. */
import { type Diagnostic, LinkError } from '../diagnostics.ts';
import { type LinkResult, link } from '../link.ts';
import { DiskFiles } from '../node/files.ts';
import { OutputError, STANDARD_OUTPUT, writeExecutable, writeText } from '../node/output.ts';
import type { LinkOptions } from '../options.ts';

/** A link as a command line asks for it. */
export interface LinkRequest {
  /** Name in front of messages. */
  readonly program: string;
  readonly options: LinkOptions;
  /** Path of the executable; `-` for standard output. */
  readonly output: string;
  readonly printMap: boolean;
  readonly json: boolean;
}

/** Exit codes. */
export const EXIT_OK = 0;
const EXIT_LINK_ERROR = 1;
export const EXIT_USAGE = 2;

/** @returns the exit code; every message has been printed */
export async function runLink(request: LinkRequest): Promise<number> {
  const started = performance.now();
  try {
    const result = link(new DiskFiles(), request.options);
    writeExecutable(request.output, result.bytes);
    await report(request, result, performance.now() - started);
    return EXIT_OK;
  } catch (error) {
    const diagnostics = diagnosticsOf(error);
    if (request.json) writeText(`${JSON.stringify({ ok: false, diagnostics }, null, 2)}\n`);
    else await printDiagnostics(request.program, diagnostics);
    return EXIT_LINK_ERROR;
  }
}

/** Prints diagnostics to standard error. */
async function printDiagnostics(program: string, diagnostics: readonly Diagnostic[]): Promise<void> {
  if (diagnostics.length === 0) return;
  const { formatDiagnostic } = await import('../report/diagnostics.ts');
  const { styleFor } = await import('./style.ts');
  const style = styleFor('stderr');
  process.stderr.write(diagnostics.map((item) => formatDiagnostic(item, program, style)).join(''));
}

/** What to tell of an error: everything a link collected, or one error for an output that cannot be written. */
function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (error instanceof LinkError) return error.diagnostics;
  if (error instanceof OutputError) {
    return [{ severity: 'error', code: 'unwritable-output', message: error.message, where: [] }];
  }
  return [internalError(error)];
}

/** A defect of the linker itself: said as such, without a trace. */
function internalError(error: unknown): Diagnostic {
  const message = error instanceof Error ? error.message : String(error);
  return {
    severity: 'error',
    code: 'internal',
    message: `internal error: ${message}`,
    where: [],
    hint: 'this is a defect of the linker; please report it with the inputs and the command line',
  };
}

async function report(request: LinkRequest, result: LinkResult, milliseconds: number): Promise<void> {
  const { program, output, json, printMap } = request;
  if (json) {
    const { diagnostics } = result;
    writeText(`${JSON.stringify({ ok: true, output, map: result.map(), diagnostics }, null, 2)}\n`);
    return;
  }
  await printDiagnostics(program, result.diagnostics);
  const isTerminal = process.stdout.isTTY && process.stderr.isTTY;
  if (!printMap && !isTerminal) return;
  const { formatMap, formatSummary } = await import('../report/linkMap.ts');
  const { styleFor } = await import('./style.ts');
  // With `-o -` standard output holds the executable, so the map goes where messages go.
  const mapStream = output === STANDARD_OUTPUT ? 'stderr' : 'stdout';
  if (printMap) {
    const text = formatMap(result.map(), styleFor(mapStream));
    if (mapStream === 'stdout') writeText(text);
    else process.stderr.write(text);
  }
  if (isTerminal) process.stderr.write(formatSummary(output, result.map(), milliseconds, styleFor('stderr')));
}
