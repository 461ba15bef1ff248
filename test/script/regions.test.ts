/** MEMORY and PHDRS: where GNU ld puts sections, and what tinyelf says of scripts that cannot be followed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PF_R, PF_W, PF_X, PT_GNU_STACK, PT_LOAD, PT_NOTE } from '../../src/elf/constants.ts';
import { readElf } from '../../src/header/loader/elf.ts';
import { errorsOf, functionObject, latin1, linkFiles, placed } from '../elf/make.ts';
import { run } from '../run.ts';
import { HAS_TOOLS, LiveFolder, PRELUDE } from './liveLink.ts';

const live = new LiveFolder();

const SYMBOLS = ['text_at', 'read_at', 'data_at', 'data_load', 'zero_at', 'zero_load', 'other_at', 'top'];

/** Prints where its sections lie, and ends with a sum that depends on what they hold. */
const PROGRAM = `
extern char ${SYMBOLS.map((name) => `${name}[]`).join(', ')};
int values[3] = {1, 2, 3}, zeros[10];
const int constants[4] = {9, 8, 7, 6};
__attribute__((section(".other"), used)) int other = 3;
void _start(void) {
  ${SYMBOLS.map((name) => `show("${name}", ${name});`).join(' ')}
  sys(60, values[1] + zeros[2] + constants[2] + other, 0, 0);
}`;

/** A script of these sections, with what stands behind each. */
function sections(
  memory: string,
  behind: Partial<Record<'text' | 'read' | 'data' | 'zero' | 'other', string>>,
) {
  const { text = '', read = '', data = '', zero = '', other = '' } = behind;
  return `ENTRY(_start)
    ${memory}
    SECTIONS {
      .text : { *(.text .text.*) } ${text}
      .rodata : { *(.rodata .rodata.*) } ${read}
      .data : { *(.data .data.*) } ${data}
      .bss : { *(.bss .bss.*) } ${zero}
      .other : { *(.other) } ${other}
      /DISCARD/ : { *(.comment .note.*) }
      text_at = ADDR(.text); read_at = ADDR(.rodata); data_at = ADDR(.data); data_load = LOADADDR(.data);
      zero_at = ADDR(.bss); zero_load = LOADADDR(.bss); other_at = ADDR(.other);
      PROVIDE(top = 0);
    }`;
}

describe.skipIf(!HAS_TOOLS)('a program in memory regions', () => {
  const TWO = `MEMORY {
    rom (rx) : ORIGIN = 0x400400, LENGTH = 1M - 1K
    ram (w!x) : org = 0x600000, l = 64K
  }`;

  it.each([
    ['that are named', TWO, { text: '> rom', read: '>rom', data: '> ram', zero: '>ram', other: '>ram' }],
    ['that their attributes choose', TWO, {}],
    [
      'of which the first fits constants too',
      'MEMORY { ram (w) : o = 8M, len = 1M rom (rx) : o = 4M + 1K, l = 1M }',
      {},
    ],
    [
      'under other names',
      `${TWO} REGION_ALIAS("flash", rom) REGION_ALIAS("heap", ram)`,
      { text: '>flash', read: '>flash', data: '>heap' },
    ],
    [
      'one of which begins behind the other',
      `MEMORY { rom : ORIGIN = 0x400400, LENGTH = 63K }
      MEMORY { ram (w) : ORIGIN = ORIGIN(rom) + LENGTH(rom), LENGTH = LENGTH(rom) / 2 }
      top = ORIGIN(ram) + LENGTH(ram);`,
      { text: '> rom', read: '>rom', data: '> ram', zero: '>ram', other: '>ram' },
    ],
    [
      'with a gap in front of a section',
      TWO,
      { text: '>rom . = . + 0x123; .gap : { . += 64; } >ram', data: '>ram' },
    ],
  ] as const)('%s', (_, memory, behind) => {
    expect(live.compare('regions', PROGRAM, sections(memory, behind))).toMatch(/^text_at=0{9}/);
  });

  /** Programs that GNU ld breaks, because segments with other load addresses share pages: only places are compared. */
  it.each([
    [
      'from which others are filled',
      { text: '>rom', read: '>rom', data: '>ram AT>rom', zero: '>ram', other: '>ram' },
    ],
    [
      'with one that takes no part',
      { text: '>rom', read: 'AT>rom', data: '>ram AT> rom', zero: '>ram AT >rom', other: '>rom' },
    ],
  ] as const)('%s', (_, behind) => {
    const text = sections(TWO, behind);
    const object = live.compile('loaded', PRELUDE + PROGRAM);
    const path = live.script('loaded', text);
    const gnu = run('nm', [live.linkGnu('loaded', path, object)]).stdout.toString();
    const lines = SYMBOLS.map((name) => `${name}=${new RegExp(`(\\w+) \\w ${name}$`, 'm').exec(gnu)?.[1]}\n`);
    live.linkTiny('loaded.tiny', [object], { scripts: [path], gcSections: false, icf: 'none' });
    expect(live.outcome('loaded.tiny')).toEqual({ code: 12, signal: null, stdout: lines.join('') });
  });
});

describe.skipIf(!HAS_TOOLS)('expressions', () => {
  it('of regions, and of symbols that are provided twice or after they are set', () => {
    const text = `ENTRY(_start)
      MEMORY { ram : ORIGIN = 0x500000, LENGTH = 64K }
      SECTIONS {
        .all : {
          *(.text .text.* .rodata* .data* .other)
          text_at = ORIGIN(ram) + 8; read_at = LENGTH(ram);
          . = ORIGIN(ram) + LENGTH(ram) / 2;
          data_at = .;
          *(.bss*)
        } > ram
        PROVIDE(other_at = 5); PROVIDE(other_at = 6);
        PROVIDE(zero_load = 7); zero_load = 8; PROVIDE(zero_load = 9);
        /DISCARD/ : { *(.comment .note.*) }
      }
      data_load = data_at > ORIGIN(ram); zero_at = data_at - ORIGIN(ram) + LENGTH(ram); top = ORIGIN(ram);`;
    expect(live.compare('expressions', PROGRAM, text)).toMatch(/top=0{10}500000\n$/);
  });
});

describe.skipIf(!HAS_TOOLS)('a program in segments that the script declares', () => {
  const NOTE = '.note : { LONG(4) LONG(4) LONG(1) LONG(0x554e47) LONG(0) } :text :note';
  const text = `ENTRY(_start)
    PHDRS {
      headers PT_PHDR PHDRS;
      text PT_LOAD FILEHDR PHDRS FLAGS(5);
      data PT_LOAD;
      note PT_NOTE FLAGS(4);
      stack PT_GNU_STACK FLAGS(7);
    }
    SECTIONS {
      . = 0x400000 + SIZEOF_HEADERS;
      ${NOTE}
      .text : { *(.text .text.*) } :text
      .rodata : { *(.rodata .rodata.*) }
      . = ALIGN(CONSTANT(MAXPAGESIZE)) + (. & (CONSTANT(MAXPAGESIZE) - 1));
      .data : { *(.data .data.* .other) } :data
      .bss : { *(.bss .bss.*) }
      ${SYMBOLS.map((name) => `${name} = 0;`).join(' ')}
      /DISCARD/ : { *(.comment .note.*) }
    }`;

  it('has them, and runs as GNU ld’s does', () => {
    live.compare('segments', PROGRAM, text);
    const segments = readElf(readFileSync(join(live.path, 'segments.tiny'))).segments!;
    expect(segments.map(({ p_type, p_flags }) => [p_type, p_flags])).toEqual([
      [PT_LOAD, PF_R | PF_X],
      [PT_LOAD, PF_R | PF_W],
      [PT_GNU_STACK, PF_R | PF_W | PF_X],
      [PT_NOTE, PF_R],
    ]);
    expect(segments.at(-1)!.p_filesz).toBe(20n);
  });

  it('may be one, with headers as small as without the declaration', () => {
    const one = (headers: string, segment: string) => `ENTRY(_start) ${headers} SECTIONS {
        . = 0x10000 + SIZEOF_HEADERS;
        .all : { *(.text*) *(.rodata*) *(.data*) *(.other) *(.bss*) } ${segment}
        ${SYMBOLS.map((name) => `${name} = 0;`).join(' ')}
        /DISCARD/ : { *(.comment .note*) } }`;
    live.compare('one', PROGRAM, one('PHDRS { all PT_LOAD FILEHDR PHDRS FLAGS(7); }', ':all'));
    const declared = readFileSync(join(live.path, 'one.tiny'));
    live.compare('one', PROGRAM, one('', ''));
    expect(declared.length).toBe(readFileSync(join(live.path, 'one.tiny')).length);
  });
});

describe('what cannot be followed', () => {
  const REGION = 'MEMORY { ram : ORIGIN = 0x500000, LENGTH = 4 }';
  const SEGMENT = 'PHDRS { all PT_LOAD; }';
  const PLACE = '. = 0x500000;';

  /** Messages, with places, of a link of 16 bytes of code by a script. */
  function errors(text: string): string[] {
    const files = { 'a.o': functionObject('_start', ['_start']), 's.ld': latin1(text) };
    return errorsOf(() => linkFiles(files)).map(({ message, where }) => [message, ...where].join(' | '));
  }

  it.each([
    ['MEMORY { ram : ORIGIN = 1, LENGTH = 2 }', 'MEMORY needs SECTIONS, which say what lies where | s.ld:1'],
    ['PHDRS { x 1; }', 'PHDRS needs SECTIONS, which say what lies where | s.ld:1'],
    [
      `${REGION} ${REGION} SECTIONS { .t : { *(.text*) } >ram }`,
      'there are two memory regions ram | s.ld:1 | the first is described in s.ld:1',
    ],
    [
      `MEMORY { a : ORIGIN = LENGTH(b), LENGTH = 2 } SECTIONS {}`,
      'there is no memory region b so far | s.ld:1',
    ],
    [
      'MEMORY { a : ORIGIN = 0, LENGTH = LENGTH(a) } SECTIONS { .t : { *(.text*) } >a }',
      'there is no memory region a so far | s.ld:1',
    ],
    [
      'MEMORY { a : ORIGIN = nowhere, LENGTH = 8 } SECTIONS { .t : { *(.text*) } >a }',
      'undefined symbol: nowhere | s.ld:1',
    ],
    ['REGION_ALIAS(a, b) SECTIONS { }', 'there is no memory region b so far | s.ld:1'],
    [
      `${REGION}\nSECTIONS { .t : { *(.text*) } >ram\n}`,
      'the memory region ram overflows by 12 bytes: .t lies from 0x500000 to 0x500010 | s.ld:2',
    ],
    [
      `${REGION} SECTIONS { .t 0x400000 : { *(.text*) } >ram }`,
      'the memory region ram begins at 0x500000: .t lies from 0x400000 to 0x400010 | s.ld:1',
    ],
    [`${REGION} SECTIONS { .t : { *(.text*) } > rom }`, 'there is no memory region rom | s.ld:1'],
    [`${REGION} SECTIONS { .t 0x400000 : { *(.text*) } AT> rom }`, 'there is no memory region rom | s.ld:1'],
    [
      `${REGION} SECTIONS { .t : { *(.text*) } }`,
      'no memory region is said for .t, and none has attributes that fit | s.ld:1',
    ],
    [
      `${REGION} SECTIONS { .t 0x400000 : AT(0) { *(.text*) } AT>ram }`,
      '.t has both a load address and a region to be loaded to | s.ld:1',
    ],
    [`x = ORIGIN(rom); SECTIONS { ${PLACE} }`, 'there is no memory region rom | s.ld:1'],
    ['x = LENGTH(ram);', 'there is no memory region ram | s.ld:1'],
    [
      `${SEGMENT} SECTIONS { ${PLACE} .t : { *(.text*) } :text }`,
      'PHDRS has no program header text | s.ld:1',
    ],
    [
      `SECTIONS { ${PLACE} .t : { *(.text*) } :text }`,
      'there is no program header text: the script has no PHDRS | s.ld:1',
    ],
    [
      `OUTPUT_FORMAT(binary) SECTIONS { ${PLACE} .t (NOLOAD) : { *(.text*) } }`,
      '(NOLOAD) is not supported for .t, which has bytes | s.ld:1 | it holds a.o:(.text._start+0x0)',
    ],
    [
      `${SEGMENT} SECTIONS { ${PLACE} .t : { *(.text*) } }`,
      'the section .t lies in no PT_LOAD; expected one | s.ld:1',
    ],
    [
      `${SEGMENT} SECTIONS { ${PLACE} .t : { *(.text*) } :NONE }`,
      'the section .t lies in no PT_LOAD; expected one | s.ld:1',
    ],
    [
      `PHDRS { a PT_LOAD; b 1; } SECTIONS { ${PLACE} .t : { *(.text*) } :a :b }`,
      'the section .t lies in 2 segments of type PT_LOAD; expected one | s.ld:1',
    ],
    [
      `PHDRS { a PT_LOAD; i PT_INTERP; } SECTIONS { ${PLACE} .t : { *(.text*) } :a :i }`,
      'the section .t lies in a PT_INTERP, which a static executable cannot have | s.ld:1',
    ],
    [
      `PHDRS { a 1; a 1; } SECTIONS { ${PLACE} .t : { *(.text*) } :a }`,
      'there are two program headers a | s.ld:1',
    ],
    [
      `PHDRS { NONE 1; a 1; } SECTIONS { ${PLACE} .t : { *(.text*) } :a }`,
      'no program header can be called NONE | s.ld:1',
    ],
    [
      `PHDRS { a 1 FLAGS(x); } SECTIONS { ${PLACE} .t : { *(.text*) } :a }`,
      'the program header a: x has no value here; expected a number | s.ld:1',
    ],
    [
      `PHDRS { a 1; b 1 FILEHDR; } SECTIONS { ${PLACE} .t : { *(.text*) } :a .d 0x600000 : { LONG(1) } :b }`,
      'the program header b says FILEHDR or PHDRS, but the headers lie in front of a | s.ld:1',
    ],
    [
      `PHDRS { a 1; b 1; } SECTIONS { ${PLACE} .t : { *(.text*) } :a .d : { LONG(1) } :b }`,
      'the segments a and b share the page at 0x500000, which can be mapped only once | s.ld:1',
    ],
  ])('%s', (text, message) => {
    expect(errors(text)).toContain(message);
  });

  it('may be segments on one page if the second may do what the first may', () => {
    const text = `PHDRS { a 1 FLAGS(4); b 1 FLAGS(5); }
      SECTIONS { ${PLACE} .d : { LONG(1) } :a .t : { *(.text*) } :b }`;
    const { bytes } = linkFiles({ 'a.o': functionObject('_start'), 's.ld': latin1(text) });
    const segments = readElf(bytes).segments!;
    expect(segments.map(({ p_flags }) => p_flags)).toEqual([4, 5]);
    expect(segments[1]!.p_offset - segments[0]!.p_offset).toBe(segments[1]!.p_vaddr - segments[0]!.p_vaddr);
  });
});

describe('INCLUDE', () => {
  const MAIN = functionObject('_start', ['one']);
  const files = (texts: Readonly<Record<string, string>>) => ({
    'main.o': MAIN,
    'one.o': functionObject('one'),
    ...Object.fromEntries(Object.entries(texts).map(([path, text]) => [path, latin1(text)])),
  });
  const inputs = ['main.o', 'one.o'].map((path) => ({ kind: 'file', path }) as const);

  it('may stand at any level, and in what is included', () => {
    const texts = {
      'scripts/main.ld': 'INCLUDE memory.ld\nSECTIONS { INCLUDE "sections.ld" } INCLUDE lib.ld',
      'scripts/memory.ld': 'MEMORY { INCLUDE regions.ld }',
      'scripts/regions.ld': 'ram : ORIGIN = 0x500000, LENGTH = 64K',
      'sections.ld': '.all : { INCLUDE content.ld; } > ram /* nothing follows */',
      'lib/content.ld': '*(.text .text.*) end = .;',
      'lib/lib.ld': 'INCLUDE empty.ld ASSERT(end > ORIGIN(ram), "nothing is there")',
      'lib/empty.ld': '',
    };
    const result = linkFiles(files(texts), { inputs, scripts: ['scripts/main.ld'], libraryPaths: ['lib'] });
    expect(placed(result, '.text._start').address).toBe(0x500000);
  });

  /** The first message of a link by `a.ld`, with its places. */
  function error(texts: Readonly<Record<string, string>>): string {
    const [first] = errorsOf(() => linkFiles(files(texts), { inputs, scripts: ['a.ld'] }));
    return [first!.message, ...first!.where].join(' | ');
  }

  it('names files that exist, and not in a circle', () => {
    expect(error({ 'a.ld': '\nINCLUDE b.ld' })).toBe(
      'a.ld: line 2: no such file: b.ld | at offset 0x9 of a.ld',
    );
    expect(
      error({ 'a.ld': 'INCLUDE b.ld', 'b.ld': 'SECTIONS { INCLUDE c.ld }', 'c.ld': 'INCLUDE b.ld' }),
    ).toBe(
      'the linker script b.ld names itself | read because of c.ld | read because of b.ld | read because of a.ld',
    );
  });

  it('has errors where they are', () => {
    expect(error({ 'a.ld': 'INCLUDE b.ld', 'b.ld': '\nSECTIONS { .x }' })).toBe(
      "b.ld: line 2: expected a number or a symbol, found '}' | at offset 0xf of b.ld",
    );
    expect(error({ 'a.ld': 'SECTIONS { INCLUDE b.ld }', 'b.ld': '.x : { *(.text) } }' })).toBe(
      "b.ld: line 1: expected an output section, an assignment or '}', found '}' | at offset 0x12 of b.ld",
    );
  });
});

describe('INSERT', () => {
  const MAIN = functionObject('_start', ['one']);
  const objects = { 'main.o': MAIN, 'one.o': functionObject('one'), 'two.o': functionObject('two') };
  const inputs = Object.keys(objects).map((path) => ({ kind: 'file', path }) as const);

  function linkScripts(texts: Readonly<Record<string, string>>) {
    const scripts = Object.entries(texts).map(([path, text]) => [path, latin1(text)] as const);
    const files = { ...objects, ...Object.fromEntries(scripts) };
    return linkFiles(files, { inputs, scripts: Object.keys(texts) });
  }

  it('keeps what it names in the layout that there is anyway', () => {
    const names = (text: string) =>
      linkScripts({ 'a.ld': text })
        .map()
        .sections.map(({ name }) => name)
        .toSorted();
    const both = ['.text._start', '.text.one'];
    expect(names('SECTIONS { .x : { *(.text.two) } } INSERT AFTER .data;')).toEqual(both);
    expect(names('SECTIONS { .x : { KEEP(*(.text.two)) } } INSERT BEFORE .data')).toEqual([
      ...both,
      '.text.two',
    ]);
  });

  it.each([
    ['AFTER .a', ['_start', 'two', 'one']],
    ['BEFORE .a', ['two', '_start', 'one']],
  ])('puts sections into another script: %s', (place, order) => {
    const added = `SECTIONS { .x : { KEEP(*(.text.two)) end = .; } } INSERT ${place};`;
    const text = 'SECTIONS { . = 0x500000; .a : { *(.text._start) } .b : { *(.text.one) } }';
    for (const texts of [
      { 'added.ld': added, 'main.ld': text },
      { 'main.ld': text, 'added.ld': added },
    ]) {
      const { sections } = linkScripts(texts).map();
      const lying = sections.toSorted((a, b) => a.address - b.address).map(({ name }) => name);
      expect(lying).toEqual(order.map((name) => `.text.${name}`));
    }
  });

  it.each([
    [
      'SECTIONS {\n.x : { end = .; } } INSERT AFTER .data',
      'INSERT is supported only for input sections, unless another script has SECTIONS | a.ld:2',
    ],
    [
      'SECTIONS { x = 1; } INSERT AFTER .data',
      'INSERT is supported only for input sections, unless another script has SECTIONS | a.ld:1',
    ],
    [
      'SECTIONS { . = 0x500000; .a : { *(.text*) } } SECTIONS { .x : { } } INSERT AFTER .b',
      'there is no output section .b for INSERT | a.ld:1',
    ],
    [
      'SECTIONS { } INSERT BEHIND .b',
      "a.ld: line 1: expected AFTER or BEFORE, found 'BEHIND' | at offset 0x14 of a.ld",
    ],
  ])('%s', (text, message) => {
    const found = errorsOf(() => linkScripts({ 'a.ld': text }));
    expect(found.map((each) => [each.message, ...each.where].join(' | '))).toContain(message);
  });
});
