/** Making elements. Text only ever becomes text nodes and attributes: names come from inputs that nobody vouches for. */

type Child = Node | string | undefined | readonly Child[];
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** @param attributes set as they are; `true` sets an empty one, `false` and undefined none */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : `${value}`);
  }
  append(element, children);
  return element;
}

function append(element: HTMLElement, children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined) continue;
    if (typeof child === 'string' || child instanceof Node) element.append(child);
    else append(element, child as readonly Child[]);
  }
}

/** A table with a row of headings. */
export function plainTable(
  attributes: Attributes,
  heads: readonly string[],
  rows: readonly Child[],
): HTMLTableElement {
  const cells = heads.map((text) => make('th', { scope: 'col' }, text));
  return make('table', attributes, make('thead', {}, make('tr', {}, cells)), make('tbody', {}, rows));
}

/** A name from the inputs: it does not mingle with the text around it. */
export function name(text: string, title = text): HTMLElement {
  return make('bdi', { class: 'name', title }, text);
}

/** Square of a part's colour. */
export function swatch(part: string): HTMLElement {
  return make('i', { class: `swatch part-${part}`, 'aria-hidden': 'true' });
}

export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = make('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** Buttons of which one is pressed. @param choose is told which, at the start not */
export function choice<Value extends string>(
  label: string,
  options: readonly { readonly value: Value; readonly label: string }[],
  choose: (value: Value) => void,
): HTMLElement {
  const buttons = options.map((option, i) =>
    button(option.label, () => press(option.value), { 'aria-pressed': `${i === 0}` }),
  );
  const press = (value: Value) => {
    buttons.forEach((other, i) => {
      other.setAttribute('aria-pressed', `${options[i]!.value === value}`);
    });
    choose(value);
  };
  return make('span', { class: 'choice', role: 'group', 'aria-label': label }, buttons);
}

/** A part of the page with a heading, which links in the page lead to. */
export function part(id: string, title: string, ...children: readonly Child[]): HTMLElement {
  return make(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    make('h2', { id: `${id}-title` }, title),
    ...children,
  );
}

export function scrollTo(element: Element): void {
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  element.scrollIntoView({ behavior: isCalm ? 'auto' : 'smooth', block: 'nearest' });
}
