/** `--reproduce`: archives that link again elsewhere, and the tar format. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainWords, valueNames } from '../src/cli/linkArgv.ts';
import { Places } from '../src/cli/places.ts';
import { rewriteLinkWords } from '../src/cli/rewriteWords.ts';
import { headersOf, writeTar } from '../src/node/tar.ts';
import { LINK_OPTIONS } from '../src/options.ts';
import { VERSION } from '../src/version.ts';
import { FIXTURES } from './programs.ts';
import { hasTool, type Outcome, run, scratchFolder, tinyelf } from './run.ts';

const scratch = scratchFolder();
const C_OBJECTS = join(FIXTURES, 'c-objects/static');
const OBJECTS = readdirSync(C_OBJECTS).filter((name) => name.endsWith('.o'));

/** A folder with the objects of a C program, and its library in a folder beside it. */
function folderFor(name: string): string {
  const folder = join(scratch, name, 'work');
  mkdirSync(join(scratch, name, 'lib'), { recursive: true });
  cpSync(C_OBJECTS, folder, { recursive: true });
  copyFileSync(join(C_OBJECTS, 'libutil.a'), join(scratch, name, 'lib/libutil.a'));
  rmSync(join(folder, 'libutil.a'));
  return folder;
}

/** Unpacks an archive by tar(1). @returns its folder */
function unpack(archive: string, name: string): string {
  const place = join(scratch, name, 'unpacked');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  expect(run('tar', ['-xf', archive, '-C', place])).toMatchObject({ code: 0, stderr: '' });
  return join(place, readdirSync(place)[0]!);
}

/** Links with --reproduce, unpacks, removes what was there, and links again. */
function reproduce(name: string, command: 'ld' | 'link', words: readonly string[], cwd = folderFor(name)) {
  const archive = join(scratch, `${name}.tar`);
  const first = tinyelf([command, ...words, '--reproduce', archive], { cwd });
  const folder = unpack(archive, name);
  return { first, archive, cwd, folder, again: () => tinyelf([command, '@response.txt'], { cwd: folder }) };
}

/** Links both ways and compares. */
function expectSame(name: string, command: 'ld' | 'link', words: readonly string[], cwd?: string): string {
  const done = reproduce(name, command, [...words, '-o', 'out'], cwd);
  expect(done.first).toMatchObject({ code: 0, stderr: '' });
  const program = readFileSync(join(done.cwd, 'out'));
  rmSync(join(scratch, name, 'work'), { recursive: true, force: true });
  rmSync(join(scratch, name, 'lib'), { recursive: true, force: true });
  expect(done.again()).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(done.folder, 'out'))).toEqual(program);
  return done.folder;
}

function response(folder: string): string {
  return readFileSync(join(folder, 'response.txt'), 'utf8');
}

describe('a reproduction', () => {
  it.each(['ld', 'link'] as const)('of %s links to the same bytes', (command) => {
    const words = [...OBJECTS, '-L../lib', '-lutil', '--builtins=mem', '--symbols'];
    const folder = expectSame(`same-${command}`, command, words);
    expect(readFileSync(join(folder, 'version.txt'), 'utf8')).toContain(`tinyelf ${VERSION}\n`);
  });

  it('keeps relative paths and takes absolute ones in', () => {
    const library = join(scratch, 'kept/lib');
    const folder = expectSame('kept', 'ld', [...OBJECTS, `-L${library}`, '-lutil', '--builtins=mem']);
    expect(readdirSync(folder)).toEqual(
      expect.arrayContaining([...OBJECTS, 'response.txt', 'root', 'version.txt']),
    );
    expect(response(folder)).toContain(`-L root${library}\n-lutil\n`);
    expect(response(folder)).toContain('\nmain.o\n');
  });

  it('has every file once, with the same time and owner', () => {
    const { archive } = reproduce('listed', 'ld', [...OBJECTS, '-L../lib', '-lutil', '--builtins=mem']);
    const { stdout } = run('tar', ['--utc', '--numeric-owner', '-tvf', archive]);
    const lines = stdout.toString().trim().split('\n');
    expect(lines.length).toBe(OBJECTS.length + 3);
    for (const line of lines) expect(line).toMatch(/^-rw-r--r-- 0\/0 +\d+ 1970-01-01 00:00 listed\//);
    expect(statSync(archive).mode & 0o111).toBe(0);
  });

  it('is the same whenever it is made', () => {
    const words = [...OBJECTS, '-L../lib', '-lutil', '--builtins=mem'];
    const { archive, cwd } = reproduce('again', 'ld', words);
    const before = readFileSync(archive);
    reproduce('again', 'ld', words, cwd);
    expect(readFileSync(archive)).toEqual(before);
  });

  it('can be reproduced itself', () => {
    const words = [...OBJECTS, '-L../lib', '-lutil', '--builtins=mem', '--symbols'];
    const folder = expectSame('once', 'ld', words);
    const program = readFileSync(join(folder, 'out'));
    const twice = reproduce('twice', 'ld', ['@response.txt'], folder);
    expect(twice.first).toMatchObject({ code: 0, stderr: '' });
    expect(twice.again()).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(twice.folder, 'out'))).toEqual(program);
  });

  it('is written when the link fails, and fails in the same way', () => {
    const cwd = folderFor('failing');
    copyFileSync(join(FIXTURES, 'errors/undefined.o'), join(cwd, 'undefined.o'));
    const { first, again } = reproduce('failing', 'link', ['undefined.o', 'missing.o'], cwd);
    expect(first.code).toBe(1);
    expect(first.stderr).toMatch(/no such file: missing\.o/);
    expect(again()).toEqual(first);
  });

  it('has members of thin archives, with names of any kind', () => {
    const cwd = folderFor('thin');
    mkdirSync(join(cwd, 'obj'));
    mkdirSync(join(cwd, 'archives'));
    const members = ['io.o', 'numbers.o', 'tables.o', 'words.o'].map(
      (name) => `obj/${'long '.repeat(30)}"é\\ ${name}`,
    );
    for (const path of members) copyFileSync(join(C_OBJECTS, path.split(' ').at(-1)!), join(cwd, path));
    if (!hasTool('ar')) return;
    expect(run('ar', ['rcT', 'archives/all.a', ...members], { cwd }).code).toBe(0);
    expectSame(
      'thin',
      'ld',
      ['start.o', 'main.o', 'archives/all.a', '../lib/libutil.a', '--builtins=mem'],
      cwd,
    );
  });

  it('has what scripts name, by any path', () => {
    const cwd = folderFor('scripts');
    const absolute = join(scratch, 'scripts/lib/libutil.a');
    writeFileSync(join(cwd, '../lib/all.ld'), `GROUP ( ${absolute} words.o )\nINPUT(main.o)`);
    const others = OBJECTS.filter((name) => !['words.o', 'main.o'].includes(name));
    expectSame('scripts', 'ld', [...others, '../lib/all.ld', '--builtins=mem'], cwd);
  });

  it('has scripts of -T, looked for in folders of libraries', () => {
    const cwd = folderFor('sections');
    writeFileSync(
      join(cwd, '../lib/own.ld'),
      'SECTIONS { . = 0x10000; .all : { main.o(*) *(.text* .rodata* .data* .bss*) } }',
    );
    expectSame(
      'sections',
      'ld',
      [
        ...OBJECTS,
        join(cwd, '../lib/libutil.a'),
        '-L',
        join(cwd, '../lib'),
        '-T',
        'own.ld',
        '--builtins=mem',
      ],
      cwd,
    );
  });

  it('has response files, and libraries in a sysroot', () => {
    const cwd = folderFor('sysroot');
    const root = join(scratch, 'sysroot');
    writeFileSync(join(cwd, 'words.rsp'), `${OBJECTS.join('\n')} --sysroot=${root} -L=/lib --builtins=mem`);
    const folder = expectSame('sysroot', 'ld', ['@words.rsp', '-lutil'], cwd);
    expect(readdirSync(folder)).toContain('words.rsp');
    expect(response(folder)).toContain(`--sysroot root${root}\n-L =/lib\n`);
  });

  it('has standard input', () => {
    const cwd = folderFor('piped');
    const archive = join(scratch, 'piped.tar');
    const input = readFileSync(join(FIXTURES, 'exit42/main.o'));
    const first = tinyelf(['link', '-', '-o', '-', '--reproduce', archive], { cwd, input });
    expect(first.code).toBe(0);
    expect(tinyelf(['link', '@response.txt'], { cwd: unpack(archive, 'piped') })).toEqual(first);
  });

  it('writes nothing outside its folder', () => {
    const cwd = folderFor('outputs');
    const outputs = [
      '-o',
      '../main.o',
      '--dependency-file',
      join(scratch, 'elsewhere.d'),
      '-Map=../there.map',
    ];
    const words = [...OBJECTS, '../lib/libutil.a', '--builtins=mem', ...outputs];
    const { folder, again } = reproduce('outputs', 'ld', words, cwd);
    rmSync(join(scratch, 'elsewhere.d'));
    expect(again()).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['elsewhere.d', 'main.o', 'there.map']));
    expect(() => statSync(join(scratch, 'elsewhere.d'))).toThrow();
    const [plain] = [reproduce('unnamed', 'link', [...OBJECTS, '../lib/libutil.a', '--builtins', 'mem'])];
    expect(response(plain.folder)).toMatch(/^-o a\.out$/m);
  });

  it('does not replace a file of the link by its output', () => {
    const cwd = folderFor('clash');
    const words = [...OBJECTS, join(cwd, '../lib/libutil.a'), '--builtins=mem', '-o', '../main.o'];
    const { folder, again } = reproduce('clash', 'ld', words, cwd);
    expect(again().code).toBe(0);
    expect(readFileSync(join(folder, 'main.o'))).toEqual(readFileSync(join(C_OBJECTS, 'main.o')));
    expect(readdirSync(folder)).toContain('main.o.out');
  });

  it.each([
    ['a missing folder', 'nowhere/x.tar', /cannot write nowhere\/x\.tar: no such file or directory/],
    ['a folder', '.', /cannot write \.: it is a directory/],
    ['a device', '/dev/null', /cannot write \/dev\/null: it is no ordinary file/],
  ])('cannot be written to %s', (_, path, message) => {
    const words = ['link', join(FIXTURES, 'exit42/main.o'), '-o', '-', '--reproduce', path];
    const { code, stderr } = tinyelf(words, { cwd: scratch });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

describe('rewritten words', () => {
  it('have no path that leads elsewhere, whatever the option', () => {
    const named = LINK_OPTIONS.filter(({ flags }) => /<(file|dir)>$/.test(flags)).map(({ flags }) => flags);
    expect(named.length).toBeGreaterThan(6);
    for (const flags of named) {
      const { key } = valueNames(flags);
      const words = readPlainWords([flags.split(/,? /)[0]!, '/there/x']);
      expect(words?.values, flags).toHaveProperty(key);
      const lines = rewriteLinkWords(words!, new Places(['/there/x']));
      expect(
        lines.flat().filter((word) => /(^|=)\//.test(word)),
        flags,
      ).toEqual([]);
    }
  });

  it('have values as they are given, and switches', () => {
    const words = [
      'a.o',
      '-e',
      'main',
      '--no-gc-sections',
      '--defsym=a=1',
      '--defsym',
      'b=2',
      '--floor',
      '@x.o',
    ];
    expect(rewriteLinkWords(readPlainWords(words)!, new Places(['a.o', '@x.o']))).toEqual([
      ['--chroot=root'],
      ['-o', 'a.out'],
      ['--no-config'],
      ['--entry=main'],
      ['--defsym=a=1'],
      ['--defsym=b=2'],
      ['--no-gc-sections'],
      ['--floor'],
      ['a.o'],
      ['./@x.o'],
    ]);
  });
});

describe('--chroot', () => {
  it('takes absolute paths from within a folder, and no others', () => {
    const folder = join(scratch, 'rooted');
    mkdirSync(join(folder, 'inner/objects'), { recursive: true });
    copyFileSync(join(FIXTURES, 'exit42/main.o'), join(folder, 'inner/objects/a.o'));
    const link = (...words: string[]): Outcome => tinyelf(['link', ...words, '-o', '-'], { cwd: folder });
    expect(link('/objects/a.o', '--chroot', 'inner').code).toBe(0);
    expect(link('/objects/a.o', `--chroot=${join(folder, 'inner')}`).code).toBe(0);
    expect(link('inner/objects/a.o', '--chroot', 'inner').code).toBe(0);
    expect(link('/objects/a.o').stderr).toContain('no such file: /objects/a.o');
  });
});

describe('tar', () => {
  it('is read by tar(1), whatever the names and sizes', () => {
    const character = fc.constantFrom('a', 'b', 'é', '日', ' ', '.', '\n', '"', '-');
    const part = fc
      .string({ unit: character, minLength: 1, maxLength: 120 })
      .filter((text) => !/^\.+$|^-/.test(text));
    const entry = fc.record({ name: part, bytes: fc.uint8Array({ maxLength: 1500 }) });
    const entries = fc.uniqueArray(entry, { selector: ({ name }) => name, minLength: 1, maxLength: 5 });
    const archive = join(scratch, 'property.tar');
    let round = 0;
    fc.assert(
      fc.property(entries, (files) => {
        const packed = files
          .filter(({ name }) => Buffer.byteLength(name) < 250)
          .map(({ name, bytes }) => ({
            name: `f/${name}`,
            size: bytes.length,
            read: (target: Uint8Array, at: number) => target.set(bytes.subarray(at, at + target.length)),
            bytes,
          }));
        writeTar(archive, packed);
        const place = join(scratch, `property-${round++}`);
        mkdirSync(place);
        expect(run('tar', ['-xf', archive, '-C', place])).toMatchObject({ code: 0, stderr: '' });
        for (const { name, bytes } of packed)
          expect(new Uint8Array(readFileSync(join(place, name)))).toEqual(bytes);
      }),
      { numRuns: 40 },
    );
  });

  it('says sizes that eleven octal digits cannot say', () => {
    const headers = Buffer.from(headersOf({ name: 'large', size: 2 ** 34 }));
    expect(headers.length).toBe(3 * 512);
    expect(headers.toString('latin1', 512, 512 + 20)).toBe('20 size=17179869184\n');
    expect(headers.toString('latin1', 156, 157)).toBe('x');
  });

  it('counts the digits of a length that are more because of them', () => {
    for (let size = 80; size < 130; size++) {
      const name = `${'é'}${'a'.repeat(size)}`;
      const text = Buffer.from(headersOf({ name, size: 0 }))
        .toString('utf8', 512, 1024)
        .replace(/\0+$/, '');
      expect(Number.parseInt(text, 10)).toBe(Buffer.byteLength(text));
    }
  });
});
