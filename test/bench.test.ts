/** What the speed benches calculate. */
import { describe, expect, it } from 'vitest';
import type { SpeedInput } from '../bench/inputs.ts';
import { medianCost } from '../bench/measure.ts';
import { speedRows } from '../bench/speedRows.ts';
import { parseTimes } from '../bench/times.ts';

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
