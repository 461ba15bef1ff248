/** The search for the order of instructions: what it finds, and what it leaves alone. */
import { describe, expect, it } from 'vitest';
import { cm, cm2, cm3 } from '../../src/pack/cm/cm.ts';
import type { PackEffort, PackInput } from '../../src/pack/method.ts';
import { inOrder, Rows } from '../../src/pack/rows.ts';
import { linkImage } from '../../src/packed/linkImage.ts';
import { filesOf, fixturePrograms } from '../programs.ts';
import { ROOM } from './linkStored.ts';

const { files, options } = filesOf(fixturePrograms().find(({ id }) => id === 'c-objects/static')!);
const { input: found } = linkImage(files, options, ROOM, 'repetitive', {});
/** Sections stay where they are. */
const INPUT: PackInput = { ...found, arrangements: undefined };

describe.each([cm, cm2, cm3])('the search of $name', (method) => {
  const pack = (effort: Partial<PackEffort> = {}, input = INPUT) =>
    method.pack(input, { level: 3, ...effort });
  const told: number[][] = [];
  const packed = pack({ progress: (...numbers) => told.push(numbers) });

  it('finds an order in which the image is smaller', () => {
    const { input, instructions, sequences } = packed.arranged!;
    expect(sequences).toBeUndefined();
    expect(instructions).not.toEqual(new Rows(INPUT).order);
    expect(instructions!.toSorted()).toEqual(new Rows(INPUT).order);
    expect(inOrder(INPUT, instructions!)).toEqual(input);
    expect(packed.payload.length).toBeLessThan(pack({}, { ...INPUT, runs: [] }).payload.length);
  });

  it('leaves instructions where they are with the least effort, or without time', () => {
    expect(pack({ level: 1 }).arranged).toBeUndefined();
    expect(pack({ level: 9, deadline: 0 }).arranged).toBeUndefined();
  });

  it('tells how far it is', () => {
    const [done, totals, sizes] = [0, 1, 2].map((index) => told.map((numbers) => numbers[index]!));
    expect(done).toEqual(done!.toSorted((a, b) => a - b));
    expect(new Set(totals).size).toBe(1);
    expect(done!.at(-1)).toBeLessThanOrEqual(totals![0]!);
    expect(sizes!.at(-1)).toBeLessThan(sizes![0]!);
  });
});
