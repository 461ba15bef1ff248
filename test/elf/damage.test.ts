/** Links of damaged objects: a result or proper errors, nothing else, whatever the bytes. */
import { describe, expect, it } from 'vitest';
import { LinkError } from '../../src/diagnostics.ts';
import { buildObject } from '../../src/elf/build.ts';
import { readU64, writeU64 } from '../../src/elf/bytes.ts';
import {
  SHN_ABS,
  SHN_COMMON,
  SHT_GROUP,
  SHT_NOTE,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
  STB_WEAK,
} from '../../src/elf/constants.ts';
import {
  bss,
  CODE,
  DATA,
  fixture,
  group,
  linkFiles,
  RODATA,
  randomNumbers,
  relocationSection,
  section,
} from './make.ts';

/** Errors that are about the link as a whole and name no file. */
const WHOLE = new Set(['no-entry', 'too-large', 'too-many-errors']);

/** Links one damaged object in every way; throws if anything but a result or proper errors comes out. */
function survive(bytes: Uint8Array, options: Parameters<typeof linkFiles>[1] = {}): 'linked' | 'refused' {
  try {
    const result = linkFiles({ 'in.o': bytes }, options);
    if (result.bytes.length > 2 ** 29) throw new Error(`a file of ${result.bytes.length} bytes`);
    const { fileSize, sections } = result.map();
    if (fileSize !== result.bytes.length) throw new Error('the map tells another size');
    for (const { size, fileOffset } of sections) {
      if (fileOffset !== null && fileOffset + size > fileSize) throw new Error('a section outside the file');
    }
    return 'linked';
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    if (error.diagnostics.length === 0) throw new Error('no diagnostics', { cause: error });
    for (const { code, message, where } of error.diagnostics) {
      const namesFile =
        code === 'malformed-input' ? message.startsWith('in.o: ') : /in\.o|--defsym/.test(where.join());
      if (message === '' || !(namesFile || WHOLE.has(code))) throw new Error(`'${message}' names no file`);
    }
    return 'refused';
  }
}

/** An object with what compilers rarely write: groups, REL, common symbols, retained and note sections. */
function oddObject(): Uint8Array {
  const sections = [
    section('.text', CODE, 32, {
      relocations: [
        { offset: 0, type: 1, symbol: 'datum' },
        { offset: 8, type: 9, symbol: 'common', addend: -4 },
        { offset: 16, type: 42, symbol: 'maybe', addend: -4 },
        { offset: 24, type: 10, symbol: 'inside' },
      ],
    }),
    section('.data.rel.ro', DATA, 16, { addralign: 8 }),
    section('.text.inline', CODE, 8),
    group(9, 3, [3]),
    section('.note', RODATA, 8, { type: SHT_NOTE }),
    section('.keep', RODATA | 0x200000, 5),
    bss('.bss', 100, 64),
    relocationSection(SHT_REL, 9, 2, [
      { offset: 0, type: 2, symbol: 2 },
      { offset: 4, type: 14, symbol: 4 },
      { offset: 8, type: 1, symbol: 3 },
    ]),
  ];
  return buildObject(sections, [
    { name: 'inside', section: '.bss', value: 8, binding: STB_LOCAL },
    { name: '_start', section: '.text' },
    { name: 'datum', section: '.data.rel.ro' },
    { name: 'small', section: SHN_ABS, value: 99 },
    { name: 'common', section: SHN_COMMON, value: 32, size: 40 },
    { name: 'maybe', binding: STB_WEAK },
  ]);
}

describe('damage', () => {
  it.each(['hello-rodata/pic.o', 'c-objects/static/main.o'])('truncated anywhere: %s', (path) => {
    const whole = fixture(path);
    for (let length = 0; length < whole.length; length++) {
      const outcome = () => survive(whole.slice(0, length), { gcSections: false, entry: '0x400070' });
      expect(outcome, `first ${length} bytes`).not.toThrow();
      if (length < 64) expect(outcome()).toBe('refused');
    }
  });

  // Each with definitions of what it needs, so that it links as long as it is whole.
  const bases: readonly (readonly [string, Uint8Array, Readonly<Record<string, string>>])[] = [
    ['hello-rodata/pic.o', fixture('hello-rodata/pic.o'), {}],
    ['relocs/got.o', fixture('relocs/got.o'), { datum: '1', fail: '0x400070', answer: 'got + 4' }],
    ['c-objects/pie/tables.o', fixture('c-objects/pie/tables.o'), TABLES_NEED],
    ['an odd object', oddObject(), {}],
  ];

  it.each(bases)('accepts, while there is none: %s', (_name, bytes, defsym) => {
    expect(survive(bytes, { defsym, gcSections: false, entry: '0x400070' })).toBe('linked');
  });

  it.each(bases)('2000 random changes: %s', (name, original, defsym) => {
    const random = randomNumbers(0x9e3779b9);
    const outcomes = { linked: 0, refused: 0 };
    const problems: string[] = [];
    for (let round = 0; round < 2000; round++) {
      const bytes = original.slice();
      const changes: string[] = [];
      for (let count = 1 + (round % 3); count > 0; count--) changes.push(damage(bytes, random));
      const everything = { defsym, gcSections: false, entry: '0x400070', verbatim: round % 4 === 1 };
      const fromSymbols = { defsym, entry: ENTRIES.get(name) ?? '_start' };
      const options = round % 2 === 0 ? fromSymbols : everything;
      try {
        outcomes[survive(bytes, options)]++;
      } catch (error) {
        problems.push(`${round}: ${changes.join(', ')}: ${(error as Error).stack}`);
      }
    }
    expect(problems.slice(0, 3)).toEqual([]);
    expect(outcomes.refused).toBeGreaterThan(500);
    expect(outcomes.linked).toBeGreaterThan(500);
  });
});

/** Where the objects without `_start` begin. */
const ENTRIES = new Map([
  ['relocs/got.o', 'got'],
  ['c-objects/pie/tables.o', 'verbs'],
]);

const TABLES_NEED = {
  generation: '1',
  greeting: '0x400070',
  lucas: '0x400080',
  print: '0',
  written: 'print',
};

const LIMITS = [
  0,
  1,
  3,
  4,
  0x7f,
  0xff,
  0xfff2,
  0xffff,
  2 ** 30,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 47,
  2 ** 63,
] as const;

/** Changes a byte anywhere, or a field of a section header or symbol to a number at some limit. */
function damage(bytes: Uint8Array, random: (below: number) => number): string {
  const kind = random(4);
  if (kind === 0) {
    const at = random(bytes.length);
    bytes[at] = random(256);
    return `byte ${at} = ${bytes[at]}`;
  }
  const at = placeOfField(bytes, kind, random);
  const value = random(2) === 0 ? LIMITS[random(LIMITS.length)]! : random(24);
  const width = [1, 2, 4, 8][random(4)]!;
  const before = bytes.slice(at, at + 8);
  if (at + 8 > bytes.length) return 'nothing';
  writeU64(bytes, at, value);
  bytes.set(before.subarray(width), at + width);
  return `${width} bytes at ${at} = ${value}`;
}

/** An aligned place in the ELF header or a section header, in a symbol, or in a relocation. */
function placeOfField(bytes: Uint8Array, kind: number, random: (below: number) => number): number {
  const e_shoff = readU64(bytes, 40);
  const rows = Math.floor((bytes.length - e_shoff) / 64);
  if (e_shoff > bytes.length || rows === 0) return random(bytes.length);
  if (kind === 1) return random(8) === 0 ? 16 + random(48) : e_shoff + random(rows) * 64 + random(16) * 4;
  const wanted = kind === 2 ? [SHT_SYMTAB, SHT_STRTAB] : [SHT_RELA, SHT_REL, SHT_GROUP];
  const found: number[] = [];
  for (let row = 0; row < rows; row++) if (wanted.includes(bytes[e_shoff + row * 64 + 4]!)) found.push(row);
  if (found.length === 0) return random(bytes.length);
  const chosen = e_shoff + found[random(found.length)]! * 64;
  const size = readU64(bytes, chosen + 32);
  return readU64(bytes, chosen + 24) + (size >= 4 && size < bytes.length ? random(size / 4) * 4 : 0);
}
