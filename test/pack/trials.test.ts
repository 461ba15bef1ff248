/** Which of several ways to pack are tried, with how much effort, and which result is taken. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PackEffort } from '../../src/pack/method.ts';
import { type Outcome, smallestOf, type Trial } from '../../src/packed/trials.ts';

const PAYLOAD = 100;
/** Bytes of a file that are not its payload's. */
const REST = 50;

interface Noted extends Outcome {
  readonly name: number;
  readonly level: number;
}

/** A trial whose file has a size by level, and that notes what it is asked. */
function trialOf(name: number, sizeAt: (level: number) => number, asked: PackEffort[] = []): Trial<Noted> {
  return (effort) => {
    asked.push(effort);
    const size = sizeAt(effort.level);
    effort.progress?.(1, 2, PAYLOAD);
    const packed = {
      method: 'cm',
      object: new Uint8Array(0),
      payload: new Uint8Array(size - REST),
      scratchSize: 0,
    };
    return { name, level: effort.level, packed, size };
  };
}

function levelsOf(asked: readonly PackEffort[][]): number[][] {
  return asked.map((efforts) => efforts.map(({ level }) => level));
}

describe('of several trials', () => {
  it('those within 2 % of the smallest are made again with all effort, two at most', () => {
    const asked: PackEffort[][] = [[], [], [], []];
    const trials = [1021, 1010, 1000, 1015].map((size, i) => trialOf(i, () => size, asked[i]!));
    smallestOf(trials, { level: 5 });
    expect(levelsOf(asked)).toEqual([[1], [1, 5], [1, 5], [1]]);
    smallestOf([trials[0]!, trials[2]!], { level: 5 });
    expect(levelsOf(asked)).toEqual([[1, 1], [1, 5], [1, 5, 1, 5], [1]]);
  });

  it('none is made again with the least effort', () => {
    const asked: PackEffort[][] = [[], []];
    smallestOf(
      asked.map((efforts, i) => trialOf(i, () => 1000, efforts)),
      { level: 1 },
    );
    expect(levelsOf(asked)).toEqual([[1], [1]]);
  });

  it('the smallest file of all is taken, with whatever effort it was made', () => {
    const sizes = fc.array(
      fc.tuple(fc.integer({ min: 1000, max: 1040 }), fc.integer({ min: -20, max: 20 })),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(sizes, (all) => {
        const made: number[] = [];
        const trials = all.map(([first, change], name) =>
          trialOf(name, (level) => {
            const size = level === 1 ? first : first + change;
            made.push(size);
            return size;
          }),
        );
        expect(smallestOf(trials, { level: 5 })!.size).toBe(Math.min(...made));
      }),
    );
  });

  it('the last ones share the time, and tell of the smallest file so far', () => {
    const asked: PackEffort[][] = [[], []];
    const told: number[][] = [];
    const now = Date.now();
    smallestOf(
      asked.map((efforts, i) => trialOf(i, () => 1000, efforts)),
      { level: 5, deadline: now + 1e6, progress: (...numbers) => told.push(numbers) },
    );
    const [first, second] = asked.map((efforts) => efforts[1]!.deadline! - now);
    expect(first).toBeLessThan(6e5);
    expect(second).toBeGreaterThan(9e5);
    expect(told).toEqual([
      [1, 4, PAYLOAD + REST],
      [3, 4, PAYLOAD + REST],
    ]);
  });
});

it('a single trial is made once, with all effort', () => {
  const asked: PackEffort[] = [];
  const told: number[][] = [];
  const progress = (...numbers: number[]) => told.push(numbers);
  expect(smallestOf([trialOf(0, () => 1000, asked)], { level: 4, progress })).toMatchObject({ level: 4 });
  expect(levelsOf([asked])).toEqual([[4]]);
  expect(told).toEqual([[1, 2, PAYLOAD]]);
});

it('of no trials, nothing comes', () => {
  expect(smallestOf([], { level: 5 })).toBeUndefined();
});
