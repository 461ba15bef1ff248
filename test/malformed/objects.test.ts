/** Damaged objects: each field wrong in each way, cut off everywhere, with bits flipped. */
import { describe, expect, it } from 'vitest';
import { judge, type Verdict } from './judge.ts';
import { flippedBits, type Mutation, truncations, wrongFields } from './mutations.ts';
import { needsScript, OBJECTS, PLACING, VARIANTS } from './seeds.ts';
import { Tally } from './tally.ts';

/** Where objects without `_start` begin. */
const ENTRIES = new Map([['tables.o', 'verbs']]);

/** One in so many changes is tried here, all with TINYELF_MALFORMED=all. No multiple of the number of variants. */
const STEP = process.env.TINYELF_MALFORMED === 'all' ? 1 : 19;

function link(name: string, bytes: Uint8Array, round: number): Verdict {
  const variant = VARIANTS[round % VARIANTS.length]!;
  const script = needsScript(variant) ? { 'place.ld': PLACING } : {};
  const options = { entry: ENTRIES.get(name) ?? '', ...variant };
  return judge({ name, files: { [name]: bytes, ...script }, inputs: [name], options });
}

function tryAll(name: string, mutations: Iterable<Mutation>, step: number): Tally {
  const tally = new Tally();
  let round = 0;
  for (const { what, bytes } of mutations) {
    if (round++ % step !== 0) continue;
    tally.add(`${name}, ${what}, variant ${round % VARIANTS.length}`, link(name, bytes, round));
  }
  return tally;
}

describe('objects', () => {
  it('are linked while there is no damage', () => {
    for (const [name, bytes] of OBJECTS) {
      const verdicts = VARIANTS.map((_, round) => link(name, bytes, round));
      // Where data and code are apart, an object without code has nothing to begin with.
      expect(verdicts.filter(({ kind }) => kind === 'linked').length, name).toBeGreaterThan(4);
      expect(verdicts.filter(({ kind }) => kind === 'fault')).toEqual([]);
    }
  });

  it.each([...OBJECTS])('with a wrong field: %s', (name, bytes) => {
    const tally = tryAll(name, wrongFields(bytes), STEP);
    expect(tally.faults).toEqual([]);
    expect(tally.linked).toBeGreaterThan(50);
    expect(tally.refused).toBeGreaterThan(50);
  });

  it.each(['rare.o', 'pic.o', 'throw.o'])('cut off at every byte: %s', (name) => {
    const tally = tryAll(name, truncations(OBJECTS.get(name)!), 1);
    expect(tally.faults).toEqual([]);
    expect(tally.refused).toBeGreaterThan(500);
  });

  it.each([...OBJECTS])('with a bit flipped: %s', (name, bytes) => {
    const tally = tryAll(name, flippedBits(bytes, 3), STEP);
    expect(tally.faults).toEqual([]);
    expect(tally.linked).toBeGreaterThan(50);
  });
});
