/** The check of a finished file: what it must notice, and what becomes of a link then. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { buildObject } from '../src/elf/build.ts';
import { SHF_TLS, STT_TLS } from '../src/elf/constants.ts';
import type { ImageSink } from '../src/image.ts';
import { assertInvariant, InvariantError, present } from '../src/invariant.ts';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import type * as Pass from '../src/passes/verifyRelocations.ts';
import { ImageReader } from '../src/verify/imageReader.ts';
import { verifyUnwindIndex } from '../src/verify/unwindIndex.ts';
import { relocationName } from '../src/x86/relocations.ts';
import { CODE, DATA, section } from './elf/make.ts';
import { LARGE, leftovers, objectWithData } from './faults/faults.ts';
import { FIXTURES } from './programs.ts';
import { run, scratchFolder, TINYELF } from './run.ts';

type Arguments = Parameters<typeof Pass.verifyRelocations>;

/** What the last link has given to the check. */
const seen = vi.hoisted((): { given?: Arguments; verify?: typeof Pass.verifyRelocations } => ({}));

vi.mock('../src/passes/verifyRelocations.ts', async (original) => {
  const { verifyRelocations } = await original<typeof Pass>();
  seen.verify = verifyRelocations;
  return {
    verifyRelocations: (...given: Arguments) => {
      seen.given = given;
      return verifyRelocations(...given);
    },
  };
});

const folder = scratchFolder();

/** Links objects, and returns what has been checked: the file can be damaged and checked again. */
function linked(objects: Readonly<Record<string, Uint8Array>>, options: Partial<LinkOptions> = {}) {
  const inputs = Object.keys(objects).map((path) => ({ kind: 'file', path }) as const);
  link(new Map(Object.entries(objects)), { ...DEFAULT_OPTIONS, inputs, ...options });
  const given = present(seen.given, 'a link checks its file');
  const { bytes } = given[5];
  return { bytes, check: () => seen.verify!(...given), layout: given[2] };
}

/** Offsets at which a changed byte is noticed. */
function noticed({ bytes, check }: ReturnType<typeof linked>): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const before = bytes[at]!;
    const isNoticed = [1, 0x80].every((bit) => {
      bytes[at] = before ^ bit;
      try {
        check();
        return false;
      } catch (error) {
        if (!(error instanceof InvariantError)) throw error;
        return true;
      }
    });
    bytes[at] = before;
    if (isNoticed) offsets.push(at);
  }
  return offsets;
}

/** What is said of a file in which a byte of it is wrong. */
function complaint({ bytes, check }: ReturnType<typeof linked>, at: number): string {
  bytes[at]! ^= 1;
  try {
    check();
    return '';
  } catch (error) {
    return (error as Error).message.replace('invariant violated: ', '');
  } finally {
    bytes[at]! ^= 1;
  }
}

function fixtures(...paths: readonly string[]): Record<string, Uint8Array> {
  return Object.fromEntries(paths.map((path) => [path, new Uint8Array(readFileSync(join(FIXTURES, path)))]));
}

describe('a byte of a relocated field', () => {
  const C_OBJECTS = ['start', 'main', 'io', 'numbers', 'tables', 'words'].map(
    (name) => `c-objects/static/${name}.o`,
  );
  const archive = 'c-objects/static/libutil.a';

  it.each([
    ['as it is', {}],
    ['with its code as it was', { shrink: 'none' }],
    ['with everything as it was', { verbatim: true }],
    ['in two segments', { segments: 'split' }],
    ['under a plain header', { header: 'plain' }],
  ] as const)('is noticed in a program of C, %s', (_, options) => {
    const program = linked(fixtures(...C_OBJECTS, archive), { builtins: 'mem', ...options });
    const count = program.check();
    expect(count).toBeGreaterThan(30);
    // Fields of four bytes at least.
    expect(noticed(program).length).toBeGreaterThanOrEqual(4 * count);
  });

  it('is noticed in a program that is cut up and lies in its header', () => {
    const program = linked(fixtures('hello-rodata/static.o'));
    expect(program.layout.fit?.cut.size).toBeGreaterThan(0);
    expect(program.check()).toBe(1);
    expect(noticed(program).length).toBeGreaterThanOrEqual(1);
  });

  /** Type, bytes of the field, and where it lies in the instruction that the type is for. */
  const TYPES: readonly (readonly [number, number, readonly number[], number])[] = [
    [1, 8, new Array(8).fill(0), 0],
    [2, 4, [0x48, 0x8d, 0x05, 0, 0, 0, 0], 3],
    [4, 4, [0xe8, 0, 0, 0, 0], 1],
    [9, 4, [0x48, 0x8b, 0x05, 0, 0, 0, 0], 3],
    [10, 4, [0xb8, 0, 0, 0, 0], 1],
    [11, 4, [0x48, 0xc7, 0xc0, 0, 0, 0, 0], 3],
    [12, 2, [0, 0], 0],
    [14, 1, [0], 0],
    [24, 8, new Array(8).fill(0), 0],
    [25, 8, new Array(8).fill(0), 0],
    [26, 4, [0, 0, 0, 0], 0],
    [32, 4, [0, 0, 0, 0], 0],
    [41, 4, [0xff, 0x15, 0, 0, 0, 0], 2],
    [42, 4, [0x48, 0x8b, 0x05, 0, 0, 0, 0], 3],
    [42, 4, [0x48, 0x3b, 0x05, 0, 0, 0, 0], 3],
  ];

  it.each(TYPES)('is noticed for type %i of %i bytes in %j', (type, size, insn, offset) => {
    const name = relocationName(type);
    const isRelative = [2, 4, 9, 41, 42].includes(type);
    const relocation = {
      type,
      symbol: type === 12 || type === 14 ? 'few' : 'there',
      offset: offset + 1,
      addend: isRelative ? -4 : 0,
    };
    const text = section('.text', CODE, Uint8Array.of(0x90, ...insn, 0xc3), { relocations: [relocation] });
    const data = section('.data', DATA, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'there', section: '.data', value: 2, size: 5 },
      { name: 'few', section: 0xfff1, value: 77 },
    ];
    const program = linked(
      { 'a.o': buildObject([text, data], symbols) },
      { header: 'plain', shrink: 'none' },
    );
    expect(program.check()).toBe(1);
    const found = noticed(program);
    const fields = found.filter((at) => at >= 120);
    expect(fields.length).toBeGreaterThanOrEqual(size);
    const messages = new Set(fields.map((at) => complaint(program, at)));
    const place = `a.o:(.text+0x${(offset + 1).toString(16)})`;
    const how = [9, 41, 42].includes(type) ? ', rewritten' : '';
    expect([...messages]).toEqual([
      `relocated fields hold the values of the psABI (${place}: ${name}${how}, to ${relocation.symbol})`,
    ]);
  });

  /** Type, and the instructions that it is for, with `__` for its field; bytes of what these become that say something. */
  const THREAD: readonly (readonly [number, string, number])[] = [
    [19, '66 48 8d 3d __ __ __ __ 66 66 48 e8 .. .. .. ..', 16],
    [20, '48 8d 3d __ __ __ __ e8 .. .. .. ..', 9],
    [22, '48 8b 05 __ __ __ __', 5],
    [22, '48 03 05 __ __ __ __', 5],
    [23, '48 8d 80 __ __ __ __', 4],
    [18, '48 b8 __ __ __ __ __ __ __ __', 8],
    [34, '48 8d 05 __ __ __ __', 5],
    [35, 'ff 10', 2],
  ];

  it.each(THREAD)('is noticed for type %i of thread-local data in %s', (type, text, size) => {
    const words = text.split(' ');
    const offset = Math.max(0, words.indexOf('__'));
    const bytes = words.map((word) => Number.parseInt(word, 16) || 0);
    const call = words.indexOf('..');
    const relocations = [
      { type, symbol: 'there', offset, addend: [19, 20, 22, 34].includes(type) ? -4 : 0 },
      ...(call < 0 ? [] : [{ type: 4, symbol: '__tls_get_addr', offset: call, addend: -4 }]),
    ];
    const code = section('.text', CODE, Uint8Array.from([...bytes, 0xc3]), { relocations });
    const data = section('.tdata', DATA | SHF_TLS, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'there', section: '.tdata', value: 4, type: STT_TLS },
    ];
    const program = linked(
      { 'a.o': buildObject([code, data], symbols) },
      { header: 'plain', shrink: 'none' },
    );
    expect(program.check()).toBe(1);
    const { order, address, fileOffset, entry } = program.layout;
    const { size: sizes } = seen.given![1];
    const start = fileOffset[order.find((id) => sizes[id]! > 0 && address[id] === entry)!]!;
    const found = noticed(program).filter((at) => at >= start && at < start + bytes.length);
    expect(found.length).toBeGreaterThanOrEqual(size);
    const how = [18, 23].includes(type) ? '' : ', rewritten';
    const place = `a.o:(.text+0x${offset.toString(16)})`;
    const message = `relocated fields hold the values of the psABI (${place}: ${relocationName(type)}${how}, to there)`;
    expect(new Set(found.map((at) => complaint(program, at)))).toEqual(new Set([message]));
  });

  it('is noticed in slots of thread offsets', () => {
    // An addition to a register in memory, which cannot be rewritten.
    const relocations = [{ type: 22, symbol: 'there', offset: 3, addend: -4 }];
    const code = section('.text', CODE, Uint8Array.of(0x48, 0x2b, 0x05, 0, 0, 0, 0, 0xc3), { relocations });
    const data = section('.tdata', DATA | SHF_TLS, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'there', section: '.tdata', value: 4, type: STT_TLS },
    ];
    const program = linked(
      { 'a.o': buildObject([code, data], symbols) },
      { header: 'plain', shrink: 'none' },
    );
    const slot = program.layout.fileOffset[seen.given![0].made['.got']]!;
    expect(new DataView(program.bytes.buffer, program.bytes.byteOffset).getBigInt64(slot, true)).toBe(-4n);
    for (let at = slot; at < slot + 8; at++)
      expect(complaint(program, at)).toBe(
        'slots of the global offset table hold what they stand for (slot 0)',
      );
  });

  it('does not matter where nothing is relocated', () => {
    const text = section('.text', CODE, Uint8Array.of(0x90, 0xc3));
    const program = linked(
      { 'a.o': buildObject([text], [{ name: '_start', section: '.text' }]) },
      { header: 'plain', shrink: 'none' },
    );
    expect(program.check()).toBe(0);
    expect(noticed(program).filter((at) => at >= 120)).toEqual([]);
  });

  it('is noticed in the header, where it says that a section lies elsewhere', () => {
    const program = linked(fixtures('hello-rodata/static.o'), { header: 'plain' });
    const found = noticed(program);
    // p_offset and p_vaddr of the only program header.
    expect(found).toEqual(expect.arrayContaining([72, 73, 80, 81, 82, 83, 84, 85]));
  });
});

describe('fields that overlap', () => {
  /** A section of 16 bytes with relocations of 4 and 8 bytes, by offset. */
  const program = (offsets: readonly (readonly [offset: number, size: number])[]) => {
    const relocations = offsets.map(([offset, size]) => ({
      type: size === 8 ? 1 : 10,
      symbol: 'there',
      offset,
    }));
    const data = section('.data', DATA, new Uint8Array(16), { relocations });
    const text = section('.text', CODE, Uint8Array.of(0xbe, 0, 0, 0, 0, 0xc3), {
      relocations: [{ type: 10, symbol: '.data', offset: 1 }],
    });
    const symbols = [
      { name: '_start', section: '.text' },
      { name: '.data', section: '.data' },
      { name: 'there', section: '.text', value: 0 },
    ];
    return linked({ 'a.o': buildObject([text, data], symbols) }, { header: 'plain', shrink: 'none' });
  };
  const fieldsIn = (made: ReturnType<typeof program>) => {
    const start = made.layout.fileOffset[made.layout.order.at(-1)!]!;
    return noticed(made)
      .filter((at) => at >= start)
      .map((at) => at - start);
  };
  const bytes = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  it.each<[string, readonly (readonly [number, number])[], number[]]>([
    [
      'one behind the other: both',
      [
        [0, 8],
        [8, 4],
      ],
      bytes(0, 12),
    ],
    [
      'in descending order: both',
      [
        [4, 8],
        [0, 4],
      ],
      bytes(0, 12),
    ],
    [
      'by a byte: the last one',
      [
        [0, 8],
        [7, 4],
      ],
      bytes(7, 11),
    ],
    [
      'by a byte in front: the last one',
      [
        [3, 8],
        [0, 4],
      ],
      bytes(0, 4),
    ],
    [
      'one within the other: the last one',
      [
        [0, 8],
        [2, 4],
      ],
      bytes(2, 6),
    ],
    [
      'twice the same: the last one',
      [
        [4, 4],
        [4, 4],
      ],
      bytes(4, 8),
    ],
  ])('are noticed %s', (_, offsets, expected) => {
    expect(fieldsIn(program(offsets))).toEqual(expected);
  });
});

it('what is undefined and permitted has any value', () => {
  const relocations = [{ type: 2, symbol: 'nobody', offset: 3, addend: -4 }];
  const text = section('.text', CODE, Uint8Array.of(0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3), { relocations });
  const object = buildObject([text], [{ name: '_start', section: '.text' }]);
  const options = { header: 'plain', shrink: 'none', unresolved: 'ignore' } as const;
  const program = linked({ 'a.o': object }, options);
  expect(program.check()).toBe(1);
  expect(noticed(program).filter((at) => at >= 120)).toEqual([]);
});

it('a section that is loaded elsewhere is told with both addresses', () => {
  const program = linked(fixtures('hello-rodata/static.o'), { header: 'plain' });
  const { order, address } = program.layout;
  const start = address[order[0]!]!;
  const name = seen.given![0].place(order[0]!, 0);
  const what = `sections are loaded where references lead (${name} has the address 0x${start.toString(16)} and is loaded`;
  // p_vaddr, then p_filesz and p_offset, of which the last makes nothing of the file loaded.
  expect(complaint(program, 80)).toBe(`${what} at 0x${(start ^ 1).toString(16)})`);
  program.bytes.fill(0, 96, 104);
  expect(program.check).toThrow(`${what} nowhere)`);
});

describe('sections that overlap', () => {
  /** Sections that have bytes and whose check fails when they lie a byte lower. */
  const missed = (program: ReturnType<typeof linked>, ids: readonly number[]) => {
    const { address } = program.layout;
    return ids.filter((id) => {
      const before = address[id]!;
      address[id] = before - 1;
      try {
        program.check();
        return true;
      } catch (error) {
        return !(error instanceof InvariantError && error.message.includes('sections do not overlap'));
      } finally {
        address[id] = before;
      }
    });
  };
  const texts = (alignment: number) =>
    ['a', 'b', 'c', 'd'].map((name) =>
      section(`.text.${name}`, CODE, Uint8Array.of(0x90, 0x90, 0x90, 0xc3), { addralign: alignment }),
    );
  const object = buildObject(
    texts(1),
    ['a', 'b', 'c', 'd'].map((name) => ({ name, section: `.text.${name}` })),
  );
  const options = { entry: 'a', gcSections: false, shrink: 'none', icf: 'none' } as const;

  it('are noticed behind a header', () => {
    const program = linked({ 'a.o': object }, { ...options, header: 'plain' });
    const { order } = program.layout;
    expect(order).toHaveLength(4);
    expect(missed(program, [...order])).toEqual([order[0]]);
  });

  it('are noticed within a header', () => {
    const program = linked({ 'a.o': object }, options);
    const placed = [...(program.layout.fit?.placed.keys() ?? [])];
    const address = (id: number) => program.layout.address[id]!;
    const isTouching = (id: number) => placed.some((other) => address(other) + 4 === address(id));
    expect(placed.filter(isTouching).length).toBeGreaterThan(0);
    expect(missed(program, placed.filter(isTouching))).toEqual([]);
  });
});

describe('what the linker makes itself', () => {
  it('is noticed where it leads elsewhere: indirect functions', () => {
    const relocation = { type: 4, symbol: 'f', offset: 1, addend: -4 };
    const text = section('.text', CODE, Uint8Array.of(0xe8, 0, 0, 0, 0, 0xc3), { relocations: [relocation] });
    const resolver = section('.text.f', CODE, Uint8Array.of(0x31, 0xc0, 0xc3));
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'f', section: '.text.f', type: 10 },
    ];
    const program = linked({ 'a.o': buildObject([text, resolver], symbols) }, { header: 'plain' });
    const { fileOffset } = program.layout;
    const { made } = seen.given![0];
    const found = new Set(noticed(program));
    for (const [name, size] of [
      ['.iplt', 6],
      ['.rela.iplt', 24],
    ] as const)
      for (let i = 0; i < size; i++) expect(found, `${name}+${i}`).toContain(fileOffset[made[name]]! + i);
  });

  it('is noticed where it leads elsewhere: unwind tables, record by record', () => {
    // A CIE with pointers relative in four bytes, and an FDE for each function.
    const cie = [20, 0, 0, 0, 0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0];
    const fde = (at: number) => [16, 0, 0, 0, at + 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    const names = ['_start', 'unused', '_Unwind_Resume'];
    const functions = names.map((name, i) =>
      section(`.text.${name}`, CODE, new Uint8Array(3 + i).fill(0xc3)),
    );
    const records = [24, 44, 64];
    const tables = section('.eh_frame', 2, Uint8Array.from([...cie, ...records.flatMap(fde)]), {
      relocations: names.map((symbol, i) => ({ type: 2, symbol, offset: records[i]! + 8 })),
    });
    const symbols = names.map((name) => ({ name, section: `.text.${name}` }));
    const program = linked(
      { 'a.o': buildObject([...functions, tables], symbols) },
      { header: 'plain', shrink: 'none', undefinedSymbols: ['_Unwind_Resume'] },
    );
    const { made } = seen.given![0];
    const { fileOffset } = program.layout;
    // The record of the function that is not used is gone, and the three bytes of filling behind each.
    expect(program.check()).toBe(2);
    const field = (record: number) => fileOffset[made['.eh_frame']]! + record + 8;
    const place = (offset: number) =>
      `relocated fields hold the values of the psABI (a.o:(.eh_frame+0x${offset.toString(16)}): R_X86_64_PC32, to`;
    expect(complaint(program, field(24))).toBe(`${place(32)} _start)`);
    expect(complaint(program, field(24 + 17))).toBe(`${place(72)} _Unwind_Resume)`);
    const index = fileOffset[made['.eh_frame_hdr']]!;
    for (let at = index + 12; at < index + 28; at++)
      expect(complaint(program, at)).toMatch(/^the index of unwind tables leads to them/);
  });

  it('is noticed where it leads elsewhere: the index of unwind tables', () => {
    const code = 0x1000;
    const tables = 0x2000;
    const bytes = new Uint8Array(60 + 20);
    const view = new DataView(bytes.buffer);
    // A CIE with the augmentation zR, whose FDEs have distances, and two FDEs.
    bytes.set([16, 0, 0, 0, 0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0, 0, 0]);
    [20, 40].forEach((fde, i) => {
      view.setInt32(fde, 16, true);
      view.setInt32(fde + 4, fde + 4, true);
      view.setInt32(fde + 8, code + 16 * i - (tables + fde + 8), true);
    });
    const index = { address: tables + bytes.length, offset: bytes.length, size: 28 };
    const hdr = new DataView(new ArrayBuffer(28));
    hdr.setUint32(8, 2, true);
    [20, 40].forEach((fde, i) => {
      hdr.setInt32(12 + 8 * i, code + 16 * i - index.address, true);
      hdr.setInt32(16 + 8 * i, tables + fde - index.address, true);
    });
    const file = new Uint8Array([...bytes, ...new Uint8Array(hdr.buffer)]);
    const table = { address: tables, offset: 0, size: bytes.length };
    const check = () => verifyUnwindIndex(new ImageReader(file, file.length, undefined, false), index, table);
    expect(check).not.toThrow();
    const fields = [24, 25, 28, 29, 44, 48, ...Array.from({ length: 16 }, (_, i) => index.offset + 12 + i)];
    for (const at of fields) {
      file[at]! ^= 1;
      expect(check, `byte ${at}`).toThrow('the index of unwind tables leads to them');
      file[at]! ^= 1;
    }
  });
});

describe('a large file', () => {
  /** Keeps a file in memory, and changes one byte of it. */
  class Disk implements ImageSink {
    bytes = new Uint8Array(0);
    readonly #damaged: number;

    constructor(damaged: number) {
      this.#damaged = damaged;
    }

    begin(size: number): void {
      this.bytes = new Uint8Array(size);
    }

    write(bytes: Uint8Array, position: number): void {
      this.bytes.set(bytes, position);
    }

    read(target: Uint8Array, position: number): void {
      target.set(this.bytes.subarray(position, position + target.length));
      const at = this.#damaged - position;
      if (at >= 0 && at < target.length) target[at]! ^= 4;
    }

    end(): void {}
  }

  it('is read again from where it has gone', () => {
    const files = new Map([['a.o', objectWithData(LARGE)]]);
    const options = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'a.o' } as const] };
    const good = new Disk(-1);
    expect(link(files, options, { sink: good }).isStreamed).toBe(true);
    const { fileOffset } = seen.given![2];
    const [, data] = [...seen.given![2].order];
    const field = fileOffset[data!]!;
    expect(() => link(files, options, { sink: new Disk(field) })).toThrow(InvariantError);
    expect(() => link(files, options, { sink: new Disk(field + 8) })).not.toThrow();
    expect(() => link(files, { ...options, verify: false }, { sink: new Disk(field) })).not.toThrow();
  });

  it('that a disk gives back as another one ends with 70, one error and nothing written', () => {
    const cwd = join(folder, 'damaged');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'a.o'), objectWithData(LARGE));
    writeFileSync(join(cwd, 'out'), 'old');
    // A disk that changes every byte 42 of what is read back from a temporary file.
    writeFileSync(
      join(cwd, 'disk.cjs'),
      `const fs = require('node:fs');
      const { readSync, openSync } = fs;
      const bad = new Set();
      fs.openSync = (path, ...rest) => {
        const file = openSync(path, ...rest);
        if (path.endsWith('.tmp')) bad.add(file);
        return file;
      };
      fs.readSync = (file, target, ...rest) => {
        const count = readSync(file, target, ...rest);
        if (bad.has(file)) target.fill(0x55);
        return count;
      };`,
    );
    const words = ['-r', join(cwd, 'disk.cjs'), TINYELF, 'link', 'a.o', '-o', 'out'];
    const { code, stderr } = run(process.execPath, [...words, '--reproduce', 'defect.tar'], { cwd });
    expect(stderr).toMatch(
      /^tinyelf: error: internal error: invariant violated: relocated fields hold the values of the psABI \(a\.o:\(\.\w+\+0x\w+\): R_X86_64_64, to d\)\n {2}hint: [^\n]*--reproduce FILE\.tar[^\n]*\n$/,
    );
    expect(code).toBe(70);
    expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe('old');
    expect(leftovers(cwd)).toEqual([]);
    expect(readdirSync(cwd)).toContain('defect.tar');
    const unverified = run(process.execPath, [...words, '--no-verify'], { cwd });
    expect(unverified).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('invariants', () => {
  it('say what should hold, and what does', () => {
    expect(() => assertInvariant(true, 'fine', () => expect.unreachable())).not.toThrow();
    const message = 'invariant violated: all is well (nothing is)';
    expect(() => assertInvariant(false, 'all is well', () => 'nothing is')).toThrow(
      new InvariantError('all is well', 'nothing is'),
    );
    expect(new InvariantError('all is well', 'nothing is').message).toBe(message);
    expect(present(0, 'there')).toBe(0);
    expect(() => present(undefined, 'there')).toThrow('invariant violated: there');
  });
});
