/** The fields of headers: their places, values and meanings, who reads them, and which values are usual. */
import { describe, expect, it } from 'vitest';
import { isConventionalValue } from '../../src/header/convention.ts';
import { headerSize, writeHeaders } from '../../src/header/conventional.ts';
import { type PlacedField, readHeaderFields } from '../../src/header/fields.ts';
import { meaningOf } from '../../src/header/meanings.ts';
import { segmentFieldBits } from '../../src/header/readers.ts';
import { PROGRAM_FIELDS } from '../../src/header/structure.ts';
import { makeElf } from './elfFile.ts';

/** Fields as `structure.name offset:size value meaning, bits`; those that nobody reads have no bits. */
function describeFields(fields: readonly PlacedField[]): string[] {
  return fields.map(({ name, structure, offset, size, value, meaning, readBits }) => {
    const read = readBits.some((bits) => bits !== 0) ? `, ${Buffer.from(readBits).toString('hex')}` : '';
    return `${structure}.${name} ${offset}:${size} ${value.toString(16)} ${meaning}${read}`;
  });
}

describe('fields', () => {
  it('of a plain file', () => {
    expect(describeFields(readHeaderFields(makeElf()))).toMatchInlineSnapshot(`
      [
        "ehdr.EI_MAG 0:4 464c457f the magic number, ffffffff",
        "ehdr.EI_CLASS 4:1 2 64-bit; the kernel does not look, qemu-user and gVisor do",
        "ehdr.EI_DATA 5:1 1 little-endian; the kernel does not look, qemu-user and gVisor do",
        "ehdr.EI_VERSION 6:1 1 the kernel does not look, qemu-user and gVisor do",
        "ehdr.EI_OSABI 7:1 3 free: the kernel does not look",
        "ehdr.EI_PAD 8:8 0 free: the kernel does not look",
        "ehdr.e_type 16:2 2 ET_EXEC, a program with fixed addresses, ffff",
        "ehdr.e_machine 18:2 3e EM_X86_64, ffff",
        "ehdr.e_version 20:4 1 the kernel does not look, FreeBSD does",
        "ehdr.e_entry 24:8 400100 address of the first instruction, ffffffffffffffff",
        "ehdr.e_phoff 32:8 40 file offset of the program headers, ffffffffffffffff",
        "ehdr.e_shoff 40:8 0 no section headers: the kernel does not look",
        "ehdr.e_flags 48:4 0 the kernel does not look",
        "ehdr.e_ehsize 52:2 40 the kernel does not look, qemu-user does",
        "ehdr.e_phentsize 54:2 38 size of a program header, ffff",
        "ehdr.e_phnum 56:2 1 number of program headers, ffff",
        "ehdr.e_shentsize 58:2 0 for section headers: the kernel does not look",
        "ehdr.e_shnum 60:2 0 for section headers: the kernel does not look",
        "ehdr.e_shstrndx 62:2 0 for section headers: the kernel does not look",
        "phdr.p_type 64:4 1 PT_LOAD, ffffffff",
        "phdr.p_flags 68:4 5 r-x, 07000000",
        "phdr.p_offset 72:8 0 from this file offset, ffffffffffffffff",
        "phdr.p_vaddr 80:8 400000 to this address, ffffffffffffffff",
        "phdr.p_paddr 88:8 0 the kernel does not look",
        "phdr.p_filesz 96:8 180 bytes that come from the file, ffffffffffffffff",
        "phdr.p_memsz 104:8 180 bytes in memory, ffffffffffffffff",
        "phdr.p_align 112:8 1000 alignment; it counts only where the kernel chooses the address",
      ]
    `);
  });

  it('of several program headers are told apart, as far as the file has them', () => {
    const structures = (bytes: Uint8Array) => [
      ...new Set(readHeaderFields(bytes).map(({ structure }) => structure)),
    ];
    const bytes = makeElf({ segments: [{}, { p_type: 6 }, {}], size: 64 + 3 * 56 });
    expect(structures(bytes)).toEqual(['ehdr', 'phdr 0', 'phdr 1', 'phdr 2']);
    expect(structures(bytes.subarray(0, bytes.length - 1))).toEqual(['ehdr', 'phdr 0', 'phdr 1']);
    expect(structures(makeElf())).toEqual(['ehdr', 'phdr']);
    expect(structures(makeElf().subarray(0, 64))).toEqual(['ehdr']);
    expect(structures(makeElf().subarray(0, 63))).toEqual([]);
  });

  it('of the second segment to load are those of data', () => {
    const bytes = makeElf({ segments: [{ p_type: 6 }, {}, {}], size: 0x200 });
    const offset = (structure: string) =>
      readHeaderFields(bytes).find((field) => field.structure === structure && field.name === 'p_offset')!
        .readBits;
    expect(offset('phdr 0')).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(offset('phdr 1')).not.toEqual(offset('phdr 0'));
    expect(offset('phdr 2').every((bits) => bits === 0xff)).toBe(true);
  });
});

it('means what the gABI says, in words', () => {
  expect([1n, 2n, 3n].map((value) => meaningOf('e_type', value))).toEqual([
    'no executable',
    'ET_EXEC, a program with fixed addresses',
    'ET_DYN, a program at an address that the kernel chooses',
  ]);
  expect([62n, 3n].map((value) => meaningOf('e_machine', value))).toEqual(['EM_X86_64', 'another machine']);
  const others = 'the kernel does not look, qemu-user and gVisor do';
  expect([2n, 1n].map((value) => meaningOf('EI_CLASS', value))).toEqual([`64-bit; ${others}`, others]);
  expect([1n, 2n].map((value) => meaningOf('EI_DATA', value))).toEqual([`little-endian; ${others}`, others]);
  expect([0n, 1n].map((value) => meaningOf('e_shoff', value))).toEqual([
    'no section headers: the kernel does not look',
    'section headers, for tools: the kernel does not look',
  ]);
  expect([1n, 2n, 3n, 6n, 7n, 0x6474e551n].map((value) => meaningOf('p_type', value))).toMatchInlineSnapshot(`
    [
      "PT_LOAD",
      "PT_DYNAMIC",
      "PT_INTERP",
      "PT_PHDR",
      "PT_TLS",
      "PT_GNU_STACK",
    ]
  `);
  expect([0n, 1n, 2n, 4n, 5n, 7n].map((value) => meaningOf('p_flags', value))).toEqual([
    '---',
    '--x',
    '-w-',
    'r--',
    'r-x',
    'rwx',
  ]);
});

it('is read by Linux, a C library or a dynamic linker', () => {
  const read = (p_type: number, e_type = 2) =>
    PROGRAM_FIELDS.filter((field) => segmentFieldBits({ kind: 'load', p_type, e_type }, field, 0) !== 0).join(
      ' ',
    );
  expect(read(2)).toBe('p_type p_vaddr p_memsz');
  expect(read(3)).toBe('p_type p_offset p_filesz');
  expect(read(6)).toBe('p_type p_vaddr');
  expect(read(0x6474e552)).toBe('p_type p_vaddr p_memsz');
  expect(read(0x6474e553)).toBe('p_type p_offset p_filesz');
  expect(read(4)).toBe('p_type');
  expect(read(2, 3)).toBe('p_type p_vaddr p_memsz');
  expect(read(1)).not.toContain('p_align');
  expect(read(1, 3)).toBe(`${read(1)} p_align`);
});

it('is usual, or something else', () => {
  const isUsual = (name: string, value: bigint, p_vaddr?: bigint, hasSections = false) =>
    isConventionalValue({ ...readHeaderFields(makeElf())[0]!, name, value }, p_vaddr, hasSections);
  const usual = (name: string, ...values: bigint[]) => values.filter((value) => isUsual(name, value));
  expect(usual('EI_CLASS', 0n, 1n, 2n, 3n)).toEqual([0n, 2n]);
  for (const name of ['EI_DATA', 'EI_VERSION', 'e_version'])
    expect(usual(name, 0n, 1n, 2n)).toEqual([0n, 1n]);
  expect(usual('EI_OSABI', 3n, 18n, 19n)).toEqual([3n, 18n]);
  expect(usual('e_ehsize', 0n, 56n, 64n, 63n)).toEqual([0n, 56n, 64n]);
  expect(usual('e_shentsize', 0n, 64n, 40n)).toEqual([0n, 64n]);
  expect(usual('p_align', 0n, 1n, 4096n, 4097n, 3n)).toEqual([0n, 1n, 4096n]);
  for (const name of ['EI_PAD', 'e_flags']) expect(usual(name, 0n, 1n)).toEqual([0n]);
  for (const name of ['e_shoff', 'e_shnum', 'e_shstrndx'])
    expect([isUsual(name, 1n), isUsual(name, 1n, undefined, true)]).toEqual([false, true]);
  expect([isUsual('p_paddr', 5n, 5n), isUsual('p_paddr', 5n, 6n)]).toEqual([true, false]);
  expect(usual('p_offset', 77n)).toEqual([77n]);
});

it('is written where every tool expects it', () => {
  const header = {
    type: 1,
    flags: 5,
    offset: 0x10,
    address: 0x4000,
    fileSize: 0x20,
    memorySize: 0x30,
    alignment: 0x1000,
  };
  const file = new Uint8Array(headerSize(2) + 1);
  writeHeaders(file, 3, 0x4010, [header, { ...header, type: 6 }]);
  const values = readHeaderFields(file)
    .filter(({ value }) => value !== 0n)
    .map(({ name, structure, value }) => `${structure}.${name}=${value.toString(16)}`);
  expect(headerSize(2)).toBe(64 + 112);
  expect(file.at(-1)).toBe(0);
  const segment = 'p_flags=5 p_offset=10 p_vaddr=4000 p_paddr=4000 p_filesz=20 p_memsz=30 p_align=1000'.split(
    ' ',
  );
  expect(values).toEqual([
    ...[
      'EI_MAG=464c457f',
      'EI_CLASS=2',
      'EI_DATA=1',
      'EI_VERSION=1',
      'e_type=3',
      'e_machine=3e',
      'e_version=1',
    ].map((text) => `ehdr.${text}`),
    ...['e_entry=4010', 'e_phoff=40', 'e_ehsize=40', 'e_phentsize=38', 'e_phnum=2', 'e_shentsize=40'].map(
      (text) => `ehdr.${text}`,
    ),
    ...['p_type=1', ...segment].map((text) => `phdr 0.${text}`),
    ...['p_type=6', ...segment].map((text) => `phdr 1.${text}`),
  ]);
});
