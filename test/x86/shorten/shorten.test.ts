import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Given } from '../../../src/x86/shorten.ts';
import { scratchFolder } from '../../run.ts';
import { findFault, isExecutable, shortened } from './compare.ts';
import { instructions } from './generate.ts';
import { buildOracle, execute, HAS_ORACLE, type Pair, toHex } from './oracle.ts';

const folder = scratchFolder();
const SEED = Number(process.env.SHORTEN_SEED ?? 20240607);
/** Instructions to execute, for each kind of place. */
const COUNT = Number(process.env.SHORTEN_COUNT ?? 20_000);
const PLACES = [0, Given.flagsDead, Given.flagsDead | Given.plainMemory];

/** Bits of {@link Given} that do not contradict each other. */
const givens = fc.constantFrom(
  ...PLACES,
  Given.fixedImm,
  Given.fixedDisp,
  Given.fixedImm | Given.flagsDead,
  Given.fixedImm | Given.fixedDisp | Given.flagsDead | Given.plainMemory,
);

/** The first `count` pairs of random instructions that have a shorter form. */
function randomPairs(count: number, given: number): Pair[] {
  const pairs: Pair[] = [];
  for (let seed = SEED; pairs.length < count; seed++) {
    for (const bytes of fc.sample(instructions, { numRuns: 10_000, seed })) {
      const pair = shortened(bytes, given);
      if (pair && isExecutable(pair)) pairs.push(pair);
    }
  }
  return pairs.slice(0, count);
}

describe('shorten', () => {
  it('gives shorter instructions that have no shorter form and access the same memory', () => {
    fc.assert(
      fc.property(instructions, givens, (bytes, given) => {
        const pair = shortened(bytes, given);
        const fault = pair && findFault(pair, given);
        expect(fault && `${toHex(pair!.original)} → ${toHex(pair!.short)} ${fault}`).toBeUndefined();
      }),
      { numRuns: COUNT, seed: SEED },
    );
  });

  it.skipIf(!HAS_ORACLE)('gives instructions that do the same', () => {
    const program = buildOracle(folder);
    for (const given of PLACES) {
      const pairs = randomPairs(COUNT / PLACES.length, given);
      const { differences, completed } = execute(program, pairs, 4, SEED);
      expect(differences).toEqual([]);
      expect(completed).toBeGreaterThan(pairs.length * 3);
    }
  });
});
