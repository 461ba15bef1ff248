/** Every way through the states of a chain does what the chain does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planChain } from '../../src/fit/chainPlan.ts';
import { between, type Chain, chainsOf, isBefore, statesOf, stretchStart } from '../../src/fit/chains.ts';
import { readCode } from '../../src/fit/code.ts';
import { areIndependent, EVERYTHING, MEMORY } from '../../src/x86/effects.ts';
import { randomNumbers } from '../elf/make.ts';
import { bruteForceCost } from './bruteForce.ts';
import { chainOf, codeView, randomChain, walk } from './make.ts';

const SEEDS = fc.integer({ min: 1, max: 2 ** 31 - 1 });

/** Pairs of instructions that must stay in their order, by number. */
function orderedPairs({ section, insns }: Chain): [number, number][] {
  const pairs: [number, number][] = [];
  insns.forEach((later, j) => {
    insns.slice(0, j).forEach((earlier, i) => {
      const isBarrier = earlier.writes === EVERYTHING || later.writes === EVERYTHING;
      const isLabelled = [...section.labels].some((label) => label > earlier.offset && label <= later.offset);
      if (isBarrier || isLabelled || !areIndependent(earlier, later)) pairs.push([i, j]);
    });
  });
  return pairs;
}

/** Checks that `order` has every instruction once, and each ordered pair in its order. */
function expectOrder(chain: Chain, order: readonly number[]): void {
  expect([...order].sort((a, b) => a - b)).toEqual(chain.insns.map((_, i) => i));
  const place = new Map(order.map((number, i) => [number, i]));
  for (const [i, j] of orderedPairs(chain))
    expect(place.get(i)!, `${i} before ${j}`).toBeLessThan(place.get(j)!);
}

describe('states of a chain', () => {
  it('keep dependent instructions in their order, and none crosses a label', () => {
    let moved = 0;
    const property = fc.property(SEEDS, (seed) => {
      const random = randomNumbers(seed);
      const chain = randomChain(random, 12);
      const states = statesOf(chain);
      for (let i = 0; i < 5; i++) {
        const order = walk(chain, states, random);
        expectOrder(chain, order);
        if (order.some((number, at) => number !== at)) moved++;
      }
    });
    fc.assert(property, { seed: 11, numRuns: 600 });
    expect(moved).toBeGreaterThan(500);
  });

  it('keep them also in long chains, which have too many states to change places', () => {
    const property = fc.property(SEEDS, (seed) => {
      const random = randomNumbers(seed);
      const chain = randomChain(random, 120);
      const states = statesOf(chain);
      expect(states.length).toBeLessThanOrEqual(Math.max(120, chain.insns.length + 1));
      expectOrder(chain, walk(chain, states, random));
    });
    fc.assert(property, { seed: 12, numRuns: 150 });
  });

  it('begin with nothing, end with everything, and count bytes', () => {
    const property = fc.property(SEEDS, (seed) => {
      const chain = randomChain(randomNumbers(seed), 20);
      const states = statesOf(chain);
      const total = chain.insns.reduce((sum, { length }) => sum + length, 0);
      expect(states[0]!.bytes).toBe(0);
      expect(states.at(-1)!.bytes).toBe(total);
      for (const state of states) {
        const run = between(chain, states[0]!, state)!;
        expect(run.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(state.bytes);
      }
    });
    fc.assert(property, { seed: 13, numRuns: 200 });
  });

  it('are all the sets that can come first', () => {
    // Two pairs that depend within the pair: 3 ways through each, 9 sets in all.
    const pairs = chainOf(
      [
        { length: 1, writes: 1 },
        { length: 2, reads: 1 },
        { length: 3, writes: 2 },
        { length: 4, reads: 2 },
      ],
      [],
    );
    expect(statesOf(pairs)).toHaveLength(9);
    expect(statesOf(chainOf(Array(4).fill({ length: 1, writes: MEMORY }), []))).toHaveLength(5);
    expect(statesOf(chainOf(Array(4).fill({ length: 1 }), []))).toHaveLength(16);
    expect(statesOf(chainOf(Array(4).fill({ length: 1 }), [2]))).toHaveLength(7);
  });

  it('are ordered by what they hold', () => {
    const chain = chainOf(Array(3).fill({ length: 1 }), []);
    const states = statesOf(chain);
    for (const a of states) {
      for (const b of states) {
        const held = new Set(between(chain, states[0]!, b));
        const isWithin = between(chain, states[0]!, a)!.every((insn) => held.has(insn));
        expect(isBefore(a, b)).toBe(isWithin && a !== b);
      }
    }
  });
});

describe('a run', () => {
  const chain = chainOf(
    [
      { length: 1, writes: 1 },
      { length: 1, writes: 2, toleratesRex: true },
      { length: 1, reads: 1, writes: 4, toleratesRex: true },
    ],
    [],
  );
  const states = statesOf(chain);

  it('begins with an instruction that may be first, moved ahead of those it does not depend on', () => {
    const run = between(chain, states[0]!, states.at(-1)!, ({ toleratesRex }) => toleratesRex)!;
    expect(run.map((insn) => chain.insns.indexOf(insn))).toEqual([1, 0, 2]);
  });

  it('is none where only dependent instructions may be first', () => {
    const last = (insn: object) => insn === chain.insns[2];
    expect(between(chain, states[0]!, states.at(-1)!, last)).toBeUndefined();
  });

  it('belongs to the label that opens its stretch', () => {
    const labelled = chainOf(Array(5).fill({ length: 2 }), [3]);
    expect([0, 1, 2, 3, 4].map((i) => stretchStart(labelled, i))).toEqual([0, 0, 0, 6, 6]);
  });
});

describe('code', () => {
  /** The chains of code that is entered at its start, as offsets of their instructions. */
  function chains(text: string, entries: readonly number[] = [0]): number[][] | undefined {
    const bytes = Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
    const code = readCode(codeView(1, bytes), entries, []);
    return code && chainsOf(code).map(({ insns }) => insns.map(({ offset }) => offset));
  }

  it('is cut where an instruction does not go on with the next', () => {
    expect(chains('31 ff eb 01 90 c3')).toEqual([[0, 2], [5]]);
    expect(chains('74 01 c3 c3')).toEqual([[0, 2], [3]]);
    expect(chains('b8 3c 00 00 00 0f 05 0f 0b')).toEqual([[0, 5]]);
    expect(chains('6a 3c 58 0f 05 cc')).toEqual([[0, 2, 3]]);
    expect(chains('b8 3d 00 00 00 0f 05 0f 0b')).toEqual([[0, 5, 7]]);
  });

  it('is not understood where it overlaps, leaves its section, or branches behind where eax was set', () => {
    expect(chains('eb 01 b8 90 90 90 90 c3', [0, 2])).toBeUndefined();
    expect(chains('eb 70 c3')).toBeUndefined();
    expect(chains('eb fb c3')).toBeUndefined();
    expect(chains('74 05 b8 3c 00 00 00 0f 05 c3')).toBeUndefined();
    expect(chains('8b 05 00 00 00 00 c3')).toBeUndefined();
  });
});

describe('the plan of a chain', () => {
  it('costs what the best of all ways costs, found by trying them all', () => {
    let finite = 0;
    const property = fc.property(SEEDS, (seed) => {
      const random = randomNumbers(seed);
      const chain = randomChain(random, 5);
      const states = statesOf(chain);
      const lengths = Array.from({ length: random(4) }, () => 1 + random(12));
      const slot = random(lengths.length + 1) - 1;
      const start = random(2) === 0 ? undefined : { slot, hasRex: random(2) === 0 };
      const plan = planChain(chain, states, lengths, start, true);
      for (let slots = 0; slots < 1 << lengths.length; slots++) {
        const expected = bruteForceCost(chain, lengths, slots, start);
        expect(plan.cost(slots), `slots ${slots} of ${lengths}`).toBe(expected);
        if (expected === Number.POSITIVE_INFINITY) continue;
        finite++;
        const runs = plan.runs(slots);
        expect(runs.every((run) => run.slot < 0 || (slots & (1 << run.slot)) !== 0)).toBe(true);
        expect(runs.at(-1)!.to).toBe(states.at(-1));
        runs.slice(1).forEach((run, i) => {
          expect(run.from).toBe(runs[i]!.to);
        });
      }
    });
    fc.assert(property, { seed: 14, numRuns: 400 });
    expect(finite).toBeGreaterThan(400);
  });

  it('is one run where the chain may not be cut', () => {
    const chain = chainOf(Array(4).fill({ length: 3 }), []);
    const plan = planChain(chain, statesOf(chain), [11, 12], undefined, false);
    expect([0, 1, 2, 3].map((slots) => plan.cost(slots))).toEqual([12, 12, 0, 0]);
    expect(plan.runs(3)).toHaveLength(1);
  });
});
