/** Sections that --sort-section puts into order: as GNU ld does it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { LD_TINYELF, run, scratchFolder } from '../run.ts';
import { HAS_TOOLS } from './liveLink.ts';

const cwd = scratchFolder();

/** Names, and alignments as powers of two, in the order of the input. */
const SECTIONS: readonly (readonly [string, number])[] = [
  ['c', 0],
  ['a', 1],
  ['e', 3],
  ['b', 3],
  ['d', 1],
];
const SOURCE = `.globl _start\n_start: ret\n${SECTIONS.map(
  ([name, power]) =>
    `.section .data.${name}, "aw"\n.p2align ${power}\n.globl in_${name}\nin_${name}: .byte 1\n`,
).join('')}`;

const PATTERNS = [
  '*(.data.*)',
  '*(SORT_NONE(.data.*))',
  '*(SORT_BY_NAME(.data.*))',
  '*(SORT_BY_ALIGNMENT(.data.*))',
  '*(SORT_BY_INIT_PRIORITY(.data.*))',
  '*(.data.c .data.e) *(.data.*)',
];

/** The names in the order of their addresses. */
function orderIn(file: string): string {
  const lines = run('nm', ['-n', file]).stdout.toString();
  return [...lines.matchAll(/ in_(\w)$/gm)].map(([, name]) => name).join('');
}

describe.skipIf(!HAS_TOOLS)('--sort-section', () => {
  beforeAll(() => {
    writeFileSync(join(cwd, 'sorting.s'), SOURCE);
    expect(run('gcc', ['-c', 'sorting.s', '-o', 'sorting.o'], { cwd })).toMatchObject({ code: 0 });
  });

  const orders = (pattern: string, words: readonly string[]) => {
    const script = `SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .text : { *(.text) } .data : { ${pattern} } }`;
    writeFileSync(join(cwd, 'sorting.ld'), script);
    const options = ['sorting.o', '-T', 'sorting.ld', ...words];
    expect(run('ld', [...options, '-o', 'gnu'], { cwd })).toMatchObject({ code: 0 });
    const own = [LD_TINYELF, ...options, '--symbols', '-o', 'tiny'];
    expect(run(process.execPath, own, { cwd })).toMatchObject({ code: 0 });
    return { gnu: orderIn(join(cwd, 'gnu')), tiny: orderIn(join(cwd, 'tiny')) };
  };

  it.each([
    ['--sort-section=name', 'abcde'],
    ['--sort-section=alignment', 'ebadc'],
    ['--gc-sections', 'caebd'],
  ])('as with %s', (option, plain) => {
    const found = PATTERNS.map((pattern) => orders(pattern, [option, '--no-gc-sections']));
    expect(found.map(({ tiny }) => tiny)).toEqual(found.map(({ gnu }) => gnu));
    expect(found[0]!.tiny).toBe(plain);
  });

  it('has no other values', () => {
    const { code, stderr } = run(process.execPath, [LD_TINYELF, '--sort-section=size', 'a.o']);
    expect(code).toBe(2);
    expect(stderr).toContain('expected name or alignment');
  });
});
