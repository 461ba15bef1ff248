/** The map of bytes: a cell for each byte of the file. */
import { ByteGrid } from './byteGrid.ts';
import { heatIndex, type Palette, readPalette } from './colours.ts';
import { button, choice, make, name, part, scrollTo } from './dom.ts';
import { bytes, count, hex, percent } from './format.ts';
import { ownerOf, placeOf } from './labels.ts';
import { measure } from './measure.ts';
import type { Model, Range, Section } from './model.ts';
import { linkTo } from './selection.ts';
import { heatLegend } from './summary.ts';

/** Sides of a cell, in pixels. */
const ZOOMS = [1, 2, 4, 8, 16, 32];

/** Owners of a span that are named. */
const MOST_OWNERS = 12;

/** The largest file that is seen at once, about, with cells of each size. */
const FITTING = [Number.POSITIVE_INFINITY, 2 ** 20, 2 ** 17, 2 ** 14, 2 ** 12, 2 ** 8];

function startZoom(fileSize: number): number {
  return FITTING.findLastIndex((most) => fileSize <= most);
}

/** What is drawn on, and the first row in it. */
interface View {
  readonly context: CanvasRenderingContext2D;
  readonly first: number;
}

interface Span {
  readonly anchor: number;
  readonly cursor: number;
}

export class ByteMap {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #canvas = make('canvas', {
    tabindex: 0,
    role: 'application',
    'aria-label':
      'Bytes of the file: arrows move, with Shift they select, plus and minus zoom, Enter chooses',
    'aria-describedby': 'byte-readout',
  });
  readonly #scroller = make('div', { class: 'bytes' });
  readonly #spacer = make('div');
  readonly #readout = make('p', { class: 'readout', id: 'byte-readout', 'aria-live': 'polite' });
  readonly #span = make('div', { class: 'span' });
  readonly #zoomLabel = make('output');
  #grid: ByteGrid;
  #palette: Palette | undefined;
  #zoom: number;
  #isHeat = false;
  #selected: Span | undefined;
  /** A section whose bytes are picked out, wherever they lie. */
  #marked = -1;
  #isDragging = false;
  #isAsked = false;

  constructor(model: Model) {
    this.#model = model;
    const { fileSize } = model.link;
    this.#zoom = startZoom(fileSize);
    this.#grid = new ByteGrid(fileSize, 1, 1, ZOOMS[this.#zoom]!);
    this.#scroller.append(this.#canvas, this.#spacer);
    this.element = part('bytes', 'Bytes', this.#controls(), this.#scroller, this.#readout, this.#span);
    this.#listen();
    this.#tell(0);
  }

  /** Picks out all bytes of a section and brings the first into view. */
  show(section: Section): void {
    const ranges = this.#model.ranges.filter((range) => range.section === section.index);
    const first = ranges[0]?.offset;
    if (first === undefined) return;
    this.#select({ anchor: first, cursor: first });
    this.#marked = section.index;
    const pieces = ranges.filter(({ offset }, i) => i === 0 || offset !== end(ranges[i - 1]!)).length;
    this.#span.replaceChildren(
      make(
        'p',
        {},
        make('b', {}, bytes(section.bytes)),
        pieces === 1 ? ' of ' : ` in ${count(pieces)} pieces of `,
        name(placeOf(section)),
      ),
    );
    this.#reveal(first);
    scrollTo(this.element);
    this.#canvas.focus({ preventScroll: true });
  }

  /** Colours have changed. */
  repaint(): void {
    this.#palette = undefined;
    this.#ask();
  }

  #controls(): HTMLElement {
    const scale = heatLegend();
    scale.hidden = true;
    const heat = choice(
      'Colour bytes by',
      [
        { value: 'part', label: 'owners' },
        { value: 'heat', label: 'bits per byte' },
      ] as const,
      (value) => {
        this.#isHeat = value === 'heat';
        scale.hidden = !this.#isHeat;
        this.#ask();
      },
    );
    return make(
      'div',
      { class: 'controls' },
      make(
        'span',
        { class: 'zoom', role: 'group', 'aria-label': 'Zoom' },
        button('−', () => this.#zoomBy(-1), { 'aria-label': 'smaller cells' }),
        this.#zoomLabel,
        button('+', () => this.#zoomBy(1), { 'aria-label': 'larger cells' }),
      ),
      this.#model.hasCosts ? heat : undefined,
      scale,
    );
  }

  #listen(): void {
    const canvas = this.#canvas;
    this.#scroller.addEventListener('scroll', () => this.#ask(), { passive: true });
    canvas.addEventListener('pointerdown', (event) => this.#press(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', () => {
      this.#isDragging = false;
    });
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('dblclick', (event) => this.#choose(this.#offsetAt(event)));
    new ResizeObserver(() => this.#resize()).observe(this.#scroller);
  }

  #resize(): void {
    const { clientWidth: width } = this.#scroller;
    if (width === 0) return;
    const cell = ZOOMS[this.#zoom]!;
    const { fileSize } = this.#model.link;
    // As high as all rows, or as the style permits.
    const { rows } = new ByteGrid(fileSize, width, 0, cell);
    this.#scroller.style.height = `${rows * cell + this.#scroller.offsetHeight - this.#scroller.clientHeight}px`;
    const height = this.#scroller.clientHeight;
    this.#grid = new ByteGrid(fileSize, width, height, cell);
    const scale = devicePixelRatio;
    Object.assign(this.#canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    Object.assign(this.#canvas.style, { width: `${width}px`, height: `${height}px` });
    // The canvas stays in view, so that what is scrolled is higher by what is seen.
    this.#spacer.style.height = `${Math.max(0, this.#grid.scrollHeight - height)}px`;
    this.#zoomLabel.textContent = `${cell} px, ${count(this.#grid.columns)} a row`;
    this.#ask();
  }

  #zoomBy(step: number): void {
    const zoom = Math.max(0, Math.min(ZOOMS.length - 1, this.#zoom + step));
    const { scrollTop } = this.#scroller;
    const offset = this.#selected?.cursor ?? this.#grid.firstRow(scrollTop) * this.#grid.columns;
    this.#zoom = zoom;
    this.#resize();
    this.#reveal(offset);
  }

  /** Draws before the browser next shows the page, once however often it is asked. */
  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#draw();
    });
  }

  #draw(): void {
    const context = this.#canvas.getContext('2d');
    if (!context || this.#canvas.width === 0) return;
    const { columns, rows, cell } = this.#grid;
    const scale = devicePixelRatio;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const first = this.#grid.firstRow(this.#scroller.scrollTop);
    const seen = Math.ceil(this.#scroller.clientHeight / cell);
    const start = first * columns;
    const last = Math.min(this.#model.link.fileSize, Math.min(rows, first + seen) * columns);
    this.#palette ??= readPalette(this.#span);
    const palette = this.#palette;
    const shift = { context, first };
    for (let at = start; at < last; ) {
      const range = this.#model.rangeAt(at);
      const { colour, until } = this.#colour(range, at, palette);
      const stop = Math.min(last, end(range), until);
      this.#fill(shift, at, stop, colour, cell > 3 ? 1 : 0);
      if (range.section >= 0 && range.section === this.#marked) this.#veil(shift, at, stop, palette);
      at = stop;
    }
    if (!this.#selected) return;
    const [from, to] = ordered(this.#selected);
    if (to > from) this.#veil(shift, Math.max(from, start), Math.min(to + 1, last), palette);
    this.#drawCursor(context, first, palette);
  }

  /** Lays the colour of what is selected over cells. */
  #veil(view: View, from: number, to: number, palette: Palette): void {
    view.context.globalAlpha = 0.45;
    this.#fill(view, from, to, palette.selection, 0);
    view.context.globalAlpha = 1;
  }

  #drawCursor(context: CanvasRenderingContext2D, first: number, palette: Palette): void {
    const { columns, cell } = this.#grid;
    const { cursor } = this.#selected!;
    context.strokeStyle = palette.cursor;
    const side = Math.max(cell, 4);
    context.strokeRect(
      (cursor % columns) * cell + 0.5,
      (Math.floor(cursor / columns) - first) * cell + 0.5,
      side - 1,
      side - 1,
    );
  }

  /** The colour of a byte of a range, and how far it is the same. */
  #colour(range: Range, offset: number, palette: Palette): { colour: string; until: number } {
    if (this.#isHeat) {
      const { bitsPerByte, end: until } = this.#model.costAt(offset);
      return { colour: palette.heat[heatIndex(bitsPerByte)]!, until };
    }
    const shades = palette.parts[this.#model.partOf(range)];
    return { colour: shades[(range.section + range.symbol + 2) % shades.length]!, until: end(range) };
  }

  /** Fills a run of cells: up to three rectangles. @param gap between cells, in pixels */
  #fill({ context, first }: View, start: number, end: number, colour: string, gap: number): void {
    const { columns, cell } = this.#grid;
    context.fillStyle = colour;
    for (let at = start; at < end; ) {
      const column = at % columns;
      const row = Math.floor(at / columns) - first;
      const whole = column === 0 ? Math.floor((end - at) / columns) : 0;
      const length = whole > 0 ? columns : Math.min(end - at, columns - column);
      const height = Math.max(1, whole);
      if (gap === 0) context.fillRect(column * cell, row * cell, length * cell, height * cell);
      else {
        for (let i = 0; i < length * height; i++) {
          const x = (column + (i % length)) * cell;
          context.fillRect(x, (row + Math.floor(i / length)) * cell, cell - gap, cell - gap);
        }
      }
      at += length * height;
    }
  }

  #offsetAt({ offsetX, offsetY }: MouseEvent): number | undefined {
    return this.#grid.offsetAt(offsetX, offsetY, this.#scroller.scrollTop);
  }

  #press(event: PointerEvent): void {
    const offset = this.#offsetAt(event);
    if (offset === undefined || event.button !== 0) return;
    // A finger scrolls; only what has a button drags.
    this.#isDragging = event.pointerType !== 'touch';
    if (this.#isDragging) this.#canvas.setPointerCapture(event.pointerId);
    this.#select({ anchor: event.shiftKey ? (this.#selected?.anchor ?? offset) : offset, cursor: offset });
  }

  #move(event: PointerEvent): void {
    const offset = this.#offsetAt(event);
    if (offset === undefined) return;
    if (this.#isDragging) this.#select({ anchor: this.#selected!.anchor, cursor: offset });
    else this.#tell(offset);
  }

  #key(event: KeyboardEvent): void {
    const { columns } = this.#grid;
    const last = this.#model.link.fileSize - 1;
    const page = columns * Math.max(1, Math.floor(this.#scroller.clientHeight / this.#grid.cell) - 1);
    const cursor = this.#selected?.cursor ?? 0;
    const targets: Record<string, number> = {
      ArrowLeft: cursor - 1,
      ArrowRight: cursor + 1,
      ArrowUp: cursor - columns,
      ArrowDown: cursor + columns,
      PageUp: cursor - page,
      PageDown: cursor + page,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target !== undefined) {
      const to = Math.max(0, Math.min(last, target));
      this.#select({ anchor: event.shiftKey ? (this.#selected?.anchor ?? cursor) : to, cursor: to });
      this.#reveal(to);
    } else if (event.key === '+' || event.key === '-') this.#zoomBy(event.key === '+' ? 1 : -1);
    else if (event.key === 'Enter') this.#choose(cursor);
    else if (event.key === 'Escape') this.#select(undefined);
    else return;
    event.preventDefault();
  }

  #choose(offset: number | undefined): void {
    if (offset === undefined) return;
    const { section, symbol } = this.#model.rangeAt(offset);
    if (section >= 0) location.hash = linkTo(section, symbol);
  }

  #reveal(offset: number): void {
    this.#scroller.scrollTop = this.#grid.scrollTo(offset, this.#scroller.scrollTop);
    this.#ask();
  }

  #select(span: Span | undefined): void {
    this.#selected = span;
    this.#marked = -1;
    this.#ask();
    if (span) this.#tell(span.cursor);
    this.#span.replaceChildren(...(span ? this.#describeSpan(span) : []));
  }

  /** Says whose a byte is, and which fields of headers cover it. */
  #tell(offset: number): void {
    const { link } = this.#model;
    if (link.fileSize === 0) return;
    const range = this.#model.rangeAt(offset);
    const fields = link.fields.filter(
      (field) => offset >= field.offset && offset < field.offset + field.size,
    );
    const words = fields.map(
      (field) => `${field.structure}.${field.name} = ${field.value} (${field.meaning})`,
    );
    const owner = ownerOf(this.#model, range);
    const cost = this.#model.hasCosts
      ? [`, ${this.#model.costAt(offset).bitsPerByte.toFixed(2)} bits per byte`]
      : [];
    this.#readout.replaceChildren(
      make('b', {}, hex(offset)),
      ' ',
      range.section < 0 ? owner : make('a', { href: linkTo(range.section, range.symbol) }, name(owner)),
      ...cost,
      ...words.map((text) => make('span', { class: 'field' }, text)),
    );
  }

  #describeSpan(span: Span): HTMLElement[] {
    const [from, to] = ordered(span);
    const size = to - from + 1;
    if (size === 1) return [];
    const owners = measure(this.#model, from, size);
    const items = owners
      .slice(0, MOST_OWNERS)
      .map(({ owner, bytes: own }) => make('li', {}, `${count(own)}, ${percent(own, size)} `, name(owner)));
    const rest = owners.length - MOST_OWNERS;
    if (rest > 0) items.push(make('li', {}, `and ${count(rest)} more owners`));
    return [
      make('p', {}, make('b', {}, bytes(size)), ` from ${hex(from)} to ${hex(to)}`),
      make('ul', {}, items),
    ];
  }
}

function end({ offset, size }: Range): number {
  return offset + size;
}

function ordered({ anchor, cursor }: Span): [number, number] {
  return anchor < cursor ? [anchor, cursor] : [cursor, anchor];
}
