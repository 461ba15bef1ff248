/** What a map says, in short, as text: what the file is made of, what each pass saved, what costs most. */
import { demangle } from '../explain/demangle/demangle.ts';
import type { LinkMap, MapSection } from '../explain/linkMap.ts';
import { groupOf } from '../explain/machinery.ts';
import type { Style } from './style.ts';

/** Sections that are named. */
const MOST_SECTIONS = 20;

/** Characters of the longest bar. */
const BAR_WIDTH = 32;

const NUMBER_WIDTH = 10;

/** @param title what the map is called @returns lines, each ended by a newline */
export function formatReport(map: LinkMap, title: string, style: Style): string {
  const blocks = [
    packed(map, title, style),
    composition(map, title, style),
    waterfall(map, style),
    retained(map, style),
    machinery(map, style),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** What the file is made of, if it unpacks the program. */
function packed({ packed: file }: LinkMap, title: string, style: Style): string[] {
  if (!file) return [];
  return [
    `${style.strong(title)}: ${file.size} bytes, packed by ${file.method}; ${file.plainSize} without`,
    `${number(file.header)}  headers`,
    `${number(file.stub)}  stub`,
    `${number(file.payload)}  payload`,
  ];
}

function composition(map: LinkMap, title: string, style: Style): string[] {
  const { header, text, rodata, data, padding, trimmed, bss } = map.bytes;
  const rows: [number, string][] = [
    [header, `headers, layout ${map.headerLayout}`],
    [text, 'code'],
    [rodata, 'read-only data'],
    [data, 'data'],
    [padding, 'padding'],
    [map.tableBytes, 'symbols and debug information'],
    [-trimmed, 'zeros at the end'],
  ];
  const inMemory = bss > 0 ? `, ${map.memorySize} in memory` : '';
  return [
    `${style.strong(map.packed ? 'unpacked' : title)}: ${map.fileSize} bytes${inMemory}`,
    ...rows.filter(([bytes]) => bytes !== 0).map(([bytes, label]) => `${number(bytes)}  ${label}`),
    ...map.headerReasons.map((reason) => style.faint(`${' '.repeat(NUMBER_WIDTH)}  ${reason}`)),
  ];
}

function waterfall({ passes, fileSize }: LinkMap, style: Style): string[] {
  const changed = passes.filter(({ before, after }) => before !== after);
  const most = Math.max(fileSize, ...changed.map(({ after }) => after));
  const width = Math.max(...changed.map(({ name }) => name.length), 0);
  const lines = changed.map(({ name, before, after }) => {
    const change = before === 0 ? 'loaded' : signed(after - before);
    const bar = '#'.repeat(Math.round((BAR_WIDTH * after) / most));
    return `${number(after)}  ${change.padStart(NUMBER_WIDTH)}  ${name.padEnd(width)}  ${style.faint(bar)}`.trimEnd();
  });
  return lines.length === 0 ? [] : [style.strong('passes'), ...lines];
}

function retained({ sections, fileSize }: LinkMap, style: Style): string[] {
  const largest = sections
    .map((section, index) => ({ section, index }))
    .filter(({ section }) => section.retained > 0)
    .sort((a, b) => b.section.retained - a.section.retained || a.index - b.index)
    .slice(0, MOST_SECTIONS);
  if (largest.length === 0) return [];
  return [
    style.strong(`${'retained'.padStart(NUMBER_WIDTH)}        ${'size'.padStart(NUMBER_WIDTH)}  section`),
    ...largest.map(({ section }) => {
      const share = `${((100 * section.retained) / fileSize).toFixed(1)} %`.padStart(8);
      const place = style.faint(`${section.object}:(${section.name})`);
      return `${number(section.retained)}${share}${number(section.size)}  ${titleOf(section)}${place}`;
    }),
  ];
}

/** The readable name of the symbol in a section that has only one. */
function titleOf({ symbols }: MapSection): string {
  return symbols.length === 1 ? `${demangle(symbols[0]!.name)}  ` : '';
}

/** Parts of runtimes with their sums, the largest first, and how to do without. */
function machinery({ ranges, sections }: LinkMap, style: Style): string[] {
  const sums = new Map<string, { bytes: number; hint: string }>();
  for (const { section, symbol, size } of ranges) {
    const name = sections[section]?.symbols[symbol]?.name;
    const group = name === undefined ? undefined : groupOf(demangle(name));
    if (!group) continue;
    const sum = sums.get(group.name) ?? { bytes: 0, hint: group.hint };
    sum.bytes += size;
    sums.set(group.name, sum);
  }
  if (sums.size === 0) return [];
  const rows = [...sums].sort(([a, x], [b, y]) => y.bytes - x.bytes || (a < b ? -1 : 1));
  return [
    style.strong('machinery'),
    ...rows.map(([name, { bytes, hint }]) => `${number(bytes)}  ${name}: ${style.faint(hint)}`),
  ];
}

function number(value: number): string {
  return `${value}`.padStart(NUMBER_WIDTH);
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : `${value}`;
}
