/** Well-formed objects, archives and links of which malformed ones are made. */
import { buildObject } from '../../src/elf/build.ts';
import { readU64, writeU16 } from '../../src/elf/bytes.ts';
import {
  SHN_ABS,
  SHN_COMMON,
  SHT_LLVM_ADDRSIG,
  SHT_NOTE,
  SHT_REL,
  SHT_SYMTAB_SHNDX,
  STB_LOCAL,
  STB_WEAK,
  SYM_SIZE,
} from '../../src/elf/constants.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import {
  bsdArchive,
  bss,
  CODE,
  DATA,
  escapeSectionNumbers,
  fixture,
  functionObject,
  gnuArchive,
  group,
  latin1,
  RODATA,
  relocationSection,
  section,
  sectionHeader,
  table,
} from '../elf/make.ts';

/** SHF_MERGE | SHF_STRINGS, and SHF_GNU_RETAIN. */
const STRINGS = 0x30;
const RETAIN = 0x200000;

/** Number of the symbol table in `rareObject`. */
const SYMTAB = 14;

/** What compilers rarely write: groups, SHT_REL, common symbols, retained sections, notes, old arrays. */
function rareObject(): Uint8Array {
  const sections = [
    section('.text', CODE, 40, {
      relocations: [
        { offset: 0, type: 1, symbol: 'datum' },
        { offset: 8, type: 9, symbol: 'common', addend: -4 },
        { offset: 16, type: 42, symbol: 'maybe', addend: -4 },
        { offset: 24, type: 10, symbol: 'inside' },
        { offset: 32, type: 11, symbol: 'text', addend: 3 },
      ],
    }),
    section('.data.rel.ro', DATA, 16, { addralign: 8 }),
    section('.text.inline', CODE, 8),
    group(SYMTAB, 3, [3]),
    section('.note', RODATA, 8, { type: SHT_NOTE }),
    section('.keep', RODATA | RETAIN, 5),
    bss('.bss', 100, 64),
    section('.rodata.str', RODATA | STRINGS, latin1('one\0two\0three\0ree\0'), { entsize: 1 }),
    section('.rodata.wide', RODATA | STRINGS, latin1('a\0\0\0b\0\0\0\0\0\0\0'), { entsize: 4, addralign: 4 }),
    section('.ctors.65530', DATA, 8, {
      addralign: 8,
      relocations: [{ offset: 0, type: 1, symbol: '_start' }],
    }),
    section('.gnu.linkonce.t.once', CODE, 4),
    section('.llvm_addrsig', 0, Uint8Array.of(3, 4), { type: SHT_LLVM_ADDRSIG, link: SYMTAB }),
    relocationSection(SHT_REL, SYMTAB, 2, [
      { offset: 0, type: 2, symbol: 3 },
      { offset: 4, type: 14, symbol: 5 },
      { offset: 8, type: 1, symbol: 4 },
    ]),
  ];
  return buildObject(sections, [
    { name: 'inside', section: '.bss', value: 8, binding: STB_LOCAL },
    { name: 'text', section: '.rodata.str', value: 8, binding: STB_LOCAL },
    { name: '_start', section: '.text' },
    { name: 'datum', section: '.data.rel.ro' },
    { name: 'small', section: SHN_ABS, value: 99 },
    { name: 'common', section: SHN_COMMON, value: 32, size: 40 },
    { name: 'maybe', binding: STB_WEAK },
  ]);
}

/** The escapes for more sections than 16 bits can count, in an object that has few. */
function extendedObject(): Uint8Array {
  const shndx = {
    name: '.symtab_shndx',
    flags: 0,
    type: SHT_SYMTAB_SHNDX,
    link: 4,
    entsize: 4,
    addralign: 4,
  };
  const places = [0, 2, 1, 0];
  const sections = [
    section('.text', CODE, 8),
    section('.data', DATA, 8),
    { ...shndx, bytes: table(4, places) },
  ];
  const bytes = buildObject(sections, [
    { name: 'inside', section: '.data', binding: STB_LOCAL },
    { name: '_start', section: '.text' },
  ]);
  const headers = { count: 6, symtab: 4, shndx: 3 };
  escapeSectionNumbers(bytes, { ...headers, places: [] });
  const symbols = readU64(bytes, sectionHeader(bytes, headers.symtab) + 24);
  for (const symbol of [1, 2]) writeU16(bytes, symbols + symbol * SYM_SIZE + 6, 0xffff);
  return bytes;
}

/** Objects whose fields are changed one by one. */
export const OBJECTS: ReadonlyMap<string, Uint8Array> = new Map([
  ['throw.o', fixture('malformed/seeds/throw.o')],
  ['parts.o', fixture('malformed/seeds/parts.o')],
  ['rare.o', rareObject()],
  ['extended.o', extendedObject()],
  ['pic.o', fixture('hello-rodata/pic.o')],
  ['tables.o', fixture('c-objects/pie/tables.o')],
]);

/** Archives, each with the object that needs something of it. */
export function archiveSeeds(): ReadonlyMap<string, Uint8Array> {
  const members = [
    { name: 'first.o', bytes: functionObject('first', ['second_function']), symbols: ['first'] },
    {
      name: 'a-name-that-is-long.o',
      bytes: functionObject('second_function', ['third']),
      symbols: ['second_function', 'another'],
    },
    { name: 'third.o', bytes: functionObject('third'), symbols: ['third'] },
  ];
  return new Map([
    ['gnu.a', gnuArchive(members)],
    ['wide.a', gnuArchive(members, { index: 8 })],
    ['bare.a', gnuArchive(members, { index: 0 })],
    ['bsd.a', bsdArchive(members)],
    ['thin.a', gnuArchive(members, { thin: true })],
    ['lib.rlib', gnuArchive([{ name: 'lib.rmeta', bytes: latin1('rust\0\0\0\x09metadata') }, ...members])],
    ['libutil.a', fixture('c-objects/static/libutil.a')],
  ]);
}

/** Files of the members of `thin.a`, and what needs `first`. */
export const BESIDE: Readonly<Record<string, Uint8Array>> = {
  'main.o': functionObject('_start', ['first', 'print_number']),
  'first.o': functionObject('first', ['second_function']),
  'a-name-that-is-long.o': functionObject('second_function', ['third']),
  'third.o': functionObject('third'),
};

/** What scripts of the seeds name. */
export const SCRIPTED: Readonly<Record<string, Uint8Array>> = {
  'parts.o': OBJECTS.get('parts.o')!,
  'main.o': functionObject('main'),
  'crt0.o': functionObject('crt0'),
  'crt1.o': functionObject('crt1'),
  'with blank.o': functionObject('blank'),
  'libfoo.a': fixture('c-objects/static/libutil.a'),
  'exact.a': fixture('c-objects/static/libutil.a'),
  '/usr/lib/libm-2.36.a': fixture('c-objects/static/libutil.a'),
};

/** A script that places what the seeds have. */
export const PLACING = latin1(`ENTRY(_start)
SECTIONS {
  . = 0x400000 + SIZEOF_HEADERS;
  .text : { *(.text .text.*) }
  .rodata : { *(.rodata .rodata.* list) }
  .eh_frame : { KEEP(*(.eh_frame)) *(.gcc_except_table*) }
  .tdata : { *(.tdata*) } .tbss : { *(.tbss*) }
  .data : { *(.data*) KEEP(*(.init_array .ctors*)) }
  .bss : { *(.bss*) *(COMMON) }
}
`);

/** Options under which every seed is linked: between them they take every pass through its ways. */
export const VARIANTS: readonly Partial<LinkOptions>[] = [
  {},
  { gcSections: false },
  { gcSections: false, shrink: 'all', icf: 'all', segments: 'split' },
  { gcSections: false, verbatim: true, ehFrameHdr: false },
  { gcSections: false, tables: 'debug', header: 'plain', icf: 'none' },
  { gcSections: false, segments: 'pages', header: 'classic', builtins: 'mem', positionIndependent: true },
  { gcSections: false, scripts: ['place.ld'] },
];

/** Whether a link of these options reads `place.ld`. */
export function needsScript({ scripts = DEFAULT_OPTIONS.scripts }: Partial<LinkOptions>): boolean {
  return scripts.length > 0;
}
