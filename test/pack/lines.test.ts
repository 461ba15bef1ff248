/** Lines of slots: whose they are, which of them give way, and that the stub has them as the encoder does. */

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIONS } from '../../src/options.ts';
import { encode } from '../../src/pack/cm/encode.ts';
import { FORMS } from '../../src/pack/cm/forms.ts';
import { distancesToAddresses, kindsFor, opcodeUses, seenBytes } from '../../src/pack/cm/instructions.ts';
import { Lines } from '../../src/pack/cm/lines.ts';
import { Measurer } from '../../src/pack/cm/measure.ts';
import type { Model } from '../../src/pack/cm/model.ts';
import { joinStub } from '../../src/pack/cm/stub.ts';
import type { Method } from '../../src/pack/method.ts';
import { ALL_REGISTERS } from '../../src/x86/registers.ts';
import { FIXTURES, fixturePrograms } from '../programs.ts';
import { run, scratchFolder } from '../run.ts';
import { linkStored } from './linkStored.ts';

const BITS = 4;
const MODEL: Model = {
  masks: [0x301, 0x501, 0x03, 0x07, 0x0b, 0x205, 0x01],
  scale: 0x478cf7c5,
  width: 2,
  tableBits: BITS,
  mixing: { weight: 0x368b7858, count: 0x3eb33333, rate: 0x276e076b, value: 0x405f26f4 },
};

/** A hash whose first line has a number. */
const hashOf = (line: number, rest: number) => (line << (32 - BITS)) | rest;

describe('lines', () => {
  it('stay with their hash, two of which can have the same place', () => {
    const lines = new Lines(BITS);
    const first = lines.find(hashOf(6, 1));
    lines.slots[first + 1] = 1;
    expect(lines.find(hashOf(6, 1))).toBe(first);
    const second = lines.find(hashOf(6, 2));
    expect([first, second]).toEqual([6 * 16, 7 * 16]);
    expect(lines.find(hashOf(6, 1))).toBe(first);
    expect(lines.find(hashOf(6, 2))).toBe(second);
  });

  it('give way where they were used less, and are empty then', () => {
    const lines = new Lines(BITS);
    const first = lines.find(hashOf(2, 1));
    lines.slots.fill(0x0102, first, first + 16);
    const second = lines.find(hashOf(2, 2));
    lines.slots.fill(0x0003, second, second + 16);
    expect([first, second]).toEqual([2 * 16, 3 * 16]);
    const third = lines.find(hashOf(3, 7));
    expect(third).toBe(second);
    expect([...lines.slots.subarray(third, third + 16)]).toEqual(new Array(16).fill(0));
    expect(lines.find(hashOf(2, 1))).toBe(first);
    expect(lines.slots[first + 5]).toBe(0x0102);
  });

  it('are as new when they are cleared, whatever was there', () => {
    const numbers = fc.array(fc.nat(), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(numbers, numbers, (before, after) => {
        const used = new Lines(BITS);
        for (const hash of before) used.slots.fill(hash | 1, used.find(hash | 0), used.find(hash | 0) + 16);
        used.clear();
        const fresh = new Lines(BITS);
        for (const hash of [...after, 0]) {
          const [at, expected] = [used.find(hash | 0), fresh.find(hash | 0)];
          expect(at).toBe(expected);
          const slots = (lines: Lines) => [...lines.slots.subarray(at, at + 16)];
          expect(slots(used)).toEqual(slots(fresh));
          for (const lines of [used, fresh]) lines.slots[at + 1]! += 1 + (hash & 7);
        }
      }),
    );
  });

  it('change nothing by what an earlier run has left', () => {
    const bytes = new Uint8Array(3000).map((_, at) => (at * at) >> 5);
    const material = { bytes, seen: seenBytes(bytes, new Uint8Array(0x200), true) };
    const measurer = new Measurer(material, false);
    const cost = measurer.measure(MODEL);
    measurer.measure({ ...MODEL, masks: [0x81, 0x11] });
    expect(measurer.measure(MODEL)).toBe(cost);
  });
});

/** `cm3` with so few lines that most of them change hands all the time. */
const crowded: Method = {
  name: 'cm3',
  pack: ({ bytes, address }) => {
    const { byOpcode, runs } = kindsFor(opcodeUses(bytes), 1, true);
    const coded = distancesToAddresses(bytes, byOpcode, address, true);
    const stream = encode({ bytes: coded, seen: seenBytes(coded, byOpcode, true) }, MODEL)!;
    return { method: 'cm3', ...joinStub(FORMS.cm3, { model: MODEL, runs, stream, zero: ALL_REGISTERS }) };
  },
};

it('the stub takes and gives lines as the encoder does', () => {
  const folder = scratchFolder();
  const { inputs, args, exitCode, stdout } = fixturePrograms().find(({ id }) => id === 'c-programs/sha256')!;
  const cwd = join(FIXTURES, 'c-programs');
  const files = new Map(inputs.map((path) => [path, new Uint8Array(readFileSync(join(cwd, path)))]));
  const named = inputs.map((path) => ({ kind: 'file', path }) as const);
  const { stub } = linkStored(files, { ...DEFAULT_OPTIONS, inputs: named }, crowded);
  const path = join(folder, 'crowded');
  writeFileSync(path, stub.bytes);
  chmodSync(path, 0o755);
  const outcome = run(path, args);
  expect({ code: outcome.code, stdout: outcome.stdout.toString() }).toEqual({ code: exitCode, stdout });
});
