/** Every layout worth having: solves all places and orders of headers and drops what others are better than. */
import { EHDR_SIZE, ET_DYN } from '../elf/constants.ts';
import { type HeaderKind, type HeaderLayout, type Hole, holeBytes } from './layout.ts';
import { solveLayout } from './solve.ts';

/** Addresses that instructions reach with 32 bits, signed or not, end here. */
const END_OF_LOW_ADDRESSES = 2 ** 31;

const SEGMENTS: readonly (readonly HeaderKind[])[] = [
  ['load'],
  ['load', 'data'],
  ['load', 'thread'],
  ['load', 'data', 'thread'],
];
const EXTRAS: readonly (readonly HeaderKind[])[] = [[], ['ehFrame'], ['stack'], ['ehFrame', 'stack']];

/** Solves every place and order. @returns the layouts of all sets of headers, each set's by their ends */
export function enumerateLayouts(): HeaderLayout[] {
  return SEGMENTS.flatMap((segments) => EXTRAS.flatMap((extras) => layoutsOf([...segments, ...extras])));
}

/** One header: every layout that loads. More: those that no other is better than, and the one without overlaps. */
function layoutsOf(kinds: readonly HeaderKind[]): HeaderLayout[] {
  const layouts = solveAll(kinds);
  if (kinds.length === 1) return layouts;
  return layouts.filter((layout, i) => {
    if (layout.e_phoff === EHDR_SIZE && layout.kinds.every((kind, k) => kind === kinds[k])) return true;
    return !layouts.some((other, j) => i !== j && isBetter(other, layout, j < i));
  });
}

function solveAll(kinds: readonly HeaderKind[]): HeaderLayout[] {
  const orders = permutations(kinds);
  const places = Array.from({ length: EHDR_SIZE + 1 }, (_, e_phoff) => e_phoff);
  return places.flatMap((e_phoff) =>
    orders.flatMap((order) => {
      const layout = solveLayout(e_phoff, order);
      return layout && isWorthHaving(layout) ? [layout] : [];
    }),
  );
}

/** A program that lives with a high base fits a smaller layout whose base is tied to its permissions. */
function isWorthHaving({ e_type, e_entry }: HeaderLayout): boolean {
  return e_type === ET_DYN || !e_entry || e_entry.end <= END_OF_LOW_ADDRESSES;
}

/** Whether `a` is at least as good as `b` for every program, and better for one or else the earlier one. */
function isBetter(a: HeaderLayout, b: HeaderLayout, isEarlier: boolean): boolean {
  if (a.entry && !isSameHole(a.entry, b.entry)) return false;
  const costs = costsOf(a).map((cost, i) => cost - costsOf(b)[i]!);
  return (
    costs.every((difference) => difference <= 0) && (isEarlier || costs.some((difference) => difference < 0))
  );
}

function isSameHole(a: Hole, b: Hole | undefined): boolean {
  return a.start === b?.start && a.end === b.end;
}

/** What is to be small: bytes, bytes when holes are filled, on other systems too, and what a program must put up with. */
function costsOf(layout: HeaderLayout): number[] {
  const { end, holes, portableHoles, p_filesz, findsTable, entry } = layout;
  return [
    end,
    end - holeBytes(holes),
    portableHoles ? end - holeBytes(portableHoles) : 2 * end,
    rankOfBase(layout),
    p_filesz.modulus,
    findsTable ? 0 : 1,
    entry ? 1 : 0,
  ];
}

/** Any base is best, then one of few low ones, then a high one, then a random one. */
function rankOfBase({ e_type, e_entry, baseShift }: HeaderLayout): number {
  if (e_type === ET_DYN) return 3;
  if (baseShift !== undefined) return 2;
  return e_entry ? 1 : 0;
}

/** All orders of `items`, the given one first. */
function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}
