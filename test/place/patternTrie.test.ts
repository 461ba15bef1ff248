/** Names among many patterns: the least number of those that match, as if each were tried. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PatternTrie } from '../../src/place/patternTrie.ts';
import { compilePattern, literalStart } from '../../src/script/match.ts';

const ALL = () => true;

describe('literalStart', () => {
  it.each([
    ['.text', '.text'],
    ['.text.*', '.text.'],
    ['*', ''],
    ['.a?c', '.a'],
    ['.a[bc]d', '.a'],
    ['.a\\*b*', '.a'],
    // Without a wildcard it is a name, backslashes and all.
    ['.a\\b', '.a\\b'],
    ['', ''],
  ])('of %s is %s', (pattern, start) => {
    expect(literalStart(pattern)).toBe(start);
  });
});

describe('PatternTrie', () => {
  it('finds nothing where nothing was added', () => {
    expect(new PatternTrie().first('.text', 0, ALL)).toBe(-1);
  });

  it('finds the first that matches, that is allowed, and that is not in front of where to begin', () => {
    const trie = new PatternTrie();
    const patterns = ['.text.hot.*', '.text.*', '*hot*', '.text.hot.f', '.text.*'];
    expect(patterns.map((pattern) => trie.add(pattern))).toEqual([0, 1, 2, 3, 4]);
    expect(trie.first('.text.hot.f', 0, ALL)).toBe(0);
    expect(trie.first('.text.hot.f', 2, ALL)).toBe(2);
    expect(trie.first('.text.hot.f', 0, (number) => number > 2)).toBe(3);
    expect(trie.first('.text.f', 2, ALL)).toBe(4);
    expect(trie.first('.text', 0, ALL)).toBe(-1);
    expect(trie.first('.text.f', 5, ALL)).toBe(-1);
  });

  it('agrees with a comparison with each', () => {
    const part = fc.constantFrom('a', 'b', '.', '*', '?', '[ab]', '\\a');
    const patterns = fc.array(
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join('')),
      { maxLength: 30 },
    );
    const names = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.', '\\'), maxLength: 6 }), {
      minLength: 1,
    });
    const property = fc.property(
      patterns,
      names,
      fc.nat(31),
      fc.infiniteStream(fc.boolean()),
      (all, some, from, isAllowed) => {
        const trie = new PatternTrie();
        for (const pattern of all) trie.add(pattern);
        const allowed = all.map(() => isAllowed.next().value);
        const matchers = all.map(compilePattern);
        for (const name of some) {
          const expected = matchers.findIndex((matches, i) => i >= from && allowed[i] && matches(name));
          expect(trie.first(name, from, (number) => allowed[number]!)).toBe(expected);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
