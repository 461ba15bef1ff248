/** A report of lines: as many as can be read, and a button for more. */
import type { TextPart, TextReport } from '../worker/calls.ts';
import { button, coloured, debounced, make } from './dom.ts';
import { type Linker, Refusal } from './linker.ts';
import type { Tab } from './tabs.ts';

/** Columns that a line has at least: where there is less room it is scrolled. */
const LEAST_COLUMNS = 88;

/** From 116 columns on there are sixteen bytes in a line, and from so many on room for words beside them. */
const WIDE = 150;
const LONGEST_NARROW = 115;

const TYPING_PAUSE = 250;

export class TextPanel implements Tab {
  readonly id: TextReport;
  readonly label: string;
  readonly #linker: Linker;
  readonly #text = make('pre', { class: 'report', tabindex: '0' });
  readonly #footer = make('p', { class: 'more' });
  readonly #filters: Readonly<Record<'symbol' | 'section', HTMLInputElement>>;
  readonly #hasFilters: boolean;
  #columns = 0;
  /** Counts what was asked for, so that late answers to earlier questions are told. */
  #asked = 0;

  /** @param hasFilters whether parts can be asked for */
  constructor(linker: Linker, id: TextReport, label: string, hasFilters: boolean) {
    this.id = id;
    this.label = label;
    this.#linker = linker;
    this.#hasFilters = hasFilters;
    const refresh = debounced(() => void this.#load(), TYPING_PAUSE);
    const filter = (what: string) => {
      const field = make('input', {
        type: 'search',
        placeholder: what,
        spellcheck: 'false',
      });
      field.setAttribute('aria-label', `Only ${what}s of this name`);
      field.addEventListener('input', refresh);
      return field;
    };
    this.#filters = { symbol: filter('symbol'), section: filter('section') };
    const resized = debounced(() => {
      if (this.#text.isConnected && columnsOf(this.#text) !== this.#columns) void this.#load();
    }, TYPING_PAUSE);
    if (hasFilters) new ResizeObserver(resized).observe(this.#text);
  }

  show(panel: HTMLElement): void {
    if (!this.#text.isConnected) {
      const { symbol, section } = this.#filters;
      const filters = this.#hasFilters ? [make('div', { class: 'filters' }, symbol, section)] : [];
      panel.replaceChildren(...filters, this.#text, this.#footer);
    }
    void this.#load();
  }

  async #load(): Promise<void> {
    const asked = ++this.#asked;
    this.#columns = columnsOf(this.#text);
    const { symbol, section } = this.#filters;
    const request = { columns: this.#columns, symbol: symbol.value, section: section.value };
    try {
      const part = await this.#linker.ask('text', this.id, request);
      if (asked !== this.#asked) return;
      this.#text.className = 'report';
      this.#text.replaceChildren();
      this.#add(part);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (asked !== this.#asked) return;
      this.#text.className = 'told';
      this.#text.replaceChildren(coloured(error.message));
      this.#footer.replaceChildren();
    }
  }

  #add({ text, hasMore }: TextPart): void {
    this.#text.append(coloured(text));
    this.#footer.replaceChildren(...(hasMore ? [button('More lines', () => void this.#more())] : []));
  }

  async #more(): Promise<void> {
    const asked = this.#asked;
    this.#footer.replaceChildren();
    const part = await this.#linker.ask('more');
    if (asked === this.#asked) this.#add(part);
  }
}

/** Characters that fit into a line. */
function columnsOf(text: HTMLElement): number {
  const probe = make('span', { class: 'probe' }, '0'.repeat(100));
  text.append(probe);
  const width = probe.getBoundingClientRect().width / 100;
  probe.remove();
  const style = getComputedStyle(text);
  const room =
    text.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
  const columns = Math.floor(room / width);
  return columns >= WIDE ? columns : Math.min(Math.max(columns, LEAST_COLUMNS), LONGEST_NARROW);
}
