/** Programs that Linux would not start: errors of what the user has asked for, and warnings of what was chosen. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import type { LinkOptions } from '../../src/options.ts';
import { CODE, errorsOf, linkFiles, section } from '../elf/make.ts';

const SHN_ABS = 0xfff1;

/** A program that has a symbol at this offset of its code, and one that is an address. */
function objectWith(value: number): Uint8Array {
  return buildObject(
    [section('.text', CODE, Uint8Array.of(0x90, 0xf4))],
    [
      { name: '_start', section: '.text', value },
      { name: 'address', section: SHN_ABS, value },
    ],
  );
}

const FREE = {
  base: 0x10000,
  isBaseGiven: false,
  header: 'plain',
  shrink: 'none',
  gcSections: false,
} as const;
const refused = (what: string) =>
  expect.stringMatching(new RegExp(`^Linux \\S+ would not start this program: ${what}`));

describe('an entry outside the address space', () => {
  it('is blamed on its definition', () => {
    const far = 2 ** 47 + 5;
    expect(errorsOf(() => linkFiles({ 'a.o': objectWith(far) }, FREE))).toEqual([
      {
        severity: 'error',
        code: 'would-not-load',
        message: refused(''),
        where: [
          `the entry is _start, defined at a.o:(.text+0x${far.toString(16)})`,
          expect.stringMatching(/^the rule is that of /),
        ],
        hint: 'name the entry with -e',
      },
    ]);
    expect(
      errorsOf(() => linkFiles({ 'a.o': objectWith(far) }, { ...FREE, entry: 'address' }))[0],
    ).toMatchObject({
      where: ['the entry is address, an absolute symbol of a.o', expect.stringMatching(/^the rule/)],
    });
  });

  it('is a warning where the user has chosen addresses', () => {
    const options: Partial<LinkOptions>[] = [
      { entry: '0x800000000005' },
      { isBaseGiven: true },
      { sectionStarts: new Map([['.data', 0x800000]]) },
    ];
    for (const more of options) {
      const object = objectWith(more.entry ? 0 : 2 ** 47 + 5);
      expect(linkFiles({ 'a.o': object }, { ...FREE, ...more }).diagnostics).toMatchObject([
        { severity: 'warning', code: 'would-not-load', hint: 'name the entry with -e' },
      ]);
    }
  });
});

it('a base below all that Linux maps is a warning with a way out', () => {
  const object = objectWith(0);
  expect(
    linkFiles({ 'a.o': object }, { ...FREE, base: 0x1000, isBaseGiven: true }).diagnostics,
  ).toMatchObject([
    {
      severity: 'warning',
      hint: 'choose --base 0x10000 or above, or lower vm.mmap_min_addr where it runs',
      where: [expect.stringMatching(/^the rule is that of security/)],
    },
  ]);
});

it('what loads is said nothing of', () => {
  expect(linkFiles({ 'a.o': objectWith(1) }, FREE).diagnostics).toEqual([]);
});
