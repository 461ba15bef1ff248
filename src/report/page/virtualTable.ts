/** A table of which only the rows in sight are in the document, so that twenty thousand of them stay quick. */
import { button, make } from './dom.ts';
import { type Direction, Sorting, type SortKey } from './sorting.ts';

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  /** What the title does not say. */
  readonly hint?: string;
  /** Sorted from the largest on at first. */
  readonly isNumber?: boolean;
  readonly sortBy: (row: Row) => SortKey;
  readonly cell: (row: Row) => Node | string;
}

interface TableOptions<Row> {
  readonly id: string;
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** What a search looks through, in lower case. */
  readonly haystack: (row: Row) => string;
  readonly sort: { readonly key: string; readonly direction: Direction };
  /** What is said of the rows that are shown. */
  readonly describe: (rows: readonly Row[]) => string;
}

/** Rows beyond those in sight that are there already. */
const AHEAD = 10;

/** Rows that are printed. */
const PRINTED = 200;

const ARIA_SORT = { up: 'ascending', down: 'descending' } as const;

export class VirtualTable<Row> {
  readonly element: HTMLElement;
  readonly #options: TableOptions<Row>;
  readonly #sorting: Sorting<Row>;
  readonly #scroller: HTMLElement;
  readonly #heads: HTMLTableCellElement[];
  readonly #body = make('tbody');
  readonly #table: HTMLTableElement;
  readonly #status = make('p', { class: 'status', role: 'status' });
  readonly #above = spacer();
  readonly #below = spacer();
  #rows: readonly Row[] = [];
  #made = new Map<number, HTMLTableRowElement>();
  #query: readonly string[] = [];
  #only: (row: Row) => boolean = () => true;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    this.#sorting = new Sorting(options.columns, options.sort);
    this.#heads = options.columns.map((column) => this.#head(column));
    this.#table = make(
      'table',
      { class: 'long', id: options.id },
      make('caption', { class: 'hidden' }, options.caption),
      make('thead', {}, make('tr', { 'aria-rowindex': 1 }, this.#heads)),
      this.#body,
    );
    this.#scroller = make(
      'div',
      { class: 'scroller', tabindex: 0, role: 'region', 'aria-label': options.caption },
      this.#table,
    );
    this.element = make('div', { class: 'table' }, this.#status, this.#scroller);
    this.#scroller.addEventListener('scroll', () => this.#draw(), { passive: true });
    this.#scroller.addEventListener('keydown', (event) => this.#moveFocus(event));
    new ResizeObserver(() => this.#draw()).observe(this.#scroller);
    addEventListener('beforeprint', () => this.#show(0, PRINTED));
    addEventListener('afterprint', () => this.#draw());
    this.#update();
  }

  /** Shows the rows in which all words of a query stand. */
  search(query: string): void {
    this.#query = query.toLowerCase().split(/\s+/).filter(Boolean);
    this.#update();
  }

  /** Shows only some of the rows. */
  restrict(condition: (row: Row) => boolean): void {
    this.#only = condition;
    this.#update();
  }

  #head(column: Column<Row>): HTMLTableCellElement {
    const head = make(
      'th',
      { scope: 'col', class: `col-${column.key}${column.isNumber ? ' number' : ''}`, title: column.hint },
      button(column.title, () => {
        this.#sorting.press(column.key);
        this.#update();
      }),
    );
    return head;
  }

  #update(): void {
    const { rows, haystack, columns, describe } = this.#options;
    const isWanted = (row: Row) => {
      if (!this.#only(row)) return false;
      if (this.#query.length === 0) return true;
      const text = haystack(row);
      return this.#query.every((word) => text.includes(word));
    };
    this.#rows = this.#sorting.sort(rows.filter(isWanted));
    const { key, direction } = this.#sorting;
    this.#heads.forEach((head, i) => {
      head.setAttribute('aria-sort', columns[i]!.key === key ? ARIA_SORT[direction] : 'none');
    });
    this.#status.textContent = describe(this.#rows);
    this.#table.setAttribute('aria-rowcount', `${this.#rows.length + 1}`);
    this.#made.clear();
    this.#body.replaceChildren(this.#above, this.#below);
    // The table is as high as its rows at once: how many are seen depends on that.
    setHeight(this.#above, 0);
    setHeight(this.#below, this.#rows.length * this.#rowHeight());
    this.#scroller.scrollTop = 0;
    this.#draw();
  }

  #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.#scroller).getPropertyValue('--row')) || 26;
  }

  #draw(): void {
    const height = this.#rowHeight();
    const first = Math.floor(this.#scroller.scrollTop / height) - AHEAD;
    const visible = Math.ceil(this.#scroller.clientHeight / height);
    this.#show(Math.max(0, first), first + visible + 2 * AHEAD);
  }

  /** Puts some rows into the document; those that are there already stay, and with them the focus. */
  #show(first: number, wantedEnd: number): void {
    const end = Math.min(this.#rows.length, wantedEnd);
    for (const [index, row] of this.#made) {
      if (index >= first && index < end) continue;
      row.remove();
      this.#made.delete(index);
    }
    let next: Element = this.#below;
    for (let index = end - 1; index >= first; index--) {
      let row = this.#made.get(index);
      if (!row) {
        row = this.#row(index);
        this.#made.set(index, row);
        next.before(row);
      }
      next = row;
    }
    const height = this.#rowHeight();
    setHeight(this.#above, first * height);
    setHeight(this.#below, Math.max(0, this.#rows.length - end) * height);
  }

  #row(index: number): HTMLTableRowElement {
    const row = this.#rows[index]!;
    return make(
      'tr',
      { 'aria-rowindex': index + 2, class: index % 2 === 1 ? 'odd' : undefined },
      this.#options.columns.map(({ key, isNumber, cell }) =>
        make('td', { class: `col-${key}${isNumber ? ' number' : ''}` }, cell(row)),
      ),
    );
  }

  /** Arrows lead from a row's link to that of the next. */
  #moveFocus(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const from = (event.target as Element).closest('tbody tr');
    if (step === undefined || !from) return;
    event.preventDefault();
    const index = Number(from.getAttribute('aria-rowindex')) - 2 + step;
    if (index < 0 || index >= this.#rows.length) return;
    this.#reveal(index);
    this.#made.get(index)?.querySelector('a')?.focus({ preventScroll: true });
  }

  #reveal(index: number): void {
    const height = this.#rowHeight();
    const head = this.#heads[0]!.offsetHeight;
    const { scrollTop, clientHeight } = this.#scroller;
    const lowest = (index + 1) * height - clientHeight + head;
    this.#scroller.scrollTop = Math.max(lowest, Math.min(scrollTop, index * height));
    this.#draw();
  }
}

function spacer(): HTMLTableRowElement {
  return make('tr', { class: 'spacer', 'aria-hidden': 'true' });
}

function setHeight(row: HTMLTableRowElement, height: number): void {
  row.style.height = `${height}px`;
  row.hidden = height === 0;
}
