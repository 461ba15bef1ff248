/** The parser of GNU ld's command line. */
import { describe, expect, it } from 'vitest';
import { parseLdArgv } from '../src/cli/ldArgv.ts';
import { UsageError } from '../src/cli/values.ts';

function parse(line: string, files: Readonly<Record<string, string>> = {}) {
  return parseLdArgv(line.split(' '), (path) => files[path]);
}

describe('parseLdArgv', () => {
  it('reads what gcc sends', () => {
    const { options, output } = parse(
      '-plugin liblto.so -plugin-opt=-pass-through=-lc --build-id -m elf_x86_64 --hash-style=gnu --as-needed ' +
        '-static -o out crt1.o -L/usr/lib -Ldir main.o --start-group -lgcc -lc --end-group crtn.o',
    );
    expect(output).toBe('out');
    expect(options.libraryPaths.slice(0, 2)).toEqual(['/usr/lib', 'dir']);
    expect(options.inputs).toEqual([
      { kind: 'file', path: 'crt1.o' },
      { kind: 'file', path: 'main.o' },
      { kind: 'library', name: 'gcc' },
      { kind: 'library', name: 'c' },
      { kind: 'file', path: 'crtn.o' },
    ]);
  });

  it('reads what rustc sends', () => {
    const { options } = parse(
      '-flavor gnu symbols.o main.o --as-needed -Bstatic libcore.rlib -Bdynamic --eh-frame-hdr -z noexecstack ' +
        '-L lib -o out --gc-sections -pie -z relro -z now --strip-all',
    );
    expect(options.inputs.map((input) => input.kind === 'file' && input.path)).toEqual([
      'symbols.o',
      'main.o',
      'libcore.rlib',
    ]);
  });

  it('reads what Free Pascal sends', () => {
    const { options, output } = parse(
      '-b elf64-x86-64 -m elf_x86_64 --oformat=elf64-x86-64 -b default -s -L. -o out main.o',
    );
    expect(output).toBe('out');
    expect(options.inputs).toEqual([{ kind: 'file', path: 'main.o' }]);
  });

  it.each(['-e main', '-emain', '-entry=main', '--entry main', '--entry=main'])('reads %s', (line) => {
    expect(parse(line).options.entry).toBe('main');
  });

  it.each(['-o out', '-oout', '--output=out', '--output out'])('reads %s', (line) => {
    expect(parse(line).output).toBe('out');
  });

  it('reads one-dash names that begin with o as -o, as GNU ld does', () => {
    expect(parse('-omagic').output).toBe('magic');
  });

  it('reads -u, --defsym, --image-base and --no-gc-sections', () => {
    const { options } = parse(
      '-u a --undefined=b --defsym=c=1 --defsym d=a+2 --image-base=0x10000 --no-gc-sections',
    );
    expect(options.undefinedSymbols).toEqual(['a', 'b']);
    expect(options.definitions.map(({ name }) => name)).toEqual(['c', 'd']);
    expect(options.base).toBe(0x10000);
    expect(options.gcSections).toBe(false);
  });

  it('replaces response files, with quotes, and in each other', () => {
    const files = { one: `-o "my out" @two`, two: `it\\'s.o 'a b.o'` };
    const { output, options } = parse('@one', files);
    expect(output).toBe('my out');
    expect(options.inputs.map((input) => input.kind === 'file' && input.path)).toEqual(["it's.o", 'a b.o']);
  });

  it('takes @file as a name where there is no such file', () => {
    expect(parse('@missing').options.inputs).toEqual([{ kind: 'file', path: '@missing' }]);
  });

  it('ends when response files name each other', () => {
    expect(() => parse('@loop', { loop: '@loop' })).toThrow(UsageError);
  });

  it.each([
    ['-shared', /static executables only/],
    ['-r', /relocatable output/],
    ['--just-symbols=rom.elf', /^--just-symbols=rom.elf: .*--defsym/],
    ['-R package.json', /^-R package.json: .*--defsym/],
    ['-m elf_i386', /only elf_x86_64/],
    ['-Wl,--as-needed', /-Wl,--as-needed is for compilers: ld\.tinyelf is a linker/],
    ['--no-such-thing', /unknown option --no-such-thing/],
    ['--gc-section', /unknown option --gc-section; did you mean --gc-sections\?/],
    ['-o', /needs a value/],
    ['--oformat binary', /^--oformat binary: the output is always elf64-x86-64$/],
    ['--oformat=binary', /^--oformat=binary: the output/],
    ['-b binary', /^-b binary: inputs are ELF objects/],
    ['--format=binary', /^--format=binary: inputs are ELF objects/],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});
