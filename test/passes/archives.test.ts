/** What is taken out of archives, and what is not: common symbols, weak references, names that are known already. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { SHN_COMMON, STB_WEAK } from '../../src/elf/constants.ts';
import type { LinkOptions } from '../../src/options.ts';
import {
  concat,
  entry,
  entryHeader,
  errorsOf,
  functionObject,
  gnuArchive,
  latin1,
  linkFiles,
  RODATA,
  section,
} from '../elf/make.ts';

const R_64 = 1;

/** An object with a common symbol. */
function commonObject(name: string, size = 8): Uint8Array {
  return buildObject([], [{ name, section: SHN_COMMON, value: 8, size }]);
}

/** An object with a variable of that name, and the addresses of others. */
function variable(name: string, needs: readonly string[] = []): Uint8Array {
  const relocations = needs.map((symbol, i) => ({ offset: 8 * i, type: R_64, symbol }));
  const data = section(`.rodata.${name}`, RODATA, 8 * needs.length + 8, { relocations });
  return buildObject([data], [{ name, section: data.name }]);
}

/** An archive of objects, each under the name of its file. */
function archiveOf(members: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const entries = Object.entries(members).map(([name, bytes]) => ({
    name: `${name}.o`,
    bytes,
    symbols: [name],
  }));
  return gnuArchive(entries);
}

/** What takes part of a link, by file and member. */
function taken(files: Readonly<Record<string, Uint8Array>>, options: Partial<LinkOptions> = {}): string[] {
  return [...linkFiles(files, options).inputs()].sort();
}

const MAIN = functionObject('_start', ['x']);

describe('a thin archive that names a member of another archive', () => {
  const inner = archiveOf({ x: variable('x'), y: variable('y') });
  const thinWith = (header: number) =>
    concat(latin1('!<thin>\n'), entry('//', latin1('lib.a/\n')), entryHeader(`/0:${header}`, 1));
  const headerOf = (name: string) => Buffer.from(inner).lastIndexOf(`${name}/`);
  const linkThin = (header: number) =>
    linkFiles(
      { 'a.o': MAIN, 'thin.a': thinWith(header), 'lib.a': inner },
      { inputs: ['a.o', 'thin.a'].map((path) => ({ kind: 'file', path })) },
    );

  it('takes that', () => {
    expect([...linkThin(headerOf('x.o')).inputs()]).toContain('thin.a(lib.a)');
  });

  it('says which of them is damaged', () => {
    expect(errorsOf(() => linkThin(headerOf('x.o') + 2))[0]).toMatchObject({
      message: expect.stringContaining('lib.a: an archive member header does not end in'),
    });
  });
});

describe('a common symbol takes a definition with a value', () => {
  const defining = archiveOf({ x: variable('x') });
  it.each<[string, Readonly<Record<string, Uint8Array>>]>([
    ['from an archive behind it', { 'a.o': MAIN, 'c.o': commonObject('x'), 'lib.a': defining }],
    ['from an archive in front of it', { 'lib.a': defining, 'c.o': commonObject('x'), 'a.o': MAIN }],
    ['before anything refers to it', { 'c.o': commonObject('x'), 'lib.a': defining, 'a.o': MAIN }],
  ])('%s', (_, files) => {
    expect(taken(files)).toEqual(['a.o', 'c.o', 'lib.a(x.o)']);
  });

  it('which may need more, and have common symbols in turn', () => {
    const y = archiveOf({ y: variable('y', ['z']), z: functionObject('z', ['u']) });
    const lib = archiveOf({ x: variable('x', ['y']), u: commonObject('u') });
    const files = { 'a.o': MAIN, 'c.o': commonObject('x'), 'lib.a': lib, 'more.a': y };
    expect(taken(files)).toEqual(['a.o', 'c.o', 'lib.a(u.o)', 'lib.a(x.o)', 'more.a(y.o)', 'more.a(z.o)']);
  });

  it('but not another common symbol, nor a member that refers to it', () => {
    const tentative = archiveOf({ x: commonObject('x', 16) });
    expect(taken({ 'a.o': MAIN, 'c.o': commonObject('x'), 'lib.a': tentative })).toEqual(['a.o', 'c.o']);
    const referring = gnuArchive([{ name: 'r.o', bytes: functionObject('r', ['x']), symbols: ['x'] }]);
    expect(taken({ 'a.o': MAIN, 'c.o': commonObject('x'), 'lib.a': referring })).toEqual(['a.o', 'c.o']);
  });
});

describe('a member is taken', () => {
  const lib = archiveOf({ x: variable('x', ['y']), y: variable('y'), z: variable('z') });

  it('where something needs it, and those that it needs', () => {
    expect(taken({ 'a.o': MAIN, 'lib.a': lib })).toEqual(['a.o', 'lib.a(x.o)', 'lib.a(y.o)']);
    expect(taken({ 'lib.a': lib, 'a.o': MAIN })).toEqual(['a.o', 'lib.a(x.o)', 'lib.a(y.o)']);
  });

  it('not where all who refer to it do so weakly', () => {
    const weak = (name: string) => functionObject(name, ['x'], { weakly: true });
    expect(taken({ 'a.o': weak('_start'), 'lib.a': lib })).toEqual(['a.o']);
    expect(taken({ 'lib.a': lib, 'a.o': weak('_start') })).toEqual(['a.o']);
    const files = { 'a.o': weak('_start'), 'lib.a': lib, 'b.o': functionObject('f', ['x']) };
    expect(taken(files)).toEqual(['a.o', 'b.o', 'lib.a(x.o)', 'lib.a(y.o)']);
  });

  it('not where an object defines the name, weakly or strongly, before or behind', () => {
    const weak = buildObject(
      [section('.rodata.x', RODATA, 8)],
      [{ name: 'x', section: '.rodata.x', binding: STB_WEAK }],
    );
    for (const object of [weak, variable('x')]) {
      expect(taken({ 'a.o': MAIN, 'b.o': object, 'lib.a': lib })).toEqual(['a.o', 'b.o']);
      expect(taken({ 'b.o': object, 'lib.a': lib, 'a.o': MAIN })).toEqual(['a.o', 'b.o']);
    }
  });

  it('where options name it', () => {
    const start = functionObject('_start');
    expect(taken({ 'a.o': start, 'lib.a': lib }, { undefinedSymbols: ['z'] })).toEqual(['a.o', 'lib.a(z.o)']);
    expect(taken({ 'a.o': start, 'lib.a': lib }, { requiredSymbols: ['z'] })).toEqual(['a.o', 'lib.a(z.o)']);
    expect(taken({ 'lib.a': archiveOf({ go: functionObject('go') }) }, { entry: 'go' })).toEqual([
      'lib.a(go.o)',
    ]);
  });

  it('all of an archive that takes part as a whole', () => {
    const inputs = [
      { kind: 'file', path: 'a.o' },
      { kind: 'file', path: 'lib.a', extraction: 'all' },
    ] as const;
    const names = ['a.o', 'lib.a(x.o)', 'lib.a(y.o)', 'lib.a(z.o)'];
    expect(taken({ 'a.o': functionObject('_start'), 'lib.a': lib }, { inputs })).toEqual(names);
  });

  it('an object like a member, where it is to be taken only if it is needed', () => {
    const inputs = (['a.o', 'x.o', 'y.o', 'z.o'] as const).map((path) => ({
      kind: 'file' as const,
      path,
      ...(path === 'a.o' ? {} : { extraction: 'needed' as const }),
    }));
    const files = { 'x.o': variable('x', ['y']), 'y.o': variable('y'), 'z.o': variable('z') };
    expect(taken({ 'a.o': MAIN, ...files }, { inputs })).toEqual(['a.o', 'x.o', 'y.o']);
    const common = { ...files, 'a.o': functionObject('_start', ['x']), 'c.o': commonObject('x') };
    const behind = [...inputs, { kind: 'file' as const, path: 'c.o' }];
    expect(taken(common, { inputs: behind })).toEqual(['a.o', 'c.o', 'x.o', 'y.o']);
  });
});

describe('--warn-common', () => {
  const warnings = (...objects: readonly Uint8Array[]) => {
    const files = Object.fromEntries(objects.map((bytes, i) => [`${i}.o`, bytes]));
    return linkFiles({ 'a.o': MAIN, ...files }, { warnCommon: true }).diagnostics.map(
      ({ message, where }) => `${message} ${where.join(' ')}`,
    );
  };
  const meets = 'common symbol meets another definition: x in 0.o in 1.o';

  it('tells of common symbols that meet others', () => {
    expect(warnings(commonObject('x'), commonObject('x'))).toEqual([meets]);
    expect(warnings(commonObject('x'), variable('x'))).toEqual([meets]);
    expect(warnings(variable('x'), commonObject('x'))).toEqual([meets]);
  });

  it('says nothing of those that meet none', () => {
    expect(warnings(commonObject('x'), commonObject('y'))).toEqual([]);
    expect(warnings(commonObject('x'), functionObject('f', ['x']))).toEqual([]);
    const weak = buildObject(
      [section('.rodata.x', RODATA, 8)],
      [{ name: 'x', section: '.rodata.x', binding: STB_WEAK }],
    );
    expect(warnings(variable('x'), weak)).toEqual([]);
  });
});

describe('a definition by --defsym', () => {
  /** Address and size, as R_X86_64_SIZE64 gives it, of `alias`. */
  const outcomeOf = (text: string) => {
    const relocations = [1, 33].map((type, i) => ({ offset: 8 * i, type, symbol: 'alias' }));
    const start = section('.text', 6, new Uint8Array(16), { relocations });
    const data = section('.rodata', RODATA, new Uint8Array(32).fill(1));
    const object = buildObject(
      [start, data],
      [
        { name: '_start', section: '.text' },
        { name: 'x', section: '.rodata', value: 4, size: 12 },
        { name: 'n', section: 0xfff1, value: 6 },
      ],
    );
    const result = linkFiles({ 'a.o': object }, { defsym: { alias: text } });
    const { sections } = result.map();
    const at = (name: string) => sections.find((each) => each.name === name);
    const view = new DataView(result.bytes.buffer, result.bytes.byteOffset + at('.text')!.fileOffset!);
    const [address, size] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
    const base = at('.rodata')?.address;
    return [base === undefined ? undefined : Number(address) - base, Number(size)];
  };

  it.each<[string, readonly (number | undefined)[]]>([
    ['x', [4, 12]],
    ['x + 5', [9, 12]],
    ['x - 3', [1, 12]],
    ['5 + x', [9, 0]],
    ['x * 1', [4, 0]],
    ['x + n', [10, 0]],
    ['x + (2 + 3)', [9, 0]],
  ])('%s', (text, expected) => {
    expect(outcomeOf(text)).toEqual(expected);
  });
});
