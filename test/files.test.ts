import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type InputFile, UnreadableFile } from '../src/inputs.ts';
import { DiskFiles } from '../src/node/files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinyelf-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Too much to be read at once. */
const SIZE = 200_000;

function largeFile(name: string, seed: number): { path: string; bytes: Uint8Array } {
  const bytes = Uint8Array.from({ length: SIZE }, (_, i) => i * 31 + (i >> 8) * 7 + seed);
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return { path, bytes };
}

function part(file: InputFile, position: number, size: number): Uint8Array {
  const target = new Uint8Array(size);
  file.read(target, position);
  return target;
}

describe('parts of files on disk', () => {
  const large = [largeFile('a', 0), largeFile('b', 5)];
  const files = new DiskFiles();
  const opened = large.map(({ path }) => files.open(path)!);

  it('are the bytes of the file, in whatever sequence they are asked for', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 30_000 }));
    const near = fc.oneof(fc.integer({ min: 0, max: SIZE - 1 }), fc.integer({ min: 0, max: 9000 }));
    const request = fc.tuple(fc.integer({ min: 0, max: 1 }), near, size);
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 30 }), (requests) => {
        for (const [which, position, wanted] of requests) {
          const end = Math.min(position + wanted, SIZE);
          const read = part(opened[which]!, position, end - position);
          expect(Buffer.compare(read, large[which]!.bytes.subarray(position, end))).toBe(0);
        }
      }),
    );
  });

  it('may end with the file', () => {
    expect(part(opened[0]!, SIZE - 1, 1)).toEqual(large[0]!.bytes.subarray(SIZE - 1));
  });

  it('are refused when the file has become shorter', () => {
    const { path } = largeFile('c', 9);
    const file = files.open(path)!;
    truncateSync(path, 100_000);
    expect(() => part(file, 150_000, 60)).toThrow(UnreadableFile);
    expect(() => part(file, 99_970, 60)).toThrow(UnreadableFile);
  });
});
