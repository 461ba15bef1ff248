/** Parts of a finished image that is in memory, or that a sink has. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageSink } from '../../src/image.ts';
import { ImageReader } from '../../src/verify/imageReader.ts';
import { randomNumbers } from '../elf/make.ts';

const SIZE = 3 * 2 ** 20 + 777;
const BEHIND = 5000;

const FILE = (() => {
  const random = randomNumbers(5);
  return Uint8Array.from({ length: SIZE }, () => 1 + random(255));
})();

/** A sink that has the file, and what was read of it. */
function sinkOf(reads: number[]): ImageSink {
  return {
    begin: () => {},
    write: () => {},
    end: () => {},
    read: (target: Uint8Array, offset: number) => {
      reads.push(target.length);
      target.set(FILE.subarray(offset, offset + target.length));
    },
  };
}

function readerOf(isStreamed: boolean, reads: number[] = []): ImageReader {
  return new ImageReader(
    isStreamed ? FILE.slice(0, 4096) : FILE,
    SIZE,
    isStreamed ? sinkOf(reads) : undefined,
    false,
  );
}

describe.each([
  ['in memory', false],
  ['where a sink has put it', true],
])('an image %s', (_, isStreamed) => {
  it('has each part that is opened, and zeros behind its end', () => {
    const part = fc.record({
      offset: fc.oneof(fc.nat(SIZE - 1), fc.integer({ min: SIZE - 3000, max: SIZE - 1 })),
      size: fc.oneof(fc.nat(5000), fc.nat(2 ** 21)),
    });
    const property = fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
      const reader = readerOf(isStreamed);
      for (const { offset, size } of parts) {
        const asked = Math.min(size, SIZE + BEHIND - offset);
        reader.open(offset, asked);
        const start = offset - reader.shift;
        const expected = new Uint8Array(asked);
        expected.set(FILE.subarray(offset, offset + asked));
        expect(Buffer.compare(reader.bytes.subarray(start, start + asked), expected)).toBe(0);
        if (asked > 0) expect(reader.view.getUint8(start)).toBe(expected[0]);
      }
    });
    fc.assert(property, { numRuns: 60 });
  });
});

it('reads what a sink has through one buffer, each part of a window once', () => {
  const reads: number[] = [];
  const reader = readerOf(true, reads);
  reader.open(0, 100);
  const { buffer } = reader.bytes;
  reader.open(100, 5000);
  reader.open(2 ** 20 - 10, 10);
  expect(reads).toEqual([2 ** 20]);
  reader.open(2 ** 20 - 10, 11);
  reader.open(3 * 2 ** 20, 10);
  expect(reads).toEqual([2 ** 20, 2 ** 20, 777]);
  expect(reader.bytes.buffer).toBe(buffer);
  reader.open(10, 2 ** 21);
  reader.open(5, 10);
  expect(reads.slice(3)).toEqual([2 ** 21, 2 ** 20]);
});
