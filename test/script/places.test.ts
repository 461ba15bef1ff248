/** Small scripts with corners of GNU ld's manual in them: symbols and bytes are those that GNU ld gives. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LinkOptions } from '../../src/options.ts';
import { run } from '../run.ts';
import { HAS_TOOLS, LiveFolder } from './liveLink.ts';

const live = new LiveFolder();

const SOURCE = `
.globl _start
_start: ret
.data
.long 1
.section .rodata, "a"
.long 2
`;
const ORPHAN = '.section .mine, "aw"\n.quad 3\n';
const THREAD = '.section .tdata, "awT", @progbits\n.quad 4\n';

const REGIONS = `MEMORY { F : ORIGIN = 0x600000, LENGTH = 64K  R : ORIGIN = 0x700000, LENGTH = 64K }`;

function assemble(source: string): string {
  const path = join(live.path, 'source.s');
  writeFileSync(path, source);
  const object = join(live.path, 'source.o');
  expect(run('gcc', ['-c', path, '-o', object])).toMatchObject({ code: 0, stderr: '' });
  return object;
}

/** Links by both linkers. @returns paths of what GNU ld and tinyelf have made */
function linkBoth(source: string, text: string): { gnu: string; tiny: string } {
  const object = assemble(source);
  const path = live.script('places', text);
  const options: Partial<LinkOptions> = {
    gcSections: false,
    icf: 'none',
    tables: 'symbols',
    scripts: [path],
  };
  live.linkTiny('places.tiny', [object], options);
  return { gnu: live.linkGnu('places', path, object), tiny: join(live.path, 'places.tiny') };
}

/** Values of symbols by name, but for those of the linker itself. */
function symbolsOf(path: string): string[] {
  const lines = run('nm', [path]).stdout.toString().split('\n');
  const named = lines.flatMap((line) => {
    const [value, , name] = line.split(' ');
    return name === undefined ? [] : [`${name} ${value}`];
  });
  return named.toSorted();
}

/** Bytes as they are loaded. */
function binaryOf(path: string): string {
  const output = `${path}.bin`;
  expect(run('objcopy', ['-O', 'binary', path, output])).toMatchObject({ code: 0, stderr: '' });
  return readFileSync(output).toString('hex');
}

describe.skipIf(!HAS_TOOLS)('symbols', () => {
  it.each([
    [
      'behind a section in a region',
      `${REGIONS} SECTIONS { .text : { *(.text .rodata) } >F .data : { *(.data) } >R
      _e = .; .heap : { _heap = .; } after = .; }`,
    ],
    [
      'behind a section without bytes',
      `SECTIONS { . = 0x600000; .text : { *(.text) } .own : ALIGN(16) { a = .; } b = .;
      .data : { *(.data .rodata) d = .; } }`,
    ],
    [
      'behind a section that is empty and has an address',
      `SECTIONS { . = 0x600000; .text : { *(.text) }
      .vec 0x610000 : { *(.vec) } x = 5; .data : { *(.data .rodata) d = .; } }`,
    ],
    [
      'that a region counts on',
      `PROVIDE(begin = 0x600000); MEMORY { F : ORIGIN = begin, LENGTH = 64K }
      SECTIONS { .text : { *(.text .data .rodata) } > F e = .; }`,
    ],
    [
      'which is provided, and set before',
      `SECTIONS { . = 0x600000; .text : { *(.text .data .rodata) }
      x = 52; PROVIDE(x = nowhere + 1); }`,
    ],
    [
      'behind what is discarded',
      `SECTIONS { . = 0x600000; .text : { *(.text) } .data : { *(.data .rodata) }
      /DISCARD/ : { *(.comment) } _end = .; }`,
    ],
    [
      'of load addresses behind what is discarded',
      `${REGIONS} SECTIONS { .text : { *(.text) } >F
      .rodata : { *(.rodata) } >R AT>F /DISCARD/ : { *(.comment) } .data : { *(.data) } > R lma = LOADADDR(.data); }`,
    ],
    [
      'of load addresses behind an empty section',
      `SECTIONS { . = 0x600000; .text : { *(.text) }
      .vec : AT(0x10000) { *(.vec) } .data : { *(.data .rodata) } lma = LOADADDR(.data); }`,
    ],
    [
      'around code that is not mentioned',
      `SECTIONS { . = 0x600000; .data : { *(.data) } .bss : { *(.bss) } _end = .; }`,
    ],
    [
      'in conditions',
      `SECTIONS { . = 0x600000; .text : { *(.text) } .data : { *(.data .rodata) }
      ASSERT(_start && 1, "no start") x = _start && 1; y = _start || 0; z = 0 && _start; }`,
    ],
  ])('%s', (_, text) => {
    const { gnu, tiny } = linkBoth(SOURCE + ORPHAN.repeat(Number(text.includes('/DISCARD/'))), text);
    expect(symbolsOf(tiny)).toEqual(symbolsOf(gnu));
  });

  it('around thread-local data that is not mentioned', () => {
    const text =
      'SECTIONS { . = 0x600000; .text : { *(.text) } .data : { *(.data) } .rodata : { *(.rodata) r = .; } }';
    const { gnu, tiny } = linkBoth(SOURCE + THREAD, text);
    expect(symbolsOf(tiny)).toEqual(symbolsOf(gnu));
  });
});

describe.skipIf(!HAS_TOOLS)('bytes as they are loaded', () => {
  it.each([
    [
      'from another region',
      `${REGIONS} SECTIONS { .text : { *(.text .rodata) } > F .data : { *(.data) } > R AT> F }`,
    ],
    [
      'of what goes where the section before it is loaded',
      `${REGIONS} SECTIONS { .text : { *(.text .rodata) } >F
      .data 0x700000 : { *(.data) } AT> F }`,
    ],
    [
      'with a gap between sections',
      `SECTIONS { . = 0x600000; .text : { *(.text) *(.rodata) } . = 0x608000;
      .data : { *(.data) *(.data.x) } }`,
    ],
  ])('%s', (name, text) => {
    const { gnu, tiny } = linkBoth(SOURCE + ORPHAN.repeat(Number(name.includes('before'))), text);
    expect(binaryOf(tiny)).toBe(binaryOf(gnu));
  });
});
