/** `tinyelf pack` and `tinyelf unpack` on command lines: what they write and say. */
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PT_INTERP, PT_LOAD } from '../../src/elf/constants.ts';
import { writeHeaders } from '../../src/header/conventional.ts';
import { FIXTURES } from '../programs.ts';
import { hasTool, run, scratchFolder, tinyelf } from '../run.ts';

const folder = scratchFolder();
const PRINTLN = join(FIXTURES, 'rust-println/lto.o');
/** Large enough for any method. */
const COLLECTIONS = ['--builtins=mem', join(FIXTURES, 'rust-alloc/lto.o')];
const FAST = ['--pack-effort', '1'];

/** Links a fixture, once. */
function program(name = 'println', words: readonly string[] = [PRINTLN]): string {
  const path = join(folder, name);
  if (!existsSync(path))
    expect(tinyelf(['link', ...words, '--header=plain', '-o', path])).toMatchObject({ code: 0 });
  return path;
}

const collections = () => program('collections', COLLECTIONS);

function errorOf(args: readonly string[]): string {
  const { code, stderr } = tinyelf(args, { cwd: folder });
  expect(code).toBe(1);
  expect(existsSync(join(folder, 'none'))).toBe(false);
  return stderr;
}

/** An executable of one segment. @param more program headers */
function executable(load: object, more: readonly object[] = [], type = 2): string {
  const bytes = new Uint8Array(0x1000).fill(0x90);
  const common = {
    flags: 5,
    offset: 0,
    address: 0x400000,
    fileSize: 0x1000,
    memorySize: 0x1000,
    alignment: 0x1000,
  };
  const headers = [{ type: PT_LOAD, ...common, ...load }, ...more.map((one) => ({ ...common, ...one }))];
  const entry = ((load as { address?: number }).address ?? common.address) + 0x800;
  writeHeaders(bytes, type, entry, headers as Parameters<typeof writeHeaders>[3]);
  writeFileSync(join(folder, 'made'), bytes);
  return 'made';
}

describe('tinyelf pack', () => {
  it('says in JSON what it has made, which runs', () => {
    const { code, stdout } = tinyelf(['pack', program(), '-o', 'packed', '--json', ...FAST], { cwd: folder });
    expect(code).toBe(0);
    const said = JSON.parse(stdout.toString());
    const { header, stub, payload, size, plainSize } = said.packed;
    expect(said).toMatchObject({ ok: true, output: 'packed', size });
    expect(size).toBe(statSync(join(folder, 'packed')).size);
    expect(header + stub + payload).toBe(size);
    expect(plainSize).toBe(statSync(program()).size);
    const plain = run(program(), []);
    const packed = run(join(folder, 'packed'), []);
    expect(packed).toEqual(plain);
    const unpacked = tinyelf(['unpack', 'packed', '-o', 'unpacked', '--json'], { cwd: folder });
    expect(JSON.parse(unpacked.stdout.toString())).toMatchObject({
      ok: true,
      output: 'unpacked',
      packedSize: size,
    });
    expect(readFileSync(join(folder, 'unpacked')).equals(readFileSync(program()))).toBe(true);
  });

  it('reads standard input and writes standard output, the same bytes each time', () => {
    const words = ['pack', '-', '-o', '-', '--pack-method', 'lz', ...FAST];
    const [one, other] = [1, 2].map(() => tinyelf(words, { input: readFileSync(collections()) }));
    expect(one).toMatchObject({ code: 0, stderr: '' });
    expect(one!.stdout.equals(other!.stdout)).toBe(true);
    const back = tinyelf(['unpack', '-', '-o', '-'], { input: one!.stdout });
    expect(back.stdout.equals(readFileSync(collections()))).toBe(true);
  });

  it('takes what tinyelf link --pack has made apart', () => {
    for (const segments of ['joined', 'split']) {
      const link = [
        'link',
        ...COLLECTIONS,
        '--pack=lz',
        '--pack-effort=1',
        `--segments=${segments}`,
        '-o',
        'linked',
      ];
      expect(tinyelf(link, { cwd: folder })).toMatchObject({ code: 0 });
      expect(errorOf(['pack', 'linked', '-o', 'none'])).toContain('error: linked: it is packed already');
      expect(tinyelf(['unpack', 'linked', '-o', 'plain'], { cwd: folder })).toMatchObject({ code: 0 });
      expect(run(join(folder, 'plain'), []).stdout.equals(run(collections(), []).stdout)).toBe(true);
    }
  });

  it('copies what it cannot make smaller, and says so', () => {
    const small = join(folder, 'small');
    expect(tinyelf(['link', join(FIXTURES, 'exit42/main.o'), '-o', small])).toMatchObject({ code: 0 });
    const { code, stderr } = tinyelf(['pack', small, '-o', 'copy', ...FAST, '--pack-method=lz'], {
      cwd: folder,
    });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /warning: .* is not packed, but copied: it has 80 bytes, and no stub is that small/,
      ),
    });
    expect(readFileSync(join(folder, 'copy')).equals(readFileSync(small))).toBe(true);
    expect(run(join(folder, 'copy'), []).code).toBe(42);
  });

  it.each([
    ['an object', PRINTLN, 'it is a relocatable object, not an executable'],
    ['an archive', join(FIXTURES, 'c-objects/static/libutil.a'), 'it is an archive, not an executable'],
    ['a script', join(FIXTURES, 'build.sh'), 'it is a script, not an executable'],
    ['text', join(FIXTURES, 'README.md'), 'it is not an ELF file'],
    ['nothing', '/dev/null', 'the file is empty'],
    ['no file', 'missing', 'cannot read missing: no such file or directory'],
  ])('refuses %s', (_, path, message) => {
    expect(errorOf(['pack', path, '-o', 'none'])).toContain(message);
  });

  it.each([
    ['of another machine', () => patched(18, 183), 'it is for machine 183 (e_machine); expected 62, x86-64'],
    ['of 32 bits', () => patched(4, 1, 54, 32), 'it is a 32-bit file; expected ELF64'],
    [
      'that are dynamic',
      () => executable({}, [{ type: PT_INTERP, offset: 0x100, fileSize: 0x10 }]),
      'dynamic',
    ],
    ['that Linux does not load', () => executable({ fileSize: 0x2000 }), 'Linux does not load it'],
    ['at high addresses', () => executable({ address: 0x7fff0000 }), 'stubs reach less than 0x70000000'],
    [
      'with large gaps',
      () => executable({}, [{ type: PT_LOAD, address: 0x10000000 }]),
      'bytes of nothing between its segments; at most 8388608 can be packed',
    ],
    ['with something at the end', appended, '7 bytes stand behind its sections'],
  ])('refuses programs %s', (_, make, message) => {
    expect(errorOf(['pack', make(), '-o', 'none'])).toContain(message);
  });

  /** Changes bytes of an executable. */
  function patched(...changes: readonly number[]): string {
    const name = executable({});
    const bytes = readFileSync(join(folder, name));
    for (let i = 0; i < changes.length; i += 2) bytes[changes[i]!] = changes[i + 1]!;
    writeFileSync(join(folder, name), bytes);
    return name;
  }

  function appended(): string {
    copyFileSync(program(), join(folder, 'appended'));
    writeFileSync(join(folder, 'appended'), Buffer.concat([readFileSync(program()), Buffer.from('archive')]));
    return 'appended';
  }

  it.skipIf(!existsSync('/bin/sh'))('refuses dynamic programs of the system', () => {
    if (hasTool('sh'))
      expect(errorOf(['pack', process.execPath, '-o', 'none'])).toMatch(/it is dynamic|segments/);
  });

  it.each([
    [['pack', 'made'], "required option '-o, --output <file>' not specified"],
    [['pack', 'made', '-o', 'none', '--pack-method', 'zip'], 'Allowed choices are auto, cm'],
    [['pack', 'made', '-o', 'none', '--pack-effort', '0'], '--pack-effort 0: expected 1 (fast) to 9 (small)'],
    [['pack', 'made', '-o', 'none', '--pack-time', 'soon'], '--pack-time soon: expected seconds'],
    [['pack', 'made', '-o', '-', '--json'], 'both need standard output'],
    [['unpack', 'made', '-o', '-', '--json'], 'both need standard output'],
  ])('wrong usage: %j', (words, message) => {
    executable({});
    const { code, stderr } = tinyelf(words, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });
});

describe('tinyelf unpack', () => {
  it('refuses what is not packed', () => {
    expect(errorOf(['unpack', program(), '-o', 'none'])).toContain('it has none of the stubs');
    expect(errorOf(['unpack', PRINTLN, '-o', 'none'])).toContain('it is a relocatable object');
  });

  it('refuses what is damaged', () => {
    const words = ['pack', program(), '-o', 'damaged', '--pack-method', 'cm', ...FAST];
    expect(tinyelf(words, { cwd: folder })).toMatchObject({ code: 0 });
    const bytes = readFileSync(join(folder, 'damaged'));
    bytes[bytes.length - 300]! ^= 4;
    writeFileSync(join(folder, 'damaged'), bytes);
    expect(errorOf(['unpack', 'damaged', '-o', 'none'])).toContain('it is damaged');
  });
});
