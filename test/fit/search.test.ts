/** Arrangements lie where there is room, lose nothing, and their bytes do what the chains do. */
import { describe, expect, it } from 'vitest';
import { type Assembly, assemble } from '../../src/fit/assemble.ts';
import { type Chain, statesOf } from '../../src/fit/chains.ts';
import { type Arrangement, type Atom, arrange, type Problem, type Room } from '../../src/fit/search.ts';
import { areIndependent, EVERYTHING } from '../../src/x86/effects.ts';
import { randomNumbers } from '../elf/make.ts';
import { chainOf, randomChain } from './make.ts';

/** Chains that may be cut and lie anywhere. */
const FREE = { whole: new Set<number>(), behind: new Set<number>() };

type Random = (below: number) => number;
interface Range {
  readonly start: number;
  readonly end: number;
}

const JMP_REL8 = 0xeb;

function problemOf(chains: readonly Chain[], atoms: readonly Atom[], entryChain = -1): Problem {
  return { atoms, chains, states: chains.map(statesOf), entryChain };
}

function randomProblem(random: Random): Problem {
  const chains = Array.from({ length: random(4) }, (_, i) => randomChain(random, 8, i));
  const atoms = Array.from({ length: random(5) }, (_, i) => ({
    section: 100 + i,
    start: 0,
    size: 1 + random(14),
    alignment: 2 ** random(4),
  }));
  return problemOf(chains, atoms, chains.length > 0 ? random(chains.length) : -1);
}

/** Holes within a header of about 60 bytes; some end with it. Where there is an entry, a hole may begin there. */
function randomRoom(random: Random): Room {
  const holes: Range[] = [];
  let at = 4;
  while (at < 50) {
    const start = at + 1 + random(9);
    at = start + 1 + random(14);
    holes.push({ start, end: at });
  }
  const end = at + (random(2) === 0 ? 0 : 1 + random(9));
  const places = [holes[0]!.start, end, end + random(20)];
  const offset = places[random(3)]!;
  const entry = random(2) === 0 ? undefined : { offset, hasRex: random(2) === 0 };
  return { holes, end, entry };
}

/** Bytes that an arrangement takes, as ranges of file offsets. */
function takenBy(problem: Problem, found: Arrangement): Range[] {
  const atoms = found.atoms.map((start, i) => ({ start, end: start + problem.atoms[i]!.size }));
  const runs = found.chains.flatMap((own) =>
    own.map(({ offset, from, to }, i) => ({
      start: offset,
      end: offset + to.bytes - from.bytes + (i + 1 < own.length ? 2 : 0),
    })),
  );
  return [...atoms, ...runs].filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
}

/** Where things may lie: in the holes, and from the end of the header or of its last hole on. */
function isRoom({ holes, end }: Room, range: Range): boolean {
  const last = holes.at(-1);
  const body = last && last.end === end ? last.start : end;
  return range.start >= body || holes.some((hole) => range.start >= hole.start && range.end <= hole.end);
}

/** Numbers of a chain's instructions as a processor comes across them from `at` on. */
function execute(image: ReadonlyMap<number, number>, { insns }: Chain, start: number): number[] {
  const order: number[] = [];
  let at = start;
  for (let step = 0; order.length < insns.length && step < 100; step++) {
    const byte = image.get(at)!;
    if (byte === JMP_REL8) {
      at += 2 + ((image.get(at + 1)! << 24) >> 24);
      continue;
    }
    order.push(byte - 1);
    at += insns[byte - 1]!.bytes.length;
  }
  return order;
}

function imageOf({ runs }: Assembly): Map<number, number> {
  const image = new Map<number, number>();
  for (const { offset, bytes } of runs) {
    bytes.forEach((byte, i) => {
      expect(image.has(offset + i)).toBe(false);
      image.set(offset + i, byte);
    });
  }
  return image;
}

/** Whether an order of a chain's instructions does what the chain does. */
function isFaithful({ insns, section }: Chain, order: readonly number[]): boolean {
  const place = new Map(order.map((number, i) => [number, i]));
  return insns.every((later, j) =>
    insns.slice(0, j).every((earlier, i) => {
      const isBarrier = earlier.writes === EVERYTHING || later.writes === EVERYTHING;
      const isLabelled = [...section.labels].some((label) => label > earlier.offset && label <= later.offset);
      const isFree = !isBarrier && !isLabelled && areIndependent(earlier, later);
      return isFree || place.get(i)! < place.get(j)!;
    }),
  );
}

describe('an arrangement', () => {
  const cases: { problem: Problem; room: Room; found: Arrangement | undefined }[] = [];
  const random = randomNumbers(0x1234567);
  for (let i = 0; i < 400; i++) {
    const problem = randomProblem(random);
    const room = randomRoom(random);
    cases.push({ problem, room, found: arrange(problem, room, Number.POSITIVE_INFINITY, FREE) });
  }
  const arranged = cases.flatMap(({ found, ...rest }) => (found ? [{ ...rest, found }] : []));

  it('is found unless the entry has no place', () => {
    expect(arranged.length).toBeGreaterThan(300);
    for (const { room, found } of cases) expect(found !== undefined || room.entry !== undefined).toBe(true);
  });

  it('has no two things in one place, and all of them where there is room', () => {
    for (const { problem, room, found } of arranged) {
      const taken = takenBy(problem, found);
      taken.slice(1).forEach(({ start }, i) => {
        expect(start).toBeGreaterThanOrEqual(taken[i]!.end);
      });
      for (const range of taken) expect(isRoom(room, range), JSON.stringify([range, room])).toBe(true);
      const end = Math.max(room.end, ...taken.map((range) => range.end));
      expect(found.end).toBe(end);
    }
  });

  it('aligns data', () => {
    for (const { problem, found } of arranged) {
      found.atoms.forEach((offset, i) => {
        expect(offset % problem.atoms[i]!.alignment).toBe(0);
      });
    }
  });

  it('begins where the header says', () => {
    let count = 0;
    for (const { problem, room, found } of arranged) {
      if (!room.entry) continue;
      count++;
      expect(found.chains[problem.entryChain]![0]!.offset).toBe(room.entry.offset);
    }
    expect(count).toBeGreaterThan(100);
  });

  it('is no longer than one without holes', () => {
    let shorter = 0;
    for (const { problem, room, found } of arranged) {
      if (room.entry) continue;
      const without = arrange(problem, { ...room, holes: [] }, Number.POSITIVE_INFINITY, FREE)!;
      expect(found.end).toBeLessThanOrEqual(without.end);
      if (found.end < without.end) shorter++;
    }
    expect(shorter).toBeGreaterThan(50);
  });

  it('is of no interest if it is not below the limit', () => {
    for (const { problem, room, found } of arranged.slice(0, 100)) {
      expect(arrange(problem, room, found.end, FREE)).toBeUndefined();
      const again = arrange(problem, room, found.end + 1, FREE);
      expect(again?.end).toBe(found.end);
    }
  });

  it('leaves chains whole that may not be cut', () => {
    for (const { problem, room } of arranged.slice(0, 100)) {
      const whole = { ...FREE, whole: new Set(problem.chains.map((_, i) => i)) };
      const found = arrange(problem, room, Number.POSITIVE_INFINITY, whole);
      for (const runs of found?.chains ?? []) expect(runs).toHaveLength(1);
    }
  });

  it('keeps chains out of the header that have to lie behind it', () => {
    for (const { problem, room } of arranged) {
      const behind = new Set(problem.chains.map((_, i) => i));
      const found = arrange(problem, room, Number.POSITIVE_INFINITY, { ...FREE, behind });
      for (const runs of found?.chains ?? [])
        for (const { offset } of runs) expect(offset).toBeGreaterThanOrEqual(bodyStart(room));
    }
  });

  it('is written down so that each chain does what it did', () => {
    let cut = 0;
    for (const { problem, room, found } of arranged) {
      const assembly = assemble(problem, room, found);
      if (!('runs' in assembly)) continue;
      const image = imageOf(assembly);
      problem.chains.forEach((chain, i) => {
        const runs = found.chains[i]!;
        const order = execute(image, chain, runs[0]!.offset);
        expect([...order].sort((a, b) => a - b)).toEqual(chain.insns.map((_, number) => number));
        expect(isFaithful(chain, order)).toBe(true);
        if (i === problem.entryChain && room.entry?.hasRex)
          expect(runs[0]!.from === runs[0]!.to || chain.insns[order[0]!]!.toleratesRex).toBe(true);
        if (runs.length > 1) cut++;
      });
    }
    expect(cut).toBeGreaterThan(100);
  });
});

describe('what is known to fit', () => {
  it('lies in the hole that is as large as it', () => {
    const atoms = [8, 3].map((size, i) => ({ section: i, start: 0, size, alignment: 1 }));
    const holes = [
      { start: 4, end: 7 },
      { start: 10, end: 18 },
    ];
    const found = arrange(problemOf([], atoms), { holes, end: 30, entry: undefined }, 100, FREE)!;
    expect(found).toMatchObject({ atoms: [10, 4], end: 30 });
  });

  it('is cut into two holes, with a jump between them', () => {
    const chain = chainOf(
      [3, 3, 3].map((length) => ({ length, writes: 1 })),
      [],
    );
    const holes = [
      { start: 4, end: 10 },
      { start: 12, end: 17 },
    ];
    const room: Room = { holes, end: 40, entry: undefined };
    const problem = problemOf([chain], []);
    const found = arrange(problem, room, 100, FREE)!;
    expect(found.end).toBe(40);
    const assembly = assemble(problem, room, found) as Assembly;
    const image = imageOf(assembly);
    // One of three in the shorter hole with the jump, then two in the longer.
    expect([12, 13, 14, 15, 16].map((at) => image.get(at))).toEqual([1, 1, 1, JMP_REL8, (4 - 17) & 0xff]);
    expect([4, 5, 6, 7, 8, 9].map((at) => image.get(at))).toEqual([2, 2, 2, 3, 3, 3]);
  });

  it('tells the chain in which a jump does not reach', () => {
    const chain = chainOf(
      [
        { length: 3, writes: 1 },
        { length: 3, writes: 1 },
      ],
      [],
    );
    const atoms = [{ section: 9, start: 0, size: 300, alignment: 1 }];
    const problem = problemOf([chain], atoms);
    const [first, last] = [statesOf(chain)[0]!, statesOf(chain).at(-1)!];
    const middle = statesOf(chain)[1]!;
    const runs = [
      { slot: 0, from: first, to: middle, offset: 4 },
      { slot: -1, from: middle, to: last, offset: 400 },
    ];
    const room: Room = { holes: [{ start: 4, end: 9 }], end: 20, entry: undefined };
    expect(assemble(problem, room, { atoms: [20], chains: [runs], end: 403 })).toEqual({ from: 0, to: 0 });
  });
});

/** Where the hole begins that ends the header, if there is one; what lies there lies behind the header as well. */
function bodyStart({ holes, end, entry }: Room): number {
  const last = holes.at(-1);
  return last !== undefined && last.end === end && entry?.offset !== end ? last.start : end;
}
