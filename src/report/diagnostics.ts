/** Diagnostics as people read them. */
import type { Diagnostic } from '../diagnostics.ts';
import type { Style } from './style.ts';

/** @param program name in front of the message, e.g. `tinyelf` @returns lines, each ended by a newline */
export function formatDiagnostic(diagnostic: Diagnostic, program: string, style: Style): string {
  const { severity, message, where, hint } = diagnostic;
  if (severity === 'note') return `${message}\n`;
  const label = severity === 'error' ? style.error('error:') : style.warning('warning:');
  const lines = [`${program}: ${label} ${style.strong(message)}`];
  for (const place of where) lines.push(`  ${style.faint('>>>')} ${place}`);
  if (hint !== undefined) lines.push(`  ${style.hint('hint:')} ${hint}`);
  return `${lines.join('\n')}\n`;
}
