/** Fills the holes of headers with whole sections: what is left to do for programs that are not cut. */
import { ET_EXEC, SHF_TLS } from '../elf/constants.ts';
import { without } from '../header/holes.ts';
import { type HeaderKind, type HeaderLayout, holeBytes } from '../header/layout.ts';
import { headerOf, plainHeader } from '../header/layouts.ts';
import type { Groups } from '../layout/groups.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import {
  Category,
  type HeaderFit,
  type ImagePlan,
  JUMP_SIZE,
  type Liveness,
  type Synthesis,
} from '../results.ts';
import { findNearReference } from './far.ts';
import { type Candidate, fillHoles } from './fill.ts';
import { baseObstacle, emptyFit, openHoles } from './permitted.ts';

/** Fills the holes of the layout in which that gains most with whole sections; and of those far up, if they do. */
export function fillHeader(
  program: Program,
  { clusters }: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  plan: ImagePlan,
  kinds: readonly HeaderKind[],
  layouts: readonly HeaderLayout[],
  options: LinkOptions,
): HeaderFit[] {
  // Where other segments follow, what is written lies in one of them.
  const mayWrite = plan.regions.length === 1 ? Category.data : Category.rodata;
  const candidates = findCandidates(program, clusters, pieces, plan.groups, mayWrite);
  const sizeOf = (id: number) => pieces.size[id]!;
  const far = layouts.filter(({ baseShift }) => baseShift !== undefined);
  const obstacle = far.length > 0 ? farObstacle(program, pieces, synthesis, plan, options) : undefined;
  let best = emptyFit(plan, plainHeader(kinds));
  let least = best.end;
  const most = candidates.reduce((sum, { size }) => sum + size, 0);
  for (const layout of layouts) {
    if (!layout.findsTable || layout.baseShift !== undefined || layout.e_type !== ET_EXEC) continue;
    if (layout.end - most > least) continue;
    const open = openHoles(layout, options);
    if (layout.end - Math.min(holeBytes(open), most) > least) continue;
    const placed = fillHoles(candidates, open);
    const cost = [...placed.keys()].reduce((sum, id) => sum - sizeOf(id), layout.end);
    // Of equals the last is taken, which more tools understand.
    if (cost > least) continue;
    least = cost;
    best = { ...emptyFit(plan, headerOf(layout)), placed };
  }
  const reasons = obstacle ? far.map((layout) => `header ${headerOf(layout).name} needs ${obstacle}`) : [];
  const fits: HeaderFit[] = options.header === 'auto' || best.header.name === options.header ? [best] : [];
  // What lies in the header may be missed in the gaps that it would have filled.
  const isSmall = plan.groups.count <= MAX_COMPARED;
  if (isSmall && fits.length > 0 && best.placed.size > 0) fits.push({ ...best, placed: new Map() });
  if (!obstacle) for (const layout of far) fits.push(...fillFar(plan, layout, candidates, options));
  return (fits.length > 0 ? fits : [best]).map((fit) => ({ ...fit, reasons }));
}

/** Sections that may lie in holes, in input order; no more of one size and alignment than headers have room for. */
function findCandidates(
  { sections }: Program,
  clusters: Liveness['clusters'],
  pieces: Pieces,
  groups: Groups,
  mayWrite: Category,
): Candidate[] {
  const candidates: Candidate[] = [];
  const found = new Uint16Array((LARGEST_HOLE + 1) * 32);
  for (let group = 0; group < groups.count; group++) {
    const size = groups.size[group]!;
    if (size === 0 || size > LARGEST_HOLE || groups.category[group]! > mayWrite) continue;
    const alignment = groups.alignment[group]!;
    const kind = size * 32 + Math.clz32(alignment);
    if (found[kind] === MOST_ALIKE) continue;
    const id = groups.leadOf(group);
    if ((sections.flags[id]! & SHF_TLS) !== 0 || clusters.nameOf(id) !== undefined) continue;
    if (pieces.chainFrom(id).length > 1) continue;
    found[kind]!++;
    candidates.push({ id, size, alignment });
  }
  return candidates;
}

/** A layout with a base far up is entered at a certain place, where a jump leads to the program's entry. */
function fillFar(
  plan: ImagePlan,
  layout: HeaderLayout,
  candidates: readonly Candidate[],
  options: LinkOptions,
): HeaderFit[] {
  const { groups } = plan;
  const zeros = groups.withCategory([Category.bss]);
  const hasZeros = zeros.some((group) => groups.size[group]! > 0);
  const isAtMagic = layout.entry!.start === 1;
  // p_filesz, which ends behind the file, leaves no room for it there.
  if (isAtMagic && hasZeros) return [];
  const jump = isAtMagic ? { start: 4, end: 5 } : layout.entry!;
  const open = openHoles(layout, options).flatMap((hole) =>
    without(hole, { start: jump.start, end: jump.start + JUMP_SIZE }),
  );
  const placed = fillHoles(candidates, isAtMagic ? open : openHoles(layout, options));
  return [{ ...emptyFit(plan, headerOf(layout)), placed, jump, entryOffset: isAtMagic ? 1 : undefined }];
}

/** Why the program may not lie far up, if it may not. */
function farObstacle(
  program: Program,
  pieces: Pieces,
  synthesis: Synthesis,
  plan: ImagePlan,
  options: LinkOptions,
): string | undefined {
  const tied = baseObstacle(options);
  if (tied !== undefined) return tied;
  if (plan.regions.length > 1 || plan.threadOrder.length > 0 || plan.headers.hasEhFrameHdr)
    return 'a single segment';
  return findNearReference(program, pieces, synthesis, plan.groups.allIds());
}

/** No layout has a larger hole. */
const LARGEST_HOLE = 16;

/** No header has so many bytes. */
const MOST_ALIKE = 1024;

/** With more groups there is always something for a gap. */
const MAX_COMPARED = 4096;
