/** The place in a mangled name, and what has been read so far. */
import { type Budget, giveUp, MAX_DEPTH } from '../limits.ts';
import type { Node } from './nodes.ts';

export class Parser {
  at = 0;
  /** Whether a type is that of a conversion: arguments behind a template parameter in it are the operator's. */
  isConversion = false;
  private readonly substitutions: Node[] = [];

  constructor(
    readonly text: string,
    private readonly budget: Budget,
  ) {}

  /** Next character; '' at the end. */
  get peek(): string {
    return this.text[this.at] ?? '';
  }

  /** The next two characters. */
  get peek2(): string {
    return this.text.slice(this.at, this.at + 2);
  }

  take(): string {
    return this.text[this.at++] ?? giveUp();
  }

  eat(words: string): boolean {
    if (!this.text.startsWith(words, this.at)) return false;
    this.at += words.length;
    return true;
  }

  expect(words: string): void {
    if (!this.eat(words)) giveUp();
  }

  within<T>(action: () => T): T {
    return this.budget.within(action);
  }

  /** Reads what a sticky expression matches. @returns the match; undefined if there is none */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [];
    this.at += found?.length ?? 0;
    return found;
  }

  /** Builds a node around the one before, as long as there is more to read: names are no deeper than other parts. */
  chain(first: Node, next: (node: Node) => Node | undefined): Node {
    let node = first;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const around = this.within(() => next(node));
      if (!around) return node;
      node = around;
    }
    return giveUp();
  }

  /** Reads parts up to an end mark, which is read too. */
  list(end: string, read: () => Node): Node[] {
    const items: Node[] = [];
    while (!this.eat(end)) items.push(read());
    return items;
  }

  /** `number`, `n` for minus; as it is to be printed. */
  readNumber(): string {
    const digits = this.match(/n?\d+/y) ?? giveUp();
    return digits.replace('n', '-');
  }

  /** A number of base 10 behind which comes `_`: none is 0, 0 is 1. */
  readIndex(): number {
    const digits = this.match(/\d{0,8}_/y) ?? giveUp();
    return digits === '_' ? 0 : Number.parseInt(digits, 10) + 1;
  }

  /** The place and what can be substituted there, to read on from it again. */
  mark(): { readonly at: number; readonly count: number } {
    return { at: this.at, count: this.substitutions.length };
  }

  reset({ at, count }: { readonly at: number; readonly count: number }): void {
    this.at = at;
    this.substitutions.length = count;
  }

  /** Remembers a part that later ones may substitute. */
  remember(node: Node): Node {
    this.substitutions.push(node);
    return node;
  }

  /** `seq-id` and its `_`. */
  readSubstituted(): Node {
    const digits = this.match(/[0-9A-Z]{0,6}_/y) ?? giveUp();
    const index = digits === '_' ? 0 : Number.parseInt(digits, 36) + 1;
    return this.substitutions[index] ?? giveUp();
  }
}
