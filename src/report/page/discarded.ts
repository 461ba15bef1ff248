/** What was loaded and is not in the program: which pass left it out, and why. */
import { make, name, part, plainTable } from './dom.ts';
import { bytes, count, passWords } from './format.ts';
import { titleOf } from './labels.ts';
import type { Discarded, Model } from './model.ts';
import { linkTo } from './selection.ts';
import { type Column, VirtualTable } from './virtualTable.ts';

export function discardedTable(model: Model): HTMLElement {
  const { discarded } = model;
  if (discarded.length === 0) return part('left-out', 'Left out', make('p', { class: 'note' }, 'Nothing.'));
  const search = make('input', {
    type: 'search',
    placeholder: 'name, object, pass or reason',
    'aria-label': 'Search what was left out',
  });
  const table = new VirtualTable({
    id: 'discarded',
    caption: 'Sections that were left out',
    rows: discarded,
    columns: columnsFor(model),
    haystack: haystackOf,
    sort: { key: 'size', direction: 'down' },
    describe: (shown) => {
      const sum = shown.reduce((total, { size }) => total + size, 0);
      return `${count(shown.length)} of ${count(discarded.length)}, ${bytes(sum)} as they were loaded`;
    },
  });
  search.addEventListener('input', () => table.search(search.value));
  return part(
    'left-out',
    'Left out',
    byReason(model),
    make('div', { class: 'controls' }, search),
    table.element,
  );
}

/** Sums for each pass and reason. */
function byReason({ discarded }: Model): HTMLElement {
  const sums = new Map<string, { pass: string; reason: string; sections: number; size: number }>();
  for (const { pass, reason, size } of discarded) {
    const key = `${pass}\n${reason}`;
    const sum = sums.get(key) ?? { pass, reason, sections: 0, size: 0 };
    sum.sections++;
    sum.size += size;
    sums.set(key, sum);
  }
  const rows = [...sums.values()]
    .sort((a, b) => b.size - a.size)
    .slice(0, MOST_REASONS)
    .map(({ pass, reason, sections, size }) =>
      make(
        'tr',
        {},
        make('th', { scope: 'row' }, make('bdi', {}, reason)),
        make('td', {}, passWords(pass)),
        make('td', {}, count(sections)),
        make('td', {}, count(size)),
      ),
    );
  const heads = ['reason', 'pass', 'sections', 'bytes'];
  return plainTable({ class: 'plain reasons' }, heads, rows);
}

/** Reasons may name places: then there are as many as sections. */
const MOST_REASONS = 12;

function haystackOf({ name: raw, text, object, pass, reason, symbols }: Discarded): string {
  const words = [
    raw,
    text,
    object.label,
    pass,
    passWords(pass),
    reason,
    ...symbols.flatMap((each) => [each.name, each.text]),
  ];
  return words.join('\n').toLowerCase();
}

function labelOf({ text, symbols }: Discarded): string {
  return symbols.length === 1 ? symbols[0]!.text : text;
}

function columnsFor(model: Model): Column<Discarded>[] {
  return [
    {
      key: 'name',
      title: 'name',
      sortBy: labelOf,
      cell: (row) =>
        make(
          'span',
          {},
          name(labelOf(row), [row.name, ...row.symbols.map(({ text }) => text)].join('\n')),
          make('small', { class: 'narrow' }, row.object.label),
        ),
    },
    {
      key: 'object',
      title: 'object',
      sortBy: ({ object }) => object.label,
      cell: ({ object }) => name(object.label, object.file),
    },
    {
      key: 'size',
      title: 'size',
      isNumber: true,
      sortBy: ({ size }) => size,
      cell: ({ size }) => count(size),
    },
    { key: 'pass', title: 'pass', sortBy: ({ pass }) => pass, cell: ({ pass }) => passWords(pass) },
    {
      key: 'reason',
      title: 'reason',
      sortBy: ({ reason }) => reason,
      cell: ({ reason }) => make('bdi', { title: reason }, reason),
    },
    {
      key: 'stands',
      title: 'in its place',
      sortBy: ({ standsFor }) => (standsFor < 0 ? '' : titleOf(model.sections[standsFor]!)),
      cell: ({ standsFor }) => {
        const section = model.sections[standsFor];
        return section ? make('a', { href: linkTo(standsFor) }, name(titleOf(section))) : '';
      },
    },
  ];
}
