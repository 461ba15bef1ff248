/** What loaders make of a file, as people read it. */
import type { Examination, Verdict } from '../header/loader/examine.ts';
import { hex, type Loaded, type Mapping, type Refusal } from '../header/loader/result.ts';
import type { Style } from './style.ts';

const LOADER_WIDTH = 26;

/** @returns lines, each ended by a newline */
export function formatCheck(name: string, examination: Examination, style: Style): string {
  const { size, verdicts, process, warnings } = examination;
  const lines = [`${style.strong(name)}: ${size} bytes`];
  for (const verdict of verdicts) lines.push(...formatVerdict(verdict, style));
  if (process) lines.push(...formatProcess(process, style));
  for (const warning of warnings) lines.push(`  ${style.warning('warning:')} ${warning}`);
  return `${lines.join('\n')}\n`;
}

function formatVerdict({ loader, isLinux, result }: Verdict, style: Style): string[] {
  const label = `  ${loader.padEnd(LOADER_WIDTH)}`;
  if (result.loads) return [`${label}${result.interpreter === undefined ? 'loads' : 'needs an interpreter'}`];
  // A loader that is not Linux is extra: that it refuses is no error.
  const mark = isLinux ? style.error(headline(result)) : style.warning(headline(result));
  return [
    `${label}${mark}`,
    `    ${result.explanation}`,
    `    ${style.faint(`${result.rule}: ${result.source}`)}`,
  ];
}

function headline({ stage, errno, signal }: Refusal): string {
  if (stage === 'refused') return `refused: execve returns ${errno}`;
  if (stage === 'killed') return `killed by ${signal} within execve (${errno})`;
  return `starts and gets ${signal}`;
}

function formatProcess({ maps, entry, AT_PHDR, findsTable, brk }: Loaded, style: Style): string[] {
  const lines = [
    `  ${style.strong('address space')}`,
    ...maps.map((mapping) => `    ${formatMapping(mapping)}`),
  ];
  lines.push(`    entry ${hex(entry)}, all registers 0 but rsp, which is a multiple of 16`);
  lines.push(`    AT_PHDR ${hex(AT_PHDR)}${findsTable ? '' : ', which is not the program header table'}`);
  if (brk !== undefined) lines.push(`    heap from ${hex(brk)} on, or above where addresses are random`);
  return lines;
}

function formatMapping({ start, end, flags, fileOffset }: Mapping): string {
  const permissions = `${flags & 4 ? 'r' : '-'}${flags & 2 ? 'w' : '-'}${flags & 1 ? 'x' : '-'}`;
  const content = fileOffset === undefined ? 'zeros' : `file from ${hex(fileOffset)}`;
  return `${hex(start)}-${hex(end)} ${permissions} ${content}`;
}
