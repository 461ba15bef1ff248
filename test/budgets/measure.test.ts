/** What budgets count, what they guard, and how the table looks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSize, UsageError } from '../../src/cli/values.ts';
import { type Budget, idleBudgets, measureBudgets } from '../../src/explain/budgets.ts';
import { globTest } from '../../src/explain/glob.ts';
import type { LinkMap, MapSection } from '../../src/explain/linkMap.ts';
import { link } from '../../src/link.ts';
import { DEFAULT_OPTIONS } from '../../src/options.ts';
import { formatBudgets, formatBudgetsMarkdown } from '../../src/report/budgets.ts';
import { PLAIN } from '../../src/report/style.ts';
import { FIXTURES } from '../programs.ts';

const files = new Map([['lto.o', readFileSync(join(FIXTURES, 'rust-println/lto.o'))]]);
const map = link(files, { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'lto.o' }] }).map();
const same = (name: string) => name;

/** Bytes that one budget of 1 byte counts. */
function bytesOf(kind: 'part' | 'section' | 'symbol', name: string, of = map, demangle = same): number {
  const [spending] = measureBudgets(of, [{ kind, name, limit: 1 } as Budget], demangle);
  expect(spending!.left).toBe(1 - spending!.is);
  return spending!.is;
}

/** A map with one section at 100, whose symbols are `[name, address, size]`. */
function mapWith(size: number, symbols: readonly (readonly [string, number, number])[]): LinkMap {
  const named = symbols.map(([name, address, size]) => ({ name, address, size }));
  const section = { ...map.sections[0]!, name: '.text', address: 100, size, symbols: named };
  return { ...map, sections: [section satisfies MapSection], discarded: [] };
}

describe('a budget', () => {
  it('counts the file, the memory and the parts', () => {
    expect(bytesOf('part', 'file')).toBe(map.fileSize);
    expect(bytesOf('part', 'memory')).toBe(map.memorySize);
    for (const part of ['text', 'rodata', 'data', 'bss'] as const) {
      expect(bytesOf('part', part)).toBe(map.bytes[part]);
    }
  });

  it('counts sections by pattern, all of them together', () => {
    const { text, rodata, data, bss } = map.bytes;
    expect(bytesOf('section', '*')).toBe(text + rodata + data + bss);
    expect(bytesOf('section', '.text*')).toBe(text);
    expect(bytesOf('section', '.text')).toBeLessThan(text);
  });

  it('counts symbols, each byte once', () => {
    const one = mapWith(40, [
      ['a', 100, 10],
      ['b', 100, 10],
      ['c', 105, 15],
      ['d', 130, 5],
    ]);
    expect(bytesOf('symbol', 'a', one)).toBe(10);
    expect(bytesOf('symbol', 'b', one)).toBe(10);
    expect(bytesOf('symbol', '?', one)).toBe(25);
    expect(bytesOf('symbol', 'c', one)).toBe(15);
  });

  it('counts behind a label up to the next symbol', () => {
    const one = mapWith(40, [
      ['a', 100, 0],
      ['b', 100, 0],
      ['c', 108, 0],
    ]);
    expect(bytesOf('symbol', 'a', one)).toBe(8);
    expect(bytesOf('symbol', 'b', one)).toBe(8);
    expect(bytesOf('symbol', 'c', one)).toBe(32);
    expect(bytesOf('symbol', '*', one)).toBe(40);
  });

  it('knows symbols by both of their names', () => {
    const demangle = (name: string) => (name === '_ZN1a1bE' ? 'a::b' : name);
    const one = mapWith(40, [['_ZN1a1bE', 100, 7]]);
    expect(bytesOf('symbol', 'a::*', one, demangle)).toBe(7);
    expect(bytesOf('symbol', '_ZN*', one, demangle)).toBe(7);
    expect(bytesOf('symbol', 'a::c', one, demangle)).toBe(0);
  });

  it('never counts more than the sections hold', () => {
    const symbol = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(39), fc.nat(39));
    fc.assert(
      fc.property(fc.array(symbol, { maxLength: 8 }), (rows) => {
        const symbols = rows
          .map(([name, at, size]) => [name, 100 + at, Math.min(size, 40 - at)] as const)
          .sort((a, b) => a[1] - b[1]);
        const one = mapWith(40, symbols);
        const all = bytesOf('symbol', '*', one);
        expect(all).toBeLessThanOrEqual(40);
        const each = ['a', 'b', 'c'].map((name) => bytesOf('symbol', name, one));
        expect(Math.max(...each)).toBeLessThanOrEqual(all);
        expect(each.reduce((sum, bytes) => sum + bytes)).toBeGreaterThanOrEqual(all);
      }),
    );
  });

  it.each<[string, Budget, boolean]>([
    ['a part that is empty', { kind: 'part', name: 'bss', limit: 1 }, false],
    ['a section that is there', { kind: 'section', name: '.rodata*', limit: 1 }, false],
    ['a section that was left out', { kind: 'section', name: '.eh_frame', limit: 1 }, false],
    ['no section', { kind: 'section', name: '.rodta*', limit: 1 }, true],
    ['a symbol that is there', { kind: 'symbol', name: '_start', limit: 1 }, false],
    ['no symbol', { kind: 'symbol', name: '_strat', limit: 1 }, true],
    ['no symbol, on purpose', { kind: 'symbol', name: 'malloc', limit: 0 }, false],
  ])('for %s may be idle', (_, budget, isIdle) => {
    expect(idleBudgets(map, [budget], same)).toEqual(isIdle ? [budget] : []);
  });
});

describe('a pattern', () => {
  it.each([
    ['core::fmt::*', 'core::fmt::write', true],
    ['core::fmt::*', 'core::num::fmt', false],
    ['<[T]>::len', '<[T]>::len', true],
    ['<[T]>::*', '<[T]>::len', true],
    ['<[T]>::*', '<T>::len', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['.text*', '_text', false],
    ['operator+*', 'operator+=(A)', true],
  ])('%s and %s', (glob, name, fits) => {
    expect(globTest(glob)(name)).toBe(fits);
  });

  it('without wildcards fits itself alone, and between stars all that it is in', () => {
    const text = fc.string({ unit: fc.constantFrom(...'a.+[(\\^$|/-\n') });
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(globTest(b)(a)).toBe(a === b);
        expect(globTest(`*${b}*`)(a + b + c)).toBe(true);
        expect(globTest(`${a}*${c}`)(a + b + c)).toBe(true);
      }),
    );
  });
});

describe('a size', () => {
  it.each([
    ['4096', 4096],
    ['0', 0],
    ['0x1000', 4096],
    ['4k', 4096],
    ['4K', 4096],
    ['4KiB', 4096],
    ['4 kib', 4096],
    ['4kB', 4000],
    ['1.5k', 1536],
    ['2M', 2 ** 21],
    ['2MB', 2_000_000],
    ['1 GiB', 2 ** 30],
    ['512 B', 512],
    [' 7 ', 7],
  ])('%s', (text, bytes) => {
    expect(parseSize(text, '--budget')).toBe(bytes);
  });

  it.each(['', 'k', '-1', '4x', '0.3k', '4 k k', '1e3', '1,5k', '0x', '99999999999G', 'NaN'])(
    'is not %j',
    (text) => {
      expect(() => parseSize(text, '--budget')).toThrow(UsageError);
    },
  );
});

describe('the table', () => {
  const spending = (kind: Budget['kind'], name: string, limit: number, is: number) => ({
    kind,
    name,
    limit,
    is,
    left: limit - is,
  });
  const spendings = [
    spending('part', 'file', 4096, 4097),
    spending('section', '.a|b', 1000, 999),
    spending('symbol', 'fmt::*', 10, 10),
    spending('part', 'bss', 0, 0),
    spending('symbol', 'panic', 0, 3),
  ];

  it('has a row with a bar for each budget', () => {
    expect(formatBudgets(spendings, PLAIN)).toBe(
      `     limit        is      left               share  budget
      4096      4097        -1  [##########]  101 %  file
      1000       999         1  [#########.]   99 %  section .a|b
        10        10         0  [##########]  100 %  symbol fmt::*
         0         0         0  [..........]    0 %  bss
         0         3        -3  [##########]   over  symbol panic
`,
    );
  });

  it('is Markdown, too', () => {
    const text = formatBudgetsMarkdown(spendings);
    expect(text.split('\n')).toHaveLength(8);
    expect(text).toContain('| file | 4096 | 4097 | **-1** | `##########` 101 % |\n');
    expect(text).toContain('| section `.a\\|b` | 1000 | 999 | 1 | `#########.` 99 % |\n');
  });
});
