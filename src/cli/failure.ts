/** What users are told of errors: never a trace. */
import { type Diagnostic, LinkError } from '../diagnostics.ts';
import { OutputError, writeMessage, writeText } from '../node/output.ts';
import { EXIT_INTERNAL, EXIT_LINK_ERROR, EXIT_USAGE } from './exitCodes.ts';
import { UsageError } from './values.ts';

/** Prints an error that has ended a command. @returns the exit code */
export function reportFailure(program: string, error: unknown): number {
  if (error instanceof UsageError) {
    writeMessage(`${program}: error: ${error.message}\n`);
    return EXIT_USAGE;
  }
  for (const { message, hint } of diagnosticsOf(error))
    writeMessage(`${program}: error: ${message}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`);
  return exitCodeFor(error);
}

/** The exit code of a command that an error has ended. */
export function exitCodeFor(error: unknown): number {
  return error instanceof LinkError || error instanceof OutputError ? EXIT_LINK_ERROR : EXIT_INTERNAL;
}

/** What to tell of an error: everything a link collected, or one error for an output that cannot be written. */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (error instanceof LinkError) return error.diagnostics;
  if (error instanceof OutputError) {
    return [diagnosticOf('unwritable-output', error)];
  }
  return [internalError(error)];
}

/** An error that tells of no place in an input. */
export function diagnosticOf(
  code: string,
  { message, hint }: { readonly message: string; readonly hint: string | undefined },
): Diagnostic {
  const diagnostic = { severity: 'error', code, message, where: [] } as const;
  return hint === undefined ? diagnostic : { ...diagnostic, hint };
}

/** Says on standard output, for programs, why a command has failed. */
export function writeFailure(diagnostics: readonly Diagnostic[]): void {
  writeText(`${JSON.stringify({ ok: false, diagnostics }, null, 2)}\n`);
}

/** A defect of the linker itself: said as such, without a trace. */
function internalError(error: unknown): Diagnostic {
  const message = error instanceof Error ? error.message : String(error);
  return {
    severity: 'error',
    code: 'internal',
    message: `internal error: ${message}`,
    where: [],
    hint: 'this is a defect of the linker; nothing was written; please open an issue with the archive that --reproduce FILE.tar makes',
  };
}
