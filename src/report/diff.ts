/** What changed between two links, for a terminal and for a comment on a pull request. */
import type { Change, Grouping, MapDiff } from '../explain/diff.ts';
import type { Style } from './style.ts';

const NUMBER_WIDTH = 9;
const TITLES: Readonly<Record<Grouping, string>> = { symbol: 'Symbol', section: 'Section', file: 'File' };

/** @param limit how many changes of each kind are shown @returns lines, each ended by a newline */
export function formatDiff(
  diff: MapDiff,
  groupings: readonly Grouping[],
  limit: number,
  style: Style,
): string {
  const lines = [style.strong(`${diff.before} → ${diff.after} bytes: ${describe(diff)}`)];
  for (const grouping of groupings) {
    const changes = diff.changes[grouping];
    if (changes.length === 0) continue;
    lines.push('', style.strong(row('change', 'before', 'after', grouping)));
    lines.push(...changes.slice(0, limit).map((change) => formatChange(change, style)));
    if (changes.length > limit) lines.push(style.faint(remaining(changes, limit)));
  }
  return `${lines.join('\n')}\n`;
}

function formatChange({ name, before, after }: Change, style: Style): string {
  const line = row(signed(after - before), count(before), count(after), name);
  return after > before ? style.warning(line) : style.hint(line);
}

function row(change: string, before: string, after: string, name: string): string {
  return `${change.padStart(NUMBER_WIDTH)}${before.padStart(NUMBER_WIDTH)}${after.padStart(NUMBER_WIDTH)}  ${name}`;
}

/** What is not there has no size. */
function count(size: number): string {
  return size === 0 ? '-' : `${size}`;
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : `${value}`;
}

/** The change of the file, absolute and in proportion. */
function describe({ before, after }: MapDiff): string {
  if (before === after) return 'no change';
  const share = (((after - before) / before) * 100).toFixed(2);
  return `${signed(after - before)} (${after > before ? '+' : ''}${share} %)`;
}

function remaining(changes: readonly Change[], limit: number): string {
  const rest = changes.slice(limit);
  const sum = rest.reduce((total, { before, after }) => total + after - before, 0);
  return row(signed(sum), '', '', `in ${rest.length} more`);
}

/** @returns the same as Markdown: a line, and a table that folds for each grouping */
export function formatDiffMarkdown(diff: MapDiff, groupings: readonly Grouping[], limit: number): string {
  const blocks = [`**${diff.before} → ${diff.after} bytes: ${describe(diff)}**`];
  for (const grouping of groupings) {
    const changes = diff.changes[grouping];
    if (changes.length > 0) blocks.push(formatTable(grouping, changes, limit));
  }
  return `${blocks.join('\n\n')}\n`;
}

function formatTable(grouping: Grouping, changes: readonly Change[], limit: number): string {
  const rows = changes
    .slice(0, limit)
    .map(({ name, before, after }) => [signed(after - before), count(before), count(after), code(name)]);
  if (changes.length > limit) {
    const [change] = remaining(changes, limit).trim().split(' ');
    rows.push([change!, '', '', `in ${changes.length - limit} more`]);
  }
  return [
    `<details><summary>${changes.length} by ${grouping}</summary>`,
    '',
    `| Change | Before | After | ${TITLES[grouping]} |`,
    '| ---: | ---: | ---: | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    '</details>',
  ].join('\n');
}

/** A name in a cell of a table: Markdown ends the cell at a bar, and the name at a backtick. */
export function code(name: string): string {
  const fence = name.includes('`') ? '``' : '`';
  const space = fence.length > 1 ? ' ' : '';
  return `${fence}${space}${name.replaceAll('|', '\\|')}${space}${fence}`;
}
