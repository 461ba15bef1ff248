/** The symbols of the program and what would go with them; for a symbol what keeps it. */
import type { DeadRow, SymbolRow, SymbolTables } from '../worker/calls.ts';
import { button, coloured, debounced, make } from './dom.ts';
import type { Linker } from './linker.ts';
import type { Tab } from './tabs.ts';

/** A row, and its number among those that the worker knows. */
interface Listed extends SymbolRow {
  readonly index: number;
}

type Column = 'retained' | 'size' | 'shown';

const COLUMNS: readonly { readonly column: Column; readonly label: string }[] = [
  { column: 'retained', label: 'retained' },
  { column: 'size', label: 'size' },
  { column: 'shown', label: 'symbol' },
];

/** Rows that are shown until somebody asks for more. */
const ROWS = 500;
const TYPING_PAUSE = 120;

export class SymbolPanel implements Tab {
  readonly id = 'symbols';
  readonly label = 'Why';
  readonly #linker: Linker;
  readonly #hints = make('div', { class: 'hints' });
  readonly #filter = make('input', { type: 'search', placeholder: 'part of a name', spellcheck: 'false' });
  readonly #tables = make('div');
  #found: SymbolTables = { fileSize: 0, live: [], dead: [], hints: '' };
  #sort: Column = 'retained';
  #limit = ROWS;
  #asked = 0;

  constructor(linker: Linker) {
    this.#linker = linker;
    this.#filter.setAttribute('aria-label', 'Only symbols with this in their names');
    this.#filter.addEventListener(
      'input',
      debounced(() => this.#draw(), TYPING_PAUSE),
    );
  }

  async show(panel: HTMLElement): Promise<void> {
    if (!this.#tables.isConnected) {
      const filters = make('div', { class: 'filters' }, this.#filter);
      panel.replaceChildren(filters, this.#tables, this.#hints);
    }
    const asked = ++this.#asked;
    const found = await this.#linker.ask('symbols');
    if (asked !== this.#asked) return;
    this.#found = found;
    this.#limit = ROWS;
    this.#hints.replaceChildren(coloured(found.hints));
    this.#draw();
  }

  #draw(): void {
    const live = this.#found.live
      .map((row, index): Listed => ({ ...row, index }))
      .filter((row) => this.#isAskedFor(row))
      .sort((a, b) => this.#compare(a, b));
    const dead = this.#found.dead.filter((row) => this.#isAskedFor(row));
    this.#tables.replaceChildren(this.#liveTable(live), ...this.#rest(live.length), ...deadTable(dead));
  }

  #isAskedFor({ name, shown }: { readonly name: string; readonly shown: string }): boolean {
    const text = this.#filter.value.trim();
    return shown.includes(text) || name.includes(text);
  }

  /** Largest first; names by code units. */
  #compare(a: Listed, b: Listed): number {
    const byName = a.shown === b.shown ? a.index - b.index : a.shown < b.shown ? -1 : 1;
    return this.#sort === 'shown' ? byName : b[this.#sort] - a[this.#sort] || byName;
  }

  #liveTable(rows: readonly Listed[]): HTMLElement {
    const heads = COLUMNS.map(({ column, label }) => {
      const isSorted = column === this.#sort;
      const order = column === 'shown' ? 'ascending' : 'descending';
      const sort = () => {
        this.#sort = column;
        this.#draw();
        this.#tables.querySelector<HTMLElement>('[aria-sort] button')!.focus();
      };
      return make('th', { scope: 'col', ...(isSorted && { 'aria-sort': order }) }, button(label, sort));
    });
    const share = make('th', { scope: 'col' }, 'share');
    const head = make('tr', {}, heads[0]!, share, ...heads.slice(1), make('th', { scope: 'col' }, 'object'));
    const body = rows.slice(0, this.#limit).map((row) => this.#liveRow(row));
    return make('table', { class: 'symbols' }, make('thead', {}, head), make('tbody', {}, ...body));
  }

  #liveRow({ index, name, shown, object, size, retained }: Listed): HTMLElement {
    const share = ((retained / this.#found.fileSize) * 100).toFixed(1);
    const opener = button(shown, () => void this.#toggle(row, opener, index), {
      class: 'symbol',
      'aria-expanded': 'false',
      title: name,
    });
    const row = make(
      'tr',
      {},
      make('td', {}, `${retained}`),
      make('td', {}, `${share} %`),
      make('td', {}, `${size}`),
      make('td', {}, opener),
      make('td', {}, object),
    );
    return row;
  }

  /** Shows what keeps a symbol below its row, or hides it. */
  async #toggle(row: HTMLElement, opener: HTMLElement, index: number): Promise<void> {
    const isOpen = opener.getAttribute('aria-expanded') === 'true';
    opener.setAttribute('aria-expanded', `${!isOpen}`);
    if (isOpen) {
      row.nextElementSibling?.remove();
      return;
    }
    const text = make('pre', { class: 'report' });
    row.after(make('tr', { class: 'why' }, make('td', { colspan: '5' }, text)));
    text.append(coloured(await this.#linker.ask('why', index)));
  }

  #rest(count: number): HTMLElement[] {
    if (count === 0) return [make('p', {}, 'No symbol of the program has such a name.')];
    if (count <= this.#limit) return [];
    const showAll = () => {
      this.#limit = count;
      this.#draw();
    };
    return [make('p', { class: 'more' }, button(`All ${count} symbols`, showAll))];
  }
}

function deadTable(rows: readonly DeadRow[]): HTMLElement[] {
  if (rows.length === 0) return [];
  const body = rows
    .slice(0, ROWS)
    .map(({ name, shown, place, size, reason }) =>
      make(
        'tr',
        {},
        make('td', {}, `${size}`),
        make('td', { class: 'name', title: name }, shown),
        make('td', {}, reason),
        make('td', { class: 'name' }, place),
      ),
    );
  const heads = ['size', 'symbol', 'reason', 'section'].map((label) => make('th', { scope: 'col' }, label));
  const table = make(
    'table',
    { class: 'dead' },
    make('thead', {}, make('tr', {}, ...heads)),
    make('tbody', {}, ...body),
  );
  const more = rows.length > ROWS ? `, the first ${ROWS} of ${rows.length}` : '';
  return [make('h3', {}, `Not in the program${more}`), table];
}
