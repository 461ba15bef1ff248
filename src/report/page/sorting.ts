/** The order of a table's rows. */

export type SortKey = number | string;
export type Direction = 'up' | 'down';

interface SortableColumn<Row> {
  readonly key: string;
  readonly isNumber?: boolean;
  readonly sortBy: (row: Row) => SortKey;
}

export class Sorting<Row> {
  key: string;
  direction: Direction;
  readonly #columns: readonly SortableColumn<Row>[];

  constructor(columns: readonly SortableColumn<Row>[], start: { key: string; direction: Direction }) {
    this.#columns = columns;
    this.key = start.key;
    this.direction = start.direction;
  }

  /** Sorts by a column, or turns the order round if that is the one. Numbers begin with the largest. */
  press(key: string): void {
    if (key === this.key) {
      this.direction = this.direction === 'up' ? 'down' : 'up';
      return;
    }
    this.key = key;
    this.direction = this.#column(key).isNumber ? 'down' : 'up';
  }

  /** @returns the rows in order; those that are equal stay as they are */
  sort(rows: readonly Row[]): Row[] {
    const { sortBy } = this.#column(this.key);
    const sign = this.direction === 'up' ? 1 : -1;
    const keyed = rows.map((row) => ({ row, key: sortBy(row) }));
    keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : 0));
    return keyed.map(({ row }) => row);
  }

  #column(key: string): SortableColumn<Row> {
    return this.#columns.find((column) => column.key === key)!;
  }
}
