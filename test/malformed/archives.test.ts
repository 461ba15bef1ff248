/** Damaged archives: GNU, BSD and thin ones, with symbol tables of both widths and without. */
import { describe, expect, it } from 'vitest';
import { wrongArchives } from './archives.ts';
import { judge } from './judge.ts';
import { flippedBits, type Mutation, truncations } from './mutations.ts';
import { archiveSeeds, BESIDE } from './seeds.ts';
import { Tally } from './tally.ts';

/** One in so many changes is tried here, all with TINYELF_MALFORMED=all. */
const STEP = process.env.TINYELF_MALFORMED === 'all' ? 1 : 7;

function tryAll(name: string, mutations: Iterable<Mutation>, step: number): Tally {
  const tally = new Tally();
  let round = 0;
  for (const { what, bytes } of mutations) {
    if (round++ % step !== 0) continue;
    const files = { ...BESIDE, [name]: bytes };
    const options = { gcSections: round % 2 === 0, ...(round % 5 === 0 ? DEBUG : {}) };
    tally.add(`${name}, ${what}`, judge({ name, files, inputs: ['main.o', name], options }));
  }
  return tally;
}

/** Of the others some beginnings are tried. */
const CUT_EVERYWHERE = new Set(['gnu.a', 'bsd.a']);

const DEBUG = { tables: 'debug', header: 'plain' } as const;

describe.each([...archiveSeeds()])('%s', (name, bytes) => {
  it('is linked while there is no damage', () => {
    expect(judge({ name, files: { ...BESIDE, [name]: bytes }, inputs: ['main.o', name] })).toEqual({
      kind: 'linked',
    });
  });

  it('with a wrong field', () => {
    const tally = tryAll(name, wrongArchives(bytes), STEP);
    expect(tally.faults).toEqual([]);
    expect(tally.linked).toBeGreaterThan(10);
    expect(tally.refused).toBeGreaterThan(10);
  });

  it('cut off', () => {
    const tally = tryAll(name, truncations(bytes), CUT_EVERYWHERE.has(name) ? 1 : STEP);
    expect(tally.faults).toEqual([]);
    expect(tally.refused).toBeGreaterThan(20);
  });

  it('with a bit flipped', () => {
    const tally = tryAll(name, flippedBits(bytes, 5), STEP);
    expect(tally.faults).toEqual([]);
  });
});
