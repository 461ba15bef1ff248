/** Whole links with every header: the programs run, sizes are what they were, and bytes of the user's stay. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toLinkOptions } from '../../src/cli/link.ts';
import { readPlainWords } from '../../src/cli/linkArgv.ts';
import { LinkError } from '../../src/diagnostics.ts';
import { headerNames } from '../../src/header/layouts.ts';
import { type LinkResult, link } from '../../src/link.ts';
import { DiskFiles } from '../../src/node/files.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { type FixtureProgram, fixturePrograms } from '../programs.ts';
import { hasTool, run, scratchFolder, tinyelf } from '../run.ts';
import { spawnApart } from '../spawnApart.ts';
import { randomAssembly, randomC, randomStart } from './generate.ts';

const folder = scratchFolder();

/** How a program ends, and what it prints. */
interface Behaviour {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
}

function behaviourOf(path: string, args: readonly string[] = []): Behaviour {
  const { code, signal, stdout } = run(path, args, { timeout: 10_000 });
  return { code, signal, stdout: stdout.toString('latin1') };
}

/** Runs an executable given by its bytes. */
function behaviour(bytes: Uint8Array, args: readonly string[] = []): Behaviour {
  const path = join(folder, 'program');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return behaviourOf(path, args);
}

function expected({ exitCode, stdout }: FixtureProgram): Behaviour {
  return { code: exitCode, signal: null, stdout: Buffer.from(stdout).toString('latin1') };
}

/** The seed without what fixes its header. */
function freed(program: FixtureProgram): FixtureProgram {
  if (program.id !== 'seed') return program;
  const flags = ['--entry', 'main', '--base', '0x400000', '--ident-pad', 'Hello!\n'];
  return { ...program, flags };
}

const PROGRAMS = fixturePrograms().map(freed);

function named(id: string): FixtureProgram {
  return PROGRAMS.find((program) => program.id === id)!;
}

/** The executable as the command with these options makes it, but without a process of its own for each. @throws LinkError */
function linked({ inputs, flags, folder: cwd }: FixtureProgram, options: readonly string[]): LinkResult {
  const words = readPlainWords([...inputs, ...flags, ...options])!;
  const disk = new DiskFiles();
  const files = { get: (path: string) => disk.get(join(cwd, path)) };
  return link(files, toLinkOptions(words.inputs, words.values));
}

/** The executable's bytes; the link must succeed without a word. */
function executable(program: FixtureProgram, options: readonly string[]): Buffer {
  const { bytes, diagnostics } = linked(program, options);
  expect(diagnostics).toEqual([]);
  return Buffer.from(bytes);
}

/** What a link says that fails. */
function refusal(program: FixtureProgram, options: readonly string[]): string {
  try {
    linked(program, options);
  } catch (error) {
    if (error instanceof LinkError) return error.message;
    throw error;
  }
  return '';
}

describe.each(PROGRAMS)('$id', (program) => {
  const names = headerNames().filter((name) => name !== '0x0c');

  it.each(names)('runs with --header %s, or is told why it cannot have it', (name) => {
    const options = ['--header', name];
    const refused = refusal(program, options);
    const isFree = ['auto', 'classic', 'plain', '0x38', '0x40'].includes(name);
    if (refused === '' || isFree) {
      expect(behaviour(executable(program, options), program.args)).toEqual(expected(program));
    } else {
      expect(refused).toMatch(new RegExp(`^--header ${name} cannot be used: .{10}`));
    }
  });

  it('runs with --compat portable, and loads nothing from where others look', () => {
    const bytes = executable(program, ['--compat', 'portable']);
    expect(behaviour(bytes, program.args)).toEqual(expected(program));
    // EI_CLASS, EI_DATA and EI_VERSION.
    expect([...bytes.subarray(4, 7)]).toEqual([2, 1, 1]);
  });

  it('keeps bytes of its own where they were put', () => {
    const isSeed = program.id === 'seed';
    const pad = isSeed ? 'Hello!\n' : 'own text';
    const options = ['--osabi', '9', '--base', '0x400000', ...(isSeed ? [] : ['--ident-pad', pad])];
    const bytes = executable(program, options);
    expect(bytes[7]).toBe(9);
    expect(bytes.subarray(8, 8 + pad.length).toString()).toBe(pad);
    expect(behaviour(bytes, program.args)).toEqual(expected(program));
  });
});

it.each([
  ['exit42', 80],
  ['nasm-exit', 80],
  ['hello-rodata/static', 104],
  ['hello-rodata/pic', 104],
  ['nasm-hello', 104],
  ['seed', 104],
  ['start-main/static', 125],
  ['start-main/pic', 125],
  ['barebones/static', 125],
  ['barebones/pic', 125],
])('%s has no more than %d bytes', (id, most) => {
  expect(executable(named(id), []).length).toBeLessThanOrEqual(most);
});

it('options that have bytes of the header in common go with any layout that has room for them', () => {
  const program = named('hello-rodata/static');
  for (const header of ['auto', '0x30', '0x31', '0x38', '0x3f', '0x40']) {
    for (const base of [[], ['--base', '0x7000000']]) {
      const bytes = executable(program, ['--header', header, '--osabi', '77', '--ident-pad', 'abc', ...base]);
      expect([...bytes.subarray(7, 11)]).toEqual([77, 97, 98, 99]);
      expect(behaviour(bytes)).toEqual(expected(program));
    }
  }
});

describe('the header of 68 bytes', () => {
  const program = named('exit42');
  const swap = () => Number(/^SwapTotal:\s*(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);

  it('makes 73 bytes of exit42 with --floor', () => {
    expect(executable(program, ['--floor'])).toHaveLength(73);
  });

  it.skipIf(totalmem() + swap() * 1024 < 4.5e9)('runs where there is memory for it', () => {
    expect(behaviour(executable(program, ['--floor']))).toEqual(expected(program));
  });

  it('is not used without --floor', () => {
    expect(refusal(program, ['--header', '0x0c'])).toMatch(/^--header 0x0c cannot be used: .{10}/);
  });
});

/** Links an object from memory; a text where the header that is asked for cannot be used. */
function linkObject(object: Uint8Array, options: Partial<LinkOptions>): Uint8Array | string {
  try {
    const inputs = [{ kind: 'file', path: 'a.o' }] as const;
    return link(new Map([['a.o', object]]), { ...DEFAULT_OPTIONS, inputs, ...options }).bytes;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return error.diagnostics.map(({ message }) => message).join('\n');
  }
}

const VARIANTS: Readonly<Record<string, Partial<LinkOptions>>> = {
  plain: { header: 'plain' },
  auto: {},
  'auto and --icf all': { icf: 'all' },
  'auto and --segments split': { segments: 'split' },
  '0x18': { header: '0x18' },
  '0x19': { header: '0x19' },
  '0x31': { header: '0x31' },
};

/** Runs a command that must succeed. */
function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnApart(command, args, { cwd: folder });
  expect(status, `${command} ${args.join(' ')}: ${stderr}`).toBe(0);
}

/** Links the object with GNU ld and in every variant; all must behave alike. @returns how many variants there are */
function compareLinks(label: string): Set<string> {
  must('ld', ['-N', '--no-warn-rwx-segments', '-static', 'a.o', '-o', 'reference']);
  const reference = behaviourOf(join(folder, 'reference'));
  expect(reference.signal, label).toBe(null);
  const object = new Uint8Array(readFileSync(join(folder, 'a.o')));
  const made = new Set<string>();
  for (const [name, options] of Object.entries(VARIANTS)) {
    const bytes = linkObject(object, options);
    if (typeof bytes === 'string') {
      expect(bytes, `${label}, ${name}`).toMatch(/^--header 0x1[89] cannot be used: .{10}/);
      continue;
    }
    made.add(name);
    expect(behaviour(bytes), `${label}, ${name}`).toEqual(reference);
  }
  return made;
}

describe('random programs behave as GNU ld links them', () => {
  const compilers = ['gcc', 'clang'].flatMap((compiler) =>
    ['-O0', '-O1', '-O2', '-Os'].flatMap((level) =>
      ['-fno-pic', '-fPIE'].map((model) => [compiler, level, model] as const),
    ),
  );
  const flags = ['-c', '-w', '-ffreestanding', '-nostdlib', '-ffunction-sections', '-fno-stack-protector'];

  it.skipIf(!hasTool('gcc') || !hasTool('clang') || !hasTool('ld'))('compiled from C', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const [compiler, ...how] = compilers[seed % compilers.length]!;
      writeFileSync(join(folder, 'a.c'), randomC(seed));
      must(compiler, [...flags, ...how, '-fno-asynchronous-unwind-tables', 'a.c', '-o', 'a.o']);
      const made = compareLinks(`seed ${seed} ${compiler} ${how.join(' ')}`);
      expect(made.size).toBeGreaterThanOrEqual(5);
    }
  });

  it.skipIf(!hasTool('as') || !hasTool('ld')).each([
    ['that mix registers, jumps and calls', randomAssembly, 40],
    ['that only start, greet and exit', randomStart, 40],
  ])('written in assembly: those %s', (_name, generate, count) => {
    const made = new Map<string, number>();
    for (let seed = 1; seed <= count; seed++) {
      writeFileSync(join(folder, 'a.s'), generate(seed));
      must('as', ['a.s', '-o', 'a.o']);
      for (const name of compareLinks(`seed ${seed}`)) made.set(name, (made.get(name) ?? 0) + 1);
    }
    for (const name of Object.keys(VARIANTS)) expect(made.get(name), name).toBeGreaterThan(8);
  });
});

describe('code that looks at itself', () => {
  const cases: Readonly<Record<string, string>> = {
    'reads its own bytes by distance': `
      _start: movzx edi, byte ptr [rip+_start+1]
      mov eax, 60
      syscall`,
    'takes a text by distance from behind its exit': `
      _start: mov eax, 1
      mov edi, eax
      lea rsi, [rip+text]
      mov edx, 5
      syscall
      mov eax, 60
      xor edi, edi
      syscall
      text: .ascii "text\\n"`,
    'takes a text from a return address': `
      _start: jmp texted
      go: pop rsi
      mov eax, 1
      mov edi, eax
      mov edx, 6
      syscall
      mov eax, 60
      xor edi, edi
      syscall
      texted: call go
      .ascii "PQRST\\n"`,
    'takes a text at a distance from a return address': `
      _start: call next
      next: pop rsi
      add rsi, offset text-next
      mov eax, 1
      mov edi, eax
      mov edx, 6
      syscall
      mov eax, 60
      xor edi, edi
      syscall
      text: .ascii "PQRST\\n"`,
    'takes a text from a return address in another section': `
      _start: call go
      .ascii "PQRST\\n"
      .section .text.go, "ax"
      .globl go
      go: pop rsi
      mov eax, 1
      mov edi, eax
      mov edx, 6
      syscall
      mov eax, 60
      xor edi, edi
      syscall`,
    'jumps to a computed place': `
      _start: lea rax, [rip+a]
      add rax, 5
      jmp rax
      a: mov edi, 1
      mov edi, 7
      mov eax, 60
      syscall`,
    'jumps by a table of distances in its code': `
      _start: mov ecx, 1
      lea rax, [rip+table]
      movsxd rcx, [rax+rcx*4]
      add rax, rcx
      jmp rax
      table: .long a-table, b-table
      a: mov edi, 1
      jmp end
      b: mov edi, 7
      end: mov eax, 60
      syscall`,
    'jumps by a table of addresses': `
      _start: mov ecx, 1
      jmp [table+rcx*8]
      .section .text.a, "ax"
      a: mov edi, 1
      jmp end
      b: mov edi, 7
      end: mov eax, 60
      syscall
      .section .rodata
      table: .quad a, b`,
    'compares addresses of functions': `
      _start: lea rdi, [rip+second]
      lea rax, [rip+first]
      sub rdi, rax
      mov eax, 60
      syscall
      first: nop
      nop
      nop
      second: nop`,
    'jumps into an instruction': `
      _start: xor edi, edi
      jmp inside+1
      inside: mov eax, 0x90c7ff90
      inc edi
      mov eax, 60
      syscall`,
  };

  it.skipIf(!hasTool('as') || !hasTool('ld')).each(Object.entries(cases))('%s', (name, source) => {
    writeFileSync(join(folder, 'a.s'), `.intel_syntax noprefix\n.globl _start\n${source}\n`);
    must('as', ['a.s', '-o', 'a.o']);
    compareLinks(name);
  });

  it.skipIf(!hasTool('as'))('may know its size by --defsym', () => {
    const source = `.globl end, go
      _start: mov edi, offset size
      call go
      mov eax, 60
      syscall
      end: nop
      .section .text.go, "ax"
      go: ret`;
    writeFileSync(join(folder, 'a.s'), `.intel_syntax noprefix\n.globl _start\n${source}\n`);
    must('as', ['a.s', '-o', 'a.o']);
    const options = ['link', 'a.o', '--defsym', 'size=end-_start', '-o', '-'];
    expect(behaviour(tinyelf(options, { cwd: folder }).stdout).code).toBe(17);
  });

  it.skipIf(!hasTool('as'))('prints its own code as it lies in memory', () => {
    const source = `_start: mov esi, offset _start
      mov edi, 1
      mov eax, 1
      mov edx, 12
      syscall
      mov eax, 60
      mov edi, 3
      syscall`;
    writeFileSync(join(folder, 'a.s'), `.intel_syntax noprefix\n.globl _start\n${source}\n`);
    must('as', ['a.s', '-o', 'a.o']);
    const bytes = linkObject(new Uint8Array(readFileSync(join(folder, 'a.o'))), {}) as Uint8Array;
    const { code, stdout } = behaviour(bytes);
    expect({ code, size: stdout.length }).toEqual({ code: 3, size: 12 });
    const code12 = Buffer.from(stdout, 'latin1');
    expect(code12[0]).toBe(0xbe);
    expect(code12.subarray(5).toString('hex')).toBe('bf01000000b801');
    expect(Buffer.from(bytes).includes(code12)).toBe(true);
  });
});

describe('code that runs on from one section into the next', () => {
  const source = `.intel_syntax noprefix
    .globl _start
    .section .text.a, "ax"
    _start: mov edi, 5
    .section .text.b, "ax"
    mov eax, 60
    syscall
`;

  it.skipIf(!hasTool('as'))('does so under --verbatim, if nothing is dropped', () => {
    writeFileSync(join(folder, 'a.s'), source);
    must('as', ['a.s', '-o', 'a.o']);
    const object = new Uint8Array(readFileSync(join(folder, 'a.o')));
    const bytes = linkObject(object, { verbatim: true, gcSections: false }) as Uint8Array;
    expect(behaviour(bytes)).toEqual({ code: 5, signal: null, stdout: '' });
  });
});
