/** The check of a finished file: what it must notice, and what becomes of a link then. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { buildObject } from '../src/elf/build.ts';
import type { ImageSink } from '../src/image.ts';
import { assertInvariant, InvariantError, present } from '../src/invariant.ts';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import type * as Pass from '../src/passes/verifyRelocations.ts';
import { ImageReader } from '../src/verify/imageReader.ts';
import { verifyUnwindIndex } from '../src/verify/unwindIndex.ts';
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
  });

  it('is noticed in the header, where it says that a section lies elsewhere', () => {
    const program = linked(fixtures('hello-rodata/static.o'), { header: 'plain' });
    const found = noticed(program);
    // p_offset and p_vaddr of the only program header.
    expect(found).toEqual(expect.arrayContaining([72, 73, 80, 81, 82, 83, 84, 85]));
  });
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
