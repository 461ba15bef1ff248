/** Strings lose the alignment that gcc gives them for speed, and nothing else loses any. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import {
  SHF_ALLOC,
  SHF_GNU_RETAIN,
  SHF_MERGE,
  SHF_STRINGS,
  STB_LOCAL,
  STT_SECTION,
} from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import { CODE, DATA, latin1, linkFiles, placed, RODATA, section } from '../elf/make.ts';
import { hasTool, run, scratchFolder, tinyelf } from '../run.ts';

const CPUS = '/proc/cpuinfo';
const folder = scratchFolder();
const STRINGS = SHF_ALLOC | SHF_MERGE | SHF_STRINGS;
const GCC = '\0GCC: (Debian 12.2.0-14) 12.2.0\0';
const R_64 = 1;
const R_PC32 = 2;

/** Text of `size` bytes, NUL included, filled up to a multiple of `alignment`. */
function literal(size: number, alignment: number, characterSize = 1): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(size / alignment) * alignment);
  return bytes.fill(0x61 + (size % 26), 0, size - characterSize);
}

function strings(sizes: readonly number[], alignment: number, characterSize = 1): SectionSpec {
  const bytes = sizes.flatMap((size) => [...literal(size, alignment, characterSize)]);
  const more = { addralign: alignment, entsize: characterSize };
  return section('.rodata.str', STRINGS, Uint8Array.from(bytes), more);
}

/** Links an object with strings, all of which a table refers to. */
function linkStrings(found: SectionSpec, comment: string, options: Partial<LinkOptions> = {}): LinkResult {
  const bytes = found.bytes!;
  const offsets = [...bytes.keys()].filter((at) => at % found.addralign! === 0);
  const relocations = offsets.map((addend, i) => ({ offset: 8 * i, type: R_64, symbol: '.s', addend }));
  const object = buildObject(
    [
      section('.text._start', CODE, 1),
      section('.table', DATA | SHF_GNU_RETAIN, 8 * offsets.length, { relocations }),
      found,
      section('.comment', 0, latin1(comment)),
    ],
    [
      { name: '.s', section: found.name, binding: STB_LOCAL, type: STT_SECTION },
      { name: '_start', section: '.text._start' },
    ],
  );
  return linkFiles({ 'a.o': object }, options);
}

describe('alignment of strings', () => {
  it.each([
    ['literals', [33, 31, 41], 1],
    ['arrays of a few characters', [9, 15, 8, 32], 1],
    ['wide literals', [36, 44, 32], 4],
  ])('goes where gcc has chosen it: %s', (_, sizes, characterSize) => {
    const { alignment, size } = placed(linkStrings(strings(sizes, 8, characterSize), GCC), '.rodata.str');
    expect(alignment).toBe(characterSize);
    const all = sizes.reduce((sum, each) => sum + each, 0);
    expect(size).toBeLessThanOrEqual(all + 1);
  });

  it.each([
    ['strings that gcc does not align', strings([33, 7], 8), GCC, {}],
    ['strings that gcc aligns to 16', strings([33, 20], 8), GCC, {}],
    ['strings for aligned operands', strings([33, 41], 16), GCC, {}],
    ['constants of rustc', strings([33, 41], 8), '\0rustc version 1.95.0\0', {}],
    ['strings of clang', strings([33, 41], 8), `${GCC}clang version 14.0.6\0`, {}],
    ['objects of unknown origin', strings([33, 41], 8), 'an assembler', {}],
    ['strings under --shrink=none', strings([33, 41], 8), GCC, { shrink: 'none' }],
    ['strings under --verbatim', strings([33, 41], 8), GCC, { verbatim: true }],
    ['constants', section('.rodata.cst', SHF_ALLOC | SHF_MERGE, 16, { entsize: 8, addralign: 8 }), GCC, {}],
    ['other data', section('.rodata', RODATA, literal(33, 8), { addralign: 8 }), GCC, {}],
  ] as const)('stays with %s', (_, found, comment, options) => {
    expect(placed(linkStrings(found, comment, options), found.name).alignment).toBe(found.addralign);
  });
});

it('keeps constants where MOVAPS and PXOR find them', () => {
  const code = [
    ...[0x0f, 0x28, 0x05, 0, 0, 0, 0], // movaps xmm0, [rip+a]
    ...[0x66, 0x0f, 0xef, 0x05, 0, 0, 0, 0], // pxor xmm0, [rip+b]
    ...[0x66, 0x0f, 0x7e, 0xc7], // movd edi, xmm0
    ...[0xb8, 60, 0, 0, 0, 0x0f, 0x05], // mov eax, 60; syscall
  ];
  const relocations = [
    { offset: 3, type: R_PC32, symbol: 'a', addend: -4 },
    { offset: 11, type: R_PC32, symbol: 'b', addend: -4 },
  ];
  const object = buildObject(
    [
      section('.text._start', CODE, Uint8Array.from(code), { relocations }),
      strings([32, 48], 16),
      section('.rodata.b', RODATA, literal(16, 16), { addralign: 16 }),
      section('.rodata.c', RODATA, 3),
      section('.comment', 0, latin1(GCC)),
    ],
    [
      { name: '_start', section: '.text._start' },
      { name: 'a', section: '.rodata.str', value: 32 },
      { name: 'b', section: '.rodata.b' },
    ],
  );
  const path = join(folder, 'operands');
  const options = { header: 'auto', isBaseGiven: false, base: 0x10000 };
  writeFileSync(path, linkFiles({ 'a.o': object }, options).bytes);
  chmodSync(path, 0o755);
  // 'w' from 48 bytes of text, 'q' from 16.
  expect(run(path, []).code).toBe((0x61 + (48 % 26)) ^ (0x61 + 16));
});

const LOOPS = `
#include <stdint.h>
#include <stdio.h>
#include <string.h>
static const char *const words[] = {
  "a text of more than thirty-one characters", "thirty-one characters and more!",
  "characters and more!", "and another one that is just as long as it",
};
static const float numbers[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, [40] = 10, [63] = 11 };
static const int values[37] = { 3, 1, 4, 1, 5, 9, [36] = 2 };
static const struct { _Alignas(64) char text[40]; } apart = { "aligned" };
static int grown[3000] = { 1, 2, 3 };
int main(void) {
  float sum = 0;
  int total = 0, length = 0;
  for (int i = 0; i < 64; i++) sum += numbers[i] * numbers[63 - i];
  for (int i = 0; i < 37; i++) total += values[i] * i;
  for (int i = 0; i < 3000; i++) grown[i] += i;
  for (int i = 0; i < 4; i++) length += strlen(words[i]) + words[i][i];
  printf("%g %d %d %d %d\\n", sum, total, length, grown[2999], (int)((uintptr_t)&apart % 64));
}
`;
const isAvx2 = existsSync(CPUS) && readFileSync(CPUS, 'latin1').includes(' avx2 ');
const DRIVER = tinyelf(['driver-dir']).stdout.toString().trim();

describe.runIf(hasTool('gcc'))('vectorised loops', () => {
  it.each([
    ['-O3'],
    ['-O3', '-ffast-math', '-fmerge-all-constants'],
    ...(isAvx2 ? [['-O3', '-mavx2', '-ffast-math']] : []),
  ])('find what they read: %s', (...flags) => {
    const outputs = [join(folder, 'expected'), join(folder, 'loops')];
    writeFileSync(join(folder, 'loops.c'), LOOPS);
    const words = [...flags, '-static', 'loops.c'];
    execFileSync('gcc', [...words, '-o', outputs[0]!], { cwd: folder });
    execFileSync('gcc', [...words, '-B', DRIVER, '-o', outputs[1]!], { cwd: folder });
    const [expected, found] = outputs.map((path) => run(path, []).stdout.toString());
    expect(expected).toMatch(/ 0\n$/);
    expect(found).toBe(expected);
  });
});
