/**
 * Colours of reports on their way from the worker to the page: characters in the text, which the page turns into
 * elements. They are noncharacters, which Unicode leaves to programs for such use (chapter 23, "Noncharacters").
 */
import type { Style } from '../../../src/report/style.ts';

/** Names of the colours, by the number of their mark. */
const CLASSES = ['error', 'warning', 'hint', 'strong', 'faint'];
const TINTS = 6;

const FIRST = 0xfdd0;
const END = '\ufdef';

/** A piece of text in one colour, or in none. */
export interface Coloured {
  readonly text: string;
  readonly class: string;
}

/** Marks what is coloured. */
export const MARKED: Style = {
  error: (text) => mark(text, 0),
  warning: (text) => mark(text, 1),
  hint: (text) => mark(text, 2),
  strong: (text) => mark(text, 3),
  faint: (text) => mark(text, 4),
  tint: (text, index) => mark(text, CLASSES.length + (index % TINTS)),
};

function mark(text: string, index: number): string {
  return text === '' ? '' : `${String.fromCharCode(FIRST + index)}${text}${END}`;
}

/** Takes marked text apart. Marks that come from names in the inputs change colours at most. */
export function* readMarks(marked: string): Generator<Coloured> {
  const open: string[] = [];
  for (const [part] of marked.matchAll(/[\ufdd0-\ufdef]|[^\ufdd0-\ufdef]+/g)) {
    const code = part.charCodeAt(0) - FIRST;
    if (part === END) open.pop();
    else if (code >= 0 && code < CLASSES.length + TINTS) open.push(classOf(code));
    else yield { text: part, class: open.at(-1) ?? '' };
  }
}

function classOf(index: number): string {
  return CLASSES[index] ?? `tint${index - CLASSES.length}`;
}
