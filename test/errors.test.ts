/** Links that must fail: what the user is told. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from './programs.ts';
import { scratchFolder, tinyelf } from './run.ts';

const ERRORS = join(FIXTURES, 'errors');
const folder = scratchFolder();

/** Links in the folder of failing fixtures. @returns what was printed to standard error */
function failure(...args: string[]): string {
  const { code, stdout, stderr } = tinyelf(['link', ...args, '-o', join(folder, 'out')], { cwd: ERRORS });
  expect(code).toBe(1);
  expect(stdout.toString()).toBe('');
  expect(stderr).not.toMatch(/^ +at .*:\d+:\d+\)?$/m);
  return stderr;
}

describe('undefined symbols', () => {
  it('are all reported, each with its first references', () => {
    const text = failure('undefined.o', 'libundefined.a');
    expect(text).toMatch(
      /tinyelf: error: undefined symbol: missing_function\n( {2}>>> referenced by undefined\.o:\(\.text\.\w+\+0x[0-9a-f]+\)\n){2} {2}>>> referenced by \S+, and 4 more\n/,
    );
    expect(text).toMatch(/tinyelf: error: undefined symbol: missing_data\n {2}>>> referenced by /);
  });

  it('name archive members', () => {
    expect(failure('undefined.o', 'libundefined.a', '--no-gc-sections')).toMatch(/undefined\.o:\(/);
    expect(failure('libundefined.a', '-e', 'missing_function', '-u', 'helper')).toMatch(/entry symbol/);
  });

  it('come with a hint where there is one', () => {
    const text = failure('../c-objects/mem/mem.o', '-e', 'main', '--no-gc-sections');
    expect(text).toContain(
      'hint: --builtins=mem supplies small memcpy, memmove, memset, memcmp, bcmp and strlen',
    );
  });

  it('are reported together with malformed and duplicate ones', () => {
    const text = failure('undefined.o', 'duplicate-a.o', 'duplicate-b.o', 'elf32.o', 'no-such-file.o');
    expect(text).toMatch(/undefined symbol: missing_function/);
    expect(text).toMatch(/duplicate symbol: answer/);
    expect(text).toMatch(/elf32\.o: a 32-bit object/);
    expect(text).toMatch(/no such file: no-such-file\.o/);
  });
});

describe('duplicate symbols', () => {
  it('are reported with both definitions', () => {
    expect(failure('duplicate-a.o', 'duplicate-b.o')).toMatch(
      /error: duplicate symbol: answer\n {2}>>> defined by duplicate-a\.o:\(\.\S+\)\n {2}>>> defined by duplicate-b\.o:\(\.\S+\)\n {2}hint: /,
    );
  });
});

describe('range overflows', () => {
  it('are all reported, with value, range and symbol', () => {
    const text = failure('overflow.o', '--defsym', 'far=0x123456789a', '--no-gc-sections');
    for (const type of ['8', '16', '32', '32S', 'PC32']) {
      expect(text).toMatch(
        new RegExp(`relocation R_X86_64_${type} out of range: -?0x[0-9a-f]+ does not fit`),
      );
    }
    expect(text).toMatch(
      />>> referenced by overflow\.o:\(\.\S+\+0x[0-9a-f]+\)\n {2}>>> the reference is to far\n/,
    );
  });
});

describe('inputs of the wrong kind', () => {
  it.each([
    ['bitcode.o', /bitcode\.o: the file is LLVM bitcode[\s\S]*hint: turn LTO-only output off/],
    ['lto.o', /lto\.o: it has GCC's LTO bytecode, not machine code[\s\S]*hint: compile without -flto/],
    [
      'elf32.o',
      /elf32\.o: a 32-bit object; expected ELFCLASS64\n {2}>>> at offset 0x4 of elf32\.o\n {2}hint: /,
    ],
    ['aarch64.o', /aarch64\.o: e_machine is 183; expected 62 \(EM_X86_64\)/],
    ['libshared.so', /libshared\.so: the file is a linked ELF file[\s\S]*static executables only/],
    ['build.sh', /build\.sh: the file is text, but no linker script/],
    ['.', /cannot read \.: it is a directory/],
    ['missing.o', /no such file: missing\.o/],
  ])('%s', (input, message) => {
    expect(failure(input, '-e', 'main')).toMatch(message);
  });

  it('an empty file', () => {
    const path = join(folder, 'empty.o');
    writeFileSync(path, '');
    expect(failure(path)).toMatch(/empty\.o: the file is empty/);
  });

  it('a truncated object', () => {
    const path = join(folder, 'short.o');
    writeFileSync(path, readFileSync(join(FIXTURES, 'exit42/main.o')).subarray(0, 200));
    expect(failure(path)).toMatch(
      /short\.o: section header table ends at offset 0x[0-9a-f]+, past the end of the file at 0xc8/,
    );
  });

  it('a script in the place of an archive is followed to its files', () => {
    expect(failure('libscript.a', '-e', 'helper')).toMatch(
      /undefined symbol: missing_function\n {2}>>> referenced by libundefined\.a\(/,
    );
  });

  it('a library that is nowhere', () => {
    expect(failure('-L', 'here', '-L', 'there', '-lfoo')).toMatch(
      /no library libfoo\.a for -lfoo\n {2}>>> not in here\n {2}>>> not in there\n/,
    );
  });

  it('no input at all', () => {
    expect(failure()).toMatch(/^tinyelf: error: no input files\n {2}hint: .*\n$/);
  });

  it('a program without an entry', () => {
    expect(failure('../exit42/main.o', '-e', 'nowhere')).toMatch(
      /the entry symbol nowhere is not defined\n {2}hint: define it, or name another with --entry/,
    );
  });

  it('a thin archive whose member is gone', () => {
    const path = join(folder, 'libthin.a');
    writeFileSync(path, readFileSync(join(ERRORS, 'libthin.a')));
    const text = failure('undefined.o', path);
    expect(text).toMatch(/no such file: \S+undefined-helper\.o\n {2}>>> named by the thin archive/);
  });
});

describe('commands with --json', () => {
  const none = join(folder, 'none');

  it.each([
    ['inspect', [none]],
    ['pack', [none, '-o', join(folder, 'out')]],
    ['unpack', [none, '-o', join(folder, 'out')]],
    ['why', ['main', `${none}.json`]],
    ['diff', [`${none}.json`, `${none}.json`]],
  ])('%s: say there what is wrong', (command, args) => {
    const { code, stdout, stderr } = tinyelf([command, '--json', ...args]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const { ok, diagnostics } = JSON.parse(stdout.toString());
    expect(ok).toBe(false);
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0].message).toMatch(/^cannot read \S+: no such file or directory$/);
  });
});
