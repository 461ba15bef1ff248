/** Where a SECTIONS command puts things, and what the file looks like then. */
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { readU16, readU32, readU64 } from '../../src/elf/bytes.ts';
import { PF_R, PF_W, PF_X, SHF_TLS, SHT_NOBITS, SHT_NOTE, SHT_PROGBITS } from '../../src/elf/constants.ts';
import type { LinkOptions } from '../../src/options.ts';
import { bss, CODE, DATA, errorsOf, latin1, linkFiles, placed, RODATA, section } from '../elf/make.ts';

const START = { name: '_start', section: '.text' };
const TEXT = section('.text', CODE, Uint8Array.of(0xc3, 0xcc, 0xcc), { addralign: 4 });
const ALL: Partial<LinkOptions> = { gcSections: false, icf: 'none', scripts: ['x.ld'] };

/** Links one object with a script. */
function place(
  script: string,
  sections: readonly SectionSpec[] = [TEXT],
  options: Partial<LinkOptions> = {},
  symbols: readonly SymbolSpec[] = [START],
) {
  return placeAll(script, { 'in.o': buildObject(sections, symbols) }, options);
}

function placeAll(
  script: string,
  files: Readonly<Record<string, Uint8Array>>,
  options: Partial<LinkOptions> = {},
) {
  const inputs = Object.keys(files).map((path) => ({ kind: 'file', path }) as const);
  return linkFiles({ ...files, 'x.ld': latin1(script) }, { ...ALL, isBaseGiven: false, inputs, ...options });
}

type Result = ReturnType<typeof place>;

/** Sections with their addresses, in the order of these. */
function addresses(result: Result): string {
  const { sections } = result.map();
  return sections.map(({ name, address }) => `${name}@${address.toString(16)}`).join(' ');
}

/** The values of symbols that a script defines, through a section with their addresses. */
function values(script: string, names: readonly string[], more: readonly SectionSpec[] = []): string[] {
  const relocations = names.map((symbol, i) => ({ offset: 8 * i, type: 1, symbol }));
  const words = section('.words', RODATA, 8 * names.length, { relocations });
  const all = `${script.replace(/\}$/, '')} .words 0x7000000 : { *(.words) } }`;
  const result = place(all, [words, TEXT, ...more]);
  const { fileOffset } = placed(result, '.words');
  return names.map((_, i) => readU64(result.bytes, fileOffset! + 8 * i).toString(16));
}

function messages(...call: Parameters<typeof place>): string[] {
  return errorsOf(() => place(...call)).map(({ message, where }) => [message, ...where].join(' | '));
}

/** The PT_LOADs of a file: permissions, offset, address, sizes. */
function loads({ bytes }: Result): string[] {
  const at = readU64(bytes, 32);
  const count = readU16(bytes, 56);
  return Array.from({ length: count }, (_, i) => at + 56 * i).map((phdr) => {
    const flags = readU32(bytes, phdr + 4);
    const letters = [flags & PF_R ? 'r' : '-', flags & PF_W ? 'w' : '-', flags & PF_X ? 'x' : '-'].join('');
    const numbers = [8, 16, 32, 40].map((offset) => readU64(bytes, phdr + offset).toString(16));
    return [letters, ...numbers].join(' ');
  });
}

const byte = (name: string, flags: number, value: number, addralign = 1) =>
  section(name, flags, Uint8Array.of(value), { addralign });

describe('input sections', () => {
  const mixed = [
    TEXT,
    byte('.b.2', RODATA, 1, 4),
    byte('.b.1', RODATA, 2, 8),
    byte('.a', RODATA, 3, 2),
    byte('.b.10', RODATA, 4, 16),
  ];
  const order = (patterns: string) =>
    addresses(place(`SECTIONS { . = 0x400100; .all : SUBALIGN(1) { ${patterns} } }`, mixed))
      .split(' ')
      .map((each) => each.split('@')[0])
      .join(' ');

  it.each([
    ['*(.b.* .a) *(.text)', '.b.2 .b.1 .a .b.10 .text'],
    ['*(.a) *(.b.*) *(*)', '.a .b.2 .b.1 .b.10 .text'],
    ['*(.a SORT(.b.*)) *(*)', '.b.1 .b.10 .b.2 .a .text'],
    ['*(SORT_BY_NAME(.b.*) .a) *(*)', '.b.1 .b.10 .b.2 .a .text'],
    ['*(SORT_BY_ALIGNMENT(*))', '.b.10 .b.1 .text .b.2 .a'],
    ['*(SORT_BY_INIT_PRIORITY(.b.*)) *(*)', '.b.1 .b.2 .b.10 .text .a'],
    ['*(SORT_NONE(.b.*)) *(*)', '.b.2 .b.1 .b.10 .text .a'],
    ['other.o(*) *(.a) in.o', '.a .text .b.2 .b.1 .b.10'],
    ['*(EXCLUDE_FILE(*n.o) .b.1) *(*)', '.text .b.2 .b.1 .a .b.10'],
    ['*(.b.?) *(.b.??) *([!.]*) *(*)', '.b.2 .b.1 .b.10 .text .a'],
  ])('%s', (patterns, expected) => {
    expect(order(patterns)).toBe(expected);
  });

  it('are sorted by alignment, then by name, if asked to', () => {
    const sections = [TEXT, byte('.b', RODATA, 1, 4), byte('.a', RODATA, 1, 4), byte('.c', RODATA, 1, 8)];
    const script = 'SECTIONS { . = 0x400100; .x : { *(SORT_BY_ALIGNMENT(SORT_BY_NAME(*))) } }';
    expect(addresses(place(script, sections))).toBe('.c@400100 .a@400104 .b@400108 .text@40010c');
  });

  it('come in the order of files, or of their names', () => {
    const files = {
      'b.o': buildObject([byte('.x', RODATA, 1)], [{ name: 'b', section: '.x' }]),
      'a.o': buildObject([byte('.x', RODATA, 2), TEXT], [START]),
    };
    const first = (pattern: string) => {
      const result = placeAll(`SECTIONS { . = 0x400100; .all : { ${pattern} } }`, files);
      return result.map().sections.map(({ object }) => object);
    };
    expect(first('*(.x .text)')).toEqual(['b.o', 'a.o', 'a.o']);
    expect(first('SORT(*)(.x .text)')).toEqual(['a.o', 'a.o', 'b.o']);
    expect(first('a.o(.text .x) b.o')).toEqual(['a.o', 'a.o', 'b.o']);
    expect(first('EXCLUDE_FILE(b.o) *(.x) *(.x .text)')).toEqual(['a.o', 'b.o', 'a.o']);
  });

  it('include common symbols', () => {
    const common = { name: 'com', section: 0xfff2, value: 8, size: 4 };
    const script = 'SECTIONS { . = 0x400100; .text : { *(.text) } .c : { *(COMMON) } .bss : { *(.bss) } }';
    const result = place(script, [TEXT, bss('.bss', 1)], { undefinedSymbols: ['com'] }, [START, common]);
    expect(addresses(result)).toBe('.text@400100 COMMON@400108 .bss@40010c');
  });

  it('belong to the first pattern, and constraints skip output sections', () => {
    const script = `SECTIONS { . = 0x400100; .one : { *(.text) } .two : { *(.text) *(.d) }
      .w 0x500000 : ONLY_IF_RO { *(.d .e) } .r 0x600000 : ONLY_IF_RW { *(.d .e) }
      .ro 0x700000 : ONLY_IF_RO { *(.r) } }`;
    const sections = [TEXT, byte('.e', DATA, 1), byte('.r', RODATA, 1)];
    expect(addresses(place(script, sections))).toBe('.text@400100 .e@600000 .r@700000');
  });
});

describe('addresses', () => {
  it.each([
    ['.text : { *(.text) }', '.text@0'],
    ['. = 0x400001; .text : { *(.text) }', '.text@400004'],
    ['.text 0x400001 : { *(.text) }', '.text@400004'],
    ['.text 0x400001 : ALIGN(16) { *(.text) }', '.text@400010'],
    ['. = 0x400004; .text : ALIGN(0x40) { *(.text) }', '.text@400040'],
    ['. = 0x400000; .text : SUBALIGN(32) { . = 1; *(.text) }', '.text@400020'],
    ['. = 0x400004; .text : { . = 0x10; *(.text) }', '.text@400014'],
    ['. = 0x400000 + SIZEOF_HEADERS; .text : { *(.text) }', '.text@400070'],
    ['. = SEGMENT_START("text-segment", 0x600000); .text : { *(.text) }', '.text@600000'],
    ['. = ADDR(.late) + 0x100; .text : { *(.text) } .late 0x500000 : { BYTE(1) }', '.text@500100'],
  ])('%s', (statements, expected) => {
    expect(addresses(place(`SECTIONS { ${statements} }`))).toBe(expected);
  });

  it('of the command line win', () => {
    const sectionStarts = new Map([['.text', 0x700000]]);
    const script = 'SECTIONS { . = SEGMENT_START("text-segment", 0x1000); .text : { *(.text) } }';
    expect(addresses(place(script, [TEXT], { sectionStarts }))).toBe('.text@700000');
    expect(addresses(place(script, [TEXT], { base: 0x800000, isBaseGiven: true }))).toBe('.text@800000');
  });

  it('below those that Linux maps are warned of', () => {
    const { diagnostics } = place('SECTIONS { .text : { *(.text) } }');
    expect(diagnostics.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      'warning: section .text lies at 0x0, where Linux maps no program',
    ]);
  });

  it('of an empty section are not kept', () => {
    const script = 'SECTIONS { . = 0x400000; .e 0x123456 : ALIGN(64) { *(.none) } .text : { *(.text) } }';
    expect(addresses(place(script))).toBe('.text@400000');
  });
});

describe('symbols', () => {
  const script = `a = 5; SECTIONS {
    . = 0x400100;
    b = .;
    .text : { c = .; d = 3; *(.text) e = . - c; f = . & 7; . = ALIGN(16); g = .; h = ABSOLUTE(7) + 0; }
    i = SIZEOF(.text) + ADDR(.text); j = LOADADDR(.data); k = later; later = 0x99;
    .data : AT(0x900000) { *(.data) LONG(1) }
    l = DEFINED(b) + DEFINED(nosuch) * 2; a += 2; m = ALIGNOF(.text); n = MAX(a, 6); HIDDEN(o = 1);
    PROVIDE(p = q); PROVIDE(q = 8); PROVIDE_HIDDEN(_start = 1); PROVIDE(unused = missing);
  }`;

  it.each([
    ['a', '7'],
    ['b', '400100'],
    ['c', '400100'],
    ['d', '400103'],
    ['e', '400103'],
    ['f', '400103'],
    ['g', '400110'],
    ['h', '7'],
    ['i', '400110'],
    ['j', '900000'],
    ['k', '99'],
    ['l', '1'],
    ['m', '4'],
    ['n', '7'],
    ['o', '1'],
    ['p', '8'],
    ['_start', '400100'],
  ])('%s is %s', (name, value) => {
    expect(values(script, [name])).toEqual([value]);
  });

  it('bound sections of a name that C can write', () => {
    const text = 'SECTIONS { . = 0x400000; list : { BYTE(1) *(list) BYTE(2) } .text : { *(.text) } }';
    const list = section('list', RODATA, 4);
    expect(values(text, ['__start_list', '__stop_list', 'etext'], [list])).toEqual([
      '400000',
      '400006',
      '40000b',
    ]);
  });

  it('that need each other in a circle do not settle', () => {
    expect(messages('SECTIONS { . = 0x400000; x = y + 1; y = x + 1; .text : { *(.text) } }')).toEqual([
      'the addresses of the linker script do not settle | x.ld:1',
    ]);
  });
});

describe('bytes of the script', () => {
  const bytesOf = (content: string, sections: readonly SectionSpec[] = [TEXT], more = '') => {
    const script = `SECTIONS { . = 0x400800; .all : { ${content} } ${more} }`;
    return Buffer.from(place(script, sections).bytes.subarray(0x800)).toString('hex');
  };
  const a = byte('.a', RODATA, 0xaa, 4);
  const d = byte('.d', DATA, 0xdd, 4);

  it.each([
    [
      'data',
      'BYTE(1) SHORT(0x203) LONG(-1) QUAD(_start) *(.text)',
      [TEXT],
      '010302ffffffff10084000000000009090c3cccc'.slice(0, 30),
    ],
    ['numbers that refer to the location', '*(.a) LONG(. - 0x400000)', [a], 'aa01080000'],
    ['code gaps are nops', '*(.text) . = ALIGN(8); *(.a)', [TEXT, a], 'c3cccc9090909090aa'],
    ['gaps', '*(.a) . = 4; *(.d)', [a, d], 'aa000000dd'],
    ['a pattern', '*(.a) . = 8; *(.d) } = 0x112233', [a, d], 'aa11223311223311dd'],
    ['a value', '*(.a) . = 8; *(.d) } = 0x11 + 0', [a, d], 'aa00000011000000dd'],
    ['FILL', '*(.a) . = 4; FILL(0xff) *(.d) . = 8;', [a, d], 'aa000000ddffffff'],
    ['the end of writable data takes no bytes', '*(.d) . = 8;', [d], 'dd'],
    ['nor do zeros there', '*(.d) *(.z)', [d, bss('.z', 9)], 'dd'],
    ['zeros in front of bytes do', '*(.z) *(.d)', [d, bss('.z', 3)], '00000000dd'],
  ] as const)('%s', (_, content, sections, expected) => {
    const symbols = [{ name: '_start', section: sections[0]!.name }];
    const body = content.includes('}') ? content : `${content} }`;
    const result = place(`SECTIONS { . = 0x400800; .all : { ${body} }`, sections, {}, symbols);
    const hex = Buffer.from(result.bytes.subarray(0x800)).toString('hex');
    expect(hex.startsWith(expected) && (hex === expected || content.startsWith('BYTE'))).toBe(true);
  });

  it('may be all there is', () => {
    expect(bytesOf('*(.text)', [TEXT], '.more 0x400810 : { LONG(7) }')).toBe(
      'c3cccc000000000000000000000000000700000000'.slice(0, 40),
    );
  });
});

describe('segments', () => {
  const data = byte('.data', DATA, 1);

  it('of touching sections are one', () => {
    const script = 'SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .all : { *(*) } }';
    expect(loads(place(script))).toEqual(['r-x 0 400000 73 73']);
    expect(loads(place(script, [TEXT, data, bss('.bss', 0x2000)]))).toEqual(['rwx 0 400000 74 2074']);
  });

  it('are split where permissions differ, and pages too', () => {
    const script = (gap: string) =>
      `SECTIONS { . = 0x400100; .text : { *(.text) } ${gap} .data : { *(.data) } .bss : { *(.bss) } }`;
    expect(loads(place(script(''), [TEXT, data]))).toEqual(['rwx 0 400000 104 104']);
    expect(loads(place(script('. = ALIGN(0x1000) + 0x104;'), [TEXT, data, bss('.bss', 16)]))).toEqual([
      'r-x 0 400000 103 103',
      'rw- 104 401104 1 11',
    ]);
    expect(loads(place(script('. = 0x800000;'), [TEXT, data]))).toEqual([
      'r-x 0 400000 103 103',
      'rw- 1000 800000 1 1',
    ]);
  });

  it('leave gaps of pages out of the file', () => {
    const rodata = byte('.rodata', RODATA, 1);
    const script = (start: string) =>
      `SECTIONS { . = 0x400100; .text : { *(.text) } .rodata ${start} : { *(.rodata) } }`;
    expect(loads(place(script('0x400800'), [TEXT, rodata]))).toEqual(['r-x 0 400000 801 801']);
    expect(loads(place(script('0x410104'), [TEXT, rodata]))).toEqual([
      'r-x 0 400000 103 103',
      'r-- 104 410104 1 1',
    ]);
  });

  it('of zeros alone take no bytes', () => {
    const script = (start: string) =>
      `SECTIONS { . = 0x400100; .text : { *(.text) } .bss ${start} : { *(.bss) } }`;
    expect(loads(place(script('0x500000'), [TEXT, bss('.bss', 16)]))).toEqual([
      'r-x 0 400000 103 103',
      'rw- 0 500000 0 10',
    ]);
    expect(loads(place(script('0x500011'), [TEXT, bss('.bss', 16)]))).toEqual([
      'r-x 0 400000 103 103',
      'rw- 10 500010 1 11',
    ]);
  });

  it('have zeros in the file in front of other bytes', () => {
    const parts = (script: string, sections: readonly SectionSpec[]) =>
      place(script, sections)
        .map()
        .sections.map(({ name, part, fileOffset }) => `${name}: ${part} at ${fileOffset?.toString(16)}`);
    const script = `SECTIONS { . = 0x400100; .text : { *(.text) }
      .bss 0x800000 : { *(.bss) } .data : { *(.data) } .more : { *(.more) } }`;
    expect(parts(script, [TEXT, bss('.bss', 16), data, bss('.more', 4)])).toEqual([
      '.text: text at 100',
      '.bss: data at 1000',
      '.data: data at 1010',
      '.more: bss at undefined',
    ]);
  });

  it('are in the order of addresses, whatever that of the script', () => {
    const script =
      'SECTIONS { .text 0x800000 : { *(.text) } .data 0x600000 : { *(.data) } .b 0x700000 : { *(.b) } }';
    const result = place(script, [TEXT, data, byte('.b', RODATA, 1)]);
    expect(addresses(result)).toBe('.data@600000 .b@700000 .text@800000');
  });

  it('map the headers in front of the first section, on a page of their own if need be', () => {
    const script = (start: string) => `SECTIONS { .text ${start} : { *(.text) } }`;
    expect(loads(place(script('0x400070')))).toEqual(['r-x 0 400000 73 73']);
    expect(loads(place(script('0x400000')))).toEqual(['r-x 0 3ff000 1003 1003']);
    expect(loads(place(script('0x10000')))).toEqual(['r-x 1000 10000 3 3']);
  });

  it('make room for more program headers', () => {
    const tls = section('.tdata', DATA | SHF_TLS, 4, { addralign: 4 });
    const script = 'SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .text : { *(.text) } .tdata : { *(.tdata) } }';
    const result = place(script, [TEXT, tls]);
    expect(addresses(result)).toBe('.text@4000b0 .tdata@4000b4');
    expect(loads(result)).toEqual(['r-x 0 400000 b8 b8', 'r-- b4 4000b4 4 4']);
  });

  it('let thread-local zeros take no room', () => {
    const tls = section('.tdata', DATA | SHF_TLS, 4, { addralign: 4 });
    const zeros = { ...bss('.tbss', 64), flags: DATA | SHF_TLS };
    const script = `SECTIONS { . = 0x400200; .text : { *(.text) } .tdata : { *(.tdata) } .tbss : { *(.tbss) } .data : { *(.data) } }`;
    const result = place(script, [TEXT, tls, zeros, data]);
    expect(addresses(result)).toBe('.text@400200 .tdata@400204 .data@400208');
    expect(loads(result)[1]).toBe('r-- 204 400204 4 44');
  });

  it('make reserved room writable', () => {
    const script = 'SECTIONS { . = 0x400100; .text : { *(.text) } .stack 0x500000 : { . = . + 0x1000; } }';
    expect(loads(place(script))[1]).toBe('rw- 0 500000 0 1000');
  });
});

describe('what is kept', () => {
  const keep = (script: string, sections: readonly SectionSpec[]) =>
    place(script, [TEXT, ...sections], { gcSections: true })
      .map()
      .sections.map(({ name, keptBy }) => `${name}: ${keptBy}`);

  it('is what KEEP names and expressions refer to', () => {
    const script = `SECTIONS { . = 0x400100; .text : { *(.text) KEEP(*(.kept)) *(.lost) *(.used) } x = u; }`;
    const sections = [byte('.kept', RODATA, 1), byte('.lost', RODATA, 1), byte('.used', RODATA, 1)];
    const result = place(script, [TEXT, ...sections], { gcSections: true }, [
      START,
      { name: 'u', section: '.used' },
    ]);
    expect(addresses(result)).toBe('.text@400100 .kept@400103 .used@400104');
    expect(placed(result, '.kept').keptBy).toBe('the linker script');
  });

  it('is a note that has a place', () => {
    const note = section('.note.x', RODATA, 4, { type: SHT_NOTE });
    expect(keep('SECTIONS { . = 0x400100; .t : { *(.text) } .n : { *(.note.*) } }', [note])).toEqual([
      '.text: the entry',
      '.note.x: the linker script',
    ]);
    expect(keep('SECTIONS { . = 0x400100; .t : { *(.text) } }', [note])).toEqual(['.text: the entry']);
  });

  it('is not what /DISCARD/ names', () => {
    const script = 'SECTIONS { . = 0x400100; .t : { *(.text .a) } /DISCARD/ : { KEEP(*(.a .b)) } }';
    const result = place(script, [TEXT, byte('.a', RODATA, 1), byte('.b', RODATA, 1)]);
    expect(addresses(result)).toBe('.text@400100 .a@400103');
    expect(result.map().discarded).toContainEqual(
      expect.objectContaining({
        name: '.b',
        object: 'in.o',
        size: 1,
        reason: 'discarded by the linker script',
      }),
    );
  });

  it('must not refer to what is discarded', () => {
    const text = { ...TEXT, bytes: new Uint8Array(8), relocations: [{ offset: 0, type: 1, symbol: 'gone' }] };
    const symbols = [START, { name: 'gone', section: '.b' }];
    const script = 'SECTIONS { . = 0x400100; .t : { *(.text) } /DISCARD/ : { *(.b) } }';
    expect(messages(script, [text, byte('.b', RODATA, 1)], {}, symbols)).toEqual([
      'gone lies in a section that is not part of the program | referenced by in.o:(.text+0x0) | the section in.o:(.b+0x0) is discarded by the linker script',
    ]);
  });

  it('shares strings within an output section only', () => {
    const strings = (name: string) =>
      section(name, RODATA | 0x30, latin1('same\0'), { type: SHT_PROGBITS, entsize: 1 });
    const size = (script: string) =>
      place(script, [TEXT, strings('.s1'), strings('.s2')])
        .map()
        .sections.filter(({ name }) => name.startsWith('.s'))
        .reduce((sum, each) => sum + each.size, 0);
    expect(size('SECTIONS { . = 0x400100; .t : { *(.text) } .s : { *(.s1 .s2) } }')).toBe(5);
    expect(size('SECTIONS { . = 0x400100; .t : { *(.text) } .a : { *(.s1) } .b : { *(.s2) } }')).toBe(10);
  });
});

describe('orphans', () => {
  it('follow the last section of their kind', () => {
    const script = `SECTIONS { . = 0x400100; .text : { *(.text) } end_text = .; . = ALIGN(0x100);
      .rodata : { *(.rodata) } .data : { *(.data) } . = ALIGN(0x100); .bss : { *(.bss) } }`;
    const sections = [
      TEXT,
      byte('.rodata', RODATA, 1),
      byte('.data', DATA, 1),
      bss('.bss', 1),
      byte('more_text', CODE, 1),
      byte('more_rodata', RODATA, 1),
      byte('more_data', DATA, 1),
      bss('more_bss', 1),
    ];
    expect(addresses(place(script, sections))).toBe(
      [
        ...['.text@400100', 'more_text@400103', '.rodata@400200', 'more_rodata@400201'],
        ...['.data@400202', 'more_data@400203', '.bss@400300', 'more_bss@400301'],
      ].join(' '),
    );
  });

  it('go to an output section of their name', () => {
    const script = 'SECTIONS { . = 0x400100; .text : { *(.first) BYTE(0) } .rest : { BYTE(1) } }';
    expect(addresses(place(script, [TEXT, byte('.first', CODE, 1)]))).toBe('.first@400100 .text@400104');
  });

  it('that are arrays of constructors run in their order', () => {
    const array = (name: string) => section(name, DATA, 8, { type: 14, addralign: 8 });
    const script = 'SECTIONS { . = 0x400100; .text : { *(.text) } .data : { BYTE(1) } }';
    const sections = [TEXT, array('.init_array'), array('.init_array.200'), array('.init_array.100')];
    expect(addresses(place(script, sections))).toMatch(
      /\.init_array\.100@\S+ \.init_array\.200@\S+ \.init_array@/,
    );
  });
});

describe('binary output', () => {
  it('is the bytes by load address, without headers', () => {
    const script = `OUTPUT_FORMAT(binary) SECTIONS {
      .head : AT(0) { LONG(0x464c457f) QUAD(_start) }
      . = 0x7c00; .text : AT(16) { *(.text) } .bss : { *(.bss) } . = 0x7d00; .tail : AT(24) { BYTE(1) . = 4; } }`;
    const { bytes } = place(script, [TEXT, bss('.bss', 100)]);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '7f454c46007c00000000000000000000c3cccc00000000000100000000'.slice(0, 56),
    );
  });

  it('begins with the lowest load address', () => {
    const script =
      'OUTPUT_FORMAT(binary) SECTIONS { . = 0xffff800000100000; .text : AT(0x1000) { *(.text) } }';
    expect(messages(script)[0]).toMatch(/section \.text ends at address 0xffff800000100003/);
    const low =
      'OUTPUT_FORMAT(binary) SECTIONS { . = 0x100000; .text : { *(.text) } .b : { LONG(SIZEOF_HEADERS) } }';
    expect(Buffer.from(place(low).bytes).toString('hex')).toBe('c3cccc00000000');
  });
});

describe('errors', () => {
  const wrap = (content: string) => `SECTIONS { . = 0x400100;\n.text : { *(.text) }\n${content} }`;

  it.each([
    ['x = nothing;', 'undefined symbol: nothing | x.ld:3'],
    ['x = ADDR(.none);', 'ADDR(.none): there is no output section of this name | x.ld:3'],
    ['x = 1 / 0;', 'division by zero | x.ld:3'],
    ['.a : { LONG(1) . = 2; }', 'the location counter cannot move back from 0x400107 to 0x400105 | x.ld:3'],
    ['.a : ALIGN(3) { BYTE(1) }', 'the alignment 3 is not a power of two | x.ld:3'],
    ['ASSERT(SIZEOF(.text) > 100, "too small")', 'too small | x.ld:3'],
    ['.a : { BYTE(1) ASSERT(. == 2, "odd") }', 'odd | x.ld:3'],
    [
      '.a 0x400101 : { BYTE(1) }',
      'section .a at 0x400101 overlaps .text, which ends at 0x400103 | x.ld:3 | x.ld:2',
    ],
    ['.a (INFO) : { BYTE(1) }', '(INFO) is not supported for .a, which is part of the program | x.ld:3'],
    ['.a (NOLOAD) : { BYTE(1) }', '(NOLOAD) is not supported for .a, which has bytes | x.ld:3'],
    ['.a 0x80000000000000 : { . = . + 1; }', /^the section \.a ends/],
    ['.a : { BYTE(1) . = 0x10000000; BYTE(1) }', /^the file would have \d+ bytes/],
    ['.a 0x7ffffffff000 : { BYTE(1) }', /^the program ends at address/],
    ['MEMORY { }', /MEMORY is not supported in SECTIONS/],
    ['.a : { BYTE(1) } > ram', /^there is no memory region ram/],
    ['.a : { BYTE(1) } :hdr', /^there is no program header hdr/],
    ['INSERT AFTER .a', /INSERT is not supported in SECTIONS/],
    ['OVERLAY : { }', /OVERLAY is not supported in SECTIONS/],
    ['.a : { ASCIZ("x") }', /ASCIZ is not supported in an output section/],
    ['.a : { INPUT_SECTION_FLAGS(SHF_WRITE) *(.a) }', /INPUT_SECTION_FLAGS is not supported/],
  ])('%s', (content, expected) => {
    const [first] = messages(wrap(content));
    if (typeof expected === 'string') expect(first).toBe(expected);
    else expect(first).toMatch(expected);
  });

  it('of sections that overlap name what the script says of one of them', () => {
    const orphan = section('.mine', CODE, Uint8Array.of(1));
    expect(messages(wrap('. = 0x400100;'), [TEXT, orphan])[0]).toBe(
      'section .mine at 0x400100 overlaps .text, which ends at 0x400103 | .mine holds in.o:(.mine+0x0) | x.ld:2',
    );
  });

  it('of commands at the top level name them', () => {
    for (const command of ['VERSION', 'NOCROSSREFS', 'OVERLAY']) {
      expect(messages(`${command} { }`)).toHaveLength(1);
      expect(messages(`${command} { }`)[0]).toMatch(new RegExp(`line 1: ${command} is not supported`));
    }
  });

  it('of thread-local data that is torn apart', () => {
    const tls = (name: string) => section(name, DATA | SHF_TLS, 4);
    const script = 'SECTIONS { . = 0x400100; .a : { *(.t1) } .b : { *(.text) } .c : { *(.t2) } }';
    expect(messages(script, [TEXT, tls('.t1'), tls('.t2')])).toEqual([
      'a section lies among thread-local data, which must stay together | in.o:(.text+0x0) | the thread-local data begins with in.o:(.t1+0x0)',
    ]);
  });

  it('of a table that the program needs and /DISCARD/ takes', () => {
    const call = { offset: 0, type: 9, symbol: 'x', addend: 0 };
    const text = section('.text', CODE, 8, { relocations: [call] });
    const script = 'SECTIONS { . = 0x400100; .t : { *(.text .x) } /DISCARD/ : { *(.got) } }';
    const symbols = [START, { name: 'x', section: '.x' }];
    expect(messages(script, [text, byte('.x', RODATA, 1)], {}, symbols)).toEqual([
      'the program needs .got, which the linker script discards | x.ld:1',
    ]);
  });
});

it('takes zero-initialised sections into account that the linker is told not to load', () => {
  const script =
    'SECTIONS { . = 0x400100; .text : { *(.text) } .b (NOLOAD) : { *(.b) } .r (READONLY) : { *(.d) } }';
  const zeros = { name: '.b', flags: DATA, type: SHT_NOBITS, size: 16, addralign: 1 };
  expect(loads(place(script, [TEXT, zeros]))).toEqual(['rwx 0 400000 103 113']);
  expect(loads(place(script, [TEXT, byte('.d', DATA, 1)]))).toEqual(['r-x 0 400000 104 104']);
});
