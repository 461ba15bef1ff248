/** Variables that begin as zero need no bytes of the file. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { SHF_ALLOC, SHF_TLS, SHF_WRITE } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import { bss, CODE, DATA, linkFiles, placed, RODATA, section } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';

const folder = scratchFolder();
const R_64 = 1;
const R_32S = 11;
const EXIT = [0xb8, 60, 0, 0, 0, 0x0f, 0x05]; // mov eax, 60; syscall

/** Links a program that adds up the first bytes of all sections and exits with the sum. */
function linkAdding(sections: readonly SectionSpec[], options: Partial<LinkOptions> = {}): LinkResult {
  const loads = sections.flatMap(() => [0x40, 0x02, 0x3c, 0x25, 0, 0, 0, 0]); // add dil, [section]
  const code = Uint8Array.of(0x31, 0xff, ...loads, ...EXIT);
  const relocations = sections.map(({ name }, i) => ({
    offset: 6 + 8 * i,
    type: R_32S,
    symbol: name,
    addend: 0,
  }));
  const object = buildObject(
    [section('.text._start', CODE, code, { relocations }), ...sections],
    [{ name: '_start', section: '.text._start' }, ...sections.map(({ name }) => ({ name, section: name }))],
  );
  return linkFiles({ 'a.o': object }, { header: 'auto', isBaseGiven: false, base: 0x10000, ...options });
}

function exitCode({ bytes }: LinkResult): number | null {
  const path = join(folder, 'program');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return run(path, []).code;
}

const variables = (first: number, size: number) => {
  const bytes = new Uint8Array(size);
  bytes[0] = first;
  return bytes;
};

it('moves variables that are zero to the zero-initialised ones', () => {
  const result = linkAdding([
    section('.data.a', DATA, 5000),
    section('.data.b', DATA, Uint8Array.of(7)),
    bss('.bss', 8),
  ]);
  expect(placed(result, '.data.a')).toMatchObject({ part: 'bss', fileOffset: null });
  expect(placed(result, '.data.b').part).toBe('data');
  expect(result.bytes.length).toBeLessThan(300);
  expect(exitCode(result)).toBe(7);
});

it('leaves them where the program has no zero-initialised ones, but out of the file', () => {
  const result = linkAdding([section('.data.a', DATA, 9000), section('.data.b', DATA, Uint8Array.of(7))]);
  expect(placed(result, '.data.a').part).toBe('data');
  expect(result.bytes.length).toBeLessThan(300);
  expect(exitCode(result)).toBe(7);
});

it.each([
  ['constants', section('.rodata.a', RODATA, 16)],
  ['thread-local data', section('.tdata.a', SHF_ALLOC | SHF_WRITE | SHF_TLS, 16)],
  ['sequences', section('set_a', DATA, 16)],
  [
    'what has a relocation',
    section('.data.a', DATA, 16, { relocations: [{ offset: 0, type: R_64, symbol: '_start', addend: 0 }] }),
  ],
])('leaves %s', (_, zeros) => {
  const result = linkAdding([zeros, bss('.bss', 8)]);
  expect(placed(result, zeros.name).part).not.toBe('bss');
  expect(placed(result, zeros.name).fileOffset).not.toBeNull();
});

it('moves what only has relocations that fill nothing', () => {
  const R_NONE = 0;
  const relocations = [{ offset: 8, type: R_NONE, symbol: '_start', addend: 0 }];
  const result = linkAdding([section('.data.a', DATA, 16, { relocations }), bss('.bss', 8)]);
  expect(placed(result, '.data.a')).toMatchObject({ part: 'bss', fileOffset: null });
});

it('moves nothing for the sake of thread-local data that is zero, or of data without size', () => {
  const thread = { ...bss('.tbss', 8), flags: SHF_ALLOC | SHF_WRITE | SHF_TLS };
  for (const other of [thread, bss('.bss', 0)]) {
    const result = linkAdding([
      section('.data.a', DATA, 16),
      section('.data.b', DATA, Uint8Array.of(7)),
      other,
    ]);
    expect(placed(result, '.data.a').part).toBe('data');
  }
});

it('changes nothing under --verbatim', () => {
  const result = linkAdding([section('.data.a', DATA, 5000), bss('.bss', 8)], { verbatim: true });
  expect(placed(result, '.data.a').part).toBe('data');
  expect(result.bytes.length).toBeGreaterThan(5000);
});

it('ends the file with the section that ends with most zeros', () => {
  const sections = [
    section('.data.a', DATA, variables(1, 12_000), { addralign: 8 }),
    section('.data.b', DATA, variables(2, 400), { addralign: 32 }),
    section(
      '.data.c',
      DATA,
      Uint8Array.from({ length: 100 }, () => 3),
    ),
  ];
  const result = linkAdding([...sections, bss('.bss', 10_000)]);
  expect(result.bytes.length).toBeLessThan(800);
  const last = placed(result, '.data.a');
  expect(last.fileOffset!).toBeGreaterThan(placed(result, '.data.b').fileOffset!);
  expect(last.fileOffset!).toBeGreaterThan(placed(result, '.data.c').fileOffset!);
  expect(last.fileOffset! + 1).toBe(result.bytes.length);
  expect(exitCode(result)).toBe(6);
  for (const segments of ['split', 'pages'] as const) {
    const other = linkAdding([...sections, bss('.bss', 10_000)], { segments });
    expect(exitCode(other)).toBe(6);
  }
});

it('keeps the zeros where tools look at the file', () => {
  const sections = [section('.data.a', DATA, variables(1, 5000)), section('.data.b', DATA, Uint8Array.of(2))];
  const result = linkAdding([...sections, bss('.bss', 8)], { header: 'classic' });
  expect(result.bytes.length).toBeGreaterThan(5000);
  expect(exitCode(result)).toBe(3);
});
