/** The object reader on real, unusual and damaged objects. */
import { describe, expect, it } from 'vitest';
import { sourceOf } from '../../src/contents.ts';
import { FormatError } from '../../src/diagnostics.ts';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../../src/elf/bytes.ts';
import {
  SHN_ABS,
  SHN_COMMON,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  STB_LOCAL,
  STB_WEAK,
} from '../../src/elf/constants.ts';
import { readGroups, signatureOf } from '../../src/elf/groups.ts';
import {
  type ElfObject,
  HEADER_FLAGS,
  HEADER_INFO,
  HEADER_LINK,
  HEADER_OFFSET,
  HEADER_SIZE,
  HEADER_TYPE,
  HEADER_WORDS,
  parseObject,
  sectionHeaders,
  sectionNameAt,
  symbolName,
  symbolOffset,
  symbolSection,
  tablesOf,
  wordPair,
} from '../../src/elf/object.ts';
import { NO_ROW, SectionTable } from '../../src/elf/sections.ts';
import { Program } from '../../src/program.ts';
import {
  bss,
  CODE,
  contents,
  DATA,
  errorsOf,
  escapeSectionNumbers,
  fixture,
  gnuArchive,
  group,
  groupedObject,
  linkFiles,
  liveNames,
  placed,
  RODATA,
  readBig,
  relocationSection,
  section,
  sectionHeader,
  symbolEntry,
  table,
} from './make.ts';

function parse(bytes: Uint8Array) {
  const sections = new SectionTable();
  return { object: parseObject(bytes, sections, 0), sections };
}

/** Id of section number `n`, or `NO_ROW`. */
function rowOf({ object, sections }: ReturnType<typeof parse>, n: number): number {
  return sections.rowOf[object.firstNumber + n]!;
}

/** A section as `readelf -S` prints it: name, type, offset, size, entry size, flags, link, info, alignment. */
function describeSection(parsed: ReturnType<typeof parse>, n: number) {
  const { object, sections } = parsed;
  const [name, ...header] = describeHeader(object, n);
  const id = rowOf(parsed, n);
  if (id === NO_ROW) return [name, ...header];
  expect(id).toBeGreaterThanOrEqual(object.firstSection);
  expect(id).toBeLessThan(object.firstSection + object.sectionCount);
  expect([sections.number[id], sections.firstRelocation[id], sections.relocationCount[id]]).toEqual([
    n,
    0,
    0,
  ]);
  return [
    sectionNameAt(object.bytes, sections.nameOffset[id]!),
    sections.type[id],
    sections.offset[id],
    sections.size[id],
    sections.entsize[id],
    sections.flags[id],
    sections.link[id],
    header[6],
    sections.addralign[id],
  ];
}

/** As `describeSection`, from the words of the header alone: tables have no row. */
function describeHeader(object: ElfObject, n: number) {
  const words = sectionHeaders(object);
  const at = n * HEADER_WORDS;
  return [
    headerName(object, words[at]!),
    words[at + HEADER_TYPE]!,
    wordPair(words, at + HEADER_OFFSET),
    wordPair(words, at + HEADER_SIZE),
    wordPair(words, at + 14),
    wordPair(words, at + HEADER_FLAGS),
    words[at + HEADER_LINK]!,
    words[at + HEADER_INFO]!,
    Math.max(1, wordPair(words, at + 12)),
  ];
}

/** The name at an offset in the table of section names. */
function headerName({ bytes, headersOffset }: ElfObject, offset: number): string {
  const e_shstrndx = readU16(bytes, 62);
  const number = e_shstrndx === 0xffff ? readU32(bytes, headersOffset + 40) : e_shstrndx;
  return number === 0 ? '' : sectionNameAt(bytes, readU64(bytes, sectionHeader(bytes, number) + 24) + offset);
}

/** Reads all of an object that a link reads before it decides what it needs. */
function readWhole(bytes: Uint8Array) {
  const program = new Program([]);
  const object = program.addObject('in.o', sourceOf(bytes), 1);
  const groups: { signature: string; members: readonly number[] }[] = [];
  readGroups(object, program.sections, (index, members) => {
    const { bytes: names, offset, length } = signatureOf(object, index);
    groups.push({
      signature: Buffer.from(names.subarray(offset, offset + length)).toString(),
      members: [...members],
    });
  });
  program.addRelocations(object);
  return { program, object, groups };
}

function messageOf(bytes: Uint8Array): string {
  try {
    readWhole(bytes);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
  throw new Error('the object was accepted');
}

/** A small object with an entry, a reference to data, a local symbol and a symbol of every reserved section. */
function smallObject(more: readonly SectionSpec[] = []): Uint8Array {
  const text = section('.text', CODE, 16, {
    addralign: 16,
    relocations: [{ offset: 8, type: 1, symbol: 'datum', addend: -4 }],
  });
  return buildObject(
    [text, section('.data', DATA, 8, { addralign: 8 }), bss('.bss', 64, 32), ...more],
    [
      { name: '_start', section: '.text', type: 2 },
      { name: 'datum', section: '.data', value: 4, size: 4, type: 1 },
      { name: 'inside', section: '.bss', binding: STB_LOCAL },
      { name: 'absolute', section: SHN_ABS, value: 7 },
      { name: 'common', section: SHN_COMMON, value: 16, size: 24 },
    ],
  );
}

/** A copy with one change. */
function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  return copy;
}

/** Sets a field of a section header of `smallObject`: its offset in the header, its new value. */
function withHeader(number: number, field: number, value: number, bytes = smallObject()): Uint8Array {
  const isWide = field >= 8 && field !== 40 && field !== 44;
  return changed(bytes, (copy) => {
    const at = sectionHeader(copy, number) + field;
    if (isWide) writeU64(copy, at, value);
    else writeU32(copy, at, value);
  });
}

describe('parseObject', () => {
  it('reads what gcc wrote as readelf does', () => {
    const main = parse(fixture('c-objects/static/main.o'));
    expect(main.object.headerCount).toBe(12);
    expect(Array.from({ length: 12 }, (_, n) => rowOf(main, n))).toEqual([
      -1, 0, 1, 2, 3, 4, -1, 5, 6, -1, -1, -1,
    ]);
    expect([main.object.sectionCount, main.sections.count]).toEqual([7, 7]);
    expect(describeSection(main, 0)).toEqual(['', SHT_NULL, 0, 0, 0, 0, 0, 0, 1]);
    expect(describeSection(main, 3)).toEqual(['.bss', SHT_NOBITS, 0x40, 0, 0, 3, 0, 0, 1]);
    expect(describeSection(main, 4)).toEqual([
      '.rodata.main.str1.1',
      SHT_PROGBITS,
      0x40,
      0xc9,
      1,
      0x32,
      0,
      0,
      1,
    ]);
    expect(describeSection(main, 6)).toEqual([
      '.rela.text.startup.main',
      SHT_RELA,
      0x4d0,
      0x390,
      24,
      0x40,
      9,
      5,
      8,
    ]);
    expect(describeSection(main, 9)).toEqual(['.symtab', SHT_SYMTAB, 0x2b0, 0x198, 24, 0, 10, 3, 8]);
    expect(main.object.symbols).toMatchObject({ count: 17, firstGlobal: 3, shndxOffset: -1 });
    expect(symbolName(main.object, 13)).toBe('shared');
    expect(symbolSection(main.object, 13)).toBe(SHN_COMMON);
    expect(symbolName(main.object, 3)).toBe('main');
    expect(symbolSection(main.object, 3)).toBe(5);
    expect(readU64(main.object.bytes, symbolOffset(main.object, 3) + 16)).toBe(379);
  });

  it('reads what nasm wrote, with its headers in front', () => {
    const hello = parse(fixture('nasm-hello/hello.o'));
    expect(hello.object).toMatchObject({ headerCount: 6, sectionCount: 1, headersOffset: 0x40 });
    expect(describeSection(hello, 1)).toEqual(['.text', SHT_PROGBITS, 0x1c0, 0x21, 0, 6, 0, 0, 1]);
    expect(describeSection(hello, 5)).toEqual(['.rela.text', SHT_RELA, 0x2e0, 0x18, 24, 0, 3, 1, 8]);
    expect(hello.object.symbols).toMatchObject({ count: 6, firstGlobal: 5 });
    const names = [1, 2, 3, 4, 5].map((index) => symbolName(hello.object, index));
    expect(names).toEqual(['hello.asm', '', 'greeting', 'length', '_start']);
    const places = [1, 2, 3, 4, 5].map((index) => symbolSection(hello.object, index));
    expect(places).toEqual([SHN_ABS, 1, 1, SHN_ABS, 1]);
  });

  it('reads what rustc wrote', () => {
    const lto = parse(fixture('rust-alloc/lto.o'));
    expect(lto.object.headerCount).toBe(364);
    expect(describeSection(lto, 360)).toEqual([
      '.rela.eh_frame',
      SHT_RELA,
      0x12428,
      0x948,
      24,
      0x40,
      361,
      359,
      8,
    ]);
    expect(lto.object.symbols).toMatchObject({ count: 326, firstGlobal: 320 });
    expect(symbolName(lto.object, 320)).toBe('_start');
    expect(symbolName(lto.object, 321)).toBe('memcpy');
  });

  it('reads what the builder wrote', () => {
    const small = parse(smallObject());
    expect(describeSection(small, 1).slice(0, 2)).toEqual(['.text', SHT_PROGBITS]);
    expect(describeSection(small, 3)).toEqual([
      '.bss',
      SHT_NOBITS,
      expect.any(Number),
      64,
      0,
      DATA,
      0,
      0,
      32,
    ]);
    expect(small.object.symbols).toMatchObject({ count: 7, firstGlobal: 2 });
    expect(symbolSection(small.object, 4)).toBe(SHN_ABS);
    expect(symbolSection(small.object, 5)).toBe(SHN_COMMON);
  });

  it('adds the rows of several objects one after the other', () => {
    const sections = new SectionTable();
    const first = parseObject(smallObject(), sections, 0);
    const second = parseObject(fixture('rust-alloc/lto.o'), sections, 1);
    const third = parseObject(smallObject(), sections, 2);
    const rustRows = second.sectionCount;
    expect(rustRows).toBeGreaterThan(100);
    expect([first.firstNumber, second.firstNumber, third.firstNumber]).toEqual([0, 7, 371]);
    expect([first.firstSection, second.firstSection, third.firstSection]).toEqual([0, 3, 3 + rustRows]);
    expect([sections.count, sections.numbers]).toEqual([6 + rustRows, 378]);
    expect([...sections.rowOf.subarray(371, 378)]).toEqual(
      [-1, 0, 1, 2, -1, -1, -1].map((n) => (n < 0 ? n : n + 3 + rustRows)),
    );
    expect([2, 3, 2 + rustRows, 3 + rustRows].map((id) => sections.object[id])).toEqual([0, 1, 1, 2]);
    expect([3, 4, 5].map((n) => sections.number[n + rustRows])).toEqual([1, 2, 3]);
    expect([3, 4, 5].map((n) => sections.size[n + rustRows])).toEqual([16, 8, 64]);
  });

  it('forgets an object that is malformed', () => {
    const program = new Program([]);
    const state = () => [
      program.objects.length,
      program.sections.count,
      program.sections.numbers,
      program.locals.count,
    ];
    const before = state();
    const malformed = [withHeader(4, 44, 8), withHeader(3, 48, 3), withHeader(3, 32, 2 ** 47)];
    for (const bytes of malformed) {
      expect(() => program.addObject('bad.o', sourceOf(bytes), 1)).toThrow(FormatError);
      expect(state()).toEqual(before);
    }
    const good = program.addObject('good.o', sourceOf(smallObject()), 1);
    expect(good.firstSection).toBe(before[1]);
    const [text, data, memory] = [1, 2, 3].map((n) => program.rowOf(good, n));
    expect([text, data, memory].map((id) => program.sectionName(id!))).toEqual(['.text', '.data', '.bss']);
    expect([text, data, memory].map((id) => program.sections.size[id!])).toEqual([16, 8, 64]);
  });

  it('takes none of the numbers of an earlier object over', () => {
    const sections = new SectionTable();
    const bytes = smallObject();
    parseObject(bytes, sections, 0);
    for (const id of [0, 1, 2]) {
      sections.superseded[id] = 1;
      sections.firstRelocation[id] = 5;
      sections.relocationCount[id] = 6;
      sections.traits[id] = 255;
    }
    sections.truncate(0, 0);
    parseObject(bytes, sections, 0);
    const columns = [
      sections.superseded,
      sections.firstRelocation,
      sections.relocationCount,
      sections.traits,
    ];
    for (const column of columns) expect([...column.subarray(0, 3)]).toEqual([0, 0, 0]);
  });

  it('reads COMDAT groups with their signatures and leaves other groups alone', () => {
    const texts = ['.text.a', '.text.b', '.text.c'].map((name) => section(name, CODE, 4));
    const symbols = [
      { name: '', section: '.text.b', binding: STB_LOCAL, type: 3 },
      { name: 'inline_function', section: '.text.a' },
    ];
    const plain = { ...group(7, 2, [3]), bytes: table(4, [0, 3]) };
    const bytes = buildObject([...texts, group(7, 2, [1]), group(7, 1, [2, 3]), plain], symbols);
    const { program, object, groups } = readWhole(bytes);
    // The same without what is known of the tables until relocations are read.
    expect(object.tables).toBeUndefined();
    expect(tablesOf(object)).toEqual(parse(bytes).object.tables);
    expect(groups).toEqual([
      { signature: 'inline_function', members: [program.rowOf(object, 1)] },
      { signature: '.text.b', members: [program.rowOf(object, 2), program.rowOf(object, 3)] },
    ]);
  });

  it('reads groups that relocations belong to, as compilers write them', () => {
    const relocations = [{ offset: 0, type: 1, symbol: 'other' }];
    const texts = [section('.text.a', CODE, 8, { relocations }), section('.text.b', CODE, 8)];
    // Numbers: 1 and 2 the texts, 3 the group, 4 symbols, 5 strings, 6 relocations.
    const bytes = buildObject([...texts, group(4, 1, [6, 1])], [{ name: 'f', section: '.text.a' }]);
    const { program, object, groups } = readWhole(bytes);
    expect(groups).toEqual([{ signature: 'f', members: [NO_ROW, program.rowOf(object, 1)] }]);
  });

  it('does without section names', () => {
    const bytes = changed(smallObject(), (copy) => writeU16(copy, 62, 0));
    expect(describeSection(parse(bytes), 1)[0]).toBe('');
    const result = linkFiles({ 'in.o': bytes });
    expect(result.map().sections.map(({ name }) => name)).toEqual(['', '']);
  });

  it('does without section headers', () => {
    const bytes = changed(smallObject(), (copy) => writeU64(copy, 40, 0));
    expect(parse(bytes).object).toMatchObject({ sectionCount: 0, symbols: { count: 0 } });
    expect(errorsOf(() => linkFiles({ 'in.o': bytes })).map(({ code }) => code)).toEqual(['no-entry']);
    const main = buildObject([section('.text', CODE, 1)], [{ name: '_start', section: '.text' }]);
    expect(linkFiles({ 'in.o': bytes, 'main.o': main }).bytes.length).toBe(113);
  });

  it('does without a symbol table: relocations name symbol 0, the value 0', () => {
    const rela = relocationSection(SHT_RELA, 0, 1, [
      { offset: 0, type: 1, symbol: 0, addend: 0x1122334455667788n },
    ]);
    const bytes = changed(buildObject([section('.text', CODE, 8), rela], []), (copy) =>
      writeU32(copy, sectionHeader(copy, 3) + 4, SHT_PROGBITS),
    );
    expect(parse(bytes).object.symbols.count).toBe(0);
    const result = linkFiles({ 'in.o': bytes }, { entry: '0x400070', gcSections: false });
    expect(readBig(contents(result, '.text'), 0, 8)).toBe(0x1122334455667788n);
  });

  describe('with more sections than 16 bits can number', () => {
    const COUNT = 66_000;
    const SHNDX = 65_700;
    const sections: SectionSpec[] = [
      section('.text', CODE, 16, {
        relocations: [
          { offset: 0, type: 1, symbol: 'far' },
          { offset: 8, type: 1, symbol: 'far_local', addend: 1 },
        ],
      }),
    ];
    while (sections.length < COUNT) sections.push(section(`.rodata.${sections.length + 1}`, RODATA, 4));
    const symbols = [
      { name: 'far_local', binding: STB_LOCAL, section: 0 },
      { name: '_start', section: '.text' },
      { name: 'far', section: 0, value: 2 },
      { name: 'absolute', section: SHN_ABS, value: 5 },
    ];
    sections[SHNDX - 1] = {
      name: '.symtab_shndx',
      flags: 0,
      type: SHT_SYMTAB_SHNDX,
      bytes: new Uint8Array((symbols.length + 2) * 4),
      link: COUNT + 1,
      entsize: 4,
    };
    const places = [0, 0xff01, 1, 0xfff1];
    const counts = { count: COUNT + 4, symtab: COUNT + 1, shndx: SHNDX, places };
    const bytes = escapeSectionNumbers(buildObject(sections, symbols), counts);

    it('finds sections and symbols', () => {
      const far = parse(bytes);
      // Without row: null, the table of section numbers, symbols, strings, relocations.
      expect(far.object).toMatchObject({ headerCount: COUNT + 4, sectionCount: COUNT - 1 });
      expect(rowOf(far, SHNDX)).toBe(NO_ROW);
      expect(far.object.symbols.shndxOffset).toBeGreaterThan(0);
      expect([1, 2, 3, 4].map((index) => symbolSection(far.object, index))).toEqual([
        0xff01,
        1,
        0xfff1,
        SHN_ABS,
      ]);
      expect(describeSection(far, COUNT + 2)[0]).toBe('.strtab');
      expect(describeSection(far, COUNT)[0]).toBe(`.rodata.${COUNT}`);
    });

    it('links them', () => {
      const result = linkFiles({ 'big.o': bytes });
      // 0xfff1 is the number of SHN_ABS, but not when SHT_SYMTAB_SHNDX says it.
      const near = placed(result, `.rodata.${0xff01}`);
      const far = placed(result, `.rodata.${0xfff1}`);
      expect(result.map().sections).toHaveLength(3);
      const text = contents(result, '.text');
      expect(readBig(text, 0, 8)).toBe(BigInt(far.address + 2));
      expect(readBig(text, 8, 8)).toBe(BigInt(near.address + 1));
    });

    it('refuses SHN_XINDEX without a table, or past it', () => {
      const tableless = withHeader(SHNDX, 4, SHT_PROGBITS, bytes);
      expect(() => symbolSection(parse(tableless).object, 3)).toThrow('SHN_XINDEX without');
      const short = withHeader(SHNDX, 32, 20, bytes);
      expect(messageOf(short)).toBe('SHT_SYMTAB_SHNDX has fewer entries than the symbol table');
      const { object } = parse(
        changed(bytes, (copy) => writeU32(copy, parse(copy).object.symbols.shndxOffset + 12, 99_999)),
      );
      expect(() => symbolSection(object, 3)).toThrow(`lies in section 99999; the file has ${COUNT + 4}`);
    });
  });
});

describe('a malformed object', () => {
  // Sections of smallObject: 1 .text, 2 .data, 3 .bss, 4 .symtab, 5 .strtab, 6 .rela.text.
  const grouped = groupedObject([section('.text', CODE, 4)], [{ name: '_start', section: '.text' }]);

  it.each<[string, Uint8Array, string]>([
    ['class', changed(smallObject(), (copy) => copy.set([7], 4)), 'EI_CLASS is 7; expected 2 (ELFCLASS64)'],
    ['32 bits', changed(smallObject(), (copy) => copy.set([1], 4)), 'a 32-bit object; expected ELFCLASS64'],
    [
      'byte order',
      changed(smallObject(), (copy) => copy.set([2], 5)),
      'EI_DATA is 2; expected 1 (little-endian)',
    ],
    ['version', changed(smallObject(), (copy) => copy.set([0], 6)), 'EI_VERSION is 0; expected 1'],
    ['e_type', changed(smallObject(), (copy) => writeU16(copy, 16, 2)), 'e_type is 2; expected 1 (ET_REL)'],
    [
      'e_machine',
      changed(smallObject(), (copy) => writeU16(copy, 18, 183)),
      'e_machine is 183; expected 62 (EM_X86_64)',
    ],
    [
      'e_shentsize',
      changed(smallObject(), (copy) => writeU16(copy, 58, 40)),
      'e_shentsize is 40; expected 64',
    ],
    ['e_shoff', changed(smallObject(), (copy) => writeU64(copy, 40, 2 ** 60)), 'past the end of the file'],
    ['e_shnum', changed(smallObject(), (copy) => writeU16(copy, 60, 99)), 'section header table ends at'],
    [
      'e_shstrndx',
      changed(smallObject(), (copy) => writeU16(copy, 62, 7)),
      'e_shstrndx is 7; the file has 7 sections',
    ],
    ['e_shstrndx of no strings', changed(smallObject(), (copy) => writeU16(copy, 62, 1)), 'is no SHT_STRTAB'],
    ['a name past the table', withHeader(1, 0, 0xffff), 'the name of section 1 lies outside'],
    ['a section past the end', withHeader(2, 24, 0xfffff8), 'section 2 (.data) ends at offset 0x1000000'],
    ['a size of 2^63', withHeader(2, 32, 2 ** 63), 'section 2 (.data) ends at offset'],
    ['a .bss of 2^47', withHeader(3, 32, 2 ** 47), 'section 3 (.bss) is larger than the address space'],
    [
      'alignment 3',
      withHeader(2, 48, 3),
      'sh_addralign of section 2 (.data) is 0x3; expected a power of two up to 2^30',
    ],
    ['alignment 2^31', withHeader(2, 48, 2 ** 31), 'sh_addralign of section 2 (.data) is 0x80000000'],
    [
      'symbols of 16 bytes',
      withHeader(4, 56, 16),
      'the symbol table, section 4 (.symtab), does not hold 24-byte entries',
    ],
    [
      'half a symbol',
      withHeader(4, 32, 36),
      'the symbol table, section 4 (.symtab), does not hold 24-byte entries',
    ],
    [
      'no symbol names',
      withHeader(4, 40, 1),
      'sh_link of section 4 (.symtab) is 1; expected the symbol string table',
    ],
    [
      'symbol names nowhere',
      withHeader(4, 40, 2 ** 31),
      'sh_link of section 4 (.symtab) is 2147483648; expected',
    ],
    ['too many local symbols', withHeader(4, 44, 8), 'says 8 local symbols; it has 7 entries'],
    [
      'relocations of nothing',
      withHeader(6, 44, 0),
      'relocation section 6 (.rela.text) applies to section 0',
    ],
    ['relocations of no section', withHeader(6, 44, 7), 'applies to section 7; the file has 7 sections'],
    ['relocations of themselves', withHeader(6, 44, 6), 'relocation section 6 (.rela.text) applies to'],
    [
      'half a relocation',
      withHeader(6, 32, 12),
      'relocation section 6 (.rela.text) does not hold 24-byte entries',
    ],
    ['half a REL', withHeader(6, 4, SHT_REL, withHeader(6, 32, 8)), 'does not hold 16-byte entries'],
    [
      'a group of 6 bytes',
      withHeader(2, 32, 6, grouped),
      'group section 2 (.group) has 6 bytes; expected a multiple of 4',
    ],
    ['an empty group', withHeader(2, 32, 0, grouped), 'group section 2 (.group) has 0 bytes'],
    [
      'a group of nothing',
      changed(grouped, (copy) => writeU32(copy, readU64(copy, sectionHeader(copy, 2) + 24) + 4, 5)),
      'group section 2 (.group) names section 5, which does not exist',
    ],
    ['a group without a name', withHeader(2, 44, 9, grouped), 'symbol number 9 is out of range'],
  ])('is refused: %s', (_name, bytes, message) => {
    expect(messageOf(bytes)).toContain(message);
    // In a link the message goes with the file's name and place.
    const [first, ...rest] = errorsOf(() => linkFiles({ 'in.o': bytes }));
    if (bytes[16] === 2) return;
    expect(first).toMatchObject({ code: 'malformed-input', message: `in.o: ${messageOf(bytes)}` });
    expect(first!.where[0]).toMatch(/^at offset 0x[0-9a-f]+ of in\.o$/);
    expect(rest.map(({ code }) => code).filter((code) => code !== 'no-entry')).toEqual([]);
  });

  it.each<[string, (copy: Uint8Array) => void, string]>([
    [
      'a name',
      (copy) => writeU32(copy, symbolEntry(copy, 'datum'), 0xfffff),
      'lies outside the string table',
    ],
    [
      'a section',
      (copy) => writeU16(copy, symbolEntry(copy, 'datum') + 6, 44),
      'lies in section 44; the file has 7',
    ],
    [
      'a reserved section',
      (copy) => writeU16(copy, symbolEntry(copy, 'datum') + 6, 0xff20),
      'reserved section number 0xff20',
    ],
    [
      'a binding',
      (copy) => copy.set([0x51], symbolEntry(copy, 'datum') + 4),
      'has binding 5 among the global',
    ],
  ])('is refused for %s of a symbol', (_name, change, message) => {
    const errors = errorsOf(() => linkFiles({ 'in.o': changed(smallObject(), change) }));
    expect(errors[0]!.message).toMatch(/^in\.o: symbol number|^in\.o: st_name/);
    expect(errors[0]!.message).toContain(message);
  });

  it('does not disturb the objects after it', () => {
    const bad = withHeader(4, 44, 8);
    const good = fixture('exit42/main.o');
    const errors = errorsOf(() => linkFiles({ 'bad.o': bad, 'good.o': good }, { gcSections: false }));
    expect(errors.map(({ message }) => message)).toEqual([
      'bad.o: sh_info of the symbol table says 8 local symbols; it has 7 entries',
    ]);
  });

  it('has a relocation outside its section', () => {
    const bytes = changed(smallObject(), (copy) =>
      writeU64(copy, readU64(copy, sectionHeader(copy, 6) + 24), 9),
    );
    const errors = errorsOf(() => linkFiles({ 'in.o': bytes }));
    expect(errors.map(({ message }) => message)).toEqual([
      'in.o: a relocation of section 1 (.text) covers bytes 0x9 to 0x11; the section ends at 0x10',
    ]);
  });

  describe('in a relocation', () => {
    const START = { name: '_start', section: '.text' };
    /** An object with a section that nothing needs, whose relocation does not lie within it. */
    const withBad = (flags: number, grouped = false) => {
      const bad = section('.bad', flags, 8, { relocations: [{ offset: 1, type: 1, symbol: 'f' }] });
      const members = grouped ? [group(4, 1, [2])] : [];
      const names = [{ name: 'f', section: '.bad', binding: STB_WEAK }, START];
      // With a group, its number is 3; then come symbols and strings, and of relocations the only ones.
      return buildObject([section('.text', CODE, 4), bad, ...members], names);
    };
    const BAD = 'a relocation of section 2 (.bad) covers bytes 0x1 to 0x9; the section ends at 0x8';
    const messages = (files: Record<string, Uint8Array>, options = {}) =>
      errorsOf(() => linkFiles(files, options)).map(({ message }) => message);

    it('is refused in a section that is not part of the program', () => {
      expect(messages({ 'in.o': withBad(CODE) })).toEqual([`in.o: ${BAD}`]);
      expect(messages({ 'in.o': withBad(DATA) })).toEqual([`in.o: ${BAD}`]);
    });

    it('is nobody’s business in a section that is not loaded', () => {
      expect(liveNames(linkFiles({ 'in.o': withBad(0) }))).toEqual(['.text']);
    });

    it('is nobody’s business in a section that an earlier object supplies', () => {
      const good = groupedObject([section('.fine', CODE, 4)], [{ name: 'f', section: '.fine' }]);
      const main = buildObject([section('.text', CODE, 4)], [START]);
      const bad = changed(withBad(CODE, true), (copy) => writeU32(copy, symbolEntry(copy, '_start'), 0));
      expect(messages({ 'main.o': main, 'bad.o': bad, 'good.o': good })).toEqual([`bad.o: ${BAD}`]);
      expect(liveNames(linkFiles({ 'main.o': main, 'good.o': good, 'bad.o': bad }))).toEqual(['.text']);
    });

    it('is refused in an archive member only if that is taken', () => {
      const main = buildObject([section('.text', CODE, 4)], [START]);
      const bad = changed(withBad(CODE), (copy) => writeU32(copy, symbolEntry(copy, '_start'), 0));
      const lib = gnuArchive([{ name: 'bad.o', bytes: bad, symbols: ['f'] }]);
      expect(liveNames(linkFiles({ 'main.o': main, 'lib.a': lib }))).toEqual(['.text']);
      const asked = { undefinedSymbols: ['f'] };
      expect(messages({ 'main.o': main, 'lib.a': lib }, asked)).toEqual([`lib.a(bad.o): ${BAD}`]);
    });
  });

  describe('in the section of a local symbol', () => {
    /** `smallObject` with a relocation of .text against the local symbol, which gets this st_shndx. */
    const withLocal = (shndx: number, isReferred: boolean) =>
      changed(smallObject(), (copy) => {
        writeU16(copy, symbolEntry(copy, 'inside') + 6, shndx);
        if (isReferred) writeU32(copy, readU64(copy, sectionHeader(copy, 6) + 24) + 12, 1);
      });

    it.each([
      ['a table', 4, 'symbol number 1, which a relocation names, lies in section 4 (.symtab), a table'],
      ['no section', 44, 'symbol number 1 lies in section 44; the file has 7 sections'],
      ['a section in a missing table', 0xffff, 'SHN_XINDEX without an SHT_SYMTAB_SHNDX section'],
    ])('is refused if a relocation names it: %s', (_name, shndx, message) => {
      expect(linkFiles({ 'in.o': withLocal(shndx, false) }).diagnostics).toEqual([]);
      const [first, ...rest] = errorsOf(() => linkFiles({ 'in.o': withLocal(shndx, true) }));
      expect(first).toMatchObject({ code: 'malformed-input', message: `in.o: ${message}` });
      expect(rest).toEqual([]);
    });

    it.each([
      ['no section', 0],
      ['the absolute one', SHN_ABS],
      ['a reserved one', 0xff20],
    ])('is an address by itself: %s', (_name, shndx) => {
      const text = contents(linkFiles({ 'in.o': withLocal(shndx, true) }), '.text');
      expect(readBig(text, 8, 8)).toBe(BigInt.asUintN(64, -4n));
    });
  });

  it('is described by its number for the symbol of a section that has no name to show', () => {
    const relocations = [{ offset: 0, type: 14, symbol: 'odd', addend: 1000 }];
    const symbols = [
      { name: 'odd', binding: STB_LOCAL, type: 3 },
      { name: '_start', section: '.text' },
    ];
    const bytes = buildObject([section('.text', CODE, 8, { relocations })], symbols);
    const [first] = errorsOf(() => linkFiles({ 'in.o': bytes }));
    expect(first).toMatchObject({ code: 'out-of-range' });
    expect(first!.where).toEqual(['referenced by in.o:(.text+0x0)', 'the reference is to symbol number 1']);
  });

  it.each([
    ['.text', 1, true],
    ['nowhere', 0, false],
    ['a table', 2, false],
    ['no section', 44, false],
  ])('keeps a local symbol out of the output unless it lies in the program: %s', (_name, shndx, isListed) => {
    const symbols = [
      { name: 'odd', binding: STB_LOCAL, section: '.text' },
      { name: '_start', section: '.text' },
    ];
    const bytes = buildObject([section('.text', CODE, 8)], symbols);
    writeU16(bytes, symbolEntry(bytes, 'odd') + 6, shndx);
    const result = linkFiles({ 'in.o': bytes }, { header: 'plain', tables: 'symbols' });
    expect(Buffer.from(result.bytes).includes('\0odd\0')).toBe(isListed);
    expect(placed(result, '.text').symbols.map(({ name }) => name)).toEqual(
      isListed ? ['_start', 'odd'] : ['_start'],
    );
  });

  it('is refused for a global symbol in a table', () => {
    const bytes = changed(smallObject(), (copy) => writeU16(copy, symbolEntry(copy, 'datum') + 6, 5));
    expect(errorsOf(() => linkFiles({ 'in.o': bytes }))[0]!.message).toBe(
      'in.o: symbol number 3 lies in section 5 (.strtab), a table',
    );
  });

  it('has alignments that would fill gigabytes of file', () => {
    const sections = [1, 2, 3, 4, 5].map((n) => section(`.text.${n}`, CODE, 1, { addralign: 2 ** 30 }));
    const bytes = buildObject(sections, [{ name: '_start', section: '.text.1' }]);
    const errors = errorsOf(() => linkFiles({ 'in.o': bytes }, { gcSections: false }));
    expect(errors.map(({ code }) => code)).toEqual(['too-large']);
  });
});
