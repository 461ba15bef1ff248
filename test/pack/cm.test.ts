/** What stubs of context mixing are told: kinds of opcodes, targets of calls, models; and what their payloads cost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from '../../src/pack/cm/encode.ts';
import {
  addressesToDistances,
  distancesToAddresses,
  kindsFor,
  opcodeUses,
  SEEN,
  STATE,
  seenBytes,
} from '../../src/pack/cm/instructions.ts';
import { Measurer } from '../../src/pack/cm/measure.ts';
import type { Model } from '../../src/pack/cm/model.ts';
import { METHODS } from '../../src/pack/methods.ts';

/** Kinds begin with this opcode. */
const FIRST = 0x38;
const ALL = kindsFor(new Uint32Array(0x200).fill(1), 1, true).byOpcode;
const SUMS: Model = { masks: [0x01, 0x03, 0x05, 0x07, 0x101], scale: 0x4a8cf7c5, width: 2, tableBits: 14 };
const MIXED: Model = {
  ...SUMS,
  scale: 0x49d3a94b,
  mixing: { weight: 0x33d28bd3, count: 0x3eb33333, rate: 0x2546293f },
};
const LINES: Model = {
  ...SUMS,
  scale: 0x478cf7c5,
  tableBits: 11,
  mixing: { weight: 0x368b7858, count: 0x3eb33333, rate: 0x276e076b, value: 0x405f26f4 },
};

/** Bytes of which some repeat. */
const images = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 })
  .chain((parts) => fc.shuffledSubarray([...parts, ...parts, ...parts], { minLength: 1 }))
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

describe('kinds of opcodes', () => {
  it('are those of all opcodes that occur often enough, in runs that give them back', () => {
    const uses = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 0x200, maxLength: 0x200 });
    fc.assert(
      fc.property(uses, fc.integer({ min: 1, max: 3 }), (counts, least) => {
        const { byOpcode, runs } = kindsFor(Uint32Array.from(counts), least, true);
        const told = [...runs].flatMap((run) => new Array<number>(2 ** (run >> 5)).fill(run & 31));
        expect(told).toEqual([...byOpcode.subarray(FIRST)]);
        for (let opcode = FIRST; opcode < 0x200; opcode++)
          if (counts[opcode]! >= least) expect(byOpcode[opcode]).toBe(ALL[opcode]);
      }),
    );
  });

  it('are few if few opcodes occur', () => {
    const uses = new Uint32Array(0x200);
    expect(kindsFor(uses, 1, true).runs.length).toBeLessThan(8);
    uses[0x89] = 5;
    uses[0xe8] = 5;
    expect(kindsFor(uses, 1, true).runs.length).toBeLessThan(16);
  });
});

describe('what is seen of instructions', () => {
  // mov rax, [rsp+8]; test byte [rcx], 3; call +0x100; jne +2
  const code = Uint8Array.of(
    0x48,
    0x8b,
    0x44,
    0x24,
    8,
    0xf6,
    1,
    3,
    0xe8,
    0,
    1,
    0,
    0,
    0x0f,
    0x85,
    2,
    0,
    0,
    0,
    0x90,
  );

  it('tells which byte of an instruction comes next', () => {
    const seen = seenBytes(code, ALL, false);
    const states = [...code].map((_, at) => seen[at * SEEN + STATE]);
    expect(states).toEqual([0, 28, 16, 2, 1, 0, 19, 1, 0, 4, 3, 2, 1, 0, 24, 4, 3, 2, 1, 0]);
  });

  it('counts opcodes where they are', () => {
    const uses = opcodeUses(code);
    expect([0x48, 0x8b, 0xf6, 0xe8, 0x185, 0x90].map((opcode) => uses[opcode])).toEqual([1, 1, 1, 1, 1, 1]);
    expect(uses.reduce((sum, count) => sum + count, 0)).toBe(7);
  });

  it.each([false, true])('has distances that come back where all are such, those of data: %s', (ofData) => {
    // mov ecx, [rip+distance], which becomes an address if `ofData`; add [r12+5], eax; call; lock
    const parts = [[0x8b, 0x0d, 1, 2, 3, 4], [0x41, 1, 0x44, 0x24, 5], [0xe8, 9, 8, 7, 6], [0xf0]];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts)), (some) => {
        const code = some.flat();
        const changed = distancesToAddresses(Uint8Array.from(code), ALL, 0x10000, ofData);
        if (some.includes(parts[ofData ? 0 : 2]!)) expect([...changed]).not.toEqual(code);
        expect([...addressesToDistances(changed, ALL, 0x10000, ofData)]).toEqual(code);
      }),
    );
  });

  it('makes targets of the distances of calls, and of nothing else', () => {
    const bytes = distancesToAddresses(code, ALL, 0x10000, false);
    const target = 0x10000 + 13 + 0x100;
    expect(new DataView(bytes.buffer).getInt32(9, true)).toBe(target);
    bytes.set(code.subarray(9, 13), 9);
    expect(bytes).toEqual(code);
  });

  it('makes addresses of the distances of data, too, if nothing comes behind them', () => {
    // mov eax, [rip+0x200]; cmp dword [rip+0x200], 1; lea rdi, [rip-0x10]
    const plain = Uint8Array.of(
      0x8b,
      5,
      0,
      2,
      0,
      0,
      0x83,
      0x3d,
      0,
      2,
      0,
      0,
      1,
      0x48,
      0x8d,
      0x3d,
      0xf0,
      255,
      255,
      255,
    );
    const bytes = distancesToAddresses(plain, ALL, 0x10000, true);
    const view = new DataView(bytes.buffer);
    expect([view.getInt32(2, true), view.getInt32(16, true)]).toEqual([0x10206, 0x10004]);
    for (const at of [2, 16]) bytes.set(plain.subarray(at, at + 4), at);
    expect(bytes).toEqual(plain);
  });
});

describe.each([
  ['adds up', SUMS],
  ['mixes', MIXED],
  ['counts in lines', LINES],
] as const)('a model that %s', (_, model) => {
  it('costs what the coded bits have', () => {
    fc.assert(
      fc.property(images, (bytes) => {
        const material = { bytes, seen: seenBytes(bytes, ALL, false) };
        const cost = new Measurer(material, false).measure(model);
        const { length } = encode(material, model)!;
        expect(length).toBeGreaterThanOrEqual(Math.floor(cost / 8));
        expect(length).toBeLessThanOrEqual(Math.ceil(cost / 8) + 4);
      }),
      { numRuns: 30 },
    );
  });

  it('expects what has been before', () => {
    const bytes = new Uint8Array(2000).map((_, at) => [3, 1, 4, 1, 5, 9, 2, 6][at % 8]!);
    const cost = new Measurer({ bytes, seen: seenBytes(bytes, ALL, false) }, false).measure(model);
    expect(cost / 8).toBeLessThan(60);
  });
});

describe('an image in which the improbable happens', () => {
  it.each(METHODS.map((method) => [method.name, method] as const))('is packed by %s', (_, method) => {
    const bytes = new Uint8Array(40_000);
    bytes.fill(0xff, 20_000, 20_001);
    bytes.fill(0xff, 39_990);
    const input = { bytes, address: 0x12000, entry: 0x12000, memoryEnd: 0x1c000, code: [] };
    expect(method.pack(input, { level: 1 }).payload.length).toBeLessThan(300);
  });
});

describe.each(METHODS.map((method) => [method.name, method] as const))('the method %s', (_, method) => {
  it('gives the same for the same, and tells what each byte costs', () => {
    const bytes = new Uint8Array(600).map((_, at) => (at * at) >> 3);
    const input = { bytes, address: 0x12000, entry: 0x12000, memoryEnd: 0x13000, code: [] };
    const [one, two] = [1, 2].map(() => method.pack(input, { level: 2 }));
    expect(one!.payload).toEqual(two!.payload);
    expect(one!.object).toEqual(two!.object);
    const bits = one!.bits!;
    expect(bits).toHaveLength(bytes.length);
    const cost = bits.reduce((sum, value) => sum + value, 0) / 8;
    expect(cost).toBeLessThanOrEqual(one!.payload.length);
    expect(cost).toBeGreaterThan(one!.payload.length / 2);
  });
});
