/** Functions in sections with names of their own are free unless something refers to where these begin or end. */
import { expect, it } from 'vitest';
import { buildObject } from '../src/elf/build.ts';
import { SHF_GNU_RETAIN, STT_FUNC } from '../src/elf/constants.ts';
import type { LinkOptions } from '../src/options.ts';
import { CODE, DATA, latin1, linkFiles, section } from './elf/make.ts';

const R_64 = 1;
const NOP_RET = Uint8Array.of(0x90, 0xc3);

/** Sizes and alignments of two sections `mine`, and their distance, in a program that may refer to a bound of theirs. */
function linkNamed(bound: string | undefined, flags: number, options: Partial<LinkOptions> = {}) {
  const relocations = bound === undefined ? [] : [{ offset: 0, type: R_64, symbol: bound, addend: 0 }];
  const object = buildObject(
    [
      section('.text._start', CODE, Uint8Array.of(0xc3)),
      section('mine', flags | SHF_GNU_RETAIN, NOP_RET, { addralign: 16 }),
      section('mine', flags | SHF_GNU_RETAIN, NOP_RET, { addralign: 16 }),
      section('.table', DATA | SHF_GNU_RETAIN, 8, { relocations }),
      section('.comment', 0, latin1('\0GCC: (GNU) 12.2.0\0')),
    ],
    [
      { name: '_start', section: '.text._start' },
      { name: 'f', section: 2, type: STT_FUNC },
      { name: 'g', section: 3, type: STT_FUNC },
    ],
  );
  const result = linkFiles({ 'a.o': object }, options);
  const mine = result.map().sections.filter(({ name }) => name === 'mine');
  return {
    sizes: mine.map(({ size }) => size),
    alignments: mine.map(({ alignment }) => alignment),
    distance: Math.abs(mine[1]!.address - mine[0]!.address),
  };
}

it('are rewritten and lie anywhere where nothing bounds them', () => {
  const { sizes, alignments } = linkNamed(undefined, CODE);
  expect(sizes).toEqual([1, 1]);
  expect(alignments).toEqual([1, 1]);
});

it.each(['__start_mine', '__stop_mine'])('stay together as they are where %s is referred to', (bound) => {
  expect(linkNamed(bound, CODE)).toMatchObject({ sizes: [2, 2], alignments: [16, 16], distance: 16 });
});

it('stay together where input order counts', () => {
  expect(linkNamed(undefined, CODE, { verbatim: true })).toMatchObject({ sizes: [2, 2], distance: 16 });
});

it('have data beside them that always stays together', () => {
  expect(linkNamed(undefined, DATA)).toMatchObject({ sizes: [2, 2], alignments: [16, 16], distance: 16 });
});
