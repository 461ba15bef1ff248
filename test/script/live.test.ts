/** Scripts as GNU ld and tinyelf understand them: programs linked by both, on this kernel. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LinkOptions } from '../../src/options.ts';
import { run } from '../run.ts';
import { HAS_TOOLS, LiveFolder, PRELUDE } from './liveLink.ts';

const live = new LiveFolder();

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
    expect(live.compare('full', REPORT, text)).toMatch(/^hello\ntext_start=0000000000500000\ntext_end=/);
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
    live.compare('odd', REPORT, text);
  });

  it('keeps what a script leaves to be placed', () => {
    const text = `ENTRY(_start) SECTIONS {
        . = 0x400100; text_start = .; .text : { *(.text) } text_end = .; text_size = 0;
        . = ALIGN(0x1000); data_start = .; .data : { *(.data) } data_load = .; . = ALIGN(128); bss_start = .;
        .bss : { *(.bss) } end = .; table = 0; table_end = 0;
      }`;
    live.compare('orphans', REPORT, text, ['-ffunction-sections', '-fdata-sections']);
  });

  it('of one small section has no byte too many', () => {
    const source = `int counter = 5, zeros[1000];
      void _start(void) { sys(1, 1, (long)"tiny\\n", 5); sys(60, counter + zeros[999], 0, 0); }`;
    const path = live.script(
      'tiny',
      `SECTIONS { . = 0x400000 + SIZEOF_HEADERS;
        .all : SUBALIGN(1) { *(.text .text.*) *(.rodata .rodata.*) *(.data .data.* .bss .bss.* COMMON) }
        /DISCARD/ : { *(.comment .note.* .eh_frame) } }`,
    );
    const object = live.compile('tiny', PRELUDE + source);
    const bytes = live.linkTiny('tiny', [object], { scripts: [path] });
    expect(live.outcome('tiny')).toEqual({ code: 5, signal: null, stdout: 'tiny\n' });
    expect(bytes.length).toBeLessThan(112 + 16 + 100);
  });

  it('of the binary format is the file that GNU ld writes', () => {
    const source =
      'int zeros[500]; void _start(void) { sys(1, 1, (long)"bare\\n", 5); sys(60, zeros[3], 0, 0); }';
    const object = live.compile('bare', PRELUDE + source);
    const path = live.script(
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
    expect(run('ld', ['-T', path, object, '-o', join(live.path, 'bare.gnu')]).code).toBe(0);
    const bytes = live.linkTiny('bare.tiny', [object], { scripts: [path], gcSections: false });
    expect(Buffer.from(bytes).equals(readFileSync(join(live.path, 'bare.gnu')))).toBe(true);
    expect(live.outcome('bare.tiny')).toEqual({ code: 0, signal: null, stdout: 'bare\n' });
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
    const object = live.compile('math', source, ['-O1']);
    const inputs = [
      ...['crt1.o', 'crti.o', 'crtbeginT.o'].map(gccFile),
      object,
      ...['libm.a', 'libgcc.a', 'libgcc_eh.a', 'libc.a', 'crtend.o', 'crtn.o'].map(gccFile),
    ];
    live.linkTiny(output, inputs, { libraryPaths: [dirname(gccFile('libc.a'))], ...options });
  }

  it('is found through the script libm.a', () => {
    const libm = readFileSync(gccFile('libm.a'));
    linkWithLibrary('math');
    expect(live.outcome('math')).toEqual(expected);
    if (libm.subarray(0, 8).toString() !== '!<arch>\n') expect(libm.toString()).toMatch(/GROUP/);
  });

  it('runs when placed by GNU ld’s own script', () => {
    const text = run('ld', ['--verbose', '-static'])
      .stdout.toString()
      .split(/^={20,}$/m)[1]!;
    linkWithLibrary('default', { scripts: [live.script('default', text)] });
    expect(live.outcome('default')).toEqual(expected);
  });
});
