import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilePattern, compilePattern, excludesFile, matchesFile } from '../../src/script/match.ts';

describe('compilePattern', () => {
  it.each<[string, string[], string[]]>([
    ['.text', ['.text'], ['', '.tex', '.text.', 'x.text']],
    ['', [''], ['x']],
    ['*', ['', 'x', '.hidden', 'a/b'], []],
    ['.text.*', ['.text.', '.text.a.b'], ['.text', '.texts']],
    ['*.o', ['.o', 'a.o', 'dir/a.o'], ['a.oo', 'a.']],
    ['*crtbegin?.o', ['crtbeginS.o', '/lib/crtbeginT.o'], ['crtbegin.o', 'crtbeginST.o']],
    ['a*b*c', ['abc', 'aXbYc', 'abbcc', 'acbc'], ['ab', 'ac', 'acb', 'abcd']],
    ['a*a', ['aa', 'aba'], ['a', 'ab']],
    ['*a*', ['a', 'bab'], ['', 'b']],
    ['**', ['', 'x'], []],
    ['?', ['x', '?', '/'], ['', 'xy']],
    ['*ab?*', ['abc', 'ababx', 'xabyz'], ['ab', 'xab']],
    ['[a-c]x', ['ax', 'cx'], ['dx', 'x', 'aax']],
    ['[!a-c]', ['d', ']', '-'], ['a', 'c', '']],
    ['[^a-c]', ['d'], ['a']],
    ['[]a]', [']', 'a'], ['b', '[]a]']],
    ['[!]a]', ['b'], [']', 'a']],
    ['[a-]', ['a', '-'], ['b']],
    ['[z-a]', [], ['a', 'm', 'z']],
    ['[--0]', ['-', '.', '0'], ['1']],
    ['[[:digit:][:upper:]_]', ['5', 'X', '_'], ['x', ':', 'd']],
    ['[[:nonsense:]]', ['[]', ':]', 'n]'], ['x]', '[']],
    ['[a', ['[a'], ['a']],
    ['x[', ['x['], ['x']],
    ['[a*', ['[a', '[ab'], ['a']],
    ['[\\]]', [']'], ['\\', '\\]']],
    ['[a\\-c]', ['a', '-', 'c'], ['b', '\\']],
    ['\\*?', ['*x'], ['\\*x', 'ax']],
    ['*\\', [], ['', '\\', 'x\\']],
    ['a\\b', ['a\\b'], ['ab']],
  ])('%s', (pattern, matches, others) => {
    const matcher = compilePattern(pattern);
    expect(matches.filter((name) => !matcher(name))).toEqual([]);
    expect(others.filter(matcher)).toEqual([]);
  });

  it('agrees with a regular expression', () => {
    const pattern = fc.array(fc.constantFrom('a', 'b', '.', '*', '?', '[ab]', '[!a]', '[a-c.]'), {
      maxLength: 8,
    });
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.'), maxLength: 10 });
    const regular = new Map([
      ['.', '\\.'],
      ['*', '.*'],
      ['?', '.'],
      ['[!a]', '[^a]'],
    ]);
    fc.assert(
      fc.property(pattern, name, (parts, text) => {
        const expected = new RegExp(`^${parts.map((part) => regular.get(part) ?? part).join('')}$`).test(
          text,
        );
        expect(compilePattern(parts.join(''))(text)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('takes no time to speak of, whatever the pattern', () => {
    const name = 'a'.repeat(20_000);
    const patterns = [
      '*a'.repeat(50),
      '*a?'.repeat(30),
      '*[ab]'.repeat(30),
      '[a'.repeat(20_000),
      '[\\]'.repeat(20_000),
    ];
    const start = performance.now();
    for (const pattern of patterns) {
      compilePattern(`${pattern}*b`)(name);
      compilePattern(`${pattern}*b*c`)(`${name}b${name}`);
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

/** What GNU ld 2.40 did for a.o and for f.o of ./libf.a, observed. */
describe('matchesFile', () => {
  it.each<[string, boolean, boolean]>([
    ['*', true, true],
    ['f.o', false, true],
    ['*f.o', false, true],
    ['a.o', true, false],
    ['?.o', true, true],
    ['*libf.a', false, false],
    ['*libf.a:', false, true],
    ['libf.a:', false, false],
    ['*.a:', false, true],
    ['./libf.a:f.o', false, true],
    ['*libf.a:*', false, true],
    ['*libf.a:g.o', false, false],
    ['*:f.o', false, true],
    ['*:*', false, true],
    ['*:', false, true],
    [':f.o', false, false],
    [':*', true, false],
    [':', true, false],
    ['*libg.a:*', false, false],
  ])('%s', (pattern, object, member) => {
    expect(matchesFile(pattern, 'a.o', undefined)).toBe(object);
    expect(matchesFile(pattern, 'f.o', './libf.a')).toBe(member);
    const compiled = compileFilePattern(pattern);
    expect([compiled('a.o', undefined), compiled('f.o', './libf.a')]).toEqual([object, member]);
  });
});

describe('excludesFile', () => {
  it.each<[string, boolean]>([
    ['*f.o', true],
    ['*libf.a', true],
    ['*libf.a:', true],
    ['*libf.a:f.o', true],
    ['*libf.a:g.o', false],
    ['libf.a', false],
    [':f.o', false],
  ])('%s', (pattern, expected) => {
    expect(excludesFile(pattern, 'f.o', './libf.a')).toBe(expected);
  });

  it('knows files that are in no archive', () => {
    expect(excludesFile('a.*', 'a.o', undefined)).toBe(true);
    expect(excludesFile('b.*', 'a.o', undefined)).toBe(false);
  });
});
