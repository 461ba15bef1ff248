/** Scripts as inputs: what they name, where it is looked for, and what else they say. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { readU64 } from '../../src/elf/bytes.ts';
import { UnreadableFile } from '../../src/inputs.ts';
import { link } from '../../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { looksLikeScript } from '../../src/script/recognize.ts';
import {
  CODE,
  errorsOf,
  functionObject,
  gnuArchive,
  latin1,
  linkFiles,
  placed,
  section,
} from '../elf/make.ts';
import { FULL, LIBC, LIBM, TINY } from './scripts.ts';

const CALLER = functionObject('_start', ['one']);
const SHARED = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0]);

/** An archive with one function. */
function library(name: string): Uint8Array {
  return gnuArchive([{ name: `${name}.o`, bytes: functionObject(name), symbols: [name] }]);
}

/** Links `main.o` and the named inputs out of these files; texts are scripts. */
function linkNamed(
  names: readonly string[],
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Partial<LinkOptions> = {},
) {
  const bytes = Object.entries(files).map(
    ([path, content]) => [path, typeof content === 'string' ? latin1(content) : content] as const,
  );
  const inputs = ['main.o', ...names].map((path) => ({ kind: 'file', path }) as const);
  return linkFiles({ 'main.o': CALLER, ...Object.fromEntries(bytes) }, { inputs, ...options });
}

/** Messages with the places that they name. */
function errors(...call: Parameters<typeof linkNamed>): string[] {
  return errorsOf(() => linkNamed(...call)).map(({ message, where }) => [message, ...where].join(' | '));
}

describe('files that a script names', () => {
  it.each([
    ['GROUP', 'GROUP ( /lib/libone.a )', '/lib/libone.a'],
    ['INPUT', 'INPUT(/lib/libone.a)', '/lib/libone.a'],
    ['a library', 'SEARCH_DIR(/else) INPUT(-lone)', '/else/libone.a'],
    ['a library by its file', 'INPUT(-l:the.a)', '/usr/lib/the.a'],
    ['a file beside the script', 'INPUT(one.a)', 'scripts/one.a'],
    ['a file in the working folder', 'INPUT(sub/one.a)', 'sub/one.a'],
    ['a file in a library folder', 'INPUT(one.a)', '/usr/lib/one.a'],
    ['AS_NEEDED', 'GROUP(AS_NEEDED(one.a))', 'scripts/one.a'],
  ])('%s', (_, script, path) => {
    const files = { 'scripts/x.a': `/* GNU ld script */ ${script}`, [path]: library('one') };
    const result = linkNamed(['scripts/x.a'], files, { libraryPaths: ['/usr/lib'] });
    expect(result.inputs()).toEqual(['main.o', `${path}(one.o)`]);
  });

  it('stand where the script stands, and STARTUP in front of all', () => {
    const files = {
      'x.ld': 'STARTUP(first.o) INPUT(b.o)',
      'first.o': functionObject('f'),
      'b.o': functionObject('one'),
    };
    expect(linkNamed(['x.ld', 'c.o'], { ...files, 'c.o': functionObject('c') }).inputs()).toEqual([
      'first.o',
      'main.o',
      'b.o',
      'c.o',
    ]);
  });

  it('take part as a whole if the script does', () => {
    const inputs = [
      { kind: 'file', path: 'main.o' },
      { kind: 'file', path: 'x.a', extraction: 'all' },
    ] as const;
    const two = gnuArchive([
      { name: 'one.o', bytes: functionObject('one'), symbols: ['one'] },
      { name: 'two.o', bytes: functionObject('two'), symbols: ['two'] },
    ]);
    const result = linkNamed([], { 'x.a': 'INPUT(two.a)', 'two.a': two }, { inputs });
    expect(result.inputs()).toContain('two.a(two.o)');
  });

  it('may be scripts', () => {
    const files = {
      'x.a': 'INPUT(y.a)',
      'y.a': 'INPUT(z.a) INPUT(z.a)',
      'z.a': 'INPUT(one.a)',
      'one.a': library('one'),
    };
    expect(linkNamed(['x.a'], files).inputs()).toContain('one.a(one.o)');
  });

  it('lie in the sysroot if the script does', () => {
    const script = 'GROUP(/lib/one.a =/lib/two.a)';
    const files = { '/sys/lib/one.a': library('one'), '/sys/lib/two.a': library('two') };
    const inside = linkNamed(['/sys/x.a'], { ...files, '/sys/x.a': script }, { sysroot: '/sys' });
    expect(inside.inputs()).toContain('/sys/lib/one.a(one.o)');
    expect(errors(['/system/x.a'], { ...files, '/system/x.a': script }, { sysroot: '/sys' })).toContain(
      'no such file: /lib/one.a | named by /system/x.a:1',
    );
  });

  it('are skipped if they are shared and AS_NEEDED, and refused otherwise', () => {
    const files = { 'one.a': library('one'), 'libs.so': SHARED };
    const options = { libraryPaths: ['.'] };
    expect(linkNamed(['x'], { ...files, x: 'GROUP(one.a AS_NEEDED(libs.so))' }).inputs()).toHaveLength(2);
    const byName = { 'one.a': library('one'), './libs.so': SHARED, x: 'GROUP(one.a AS_NEEDED(-ls))' };
    expect(linkNamed(['x'], byName, options).inputs()).toHaveLength(2);
    expect(errors(['x'], { ...files, x: 'GROUP(one.a libs.so)' })[0]).toMatch(
      /libs\.so: the file is a linked ELF file/,
    );
  });

  it('must exist', () => {
    expect(
      errors(['x.ld'], { 'x.ld': '\n\nINPUT(nowhere.o AS_NEEDED(nor.o)\n-lmissing)' }).slice(0, 3),
    ).toEqual([
      'no such file: nowhere.o | named by x.ld:3',
      'no such file: nor.o | named by x.ld:3',
      'no library libmissing.a for -lmissing | named by x.ld:4',
    ]);
  });
});

describe('libraries', () => {
  const missing = (
    name: string,
    files: Readonly<Record<string, Uint8Array | string>>,
    libraryPaths: string[],
  ) => {
    const inputs = [{ kind: 'file', path: 'main.o' } as const, { kind: 'library', name } as const];
    return errorsOf(() => linkNamed([], files, { inputs, libraryPaths }))[0];
  };

  it('that are missing are told with all folders', () => {
    expect(missing('one', {}, [])).toEqual({
      severity: 'error',
      code: 'missing-library',
      message: 'no library libone.a for -lone',
      where: [],
      hint: 'say where it is with -L <dir>; no -L was given',
    });
    expect(missing('one', {}, ['a', 'b'])).toMatchObject({
      where: ['not in a', 'not in b'],
      hint: 'say where it is with -L <dir>',
    });
  });

  it.each([
    ['of 32 bits', (bytes: Uint8Array) => bytes.fill(1, 4, 5)],
    ['of another machine', (bytes: Uint8Array) => bytes.fill(183, 18, 19)],
  ])('%s are passed over, as by GNU ld, where there is another', (_, change) => {
    const foreign = change(functionObject('one'));
    const archive = gnuArchive([{ name: 'one.o', bytes: foreign, symbols: ['one'] }]);
    const inputs = [
      { kind: 'file', path: 'main.o' },
      { kind: 'library', name: 'one' },
    ] as const;
    const libraryPaths = ['a', 'b', 'c'];
    for (const first of [archive, foreign]) {
      const files = { 'a/libone.a': first, 'c/libone.a': library('one') };
      expect(linkNamed([], files, { inputs, libraryPaths }).inputs()).toContain('c/libone.a(one.o)');
      const named = { 'x.ld': 'SEARCH_DIR(a) SEARCH_DIR(c) INPUT(-lone)', ...files };
      expect(linkNamed(['x.ld'], named).inputs()).toContain('c/libone.a(one.o)');
      expect(missing('one', { 'a/libone.a': first }, libraryPaths)!.message).toMatch(/^a\/libone\.a/);
    }
  });

  it('that are only shared are told as such, where the name is not that of a file', () => {
    expect(missing('one', { 'b/libone.so': SHARED }, ['a', 'b'])).toMatchObject({
      hint: 'there is only the shared b/libone.so; static executables need libone.a, often in another package',
    });
    expect(missing(':one', { 'b/lib:one.so': SHARED }, ['a', 'b'])).toMatchObject({
      message: 'no library one for -l:one',
      hint: 'say where it is with -L <dir>',
    });
    expect(missing('one:', { 'b/libone:.so': SHARED }, ['b'])?.hint).toMatch(/^there is only the shared/);
  });

  it('that compilers link with what is dynamic are told as that', () => {
    expect(missing('gcc_s', {}, ['a'])).toMatchObject({
      message: 'no library libgcc_s.a for -lgcc_s',
      hint: 'it is for dynamic executables: give the compiler -static, or rustc -C target-feature=+crt-static',
    });
  });

  it('that a script names and that cannot be read are one error', () => {
    const known = new Map([
      ['main.o', CALLER],
      ['x.ld', latin1('INPUT(one.o)')],
    ]);
    const files = {
      get(path: string) {
        if (path === 'one.o') throw new UnreadableFile('it is a folder');
        return known.get(path);
      },
    };
    const inputs = ['main.o', 'x.ld'].map((path) => ({ kind: 'file', path }) as const);
    const found = errorsOf(() => link(files, { ...DEFAULT_OPTIONS, inputs }));
    expect(found.map(({ message }) => message)).toEqual([
      'cannot read one.o: it is a folder',
      'undefined symbol: one',
    ]);
  });
});

describe('scripts that cannot be followed', () => {
  it('name themselves', () => {
    const files = { 'x.ld': 'INPUT(y.ld)', 'y.ld': 'INPUT(x.ld)' };
    expect(errors(['x.ld'], files)[0]).toBe(
      'the linker script x.ld names itself | read because of y.ld | read because of x.ld',
    );
  });

  it('multiply', () => {
    const levels = Array.from({ length: 12 }, (_, i) => [`${i}.ld`, `INPUT(${i + 1}.ld ${i + 1}.ld)`]);
    expect(errors(['0.ld'], { ...Object.fromEntries(levels), '12.ld': ';' }).join()).toMatch(
      /too many linker scripts/,
    );
  });

  it('are malformed: there is one error, with the line', () => {
    expect(errors(['x.ld'], { 'x.ld': 'GROUP(a.o\n b.o;)' })).toEqual([
      "x.ld: line 2: expected a file, found ';' | at offset 0xe of x.ld",
    ]);
  });

  it('are no scripts', () => {
    const [first] = errorsOf(() => linkNamed(['x'], { x: 'Dear linker,\nplease link this.' }));
    expect(first?.message).toBe('x: the file is text, but no linker script');
  });

  it('do not exist', () => {
    expect(errors([], {}, { scripts: ['no.ld'] })[0]).toBe('no such linker script: no.ld');
    // Not in a library folder if the path is absolute.
    const files = { 'dir//no.ld': ';' };
    expect(errors([], files, { scripts: ['/no.ld'], libraryPaths: ['dir'] })[0]).toBe(
      'no such linker script: /no.ld',
    );
  });
});

describe('looksLikeScript', () => {
  it.each([
    LIBM,
    LIBC,
    TINY,
    FULL,
    '',
    '/* only\na comment */',
    ';;ENTRY (x)',
    'a=1;',
    'x <<= 2;',
    '/* open',
  ])('%j', (text) => {
    expect(looksLikeScript(text)).toBe(true);
  });

  it.each(['int main;', 'INPUT', 'GROUPS(x)', '#!/bin/sh\nset -e', '/* */ hello', 'a: b = c'])(
    'not %j',
    (text) => {
      expect(looksLikeScript(text)).toBe(false);
    },
  );
});

describe('other commands', () => {
  const one = { 'one.o': functionObject('one') };

  it('ENTRY names the entry, which the command line may override', () => {
    const files = { ...one, 'x.ld': 'ENTRY(one)' };
    const entryOf = (options: Partial<LinkOptions>) =>
      readU64(linkNamed(['one.o', 'x.ld'], files, { gcSections: false, ...options }).bytes, 24);
    expect(entryOf({}) - entryOf({ entry: '_start' })).toBe(16);
  });

  it('EXTERN keeps a symbol', () => {
    const more = { ...one, 'x.ld': 'EXTERN(extra)', 'e.a': library('extra') };
    expect(placed(linkNamed(['one.o', 'e.a', 'x.ld'], more), '.text.extra').keptBy).toMatch(/option/);
  });

  it('OUTPUT names the executable', () => {
    expect(linkNamed(['one.o', 'x.ld'], { ...one, 'x.ld': 'OUTPUT(prog)' }).output).toBe('prog');
    expect(linkNamed(['one.o'], one).output).toBeUndefined();
  });

  it('formats and architectures that are ours change nothing', () => {
    const script =
      'OUTPUT_FORMAT(elf64-x86-64, elf64-x86-64, x) TARGET(elf64-x86-64) OUTPUT_ARCH(i386:x86-64)';
    const plain = linkNamed(['one.o'], one);
    expect(linkNamed(['one.o', 'x.ld'], { ...one, 'x.ld': script }).bytes).toEqual(plain.bytes);
  });

  it.each([
    [
      'OUTPUT_FORMAT(elf32-i386)',
      'OUTPUT_FORMAT(elf32-i386) is not supported; expected elf64-x86-64 or binary | x.ld:1',
    ],
    ['TARGET(srec)', 'TARGET(srec) is not supported; expected elf64-x86-64 | x.ld:1'],
    ['OUTPUT_ARCH(arm)', 'OUTPUT_ARCH(arm) is not supported; expected i386:x86-64 | x.ld:1'],
    ['. = 4;', "'.' can be assigned to only within SECTIONS | x.ld:1"],
    ['OUTPUT_FORMAT(binary)', 'OUTPUT_FORMAT(binary) needs a linker script with SECTIONS | x.ld:1'],
    ['x = .;', "'.' has no value outside of SECTIONS | x.ld:1"],
    ['ASSERT(1 > 2, "no order")', 'no order | x.ld:1'],
    ['x = nothing + 1;', 'undefined symbol: nothing | x.ld:1'],
  ])('%s is an error', (script, message) => {
    const files = { ...one, 'x.ld': `${script} ENTRY(_start)` };
    expect(errors(['one.o'], files, { scripts: ['x.ld'] })).toEqual([message]);
  });

  it('scripts of -T are found in library folders', () => {
    const files = { ...one, 'dir/x.ld': 'OUTPUT(found)' };
    expect(linkNamed(['one.o'], files, { scripts: ['x.ld'], libraryPaths: ['dir'] }).output).toBe('found');
  });
});

describe('assignments without SECTIONS', () => {
  /** A program whose section `.words` holds the addresses of these symbols. */
  function values(script: string, names: readonly string[], options: Partial<LinkOptions> = {}): number[] {
    const relocations = names.map((symbol, i) => ({ offset: 8 * i, type: 1, symbol }));
    const words = section('.words', CODE, 8 * names.length, { relocations });
    const object = buildObject([words], [{ name: '_start', section: '.words' }]);
    const result = linkFiles({ 'w.o': object, 'x.ld': latin1(script) }, options);
    const { fileOffset } = placed(result, '.words');
    return names.map((_, i) => readU64(result.bytes, fileOffset! + 8 * i));
  }

  it('define symbols, also by those that come later', () => {
    const script = 'a = b + 1; b = 0x1000; c = _start + 2; b += 4;';
    const [a, b, c] = values(script, ['a', 'b', 'c']);
    expect([a, b, c]).toEqual([0x1005, 0x1004, 0x400072]);
  });

  it('PROVIDE only what is needed', () => {
    expect(
      values('PROVIDE(x = y); PROVIDE(y = 7); PROVIDE(_start = 1); PROVIDE(z = nowhere);', ['x']),
    ).toEqual([7]);
  });

  it('keep what an object defines for DEFINED', () => {
    const script = '_start = DEFINED(_start) ? _start + 1 : 5; b = DEFINED(c) ? c : 6;';
    expect(values(script, ['_start', 'b'], { entry: '0x1234' })).toEqual([0x400071, 6]);
  });

  it('give way to --defsym', () => {
    const definitions = [{ name: 'a', expression: { kind: 'number', value: 3n } }] as const;
    expect(values('a = 1; b = a + 1;', ['a', 'b'], { definitions })).toEqual([3, 4]);
  });

  it('may use the linker’s own symbols', () => {
    expect(values('x = _end - __ehdr_start;', ['x'])).toEqual([120]);
  });
});
