/** `tinyelf check`: what it says of files that load, that do not, and that are no executables. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeElf } from './header/elfFile.ts';
import { scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();

function check(bytes: Uint8Array, ...options: string[]) {
  const file = join(folder, 'file');
  writeFileSync(file, bytes);
  const { code, stdout, stderr } = tinyelf(['check', ...options, file]);
  return { code, stdout: stdout.toString(), stderr };
}

describe('check', () => {
  it('says that a plain file loads everywhere, and what it maps', () => {
    const { code, stdout, stderr } = check(makeElf({ segments: [{ p_flags: 7, p_memsz: 0x2000n }] }));
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /Linux 4\.4 and later +loads\n {2}qemu-user +loads\n {2}gVisor +loads\n {2}FreeBSD +loads\n/,
    );
    expect(stdout).toMatch(
      /0x400000-0x401000 rwx file from 0x0\n +0x401000-0x402000 rwx zeros\n +entry 0x400100/,
    );
    expect(stdout).toMatch(/AT_PHDR 0x400040\n/);
    expect(stdout).toMatch(/warning: has memory that is writable and executable/);
    expect(stdout).toMatch(/warning: no PT_GNU_STACK/);
  });

  it('names versions, rule, function and error where it does not load', () => {
    const { code, stdout } = check(makeElf({ segments: [{ p_memsz: 0x2000n }] }));
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /Linux 4\.4 to 6\.1 +killed by SIGSEGV within execve \(EFAULT\)\n.*p_memsz is larger.*\n.*padzero: fs\/binfmt_elf\.c/,
    );
    expect(stdout).toMatch(/Linux 6\.1\.192 +loads/);
    expect(stdout).toMatch(/Linux 6\.8 and later +loads/);
    expect(check(makeElf({ e_phentsize: 32 })).stdout).toMatch(/refused: execve returns ENOEXEC/);
    expect(check(makeElf({ e_entry: 0x500000n })).stdout).toMatch(/starts and gets SIGSEGV/);
  });

  it('warns of what only some users meet', () => {
    const stack = check(makeElf({ segments: [{}, { p_type: 0x6474e551, p_flags: 7 }] })).stdout;
    expect(stack).toMatch(/PT_GNU_STACK makes the stack executable/);
    const memory = check(makeElf({ segments: [{ p_flags: 7, p_memsz: 1n << 32n }] })).stdout;
    expect(memory).toMatch(/4\.0 GiB of writable memory/);
    const table = check(
      makeElf({ segments: [{ p_offset: 0x100n, p_vaddr: 0x400100n, p_filesz: 0x80n }] }),
    ).stdout;
    expect(table).toMatch(/AT_PHDR does not point to the program headers/);
    const ident = makeElf();
    ident[5] = 9;
    expect(check(ident).stdout).toMatch(/readelf, gdb and file may not take/);
  });

  it('explains executables of other linkers', () => {
    const { code, stdout } = tinyelf(['check', process.execPath]);
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(/needs an interpreter[\s\S]*needs the interpreter \/lib/);
  });

  it('gives JSON', () => {
    const { code, stdout } = check(makeElf({ e_type: 4 }), '--json');
    expect(code).toBe(1);
    const [file] = JSON.parse(stdout);
    expect(file).toMatchObject({ size: 0x180, loadsOnEveryLinux: false });
    expect(file.verdicts[0]).toMatchObject({
      loader: 'Linux 4.4 and later',
      result: { loads: false, rule: 'type' },
    });
  });

  it('has one error for a file that is none, and usage', () => {
    const missing = tinyelf(['check', join(folder, 'none')]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^tinyelf: error: cannot read \S+\/none: no such file or directory\n$/);
    const { stderr } = tinyelf(['check', folder]);
    expect(stderr).toBe(`tinyelf: error: cannot read ${folder}: it is a directory\n`);
    const text = check(new TextEncoder().encode('#!/bin/sh\n'));
    expect(text.code).toBe(1);
    expect(text.stderr).toMatch(/^tinyelf: error: \S+ is not an ELF file.*\n$/);
    expect(tinyelf(['check']).code).toBe(2);
  });

  it('obeys NO_COLOR', () => {
    const file = join(folder, 'file');
    writeFileSync(file, makeElf({ e_type: 4 }));
    const { stdout } = tinyelf(['check', file], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
    expect(stdout.toString()).not.toContain('\x1b');
    expect(tinyelf(['check', file], { env: { FORCE_COLOR: '1', NO_COLOR: '' } }).stdout.toString()).toContain(
      '\x1b',
    );
  });
});
