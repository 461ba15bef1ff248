/** Which definition a name gets: strong, weak, common, absolute, COMDAT, --defsym, -u, provided symbols. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { SHN_ABS, SHN_COMMON, STB_GLOBAL, STB_LOCAL, STB_WEAK } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import {
  bss,
  CODE,
  contents,
  DATA,
  errorsOf,
  groupedObject,
  linkFiles,
  liveNames,
  placed,
  RODATA,
  readBig,
  section,
  setSymbolValue,
} from '../elf/make.ts';

type Options = Partial<LinkOptions> & { defsym?: Readonly<Record<string, string>> };

/** `.text` with `_start` and one 8-byte address of each name. */
function main(
  names: readonly string[],
  more: readonly SectionSpec[] = [],
  symbols: readonly SymbolSpec[] = [],
) {
  const relocations = names.map((symbol, i) => ({ offset: 8 * i, type: 1, symbol }));
  const text = section('.text', CODE, 8 * names.length, { relocations });
  return buildObject([text, ...more], [{ name: '_start', section: '.text' }, ...symbols]);
}

/** The addresses that `main` got for its names. */
function addressesIn(result: LinkResult): bigint[] {
  const text = contents(result, '.text');
  return Array.from({ length: text.length / 8 }, (_, i) => readBig(text, 8 * i, 8));
}

function address(result: LinkResult, name: string): bigint {
  return BigInt(placed(result, name).address);
}

/** The address of `symbol` in a program of these objects. */
function resolve(symbol: string, objects: Readonly<Record<string, Uint8Array>>, options: Options = {}) {
  const result = linkFiles({ 'main.o': main([symbol]), ...objects }, options);
  return { result, value: addressesIn(result)[0]! };
}

const KINDS = [
  'strong',
  'weak',
  'common',
  'absolute',
  'weak absolute',
  'undefined',
  'weak undefined',
] as const;
type Kind = (typeof KINDS)[number];

/** How strong a definition is; 0 is none. */
const STRENGTH: Readonly<Record<Kind, number>> = {
  undefined: 0,
  'weak undefined': 0,
  weak: 1,
  'weak absolute': 1,
  common: 2,
  strong: 3,
  absolute: 3,
};

/** An object, the `tag`th of a link, that defines `x` in this way. */
function definer(kind: Kind, tag: number): Uint8Array {
  const name = `.data.${tag}`;
  const place: Readonly<Record<Kind, number | string>> = {
    strong: name,
    weak: name,
    common: SHN_COMMON,
    absolute: SHN_ABS,
    'weak absolute': SHN_ABS,
    undefined: 0,
    'weak undefined': 0,
  };
  const value = kind.endsWith('absolute') ? 0x1000 + tag : kind === 'common' ? 2 ** tag : 0;
  const binding = kind.startsWith('weak') ? STB_WEAK : STB_GLOBAL;
  return buildObject(
    [section(name, DATA, 8)],
    [{ name: 'x', section: place[kind], value, binding, size: kind === 'common' ? 10 * tag : 8 }],
  );
}

describe('a name with several definitions', () => {
  it('gets the strongest, the first of equals, and at most one strong one', () => {
    const property = fc.property(
      fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 5 }),
      (kinds) => {
        const objects = Object.fromEntries(kinds.map((kind, i) => [`${i + 1}.o`, definer(kind, i + 1)]));
        const strongest = Math.max(...kinds.map((kind) => STRENGTH[kind]));
        const best = kinds.flatMap((kind, i) => (STRENGTH[kind] === strongest ? [i + 1] : []));
        const first = best[0]!;
        if (strongest === 0) {
          const [error] = errorsOf(() => resolve('x', objects));
          expect(error!.message).toBe('undefined symbol: x');
          return;
        }
        if (strongest === 3 && best.length > 1) {
          const errors = errorsOf(() => resolve('x', objects));
          const place = (tag: number) =>
            kinds[tag - 1] === 'strong' ? `defined by ${tag}.o:(.data.${tag}+0x0)` : `defined by ${tag}.o`;
          expect(errors.map(({ message, where }) => [message, ...where])).toEqual(
            best.slice(1).map((tag) => ['duplicate symbol: x', place(first), place(tag)]),
          );
          return;
        }
        const { result, value } = resolve('x', objects);
        if (kinds[first - 1]!.endsWith('absolute')) {
          expect(value).toBe(BigInt(0x1000 + first));
          expect(liveNames(result)).toEqual(['.text']);
        } else if (strongest === 2) {
          const { size, address, part } = placed(result, 'COMMON');
          const last = best.at(-1)!;
          expect({ value, size, part }).toEqual({ value: BigInt(address), size: 10 * last, part: 'bss' });
          expect(address % 2 ** last).toBe(0);
        } else {
          expect(value).toBe(address(result, `.data.${first}`));
          expect(liveNames(result)).toEqual([`.data.${first}`, '.text']);
        }
      },
    );
    fc.assert(property, { seed: 20_260_104, numRuns: 600 });
  });

  it('of one absolute value is no conflict', () => {
    const object = (value: bigint) =>
      setSymbolValue(buildObject([], [{ name: 'x', section: SHN_ABS }]), 'x', value);
    const wide = 0x8765_4321_0fed_cba9n;
    expect(resolve('x', { 'a.o': object(wide), 'b.o': object(wide) }).value).toBe(wide);
    for (const other of [wide + 1n, wide + 2n ** 32n]) {
      const [error] = errorsOf(() => resolve('x', { 'a.o': object(wide), 'b.o': object(other) }));
      expect(error).toMatchObject({
        code: 'duplicate-symbol',
        where: ['defined by a.o', 'defined by b.o'],
      });
    }
  });

  it('tells where the duplicates are', () => {
    const object = (value: number) =>
      buildObject([section('.text.f', CODE, 64)], [{ name: 'f', section: '.text.f', value }]);
    const errors = errorsOf(() =>
      resolve('f', { 'a.o': object(0), 'b.o': object(0x20), 'c.o': object(0x3f) }),
    );
    expect(errors.map(({ where }) => where)).toEqual([
      ['defined by a.o:(.text.f+0x0)', 'defined by b.o:(.text.f+0x20)'],
      ['defined by a.o:(.text.f+0x0)', 'defined by c.o:(.text.f+0x3f)'],
    ]);
  });

  it('stops after 100 errors', () => {
    const names = Array.from({ length: 150 }, (_, i) => `f${i}`);
    const object = buildObject(
      [section('.text.f', CODE, 4)],
      names.map((name) => ({ name, section: '.text.f' })),
    );
    const errors = errorsOf(() => resolve('f', { 'a.o': object, 'b.o': object }));
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toMatchObject({ code: 'too-many-errors' });
  });
});

describe('common symbols', () => {
  const common = (size: number, alignment: number, binding = STB_GLOBAL) =>
    buildObject([], [{ name: 'x', section: SHN_COMMON, size, value: alignment, binding }]);

  it('get the largest size and the strictest alignment of all', () => {
    const { result } = resolve('x', { 'a.o': common(100, 2), 'b.o': common(3, 64), 'c.o': common(40, 8) });
    const { size, address, alignment } = placed(result, 'COMMON');
    expect({ size, alignment, misplaced: address % 64 }).toEqual({ size: 100, alignment: 64, misplaced: 0 });
    expect(result.bytes.length).toBe(112 + 8);
    expect(result.map().memorySize).toBe(128 + 100);
  });

  it('are sections of their own, which are kept or not one by one', () => {
    const object = buildObject(
      [],
      ['x', 'y', 'z'].map((name) => ({ name, section: SHN_COMMON, size: 16, value: 1 })),
    );
    const result = linkFiles({ 'main.o': main(['x', 'z']), 'c.o': object });
    const [x, z] = addressesIn(result);
    expect(result.map().sections.map(({ name }) => name)).toEqual(['.text', 'COMMON', 'COMMON']);
    expect(z! - x!).toBe(16n);
    expect(result.map().segments[0]!.permissions).toBe('rwx');
  });

  it('report how the size of a definition counts: R_X86_64_SIZE64', () => {
    const probe = buildObject(
      [section('.text', CODE, 8, { relocations: [{ offset: 0, type: 33, symbol: 'x' }] })],
      [{ name: '_start', section: '.text' }],
    );
    const sized = (objects: Readonly<Record<string, Uint8Array>>) =>
      addressesIn(linkFiles({ 'main.o': probe, ...objects }))[0];
    const strong = buildObject([section('.data', DATA, 4)], [{ name: 'x', section: '.data', size: 4 }]);
    expect(sized({ 'a.o': common(100, 2), 'b.o': common(200, 2) })).toBe(200n);
    expect(sized({ 'a.o': common(100, 2), 'b.o': strong })).toBe(4n);
    expect(sized({ 'b.o': strong, 'a.o': common(100, 2) })).toBe(4n);
  });
});

describe('COMDAT groups', () => {
  /** A copy of the inline function, with a caller outside the group and data inside it. */
  function copy(tag: string, options: { extra?: boolean } = {}): Uint8Array {
    const sections = [
      section(`.text.inline.${tag}`, CODE, 4, { relocations: [] }),
      section(`.rodata.inline.${tag}`, RODATA, 4),
    ];
    const symbols: SymbolSpec[] = [{ name: 'inline_function', section: sections[0]!.name, value: 1 }];
    if (options.extra) symbols.push({ name: 'extra', section: sections[1]!.name });
    return groupedObject(sections, symbols);
  }

  it('are taken once, from the first object', () => {
    const { result, value } = resolve(
      'inline_function',
      { 'a.o': copy('a'), 'b.o': copy('b') },
      { gcSections: false },
    );
    expect(value).toBe(address(result, '.text.inline.a') + 1n);
    expect(liveNames(result)).toEqual(['.rodata.inline.a', '.text', '.text.inline.a']);
    const dropped = result.map().discarded.map(({ name, object, reason }) => [object, name, reason]);
    expect(dropped).toEqual([
      ['b.o', '.text.inline.b', 'a duplicate of a COMDAT group'],
      ['b.o', '.rodata.inline.b', 'a duplicate of a COMDAT group'],
    ]);
  });

  it('serve the references of the object whose copy was dropped', () => {
    const caller = (tag: string): Uint8Array =>
      groupedObject(
        [section(`.text.inline.${tag}`, CODE, 4)],
        [{ name: 'inline_function', section: `.text.inline.${tag}` }],
      );
    const start = buildObject(
      [
        section('.text', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'inline_function' }] }),
        section('.text.inline.main', CODE, 4),
        {
          name: '.group',
          flags: 0,
          type: 17,
          bytes: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0),
          link: 4,
          info: 2,
          entsize: 4,
        },
      ],
      [
        { name: '_start', section: '.text' },
        { name: 'inline_function', section: '.text.inline.main' },
      ],
    );
    const result = linkFiles({ 'a.o': caller('a'), 'main.o': start });
    expect(addressesIn(result)[0]).toBe(address(result, '.text.inline.a'));
    const swapped = linkFiles({ 'main.o': start, 'a.o': caller('a') });
    expect(addressesIn(swapped)[0]).toBe(address(swapped, '.text.inline.main'));
  });

  it('leave a symbol undefined that only the dropped copy defines', () => {
    const objects = { 'a.o': copy('a'), 'b.o': copy('b', { extra: true }) };
    expect(errorsOf(() => resolve('extra', objects)).map(({ message }) => message)).toEqual([
      'undefined symbol: extra',
    ]);
    expect(resolve('extra', { 'b.o': objects['b.o'], 'a.o': objects['a.o'] }).value).toBeGreaterThan(0n);
  });

  it('of different signatures are all kept', () => {
    const other = groupedObject(
      [section('.text.other', CODE, 4)],
      [{ name: 'other', section: '.text.other' }],
    );
    const result = linkFiles({
      'main.o': main(['inline_function', 'other']),
      'a.o': copy('a'),
      'o.o': other,
    });
    expect(liveNames(result)).toEqual(['.text', '.text.inline.a', '.text.other']);
  });

  it('are an error for who refers into the dropped copy by a local symbol', () => {
    const local = groupedObject(
      [section('.text.inline', CODE, 4)],
      [
        { name: 'inline_function', section: '.text.inline' },
        { name: '', section: '.text.inline', binding: STB_LOCAL, type: 3 },
      ],
    );
    const user = buildObject(
      [
        section('.text', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'here' }] }),
        section('.text.inline', CODE, 4),
        {
          name: '.group',
          flags: 0,
          type: 17,
          bytes: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0),
          link: 4,
          info: 3,
          entsize: 4,
        },
      ],
      [
        { name: 'here', section: '.text.inline', binding: STB_LOCAL },
        { name: '_start', section: '.text' },
        { name: 'inline_function', section: '.text.inline' },
      ],
    );
    const errors = errorsOf(() => linkFiles({ 'a.o': local, 'user.o': user }));
    expect(errors.map(({ code, message, where }) => [code, message, ...where])).toEqual([
      [
        'discarded-section',
        'here lies in a section that is not part of the program',
        'referenced by user.o:(.text+0x0)',
        'the section user.o:(.text.inline+0x0) is a duplicate of a COMDAT group',
      ],
    ]);
  });
});

describe('--defsym', () => {
  const functions = buildObject(
    [section('.text.f', CODE, 16), section('.text.g', CODE, 16)],
    [
      { name: 'f', section: '.text.f', value: 4 },
      { name: 'g', section: '.text.g' },
      { name: 'number', section: SHN_ABS, value: 1000 },
    ],
  );
  const value = (defsym: Readonly<Record<string, string>>, options: Options = {}) =>
    resolve('x', { 'f.o': functions }, { ...options, defsym });

  it('gives a number, an alias, a place beside a symbol', () => {
    expect(value({ x: '0xfedcba9876543210' }).value).toBe(0xfedc_ba98_7654_3210n);
    const alias = value({ x: 'f' });
    expect(alias.value).toBe(address(alias.result, '.text.f') + 4n);
    expect(liveNames(alias.result)).toEqual(['.text', '.text.f']);
    const beside = value({ x: 'f - 6' });
    expect(beside.value).toBe(address(beside.result, '.text.f') - 2n);
    const wrapped = value({ x: 'f + 0xffffffffffffffff' });
    expect(wrapped.value).toBe(address(wrapped.result, '.text.f') + 3n);
    expect(value({ x: 'number + 1' }).value).toBe(1001n);
  });

  it('calculates, and keeps what it mentions', () => {
    const { result, value: sum } = value({ x: '(f - g) * 2 + number' });
    expect(sum).toBe(
      BigInt.asUintN(64, (address(result, '.text.f') + 4n - address(result, '.text.g')) * 2n + 1000n),
    );
    expect(liveNames(result)).toEqual(['.text', '.text.f', '.text.g']);
    expect(value({ x: 'number ^ 0xff' }).result.map().sections).toHaveLength(1);
  });

  it('may go through other definitions, in any order', () => {
    const { result, value: chained } = value({ x: 'y * 1', y: 'z + 1', z: 'f' });
    expect(chained).toBe(address(result, '.text.f') + 5n);
    expect(value({ z: '5', y: 'z << 4', x: 'y | z' }).value).toBe(0x55n);
  });

  it('knows the linker’s own symbols', () => {
    const { result, value: end } = value({ x: '_end - __executable_start' });
    expect(end).toBe(BigInt(result.map().memorySize));
  });

  it('overrides objects, and the last of one name counts', () => {
    expect(resolve('f', { 'f.o': functions }, { defsym: { f: '77' } }).value).toBe(77n);
    const definitions = (...texts: readonly string[]) =>
      texts.map((text) => ({ name: 'x', expression: { kind: 'number', value: BigInt(text) } as const }));
    expect(resolve('x', {}, { definitions: definitions('1', '2') }).value).toBe(2n);
    const alias = { name: 'x', expression: { kind: 'symbol', name: 'f' } } as const;
    const objects = { 'f.o': functions };
    expect(resolve('x', objects, { definitions: [alias, ...definitions('2')] }).value).toBe(2n);
    const { result, value: last } = resolve('x', objects, { definitions: [...definitions('2'), alias] });
    expect(last).toBe(address(result, '.text.f') + 4n);
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['itself', { x: 'x + 0 * 2' }, '--defsym x: x is defined in terms of itself'],
    ['itself as an alias', { x: 'x' }, '--defsym x: x is defined in terms of itself'],
    ['a circle', { x: 'y * 1', y: 'z * 1', z: 'x * 1' }, '--defsym x: x is defined in terms of itself'],
    ['a division by zero', { x: '1 / (number - 1000)' }, '--defsym x: division by zero'],
  ])('refuses %s', (_name, defsym, message) => {
    const errors = errorsOf(() => value(defsym));
    expect(errors[0]).toMatchObject({ code: 'bad-expression', message });
  });

  it('reports what it mentions and nothing defines, if it is needed', () => {
    const errors = errorsOf(() => value({ x: 'nowhere * 2' }));
    expect(errors.map(({ message, where }) => [message, ...where])).toEqual([
      ['undefined symbol: nowhere', 'referenced by --defsym x'],
    ]);
    expect(errorsOf(() => value({ x: 'nowhere + 2' }))[0]!.message).toBe('undefined symbol: nowhere');
  });

  it('may name the entry', () => {
    const object = buildObject([section('.text', CODE, 8)], [{ name: 'inner', section: '.text', value: 3 }]);
    const result = linkFiles({ 'in.o': object }, { entry: 'begin', defsym: { begin: 'inner + 2' } });
    expect(result.map().entry).toBe(placed(result, '.text').address + 5);
    expect(linkFiles({ 'in.o': object }, { entry: 'begin', defsym: { begin: '0x1234' } }).map().entry).toBe(
      0x1234,
    );
  });
});

describe('-u', () => {
  const object = buildObject([section('.text.f', CODE, 4)], [{ name: 'f', section: '.text.f' }]);

  it('keeps what it names, and says so', () => {
    expect(liveNames(linkFiles({ 'main.o': main([]), 'f.o': object }))).toEqual(['.text']);
    const result = linkFiles({ 'main.o': main([]), 'f.o': object }, { undefinedSymbols: ['f'] });
    expect(liveNames(result)).toEqual(['.text', '.text.f']);
    expect(placed(result, '.text.f').keptBy).toBe('an option (-u or --defsym)');
  });

  it('makes a weak reference strong enough for an error', () => {
    const weak = buildObject(
      [section('.text', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'f' }] })],
      [
        { name: '_start', section: '.text' },
        { name: 'f', binding: STB_WEAK },
      ],
    );
    expect(addressesIn(linkFiles({ 'main.o': weak }))).toEqual([0n]);
    expect(addressesIn(linkFiles({ 'main.o': weak }, { undefinedSymbols: ['f'] }))).toEqual([0n]);
  });
});

describe('the entry', () => {
  it('must be defined', () => {
    const object = buildObject([section('.text', CODE, 4)], [{ name: 'main', section: '.text' }]);
    expect(errorsOf(() => linkFiles({ 'in.o': object }))[0]).toMatchObject({
      code: 'no-entry',
      message: 'the entry symbol _start is not defined',
    });
    expect(linkFiles({ 'in.o': object }, { entry: 'main' }).map().entry).toBe(0x400070);
  });

  it('must lie in the program', () => {
    const object = buildObject([section('.comment', 0, 4)], [{ name: '_start', section: '.comment' }]);
    expect(errorsOf(() => linkFiles({ 'in.o': object }))[0]).toMatchObject({
      message: '_start lies in a section that is not part of the program',
      where: ['the section in.o:(.comment+0x0) is not loaded'],
    });
  });
});

describe('symbols that the linker provides', () => {
  const names = [
    '__ehdr_start',
    '__executable_start',
    '__dso_handle',
    'etext',
    '_etext',
    '__etext',
    'edata',
    '_edata',
    '__bss_start',
    'end',
    '_end',
    '_GLOBAL_OFFSET_TABLE_',
  ];

  /** The program's edges, by the sizes and places in its map. */
  function edges(result: LinkResult): bigint[] {
    const { base, sections, fileSize, memorySize } = result.map();
    const text = sections.filter(({ part }) => part === 'text').at(-1)!;
    const bssStart = sections.find(({ part }) => part === 'bss')?.address ?? base + fileSize;
    const got = sections.find(({ name }) => name === '.got')?.address ?? base;
    const etext = text.address + text.size;
    const edata = base + fileSize;
    const end = base + memorySize;
    const values = [base, base, base, etext, etext, etext, edata, edata, bssStart, end, end, got];
    return values.map(BigInt);
  }

  it.each<[string, readonly SectionSpec[], readonly string[]]>([
    [
      'with all parts',
      [section('.rodata', RODATA, 5), section('.data', DATA, 3), bss('.bss', 50, 64)],
      ['.data', '.bss'],
    ],
    ['without .bss', [section('.data', DATA, 3)], ['.data']],
    ['with nothing but code and .bss', [bss('.bss', 7)], ['.bss']],
    ['with nothing but code', [], []],
  ])('mark the edges of a program %s', (_name, sections, parts) => {
    const result = linkFiles({ 'main.o': main(names, sections) }, { gcSections: false, base: 0x10000 });
    expect(addressesIn(result)).toEqual(edges(result));
    expect(result.map().sections.map(({ name }) => name)).toEqual(expect.arrayContaining([...parts]));
  });

  it('include the global offset table, where there is one', () => {
    const probe = main(names, [
      section('.text.got', CODE, 8, { relocations: [{ offset: 0, type: 28, symbol: '_start' }] }),
    ]);
    const result = linkFiles({ 'main.o': probe }, { gcSections: false });
    expect(placed(result, '.got').size).toBe(8);
    expect(addressesIn(result)).toEqual(edges(result));
  });

  it('give way to definitions of objects, weak or strong, and of --defsym', () => {
    for (const binding of [STB_GLOBAL, STB_WEAK]) {
      const own = buildObject(
        [],
        names.map((name, i) => ({ name, section: SHN_ABS, value: i, binding })),
      );
      const result = linkFiles({ 'main.o': main(names), 'own.o': own });
      expect(addressesIn(result)).toEqual(names.map((_, i) => BigInt(i)));
    }
    expect(addressesIn(linkFiles({ 'main.o': main(['_end']) }, { defsym: { _end: '9' } }))).toEqual([9n]);
  });

  it('serve weak references too', () => {
    const weak = main(['_end'], [], [{ name: '_end', binding: STB_WEAK }]);
    const result = linkFiles({ 'main.o': weak });
    expect(addressesIn(result)).toEqual([BigInt(0x400000 + result.bytes.length)]);
  });
});

describe('local symbols', () => {
  it('of one name in two objects are two symbols, and hide no global one', () => {
    const object = (name: string, more: readonly SymbolSpec[]) =>
      buildObject(
        [
          section(`.text.${name}`, CODE, 16, {
            relocations: [
              { offset: 0, type: 1, symbol: 'local' },
              { offset: 8, type: 1, symbol: 'other' },
            ],
          }),
          section(`.data.${name}`, DATA, 8),
        ],
        [{ name, section: `.text.${name}` }, ...more],
      );
    const local = (name: string, value: number) => ({
      name: 'local',
      section: `.data.${name}`,
      value,
      binding: STB_LOCAL,
    });
    const result = linkFiles({
      'a.o': object('_start', [local('_start', 1)]),
      'b.o': object('other', [local('other', 2)]),
      'c.o': buildObject([section('.data.c', DATA, 8)], [{ name: 'local', section: '.data.c' }]),
    });
    expect(liveNames(result)).not.toContain('.data.c');
    expect(readBig(contents(result, '.text._start'), 0, 8)).toBe(address(result, '.data._start') + 1n);
    expect(readBig(contents(result, '.text.other'), 0, 8)).toBe(address(result, '.data.other') + 2n);
    expect(readBig(contents(result, '.text._start'), 8, 8)).toBe(address(result, '.text.other'));
  });

  it('may be absolute', () => {
    const probe = main(['local'], [], [{ name: 'local', section: SHN_ABS, value: 0x55, binding: STB_LOCAL }]);
    expect(addressesIn(linkFiles({ 'main.o': probe }))).toEqual([0x55n]);
  });
});

describe('undefined symbols', () => {
  it('are reported once each, with the first places and the number of the others', () => {
    const relocations = Array.from({ length: 5 }, (_, i) => ({ offset: 8 * i, type: 1, symbol: 'missing' }));
    relocations.push({ offset: 40, type: 1, symbol: 'memcpy' });
    const object = buildObject(
      [section('.text', CODE, 48, { relocations })],
      [{ name: '_start', section: '.text' }],
    );
    const errors = errorsOf(() => linkFiles({ 'in.o': object }));
    expect(errors).toEqual([
      {
        severity: 'error',
        code: 'undefined-symbol',
        message: 'undefined symbol: missing',
        where: [
          'referenced by in.o:(.text+0x0)',
          'referenced by in.o:(.text+0x8)',
          'referenced by in.o:(.text+0x10), and 2 more',
        ],
      },
      expect.objectContaining({
        message: 'undefined symbol: memcpy',
        hint: expect.stringContaining('--builtins=mem'),
      }),
    ]);
  });

  it('do not matter in code that is not kept, unless everything is', () => {
    const dead = buildObject(
      [section('.text.dead', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'missing' }] })],
      [{ name: 'dead', section: '.text.dead' }],
    );
    const files = { 'main.o': main([]), 'dead.o': dead };
    expect(liveNames(linkFiles(files))).toEqual(['.text']);
    expect(errorsOf(() => linkFiles(files, { gcSections: false }))[0]!.message).toBe(
      'undefined symbol: missing',
    );
  });

  it('are 0 where all references are weak; one strong reference makes them an error', () => {
    const weak = main(['missing'], [], [{ name: 'missing', binding: STB_WEAK }]);
    expect(addressesIn(linkFiles({ 'main.o': weak }))).toEqual([0n]);
    const strong = buildObject(
      [section('.text.f', CODE, 8, { relocations: [{ offset: 0, type: 1, symbol: 'missing' }] })],
      [{ name: 'f', section: '.text.f' }],
    );
    const errors = errorsOf(() => linkFiles({ 'main.o': weak, 'f.o': strong }, { gcSections: false }));
    expect(errors[0]!.where).toEqual(['referenced by f.o:(.text.f+0x0)']);
  });
});
