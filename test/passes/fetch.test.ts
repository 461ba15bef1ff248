/** How an object that is not kept in memory is read again for the image: at once where that is cheaper. */
import { expect, it } from 'vitest';
import { BUDGET } from '../../src/contents.ts';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import type { InputFile } from '../../src/inputs.ts';
import { link } from '../../src/link.ts';
import { DEFAULT_OPTIONS } from '../../src/options.ts';
import { CODE, DATA, partFile, section } from '../elf/make.ts';

/** Bytes of the ELF header, behind which sections lie, each at a multiple of 8. */
const HEADER = 64;

/** An object too large to be kept, with sections of these sizes; those that are 0 mod 100 are part of the program. */
function largeObject(name: string, sizes: readonly number[]): Uint8Array {
  const sections: SectionSpec[] = sizes.map((size, i) =>
    section(`.data.${name}${i}`, DATA, new Uint8Array(size).fill(i + 1)),
  );
  const relocations = sizes.flatMap((size, i) =>
    size % 100 === 0 ? [{ offset: 8 * i, type: 1, symbol: `${name}${i}` }] : [],
  );
  const lead = section(`.text.${name}`, CODE, 8 * sizes.length, { relocations });
  return buildObject(
    [...sections, lead, section('.debug_info', 0, BUDGET)],
    [
      ...sizes.map((_, i) => ({ name: `${name}${i}`, section: `.data.${name}${i}` })),
      { name, section: lead.name },
    ],
  );
}

/** Links an object of which only `_start` and what it needs is wanted. @returns what of it is read for the image */
function readsFor(sizes: readonly number[]): (readonly [from: number, to: number])[] {
  const reads: (readonly [from: number, to: number])[] = [];
  let pass = '';
  const noting = (bytes: Uint8Array, isNoted: boolean): InputFile => {
    const { size, read } = partFile(bytes);
    return {
      size,
      read(target, position) {
        if (isNoted && pass === 'relocate') reads.push([position, position + target.length]);
        read(target, position);
      },
    };
  };
  const opened = new Map([
    ['a.o', noting(largeObject('_start', sizes), true)],
    // What was read last stays: that is another object.
    ['b.o', noting(largeObject('other', [100]), false)],
  ]);
  const files = { get: () => undefined, open: (path: string) => opened.get(path) };
  const inputs = [...opened.keys()].map((path) => ({ kind: 'file', path }) as const);
  const options = { ...DEFAULT_OPTIONS, inputs, undefinedSymbols: ['other'], shrink: 'none' } as const;
  link(files, options, {
    passBegins: (name) => {
      pass = name;
    },
  });
  return reads;
}

it.each<[string, readonly number[], (readonly [number, number])[]]>([
  [
    'all at once from the first section to the last',
    [200, 96, 300, 96],
    [[HEADER, HEADER + 200 + 96 + 304 + 96 + 32]],
  ],
  ['not what lies in front of them', [96, 96, 200], [[HEADER + 192, HEADER + 192 + 200 + 24]]],
  [
    'one by one where too much lies between',
    [100, 40_001],
    [
      [HEADER, HEADER + 100],
      [HEADER + 104 + 40_008, HEADER + 104 + 40_008 + 16],
    ],
  ],
  ['one section alone', [40_001], [[HEADER + 40_008, HEADER + 40_008 + 8]]],
])('%s', (_, sizes, expected) => {
  expect(readsFor(sizes)).toEqual(expected);
});
