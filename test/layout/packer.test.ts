/** The search for the next section against one that looks at all of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Groups } from '../../src/layout/groups.ts';
import { Packer } from '../../src/layout/packer.ts';
import { padding } from '../../src/layout/padding.ts';
import { Pieces } from '../../src/pieces.ts';
import { Category } from '../../src/results.ts';

const SEED = { seed: 20_260_403, numRuns: 1500 };
const MAX_MODULUS = 64;

/** A section without a place. */
interface Open {
  /** Its number in the part. */
  readonly index: number;
  readonly alignment: number;
  readonly size: number;
}

const gap = (offset: number, alignment: number) => (alignment - (offset % alignment)) % alignment;

/**
 * Least padding first; of those one that ends at the goal, else one behind which another can end there, else any; of
 * those the one with the strictest alignment, and of these the first. The goal is a multiple of the strictest alignment
 * that is left. Sizes count modulo the strictest alignment of the part, and neither counts beyond a limit.
 */
function choose(open: readonly Open[], offset: number, modulus: number): Open {
  const goal = Math.min(modulus, Math.max(...open.map(({ alignment }) => alignment)));
  const needed = Math.min(...open.map(({ alignment }) => gap(offset, alignment)));
  const candidates = open.filter(({ alignment }) => gap(offset, alignment) === needed);
  const endOf = ({ size }: Open, start: number) => start + (size % modulus);
  const isMet = (end: number) => end % goal === 0;
  const isClosable = (one: Open, end: number) =>
    open.some((other) => other !== one && gap(end, other.alignment) === 0 && isMet(endOf(other, end)));
  const steps = [
    candidates.filter((one) => isMet(endOf(one, offset + needed))),
    candidates.filter((one) => isClosable(one, endOf(one, offset + needed))),
    candidates,
  ];
  const best = steps.find((step) => step.length > 0)!;
  return best.toSorted((a, b) => b.alignment - a.alignment || a.index - b.index)[0]!;
}

/** Sections of a part: the sizes and alignments of the members of each. */
type Part = readonly (readonly { readonly size: number; readonly alignment: number }[])[];

/** The order in which the sections of a part are placed, by the packer and by looking at all of them. */
function orders(part: Part, start: number): { packed: number[]; expected: number[] } {
  const members = part.flat();
  const pieces = new Pieces(members.length + 1);
  const groups = new Groups(pieces);
  // Group 0 is of another part.
  groups.addSingle(0, Category.text);
  let id = 1;
  for (const sections of part) {
    const ids = sections.map(({ size, alignment }) => {
      pieces.place(id, size, alignment);
      return id++;
    });
    // As `collectGroups` aligns a sequence.
    pieces.alignment[ids[0]!] = Math.max(...ids.map((member) => pieces.alignment[member]!));
    groups.add(ids, Category.text);
  }
  const numbers = Int32Array.from(part, (_, i) => i + 1);
  const open = part.map(
    (_, index): Open => ({
      index,
      alignment: groups.alignment[index + 1]!,
      size: groups.size[index + 1]!,
    }),
  );
  const modulus = Math.min(MAX_MODULUS, Math.max(...open.map(({ alignment }) => alignment)));
  const packer = new Packer(numbers, groups);
  const packed: number[] = [];
  const expected: number[] = [];
  let offset = start;
  while (open.length > 0) {
    const next = choose(open, offset, modulus);
    open.splice(open.indexOf(next), 1);
    expected.push(next.index);
    packed.push(packer.take(offset));
    // One that went astray shows where it did.
    if (packed.at(-1) !== next.index) break;
    offset += padding(offset, next.alignment) + next.size;
  }
  return { packed, expected };
}

function agrees(part: Part, start: number): void {
  const { packed, expected } = orders(part, start);
  expect(packed).toEqual(expected);
}

const smallSize = fc.nat(40);
const alignments = (most: number) => fc.nat(most).map((power) => 2 ** power);

describe('the packer', () => {
  it('chooses as documented among few sections', () => {
    const one = fc.record({ size: smallSize, alignment: alignments(4) });
    const part = fc.array(fc.tuple(one), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(part, fc.nat(40), agrees), { ...SEED, numRuns: 5000 });
  });

  it('chooses as documented among many sections of few kinds', () => {
    // Shelves become empty and alignments run out.
    const kinds = fc.array(fc.record({ size: smallSize, alignment: alignments(5) }), {
      minLength: 1,
      maxLength: 6,
    });
    const property = fc.property(
      kinds,
      fc.array(fc.nat(5), { minLength: 1, maxLength: 60 }),
      fc.nat(200),
      (all, picks, start) =>
        agrees(
          picks.map((pick) => [all[pick % all.length]!]),
          start,
        ),
    );
    fc.assert(property, SEED);
  });

  it('chooses as documented where alignments are larger than what sizes are told apart by', () => {
    const one = fc.record({ size: fc.oneof(smallSize, fc.nat(5000)), alignment: alignments(12) });
    const part = fc.array(fc.tuple(one), { minLength: 1, maxLength: 30 });
    fc.assert(fc.property(part, fc.nat(10_000), agrees), SEED);
  });

  it('takes a sequence of sections for one', () => {
    const one = fc.record({ size: smallSize, alignment: alignments(5) });
    const part = fc.array(fc.array(one, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 15 });
    fc.assert(fc.property(part, fc.nat(100), agrees), SEED);
  });

  it('gives every section out once', () => {
    const part: Part = Array.from({ length: 500 }, (_, i) => [
      { size: (i * 37) % 101, alignment: 2 ** (i % 7) },
    ]);
    const { packed } = orders(part, 120);
    expect(packed.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });
});
