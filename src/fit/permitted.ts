/** What the options permit a header to be and to hold. */
import { ET_EXEC } from '../elf/constants.ts';
import type { HeaderKind, HeaderLayout, Hole } from '../header/layout.ts';
import { type Header, headerOf, layoutsFor } from '../header/layouts.ts';
import type { LinkOptions } from '../options.ts';
import type { HeaderFit, ImagePlan } from '../results.ts';

/** A header with nothing in it. */
export function emptyFit(plan: ImagePlan, header: Header): HeaderFit {
  const nothing = {
    placed: new Map(),
    cut: new Map(),
    runs: [],
    rewrites: new Map(),
    jump: undefined,
  };
  return { plan, header, ...nothing, end: header.layout.end, entryOffset: undefined, reasons: [] };
}

/** Layouts that the options permit, smallest end first. */
export function permittedLayouts(kinds: readonly HeaderKind[], options: LinkOptions): HeaderLayout[] {
  return layoutsFor(kinds).filter((layout) => {
    const isNamed = headerOf(layout).name === options.header;
    if (options.header !== 'auto' && !isNamed) return false;
    // One whose base is random, and that takes 4 GiB, is for those who ask for it.
    if (layout.e_type !== ET_EXEC && !options.floor) return false;
    if (layout.e_entry && layout.e_type === ET_EXEC) return false;
    if (!hasOwnRoom(layout, options)) return false;
    return options.compatibility === 'linux' || layout.portableHoles !== undefined;
  });
}

/** Whether the bytes that the user has given for e_ident can stand there. */
function hasOwnRoom(layout: HeaderLayout, options: LinkOptions): boolean {
  return ownBytes(options).every((own) =>
    layout.holes.some(({ start, end }) => start <= own.start && own.end <= end),
  );
}

/** Where the user has put bytes of his own. */
function ownBytes({ osabi, identPad }: LinkOptions): Hole[] {
  const own: Hole[] = [];
  if (osabi !== 0) own.push({ start: 7, end: 8 });
  if (identPad.length > 0) own.push({ start: 8, end: 8 + identPad.length });
  return own;
}

/** Holes that content may lie in: not where the user has put bytes of his own. */
export function openHoles(layout: HeaderLayout, options: LinkOptions): Hole[] {
  const holes = options.compatibility === 'portable' ? layout.portableHoles! : layout.holes;
  return ownBytes(options).reduce((open, range) => open.flatMap((hole) => without(hole, range)), [...holes]);
}

/** What of a hole lies outside a range. */
export function without(hole: Hole, range: Hole): Hole[] {
  const rest = [
    { start: hole.start, end: Math.min(hole.end, range.start) },
    { start: Math.max(hole.start, range.end), end: hole.end },
  ];
  return rest.filter(({ start, end }) => start < end);
}
