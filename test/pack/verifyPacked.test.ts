/** What is packed is unpacked again before it is written, and that notices what is wrong. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import type { Method, Packed, PackInput } from '../../src/pack/method.ts';
import { METHODS } from '../../src/pack/methods.ts';
import { packProgram } from '../../src/packed/packProgram.ts';
import { openProgram, readProgram } from '../../src/packed/readProgram.ts';
import { unpackProgram } from '../../src/packed/unpackProgram.ts';
import { CODE, linkFiles, RODATA, randomNumbers, section } from '../elf/make.ts';

const EXIT = Uint8Array.of(0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 5);

/** An executable of some bytes behind a little code. */
function programOf(bytes: Uint8Array): Uint8Array {
  const sections = [section('.text', CODE, EXIT), section('.rodata', RODATA, bytes)];
  const object = buildObject(sections, [{ name: '_start', section: '.text' }]);
  return linkFiles({ 'a.o': object }, { gcSections: false, header: 'plain' }).bytes;
}

/** Bytes that end or have distances, prefixes, and those that look like ModRM and are opcodes, thousands of times. */
function misleading(): Uint8Array {
  const random = randomNumbers(7);
  const bytes = [0x05, 0x0f, 0x1d, 0x40, 0x44, 0x48, 0x66, 0x89, 0x8b, 0xb0, 0xc1, 0xc3, 0xe8, 0xe9, 0x24, 0];
  return Uint8Array.from({ length: 9000 }, () => bytes[random(bytes.length)]!);
}

function packedBy(method: Method, program: Uint8Array): Uint8Array {
  return packProgram(program, { segments: 'joined' }, { methods: [method], effort: { level: 1 } })!.bytes;
}

describe.each(METHODS.map((method) => [method.name, method] as const))('what %s has packed', (_, method) => {
  it('is unpacked again, however much looks like a distance and is none', () => {
    const program = programOf(misleading());
    const { bytes } = unpackProgram(packedBy(method, program));
    const imageOf = (file: Uint8Array) => readProgram(openProgram(file)).input.bytes;
    expect(Buffer.compare(imageOf(bytes), imageOf(program))).toBe(0);
  });

  it.each([
    ['a bit of it is another', (packed: Packed) => ({ ...packed, payload: flipped(packed.payload) })],
    ['its end is missing', (packed: Packed) => ({ ...packed, payload: packed.payload.slice(0, -40) })],
    ['its stub is another', (packed: Packed) => ({ ...packed, object: otherStub(method) })],
  ])('is not written if %s', (__, change) => {
    const wrong = { ...method, pack: (input: PackInput) => change(method.pack(input, { level: 1 })) };
    expect(() => packedBy(wrong, programOf(misleading()))).toThrow(
      'a packed file unpacks to what was packed',
    );
  });
});

function flipped(bytes: Uint8Array): Uint8Array {
  const middle = bytes.length >> 1;
  return bytes.with(middle, bytes[middle]! ^ 4);
}

/** The stub of another method. */
function otherStub({ name }: Method): Uint8Array {
  const other = METHODS.find((each) => each.name !== name)!;
  const bytes = new Uint8Array(20).fill(1);
  return other.pack({ bytes, address: 0x12000, entry: 0x12000, memoryEnd: 0x13000, code: [] }, { level: 1 })
    .object;
}
