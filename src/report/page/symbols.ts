/** Tables of live sections, of symbols, and of machinery that a program could do without. */
import { button, choice, make, name, part, plainTable, swatch } from './dom.ts';
import { bytes, count, passWords, percent } from './format.ts';
import { keptBy, titleOf } from './labels.ts';
import type { Model, PlacedSymbol, Section } from './model.ts';
import { linkTo } from './selection.ts';
import { type Column, VirtualTable } from './virtualTable.ts';

/** A row: a section, or a symbol in one. */
interface Entry {
  readonly section: Section;
  readonly symbol: PlacedSymbol | undefined;
  readonly title: string;
  readonly size: number;
  readonly bytes: number;
  haystack: string | undefined;
}

export function symbolTables(model: Model): HTMLElement {
  const search = make('input', {
    type: 'search',
    placeholder: 'name, object or section',
    'aria-label': 'Search symbols',
  });
  const sections = tableOf(model, 'sections', 'Sections', sectionEntries(model));
  const symbols = tableOf(model, 'symbols', 'Symbols', symbolEntries(model));
  search.addEventListener('input', () => {
    sections.search(search.value);
    symbols.search(search.value);
  });
  const restriction = make('p', { class: 'restriction', hidden: true });
  const tabs = { sections: sections.element, symbols: symbols.element };
  const show = (wanted: keyof typeof tabs) => {
    for (const [key, element] of Object.entries(tabs)) element.hidden = key !== wanted;
  };
  const kinds = choice(
    'Rows',
    [
      { value: 'sections', label: 'sections' },
      { value: 'symbols', label: 'symbols' },
    ] as const,
    show,
  );
  show('sections');
  const restrict = (group: number) => {
    symbols.restrict((entry) => group < 0 || entry.symbol?.group === group);
    sections.restrict((entry) => group < 0 || entry.section.symbols.some((symbol) => symbol.group === group));
    restriction.hidden = group < 0;
    if (group >= 0)
      restriction.replaceChildren(
        `only ${model.groups[group]!.name} `,
        button('show all', () => restrict(-1)),
      );
  };
  const groups = machinery(model, (group) => {
    restrict(group);
    kinds.querySelectorAll('button')[1]!.click();
    search.focus();
  });
  return part(
    'symbols-part',
    'Sections and symbols',
    make('div', { class: 'controls' }, kinds, search),
    restriction,
    sections.element,
    symbols.element,
    ...groups,
  );
}

function sectionEntries({ sections }: Model): Entry[] {
  return sections.map((section) => ({
    section,
    symbol: undefined,
    title: titleOf(section),
    size: section.size,
    bytes: section.bytes,
    haystack: undefined,
  }));
}

function symbolEntries({ sections }: Model): Entry[] {
  return sections.flatMap((section) =>
    section.symbols.map((symbol) => ({
      section,
      symbol,
      title: symbol.text,
      size: symbol.bytes || symbol.size,
      bytes: symbol.bytes,
      haystack: undefined,
    })),
  );
}

/** Everything by which one might look for it, in lower case, made when it is first wanted. */
function haystackOf(entry: Entry): string {
  if (entry.haystack === undefined) {
    const { section, symbol } = entry;
    const symbols = symbol ? [symbol] : section.symbols;
    const words = [
      section.name,
      section.text,
      section.object.label,
      ...symbols.flatMap((each) => [each.name, each.text]),
    ];
    entry.haystack = words.join('\n').toLowerCase();
  }
  return entry.haystack;
}

function tableOf(model: Model, id: string, caption: string, rows: readonly Entry[]): VirtualTable<Entry> {
  return new VirtualTable({
    id,
    caption,
    rows,
    columns: columnsFor(model),
    haystack: haystackOf,
    sort: { key: 'size', direction: 'down' },
    describe: (shown) => {
      const sum = shown.reduce((total, entry) => total + entry.bytes, 0);
      return `${count(shown.length)} of ${count(rows.length)}, ${bytes(sum)} of the file, ${percent(sum, model.link.fileSize)}`;
    },
  });
}

function columnsFor(model: Model): Column<Entry>[] {
  const { fileSize } = model.link;
  return [
    {
      key: 'name',
      title: 'name',
      sortBy: ({ title }) => title,
      cell: ({ section, symbol, title }) =>
        make(
          'a',
          { href: linkTo(section.index, symbol?.index) },
          swatch(section.part),
          name(title, `${title}\n${symbol?.name ?? section.name}`),
          make('small', { class: 'narrow' }, section.object.label),
        ),
    },
    {
      key: 'object',
      title: 'object',
      sortBy: ({ section }) => section.object.label,
      cell: ({ section }) => name(section.object.label, section.object.file),
    },
    {
      key: 'section',
      title: 'section',
      sortBy: ({ section }) => section.name,
      cell: ({ section }) => name(section.name),
    },
    {
      key: 'size',
      title: 'size',
      isNumber: true,
      hint: 'bytes in the program',
      sortBy: ({ size }) => size,
      cell: ({ size }) => count(size),
    },
    {
      key: 'share',
      title: 'share',
      isNumber: true,
      hint: 'of the bytes of the file',
      sortBy: ({ bytes: size }) => size,
      cell: ({ bytes: size, symbol, section }) => {
        if (size > 0) return percent(size, fileSize);
        // Of names for the same bytes one has them.
        return symbol && symbol.size > 0 && section.bytes > 0 ? 'alias' : '–';
      },
    },
    {
      key: 'retained',
      title: 'retained',
      isNumber: true,
      hint: 'bytes that would go if the section went',
      sortBy: ({ section }) => section.retained,
      cell: ({ section }) => count(section.retained),
    },
    {
      key: 'kept',
      title: 'kept by',
      sortBy: ({ section }) => keptBy(model, section),
      cell: ({ section }) => keeperLink(model, section),
    },
    {
      key: 'change',
      title: 'passes',
      isNumber: true,
      hint: 'size of the section in its object, and what passes made of it',
      sortBy: ({ section }) => section.inputSize - section.size,
      cell: ({ section }) => change(section),
    },
  ];
}

function keeperLink(model: Model, section: Section): HTMLElement {
  const keeper = model.sections[section.keeper];
  const text = keptBy(model, section);
  return keeper ? make('a', { href: linkTo(keeper.index) }, name(titleOf(keeper), text)) : name(text);
}

function change({ inputSize, size, changes }: Section): HTMLElement | string {
  if (inputSize === size && changes.length === 0) return '';
  const title = changes.map((each) => `${passWords(each.pass)}: ${count(each.size)}`).join('\n');
  return make('span', { title }, `${count(inputSize)} → ${count(size)}`);
}

/** Groups of symbols with their sums. @param choose shows one group */
function machinery(model: Model, choose: (group: number) => void): HTMLElement[] {
  if (model.groups.length === 0) return [];
  const sums = model.groups.map((group, index) => ({ ...group, index, symbols: 0, size: 0 }));
  for (const { symbols } of model.sections) {
    for (const { group, bytes: size } of symbols) {
      if (group < 0) continue;
      sums[group]!.symbols++;
      sums[group]!.size += size;
    }
  }
  sums.sort((a, b) => b.size - a.size || a.index - b.index);
  const rows = sums.map(({ name: label, hint, index, symbols, size }) =>
    make(
      'tr',
      {},
      make(
        'th',
        { scope: 'row' },
        button(label, () => choose(index), { class: 'link' }),
      ),
      make('td', {}, count(size)),
      make('td', {}, percent(size, model.link.fileSize)),
      make('td', {}, count(symbols)),
      make('td', { class: 'hint' }, hint),
    ),
  );
  const heads = ['part of a runtime', 'bytes', 'share', 'symbols', 'how to do without'];
  return [
    make('h3', {}, 'Machinery'),
    make(
      'div',
      { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Machinery' },
      plainTable({ class: 'plain', id: 'machinery' }, heads, rows),
    ),
  ];
}
