/** The search for a model: what is measured faster is measured alike, and threads change nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackThreads } from '../../src/node/packThreads.ts';
import { cm, cm2, cm3, cmx } from '../../src/pack/cm/cm.ts';
import { kindsFor, opcodeUses, seenBytes } from '../../src/pack/cm/instructions.ts';
import { Measurer } from '../../src/pack/cm/measure.ts';
import { type Model, Pace } from '../../src/pack/cm/model.ts';
import type { Threads } from '../../src/pack/cm/rounds.ts';
import type { PackEffort, PackInput } from '../../src/pack/method.ts';
import { FIXTURES } from '../programs.ts';
import { scratchFolder } from '../run.ts';

const folder = scratchFolder();
const WORKER = join(FIXTURES, '../dist/packWorker.cjs');
const IMAGE = new Uint8Array(readFileSync(join(FIXTURES, 'c-objects/static/words.o'))).subarray(0, 1500);
const MATERIAL = {
  bytes: IMAGE,
  seen: seenBytes(IMAGE, kindsFor(opcodeUses(IMAGE), 1, true).byOpcode, false),
};
const INPUT: PackInput = {
  bytes: IMAGE,
  address: 0x20000,
  entry: 0x20000,
  memoryEnd: 0x20000 + IMAGE.length,
  code: [],
};

/** What a method makes of the image. */
function packed(method: typeof cm, effort: Partial<PackEffort> = {}) {
  const { object, payload, scratchSize } = method.pack(INPUT, { level: 1, ...effort });
  return { object, payload, scratchSize };
}

function model(masks: readonly number[], isMixed: boolean, change = 0): Model {
  const mixing = { weight: 0x33d28bd3, count: 0x3eb33333, rate: 0x2546293f };
  const scale = (isMixed ? 0x49d3a94b : 0x4a8cf7c5) + 2 * change;
  return { masks, width: 2, scale, tableBits: 16, ...(isMixed && { mixing }) };
}

const masks = fc.uniqueArray(
  fc.nat(0x7fff).map((bits) => bits * 2 + 1),
  { minLength: 1, maxLength: 24 },
);

describe('what is measured', () => {
  it.each([false, true])('is the same with slots that are kept, model after model; mixing: %s', (isMixed) => {
    const anyModel = fc
      .tuple(masks, fc.constantFrom(0, 0, 0, 1000))
      .map(([names, change]) => model(names, isMixed, change));
    fc.assert(
      fc.property(fc.array(anyModel, { minLength: 1, maxLength: 6 }), (models) => {
        const kept = new Measurer(MATERIAL, true);
        for (const each of models)
          expect(kept.measure(each)).toBe(new Measurer(MATERIAL, false).measure(each));
      }),
      { numRuns: 15 },
    );
  });

  it.each([0, 1, 2, 3])('is the same with slots that are kept, of an image with 4n + %s bytes', (rest) => {
    const bytes = IMAGE.subarray(0, 1000 + rest);
    const material = { bytes, seen: MATERIAL.seen };
    const kept = new Measurer(material, true);
    for (const names of [[0x01, 0x03, 0x05], [0x03, 0x05, 0x07], [0x05], [0x03], [0x01, 0x05]]) {
      const each = model(names, false);
      expect(kept.measure(each)).toBe(new Measurer(material, false).measure(each));
    }
  });

  it('is the same once more slots have come than are kept', () => {
    const kept = new Measurer(MATERIAL, true);
    const first = model([0x101, 0x03, 0x07], false);
    const cost = kept.measure(first);
    for (let mask = 0x11; mask < 0x200; mask += 2) kept.measure(model([0x101, 0x03, mask], false));
    expect(kept.measure(first)).toBe(cost);
  });

  it('is given up where it falls behind, and at the deadline', () => {
    const measurer = new Measurer(MATERIAL, false);
    const good = new Pace([]);
    const cost = measurer.measure(model([0x01, 0x03, 0x07], false), good);
    expect(cost).toBeGreaterThan(0);
    expect(good.marks.at(-1)).toBeLessThan(cost);
    const bad = new Pace(good.marks);
    expect(measurer.measure(model([0x8001], false), bad)).toBe(Number.POSITIVE_INFINITY);
    expect(bad.marks.length).toBeLessThan(good.marks.length);
    const late = new Pace([], Date.now() - 1);
    expect(measurer.measure(model([0x01], false), late)).toBe(Number.POSITIVE_INFINITY);
    expect(late.marks).toHaveLength(1);
  });
});

describe.each([cm, cmx, cm2, cm3])('method $name', (method) => {
  const alone = packed(method);

  it('is the same with 1, 2 and 8 threads', () => {
    for (const count of [1, 2, 8])
      expect(packed(method, { threads: new PackThreads(count, WORKER, 0) })).toEqual(alone);
  });

  it('finds as much at a higher level, or more', () => {
    expect(packed(method, { level: 3 }).payload.length).toBeLessThanOrEqual(alone.payload.length);
  });

  it('takes what it begins with when the time is over', () => {
    const sizes: number[] = [];
    const late = packed(method, { level: 9, deadline: 0, progress: (_, __, size) => sizes.push(size) });
    expect(late.payload.length).toBeGreaterThanOrEqual(alone.payload.length);
    expect(sizes).toEqual([]);
  });

  it('tells how far it is', () => {
    const told: number[][] = [];
    packed(method, { progress: (...numbers) => told.push(numbers) });
    expect(told.length).toBeGreaterThan(1);
    for (const [done, total] of told) expect(done).toBeLessThanOrEqual(total!);
    const sizes = told.map(([, , size]) => size!);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  });
});

describe('threads', () => {
  const expected = packed(cmx);

  /** Threads that run a text. */
  function threadsOf(name: string, text: string): PackThreads {
    const path = join(folder, `${name}.cjs`);
    writeFileSync(path, text);
    return new PackThreads(3, path, 0);
  }

  it('are not started for little work', () => {
    const threads = new PackThreads(2, WORKER, 1000);
    expect(threads.open(MATERIAL, 999)).toBeUndefined();
    const rounds = threads.open(MATERIAL, 1000);
    expect(rounds).toBeDefined();
    rounds?.close();
  });

  it('that do not start change nothing', () => {
    expect(packed(cmx, { threads: new PackThreads(3, join(folder, 'none.cjs'), 0) })).toEqual(expected);
    expect(packed(cmx, { threads: threadsOf('throws', 'throw new Error()') })).toEqual(expected);
  });

  it('that fail at a model change nothing', () => {
    const text = `const { memory } = require('node:worker_threads').workerData;
      const words = new Int32Array(memory, 0, 3);
      for (let state = 0; state >= 0; state = Atomics.load(words, 0)) {
        Atomics.wait(words, 0, state, 5);
        const next = Atomics.load(words, 1);
        if (next === 0 || next % 16 >= 8 || Atomics.compareExchange(words, 1, next, next + 1) !== next) continue;
        Atomics.add(words, 2, 1);
        Atomics.notify(words, 2);
      }`;
    expect(packed(cmx, { threads: threadsOf('fails', text) })).toEqual(expected);
  });

  it('end whether or not a method fails', () => {
    const closed: boolean[] = [];
    const threads: Threads = {
      open: () => ({
        measure: () => {
          throw new Error('no memory');
        },
        close: () => closed.push(true),
      }),
    };
    expect(() => packed(cm, { threads })).toThrow('no memory');
    expect(closed).toEqual([true]);
  });
});
