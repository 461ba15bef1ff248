/** Linker scripts that place sections: programs linked with one by tinyelf and by GNU ld must agree. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasTool, LD_TINYELF, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();
const HAS_TOOLS = hasTool('gcc') && hasTool('ld');

/** Writes the values of script symbols, in hexadecimal, and a checksum of its data. */
const MAIN = `
extern char text_start[], text_end[], data_start[], bss_start[], bss_end[], chosen[];
extern const int table_start[], table_end[];
extern const char marker[];
int initialised = 5, zero[100], common_block[10];
__attribute__((section("table"), used)) static const int first = 11, second = 22;
__attribute__((section(".data.late"))) int late = 3;

static void write_hex(unsigned long value) {
  char text[17];
  for (int i = 15; i >= 0; i--, value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  text[16] = '\\n';
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(1L), "D"(1L), "S"(text), "d"(17L) : "rcx", "r11", "memory");
}

int program(void) {
  int sum = initialised + zero[50] + common_block[3] + late + marker[0] + marker[1];
  for (const int *entry = table_start; entry < table_end; entry++) sum += *entry;
  write_hex((unsigned long)text_start);
  write_hex(data_start >= text_end && bss_start >= data_start && bss_end - bss_start >= 400);
  write_hex((unsigned long)data_start % 64);
  write_hex((unsigned long)chosen);
  return sum;
}

__attribute__((naked, noreturn, section(".text.start"))) void _start(void) {
  asm("and $-16, %rsp; call program; mov %eax, %edi; mov $60, %eax; syscall");
}
`;

const BODY = `
  . = 0x500000 + SIZEOF_HEADERS;
  .text : { text_start = .; KEEP(*(.text.start)) *(.text .text.*) text_end = .; }
  .rodata : SUBALIGN(4) { *(.rodata .rodata.*) . = ALIGN(4); table_start = .; KEEP(*(table)) table_end = .; marker = .; BYTE(7) SHORT(0x0109) }
  .data : ALIGN(64) { data_start = .; *(SORT_BY_NAME(.data.*)) *(.data) . = ALIGN(8); }
  .bss : { bss_start = .; *(.bss .bss.*) *(COMMON) bss_end = .; }
  PROVIDE(chosen = SIZEOF(.rodata) > 0 ? 0x1234 : 0);
  ASSERT(bss_end > bss_start, "there is zero-initialised data")
  /DISCARD/ : { *(.comment) *(.note.*) *(.eh_frame) }
`;

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

function link(script: string, ...options: string[]) {
  const args = ['main.o', '-T', write('script.ld', script), ...options, '-o', 'ours'];
  return run(process.execPath, [LD_TINYELF, ...args], { cwd: folder });
}

beforeAll(() => {
  if (!HAS_TOOLS) return;
  const flags = [
    '-Os',
    '-ffreestanding',
    '-fno-pic',
    '-fcommon',
    '-fno-asynchronous-unwind-tables',
    '-ffunction-sections',
    '-w',
  ];
  execFileSync('gcc', [...flags, '-c', write('main.c', MAIN), '-o', 'main.o'], { cwd: folder });
});

describe.skipIf(!HAS_TOOLS)('SECTIONS', () => {
  it.each([
    ['whole', `ENTRY(_start)\nSECTIONS {${BODY}}`],
    ['with the entry inside', `SECTIONS { ENTRY(_start)${BODY}}`],
  ])('%s gives what GNU ld gives', (_, script) => {
    const { code, stderr } = link(script, '--gc-sections');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    run('ld', ['main.o', '-T', 'script.ld', '-N', '--gc-sections', '-o', 'theirs'], { cwd: folder });
    const ours = run(join(folder, 'ours'), []);
    const theirs = run(join(folder, 'theirs'), []);
    expect(ours.code).toBe(theirs.code);
    expect(ours.code).toBe(5 + 3 + 7 + 9 + 11 + 22);
    // The header in front of the code has another size, so its end is not compared.
    const values = (text: Buffer) => text.toString().split('\n').slice(1);
    expect(values(ours.stdout)).toEqual(values(theirs.stdout));
  });

  it('may give a section a load address, which changes nothing in memory', () => {
    const script = `ENTRY(_start)\nSECTIONS {${BODY.replace('.data : ALIGN(64)', '.data : AT(0x900000) ALIGN(64)')}}`;
    expect(link(script)).toMatchObject({ code: 0, stderr: '' });
    expect(run(join(folder, 'ours'), []).code).toBe(57);
  });

  it('can be the one that people wrote by hand for tiny programs', () => {
    const script = `SECTIONS {
      . = 0x400000 + SIZEOF_HEADERS;
      .all : SUBALIGN(1) { text_start = .; *(.text .text.*) text_end = .; data_start = .; *(.rodata .rodata.*) table_start = .;
        *(table) table_end = .; marker = .; SHORT(0x0907) *(.data .data.*) bss_start = .; *(.bss .bss.* COMMON) bss_end = .; }
      chosen = 1;
      /DISCARD/ : { *(.comment .note.* .eh_frame) }
    }`;
    expect(link(script, '--no-gc-sections')).toMatchObject({ code: 0, stderr: '' });
    expect(run(join(folder, 'ours'), []).code).toBe(57);
  });

  it('works for tinyelf link too', () => {
    write('tiny.ld', `SECTIONS {${BODY}}`);
    const { code, stderr } = tinyelf(['link', 'main.o', '-T', 'tiny.ld', '-o', 'ours'], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(run(join(folder, 'ours'), []).code).toBe(57);
  });

  it('reports an assertion that fails, with its words', () => {
    const { code, stderr } = link(`SECTIONS {${BODY} ASSERT(1 > 2, "one is not more than two") }`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/one is not more than two/);
  });

  it('reports a discarded section that is needed', () => {
    const { code, stderr } = link(
      'SECTIONS { .text : { *(.text*) } /DISCARD/ : { *(.data*) *(.rodata*) *(table) } }',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/lies in a section that is not part of the program/);
  });

  it.each([
    ['MEMORY { ram : ORIGIN = 0, LENGTH = 1M }', /MEMORY/],
    ['PHDRS { text PT_LOAD; }', /PHDRS/],
    ['SECTIONS { .text : { *(.text) } > ram }', /there is no memory region ram/],
    ['SECTIONS { OVERLAY : { } }', /OVERLAY/],
    ['INCLUDE other.ld', /line 1: no such file: other\.ld/],
    ['SECTIONS { .x : { a = .; } } INSERT AFTER .text', /INSERT is supported only for/],
    ['SECTIONS { .text : { *(.text }', /script\.ld: line 1: /],
    ['SECTIONS { . = ; }', /script\.ld: line 1: /],
  ])('%s is refused by name and line', (script, message) => {
    const { code, stderr } = link(script);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/script\.ld/);
  });
});
