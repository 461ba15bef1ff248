/** Lines in columns, with colours, broken or cut off where the terminal ends. */
import type { Style } from '../style.ts';

/** Some text, and how it is painted: cutting a line must not count what colours are made of. */
export interface Span {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** How a report is shown. */
export interface Screen {
  readonly style: Style;
  /** Characters of a line; what is longer is cut off. Undefined where lines may have any length. */
  readonly columns: number | undefined;
  /** Names of symbols as they are shown. */
  readonly showName: (name: string) => string;
}

/** Puts spans behind each other. @returns the line, ended by a newline */
export function line(spans: readonly Span[], { columns = Number.POSITIVE_INFINITY, style }: Screen): string {
  const shown = spans.filter(({ text }) => text !== '');
  const last = shown.at(-1);
  if (last) shown[shown.length - 1] = { ...last, text: last.text.trimEnd() };
  const length = shown.reduce((sum, { text }) => sum + text.length, 0);
  let room = length > columns ? columns - 1 : columns;
  let written = '';
  for (const { text, paint = same } of shown) {
    const part = text.slice(0, room);
    room -= part.length;
    if (part !== '') written += paint(part);
  }
  return `${written}${length > columns ? style.faint('…') : ''}\n`;
}

/** Puts spans behind each other, in several lines if need be. @param left what stands in front of each */
export function* lines(spans: readonly Span[], screen: Screen, left = ''): Generator<string> {
  const room = (screen.columns ?? Number.POSITIVE_INFINITY) - left.length;
  for (const part of wrap(spans, room)) yield line([{ text: left }, ...part], screen);
}

/** How far the second and further lines of a wrapped text stand to the right. */
const INDENT = '  ';

/** Breaks spans between words, so that no line is longer than `width` characters but for longer words. */
export function wrap(spans: readonly Span[], width: number): (readonly Span[])[] {
  if (spans.reduce((sum, { text }) => sum + text.length, 0) <= width) return [spans];
  const lines: Span[][] = [[]];
  let used = 0;
  for (const { text, ...rest } of spans) {
    for (const word of text.match(/\s*\S+/g) ?? []) {
      const isFull = used > 0 && used + word.length > width;
      const part = isFull ? `${INDENT}${word.trimStart()}` : word;
      if (isFull) lines.push([]);
      used = isFull ? part.length : used + part.length;
      lines.at(-1)!.push({ text: part, ...rest });
    }
  }
  return lines;
}

function same(text: string): string {
  return text;
}
