/** An executable as annotated hexadecimal: every byte with its owner, and both owners where headers overlap. */
import type { LinkMap, MapPart, MapSection } from '../explain/linkMap.ts';
import { type PlacedField, readHeaderFields } from '../header/fields.ts';
import type { Style } from './style.ts';

const BYTES_A_LINE = 8;

/** A run of bytes with the same owners. */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly labels: readonly string[];
}

/** @returns lines of `offset  bytes  text  owners`, each ended by a newline */
export function formatHexdump(bytes: Uint8Array, map: LinkMap, style: Style): string {
  const parts = map.sections.flatMap((section) => section.parts.map((part) => partRun(section, part, map)));
  const fields = headerRuns(readHeaderFields(bytes), parts, map.headerSize);
  const apart = map.sections.filter((section) => section.parts.length === 0);
  const start = Math.max(map.headerSize, ...parts.map(({ end }) => end));
  const runs = [...fields, ...parts, ...sectionRuns(bytes, map, apart, start)];
  return fillGaps(runs.sort((a, b) => a.start - b.start))
    .flatMap((run, i) => formatRun(bytes, run, i, style))
    .join('');
}

function partRun({ object, name, symbols }: MapSection, { offset, size }: MapPart, { base }: LinkMap): Run {
  const named = symbols.filter(({ address }) => address - base === offset).map((symbol) => symbol.name);
  const symbol = named.length > 0 ? `  ${named.join(', ')}` : '';
  return { start: offset, end: offset + size, labels: [`${object}:(${name})${symbol}`] };
}

/** Cuts the header wherever a field or a part of the program begins or ends; parts are left out. */
function headerRuns(fields: readonly PlacedField[], parts: readonly Run[], headerSize: number): Run[] {
  const edges = [
    ...fields.flatMap(({ offset, size }) => [offset, offset + size]),
    ...parts.flatMap(({ start, end }) => [start, end]),
  ];
  const cuts = [...new Set(edges)].filter((at) => at <= headerSize).sort((a, b) => a - b);
  const runs = cuts.slice(0, -1).map((start, i) => {
    const end = cuts[i + 1]!;
    const owners = fields.filter((field) => field.offset < end && field.offset + field.size > start);
    return { start, end, labels: owners.map(describeField) };
  });
  return runs.filter(({ start }) => !parts.some((part) => start >= part.start && start < part.end));
}

/** Bytes between runs are there for the alignment of what follows. */
function fillGaps(runs: readonly Run[]): Run[] {
  let end = 0;
  return runs.flatMap((run) => {
    const gap = run.start > end ? [{ start: end, end: run.start, labels: ['padding for alignment'] }] : [];
    end = run.end;
    return [...gap, run];
  });
}

function describeField({ name, value, meaning, size }: PlacedField): string {
  const text = size > 4 && name === 'EI_PAD' ? '' : ` = 0x${value.toString(16)}`;
  return `${name}${text} (${meaning})`;
}

/** Runs for sections behind the header, cut at their symbols. @param start where they may begin */
function sectionRuns(bytes: Uint8Array, map: LinkMap, sections: readonly MapSection[], start: number): Run[] {
  const runs: Run[] = [];
  let end = start;
  for (const { fileOffset, size, name, object, symbols } of sections) {
    if (fileOffset === null || size === 0) continue;
    end = fileOffset + size;
    const cuts = symbols.map(({ address }) => address - map.base).filter((at) => at > fileOffset && at < end);
    const starts = [...new Set([fileOffset, ...cuts])];
    starts.forEach((start, i) => {
      const named = symbols
        .filter(({ address }) => address - map.base === start)
        .map((symbol) => symbol.name);
      const labels = [`${object}:(${name})${named.length > 0 ? `  ${named.join(', ')}` : ''}`];
      runs.push({ start, end: starts[i + 1] ?? end, labels });
    });
  }
  if (end < bytes.length) runs.push({ start: end, end: bytes.length, labels: ['padding for alignment'] });
  return runs;
}

function formatRun(bytes: Uint8Array, { start, end, labels }: Run, index: number, style: Style): string[] {
  const lines: string[] = [];
  for (let at = start, line = 0; at < end || line < labels.length; at += BYTES_A_LINE, line++) {
    const part = bytes.subarray(Math.min(at, end), Math.min(at + BYTES_A_LINE, end));
    const offset = at < end ? at.toString(16).padStart(6, '0') : ' '.repeat(6);
    const hex = [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...part].map(printable).join('');
    const label = labels[line] === undefined ? '' : `${line === 0 ? '' : '+ '}${labels[line]}`;
    const body = `${hex.padEnd(BYTES_A_LINE * 3)}${text.padEnd(BYTES_A_LINE)}`;
    lines.push(`${style.faint(offset)}  ${style.tint(body, index)}  ${label}`.trimEnd());
  }
  return lines.map((line) => `${line}\n`);
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
}
