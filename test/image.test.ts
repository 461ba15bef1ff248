/** The file in blocks against the file in one piece. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../src/elf/build.ts';
import { Image, type ImageSink } from '../src/image.ts';
import { link } from '../src/link.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';
import { R_X86_64_32, R_X86_64_PC32 } from '../src/x86/relocations.ts';
import { CODE, DATA, functionObject, RODATA, randomNumbers, section } from './elf/make.ts';

const BLOCK = 2 ** 18;
const SEED = { seed: 20_260_401, numRuns: 200 };

/** Keeps what it gets, as a file would, and refuses what a file should not get. */
class File implements ImageSink {
  bytes: Uint8Array = new Uint8Array(0);
  /** Numbers of the blocks that have come, in their order. */
  readonly blocks: number[] = [];
  state: 'new' | 'open' | 'ended' = 'new';

  begin(size: number): void {
    expect(this.state).toBe('new');
    this.state = 'open';
    this.bytes = new Uint8Array(size);
  }

  write(bytes: Uint8Array, position: number): void {
    expect(this.state).toBe('open');
    expect(position % BLOCK).toBe(0);
    expect(position + bytes.length).toBeLessThanOrEqual(this.bytes.length);
    expect(this.blocks).not.toContain(position / BLOCK);
    this.blocks.push(position / BLOCK);
    this.bytes.set(bytes, position);
  }

  end(size: number): void {
    expect(this.state).toBe('open');
    this.state = 'ended';
    this.bytes = this.bytes.subarray(0, size);
  }
}

/** A part of a file and how it gets there. */
interface Part {
  readonly offset: number;
  readonly size: number;
  readonly isPut: boolean;
}

/** Places where a part may begin or end: many at or near the limits of blocks. */
const place = fc.oneof(
  fc.tuple(fc.nat(5), fc.integer({ min: -3, max: 3 })).map(([n, delta]) => Math.max(0, n * BLOCK + delta)),
  fc.nat(5 * BLOCK),
);

/** Parts of a file that do not overlap, in random order, with gaps between them; some are empty. */
const plans = fc
  .record({
    places: fc.array(place, { minLength: 2, maxLength: 40 }),
    kinds: fc.infiniteStream(fc.constantFrom<'put' | 'open' | 'gap'>('put', 'open', 'gap')),
    tail: fc.nat(2 * BLOCK),
    order: fc.integer({ min: 1 }),
  })
  .map(({ places, kinds, tail, order }) => {
    const sorted = places.sort((a, b) => a - b);
    const parts: Part[] = [];
    for (let i = 1; i < sorted.length; i++) {
      const kind = kinds.next().value!;
      const [offset, size] = [sorted[i - 1]!, sorted[i]! - sorted[i - 1]!];
      if (kind !== 'gap') parts.push({ offset, size, isPut: kind === 'put' });
    }
    return { size: sorted.at(-1)! + tail, parts: shuffled(parts, order) };
  });

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = randomNumbers(seed);
  const rest = [...list];
  return list.map(() => rest.splice(random(rest.length), 1)[0]!);
}

/** Bytes of which none is zero, and by which places can be told. */
const PATTERN = Uint8Array.from({ length: 8 * BLOCK }, (_, i) => 1 + (i % 251));

/** The bytes of a part; the second half is zero. */
function bytesOf({ offset, size }: Part): Uint8Array {
  return PATTERN.slice(offset, offset + size).fill(0, size >> 1);
}

function write(image: Image, part: Part): void {
  const { offset, size, isPut } = part;
  if (isPut) {
    image.put(offset, bytesOf(part));
    return;
  }
  // What is not written must be zero.
  image.open(offset, size);
  const { bytes, view } = image;
  const shown = [bytes.buffer, bytes.byteOffset, bytes.length];
  expect([view.buffer, view.byteOffset, view.byteLength].every((part, i) => part === shown[i])).toBe(true);
  image.bytes.set(PATTERN.subarray(offset, offset + (size >> 1)), offset - image.shift);
  image.close(offset, size);
}

/** Numbers of the blocks that a part lies in. */
function blocksOf({ offset, size }: Part): number[] {
  if (size === 0) return [];
  const first = Math.floor(offset / BLOCK);
  const last = Math.floor((offset + size - 1) / BLOCK);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe('an image that is handed on', () => {
  it('has the bytes of one in memory, and blocks go as soon as they are complete', () => {
    const property = fc.property(plans, ({ size, parts }) => {
      const whole = new Image(size);
      const file = new File();
      const image = new Image(size, file);
      expect([whole.isStreamed, image.isStreamed]).toEqual([false, true]);
      for (const part of parts) {
        whole.expect(part.offset, part.size);
        image.expect(part.offset, part.size);
      }
      const last = Math.max(0, Math.ceil(size / BLOCK) - 1);
      const left = new Map<number, number>();
      for (const block of parts.flatMap(blocksOf)) left.set(block, (left.get(block) ?? 0) + 1);
      for (const part of parts) {
        write(whole, part);
        write(image, part);
        for (const block of blocksOf(part)) left.set(block, left.get(block)! - 1);
        const complete = [...left].filter(([block, count]) => count === 0 && block !== 0 && block !== last);
        expect(file.blocks.toSorted()).toEqual(complete.map(([block]) => block).sort());
      }
      // Headers come last, and go to the first block.
      for (const target of [whole, image]) target.head.set([1, 2, 3].slice(0, size));
      const bytes = whole.finish();
      expect(image.finish()).toHaveLength(0);
      expect(bytes).toHaveLength(size);
      expect([file.state, file.bytes.length]).toEqual(['ended', size]);
      expect(Buffer.compare(file.bytes, bytes)).toBe(0);
      // A block that nothing lies in is zero and need not be written.
      expect(file.blocks.toSorted()).toEqual([...new Set([...left.keys(), 0, last])].sort());
      const model = new Uint8Array(size);
      for (const part of parts) model.set(bytesOf(part), part.offset);
      model.set([1, 2, 3].slice(0, size));
      expect(Buffer.compare(bytes, model)).toBe(0);
    });
    fc.assert(property, SEED);
  });

  it('holds no more blocks than are being filled', () => {
    const count = 8;
    const file = new File();
    const image = new Image(count * BLOCK, file);
    const parts = Array.from({ length: count * 2 }, (_, n) => ({
      offset: (n * BLOCK) / 2,
      size: BLOCK / 2,
      isPut: n % 3 === 0,
    }));
    for (const { offset, size } of parts) image.expect(offset, size);
    const buffers = new Set<ArrayBufferLike>();
    for (const part of parts) {
      image.open(part.offset, part.size);
      buffers.add(image.bytes.buffer);
      write(image, part);
    }
    image.finish();
    expect(file.blocks).toEqual([...Array.from({ length: count - 2 }, (_, n) => n + 1), count - 1, 0]);
    // The first, which waits for the headers, and another one.
    expect(buffers.size).toBe(2);
  });

  it.each([false, true])('ends where it is truncated (streamed: %s)', (isStreamed) => {
    const property = fc.property(fc.integer({ min: 1, max: 3 * BLOCK }), fc.nat(BLOCK), (size, cut) => {
      const file = new File();
      const image = new Image(size, isStreamed ? file : undefined);
      const bytes = PATTERN.subarray(0, size);
      image.expect(0, size);
      image.put(0, bytes);
      const lastBlock = Math.floor((size - 1) / BLOCK) * BLOCK;
      const end = Math.max(lastBlock + 1, size - cut);
      expect([size, end].map((at) => image.lastByte(at - 1))).toEqual([bytes[size - 1], bytes[end - 1]]);
      image.truncate(end);
      expect(image.size).toBe(end);
      const finished = image.finish();
      expect(file.state).toBe(isStreamed ? 'ended' : 'new');
      const got = isStreamed ? file.bytes : finished;
      expect(got).toHaveLength(end);
      expect(Buffer.compare(got, bytes.subarray(0, end))).toBe(0);
    });
    fc.assert(property, { ...SEED, numRuns: 50 });
  });

  it('may be empty', () => {
    expect(new Image(0).finish()).toHaveLength(0);
    const file = new File();
    expect(new Image(0, file).finish()).toHaveLength(0);
    expect([file.state, file.bytes.length]).toEqual(['ended', 0]);
  });
});

describe('a large executable', () => {
  const COUNT = 40;
  const SIZE = 2 ** 19;

  /** Sections that refer to each other from both ends; some begin where a whole block before them is empty. */
  const objects = new Map(
    Array.from({ length: COUNT }, (_, n): [string, Uint8Array] => {
      const name = n === 0 ? '_start' : `s${n}`;
      const relocations = [8, SIZE - 8].map((offset, i) => ({
        offset,
        type: 1,
        symbol: `s${1 + ((n * 7 + i * 3) % (COUNT - 1))}`,
        addend: n,
      }));
      const bytes = PATTERN.slice(n, n + SIZE - (n % 5) * 8).fill(0, SIZE / 2);
      const last = { ...relocations[1]!, offset: bytes.length - 8 };
      const more = { addralign: n % 8 === 7 ? 2 ** 21 : 2 ** (n % 6), relocations: [relocations[0]!, last] };
      const body = section(`.data.${name}`, n % 3 === 0 ? CODE : DATA, bytes, more);
      return [`${name}.o`, buildObject([body], [{ name, section: body.name }])];
    }),
  );
  const inputs = [...objects.keys()].map((path) => ({ kind: 'file', path }) as const);

  it.each<[string, Partial<LinkOptions>]>([
    ['by default', {}],
    ['in segments of its own', { segments: 'pages' }],
    ['with everything', { gcSections: false, header: 'plain' }],
  ])('is handed on as it is in memory: %s', (_name, more) => {
    const options = { ...DEFAULT_OPTIONS, inputs, ...more };
    const { bytes, isStreamed } = link(objects, options);
    expect(isStreamed).toBe(false);
    expect(bytes.length).toBeGreaterThan(2 ** 24);
    const file = new File();
    const streamed = link(objects, options, { sink: file });
    expect([streamed.isStreamed, streamed.bytes.length, file.state]).toEqual([true, 0, 'ended']);
    expect(file.bytes).toHaveLength(bytes.length);
    expect(Buffer.compare(file.bytes, bytes)).toBe(0);
    expect(file.blocks.length).toBeLessThanOrEqual(Math.ceil(bytes.length / BLOCK));
  });

  it('has its unwind tables, wherever they and the functions lie', () => {
    // A CIE with pointers relative in four bytes, and an FDE for each function.
    const cie = [20, 0, 0, 0, 0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0];
    const fde = (at: number) => [16, 0, 0, 0, at + 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    const tables = section('.eh_frame', RODATA, Uint8Array.from([...cie, ...fde(24), ...fde(44)]), {
      relocations: [
        { offset: 32, type: R_X86_64_PC32, symbol: '_start' },
        { offset: 52, type: R_X86_64_PC32, symbol: '_Unwind_Resume' },
      ],
    });
    const relocations = ['d', '_Unwind_Resume'].map((symbol, i) => ({ offset: 1 + 8 * i, type: 1, symbol }));
    const data = PATTERN.slice(0, 8 * BLOCK);
    const large = section('.data.d', DATA, new Uint8Array(2 ** 24).fill(7), {
      relocations: [{ offset: 2 ** 24 - 8, type: 1, symbol: '_start' }],
    });
    const parts = [
      section('.text', CODE, new Uint8Array(17), { relocations }),
      section('.text.u', CODE, data),
      large,
      tables,
    ];
    const symbols = [
      { name: '_start', section: '.text' },
      { name: 'd', section: '.data.d' },
      { name: '_Unwind_Resume', section: '.text.u' },
    ];
    const other = buildObject(
      [
        section('.text.f', CODE, 3),
        { ...tables, relocations: [{ ...tables.relocations![0]!, symbol: 'f' }] },
      ],
      [{ name: 'f', section: '.text.f' }],
    );
    const files = new Map([
      ['a.o', buildObject(parts, symbols)],
      ['b.o', other],
    ]);
    const inputs = [...files.keys()].map((path) => ({ kind: 'file', path }) as const);
    const options = { ...DEFAULT_OPTIONS, inputs, gcSections: false };
    const file = new File();
    const streamed = link(files, options, { sink: file });
    expect(streamed.isStreamed).toBe(true);
    expect(streamed.map().sections.map(({ name }) => name)).toContain('.eh_frame');
    expect(Buffer.compare(file.bytes, link(files, options).bytes)).toBe(0);
  });

  it('is not handed on where its code is cut up, to lie wherever the header leaves room', () => {
    // MOV EDI, d; MOV EAX, 60; SYSCALL
    const code = Uint8Array.of(0xbf, 0, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05);
    const text = section('.text', CODE, code, {
      relocations: [{ offset: 1, type: R_X86_64_32, symbol: 'd' }],
    });
    const data = section('.data', DATA, Uint8Array.of(1, 2, 3), { addralign: 2 ** 25 });
    const files = new Map([
      [
        'a.o',
        buildObject(
          [text, data],
          [
            { name: '_start', section: '.text' },
            { name: 'd', section: '.data' },
          ],
        ),
      ],
    ]);
    const options = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'a.o' } as const] };
    const file = new File();
    const result = link(files, options, { sink: file });
    expect([result.isStreamed, result.size > 2 ** 24, file.state]).toEqual([false, true, 'new']);
    expect(Buffer.compare(result.bytes, link(files, options).bytes)).toBe(0);
    // LEA RDI, [rip+x], which MOV has become, lies behind the magic.
    expect([...result.bytes.subarray(4, 7)]).toEqual([0x48, 0x8d, 0x3d]);
  });

  it('is not handed on where something needs all of it, nor a small one', () => {
    const file = new File();
    const options = { ...DEFAULT_OPTIONS, inputs };
    const tables = link(objects, { ...options, header: 'plain', tables: 'symbols' }, { sink: file });
    expect([tables.isStreamed, tables.bytes.length > 2 ** 24]).toEqual([false, true]);
    const few = new Map([['_start.o', functionObject('_start')]]);
    const small = link(few, { ...options, inputs: inputs.slice(0, 1) }, { sink: file });
    expect([small.isStreamed, small.bytes.length > 0]).toEqual([false, true]);
    expect(file.state).toBe('new');
  });
});
