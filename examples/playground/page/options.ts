/** The form of options: it knows what is set, as words of a command line and as a part of the page's address. */

import { byId, debounced, make } from './dom.ts';
import type { Control } from './given.ts';

/** Set by the build. */
declare const CONTROLS: readonly Control[];

type Field = HTMLInputElement | HTMLSelectElement;

/** Milliseconds without a key before a text is taken. */
const TYPING_PAUSE = 250;

export class Options {
  readonly #fields = new Map<Control, Field>();

  /** @param changed is called when something else is set */
  constructor(changed: () => void) {
    const typed = debounced(changed, TYPING_PAUSE);
    for (const control of CONTROLS) {
      const field = makeField(control);
      field.addEventListener(control.kind === 'text' ? 'input' : 'change', () =>
        control.kind === 'text' ? typed() : changed(),
      );
      this.#fields.set(control, field);
    }
    byId('controls').append(...this.#groups());
    byId('reset').addEventListener('click', () => {
      this.read(new URLSearchParams());
      changed();
    });
  }

  /** What is set, as options of `tinyelf link`. */
  words(): string[] {
    return [...this.#set()].map(([name, value]) => (value === '' ? `--${name}` : `--${name}=${value}`));
  }

  /** Adds what is set to a part of an address. */
  write(address: URLSearchParams): void {
    for (const [name, value] of this.#set()) address.append(name, value);
  }

  /** Sets what a part of an address says, and nothing else. */
  read(address: URLSearchParams): void {
    for (const [{ name, kind, fallback, isRepeatable }, field] of this.#fields) {
      const values = address.getAll(name);
      if (field instanceof HTMLSelectElement) choose(field, values.at(-1) ?? fallback);
      else if (kind === 'flag') field.checked = values.length > 0;
      else field.value = isRepeatable ? values.join(' ') : (values.at(-1) ?? '');
    }
    byId<HTMLButtonElement>('reset').disabled = this.words().length === 0;
  }

  /** Names with their values, '' for what has none. */
  *#set(): Generator<[string, string]> {
    for (const [control, field] of this.#fields) {
      if (isSet(control, field)) for (const value of valuesOf(control, field)) yield [control.name, value];
    }
  }

  #groups(): HTMLElement[] {
    const groups = new Map<string, HTMLElement>();
    for (const [control, field] of this.#fields) {
      const group = groups.get(control.group) ?? make('fieldset', {}, make('legend', {}, control.group));
      groups.set(control.group, group);
      group.append(makeRow(control, field));
    }
    return [...groups.values()];
  }
}

function makeField({ name, kind, choices, fallback }: Control): Field {
  const attributes = { id: `option-${name}`, 'aria-describedby': `help-${name}` };
  if (kind === 'flag') return make('input', { type: 'checkbox', ...attributes });
  if (kind === 'choice') {
    const field = make('select', attributes, ...choices.map((choice) => make('option', {}, choice)));
    field.value = fallback;
    return field;
  }
  return make('input', {
    type: 'text',
    placeholder: fallback,
    spellcheck: 'false',
    autocapitalize: 'off',
    autocomplete: 'off',
    ...attributes,
  });
}

function isSet({ kind, fallback }: Control, field: Field): boolean {
  if (kind === 'flag') return (field as HTMLInputElement).checked;
  return kind === 'choice' ? field.value !== fallback : field.value.trim() !== '';
}

function valuesOf({ kind, isRepeatable }: Control, { value }: Field): string[] {
  if (kind === 'flag') return [''];
  return isRepeatable ? value.trim().split(/\s+/) : [value];
}

/** What an option is for stands below all of them, for the one that is looked at. */
function makeRow({ name, help }: Control, field: Field): HTMLElement {
  const row = make(
    'div',
    { class: 'option' },
    make('label', { for: field.id }, `--${name}`),
    field,
    make('span', { class: 'hidden', id: `help-${name}` }, help),
  );
  const show = () => byId('help').replaceChildren(make('b', {}, `--${name}`), ` ${help}`);
  row.addEventListener('focusin', show);
  row.addEventListener('pointerenter', show);
  return row;
}

/** Chooses a value; one that is none is left to the linker, which says so. */
function choose(field: HTMLSelectElement, value: string): void {
  const isKnown = [...field.options].some((option) => option.value === value);
  if (!isKnown) field.append(make('option', {}, value));
  field.value = value;
}
