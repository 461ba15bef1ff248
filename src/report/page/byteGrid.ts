/** The geometry of the map of bytes: a cell each, in rows, of which a window is seen. */

/** Browsers draw no taller boxes than some 10 million pixels; what is beyond is reached in larger steps. */
const TALLEST = 4_000_000;

export class ByteGrid {
  readonly columns: number;
  readonly rows: number;
  /** Height of what is scrolled, in pixels. */
  readonly scrollHeight: number;
  readonly #size: number;
  readonly #viewHeight: number;
  readonly cell: number;

  /**
   * @param size bytes of the file
   * @param width of the view, in pixels
   * @param cell side of a cell, in pixels
   */
  constructor(size: number, width: number, viewHeight: number, cell: number) {
    const fitting = Math.max(1, Math.floor(width / cell));
    // Rows of a multiple of 16 bytes are easier to count, where there is room for them.
    this.columns = fitting >= 16 ? fitting - (fitting % 16) : fitting;
    this.rows = Math.ceil(size / this.columns);
    this.cell = cell;
    this.#size = size;
    this.#viewHeight = viewHeight;
    this.scrollHeight = Math.min(this.rows * cell, TALLEST);
  }

  /** The first row that is seen. @param scrollTop in pixels */
  firstRow(scrollTop: number): number {
    const room = this.scrollHeight - this.#viewHeight;
    if (room <= 0) return 0;
    const most = this.rows - this.#viewHeight / this.cell;
    // Rounded up, so that the last row is seen whole at the end; but not for what arithmetic loses.
    return Math.max(0, Math.ceil((Math.min(scrollTop, room) / room) * most - 1e-6));
  }

  /** Where to scroll so that a byte is seen. @param scrollTop where the view is now */
  scrollTo(offset: number, scrollTop: number): number {
    const row = Math.floor(offset / this.columns);
    const first = this.firstRow(scrollTop);
    const seen = Math.floor(this.#viewHeight / this.cell);
    if (row >= first && row < first + seen) return scrollTop;
    const most = this.rows - this.#viewHeight / this.cell;
    if (most <= 0) return 0;
    const wanted = Math.max(0, row - Math.floor(seen / 3));
    const room = this.scrollHeight - this.#viewHeight;
    // Whole pixels, since browsers keep fractions only roughly; not more of them, which might be rows too far.
    return wanted >= most ? room : Math.floor((wanted / most) * room);
  }

  /** The byte at a point of the view, or undefined beside them. */
  offsetAt(x: number, y: number, scrollTop: number): number | undefined {
    const column = Math.floor(x / this.cell);
    if (column < 0 || column >= this.columns || y < 0) return undefined;
    const offset = (this.firstRow(scrollTop) + Math.floor(y / this.cell)) * this.columns + column;
    return offset < this.#size ? offset : undefined;
  }
}
