/** What the benches calculate. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lzmaSize, xzSize } from '../bench/compressors.ts';
import type { SpeedInput } from '../bench/inputs.ts';
import { loadedSize } from '../bench/loaded.ts';
import { geometricMean } from '../bench/mean.ts';
import { medianCost } from '../bench/measure.ts';
import { difference, type PackRow, packCells, ratioToLzma } from '../bench/packRows.ts';
import { speedRows } from '../bench/speedRows.ts';
import { parseTimes } from '../bench/times.ts';
import { isSame, tryOut } from '../bench/trial.ts';
import { hasTool, scratchFolder } from './run.ts';

describe('medians', () => {
  it('are taken of each column by itself', () => {
    const costs = [
      { cpu: 3, wall: 10, memory: 2 },
      { cpu: 1, wall: 30, memory: 2 },
      { cpu: 2, wall: 20, memory: 9 },
    ];
    expect(medianCost(costs)).toEqual({ cpu: 2, wall: 20, memory: 2 });
  });

  it('lie between the two in the middle', () => {
    const costs = [4, 1, 8, 2].map((value) => ({ cpu: value, wall: value, memory: value }));
    expect(medianCost(costs).cpu).toBe(3);
  });
});

describe('rows', () => {
  const input: SpeedInput = {
    name: 'hello',
    runs: 1,
    targets: { ratios: { ld: 2, mold: 1.5 }, aboveNode: 10, memory: 50 },
    missing: () => [],
    prepare: () => ({ folder: '', response: '' }),
  };
  const costs = new Map([
    ['tinyelf', { cpu: 40, wall: 30, memory: 50 }],
    ['ld', { cpu: 20, wall: 20, memory: 25 }],
    ['lld', { cpu: 10, wall: 10, memory: 100 }],
    ['mold', { cpu: 20, wall: 10, memory: 10 }],
    ['node', { cpu: 29, wall: 29, memory: 40 }],
  ]);

  it('say what was wanted, and whether it is so', () => {
    const verdicts = speedRows(input, costs).map((row) => [row.linker, ...row.verdicts]);
    expect(verdicts).toEqual([
      ['tinyelf', { text: '<= 50 MB', isMet: true }],
      ['ld', { text: 'CPU <= 2', isMet: true }],
      ['lld'],
      ['mold', { text: 'CPU <= 1.5', isMet: false }],
      ['node', { text: '<= node + 10 ms', isMet: false }],
    ]);
  });

  it('compare tinyelf with each other linker', () => {
    const ratios = speedRows(input, costs).map(({ ratio }) => ratio);
    expect(ratios.slice(0, 2)).toEqual([undefined, { cpu: 2, wall: 1.5, memory: 2 }]);
  });
});

describe('times of passes', () => {
  it('are found among other lines', () => {
    const text =
      'ld.tinyelf: warning: 3 ms is not a time\n  12.3 ms  loadInputs\n 123 ms  mergeStrings  \n135.3 ms  total\n';
    expect([...parseTimes(text)]).toEqual([
      ['loadInputs', 12.3],
      ['mergeStrings', 123],
      ['total', 135.3],
    ]);
  });
});

describe('rows of packing', () => {
  const row: PackRow = { program: 'hello', plain: 4000, upx: 3500, xz: 3100, lzma: 3000 };
  const packed = { size: 2700, method: 'cm', seconds: 1.25 };
  const start = { cpu: 2, wall: 3, memory: 1 };

  it('have figures of the packed file', () => {
    const cells = packCells({ ...row, packed: { ...packed, start } });
    expect(cells).toEqual(['4000', '2700', 'cm', '3500', '3100', '3000', '0.900', '3.00', '2.00', '1.3']);
  });

  it('say where the plain file stays', () => {
    const { upx, ...rest } = row;
    expect(packCells(rest)).toEqual(['4000', 'not packed', '-', '-', '3100', '3000', '-', '-', '-', '-']);
    expect(ratioToLzma(row)).toBeUndefined();
  });

  it('mark what misbehaves, and take no ratio of it', () => {
    expect(packCells({ ...row, packed }).slice(1, 3)).toEqual(['2700!', 'cm']);
    expect(ratioToLzma({ ...row, packed })).toBeUndefined();
  });

  it('take the cost of a start as what comes on top', () => {
    expect(difference({ cpu: 5, wall: 7, memory: 3 }, { cpu: 3, wall: 4, memory: 4 })).toEqual({
      cpu: 2,
      wall: 3,
      memory: -1,
    });
  });
});

it('means are geometric', () => {
  expect(geometricMean([1, 4, 2])).toBeCloseTo(2);
});

it('what is loaded of a file ends with its last segment, or with its program headers', () => {
  const file = Buffer.alloc(512);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  file.writeUInt32LE(7, 64 + 56);
  file.writeBigUInt64LE(500n, 64 + 56 + 32);
  expect(loadedSize(file)).toBe(64 + 2 * 56);
  file.writeUInt32LE(1, 64);
  file.writeBigUInt64LE(100n, 64 + 8);
  file.writeBigUInt64LE(200n, 64 + 32);
  expect(loadedSize(file)).toBe(300);
});

describe.skipIf(!hasTool('xz'))('the stream of LZMA1', () => {
  const counted = Buffer.from(Array.from({ length: 600 }, (_, i) => `${i * 7919}`).join());

  it('is smaller than a file of xz, and that of the smallest of several files', () => {
    const alone = lzmaSize([counted]);
    expect(alone).toBeLessThan(xzSize(counted));
    const shorter = counted.subarray(0, counted.length / 2);
    const least = lzmaSize([shorter]);
    expect(least).toBeLessThan(alone);
    expect(lzmaSize([counted, shorter])).toBe(least);
  });

  it('is that of the best settings', () => {
    // Whole words, of which each byte is like that of the word before: lp and pb pay.
    const words = Buffer.from(Uint32Array.from({ length: 2000 }, (_, i) => (i * i * i) | 0).buffer);
    const usual = xzSize(words);
    expect(lzmaSize([words])).toBeLessThan(usual * 0.95);
  });
});

it('a copy of a program is run as the program is, and compared by all that it does', () => {
  const folder = scratchFolder();
  const program = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return tryOut(path, { args: ['a b'], input: 'said\n' });
  };
  const first = program('first', 'read said; echo "$said $1"; exit 3');
  expect(first).toEqual({ code: 3, signal: null, stdout: 'said a b\n' });
  expect(isSame(first, program('same', 'cat | tr -d "\\n"; echo " $1"; exit 3'))).toBe(true);
  for (const other of ['echo said a b', 'echo said; exit 3', 'echo said a b; kill -9 $$'])
    expect(isSame(first, program('other', other))).toBe(false);
});
