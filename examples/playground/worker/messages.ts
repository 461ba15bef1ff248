/** Errors as the command line tells them. */
import { UsageError } from '../../../src/cli/values.ts';
import { type Diagnostic, LinkError, OptionError } from '../../../src/core.ts';
import { FormatError } from '../../../src/diagnostics.ts';
import { formatDiagnostic } from '../../../src/report/diagnostics.ts';
import { MARKED } from './marks.ts';

/** @returns marked text */
export function tellDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((item) => formatDiagnostic(item, 'tinyelf', MARKED)).join('');
}

/** @returns marked text: everything that a link has found, or what is wrong with an option or a file */
export function tellError(error: unknown): string {
  return tellDiagnostics(error instanceof LinkError ? error.diagnostics : [toDiagnostic(error)]);
}

function toDiagnostic(error: unknown): Diagnostic {
  const message = error instanceof Error ? error.message : String(error);
  const told = { severity: 'error', where: [] } as const;
  if (error instanceof UsageError || error instanceof OptionError) return { ...told, code: 'usage', message };
  if (error instanceof FormatError) {
    const { hint } = error;
    return { ...told, code: 'malformed-input', message, ...(hint !== undefined && { hint }) };
  }
  const hint = 'this is a defect of the linker; please report it with these inputs and options';
  return { ...told, code: 'internal', message: `internal error: ${message}`, hint };
}
