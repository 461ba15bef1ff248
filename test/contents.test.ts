/** The bytes of objects that stay in memory and of those that do not. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type ByteSource, Contents, sourceOf } from '../src/contents.ts';
import { buildObject } from '../src/elf/build.ts';
import { type InputFile, MemoryFile, UnreadableFile } from '../src/inputs.ts';
import { CODE, concat, DATA, partFile, section } from './elf/make.ts';

const SEED = { seed: 20_260_402, numRuns: 300 };

/** Bytes that differ from file to file and from place to place. */
function randomFile(size: number, number: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8) * 13 + number * 31) & 255);
}

/** What a link asks for. */
type Request =
  | { readonly kind: 'read' | 'borrow'; readonly source: number }
  | {
      readonly kind: 'part' | 'prepare';
      readonly source: number;
      readonly from: number;
      readonly to: number;
    };

const SOURCES = 6;
const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ kind: fc.constantFrom('read' as const, 'borrow' as const), source: fc.nat(SOURCES - 1) }),
  fc.record({
    kind: fc.constantFrom('part' as const, 'part' as const, 'prepare' as const),
    source: fc.nat(SOURCES - 1),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    to: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

/** Objects in files of their own or within one, in memory or not. */
const sources = fc
  .record({
    sizes: fc.array(fc.oneof(fc.nat(40), fc.nat(3000)), { minLength: SOURCES, maxLength: SOURCES }),
    kinds: fc.array(fc.constantFrom('memory', 'file', 'archive'), { minLength: SOURCES, maxLength: SOURCES }),
    padding: fc.nat(9),
  })
  .map(({ sizes, kinds, padding }) => {
    const total = sizes.reduce((sum, size) => sum + size + padding, 0);
    const archive = randomFile(total, 99);
    const archiveFile = partFile(archive);
    let at = 0;
    return sizes.map((size, i): { source: ByteSource; bytes: Uint8Array } => {
      const offset = at;
      at += size + padding;
      if (kinds[i] === 'archive') {
        const bytes = archive.slice(offset, offset + size);
        return { source: { file: archiveFile, offset, size }, bytes };
      }
      const bytes = randomFile(size, i);
      return {
        source: kinds[i] === 'memory' ? sourceOf(bytes) : { file: partFile(bytes), offset: 0, size },
        bytes,
      };
    });
  });

describe('Contents', () => {
  it('gives the bytes that were asked for, whatever was asked for before', () => {
    const property = fc.property(
      sources,
      fc.array(request, { maxLength: 60 }),
      fc.nat(8000),
      (objects, requests, budget) => {
        const contents = new Contents(budget);
        const kept: { bytes: Uint8Array; expected: Uint8Array }[] = [];
        let keptSize = 0;
        for (const asked of requests) {
          const { source, bytes: expected } = objects[asked.source]!;
          if (asked.kind === 'part' || asked.kind === 'prepare') {
            const [from, to] = [asked.from, asked.to]
              .map((part) => Math.round(part * source.size))
              .sort((a, b) => a - b) as [number, number];
            if (asked.kind === 'prepare') contents.prepare(source, from, to - from);
            else expect(contents.borrowPart(source, from, to - from)).toEqual(expected.subarray(from, to));
          } else if (asked.kind === 'borrow') expect(contents.borrow(source)).toEqual(expected);
          else {
            const { bytes, stays } = contents.read(source);
            expect(bytes).toEqual(expected);
            const isInMemory = source.file.bytes !== undefined;
            expect(stays).toBe(isInMemory || keptSize + source.size <= budget);
            if (stays) kept.push({ bytes, expected });
            if (stays && !isInMemory) keptSize += source.size;
          }
        }
        for (const { bytes, expected } of kept) expect(bytes).toEqual(expected);
      },
    );
    fc.assert(property, SEED);
  });

  it('keeps what fits the budget, also behind something that does not', () => {
    const contents = new Contents(100);
    const stays = [60, 50, 30, 11, 10, 1].map(
      (size, i) => contents.read({ file: partFile(randomFile(size, i)), offset: 0, size }).stays,
    );
    expect(stays).toEqual([true, false, true, false, true, false]);
  });

  it('takes nothing from the budget for files that are in memory, and copies none', () => {
    const contents = new Contents(10);
    const file = new MemoryFile(randomFile(1000, 1));
    const { bytes, stays } = contents.read({ file, offset: 100, size: 50 });
    expect(stays).toBe(true);
    expect(bytes.buffer).toBe(file.bytes.buffer);
    expect([bytes.byteOffset, bytes.length]).toEqual([100, 50]);
    expect(contents.read({ file: partFile(randomFile(10, 2)), offset: 0, size: 10 }).stays).toBe(true);
  });

  it('puts objects where their tables can be read in words', () => {
    const contents = new Contents();
    for (const size of [1, 7, 8, 63, 64, 65, 300_000, 1001, 700_000, 3, 2 ** 18, 2 ** 18 + 1, 5]) {
      const { bytes } = contents.read({ file: partFile(randomFile(size, size)), offset: 0, size });
      expect([bytes.byteOffset % 8, bytes.length]).toEqual([0, size]);
    }
    const borrowed = contents.borrow({ file: partFile(randomFile(77, 1)), offset: 33, size: 44 });
    expect(borrowed.byteOffset % 8).toBe(0);
  });

  it('reads an object once for all that is asked of it in a row', () => {
    const contents = new Contents(0);
    const file = partFile(randomFile(1000, 1));
    const read = vi.spyOn(file, 'read');
    const source = { file, offset: 10, size: 900 };
    contents.read(source);
    contents.borrow(source);
    expect(contents.borrowPart(source, 5, 20)).toEqual(randomFile(1000, 1).subarray(15, 35));
    expect(read).toHaveBeenCalledOnce();
    contents.borrow({ ...source, offset: 20 });
    contents.borrow(source);
    expect(read).toHaveBeenCalledTimes(3);
  });

  it('reads a part once for all parts of it, until it reads others', () => {
    const contents = new Contents(0);
    const [bytes, other] = [1, 2].map((n) => randomFile(1000, n)) as [Uint8Array, Uint8Array];
    const file = partFile(bytes);
    const read = vi.spyOn(file, 'read');
    const source = { file, offset: 10, size: 900 };
    contents.prepare(source, 100, 500);
    for (const [from, size] of [
      [100, 500],
      [599, 1],
      [600, 0],
      [100, 0],
      [250, 17],
    ] as const) {
      expect(contents.borrowPart(source, from, size)).toEqual(bytes.subarray(10 + from, 10 + from + size));
    }
    expect(read).toHaveBeenCalledOnce();
    // The same offsets of another source are other bytes.
    expect(contents.borrowPart({ file: partFile(other), offset: 0, size: 900 }, 250, 17)).toEqual(
      other.subarray(250, 267),
    );
    expect(contents.borrowPart(source, 250, 17)).toEqual(bytes.subarray(260, 277));
    contents.prepare(source, 100, 500);
    for (const [from, size] of [
      [99, 1],
      [600, 1],
      [99, 502],
      [250, 17],
    ] as const) {
      expect(contents.borrowPart(source, from, size)).toEqual(bytes.subarray(10 + from, 10 + from + size));
    }
    contents.borrow(source);
    read.mockClear();
    contents.prepare(source, 0, 900);
    expect(read).not.toHaveBeenCalled();
  });

  it('reads parts without losing the object that is borrowed', () => {
    const contents = new Contents(0);
    const [first, second] = [1, 2].map((n) => ({ file: partFile(randomFile(500, n)), offset: 0, size: 500 }));
    const bytes = contents.borrow(first!);
    expect(contents.borrowPart(second!, 100, 300)).toEqual(randomFile(500, 2).subarray(100, 400));
    expect(bytes).toEqual(randomFile(500, 1));
  });

  it('reads of a large object only what a link looks at, and the rest where it is asked for', () => {
    const sections = [
      section('.text', CODE, randomFile(3000, 1)),
      section('.debug_info', 0, randomFile(200_000, 2)),
      section('.data', DATA, randomFile(3000, 3)),
    ];
    const bytes = buildObject(sections, [{ name: 'start', section: '.text' }]);
    const file = partFile(concat(randomFile(10, 4), bytes));
    const read = vi.spyOn(file, 'read');
    const sizeRead = () => read.mock.calls.reduce((sum, [target]) => sum + target.length, 0);
    const source = { file, offset: 10, size: bytes.length };
    const contents = new Contents();
    // There would be room for it.
    expect(contents.read(source).stays).toBe(false);
    expect(sizeRead()).toBeLessThan(70_000);
    const borrowed = contents.borrow(source);
    expect(borrowed.subarray(0, 3000)).toEqual(bytes.subarray(0, 3000));
    expect(borrowed.subarray(203_072)).toEqual(bytes.subarray(203_072));
    expect(borrowed.subarray(50_000, 150_000)).toEqual(new Uint8Array(100_000));
    read.mockClear();
    for (const [from, to] of [
      [0, 3000],
      [203_072, bytes.length],
    ] as const) {
      expect(contents.borrowPart(source, from, to - from)).toEqual(bytes.subarray(from, to));
    }
    expect(read).not.toHaveBeenCalled();
    expect(contents.borrowPart(source, 2000, 150_000)).toEqual(bytes.subarray(2000, 152_000));
    expect(contents.borrowAll(source)).toEqual(bytes);
    read.mockClear();
    for (const all of [contents.borrowAll(source), contents.borrow(source)]) expect(all).toEqual(bytes);
    expect(contents.borrowPart(source, 50_000, 100)).toEqual(bytes.subarray(50_000, 50_100));
    expect(read).not.toHaveBeenCalled();
    contents.borrow({ ...source });
    expect(sizeRead()).toBeLessThan(70_000);
  });

  it('does not take half an object for one that was read', () => {
    const contents = new Contents(0);
    let isBroken = true;
    const [good, other] = [1, 2].map((n) => randomFile(100, n)) as [Uint8Array, Uint8Array];
    const file: InputFile = {
      size: 100,
      read(target, position) {
        target.set(good.subarray(position, position + target.length));
        if (!isBroken) return;
        target.fill(0xee, target.length >> 1);
        throw new UnreadableFile('gone');
      },
    };
    const source = { file, offset: 0, size: 100 };
    const whole = { file: partFile(other), offset: 0, size: 100 };
    const expectAll = (from: ByteSource, bytes: Uint8Array) => {
      expect(contents.borrowPart(from, 1, 98)).toEqual(bytes.subarray(1, 99));
      expect(contents.borrow(from)).toEqual(bytes);
      expect(contents.borrowPart(from, 1, 98)).toEqual(bytes.subarray(1, 99));
    };
    const attempts = [
      () => contents.read(source),
      () => contents.borrow(source),
      () => contents.borrowPart(source, 0, 100),
      () => contents.prepare(source, 0, 100),
    ];
    for (const attempt of attempts) {
      // What is there of another object is not what it was.
      contents.borrow(whole);
      contents.prepare({ ...whole }, 0, 100);
      expect(attempt).toThrow(UnreadableFile);
      expectAll(whole, other);
      const twin = { ...whole };
      contents.prepare(twin, 0, 100);
      expect(attempt).toThrow(UnreadableFile);
      expectAll(twin, other);
    }
    isBroken = false;
    expectAll(source, good);
  });
});
