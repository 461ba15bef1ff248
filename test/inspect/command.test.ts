/** `tinyelf inspect` as it is called: options, colours, pipes, errors. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeElf } from '../header/elfFile.ts';
import { fixturePrograms } from '../programs.ts';
import { scratchFolder, TINYELF, tinyelf } from '../run.ts';
import { linkFixture } from './files.ts';

const folder = scratchFolder();
const { path, map, bytes } = linkFixture(
  fixturePrograms().find(({ id }) => id === 'hello-rodata/pic')!,
  folder,
);
const mapPath = join(folder, 'hello.map.json');
writeFileSync(mapPath, JSON.stringify(map));

function inspect(...words: string[]) {
  const { code, stdout, stderr } = tinyelf(['inspect', ...words], { env: { FORCE_COLOR: '0' } });
  return { code, stdout: stdout.toString(), stderr };
}

describe('inspect', () => {
  it('shows summary and bytes, aligned and without colours in a pipe', () => {
    const { code, stdout, stderr } = inspect(path);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toMatch(/: 94 bytes, entry 0x500000001 \(offset 0x1\); code by the flow of control/);
    expect(stdout).toMatch(/^overlaps: 43 bytes have several owners$/m);
    expect(stdout).toMatch(
      /^holes: 30 bytes of the headers are read by nobody; the program lies in 29 of them$/m,
    );
    expect(stdout).toMatch(/^00004d {2}50000004d {2}eb c5 {30}jmp 0x500000014$/m);
  });

  it('names owners with a map', () => {
    const { stdout } = inspect(path, '--map', mapPath);
    expect(stdout).toMatch(/entry {2}_start {2}pic\.o:\(\.text\._start\) {2}code, 14 bytes/);
    expect(stdout).toMatch(/owners by the map of its link/);
    expect(stdout).toMatch(/data of pic\.o:\(\.rodata\.[^)]*\) in p_align/);
  });

  it('shows names as programmers know them, or as they are', () => {
    const program = fixturePrograms().find(({ id }) => id === 'rust-println/lto')!;
    const rust = linkFixture(program, folder);
    const rustMap = join(folder, 'rust.map.json');
    writeFileSync(rustMap, JSON.stringify(rust.map));
    const words = [rust.path, '--map', rustMap, '--symbol', 'core::fmt::write'];
    expect(inspect(...words).stdout).toMatch(/^ +core::fmt::write {2}lto\.o:\(\.text\._RNv/m);
    expect(inspect(...words).stdout).toMatch(/<core::fmt::write\+0x[0-9a-f]+>/);
    expect(inspect(...words, '--no-demangle').stdout).toMatch(/^ +_RNvNtCs\w+_4core3fmt5write {2}lto\.o/m);
  });

  it('has colours where they are wanted, unless NO_COLOR says otherwise', () => {
    const coloured = (env: Record<string, string>) => tinyelf(['inspect', path], { env }).stdout.toString();
    expect(coloured({ FORCE_COLOR: '1', NO_COLOR: '' })).toContain('\x1b[');
    expect(coloured({ FORCE_COLOR: '1', NO_COLOR: '1' })).not.toContain('\x1b');
    const plain = coloured({ FORCE_COLOR: '1', NO_COLOR: '' }).replace(/\x1b\[[0-9;]*m/g, '');
    expect(plain).toBe(inspect(path).stdout);
  });

  it('keeps to a width', () => {
    for (const width of [40, 80, 116, 200]) {
      const lines = inspect(path, '--width', `${width}`).stdout.split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    }
    expect(inspect(path, '--width', '60').stdout).toMatch(/…$/m);
    expect(inspect(path, '--width', '80').stdout).toMatch(
      / EI_MAG\[0\] = 0x464c457f\n {56}the magic number\n/,
    );
    expect(inspect(path, '--width', '200').stdout).toMatch(/^000001 .* 45 4c 46 48 8d 35 44 00 00 00 +lea/m);
  });

  it('shows a part', () => {
    const part = inspect(path, '--range', '0x48..0x50').stdout;
    expect(part.match(/^[0-9a-f]{6}/gm)).toEqual(['000048', '00004a', '00004c', '00004d', '00004f']);
    expect(part).not.toContain('holes');
    expect(
      inspect(path, '--range', '..4')
        .stdout.split('\n')
        .filter((line) => /^0/.test(line)),
    ).toHaveLength(3);
    expect(inspect(path, '--range', '0x58..').stdout).toMatch(/ata!\.\n$/);
    const section = inspect(path, '--map', mapPath, '--section', '.rodata*').stdout;
    expect(section.match(/^[0-9a-f]{6}/gm)).toEqual(['00004f', '000057']);
    expect(inspect(path, '--map', mapPath, '--symbol', '_st?rt').stdout.match(/code, /g)).toHaveLength(4);
  });

  it('says what there is where nothing matches', () => {
    expect(inspect(path, '--section', '.text')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/no section matches \.text\n {2}hint: the file has no sections; a map/),
    });
    expect(inspect(path, '--map', mapPath, '--symbol', 'main').stderr).toMatch(
      /no symbol matches main\n {2}hint: there are _start\n/,
    );
    expect(inspect(path, '--range', '0x100..0x200')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /nothing that is asked for lies at 0x100\.\.0x200: the file ends at 0x5e\n/,
      ),
    });
  });

  it('leaves code as bytes', () => {
    const { stdout } = inspect(path, '--no-disassembly');
    expect(stdout).toMatch(/^000048 .* 0f 05 6a 3c 58 eb c5 /m);
    expect(stdout).not.toContain('syscall');
  });

  it('gives JSON', () => {
    const found = JSON.parse(inspect(path, '--json').stdout);
    expect(found).toMatchObject({ size: 94, entry: '0x500000001', entryOffset: 1, witness: 'segments' });
    expect(found.fields[0]).toMatchObject({
      name: 'EI_MAG',
      structure: 'ehdr',
      value: '0x464c457f',
      isRead: true,
    });
    expect(found.fields.find(({ name }: { name: string }) => name === 'p_paddr').isRead).toBe(false);
    expect(found.overlaps[0]).toEqual({ offset: 1, size: 3, owners: ['EI_MAG', 'code'] });
    expect(found.holes).toHaveLength(6);
    const shown = found.ranges.reduce((sum: number, { size }: { size: number }) => sum + size, 0);
    expect(shown).toBe(94);
    expect(found.instructions[0]).toEqual({
      offset: 1,
      size: 10,
      address: '0x500000001',
      bytes: '45 4c 46 48 8d 35 44 00 00 00',
      text: 'lea rsi, [0x50000004f]',
      target: { kind: 'memory', address: '0x50000004f', offset: 79, text: '"Hello, rodata!\\n"' },
      fields: ['EI_MAG', 'EI_CLASS', 'EI_DATA', 'EI_VERSION', 'EI_OSABI', 'EI_PAD'],
    });
    expect(JSON.parse(inspect(path, '--json', '--no-disassembly').stdout).instructions).toEqual([]);
  });

  it('reads a file of this size at once and ends when nobody reads on', async () => {
    const child = spawn(process.execPath, [TINYELF, 'inspect', process.execPath], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }, 120_000);
});

describe('an error', () => {
  const file = join(folder, 'file');
  const failing = (content: Uint8Array | string, ...words: string[]) => {
    writeFileSync(file, content);
    return inspect(file, ...words);
  };

  it('is one line, and says which file', () => {
    expect(failing('')).toEqual({
      code: 1,
      stdout: '',
      stderr: `tinyelf: error: ${file}: the file is empty\n`,
    });
    expect(failing('#!/bin/sh\n').stderr).toMatch(
      /file: it is not an ELF file: it does not begin with 7f 45 4c 46\n$/,
    );
    expect(failing(bytes.slice(0, 70)).stderr).toMatch(
      /the file is truncated: its program headers end at offset 0x50/,
    );
    expect(failing(makeElf({ e_machine: 3, e_phentsize: 32 })).stderr).toMatch(/expected 62, x86-64/);
    expect(inspect(join(folder, 'none')).stderr).toMatch(/cannot read \S+none: no such file or directory\n$/);
    expect(inspect(folder)).toMatchObject({ code: 1, stderr: expect.stringMatching(/it is a directory/) });
  });

  it('in a map says where in the map', () => {
    const other = join(folder, 'other.json');
    const withMap = (value: unknown) => {
      writeFileSync(other, typeof value === 'string' ? value : JSON.stringify(value));
      const { code, stderr } = inspect(path, '--map', other);
      expect(code).toBe(1);
      return stderr;
    };
    expect(withMap('{')).toMatch(/other\.json: it is not JSON/);
    expect(withMap({ ...map, version: 1 })).toMatch(
      /other\.json: its version is 1; expected 2\n {2}hint: link again/,
    );
    expect(withMap({ ...map, ranges: map.ranges.slice(1) })).toMatch(/ranges\[0\]\.offset: expected 0/);
    const larger = {
      ...map,
      fileSize: 95,
      ranges: [...map.ranges, { ...map.ranges[0], offset: 94, size: 1 }],
    };
    expect(withMap(larger)).toMatch(/the map is of another file: it tells of 95 bytes, the file has 94\n/);
    expect(inspect(path, '--map', join(folder, 'none')).stderr).toMatch(/cannot read \S+none/);
  });

  it('of usage has a code of its own', () => {
    expect(inspect().code).toBe(2);
    for (const range of ['1', '..', '5..5', '6..5', 'a..z', '1..2..3']) {
      expect(inspect(path, '--range', range)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/--range .*: expected START\.\.END/),
      });
    }
    for (const width of ['', 'wide', '39', '-80']) expect(inspect(path, `--width=${width}`).code).toBe(2);
    expect(inspect(path, '--nothing').code).toBe(2);
  });
});

it('needs no disassembler for what has no code', () => {
  const broken = join(folder, 'hook.cjs');
  writeFileSync(
    broken,
    `const Module = require('node:module'); const load = Module._load;
    Module._load = (name, ...rest) => { if (name === 'iced-x86') throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' }); return load(name, ...rest); };`,
  );
  const options = { env: { NODE_OPTIONS: `--require ${broken}` } };
  expect(tinyelf(['inspect', path, '--no-disassembly'], options).code).toBe(0);
  expect(tinyelf(['inspect', path, '--range', '0..1'], options).code).toBe(0);
  expect(tinyelf(['inspect', path], options)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^tinyelf: error: the disassembler iced-x86 is not installed\n {2}hint: .*\n$/,
    ),
  });
  expect(readFileSync(path).length).toBe(94);
});
