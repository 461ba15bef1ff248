/**
 * Many patterns, of which a name is compared with those alone that begin as it does: they lie in a trie by what of them
 * stands in front of the first character that is a wildcard.
 */
import { compilePattern, literalStart } from '../script/match.ts';

interface Node {
  /** By code unit. */
  readonly next: Map<number, Node>;
  /** Patterns that can match from here on, ascending. */
  readonly patterns: number[];
}

export class PatternTrie {
  readonly #root: Node = { next: new Map(), patterns: [] };
  readonly #matchers: ((name: string) => boolean)[] = [];

  /** @returns the number of the pattern, one more than the last one's */
  add(pattern: string): number {
    const number = this.#matchers.push(compilePattern(pattern)) - 1;
    let node = this.#root;
    for (const unit of unitsOf(literalStart(pattern))) {
      let next = node.next.get(unit);
      if (!next) {
        next = { next: new Map(), patterns: [] };
        node.next.set(unit, next);
      }
      node = next;
    }
    node.patterns.push(number);
    return number;
  }

  /**
   * @param from the least number that counts
   * @param allows whether a pattern may be the one; asked before the name is compared
   * @returns the least number of a pattern that matches, or -1
   */
  first(name: string, from: number, allows: (number: number) => boolean): number {
    let best = this.#matchers.length;
    let node: Node | undefined = this.#root;
    for (let at = 0; node; at++) {
      const { patterns } = node;
      for (let i = lowerBound(patterns, from); i < patterns.length && patterns[i]! < best; i++) {
        const number = patterns[i]!;
        if (allows(number) && this.#matchers[number]!(name)) best = number;
      }
      node = at < name.length ? node.next.get(name.charCodeAt(at)) : undefined;
    }
    return best === this.#matchers.length ? -1 : best;
  }
}

function unitsOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}

/** Index of the first number that is not less than one. */
function lowerBound(ascending: readonly number[], least: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
