/** Zeros at the end of the file are left out where memory has them anyway. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec } from '../../src/elf/build.ts';
import { SHF_ALLOC, SHF_TLS, SHF_WRITE, STT_TLS } from '../../src/elf/constants.ts';
import type { LinkResult } from '../../src/link.ts';
import type { LinkOptions } from '../../src/options.ts';
import { bss, CODE, DATA, linkFiles, RODATA, section } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';

const folder = scratchFolder();
const R_PC32 = 2;

/** Adds up the 32-bit words of `words`, and exits with the sum. */
const ADDING = [
  ...[0x48, 0x8d, 0x35, 0, 0, 0, 0], // lea rsi, [rip+words]
  ...[0x31, 0xff], // xor edi, edi
  ...[0xb9, 0, 0, 0, 0], // mov ecx, count
  ...[0x03, 0x3e], // add edi, [rsi]
  ...[0x48, 0x83, 0xc6, 4], // add rsi, 4
  ...[0xff, 0xc9, 0x75, 0xf6], // dec ecx; jnz
  ...[0xb8, 60, 0, 0, 0, 0x0f, 0x05], // mov eax, 60; syscall
];

/** A program with these words, as constants or variables. */
function programOf(flags: number, words: readonly number[], zeros = 0): Uint8Array {
  const code = Uint8Array.from(ADDING);
  new DataView(code.buffer).setUint32(10, words.length, true);
  const content = new Uint8Array(Uint32Array.from(words).buffer);
  const reference = { offset: 3, type: R_PC32, symbol: 'words', addend: -4 };
  const more = zeros > 0 ? [bss('.bss', zeros)] : [];
  const sections = [
    section('.text._start', CODE, code, { relocations: [reference] }),
    section('.data.words', flags, content, { addralign: 4 }),
    ...more,
  ];
  const symbols = [
    { name: '_start', section: '.text._start' },
    { name: 'words', section: '.data.words' },
  ];
  return buildObject(sections, symbols);
}

function exitCode({ bytes }: LinkResult): number | null {
  const path = join(folder, 'program');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return run(path, []).code;
}

const many = (count: number) => Array.from({ length: count }, (_, i) => (i === 0 ? 42 : 0));

describe.each([
  // Constants may lie before the code, where that fills a gap; then their zeros are not at the end.
  ['constants', RODATA, ['0x31']],
  ['variables', DATA, ['0x31', '0x38', 'auto']],
] as const)('%s that end with zeros', (_, flags, headers) => {
  it.each(headers)('lie only in memory, in header %s', (header) => {
    const whole = linkFiles({ 'a.o': programOf(flags, many(600)) }, { header: 'classic' });
    const trimmed = linkFiles(
      { 'a.o': programOf(flags, many(600)) },
      { header, isBaseGiven: header !== 'auto' },
    );
    expect(trimmed.bytes.length).toBeLessThan(200);
    expect(whole.bytes.length).toBeGreaterThan(2400);
    expect(trimmed.map().bytes.trimmed).toBeGreaterThan(2300);
    expect([exitCode(whole), exitCode(trimmed)]).toEqual([42, 42]);
  });

  it('stay where only the file has memory for them', () => {
    const trimmed = linkFiles({ 'a.o': programOf(flags, many(3000)) }, { header: '0x31' });
    // A segment that can be written to may have more memory than file.
    if (flags === DATA) expect(trimmed.bytes.length).toBeLessThan(200);
    else expect(trimmed.bytes.length).toBe(2 * 4096 + 1);
    expect(exitCode(trimmed)).toBe(42);
  });

  it('stay where the header is conventional, and where sections are described', () => {
    for (const options of [{ header: 'classic' }, { header: 'plain', tables: 'symbols' as const }])
      expect(linkFiles({ 'a.o': programOf(flags, many(600)) }, options).bytes.length).toBeGreaterThan(2400);
  });
});

it.each([
  ['constants', RODATA],
  ['variables', DATA],
])('%s are zero in the debug file too, where tables follow', (_, flags) => {
  const result = linkFiles({ 'a.o': programOf(flags, many(600)) }, { header: '0x31' });
  expect(exitCode(result)).toBe(42);
  expect(exitCode({ ...result, bytes: result.debugFile() })).toBe(42);
});

it('does not disturb zero-initialised data behind them', () => {
  const object = programOf(DATA, many(600), 9000);
  const result = linkFiles({ 'a.o': object }, { header: '0x31', gcSections: false });
  expect(result.bytes.length).toBeLessThan(200);
  expect(result.map().memorySize).toBeGreaterThan(11_000);
  expect(exitCode(result)).toBe(42);
});

it('lie only in memory where the program has thread-local data too', () => {
  const thread = buildObject(
    [section('.tdata.a', SHF_ALLOC | SHF_WRITE | SHF_TLS, Uint8Array.of(1, 2, 3, 4))],
    [{ name: 'a', section: '.tdata.a', type: STT_TLS }],
  );
  const files = { 'a.o': programOf(DATA, many(3000)), 'b.o': thread };
  const result = linkFiles(files, { header: 'auto', isBaseGiven: false, gcSections: false });
  expect(result.map().segments.map(({ type }) => type)).toContain('TLS');
  expect(result.bytes.length).toBeLessThan(300);
  expect(result.map().memorySize).toBeGreaterThan(12_000);
});

describe('the file and its segments have exactly', () => {
  /** mov eax, 60; xor edi, edi; syscall */
  const exits = Uint8Array.of(0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05);
  const objectWith = (flags: number, size: number, first: number, more: readonly SectionSpec[] = []) => {
    const content = Uint8Array.from({ length: size }, (_, i) => (i === 0 ? first : 0));
    return buildObject(
      [section('.text', CODE, exits), section('.data', flags, content), ...more],
      [{ name: '_start', section: '.text' }],
    );
  };
  const zeros = [bss('.bss', 9000)];
  const thread = [section('.tdata', DATA | SHF_TLS, Uint8Array.of(1, 0, 0, 0))];

  /** Bytes of the file and those left out; of each segment permissions, offset, and bytes in the file and in memory. */
  it.each<[string, number, number, number, readonly SectionSpec[], Partial<LinkOptions>, string]>([
    ['constants', RODATA, 601, 42, [], { header: '0x31' }, '105, 593 less: r-x 0+105 105'],
    ['constants', RODATA, 5001, 42, [], { header: '0x31' }, '4097, 1009 less: r-x 0+4097 4097'],
    ['constants up to a page', RODATA, 3968, 42, [], { header: '0x31' }, '106, 3967 less: r-x 0+106 106'],
    [
      'constants and a page',
      RODATA,
      3977,
      42,
      [],
      { header: '0x40', segments: 'split' },
      '4097, 0 less: r-x 0+4097 4097',
    ],
    ['variables', DATA, 601, 42, [], { header: '0x31' }, '105, 593 less: rwx 0+105 698'],
    ['variables', DATA, 5001, 42, [], { header: '0x31' }, '106, 5000 less: rwx 0+106 5106'],
    ['nothing but zeros', DATA, 601, 0, [], { header: '0x31' }, '105, 593 less: rwx 0+105 698'],
    ['more zeros behind', DATA, 601, 42, zeros, { header: '0x31' }, '105, 593 less: rwx 0+105 9698'],
    [
      'p_filesz of a form',
      RODATA,
      5001,
      42,
      [],
      { header: '0x18', isBaseGiven: false },
      '4097, 993 less: r-x 24+65537 65537',
    ],
    [
      'p_filesz of a form',
      DATA,
      5001,
      42,
      [],
      { header: '0x18', isBaseGiven: false },
      '4097, 993 less: rwx 24+65537 65537',
    ],
    [
      'p_filesz of a form',
      DATA,
      601,
      42,
      [],
      { header: '0x19', isBaseGiven: false },
      '262, 600 less: rwx 0+512 1024',
    ],
    [
      'p_filesz of a form',
      DATA,
      601,
      42,
      zeros,
      { header: '0x19', isBaseGiven: false },
      '262, 600 less: rwx 0+512 9862',
    ],
    [
      'a segment of their own',
      ...([DATA, 601, 42, [], { header: '0x40', segments: 'split' }] as const),
      '177, 600 less: r-x 0+176 176; rw- 176+1 601',
    ],
    [
      'a segment of their own and zeros behind',
      ...([DATA, 5001, 42, zeros, { header: '0x40', segments: 'pages' }] as const),
      '4097, 5000 less: r-x 0+176 176; rw- 4096+1 14001',
    ],
    [
      'constants up to which zeros reach',
      ...([RODATA, 601, 42, zeros, { header: '0x40', segments: 'split' }] as const),
      '777, 0 less: r-x 0+777 777; rw- 776+1 9001',
    ],
    [
      'writable code',
      ...([CODE | DATA, 601, 42, zeros, { header: '0x40', segments: 'split' }] as const),
      '177, 600 less: r-x 0+176 176; rwx 176+1 9601',
    ],
    [
      'thread-local data in front',
      ...([DATA, 3001, 42, thread, { header: '0x40', segments: 'split' }] as const),
      '293, 3000 less: r-x 0+292 292; rw- 292+1 3001; r-- 288+4 4; rw- 0+0 0',
    ],
    ['no less in the classic header', DATA, 601, 42, [], { header: 'classic' }, '722, 0 less: rwx 0+722 722'],
  ])('%s: %#', (_, flags, size, first, more, options, expected) => {
    const files = { 'a.o': objectWith(flags, size, first, more) };
    const free = options.isBaseGiven === false ? { base: 0x10000 } : {};
    const map = linkFiles(files, { gcSections: false, shrink: 'none', ...free, ...options }).map();
    const segments = map.segments.map(
      ({ permissions, offset, fileSize, memorySize }) => `${permissions} ${offset}+${fileSize} ${memorySize}`,
    );
    expect(`${map.fileSize}, ${map.bytes.trimmed} less: ${segments.join('; ')}`).toBe(expected);
  });
});
