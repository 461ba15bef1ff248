/** Small files that stand for a lot: of memory, of time, or of calls within calls. */
import { deflateSync } from 'node:zlib';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { readU64, writeU16, writeU32, writeU64 } from '../../src/elf/bytes.ts';
import { SHN_COMMON, SHT_RELA, STB_LOCAL, SYM_SIZE } from '../../src/elf/constants.ts';
import {
  bss,
  CODE,
  concat,
  DATA,
  entry,
  entryHeader,
  functionObject,
  gnuArchive,
  latin1,
  RODATA,
  relocationSection,
  section,
  sectionHeader,
  setSymbolValue,
  symbolEntry,
  table,
} from '../elf/make.ts';

/** A link of such files, as a command line asks for it. */
export interface Bomb {
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Words behind `tinyelf link`. */
  readonly words: readonly string[];
}

const START: SymbolSpec = { name: '_start', section: '.text' };
const TEXT = section('.text', CODE, 8);
const COMPRESSED = 0x800;

/** All of them. */
export function bombs(): Bomb[] {
  const main = functionObject('_start', ['first']);
  return [
    object(
      'an sh_addralign of 2^30',
      buildObject([TEXT, section('.data', DATA, 8, { addralign: 2 ** 30 })], [START]),
    ),
    object(
      'an sh_addralign of 2^30 in debug information',
      buildObject([TEXT, section('.debug_x', 0, 8, { addralign: 2 ** 30 })], [START]),
      '--debug',
    ),
    object('a .bss of 2^46', buildObject([TEXT, bss('.bss', 2 ** 46)], [START])),
    object('a .bss of 2^63', withSection(buildObject([TEXT, bss('.bss', 8)], [START]), 2, 32, 2 ** 63)),
    object(
      'a hundred .bss of 2^46',
      buildObject([TEXT, ...times(100, (i) => bss(`.bss.${i}`, 2 ** 46))], [START]),
    ),
    object('a common symbol of 2^46', commonObject(2 ** 46)),
    object('a common symbol of 2^63', commonObject(2 ** 63)),
    object('an sh_entsize of 2^63', withSection(buildObject([TEXT], [START]), 2, 56, 2 ** 63)),
    object('an e_shnum of 2^32', manySections()),
    object('a symbol at 2^63', setSymbolValue(buildObject([TEXT], [START]), '_start', 2n ** 63n)),
    object('sections that all hold the whole file', overlapping(2000, 250_000)),
    object('debug sections that all hold the whole file', overlapping(2000, 250_000, '.debug_x'), '--debug'),
    object('symbols that share a long name', sharedNames(15_000, 400_000, false), '--print-map'),
    object('local symbols that share a long name', sharedNames(15_000, 400_000, true), '--print-map'),
    object('sections that share a long name', sharedSectionNames(4000, 400_000), '--print-map'),
    object('relocation sections that take turns', alternatingRelocations(7000)),
    object('a debug section that becomes 1 GB', compressedBomb(1, 2 ** 30 - 2 ** 20), '--debug'),
    object('a debug section that claims to become little', compressedBomb(1, 900 * 2 ** 20, 100), '--debug'),
    object('forty debug sections of 20 MB', compressedBomb(40, 20 * 2 ** 20), '--debug'),
    object('a CIE with a long augmentation', longAugmentation(300_000, 8000)),
    object('functions that all call each other', callChain(4000)),
    object('empty strings', emptyStrings(600_000), '--print-map'),
    object('short strings', shortStrings(300_000), '--print-map'),
    archive('members that hold each other', nestedMembers(2000), main),
    archive('names that share bytes in __.SYMDEF', sharedIndex(40_000, 400_000), main),
    archive('a symbol table of 2^32 - 1 entries', hugeIndex(), main),
    {
      name: 'a thin archive that names itself',
      files: {
        'main.o': main,
        'self.a': gnuArchive([{ name: 'self.a', bytes: main, symbols: ['first'] }], { thin: true }),
      },
      words: ['main.o', 'self.a'],
    },
    ...scriptBombs(functionObject('_start')),
  ];
}

function object(name: string, bytes: Uint8Array, ...words: readonly string[]): Bomb {
  return { name, files: { 'in.o': bytes }, words: ['in.o', '--no-gc-sections', ...words] };
}

function archive(name: string, bytes: Uint8Array, main: Uint8Array): Bomb {
  return { name: `an archive: ${name}`, files: { 'main.o': main, 'in.a': bytes }, words: ['main.o', 'in.a'] };
}

function scriptBombs(main: Uint8Array): Bomb[] {
  const script = (name: string, text: string, more: Readonly<Record<string, string>> = {}) => {
    const others = Object.entries(more).map(([path, content]) => [path, latin1(content)]);
    const files = { 'main.o': main, 'in.ld': latin1(text), ...Object.fromEntries(others) };
    return { name: `a script: ${name}`, files, words: ['main.o', '-T', 'in.ld'] };
  };
  const doubling = times(200, (i) => `s${i} = s${i + 1} + s${i + 1};`).join('\n');
  return [
    script('that names itself', 'GROUP(in.ld)'),
    script('that another names', 'INPUT(b.ld)', { 'b.ld': 'INPUT(in.ld)' }),
    script('that names one 400,000 times', `INPUT(${'b.ld '.repeat(190_000)})`, { 'b.ld': 'INPUT(main.o)' }),
    script('that names a long one often', `INPUT(${'b.ld '.repeat(900)})`, {
      'b.ld': 'x = 1;\n'.repeat(130_000),
    }),
    script('that names an object often', `INPUT(${'e.o '.repeat(200_000)})`, {
      'e.o': text(buildObject([section('.data', DATA, 8)], [])),
    }),
    script('nested parentheses', `x = ${'('.repeat(400_000)}1${')'.repeat(400_000)};`),
    script('nested conditions', `x = ${'1 ? '.repeat(200_000)}1;`),
    script('many signs', `x = ${'-'.repeat(900_000)}1;`),
    script('a long sum', `x = 1${' + 1'.repeat(200_000)};`),
    script('symbols that double', `${doubling} s200 = 1;`),
    script('symbols that double backwards', `s200 = 1;\n${doubling.split('\n').reverse().join('\n')}`),
    script('symbols that name each other', 'a = b; b = a; SECTIONS { .text : { *(.text*) } }'),
    script('many external symbols', `EXTERN(${'a '.repeat(400_000)})`),
    script('a large shift', 'SECTIONS { . = 1 << 63; .text : { *(.text*) } }'),
    script('a gap of 2^46', 'SECTIONS { . = 0x400000; .text : { *(.text*) . += 1 << 46; BYTE(1) } }'),
    script('a gap of 2^32', 'SECTIONS { . = 0x400000; .text : { *(.text*) . += 1 << 32; BYTE(1) } }'),
    script('a gap of 63 MB', 'SECTIONS { . = 0x400000; .text : { *(.text*) . += 66000000; BYTE(1) } }'),
    script('alternatives', `SECTIONS { .text : { *(${'[!a]*[!b]*'.repeat(40_000)}) *(.text*) } }`),
    script(
      'many patterns',
      `SECTIONS { . = 0x400000; .text : { ${'*(.a*b*c .q) '.repeat(60_000)} *(.text*) } }`,
    ),
    {
      name: 'a script: many patterns for many sections',
      files: {
        'main.o': manyNames(5000),
        'in.ld': latin1(
          `SECTIONS { . = 0x400000; .text : { ${times(35_000, (i) => `*(.q${i}*)`).join(' ')} *(.text*) } }`,
        ),
      },
      words: ['main.o', '-T', 'in.ld', '--no-gc-sections'],
    },
    script(
      'many sections',
      `SECTIONS { . = 0x400000; ${times(40_000, (i) => `.s${i} : { *(.t${i}) }`).join('\n')} }`,
    ),
    script('many bytes', `SECTIONS { . = 0x400000; .text : { *(.text*) ${'BYTE(1) '.repeat(100_000)} } }`),
    script('ALIGN of 2^62', 'SECTIONS { .text ALIGN(1 << 62) : { *(.text*) } }'),
  ];
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** An object with another number in a field of a section header. */
function withSection(bytes: Uint8Array, number: number, field: number, value: number): Uint8Array {
  writeU64(bytes, sectionHeader(bytes, number) + field, value);
  return bytes;
}

function commonObject(size: number): Uint8Array {
  const bytes = buildObject([TEXT], [START, { name: 'common', section: SHN_COMMON, value: 8 }]);
  writeU64(bytes, symbolEntry(bytes, 'common') + 16, size);
  return bytes;
}

function manySections(): Uint8Array {
  const bytes = buildObject([TEXT], [START]);
  writeU16(bytes, 60, 0);
  return withSection(bytes, 0, 32, 2 ** 32);
}

/** Sections each of which has all bytes of the first one. */
function overlapping(count: number, size: number, name = '.data'): Uint8Array {
  const flags = name === '.data' ? DATA : 0;
  const sections = [
    TEXT,
    section(`${name}0`, flags, size),
    ...times(count, (i) => section(`${name}${i + 1}`, flags, 1)),
  ];
  const bytes = buildObject(sections, [START]);
  const offset = readU64(bytes, sectionHeader(bytes, 2) + 24);
  for (let i = 0; i < count; i++) {
    withSection(bytes, 3 + i, 24, offset);
    withSection(bytes, 3 + i, 32, size);
  }
  return bytes;
}

/** Symbols whose names begin one byte after the other. */
function sharedNames(count: number, length: number, isLocal: boolean): Uint8Array {
  const names = times(
    count,
    (i): SymbolSpec => ({ name: `n${i}`, section: '.text', ...(isLocal ? { binding: STB_LOCAL } : {}) }),
  );
  const bytes = buildObject(
    [TEXT, section('.names', RODATA, latin1(`${'x'.repeat(length)}\0`))],
    [...names, START],
  );
  const symtab = sectionHeader(bytes, 3);
  const strings = readU64(bytes, sectionHeader(bytes, 4) + 24);
  const offset = readU64(bytes, sectionHeader(bytes, 2) + 24) - strings;
  // The string table begins before the long name and ends with it, or lies there.
  const start = offset >= 0 ? strings : readU64(bytes, sectionHeader(bytes, 2) + 24);
  withSection(bytes, 4, 24, start);
  withSection(bytes, 4, 32, (offset >= 0 ? offset : 0) + length + 1);
  const symbols = readU64(bytes, symtab + 24);
  for (let i = 1; i <= count; i++) writeU32(bytes, symbols + i * SYM_SIZE, (offset >= 0 ? offset : 0) + i);
  return bytes;
}

/** Sections whose names begin one byte after the other. */
function sharedSectionNames(count: number, length: number): Uint8Array {
  const sections = [
    TEXT,
    ...times(count, (i) => section(`.s${i}`, RODATA, 1)),
    section('.z'.padEnd(length, 'x'), RODATA, 1),
  ];
  const bytes = buildObject(sections, [START]);
  const long = readName(bytes, count + 2);
  for (let i = 0; i < count; i++) writeU32(bytes, sectionHeader(bytes, 2 + i), long + i);
  return bytes;
}

function readName(bytes: Uint8Array, number: number): number {
  return Number(readU64(bytes, sectionHeader(bytes, number)) % 2 ** 32);
}

/** Relocation sections of one entry that apply to two sections in turn. */
function alternatingRelocations(count: number): Uint8Array {
  const sections = [TEXT, section('.data', DATA, 8)];
  const tables = times(count, (i) =>
    relocationSection(SHT_RELA, count + 3, 1 + (i % 2), [{ offset: 0, type: 1, symbol: 1 }]),
  );
  return buildObject([...sections, ...tables], [START]);
}

/** Compressed sections of zeros. @param claimed what their headers say, if not the truth */
function compressedBomb(count: number, size: number, claimed = size): Uint8Array {
  const content = concat(table(8, [1, claimed, 1]), deflateSync(new Uint8Array(size), { level: 9 }));
  const sections = times(count, (i): SectionSpec => section(`.debug_${i}`, COMPRESSED, content));
  return buildObject([TEXT, ...sections], [START]);
}

/** Unwind records that all belong to one CIE with a long augmentation. */
function longAugmentation(length: number, count: number): Uint8Array {
  const augmentation = latin1(`z${'S'.repeat(length - 1)}R`);
  const rest = concat(latin1('\0\x01\x78\x10\x01\x1b'), new Uint8Array(8));
  const size = (9 + augmentation.length + rest.length + 3) & ~3;
  const cie = new Uint8Array(size);
  cie.set(concat(table(4, [size - 4, 0]), Uint8Array.of(1), augmentation, rest));
  const fdes = times(count, (i) => table(4, [20, size + i * 24 + 4, 0, 8, 0, 0]));
  const frame = section('.eh_frame', RODATA, concat(cie, ...fdes), {
    addralign: 8,
    relocations: times(count, (i) => ({ offset: size + i * 24 + 8, type: 2, symbol: '_start' })),
  });
  return buildObject([TEXT, frame], [START, { name: '_Unwind_Find_FDE', section: '.text' }]);
}

/** Functions each of which refers to the next one. */
function callChain(count: number): Uint8Array {
  const names = times(count, (i) => (i === 0 ? '_start' : `f${i}`));
  const sections = names.map((name, i) =>
    section(`.text.${name}`, CODE, 8, {
      relocations: [{ offset: 0, type: 1, symbol: names[(i + 1) % count]! }],
    }),
  );
  return buildObject(
    sections,
    names.map((name) => ({ name, section: `.text.${name}` })),
  );
}

function emptyStrings(count: number): Uint8Array {
  return buildObject([TEXT, section('.rodata', RODATA | 0x30, count, { entsize: 1 })], [START]);
}

function manyNames(count: number): Uint8Array {
  return buildObject([TEXT, ...times(count, (i) => section(`.rodata.some.name.${i}`, RODATA, 1))], [START]);
}

function shortStrings(count: number): Uint8Array {
  const content = latin1(
    times(count, (i) => `${String.fromCharCode(33 + (i % 90), 33 + (Math.floor(i / 90) % 90))}\0`).join(''),
  );
  return buildObject(
    [
      TEXT,
      section('.rodata', RODATA | 0x30, content, { entsize: 1 }),
      section('.rodata.b', RODATA | 0x30, latin1('end\0'), { entsize: 1 }),
    ],
    [START],
  );
}

/** An archive whose index names members that begin within each other. */
function nestedMembers(count: number): Uint8Array {
  const inner = functionObject('first');
  const step = 60 + inner.length + (inner.length % 2);
  const end = 500_000;
  const symbols = times(count, (i) => `f${i}`);
  const names = latin1(symbols.map((name) => `${name}\0`).join(''));
  const indexSize = 4 * (count + 1) + names.length;
  const start = 8 + 60 + indexSize + (indexSize % 2);
  const used = Math.min(count, Math.floor(end / step));
  const numbers = new Uint8Array(4 * (count + 1));
  const view = new DataView(numbers.buffer);
  view.setUint32(0, count);
  for (let i = 0; i < count; i++) view.setUint32(4 + i * 4, start + (i % used) * step);
  const members = times(used, (i) =>
    concat(
      entryHeader('m/', (used - i) * step - 60),
      functionObject(`f${i}`, [`f${i + 1}`, 'first']),
    ).subarray(0, step),
  ).map((part) => {
    const padded = new Uint8Array(step);
    padded.set(part);
    return padded;
  });
  return concat(latin1('!<arch>\n'), entry('/', concat(numbers, names)), ...members);
}

/** A BSD symbol table whose names begin one byte after the other. */
function sharedIndex(count: number, length: number): Uint8Array {
  const strings = latin1(`${'x'.repeat(length)}\0`);
  const pairs = times(count, (i) => [i, 8]).flat();
  const content = concat(table(4, [count * 8, ...pairs, strings.length]), strings);
  return concat(latin1('!<arch>\n'), entry('__.SYMDEF', content), entry('m/', functionObject('first')));
}

function hugeIndex(): Uint8Array {
  return concat(
    latin1('!<arch>\n'),
    entry('/', latin1('\xff\xff\xff\xff')),
    entry('m/', functionObject('first')),
  );
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
