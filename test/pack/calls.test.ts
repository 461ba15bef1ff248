/** Calls with addresses in place of distances: they come back, whatever looks like one, and the stub does as the encoder. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import { parseObject } from '../../src/elf/object.ts';
import { SectionTable } from '../../src/elf/sections.ts';
import { DEFAULT_OPTIONS } from '../../src/options.ts';
import { callsToAddresses, callsToDistances, seenWithCalls } from '../../src/pack/cm/calls.ts';
import { cm } from '../../src/pack/cm/cm.ts';
import { encode } from '../../src/pack/cm/encode.ts';
import { FORMS } from '../../src/pack/cm/forms.ts';
import { SEEN } from '../../src/pack/cm/instructions.ts';
import type { Model } from '../../src/pack/cm/model.ts';
import { joinStub } from '../../src/pack/cm/stub.ts';
import type { Method, PackInput } from '../../src/pack/method.ts';
import { stubObject } from '../../src/pack/stub.ts';
import { unpackProgram } from '../../src/packed/unpackProgram.ts';
import { ALL_REGISTERS } from '../../src/x86/registers.ts';
import { R_X86_64_32 } from '../../src/x86/relocations.ts';
import { CODE, RODATA, randomNumbers, section } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';
import { linkStored } from './linkStored.ts';

const CALL = 0xe8;
const ADDRESS = 0x1234_0000;
/** Bytes of which many look like calls, some of them within others. */
const images = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.map((byte) => (byte % 3 ? byte : CALL)));

describe('calls', () => {
  it('have the address to which they lead', () => {
    // nop; call +0x10
    const coded = callsToAddresses(Uint8Array.of(0x90, CALL, 0x10, 0, 0, 0), ADDRESS);
    expect(new DataView(coded.buffer).getInt32(2, true)).toBe(ADDRESS + 6 + 0x10);
  });

  it('stay where the image ends within one', () => {
    const bytes = Uint8Array.of(0x90, CALL, 1, 2, 3);
    expect(callsToAddresses(bytes, ADDRESS)).toEqual(bytes);
  });

  it('come back, and so does all else', () => {
    fc.assert(
      fc.property(images, (bytes) => {
        expect(callsToDistances(callsToAddresses(bytes, ADDRESS), ADDRESS)).toEqual(bytes);
        expect(callsToAddresses(callsToDistances(bytes, ADDRESS), ADDRESS)).toEqual(bytes);
      }),
    );
  });

  it('are seen as they lie in memory by then', () => {
    fc.assert(
      fc.property(images, (coded) => {
        const seen = seenWithCalls(coded, ADDRESS);
        for (let at = 0; at < coded.length; at++) {
          const memory = callsToDistances(coded.subarray(0, at), ADDRESS);
          const expected = Array.from({ length: 7 }, (_, before) => memory[at - 1 - before] ?? 0);
          expect([...seen.subarray(at * SEEN + 1, at * SEEN + 8)]).toEqual(expected);
        }
      }),
    );
  });
});

const MODEL: Model = { masks: [0x03, 0x05, 0x01, 0x0b, 0x45], scale: 0x4a8cf7c5, width: 1, tableBits: 16 };

/** `cm` with calls, whether they pay or not. */
const withCalls: Method = {
  name: 'cm',
  pack: ({ bytes, address }) => {
    const coded = callsToAddresses(bytes, address);
    const stream = encode({ bytes: coded, seen: seenWithCalls(coded, address) }, MODEL)!;
    const made = joinStub(FORMS.cmCalls, { model: MODEL, runs: undefined, stream, zero: ALL_REGISTERS });
    return { method: 'cm', ...made };
  },
};

/** Bytes of code of a stub. */
function codeSize(object: Uint8Array): number {
  const sections = new SectionTable();
  parseObject(object, sections, 0);
  return sections.size[0]!;
}

describe('the smallest stub that knows of calls', () => {
  it('undoes what only looks like a call, at the ends of the image and one in the other', () => {
    const below = randomNumbers(1);
    const data = Uint8Array.from({ length: 3000 }, () => (below(3) === 0 ? CALL : below(256)));
    data.fill(CALL, 0, 8).fill(CALL, -8);
    // mov eax, 1; mov edi, eax; mov esi, data; mov edx, 3000; syscall; mov eax, 60; xor edi, edi; syscall
    const code = Uint8Array.of(
      ...[0xb8, 1, 0, 0, 0, 0x89, 0xc7, 0xbe, 0, 0, 0, 0, 0xba, 0xb8, 0x0b, 0, 0, 0x0f, 5],
      ...[0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 5],
    );
    const relocations = [{ offset: 8, type: R_X86_64_32, symbol: 'data', addend: 0 }];
    const object = buildObject(
      [section('.text', CODE, code, { relocations }), section('.rodata', RODATA, data)],
      [
        { name: '_start', section: '.text' },
        { name: 'data', section: '.rodata' },
      ],
    );
    const options = { ...DEFAULT_OPTIONS, inputs: [{ kind: 'file', path: 'main.o' } as const] };
    const { stub, input } = linkStored(new Map([['main.o', object]]), options, withCalls);
    const path = join(scratchFolder(), 'calls');
    writeFileSync(path, stub.bytes);
    chmodSync(path, 0o755);
    const { code: status, stdout } = run(path, []);
    expect(status).toBe(0);
    expect(Buffer.compare(stdout, data)).toBe(0);
    const { bytes, method } = unpackProgram(stub.bytes);
    expect(method).toBe('cm');
    expect(Buffer.from(bytes).includes(Buffer.from(input.bytes))).toBe(true);
  });

  it('is taken where calls repeat, and where its code is less than they save', () => {
    const [plain, longer] = [FORMS.cm, FORMS.cmCalls].map(({ stub }) => codeSize(stubObject(stub)));
    expect(longer! - plain!).toBe(9);
    const sizeOf = (count: number) => {
      const bytes = Uint8Array.from(
        { length: count * 9 },
        (_, at) => [0x90, CALL, 0, 0, 0, 0, 0x50, 0x5b, at][at % 9]!,
      );
      const view = new DataView(bytes.buffer);
      for (let at = 2; at < bytes.length; at += 9) view.setInt32(at, 5 - at, true);
      const input: PackInput = { bytes, address: 0x12000, entry: 0x12000, memoryEnd: 0x13000, code: [] };
      return codeSize(cm.pack(input, { level: 1 }).object);
    };
    // Registers that need not be cleared make both shorter by as much.
    expect(sizeOf(60) - sizeOf(1)).toBe(9);
  });
});
