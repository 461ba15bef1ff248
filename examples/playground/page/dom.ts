/** Elements of the page, made as the report makes its own. */
import { make } from '../../../src/report/page/dom.ts';
import { readMarks } from '../worker/marks.ts';

export { button, make } from '../../../src/report/page/dom.ts';

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
