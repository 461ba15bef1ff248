/**
 * Derives all header layouts from the loader's rules, writes them to src/header/layoutTable.ts, and prints them:
 * sizes in bytes, `cost` being what a header takes when its holes are filled.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ET_DYN } from '../src/elf/constants.ts';
import { enumerateLayouts } from '../src/header/enumerate.ts';
import { type HeaderLayout, type Hole, holeBytes } from '../src/header/layout.ts';
import { type LayoutRow, rowOf } from '../src/header/layoutRow.ts';

const TABLE = fileURLToPath(new URL('../src/header/layoutTable.ts', import.meta.url));

const OPENING = `/**
 * Ways to lay ELF header and program headers into each other, derived from the rules of Linux' loader: for one
 * header all that load, for each other set of headers those that no other layout is better than.
 * Made by \`npm run layouts\`; not edited by hand.
 */
import type { LayoutRow } from './layoutRow.ts';

/** By the sorted kinds of a set of headers: its layouts in the order of e_phoff. A link makes those of one set. */
// biome-ignore format: one line for each layout
export const LAYOUT_ROWS: Readonly<Record<string, () => readonly LayoutRow[]>> = {
`;

const CLOSING = `};
`;

const layouts = enumerateLayouts();
writeFileSync(TABLE, OPENING + setsOf(layouts).map(setText).join('') + CLOSING);
execFileSync('npx', ['biome', 'check', '--write', TABLE], { stdio: ['ignore', 'ignore', 'inherit'] });
console.log('e_phoff  end holes cost  p_offset  base              entry          AT_PHDR portable  headers');
for (const layout of layouts) console.log(line(layout));

/** Layouts one after the other, by sets of headers. */
function setsOf(layouts: readonly HeaderLayout[]): [string, HeaderLayout[]][] {
  const sets = new Map<string, HeaderLayout[]>();
  for (const layout of layouts) {
    const key = layout.kinds.toSorted().join();
    sets.set(key, [...(sets.get(key) ?? []), layout]);
  }
  return [...sets];
}

function setText([key, layouts]: [string, HeaderLayout[]]): string {
  return `  '${key}': () => [\n${layouts.map((layout) => `    ${rowText(rowOf(layout))},\n`).join('')}  ],\n`;
}

function rowText(row: LayoutRow): string {
  const entries = Object.entries(row).map(
    ([key, value]) => `${key}: ${key === 'baseShift' ? value : valueText(value)}`,
  );
  return `{ ${entries.join(', ')} }`;
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return value < 10 ? `${value}` : hex(value);
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return `${value}`;
  const entries = Object.entries(value).map(([key, part]) => `${key}: ${valueText(part)}`);
  return `{ ${entries.join(', ')} }`;
}

function line(layout: HeaderLayout): string {
  const { e_phoff, end, holes, p_offset, findsTable, portableHoles, kinds } = layout;
  const bytes = holeBytes(holes);
  return [
    hex(e_phoff).padStart(7),
    `${end}`.padStart(4),
    `${bytes}`.padStart(5),
    `${end - bytes}`.padStart(4),
    hex(p_offset).padStart(9),
    ` ${baseText(layout)}`.padEnd(18),
    entryText(layout.entry).padEnd(14),
    (findsTable ? 'right' : 'wrong').padEnd(7),
    (portableHoles ? 'yes' : 'no').padEnd(9),
    kinds.join(' '),
  ].join(' ');
}

function baseText({ baseShift, e_entry, e_type }: HeaderLayout): string {
  if (e_type === ET_DYN) return 'random';
  if (baseShift !== undefined) return `flags << ${baseShift}`;
  return e_entry ? `entry ${hex(e_entry.start)}` : 'any';
}

function entryText(entry: Hole | undefined): string {
  if (!entry) return 'anywhere';
  return entry.end - entry.start === 1 ? hex(entry.start) : `${hex(entry.start)}-${hex(entry.end - 1)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
