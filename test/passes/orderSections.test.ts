/** Where a jump to the entry lies, if the header wants one at certain places of the file. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import type { LinkOptions } from '../../src/options.ts';
import { bss, CODE, errorsOf, linkFiles, section } from '../elf/make.ts';

const FAR: Partial<LinkOptions> = {
  header: '0x19',
  base: 0x10000,
  isBaseGiven: false,
  gcSections: false,
  shrink: 'none',
  icf: 'none',
  order: 'input',
};

/** The jump must begin from here on, and before there. */
const [FROM, TO] = [0x100, 0x200];
/** Where sections begin behind the header. */
const BEGIN = 0x51;

/** A program of functions with these sizes. */
function linkSizes(sizes: readonly number[]) {
  const sections = sizes.map((size, i) =>
    section(i === 0 ? '.text' : `.text.f${i}`, CODE, new Uint8Array(size).fill(0x90)),
  );
  const files = { 'a.o': buildObject(sections, [{ name: '_start', section: '.text' }]) };
  return linkFiles(files, FAR);
}

/** File offsets of all sections, and of the jump. */
function places(sizes: readonly number[]) {
  const result = linkSizes(sizes);
  const { sections, entry } = result.map();
  const offsets = sections.map(({ fileOffset }) => fileOffset);
  const at = Number(BigInt(entry) % 0x1000n);
  // JMP rel32
  expect(result.bytes[at]).toBe(0xe9);
  return { offsets, jump: at, size: result.size };
}

describe('the jump', () => {
  it.each<[string, readonly number[], { offsets: number[]; jump: number; size: number }]>([
    ['comes before all that reaches too far', [3000], { offsets: [261], jump: 256, size: 3261 }],
    [
      'lies right where a section ends',
      [FROM - BEGIN, 3000],
      { offsets: [BEGIN, 261], jump: FROM, size: 3261 },
    ],
    [
      'has bytes in front that are lost',
      [FROM - BEGIN - 1, 3000],
      { offsets: [BEGIN, 261], jump: FROM, size: 3261 },
    ],
    ['may be as late as that', [TO - BEGIN - 1, 3000], { offsets: [BEGIN, 516], jump: TO - 1, size: 3516 }],
    ['may not be later', [TO - BEGIN, 3000], { offsets: [261, 692], jump: FROM, size: 3692 }],
    [
      'lies behind the first section that ends there',
      [40, 50, 60, 70, 3000],
      { offsets: [BEGIN, 121, 171, 231, 306], jump: 301, size: 3306 },
    ],
  ])('%s', (_, sizes, expected) => {
    expect(places(sizes)).toEqual(expected);
  });
});

it('is missed where no section has bytes', () => {
  const files = { 'a.o': buildObject([bss('.bss', 100)], [{ name: '_start', section: '.bss' }]) };
  expect(errorsOf(() => linkFiles(files, FAR))).toEqual([
    {
      severity: 'error',
      code: 'header-unfit',
      message: '--header 0x19 cannot be used: no section begins between file offsets 0x100 and 0x1ff',
      where: [],
      hint: 'leave --header out',
    },
  ]);
});
