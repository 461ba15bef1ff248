/** What the program reaches, rule by rule, in small programs of which the answer is known. */
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import {
  SHF_ALLOC,
  SHF_EXCLUDE,
  SHF_LINK_ORDER,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  SHT_NOTE,
  STB_LOCAL,
  STB_WEAK,
  STT_SECTION,
} from '../../src/elf/constants.ts';
import type { LinkOptions } from '../../src/options.ts';
import {
  CODE,
  concat,
  contents,
  DATA,
  errorsOf,
  functionObject,
  gnuArchive,
  latin1,
  linkFiles,
  liveNames,
  RODATA,
  section,
  table,
} from '../elf/make.ts';

const R_64 = 1;
const R_PC32 = 2;
const R_PLT32 = 4;
const R_TLSGD = 19;

/** A section of data or code with the addresses of some symbols. */
function referring(name: string, targets: readonly string[], more: Partial<SectionSpec> = {}): SectionSpec {
  const relocations = targets.map((symbol, i) => ({ offset: 8 * i, type: R_64, symbol }));
  return section(name, name.startsWith('.text') ? CODE : DATA, 8 * targets.length + 1, {
    relocations,
    ...more,
  });
}

/** A symbol for each section, of the name behind its last dot; `_start` for `.text`. */
function named(sections: readonly SectionSpec[]): SymbolSpec[] {
  return sections.map(({ name }) => ({
    name: name === '.text' ? '_start' : name.slice(name.lastIndexOf('.') + 1),
    section: name,
  }));
}

function objectOf(sections: readonly SectionSpec[], more: readonly SymbolSpec[] = []): Uint8Array {
  return buildObject(sections, [...named(sections), ...more]);
}

/** Names of what is live of one object's sections. */
function live(sections: readonly SectionSpec[], options: Parameters<typeof linkFiles>[1] = {}): string[] {
  return liveNames(linkFiles({ 'a.o': objectOf(sections) }, { icf: 'none', shrink: 'none', ...options }));
}

describe('sections that go with others', () => {
  const ordered = (name: string, link: number, targets: readonly string[] = [], flags = 0) =>
    referring(name, targets, { flags: SHF_ALLOC | SHF_LINK_ORDER | flags, link });

  it('are all of those that name one, and what they refer to', () => {
    const sections = [
      referring('.text', ['f']),
      referring('.text.f', []),
      referring('.text.g', []),
      ordered('.of.first', 2, ['far']),
      ordered('.of.second', 2),
      ordered('.of.other', 3, ['near']),
      ordered('.of.dependent', 4),
      referring('.data.far', []),
      referring('.data.near', []),
    ];
    const expected = ['.data.far', '.of.dependent', '.of.first', '.of.second', '.text', '.text.f'];
    expect(live(sections)).toEqual(expected);
  });

  it('are none that can be no part of a program', () => {
    const excluded = ordered('.of.f', 1, ['far'], SHF_EXCLUDE);
    expect(live([referring('.text', []), excluded, referring('.data.far', [])])).toEqual(['.text']);
  });

  it('say what they go with', () => {
    const result = linkFiles({ 'a.o': objectOf([referring('.text', []), ordered('.of.start', 1)]) });
    const { sections } = result.map();
    expect(sections.map(({ name, keptBy }) => `${name}: ${keptBy}`).sort()).toEqual([
      '.of.start: a.o:(.text+0x0)',
      '.text: the entry',
    ]);
  });
});

describe('sections of one name', () => {
  const parts = () => [referring('mine', ['far']), referring('.data.far', []), referring('other', [])];

  it.each(['__start_mine', '__stop_mine'])(
    'are all live, in all objects, where %s is referred to',
    (bound) => {
      const main = objectOf([referring('.text', [bound]), ...parts()]);
      const files = { 'a.o': main, 'b.o': buildObject([referring('mine', [])], []) };
      expect(liveNames(linkFiles(files))).toEqual(['.data.far', '.text', 'mine', 'mine']);
    },
  );

  it.each(['_end', '__ehdr_start', '__init_array_start'])('are not kept by %s', (edge) => {
    expect(live([referring('.text', [edge]), ...parts(), referring('.fini_array', [])])).toEqual(['.text']);
  });

  it('are all of a function that is written in fragments', () => {
    const main = objectOf([referring('.text', ['init']), referring('.init', [])]);
    const more = buildObject([referring('.init', ['far'])], []);
    const far = objectOf([referring('.data.far', []), referring('.fini', [])]);
    expect(liveNames(linkFiles({ 'a.o': main, 'b.o': more, 'c.o': far }))).toEqual([
      '.data.far',
      '.init',
      '.init',
      '.text',
    ]);
  });
});

describe('strings and constants', () => {
  const STRINGS = section('.rodata.str', RODATA | SHF_MERGE | SHF_STRINGS, latin1('one\0two\0three\0'), {
    entsize: 1,
  });
  const CONSTANTS = section('.rodata.cst', RODATA | SHF_MERGE, table(4, [11, 22, 33]), { entsize: 4 });

  /** What is left of strings and constants that code refers to by symbols, and by sections and addends. */
  function left(
    references: readonly (readonly [symbol: string, addend?: number, type?: number])[],
    options: Partial<LinkOptions> = {},
    sections: readonly SectionSpec[] = [STRINGS, CONSTANTS],
  ): string {
    const relocations = references.map(([symbol, addend = 0, type = R_64], i) => ({
      offset: 8 * i,
      type,
      symbol,
      addend,
    }));
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'strings', section: sections[0]!.name, binding: STB_LOCAL, type: STT_SECTION },
      { name: 'two', section: sections[0]!.name, value: 4 },
      { name: 'in two', section: sections[0]!.name, value: 6 },
      ...(sections[1] ? [{ name: 'second', section: sections[1].name, value: 4 }] : []),
    ];
    const text = section('.text', CODE, 8 * references.length + 1, { relocations });
    const result = linkFiles(
      { 'a.o': buildObject([text, ...sections], symbols) },
      { shrink: 'none', ...options },
    );
    const bytes = liveNames(result)
      .filter((name) => name !== '.text')
      .map((name) => [...contents(result, name)]);
    return bytes.map((part) => String.fromCharCode(...part).replaceAll('\0', ' ')).join('|');
  }

  it('live one by one', () => {
    expect(left([['two']])).toBe('two ');
    expect(left([['in two']])).toBe('two ');
    expect(left([['strings', 8]])).toBe('three ');
    expect(left([['strings', 4, R_PC32]])).toBe('three ');
    expect(left([['strings', 3, R_PC32]])).toBe('two ');
    expect(left([['second']])).toBe('\x16   ');
  });

  it('are all live with --no-gc-sections, and as they were under --verbatim', () => {
    const whole = '\x0b   \x16   !   |one two three ';
    expect(left([['two']], { verbatim: true, gcSections: false })).toBe(whole);
    const parts = left([['two']], { gcSections: false })
      .split(/[| ]+/)
      .sort();
    expect(parts.join()).toBe(['', '\x0b', '\x16', '!', 'one', 'three', 'two'].join());
  });

  it('are all live where their bounds may be referred to', () => {
    const sections = [{ ...STRINGS, name: 'mine' }];
    expect(left([['two']], {}, sections)).toBe('one two three ');
  });

  it('are all live where the last string has no end', () => {
    const sections = [{ ...STRINGS, bytes: latin1('one\0two\0thr') }];
    expect(left([['two']], {}, sections)).toBe('one two thr');
  });
});

describe('unwind tables', () => {
  /** A CIE with a personality routine and pointers to tables of landing pads. */
  const CIE = concat(
    table(4, [28, 0]),
    Uint8Array.of(
      1,
      ...latin1('zPLR\0'),
      1,
      0x78,
      16,
      7,
      0x1b,
      0,
      0,
      0,
      0,
      0x1b,
      0x1b,
      0x0c,
      7,
      8,
      0x90,
      1,
      0,
      0,
    ),
  );
  const PERSONALITY_FIELD = 8 + 1 + 5 + 3 + 1 + 1;

  /** An FDE with a table of landing pads. */
  const fde = (at: number) => concat(table(4, [20, at + 4, 0, 1]), Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0));

  const FDE_SIZE = 24;
  /** Tables of functions in sections of their own, each of which has landing pads in another one. */
  const tables = (functions: readonly string[]) => {
    const at = (i: number) => CIE.length + i * FDE_SIZE;
    const relocations = functions.flatMap((name, i) => [
      { offset: at(i) + 8, type: R_PC32, symbol: name },
      { offset: at(i) + 17, type: R_PC32, symbol: `pads_${name}` },
    ]);
    return section('.eh_frame', RODATA, concat(CIE, ...functions.map((_, i) => fde(at(i)))), {
      relocations: [{ offset: PERSONALITY_FIELD, type: R_PC32, symbol: 'personality' }, ...relocations],
    });
  };
  /** Landing pads, which refer to a function that only they need. */
  const pads = (name: string) => ({
    ...referring(`.gcc_except_table.pads_${name}`, [`only_${name}`]),
    flags: RODATA,
  });
  const functions = (called: readonly string[]) => [
    referring('.text', called),
    referring('.text.f', []),
    referring('.text.g', []),
    referring('.text.only_f', []),
    referring('.text.only_g', []),
    referring('.text.personality', []),
    pads('f'),
    pads('g'),
    tables(['f', 'g']),
  ];
  const OF_F = ['.gcc_except_table.pads_f', '.text.only_f', '.text.personality'];
  const ignoringTables = (names: readonly string[]) => names.filter((name) => !name.startsWith('.eh_frame'));

  it.each(['_Unwind_RaiseException', '_Unwind_Backtrace', '__register_frame_info'])(
    'are part of a program with %s: what live functions need of them',
    (unwinder) => {
      const sections = [...functions(['f', unwinder]), referring(`.text.${unwinder}`, [])];
      const names = ignoringTables(live(sections));
      expect(names).toEqual([...OF_F, '.text', '.text.f', `.text.${unwinder}`].sort());
    },
  );

  it('are none where the unwinder is not called, or is none', () => {
    for (const [called, other] of [
      [['f'], '_Unwind_RaiseException'],
      [['f', 'Unwind_Resume'], 'Unwind_Resume'],
      [['f', '__register_frame'], '__register_frame'],
    ] as const) {
      const names = live([...functions(called), referring(`.text.${other}`, [])]);
      expect(names).toEqual(['.text', ...(called.length > 1 ? [`.text.${other}`] : []), '.text.f'].sort());
    }
  });

  it('are none where the unwinder is a number', () => {
    const names = live(functions(['f', '_Unwind_RaiseException']), {
      defsym: { _Unwind_RaiseException: '0x1000' },
    });
    expect(names).toEqual(['.text', '.text.f']);
  });

  it('may need more functions, which have tables in turn', () => {
    const sections = functions(['f', '_Unwind_Resume']).map((each) =>
      each.name === '.text.only_f' ? referring('.text.only_f', ['g']) : each,
    );
    expect(ignoringTables(live([...sections, referring('.text._Unwind_Resume', [])]))).toEqual([
      '.gcc_except_table.pads_f',
      '.gcc_except_table.pads_g',
      '.text',
      '.text._Unwind_Resume',
      '.text.f',
      '.text.g',
      '.text.only_f',
      '.text.only_g',
      '.text.personality',
    ]);
  });

  it('that are malformed are errors only where they are part of the program', () => {
    const broken = section('.eh_frame', RODATA, table(4, [100, 0]));
    const sections = [referring('.text', ['_Unwind_Resume']), referring('.text._Unwind_Resume', []), broken];
    expect(errorsOf(() => live(sections))).toMatchObject([{ code: 'malformed-input' }]);
    expect(live([referring('.text', []), broken])).toEqual(['.text']);
  });

  it.each(['_Unwind_Resume', 'rust_eh_personality', '__gxx_personality_v0', '__gcc_personality_v0'])(
    'alone lead to %s, which may be missing where there is no unwinder',
    (name) => {
      const text = referring('.text', [name, 'raise']);
      const raise = referring('.text.raise', []);
      expect(live([text, raise])).toEqual(['.text', '.text.raise']);
      const unwinder = referring('.text._Unwind_Backtrace', []);
      const sections = [text, raise, unwinder, section('.eh_frame', RODATA, CIE)];
      const options = { undefinedSymbols: ['_Unwind_Backtrace'] };
      expect(errorsOf(() => live(sections, options))).toMatchObject([
        { message: `undefined symbol: ${name}` },
      ]);
    },
  );

  it('are no excuse for other functions', () => {
    expect(errorsOf(() => live([referring('.text', ['_Unwind_RaiseException'])]))).toMatchObject([
      {
        message: 'undefined symbol: _Unwind_RaiseException',
        hint: 'nothing unwinds in a tiny program: compile with -C panic=abort (rustc) or -fno-exceptions',
      },
    ]);
  });
});

describe('warnings of use', () => {
  const warning = section('.gnu.warning.gets', 0, latin1('gets is dangerous\n\0\0'));
  const library = buildObject(
    [referring('.text.gets', []), referring('.text.other', ['gets']), warning],
    named([referring('.text.gets', []), referring('.text.other', [])]),
  );
  const warnings = (files: Readonly<Record<string, Uint8Array>>) =>
    linkFiles(files, { icf: 'none' }).diagnostics;

  it('are given once, at the first place, to whoever refers to a symbol from outside', () => {
    const main = objectOf([referring('.text', ['f', 'gets', 'gets']), referring('.text.f', ['gets'])]);
    expect(warnings({ 'a.o': main, 'b.o': library })).toEqual([
      {
        severity: 'warning',
        code: 'dangerous-use',
        message: 'gets is dangerous',
        where: ['referenced by a.o:(.text+0x8)'],
      },
    ]);
  });

  it('are not given to those that do not, or lie beside it', () => {
    const main = objectOf([referring('.text', ['other']), referring('.text.f', ['gets'])]);
    expect(warnings({ 'a.o': main, 'b.o': library })).toEqual([]);
  });

  it('do not keep other symbols from being followed', () => {
    const main = objectOf([
      referring('.text', ['gets', 'g']),
      referring('.data.g', ['h']),
      referring('.data.h', []),
    ]);
    expect(liveNames(linkFiles({ 'a.o': main, 'b.o': library }))).toEqual([
      '.data.g',
      '.data.h',
      '.text',
      '.text.gets',
    ]);
  });
});

describe('what options name', () => {
  const sections = [
    referring('.text', []),
    referring('.data.a', ['b']),
    referring('.data.b', []),
    referring('.data.c', []),
  ];

  it('is kept, with what it refers to', () => {
    expect(live(sections, { undefinedSymbols: ['a'] })).toEqual(['.data.a', '.data.b', '.text']);
    expect(live(sections, { requiredSymbols: ['b', 'c'] })).toEqual(['.data.b', '.data.c', '.text']);
    expect(live(sections, { undefinedSymbols: ['nobody'], unresolved: 'ignore' })).toEqual(['.text']);
  });

  it('is kept by a definition that something refers to, directly or through another', () => {
    const text = [referring('.text', ['x']), ...sections.slice(1)];
    expect(live(text, { defsym: { x: 'y + 1', y: 'b - 8', z: 'c' } })).toEqual(['.data.b', '.text']);
  });

  it('must be defined where --require-defined names it', () => {
    expect(errorsOf(() => live(sections, { requiredSymbols: ['a', 'nobody'] }))).toEqual([
      {
        severity: 'error',
        code: 'undefined-symbol',
        message: 'required symbol is not defined: nobody',
        where: [],
        hint: 'it was named by --require-defined',
      },
    ]);
  });

  it('must be defined for an expression that is needed', () => {
    const text = [referring('.text', ['x'])];
    expect(errorsOf(() => live(text, { defsym: { x: 'nobody + 1' } }))).toMatchObject([
      { message: 'undefined symbol: nobody', where: ['referenced by --defsym x'] },
    ]);
    expect(live([referring('.text', [])], { defsym: { x: 'nobody + 1' }, unresolved: 'ignore' })).toEqual([
      '.text',
    ]);
  });

  it('is the entry, which must be defined unless it is a number', () => {
    expect(live(sections, { entry: 'a' })).toEqual(['.data.a', '.data.b']);
    expect(live(sections, { entry: '0x400100', undefinedSymbols: ['c'] })).toEqual(['.data.c']);
    expect(errorsOf(() => live(sections, { entry: 'nobody' }))).toEqual([
      {
        severity: 'error',
        code: 'no-entry',
        message: 'the entry symbol nobody is not defined',
        where: [],
        hint: 'define it, or name another with --entry <symbol>',
      },
    ]);
  });

  it('is not missed where an input cannot be read', () => {
    const files = { 'bad.o': latin1('\x7fELF'), 'a.o': objectOf([referring('.data.a', [])]) };
    expect(errorsOf(() => linkFiles(files)).map(({ code }) => code)).not.toContain('no-entry');
  });
});

describe('undefined symbols', () => {
  it.each([
    [1, ['referenced by a.o:(.text+0x0)']],
    [3, ['referenced by a.o:(.text+0x0)', 'referenced by a.o:(.text+0x8)', 'referenced by a.o:(.text+0x10)']],
    [
      4,
      [
        'referenced by a.o:(.text+0x0)',
        'referenced by a.o:(.text+0x8)',
        'referenced by a.o:(.text+0x10), and 1 more',
      ],
    ],
  ])('are told with %i references', (count, where) => {
    const text = referring('.text', new Array(count).fill('nobody'));
    expect(errorsOf(() => live([text]))).toMatchObject([{ message: 'undefined symbol: nobody', where }]);
  });

  it('may be weak for all, but not for one alone', () => {
    const weak = { name: 'nobody', binding: STB_WEAK };
    const main = objectOf([referring('.text', ['nobody', 'f'])], [weak]);
    const f = (binding: number) =>
      objectOf([referring('.text.f', ['nobody'])], [{ name: 'nobody', binding }]);
    expect(liveNames(linkFiles({ 'a.o': main, 'b.o': f(STB_WEAK) }))).toEqual(['.text', '.text.f']);
    expect(errorsOf(() => linkFiles({ 'a.o': main, 'b.o': f(1) }))).toMatchObject([
      { where: ['referenced by b.o:(.text.f+0x0)'] },
    ]);
  });

  it('are not those that the call behind a thread-local address names', () => {
    // data16 lea x@tlsgd(%rip), %rdi; data16 data16 rex.W call __tls_get_addr
    const code = [0x66, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0];
    const text = section('.text', CODE, Uint8Array.from([...code, 0, 0, 0, 0]), {
      relocations: [
        { offset: 4, type: R_TLSGD, symbol: 'x', addend: -4 },
        { offset: 12, type: R_PLT32, symbol: '__tls_get_addr', addend: -4 },
        { offset: 16, type: R_PC32, symbol: 'after' },
      ],
    });
    const data = section('.tdata.x', DATA | 0x400, Uint8Array.of(1, 2, 3, 4));
    const object = buildObject(
      [text, data, referring('.data.after', [])],
      [
        { name: '_start', section: '.text' },
        { name: 'x', section: '.tdata.x', type: 6 },
        { name: 'after', section: '.data.after' },
      ],
    );
    expect(liveNames(linkFiles({ 'a.o': object }))).toEqual(['.data.after', '.tdata.x', '.text']);
  });
});

describe('what cannot be referred to', () => {
  const unlinkable = (spec: SectionSpec, options: Partial<LinkOptions> = {}) => {
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'there', section: spec.name },
    ];
    const object = buildObject([referring('.text', ['there']), spec], symbols);
    return errorsOf(() => linkFiles({ 'a.o': object }, options));
  };
  const lies = (why: string) => ({
    severity: 'error',
    code: 'discarded-section',
    message: 'there lies in a section that is not part of the program',
    where: ['referenced by a.o:(.text+0x0)', `the section a.o:(.there+0x0) is ${why}`],
  });

  it.each<[string, number, Partial<SectionSpec>]>([
    ['not loaded', 0, {}],
    ['not loaded', SHF_WRITE, {}],
    ['a note', RODATA, { type: SHT_NOTE }],
    ['marked SHF_EXCLUDE', RODATA | SHF_EXCLUDE, {}],
  ])('is what is %s', (why, flags, more) => {
    expect(unlinkable(section('.there', flags, 4, more))).toEqual([lies(why)]);
  });

  it('is not an unwind table, wherever that will lie', () => {
    const object = buildObject(
      [referring('.text', ['there']), section('.eh_frame', RODATA, 4)],
      [
        { name: '_start', section: '.text' },
        { name: 'there', section: '.eh_frame' },
      ],
    );
    expect(liveNames(linkFiles({ 'a.o': object }))).toEqual(['.text']);
  });

  it('is told for symbols of options too, without a place', () => {
    const sections = [referring('.text', []), section('.there', 0, 4)];
    expect(errorsOf(() => live(sections, { undefinedSymbols: ['there'] }))).toEqual([
      { ...lies(''), where: ['the section a.o:(.there+0x0) is not loaded'] },
    ]);
  });
});

it('takes only those members of an archive whose sections are referred to', () => {
  const member = (name: string, needs: readonly string[]) => ({
    name: `${name}.o`,
    bytes: functionObject(name, needs),
    symbols: [name],
  });
  const archive = gnuArchive([member('f', ['g']), member('g', []), member('h', ['f'])]);
  const main = functionObject('_start', ['f']);
  expect(liveNames(linkFiles({ 'a.o': main, 'lib.a': archive }, { icf: 'none' }))).toEqual([
    '.text._start',
    '.text.f',
    '.text.g',
  ]);
});
