/** Symbols and debug information: what binutils and gdb read from them, and that the program stays what it was. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { LinkError } from '../src/diagnostics.ts';
import { type LinkResult, link } from '../src/link.ts';
import { DiskFiles } from '../src/node/files.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import { FIXTURES } from './programs.ts';
import { hasTool, LD_TINYELF, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();
const HAS_GCC = hasTool('gcc') && hasTool('ld');
const HAS_GDB = HAS_GCC && hasTool('gdb');

const MAIN = `int twice(int value);
int unused(int value) { return value + 1000; }
static int counter = 3;
__attribute__((visibility("hidden"))) int total;
char buffer[64];
static int add(int a, int b) {
  total = a + b;
  return total;
}
static int sum(int a, int b) {
  total = a + b;
  return total;
}
__attribute__((noreturn)) static void leave(int code) {
  __asm__ volatile("syscall" : : "a"(60L), "D"((long)code));
  __builtin_unreachable();
}
void _start(void) {
  counter = twice(counter);
  buffer[1] = (char)counter;
  leave(sum(add(counter, 30), 6));
}
`;
const TWICE = `const int factor[] = {2, 5};
int twice(int value) {
  int result = value * factor[value == 0];
  return result;
}
`;
const FLAGS = [
  '-O1',
  '-ffreestanding',
  '-fno-inline',
  '-fno-pic',
  '-fno-stack-protector',
  '-ffunction-sections',
];
const EXIT_CODE = 42;

/** Compiles the two files with gcc in a folder of its own. */
function compile(name: string, ...flags: string[]): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'main.c'), MAIN);
  writeFileSync(join(folder, name, 'twice.c'), TWICE);
  const args = [...FLAGS, ...flags, '-c', 'main.c', 'twice.c'];
  expect(run('gcc', args, { cwd: join(folder, name) })).toMatchObject({ code: 0 });
}

/** Links a folder's two objects through the command line. */
function linkObjects(name: string, ...args: string[]): void {
  const words = ['link', 'main.o', 'twice.o', ...args];
  expect(tinyelf(words, { cwd: join(folder, name) })).toMatchObject({ code: 0, stderr: '' });
}

/** Links them in this process. */
function linkHere(name: string, options: Partial<LinkOptions>): LinkResult {
  const inputs = ['main.o', 'twice.o'].map((file) => ({
    kind: 'file' as const,
    path: join(folder, name, file),
  }));
  return link(new DiskFiles(), { ...DEFAULT_OPTIONS, header: 'plain', inputs, ...options });
}

/** Standard output of a tool that must have nothing to complain of. */
function read(name: string, command: string, ...args: string[]): string {
  const { code, stdout, stderr } = run(command, args, { cwd: join(folder, name), env: { LC_ALL: 'C' } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.toString();
}

function exitCode(name: string, program: string): number | null {
  return run(join(folder, name, program), []).code;
}

/** Runs gdb on commands and returns what it prints. */
function gdb(name: string, ...commands: string[]): string {
  const args = ['-nx', '-batch', ...commands.flatMap((command) => ['-ex', command])];
  const { stdout, stderr } = run('gdb', args, { cwd: join(folder, name), env: { LC_ALL: 'C' } });
  return stdout.toString() + stderr;
}

/** Breakpoints by name and by line, a backtrace, and variables. */
const SESSION = [
  // Else gdb borrows bytes behind the entry to step over breakpoints, where a tiny program has its variables.
  'set displaced-stepping off',
  'break add',
  'break twice.c:4',
  'run',
  'print result',
  'backtrace',
  'continue',
  'print counter',
  'print buffer[1]',
  'backtrace',
  'continue',
];

function expectSession(output: string): void {
  expect(output).toMatch(/Breakpoint 2, twice \(value=3\) at twice\.c:4/);
  expect(output).toMatch(/^\$1 = 6$/m);
  expect(output).toMatch(/^#1 .* _start \(\) at main\.c:19$/m);
  expect(output).toMatch(/Breakpoint 1, add \(a=6, b=(b@entry=)?30\) at main\.c:7/);
  expect(output).toMatch(/^\$2 = 6$/m);
  expect(output).toMatch(/^\$3 = 6 '\\006'$/m);
  expect(output).toMatch(/^#1 .* _start \(\) at main\.c:21$/m);
  expect(output).toMatch(/exited with code 052/);
}

describe.skipIf(!HAS_GCC)('tables for tools', () => {
  beforeAll(() => {
    compile('c', '-g');
    linkObjects('c', '-o', 'tiny', '--header=classic', '--debug-file', 'tiny.debug');
    linkObjects('c', '-o', 'cut', '--debug-file', 'cut.debug');
    linkObjects('c', '-o', 'plain', '--header=plain', '--shrink=none');
    linkObjects('c', '-o', 'symbols', '--symbols', '--shrink=none');
    linkObjects('c', '-o', 'debug', '--debug');
  });

  it('leave the program as it was', () => {
    // Code that debug information describes keeps its bytes, so without it the program would be smaller.
    linkObjects('c', '--shrink=none', '-o', 'alone');
    const bytes = (name: string) => readFileSync(join(folder, 'c', name));
    expect(bytes('cut')).toEqual(bytes('alone'));
    expect(bytes('cut').length).toBeLessThan(bytes('tiny').length);
    const loaded = bytes('plain');
    for (const name of ['symbols', 'debug']) {
      // The ELF header says where the section headers are; all else is equal.
      expect(bytes(name).subarray(64, loaded.length)).toEqual(loaded.subarray(64));
    }
    for (const name of ['tiny', 'tiny.debug', 'cut', 'cut.debug', 'symbols', 'debug'])
      expect(exitCode('c', name)).toBe(EXIT_CODE);
  });

  it('are sections that readelf finds no fault with', () => {
    const sections = read('c', 'readelf', '-SW', 'symbols');
    expect(sections).toMatch(/ \.text +PROGBITS .* AX /);
    expect(sections).toMatch(/ \.rodata +PROGBITS .* A /);
    expect(sections).toMatch(/ \.data +PROGBITS .* WA /);
    expect(sections).toMatch(/ \.bss +NOBITS .* WA /);
    expect(sections).not.toMatch(/\.debug_/);
    for (const name of ['symbols', 'debug', 'tiny.debug', 'cut.debug']) read('c', 'readelf', '-aW', name);
    expect(read('c', 'readelf', '-lW', 'tiny.debug')).toMatch(/LOAD +0x001000 0x0000000000010000 /);
  });

  it('name functions and variables with their sizes', () => {
    const symbols = read('c', 'nm', '-S', 'symbols');
    expect(symbols).toMatch(/ t add$/m);
    expect(symbols).toMatch(/ t leave$/m);
    expect(symbols).toMatch(/ T _start$/m);
    expect(symbols).toMatch(/ 0{14}08 R factor$/m);
    expect(symbols).toMatch(/ 0{14}40 B buffer$/m);
    expect(symbols).toMatch(/ 0{14}04 d counter$/m);
    // Hidden, so nothing outside may refer to it.
    expect(symbols).toMatch(/ b total$/m);
    expect(symbols).not.toMatch(/unused/);
    expect(read('c', 'nm', 'tiny.debug')).not.toMatch(/unused/);
    const table = read('c', 'readelf', '-sW', 'symbols');
    expect(table).toMatch(/FILE +LOCAL +DEFAULT +ABS main\.c$/m);
    expect(table).toMatch(/FUNC +GLOBAL .* twice$/m);
  });

  it('let objdump disassemble functions by name', () => {
    const text = read('c', 'objdump', '-d', 'symbols');
    expect(text).toMatch(/<twice>:\n/);
    expect(text).toMatch(/call +[0-9a-f]+ <twice>/);
  });

  it('say which line an address belongs to', () => {
    for (const name of ['debug', 'tiny.debug']) {
      const [address] = /^[0-9a-f]+(?= . twice$)/m.exec(read('c', 'nm', name))!;
      expect(read('c', 'addr2line', '-fe', name, address)).toMatch(/^twice\n.*twice\.c:2\n$/);
      const frames = read('c', 'readelf', '--debug-dump=frames', name);
      expect(frames).toMatch(new RegExp(`FDE .* pc=0*${address}\\.\\.`));
      expect(frames).not.toMatch(/pc=0{16}\.\./);
    }
  });

  it('are taken by ld.tinyelf as well', () => {
    const args = ['main.o', 'twice.o', '--debug', '--debug-file=ld.debug', '-o', 'by-ld'];
    const { code, stderr } = run(process.execPath, [LD_TINYELF, ...args], { cwd: join(folder, 'c') });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(read('c', 'nm', 'by-ld')).toBe(read('c', 'nm', 'ld.debug'));
    expect(read('c', 'nm', 'by-ld')).toBe(read('c', 'nm', 'debug'));
  });

  it('do not fit the classic header', () => {
    for (const tables of ['symbols', 'debug'] as const) {
      expect(() => linkHere('c', { tables, header: 'classic' })).toThrow(LinkError);
    }
    const args = ['link', 'main.o', 'twice.o', '--symbols', '--header=classic', '-o', 'none'];
    const { code, stderr } = tinyelf(args, { cwd: join(folder, 'c') });
    expect(code).toBe(1);
    expect(stderr).toMatch(/the classic header has no room for section headers/);
  });

  it('count in the map', () => {
    const { bytes, map } = linkHere('c', { tables: 'symbols' });
    const { fileSize, tableBytes } = map();
    expect(fileSize).toBe(bytes.length);
    expect(tableBytes).toBe(bytes.length - linkHere('c', {}).bytes.length);
  });

  it('lie behind several segments and name high addresses, too', () => {
    compile('far', '-g', '-fpie');
    for (const segments of ['split', 'pages'] as const) {
      const { bytes, debugFile } = linkHere('far', { tables: 'debug', segments, base: 0x7f0000000000 });
      writeFileSync(join(folder, 'far', segments), bytes, { mode: 0o755 });
      writeFileSync(join(folder, 'far', `${segments}.debug`), debugFile(), { mode: 0o755 });
      for (const name of [segments, `${segments}.debug`]) {
        expect(exitCode('far', name)).toBe(EXIT_CODE);
        const lines = read('far', 'readelf', '--debug-dump=decodedline', name);
        expect(lines).toMatch(/twice\.c +3 +0x7f0000/);
      }
    }
  });
});

describe.skipIf(!HAS_GCC)('debug information of code that is not there', () => {
  it('has tombstones', () => {
    compile('dwarf4', '-gdwarf-4', '-fno-asynchronous-unwind-tables');
    linkObjects('dwarf4', '-o', 'debug', '--debug');
    const ranges = read('dwarf4', 'readelf', '--debug-dump=Ranges', 'debug');
    expect(ranges).toMatch(/0{15}1 0{15}1 \(start == end\)/);
    const info = read('dwarf4', 'readelf', '--debug-dump=info', 'debug');
    expect(info).toMatch(/DW_AT_name +: .*unused\n(?:.*\n){1,8}.*DW_AT_low_pc +: 0\n/);
  });

  it('is that of its twin where functions are folded, but for lines', () => {
    compile('folded', '-g');
    const { bytes } = linkHere('folded', { tables: 'debug', icf: 'all' });
    writeFileSync(join(folder, 'folded', 'debug'), bytes);
    const [address] = /^[0-9a-f]+(?= . add$)/m.exec(read('folded', 'nm', 'debug'))!;
    expect(read('folded', 'nm', 'debug')).toMatch(new RegExp(`^${address} t sum$`, 'm'));
    const lines = read('folded', 'readelf', '--debug-dump=decodedline', 'debug');
    expect(lines).toMatch(new RegExp(`main\\.c +6 +0x${address.replace(/^0+/, '')} `));
    expect(lines).toMatch(new RegExp(`main\\.c +10 +0x${address.replace(/^0+/, '')} `));
  });
});

describe.skipIf(!HAS_GCC)('compressed debug sections', () => {
  beforeAll(() => compile('compressed', '-g', '-gz=zlib'));

  it.each(['zlib', 'zlib-gnu'])('are decompressed: %s', (format) => {
    if (format !== 'zlib') compile(format, '-g', `-gz=${format}`);
    const name = format === 'zlib' ? 'compressed' : format;
    linkObjects(name, '-o', 'debug', '--debug');
    expect(read(name, 'readelf', '-SW', 'debug')).not.toContain('.zdebug');
    expect(read(name, 'readelf', '--debug-dump=decodedline', 'debug')).toMatch(/twice\.c +3 +0x100/);
  });

  it('by GNU tools are left out with a warning where they are damaged', () => {
    const place = join(folder, 'compressed', 'damaged.o');
    const bytes = readFileSync(join(folder, 'zlib-gnu', 'main.o'));
    bytes.fill(0xff, bytes.indexOf('ZLIB'), bytes.indexOf('ZLIB') + 16);
    writeFileSync(place, bytes);
    const { code, stderr } = tinyelf(['link', 'damaged.o', 'twice.o', '-o', 'debug', '--debug'], {
      cwd: join(folder, 'compressed'),
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: a compressed debug section cannot be read and is left out/);
    expect(stderr).toMatch(/damaged\.o:\(\.zdebug_/);
  });

  it('are left out with a warning where nothing can decompress them', () => {
    const files = new Map(
      ['main.o', 'twice.o'].map((name) => [
        join(folder, 'compressed', name),
        readFileSync(join(folder, 'compressed', name)),
      ]),
    );
    const inputs = [...files.keys()].map((path) => ({ kind: 'file' as const, path }));
    const options = { ...DEFAULT_OPTIONS, inputs, header: 'plain', tables: 'debug' } as const;
    const { diagnostics, bytes } = link(files, options);
    expect(diagnostics.map(({ severity, code }) => `${severity} ${code}`)).toContain(
      'warning debug-left-out',
    );
    expect(diagnostics.flatMap(({ where }) => where).join()).toMatch(/main\.o:\(\.debug_/);
    expect(bytes.length).toBeGreaterThan(0);
  });
});

describe.skipIf(!HAS_GCC)('thread-local variables', () => {
  it('count from the start of the template', () => {
    mkdirSync(join(folder, 'thread'));
    const source = `__thread int first = 1; __thread int second = 2; __thread char zero[8];
void _start(void) { __asm__ volatile("" : : "r"(&first), "r"(&second), "r"(zero)); }`;
    writeFileSync(join(folder, 'thread', 'main.c'), source);
    read('thread', 'gcc', ...FLAGS, '-g', '-c', 'main.c');
    expect(
      tinyelf(['link', 'main.o', '-o', 'debug', '--debug'], { cwd: join(folder, 'thread') }),
    ).toMatchObject({
      code: 0,
    });
    const symbols = read('thread', 'readelf', '-sW', 'debug');
    const offsetOf = (name: string) =>
      Number.parseInt(new RegExp(`([0-9a-f]+) +\\d+ TLS .* ${name}$`, 'm').exec(symbols)![1]!, 16);
    expect([offsetOf('first'), offsetOf('second')].sort()).toEqual([0, 4]);
    expect(offsetOf('zero')).toBe(8);
    const info = read('thread', 'readelf', '--debug-dump=info', 'debug');
    for (const name of ['first', 'second', 'zero']) {
      const place = new RegExp(`DW_AT_name +: .*${name}\\n(?:.*\\n){1,6}.*DW_OP_const8u: (\\d+)`).exec(info)!;
      expect(Number(place[1])).toBe(offsetOf(name));
    }
    expect(read('thread', 'readelf', '-SW', 'debug')).toMatch(/\.tdata +PROGBITS(?:.*\n)*.*\.tbss +NOBITS/);
  });
});

describe.skipIf(!HAS_GDB)('gdb', () => {
  it('debugs an executable linked with --debug', () => {
    expectSession(gdb('c', 'file debug', ...SESSION));
  });

  it('debugs the file beside a tiny executable in its place', () => {
    expectSession(gdb('c', 'file tiny.debug', ...SESSION));
  });

  it('debugs the tiny executable itself with the symbols of that file', () => {
    const wrapper = `set exec-wrapper sh -c 'exec ./tiny'`;
    const output = gdb('c', 'file tiny.debug', wrapper, ...SESSION.slice(0, -1), 'info proc', 'continue');
    expectSession(output);
    expect(output).toMatch(/^exe = '.*\/tiny'$/m);
  });

  it('debugs one with the plain header, which it can read', () => {
    linkObjects('c', '-o', 'plain', '--header=plain', '--debug-file=plain.debug');
    expectSession(gdb('c', 'exec-file plain', 'symbol-file plain.debug', ...SESSION));
  });

  it.skipIf(!hasTool('rustc'))('debugs Rust', () => {
    mkdirSync(join(folder, 'rust'));
    const source = readFileSync(join(FIXTURES, 'exit42/main.rs'), 'utf8');
    writeFileSync(join(folder, 'rust', 'main.rs'), source);
    const flags = ['--edition=2024', '-g', '--emit=obj', '-Copt-level=1', '-Cpanic=abort'];
    read('rust', 'rustc', ...flags, '-Crelocation-model=static', 'main.rs', '-o', 'main.o');
    const args = ['link', 'main.o', '-o', 'tiny', '--debug-file', 'tiny.debug'];
    expect(tinyelf(args, { cwd: join(folder, 'rust') })).toMatchObject({ code: 0 });
    const line = source.split('\n').findIndex((text) => text.includes('asm!')) + 1;
    const output = gdb('rust', 'file tiny.debug', `break main.rs:${line}`, 'run', 'backtrace', 'continue');
    expect(output).toMatch(new RegExp(`Breakpoint 1, .* at main\\.rs:${line}`));
    expect(output).toMatch(/exited with code 052/);
  });
});
