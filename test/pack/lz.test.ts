/** Method `lz`: the stub makes of a payload what was packed, and of a damaged one nothing that runs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { writeU32 } from '../../src/elf/bytes.ts';
import { link } from '../../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { distanceBits, filterBranches, unfilterBranches } from '../../src/pack/filter/branches.ts';
import { encodedRuns } from '../../src/pack/filter/instructionState.ts';
import { encode } from '../../src/pack/lz/encode.ts';
import { lz } from '../../src/pack/lz/lz.ts';
import { decode } from '../../src/pack/unpack/lz.ts';
import { linkImage } from '../../src/packed/linkImage.ts';
import { linkStub } from '../../src/packed/linkStub.ts';
import { CODE, concat, DATA, randomNumbers, section } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';

const folder = scratchFolder();
const EFFORT = { level: 5 };

/** Bytes with repetitions near and far, and what looks like code. */
const images = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc
        .tuple(fc.nat(255), fc.integer({ min: 1, max: 700 }))
        .map(([byte, count]) => new Uint8Array(count).fill(byte)),
      fc.constantFrom(
        Uint8Array.of(0xe8, 1, 2, 0, 0),
        Uint8Array.of(0x0f, 0x84, 0xf0, 0xff, 0xff, 0xff),
        Uint8Array.of(0x48, 0x8d, 0x05, 0x10, 0, 0, 0),
        Uint8Array.of(0x81, 0x3d, 4, 0, 0, 0, 9, 0, 0, 0),
      ),
    ),
    { minLength: 1, maxLength: 30 },
  )
  .chain((parts) => fc.shuffledSubarray([...parts, ...parts, ...parts], { minLength: 1 }))
  .map((parts) => concat(...parts));

describe('the filter', () => {
  it('comes back, whatever it is applied to', () => {
    fc.assert(
      fc.property(images, fc.integer({ min: 1, max: 32 }), (image, bits) => {
        const filtered = image.slice();
        filterBranches(filtered, bits);
        unfilterBranches(filtered, bits);
        expect(filtered).toEqual(image);
      }),
    );
  });

  it('makes references to one place alike', () => {
    const image = Uint8Array.of(
      0xe8,
      0x0b,
      0,
      0,
      0,
      0xe9,
      6,
      0,
      0,
      0,
      0x48,
      0x8d,
      5,
      0xff,
      0xff,
      0xff,
      0xff,
      0,
    );
    filterBranches(image, distanceBits(image.length));
    expect([...image]).toEqual([0xe8, 0, 0, 0, 16, 0xe9, 0, 0, 0, 16, 0x48, 0x8d, 5, 0, 0, 0, 16, 0]);
  });

  it('reaches from one end of an image to the other', () => {
    for (const size of [1, 2, 3, 4, 5, 1000, 2 ** 20, 2 ** 20 + 1])
      expect(2 ** (distanceBits(size) - 1)).toBeGreaterThanOrEqual(size);
  });
});

describe('the coder', () => {
  it.each([1, 2, 16])('gives back what it gets, with %d paths', (paths) => {
    fc.assert(
      fc.property(images, (image) => {
        const { bytes } = encode(image, { paths, depth: 20 });
        expect(decode(bytes, image.length)).toEqual({ image, isIntact: true });
      }),
    );
  });

  it('goes over windows and carries', () => {
    const random = randomNumbers(7);
    const noise = Uint8Array.from({ length: 30_000 }, () => random(256));
    const image = concat(noise, noise.subarray(3, 20_000), new Uint8Array(9000), noise);
    const { bytes, bits } = encode(image, { paths: 3, depth: 20 });
    expect(decode(bytes, image.length)).toEqual({ image, isIntact: true });
    // The second and the third time cost next to nothing.
    expect(bytes.length).toBeLessThan(noise.length * 1.05);
    const sum = bits.reduce((all, some) => all + some, 0) / 8;
    expect(Math.abs(sum - bytes.length)).toBeLessThan(bytes.length / 500 + 16);
  });

  it('does better with more effort', () => {
    const image = new Uint8Array(readFileSync(process.execPath)).subarray(2 ** 22, 2 ** 22 + 60_000);
    const sizes = [1, 5, 9].map((level) => pack(image, level).length);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  });

  it('tells how far it is', () => {
    const seen: number[][] = [];
    const image = new Uint8Array(12_000).map((_, i) => i >> 3);
    const progress = (...numbers: number[]) => void seen.push(numbers);
    lz.pack(inputOf(image), { ...EFFORT, progress });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)!.slice(0, 2)).toEqual([12_000, 12_000]);
  });
});

function inputOf(bytes: Uint8Array) {
  return { bytes, address: 0x20000, entry: 0x20000, memoryEnd: 0x20000 + bytes.length, code: [] };
}

function pack(image: Uint8Array, level: number): Uint8Array {
  return lz.pack(inputOf(image), { level }).payload;
}

/** Exits with the low bits of a sum of all words of its data. */
const SUM = [
  ...[0xbe, 0, 0, 0, 0], // mov esi, data
  ...[0xb9, 0, 0, 0, 0], // mov ecx, words
  ...[0x31, 0xff], // xor edi, edi
  ...[0xad, 0xd1, 0xc7, 0x01, 0xc7, 0xe2, 0xf9], // next: lodsd; rol edi, 1; add edi, eax; loop next
  ...[0x83, 0xe7, 0x7f], // and edi, 127
  ...[0xb8, 60, 0, 0, 0, 0x0f, 0x05], // mov eax, 60; syscall
];
const R_X86_64_32 = 10;

/** Data like code: bytes of Node's own. */
function someCode(size: number): Uint8Array {
  const code = new Uint8Array(readFileSync(process.execPath)).slice(2 ** 22, 2 ** 22 + size);
  code[size - 1] = 1;
  return code;
}

function sumOf(data: Uint8Array): number {
  const view = new DataView(data.buffer);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum = (((sum << 1) | (sum >>> 31)) + view.getInt32(i, true)) | 0;
  return sum & 127;
}

/** A program with some data that is packed, and where in its file the payload lies. */
function packedProgram(data: Uint8Array, more: Partial<LinkOptions> = {}) {
  const code = Uint8Array.from(SUM);
  writeU32(code, 6, data.length / 4);
  const relocations = [{ offset: 1, type: R_X86_64_32, symbol: 'data' }];
  const object = buildObject(
    [section('.text', CODE, code, { relocations }), section('.data', DATA, data)],
    [
      { name: '_start', section: '.text' },
      { name: 'data', section: '.data' },
    ],
  );
  const files = new Map([['main.o', object]]);
  const options = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'main.o' } as const], ...more };
  const image = linkImage(files, options, link(files, options).size, 'repetitive', {});
  const packed = lz.pack(image.input, EFFORT);
  const { bytes } = linkStub(packed, image, options);
  return { bytes, payload: Buffer.from(bytes).indexOf(packed.payload), size: packed.payload.length };
}

function outcomeOf(bytes: Uint8Array): { code: number | null; signal: string | null } {
  const path = join(folder, 'program');
  writeFileSync(path, bytes, { mode: 0o755 });
  const { code, signal } = run(path, []);
  return { code, signal };
}

describe('the stub', () => {
  const data = someCode(40_000);

  it.each(['joined', 'split'] as const)('unpacks a program with --segments=%s and starts it', (segments) => {
    const { bytes } = packedProgram(data, { segments });
    expect(bytes.length).toBeLessThan(data.length * 0.8);
    expect(outcomeOf(bytes)).toEqual({ code: sumOf(data), signal: null });
  });

  it('unpacks whatever there is', () => {
    const sizes = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(images, sizes, (image, words) => {
        const some = new Uint8Array(Math.max(4, words * 4));
        some.set(image.subarray(0, some.length - 1));
        some[some.length - 1] = 7;
        expect(outcomeOf(packedProgram(some).bytes)).toEqual({ code: sumOf(some), signal: null });
      }),
      { numRuns: 15 },
    );
  });

  it('ends with a signal where a byte of the payload is another', () => {
    const { bytes, payload, size } = packedProgram(data);
    // Of the table at the start the program may use not all.
    const start = encodedRuns().length;
    fc.assert(
      fc.property(
        fc.integer({ min: start, max: size - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, change) => {
          const damaged = bytes.slice();
          damaged[payload + at]! ^= change;
          const { code, signal } = outcomeOf(damaged);
          expect(code).toBeNull();
          expect(signal).toMatch(/^SIG(SEGV|BUS|ILL)$/);
        },
      ),
      {
        numRuns: 25,
        examples: [
          [size - 1, 1],
          [size - 8, 1],
          [size - 4, 128],
          [start, 1],
        ],
      },
    );
  });

  it('ends with a signal where a bit of the first decisions is another', () => {
    const { bytes, payload } = packedProgram(data);
    const start = payload + encodedRuns().length;
    for (let bit = 0; bit < 12 * 8; bit++) {
      const damaged = bytes.slice();
      damaged[start + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(outcomeOf(damaged).code, `bit ${bit}`).toBeNull();
    }
  });

  it('ends with a signal where the end of the payload is missing', () => {
    const { bytes, payload, size } = packedProgram(data);
    for (const part of [0.3, 0.9, 0.99]) {
      const damaged = bytes.slice();
      damaged.fill(0, payload + Math.floor(size * part), payload + size);
      expect(outcomeOf(damaged).code).toBeNull();
    }
  });
});
