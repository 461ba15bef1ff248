/** Which header a link gets, and what it is told where it cannot have the one that it asks for. */
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { SHF_TLS } from '../../src/elf/constants.ts';
import type { LinkOptions } from '../../src/options.ts';
import { bss, CODE, DATA, errorsOf, linkFiles, placed, RODATA, section } from '../elf/make.ts';

const R_32 = 10;

/** mov eax, 60; xor edi, edi; syscall */
const EXIT = [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];
/** mov esi, OFFSET there */
const LOAD = [0xbe, 0, 0, 0, 0];

/** A program that exits, and before that takes the address of a section, if there is one, in 32 bits. */
function programWith(there?: SectionSpec): Uint8Array {
  const relocations = there ? [{ offset: 1, type: R_32, symbol: 'there' }] : [];
  const code = Uint8Array.from([...(there ? LOAD : []), ...EXIT]);
  const start = { name: '_start', section: '.text' };
  if (!there) return buildObject([section('.text', CODE, code)], [start]);
  return buildObject(
    [section('.text', CODE, code, { relocations }), there],
    [start, { name: 'there', section: there.name }],
  );
}

const ALONE = programWith();
const ZEROS = programWith(bss('.bss', 16));
const CONSTANTS = programWith(section('.rodata', RODATA, new Uint8Array(2000).fill(1)));
const THREAD = programWith(section('.tdata', DATA | SHF_TLS, Uint8Array.of(1, 2, 3, 4)));

const FREE: Partial<LinkOptions> = { base: 0x10000, isBaseGiven: false, header: 'auto' };

function linked(object: Uint8Array, options: Partial<LinkOptions>) {
  return linkFiles({ 'a.o': object }, { ...FREE, ...options });
}

/** Name of the header and size of the file. */
function outcome(object: Uint8Array, options: Partial<LinkOptions>): string {
  const result = linked(object, options);
  return `${result.map().headerLayout}, ${result.size} bytes`;
}

describe('the header', () => {
  it.each<[string, Uint8Array, Partial<LinkOptions>, string]>([
    ['the smallest', ALONE, {}, '0x18, 80 bytes'],
    ['the smallest of the others under --base', ALONE, { isBaseGiven: true }, '0x2f, 103 bytes'],
    ['the one of 4 GiB under --floor', ALONE, { floor: true }, '0x0c, 73 bytes'],
    ['one that all loaders take', ALONE, { compatibility: 'portable' }, '0x2f, 103 bytes'],
    ['one with room for zeros', ZEROS, {}, '0x2f, 103 bytes'],
    ['one that is asked for', ALONE, { header: '0x31' }, '0x31, 105 bytes'],
    ['one that is asked for, where others are smaller', CONSTANTS, { header: '0x19' }, '0x19, 2272 bytes'],
    ['one that is asked for, where plain is smaller', ALONE, { header: '0x19' }, '0x19, 265 bytes'],
    ['classic if it is asked for', ALONE, { header: 'classic' }, 'classic, 121 bytes'],
    ['plain if it is asked for', ALONE, { header: 'plain' }, 'plain, 129 bytes'],
    ['plain where classic has no room', ZEROS, { header: 'classic', segments: 'split' }, 'plain, 190 bytes'],
    ['classic under --verbatim', ALONE, { verbatim: true }, 'classic, 121 bytes'],
    ['plain under --verbatim', ALONE, { verbatim: true, header: 'plain' }, 'plain, 129 bytes'],
    [
      'classic where sections have addresses',
      ALONE,
      { sectionStarts: new Map([['.data', 0x800000]]) },
      'classic, 121 bytes',
    ],
  ])('is %s', (_, object, options, expected) => {
    expect(outcome(object, options)).toBe(expected);
  });

  it('is plain where section headers are wanted, which stand behind the image', () => {
    for (const tables of ['symbols', 'debug'] as const) {
      const map = linked(ALONE, { tables }).map();
      expect([
        map.headerLayout,
        map.headerSize,
        placed(linked(ALONE, { tables }), '.text').fileOffset,
      ]).toEqual(['plain', 120, 120]);
    }
  });

  it('is told with the rules against smaller ones', () => {
    expect(linked(ALONE, {}).map().headerReasons).toEqual([]);
    expect(linked(ZEROS, {}).map().headerReasons).toEqual([
      'header 0x18 has no room for zero-initialised data',
      'header 0x19 has no room for zero-initialised data',
    ]);
    expect(linked(THREAD, { gcSections: false }).map().headerReasons).toEqual([
      'header 0x18 needs a single segment',
    ]);
  });
});

describe('a header that is asked for and cannot be had', () => {
  const fixed = 'which only the classic and the plain header can have';
  it.each<[string, Uint8Array, Partial<LinkOptions>, string]>([
    ['0x38', ALONE, { verbatim: true }, `--verbatim leaves sections in their order, ${fixed}`],
    ['0x38', ALONE, { tables: 'symbols' }, `section headers are wanted, ${fixed}`],
    [
      '0x38',
      ALONE,
      { sectionStarts: new Map([['.data', 0x800000]]) },
      `sections have addresses of their own, ${fixed}`,
    ],
    ['0x0c', ALONE, {}, 'it is a curiosity that needs more than 4 GiB of memory; --floor permits it'],
    ['0x0c', ZEROS, { floor: true }, 'this program cannot be laid into it'],
    ['0x30', ALONE, { compatibility: 'portable' }, 'this program cannot be laid into it'],
    ['0x18', ALONE, { isBaseGiven: true }, 'header 0x18 needs a base of its own, and --base is given'],
    [
      '0x18',
      ALONE,
      { identPad: Uint8Array.of(1) },
      'header 0x18 needs a base of its own, and --ident-pad is for programs that know theirs',
    ],
    ['0x18', ZEROS, {}, 'header 0x18 needs position-independent code, unlike a.o:(.text+0x1)'],
    ['0x18', THREAD, { gcSections: false }, 'header 0x18 needs a single segment'],
    [
      '0x31',
      THREAD,
      { gcSections: false },
      'it has no room for the program headers that this program needs: load, thread',
    ],
  ])('is told why: %s', (header, object, options, why) => {
    expect(errorsOf(() => linked(object, { ...options, header }))).toEqual([
      {
        severity: 'error',
        code: 'header-unfit',
        message: `--header ${header} cannot be used: ${why}`,
        where: [],
        hint: 'leave --header out: the smallest layout that this program can have is taken',
      },
    ]);
  });
});
