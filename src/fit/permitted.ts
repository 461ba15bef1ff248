/** What the options permit a header to be and to hold. */
import { ET_EXEC } from '../elf/constants.ts';
import { without } from '../header/holes.ts';
import type { HeaderKind, HeaderLayout, Hole } from '../header/layout.ts';
import { type Header, headerOf, layoutsFor } from '../header/layouts.ts';
import type { LinkOptions } from '../options.ts';
import type { HeaderFit, ImagePlan } from '../results.ts';

/** A header with nothing in it. */
export function emptyFit(plan: ImagePlan, header: Header): HeaderFit {
  return {
    plan,
    header,
    placed: new Map(),
    cut: new Map(),
    runs: [],
    rewrites: new Map(),
    end: header.layout.end,
    entryOffset: undefined,
    jump: undefined,
    reasons: [],
  };
}

/** Layouts that the options permit, smallest end first. */
export function permittedLayouts(kinds: readonly HeaderKind[], options: LinkOptions): HeaderLayout[] {
  return layoutsFor(kinds).filter((layout) => {
    const isNamed = headerOf(layout).name === options.header;
    if (options.header !== 'auto' && !isNamed) return false;
    if (options.header === 'auto' && isRead(kinds) && layout.e_phoff % PHDR_ALIGNMENT !== 0) return false;
    // One whose base is random, and that takes 4 GiB, is for those who ask for it.
    if (layout.e_type !== ET_EXEC && !options.floor) return false;
    if (layout.e_entry && layout.e_type === ET_EXEC) return false;
    if (!hasOwnRoom(layout, options)) return false;
    return options.compatibility === 'linux' || layout.portableHoles !== undefined;
  });
}

/** Alignment of a program header in memory, which C and Zig take for granted; Zig checks it (std/start.zig). */
const PHDR_ALIGNMENT = 8;

/** Whether start-up code or an unwinder looks for program headers in memory, by AT_PHDR. */
function isRead(kinds: readonly HeaderKind[]): boolean {
  return kinds.includes('thread') || kinds.includes('ehFrame');
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

/** What the user has asked for that ties the program to the base that was given, if anything. */
export function baseObstacle({ isBaseGiven, identPad }: LinkOptions): string | undefined {
  if (isBaseGiven) return 'a base of its own, and --base is given';
  return identPad.length > 0
    ? 'a base of its own, and --ident-pad is for programs that know theirs'
    : undefined;
}
