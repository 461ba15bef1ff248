/** What has grown between two links. */
import { describe, expect, it } from 'vitest';
import { diffMaps } from '../../src/explain/diff.ts';
import type { LinkMap } from '../../src/explain/linkMap.ts';
import { formatDiff, formatDiffMarkdown } from '../../src/report/diff.ts';
import { PLAIN } from '../../src/report/style.ts';
import { linkFiles } from '../elf/make.ts';
import { code, compiled, functionSymbol, R_PLT32, START } from '../shrink/make.ts';

/** A program in which `_start` calls functions with so many instructions that nothing can do without. */
function program(sizes: Readonly<Record<string, number>>): LinkMap {
  const names = Object.keys(sizes);
  const calls = names.map((symbol, i) => ({ offset: 5 * i + 1, type: R_PLT32, symbol, addend: -4 }));
  const sections = names.map((name, i) =>
    // MOV [rdi+i], al, again and again
    code(`.text.${name}`, `${`88 47 0${i} `.repeat(sizes[name]!)}c3`, []),
  );
  const start = code('.text', `${'e8 .. .. .. .. '.repeat(names.length)} 0f 0b`, calls);
  const symbols = names.map((name) => functionSymbol(name, `.text.${name}`));
  const object = compiled([start, ...sections], [START, ...symbols]);
  return linkFiles({ 'a.o': object }, { header: 'plain', shrink: 'none' }).map();
}

const before = program({ same: 3, grows: 10, 'gone|`': 20 });
const after = program({ same: 3, grows: 50, added: 7 });
const diff = diffMaps(before, after, (name) => name);

describe('the difference of two maps', () => {
  it('is that of the files, by whatever it is told', () => {
    expect(diff).toMatchObject({ before: before.fileSize, after: after.fileSize });
    for (const changes of Object.values(diff.changes)) {
      const sum = changes.reduce((total, change) => total + change.after - change.before, 0);
      expect(sum).toBe(after.fileSize - before.fileSize);
    }
  });

  it('names symbols, the largest change first', () => {
    expect(diff.changes.symbol.slice(0, 3)).toEqual([
      { name: 'grows', before: 31, after: 151 },
      { name: 'gone|`', before: 61, after: 0 },
      { name: 'added', before: 0, after: 22 },
    ]);
    expect(diff.changes.symbol.some(({ name }) => name === 'same')).toBe(false);
  });

  it('takes symbols for the same whose names differ in what compilers put there', () => {
    const one = program({ x_17habc: 3 });
    const two = program({ x_17hdef: 3 });
    const short = (name: string) => name.replace(/_17h.*/, '');
    expect(diffMaps(one, two, short).changes.symbol).toEqual([]);
    expect(diffMaps(one, two, (name) => name).changes.symbol).toHaveLength(2);
  });

  it('is nothing for the same program', () => {
    const { changes } = diffMaps(before, before, (name) => name);
    expect(changes).toEqual({ symbol: [], section: [], file: [] });
    expect(
      formatDiff(
        diffMaps(before, before, (name) => name),
        ['symbol'],
        5,
        PLAIN,
      ),
    ).toBe(`${before.fileSize} → ${before.fileSize} bytes: no change\n`);
  });

  it('is told in lines', () => {
    const lines = formatDiff(diff, ['symbol'], 1, PLAIN).split('\n');
    const change = after.fileSize - before.fileSize;
    expect(lines[0]).toBe(
      `${before.fileSize} → ${after.fileSize} bytes: +${change} (+${((change / before.fileSize) * 100).toFixed(2)} %)`,
    );
    expect(lines[3]).toBe('     +120       31      151  grows');
    expect(lines[4]).toMatch(/^ +[-+]\d+ +in \d+ more$/);
  });

  it('is told in Markdown, whatever symbols are called', () => {
    const text = formatDiffMarkdown(diff, ['symbol', 'file'], 3);
    expect(text).toMatch(/^\*\*\d+ → \d+ bytes: \+/);
    expect(text).toContain('| +120 | 31 | 151 | `grows` |');
    expect(text).toContain('| -61 | 61 | - | `` gone\\|` `` |');
    expect(text.match(/<details>/g)).toHaveLength(2);
    for (const line of text.split('\n').filter((each) => each.startsWith('|')))
      expect(line.replaceAll('\\|', '').match(/\|/g)).toHaveLength(5);
  });

  it('names files and sections', () => {
    expect(diff.changes.file.map(({ name }) => name)).toContain('a.o');
    expect(diff.changes.section.map(({ name }) => name)).toContain('.text');
  });
});
