/** Making elements. Names come from inputs that nobody vouches for, so text only becomes text nodes and attributes. */
import { readMarks } from '../worker/marks.ts';

type Child = Node | string;
type Attributes = Readonly<Record<string, string | boolean>>;

/** @param attributes set as they are; `true` sets an empty one, `false` none */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = make('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** An element of the page. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

/** Marked text as elements. */
export function coloured(marked: string): DocumentFragment {
  const fragment = document.createDocumentFragment();
  for (const { text, class: name } of readMarks(marked)) {
    fragment.append(name === '' ? text : make('span', { class: name }, text));
  }
  return fragment;
}

/** Has the browser save some bytes or text. */
export function save(name: string, content: BlobPart, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make('a', { href: address, download: name }).click();
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Waits for a pause before it acts. @param milliseconds of the pause */
export function debounced(action: () => void, milliseconds: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}
