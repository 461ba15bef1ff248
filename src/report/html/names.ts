/** Names of a page, each once. */

/** What a reader could not see, or what would put other text out of order: control characters and those of bidi. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Compilers name a section after what is in it: `.text._ZN4main4main…`. */
const SECTION_OF_SYMBOL = /^(\.[a-z_.]+\.)(_[ZR].+)$/s;

/** A name, or what stands in front of another one and its index. */
export type Name = string | readonly [string, number];

export class Names {
  readonly list: Name[] = [];
  readonly #known = new Map<string, number>();

  /** @returns the index of a name; characters that nobody could see stand there as `\u{…}` */
  of(name: string): number {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const [, prefix, symbol] = SECTION_OF_SYMBOL.exec(name) ?? [];
    const entry: Name =
      prefix === undefined || symbol === undefined ? printable(name) : [prefix, this.of(symbol)];
    const index = this.list.push(entry) - 1;
    this.#known.set(name, index);
    return index;
  }
}

/** @returns the text with characters that nobody could see as `\u{…}` */
export function printable(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
}
