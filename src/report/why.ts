/** Why symbols are in a program, as people read it. */
import type { LinkMap } from '../explain/linkMap.ts';
import type { Chain, DeadSymbol, Explanation, Extraction, LiveSymbol } from '../explain/why.ts';
import type { Style } from './style.ts';

/** How names of symbols are shown. */
export type ShowName = (name: string) => string;

/** @returns for each symbol the chains that keep it; lines, each ended by a newline */
export function formatChains(map: LinkMap, explanation: Explanation, show: ShowName, style: Style): string {
  const blocks = [
    ...explanation.live.map((symbol) => formatLive(map, symbol, show, style)),
    ...explanation.dead.map((symbol) => formatDead(map, symbol, show, style)),
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function formatLive(map: LinkMap, symbol: LiveSymbol, show: ShowName, style: Style): string[] {
  const { name, section, size, retained, chains, extractions } = symbol;
  const share = ((retained / map.fileSize) * 100).toFixed(1);
  return [
    style.strong(show(name)),
    `  ${size} bytes in ${placeOf(map, section)}; ${retained} bytes, ${share} % of the file, would go with it`,
    ...chains.flatMap((chain) => formatChain(map, chain, show, style)),
    ...extractions.map((extraction) => `  ${style.faint(describeExtraction(extraction, show))}`),
  ];
}

function formatChain(map: LinkMap, { root, steps }: Chain, show: ShowName, style: Style): string[] {
  const names = steps.map(({ symbol, section }) =>
    symbol === '' ? map.sections[section]!.name : show(symbol),
  );
  const width = Math.min(48, Math.max(...names.map(({ length }) => length)));
  const lines = steps.map(({ section, offset }, i) => {
    if (i === steps.length - 1) return `    ${names[i]}`;
    return `    ${names[i]!.padEnd(width)}  ${style.faint(placeOf(map, section, offset))}`;
  });
  return [`  kept by ${root}`, ...lines];
}

function placeOf({ sections }: LinkMap, section: number, offset?: number): string {
  const { object, name } = sections[section]!;
  return `${object}:(${name}${offset === undefined ? '' : `+0x${offset.toString(16)}`})`;
}

function describeExtraction({ object, symbol, by }: Extraction, show: ShowName): string {
  if (symbol === '') return `${object} is there because all members of its archive are`;
  const asker = by === '' ? 'the command line' : by;
  return `${object} was taken for ${show(symbol)}, which ${asker} refers to`;
}

function formatDead(map: LinkMap, symbol: DeadSymbol, show: ShowName, style: Style): string[] {
  const { name, place, size, pass, reason, standsFor } = symbol;
  const lines = [
    style.strong(show(name)),
    `  is not in the program: ${size} bytes in ${place} were dropped by ${pass}: ${reason}`,
  ];
  if (standsFor >= 0) lines.push(`  ${placeOf(map, standsFor)} stands for it`);
  return lines;
}

const NUMBER_WIDTH = 9;

/** @returns a line for each symbol in the program, and what it costs */
export function formatSizes(
  map: LinkMap,
  symbols: readonly LiveSymbol[],
  show: ShowName,
  style: Style,
): string {
  const head = `${'retained'.padStart(NUMBER_WIDTH)}${'share'.padStart(8)}${'size'.padStart(NUMBER_WIDTH)}  symbol`;
  const lines = symbols.map(({ retained, size, name, section }) => {
    const share = `${((retained / map.fileSize) * 100).toFixed(1)} %`;
    const numbers = `${`${retained}`.padStart(NUMBER_WIDTH)}${share.padStart(8)}${`${size}`.padStart(NUMBER_WIDTH)}`;
    return `${numbers}  ${show(name)}  ${style.faint(map.sections[section]!.object)}`;
  });
  return `${[style.strong(head), ...lines].join('\n')}\n`;
}

/** A part of a runtime library that users can get rid of, and how. */
export interface Group {
  readonly name: string;
  readonly hint: string;
}

/** @returns what users can do about symbols of groups, a line for each group, the largest first; '' if there are none */
export function formatHints(
  symbols: readonly LiveSymbol[],
  groupOf: (name: string) => Group | undefined,
  style: Style,
): string {
  const sums = new Map<Group, { size: number; count: number; seen: Set<number> }>();
  for (const { name, section, size } of symbols) {
    const group = groupOf(name);
    if (!group) continue;
    const sum = sums.get(group) ?? { size: 0, count: 0, seen: new Set() };
    sums.set(group, sum);
    sum.count++;
    // Names of the same code count once.
    if (!sum.seen.has(section)) sum.size += size;
    sum.seen.add(section);
  }
  return [...sums]
    .sort(([, a], [, b]) => b.size - a.size)
    .map(([{ name, hint }, { size, count }]) => {
      const what = count === 1 ? 'a symbol' : `${count} symbols`;
      return `${style.hint('hint:')} ${name} (${what}, ${size} bytes): ${hint}\n`;
    })
    .join('');
}
