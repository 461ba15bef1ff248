/** All about the chosen section: where it lies, what keeps it, what it keeps. */
import { button, make, name, part, scrollTo, swatch } from './dom.ts';
import { bytes, count, hex, passWords, percent } from './format.ts';
import { placeOf, sectionLink, titleOf } from './labels.ts';
import type { Model, PlacedSymbol, Section } from './model.ts';
import { type Choice, linkTo } from './selection.ts';

/** Entries of a list that are shown at first. */
const SHOWN = 30;

export class Details {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #content = make('div', { class: 'details' });
  readonly #showBytes: (section: Section) => void;

  /** @param showBytes shows a section in the map of bytes */
  constructor(model: Model, showBytes: (section: Section) => void) {
    this.#model = model;
    this.#showBytes = showBytes;
    this.element = part('chosen', 'Chosen', this.#content);
    this.element.tabIndex = -1;
    this.show(undefined);
  }

  /** @param choice undefined for nothing */
  show(choice: Choice | undefined): void {
    const section = choice && this.#model.sections[choice.section];
    this.element.classList.toggle('empty', !section);
    if (!section) {
      this.#content.replaceChildren(
        make(
          'p',
          { class: 'note' },
          'Choose a section in the treemap, the table or the bytes: here is then what keeps it, and what it keeps.',
        ),
      );
      return;
    }
    this.#content.replaceChildren(...this.#describe(section, section.symbols[choice.symbol]));
    scrollTo(this.element);
  }

  #describe(section: Section, symbol: PlacedSymbol | undefined): HTMLElement[] {
    const { sections } = this.#model;
    const at = (indices: readonly number[]) => [...new Set(indices)].map((index) => sections[index]!);
    const gone = this.#model.wouldGo(section.index);
    const chain = this.#model.chain(section.index);
    return [
      button('close', () => this.#close(), { class: 'close' }),
      make('h3', { class: 'title' }, swatch(section.part), name(symbol?.text ?? titleOf(section))),
      make('p', { class: 'place' }, name(placeOf(section), section.object.file)),
      this.#facts(section, symbol),
      make('h4', {}, 'Kept by'),
      this.#chain(chain),
      ...foldedList('Refers to', at(section.references.map((reference) => reference.section))),
      ...foldedList('Referred to by', at(section.referrers)),
      ...foldedList('Would go with it', gone),
      ...foldedSymbols(section),
    ];
  }

  #close(): void {
    history.replaceState(null, '', '#');
    this.show(undefined);
  }

  #facts(section: Section, symbol: PlacedSymbol | undefined): HTMLElement {
    const { fileSize } = this.#model.link;
    const { address, offset, size, inputSize, alignment, padding, retained } = section;
    const sizes = [`${count(inputSize)} in the object`].concat(
      section.changes.map((change) => `${passWords(change.pass)} ${count(change.size)}`),
    );
    const rows: [string, string | HTMLElement][] = [
      ['size', `${bytes(size)}, ${percent(section.bytes, fileSize)} of the file`],
      ['retained', `${bytes(retained)}, ${percent(retained, fileSize)}`],
      ['address', hex(address)],
      ['offset', offset === undefined ? 'none: zeros in memory' : hex(offset)],
      ['alignment', padding > 0 ? `${count(alignment)}, costs ${bytes(padding)}` : count(alignment)],
    ];
    if (section.changes.length > 0 || inputSize !== size) rows.push(['made of', sizes.join(' → ')]);
    if (symbol)
      rows.unshift([
        'symbol',
        `${name(symbol.name).textContent}, ${bytes(symbol.bytes)} at ${hex(symbol.address)}`,
      ]);
    if (symbol && symbol.group >= 0) {
      const group = this.#model.groups[symbol.group]!;
      rows.push(['part of', `${group.name}: ${group.hint}`]);
    }
    rows.push(['object', this.#objectOf(section)]);
    const list = make(
      'dl',
      {},
      rows.flatMap(([label, value]) => [make('dt', {}, label), make('dd', {}, value)]),
    );
    if (section.bytes === 0) return list;
    return make(
      'div',
      {},
      list,
      make(
        'p',
        {},
        button('show its bytes', () => this.#showBytes(section)),
      ),
    );
  }

  #objectOf({ object }: Section): HTMLElement {
    const { file, member, isExtracted, wanted, asker } = object;
    const place = name(member === undefined ? file : `${file}(${member})`);
    if (!isExtracted) return make('span', {}, place);
    const from = asker < 0 ? 'an option' : this.#model.objects[asker]!.label;
    const why = wanted
      ? [', taken for ', name(wanted.text), ', wanted by ', name(from)]
      : [', as all members are'];
    return make('span', {}, place, ...why);
  }

  /** From the root on; each link says where in it the reference to the next one stands. */
  #chain(chain: readonly Section[]): HTMLElement {
    const root = chain[0]!.reason ?? 'what keeps itself';
    const items = chain.map((section, i) => {
      const next = chain[i + 1];
      const isLast = next === undefined;
      return make(
        'li',
        { 'aria-current': isLast ? 'true' : undefined },
        sectionLink(section),
        isLast ? undefined : make('small', {}, ` at +${hex(next.keeperOffset)}`),
      );
    });
    return make('ol', { class: 'chain' }, make('li', {}, make('b', {}, root)), items);
  }
}

function foldedList(title: string, sections: readonly Section[]): HTMLElement[] {
  if (sections.length === 0) return [];
  const sum = sections.reduce((total, section) => total + section.bytes, 0);
  const items = sections.map(
    (section) => () => make('li', {}, sectionLink(section), make('small', {}, ` ${count(section.bytes)}`)),
  );
  return [folded(`${title}: ${count(sections.length)}, ${bytes(sum)}`, items)];
}

function foldedSymbols({ index, symbols }: Section): HTMLElement[] {
  if (symbols.length < 2) return [];
  const items = symbols.map(
    (symbol) => () =>
      make(
        'li',
        {},
        make('a', { href: linkTo(index, symbol.index) }, name(symbol.text)),
        make('small', {}, ` ${count(symbol.bytes)}`),
      ),
  );
  return [folded(`Symbols: ${count(symbols.length)}`, items)];
}

/** A list that opens; long ones are made in full only when that is wanted. */
function folded(title: string, items: readonly (() => HTMLElement)[]): HTMLElement {
  const list = make(
    'ul',
    {},
    items.slice(0, SHOWN).map((item) => item()),
  );
  const rest = items.length - SHOWN;
  const details = make('details', { open: items.length <= SHOWN / 3 }, make('summary', {}, title), list);
  if (rest > 0) {
    const more = button(`show ${count(rest)} more`, () => {
      list.append(...items.slice(SHOWN).map((item) => item()));
      more.remove();
    });
    details.append(more);
  }
  return details;
}
