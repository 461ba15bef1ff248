/** Scripts as GNU ld and tinyelf understand them: programs linked by both, on this kernel. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { link } from '../../src/link.ts';
import { DiskFiles } from '../../src/node/files.ts';
import { EXECUTABLE, writeOutputs } from '../../src/node/outputs.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { hasTool, run, scratchFolder } from '../run.ts';

const folder = scratchFolder();
const HAS_TOOLS = hasTool('gcc') && hasTool('ld');

/** System calls, and a printer of addresses. */
const PRELUDE = `
static long sys(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
static __attribute__((noinline)) void show(const char *name, const void *address) {
  char line[64];
  int i = 0;
  while (name[i]) { line[i] = name[i]; i++; }
  line[i++] = '=';
  for (int shift = 60; shift >= 0; shift -= 4) line[i++] = "0123456789abcdef"[((unsigned long)address >> shift) & 15];
  line[i++] = '\\n';
  sys(1, 1, (long)line, i);
}
`;

const FLAGS = [
  '-O1',
  '-fno-pic',
  '-fno-pie',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
];

function compile(name: string, source: string, flags: readonly string[] = FLAGS): string {
  const [input, output] = [join(folder, `${name}.c`), join(folder, `${name}.o`)];
  writeFileSync(input, source);
  const { code, stderr } = run('gcc', [...flags, '-c', input, '-o', output]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return output;
}

function script(name: string, text: string): string {
  const path = join(folder, `${name}.ld`);
  writeFileSync(path, text);
  return path;
}

/** Links with tinyelf. */
function linkTiny(output: string, inputs: readonly string[], options: Partial<LinkOptions>): Uint8Array {
  const files = inputs.map((path) => ({ kind: 'file', path }) as const);
  const { bytes } = link(new DiskFiles(), { ...DEFAULT_OPTIONS, shrink: 'none', inputs: files, ...options });
  writeOutputs({ path: join(folder, output), content: bytes, mode: EXECUTABLE });
  return bytes;
}

function outcome(program: string) {
  const { code, signal, stdout } = run(join(folder, program), []);
  return { code, signal, stdout: stdout.toString() };
}

/** Links a program with both linkers. @returns what both print, which must be the same */
function compare(name: string, source: string, text: string, flags: readonly string[] = []): string {
  const object = compile(name, PRELUDE + source, [...FLAGS, ...flags]);
  const path = script(name, text);
  const { code, stderr } = run('ld', ['-T', path, object, '-o', join(folder, `${name}.gnu`)]);
  expect(`${code} ${stderr.replace(/^.*RWX permissions\n/m, '')}`).toBe('0 ');
  linkTiny(`${name}.tiny`, [object], { scripts: [path], gcSections: false, icf: 'none' });
  const expected = outcome(`${name}.gnu`);
  expect(outcome(`${name}.tiny`)).toEqual(expected);
  expect(expected.signal).toBeNull();
  return expected.stdout;
}

const SYMBOLS = [
  'text_start',
  'text_end',
  'text_size',
  'table',
  'table_end',
  'data_start',
  'data_load',
  'bss_start',
  'end',
];

const REPORT = `
extern char ${SYMBOLS.map((name) => `${name}[]`).join(', ')};
int counter = 5, zeros[100];
const char *greeting = "hello\\n";
__attribute__((section(".table.b"), used)) const int second = 10;
__attribute__((section(".table.a"), used, aligned(16))) const int first = 27;
void _start(void) {
  sys(1, 1, (long)greeting, 6);
  ${SYMBOLS.map((name) => `show("${name}", ${name});`).join(' ')}
  int sum = counter + zeros[7];
  for (const int *each = (const int *)table; each < (const int *)table_end; each++) sum += *each;
  sys(60, sum, 0, 0);
}`;

describe.skipIf(!HAS_TOOLS)('a freestanding program', () => {
  it('has the addresses that GNU ld gives it', () => {
    const text = `ENTRY(_start)
      SECTIONS {
        . = 0x500000;
        .text : { text_start = .; *(.text .text.*) . = ALIGN(16); text_end = . + 3; }
        text_size = SIZEOF(.text);
        .rodata ALIGN(32) : { *(.rodata .rodata.*) table = .; KEEP(*(SORT(.table.*))) table_end = .; }
        . = ALIGN(0x1000) + 0x20;
        .data : AT(0x900000) { data_start = .; *(.data .data.*) LONG(0x12345678) . = 0x80; QUAD(text_end) } = 0xab
        data_load = LOADADDR(.data);
        .bss : { bss_start = .; *(.bss .bss.*) *(COMMON) . = ALIGN(64); }
        end = .;
        ASSERT(end > bss_start, "no bss")
        /DISCARD/ : { *(.comment .note.* .eh_frame) }
      }`;
    expect(compare('full', REPORT, text)).toMatch(/^hello\ntext_start=0000000000500000\ntext_end=/);
  });

  it('may be one section at odd places', () => {
    const text = `ENTRY(_start) SECTIONS {
        PROVIDE(data_load = 0); PROVIDE(table_end = table); text_size = text_end - text_start;
        .all (0x10000000 + 24) : SUBALIGN(4) {
          text_start = 0; *(.data .data.*) data_start = ABSOLUTE(.) | 1; *(.text .text.*) text_end = ALIGN(., 64);
          . = . + 10; table = ALIGN(8) ; *(.rodata*) bss_start = . - 4; *(.bss .bss.*) *(COMMON) *(.table.*)
        }
        end = ADDR(.all) + SIZEOF(.all);
        /DISCARD/ : { *(.comment .note*) }
      }`;
    compare('odd', REPORT, text);
  });

  it('keeps what a script leaves to be placed', () => {
    const text = `ENTRY(_start) SECTIONS {
        . = 0x400100; text_start = .; .text : { *(.text) } text_end = .; text_size = 0;
        . = ALIGN(0x1000); data_start = .; .data : { *(.data) } data_load = .; . = ALIGN(128); bss_start = .;
        .bss : { *(.bss) } end = .; table = 0; table_end = 0;
      }`;
    compare('orphans', REPORT, text, ['-ffunction-sections', '-fdata-sections']);
  });

  it('of one small section has no byte too many', () => {
    const source = `int counter = 5, zeros[1000];
      void _start(void) { sys(1, 1, (long)"tiny\\n", 5); sys(60, counter + zeros[999], 0, 0); }`;
    const path = script(
      'tiny',
      `SECTIONS { . = 0x400000 + SIZEOF_HEADERS;
        .all : SUBALIGN(1) { *(.text .text.*) *(.rodata .rodata.*) *(.data .data.* .bss .bss.* COMMON) }
        /DISCARD/ : { *(.comment .note.* .eh_frame) } }`,
    );
    const object = compile('tiny', PRELUDE + source);
    const bytes = linkTiny('tiny', [object], { scripts: [path] });
    expect(outcome('tiny')).toEqual({ code: 5, signal: null, stdout: 'tiny\n' });
    expect(bytes.length).toBeLessThan(112 + 16 + 100);
  });

  it('of the binary format is the file that GNU ld writes', () => {
    const source =
      'int zeros[500]; void _start(void) { sys(1, 1, (long)"bare\\n", 5); sys(60, zeros[3], 0, 0); }';
    const object = compile('bare', PRELUDE + source);
    const path = script(
      'bare',
      `OUTPUT_FORMAT(binary)
      base = 0x400000;
      SECTIONS {
        . = 0;
        .header : AT(0) {
          LONG(0x464c457f) BYTE(2) BYTE(1) BYTE(1) BYTE(0) QUAD(0)
          SHORT(2) SHORT(62) LONG(1) QUAD(_start) QUAD(56) QUAD(0) LONG(0) SHORT(56) SHORT(56)
          LONG(1) LONG(7) QUAD(0) QUAD(base) QUAD(base) QUAD(file_end - base) QUAD(memory_end - base) QUAD(0x1000)
        }
        . = base + SIZEOF(.header);
        .all : AT(SIZEOF(.header)) SUBALIGN(1) { *(.text .text.*) *(.rodata .rodata.*) *(.data .data.*) }
        file_end = .;
        .bss : { *(.bss .bss.* COMMON) }
        memory_end = .;
        /DISCARD/ : { *(.comment .note.* .eh_frame) }
      }`,
    );
    expect(run('ld', ['-T', path, object, '-o', join(folder, 'bare.gnu')]).code).toBe(0);
    const bytes = linkTiny('bare.tiny', [object], { scripts: [path], gcSections: false });
    expect(Buffer.from(bytes).equals(readFileSync(join(folder, 'bare.gnu')))).toBe(true);
    expect(outcome('bare.tiny')).toEqual({ code: 0, signal: null, stdout: 'bare\n' });
  });
});

/** Where gcc finds a file of the C library. */
function gccFile(name: string): string {
  return run('gcc', [`-print-file-name=${name}`])
    .stdout.toString()
    .trim();
}

describe.skipIf(!HAS_TOOLS)('the C library', () => {
  const source = `#include <math.h>
    #include <stdio.h>
    #include <stdlib.h>
    static _Thread_local int local = 3;
    static void bye(void) { puts("bye"); }
    __attribute__((constructor)) static void early(void) { puts("early"); }
    int main(int count, char **words) {
      atexit(bye);
      printf("%.6f %d\\n", sin(count) * pow(count + 1, 0.5), local);
      return local;
    }`;
  const expected = { code: 3, signal: null, stdout: 'early\n1.190020 3\nbye\n' };

  /** Links with glibc as `gcc -static` does. */
  function linkWithLibrary(output: string, options: Partial<LinkOptions> = {}): void {
    const object = compile('math', source, ['-O1']);
    const inputs = [
      ...['crt1.o', 'crti.o', 'crtbeginT.o'].map(gccFile),
      object,
      ...['libm.a', 'libgcc.a', 'libgcc_eh.a', 'libc.a', 'crtend.o', 'crtn.o'].map(gccFile),
    ];
    linkTiny(output, inputs, { libraryPaths: [dirname(gccFile('libc.a'))], ...options });
  }

  it('is found through the script libm.a', () => {
    const libm = readFileSync(gccFile('libm.a'));
    linkWithLibrary('math');
    expect(outcome('math')).toEqual(expected);
    if (libm.subarray(0, 8).toString() !== '!<arch>\n') expect(libm.toString()).toMatch(/GROUP/);
  });

  it('runs when placed by GNU ld’s own script', () => {
    const text = run('ld', ['--verbose', '-static'])
      .stdout.toString()
      .split(/^={20,}$/m)[1]!;
    linkWithLibrary('default', { scripts: [script('default', text)] });
    expect(outcome('default')).toEqual(expected);
  });
});
