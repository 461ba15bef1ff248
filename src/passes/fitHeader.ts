/**
 * Chooses the header and fills its holes. A small program is taken apart: data lies wherever there is room, code is
 * cut at instruction boundaries into runs joined by jumps, and every layout is tried. A larger one gives whole
 * small sections. Afterwards it is known what of the program lies within the header, and where everything else
 * begins.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { ET_EXEC, SHF_EXECINSTR, SHF_TLS, SHT_NOBITS } from '../elf/constants.ts';
import { symbolsOf } from '../expression.ts';
import { findNearReference } from '../fit/far.ts';
import { type Candidate, fillHoles } from '../fit/fill.ts';
import {
  contentSize,
  findObstacle,
  fitSmall,
  readSmallProgram,
  type SmallFit,
  type SmallProgram,
} from '../fit/small.ts';
import { viewProgram } from '../fit/view.ts';
import type { HeaderKind, HeaderLayout, Hole } from '../header/layout.ts';
import {
  conventionalHeader,
  type Header,
  headerOf,
  isConventional,
  layoutsFor,
  plainHeader,
} from '../header/layouts.ts';
import { collectGroups, collectThreadSections, endOf } from '../layout/groups.ts';
import { headerKinds, planHeaders } from '../layout/headers.ts';
import { planRegions } from '../layout/regions.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import {
  Category,
  type FileRun,
  type HeaderFit,
  type ImagePlan,
  JUMP_SIZE,
  type Liveness,
  type Synthesis,
} from '../results.ts';

/** @returns ways to do so; which of them is the smallest is known when the rest has its order */
export function fitHeader(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  options: LinkOptions,
  diagnostics: Diagnostics,
): HeaderFit[] {
  const plan = planImage(program, liveness, pieces, options);
  const kinds = headerKinds(plan.headers, plan.regions.length);
  const isFixed = options.verbatim || options.tables !== 'none' || options.sectionStarts.size > 0;
  if (isConventional(options.header) || isFixed) {
    const name = options.header === 'auto' && options.tables === 'none' ? 'classic' : options.header;
    return [emptyFit(plan, conventionalHeader(name, kinds))];
  }
  const layouts = permittedLayouts(kinds, options);
  const small = fitWhole(program, liveness, pieces, synthesis, plan, layouts, options);
  const whole = fillWithWhole(program, liveness, pieces, synthesis, plan, kinds, layouts, options);
  const fits = small ? [small, ...whole] : whole;
  if (options.header !== 'auto' && fits.every(({ header }) => header.name !== options.header))
    reportUnfit(fits[0]!, kinds, options, diagnostics);
  return fits;
}

/** The user has asked for a layout by name. */
function reportUnfit(
  { reasons }: HeaderFit,
  kinds: readonly HeaderKind[],
  { header }: LinkOptions,
  diagnostics: Diagnostics,
): void {
  const isKnown = layoutsFor(kinds).some((layout) => headerOf(layout).name === header);
  const why = isKnown
    ? (reasons[0] ?? 'this program cannot be laid into it')
    : `it has no room for the program headers that this program needs: ${kinds.join(', ')}`;
  diagnostics.error('header-unfit', `--header ${header} cannot be used: ${why}`, {
    hint: 'leave --header out: the smallest layout that this program can have is taken',
  });
}

/** What has to be placed, by the kind of memory that it needs. */
function planImage(program: Program, liveness: Liveness, pieces: Pieces, options: LinkOptions): ImagePlan {
  const groups = collectGroups(program, liveness.clusters, pieces, options);
  const threadOrder = collectThreadSections(program, pieces);
  const threadBytes = threadOrder.filter((id) => program.sections.type[id] !== SHT_NOBITS);
  if (threadBytes.length > 0) groups.push({ ids: threadBytes, category: Category.rodata });
  return {
    groups,
    threadOrder,
    regions: planRegions(options, new Set(groups.map(({ category }) => category))),
    headers: planHeaders(program, threadOrder, pieces, options),
  };
}

function emptyFit(plan: ImagePlan, header: Header): HeaderFit {
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
function permittedLayouts(kinds: readonly HeaderKind[], options: LinkOptions): HeaderLayout[] {
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
function openHoles(layout: HeaderLayout, options: LinkOptions): Hole[] {
  const holes = options.compatibility === 'portable' ? layout.portableHoles! : layout.holes;
  return ownBytes(options).reduce((open, range) => open.flatMap((hole) => without(hole, range)), [...holes]);
}

function without(hole: Hole, range: Hole): Hole[] {
  const rest = [
    { start: hole.start, end: Math.min(hole.end, range.start) },
    { start: Math.max(hole.start, range.end), end: hole.end },
  ];
  return rest.filter(({ start, end }) => start < end);
}

/** Takes a small program apart and lays it into the layout in which it ends first. */
function fitWhole(
  program: Program,
  { clusters, unwind }: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  plan: ImagePlan,
  layouts: readonly HeaderLayout[],
  options: LinkOptions,
): HeaderFit | undefined {
  const ids = plan.groups.flatMap((group) => group.ids);
  const isPlain =
    plan.regions.length === 1 &&
    plan.threadOrder.length === 0 &&
    !unwind &&
    ids.every((id) => clusters.nameOf(id) === undefined && !isTable(program, id));
  const entry = entryPlace(program, pieces, options);
  if (!isPlain || calculatesWithCode(program, options) || !entry || ids.length > 64) return undefined;
  const small = readSmallProgram(viewProgram(program, pieces, synthesis, ids), entry);
  if (!small) return undefined;
  let best: SmallFit | undefined;
  const reasons: string[] = [];
  for (const layout of layouts) {
    const reason = reasonAgainst(program, layout, small, options);
    if (reason !== undefined) {
      reasons.push(`header ${headerOf(layout).name} ${reason}`);
      continue;
    }
    const limit = best?.found.end ?? Number.POSITIVE_INFINITY;
    if (layout.end >= limit) continue;
    best = fitSmall(small, layout, openHoles(layout, options), limit) ?? best;
  }
  const isUsed = best !== undefined && contentSize(small) > 0;
  const end = best?.layout.end ?? 0;
  const smaller = layouts
    .filter((layout) => layout.end < end)
    .map((layout) => `header ${headerOf(layout).name} `);
  const telling = reasons.filter((reason) => smaller.some((start) => reason.startsWith(start)));
  return isUsed ? { ...recordFit(best!, plan, synthesis), reasons: telling } : undefined;
}

/** Whether options calculate with places in code: distances between them would change. */
function calculatesWithCode({ symbols, sections }: Program, { definitions }: LinkOptions): boolean {
  const isCode = (name: string) => {
    const id = symbols.names.find(name);
    const isDefined = id >= 0 && symbols.kind[id] === SymbolKind.defined;
    return isDefined && (sections.flags[symbols.section[id]!]! & SHF_EXECINSTR) !== 0;
  };
  return definitions.some(({ name, expression }) => {
    const isAlias = symbols.kind[symbols.names.find(name)] !== SymbolKind.expression;
    return !isAlias && [...symbolsOf(expression)].some(isCode);
  });
}

/** Whether the linker fills in a section's bytes. */
function isTable(program: Program, id: number): boolean {
  return program.isLinkerMade(id) && program.sections.type[id] !== SHT_NOBITS;
}

/** Why a layout does not do what this program needs, if it does not. */
function reasonAgainst(
  program: Program,
  layout: HeaderLayout,
  small: SmallProgram,
  options: LinkOptions,
): string | undefined {
  const { trace, view } = small;
  if (!layout.findsTable && (!trace || trace.readsStack))
    return 'hides the program headers, which start-up code may look for';
  const isRandom = layout.e_type !== ET_EXEC;
  if (layout.baseShift === undefined && !isRandom) return undefined;
  if (options.isBaseGiven) return 'has a base of its own, and --base is given';
  if (options.identPad.length > 0)
    return 'has a base of its own, and --ident-pad is for programs that know theirs';
  if ([...view.values()].some(({ isZero }) => isZero)) return 'has no room for zero-initialised data';
  const obstacle = findObstacle(small, isRandom);
  return (
    obstacle && `needs position-independent code, unlike ${program.place(obstacle.section, obstacle.offset)}`
  );
}

/** Records where the program has gone. */
function recordFit(fit: SmallFit, plan: ImagePlan, synthesis: Synthesis): HeaderFit {
  const { layout, problem, found, assembly } = fit;
  const placed = new Map<number, number>();
  const cut = assembly.maps;
  problem.atoms.forEach(({ section }, i) => {
    if (!cut.has(section)) placed.set(section, found.atoms[i]!);
  });
  const runs = [...assembly.runs];
  problem.atoms.forEach(({ section, start, size }, i) => {
    if (!cut.has(section)) return;
    const bytes = problem.chains.find((chain) => chain.section.section.id === section)!.section.section.bytes;
    runs.push({ section, offset: found.atoms[i]!, bytes: bytes.subarray(start, start + size) });
  });
  return {
    plan,
    header: headerOf(layout),
    placed,
    cut: new Map([...cut].map(([id, map]) => [id, { size: bytesOf(runs, id), map }])),
    runs,
    rewrites: new Map([...synthesis.rewrites, ...fit.rewrites]),
    end: found.end,
    jump: undefined,
    // Where a header says where the program starts, what lies there may be a jump.
    entryOffset: layout.entry?.start,
    reasons: [],
  };
}

function bytesOf(runs: readonly FileRun[], id: number): number {
  return runs.reduce((sum, { section, bytes }) => sum + (section === id ? bytes.length : 0), 0);
}

/** Section and offset of the entry, if it is a symbol of a section. */
function entryPlace(
  program: Program,
  pieces: Pieces,
  { entry }: LinkOptions,
): { section: number; offset: number } | undefined {
  const symbol = program.symbols.names.find(entry);
  if (symbol < 0 || program.symbols.kind[symbol] !== SymbolKind.defined) return undefined;
  const target = new Target();
  locateGlobal(program, symbol, target);
  const section = pieces.home[target.section]!;
  return section < 0 ? undefined : { section, offset: pieces.resolve(target.section, target.low) };
}

/** Fills the holes of the layout in which that gains most with whole sections; and of those far up, if they do. */
function fillWithWhole(
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
  const candidates: Candidate[] = [];
  for (const { ids, category } of plan.groups) {
    const [id] = ids;
    const isAlone = ids.length === 1 && clusters.nameOf(id!) === undefined;
    const isThread = (program.sections.flags[id!]! & SHF_TLS) !== 0;
    const size = pieces.size[id!]!;
    if (isAlone && !isThread && category <= mayWrite && size > 0 && size <= LARGEST_HOLE)
      candidates.push({ id: id!, size, alignment: pieces.alignment[id!]! });
  }
  const sizeOf = (id: number) => pieces.size[id]!;
  const far = layouts.filter(({ baseShift }) => baseShift !== undefined);
  const obstacle = far.length > 0 ? farObstacle(program, pieces, synthesis, plan, options) : undefined;
  let best = emptyFit(plan, plainHeader(kinds));
  let least = best.end;
  for (const layout of layouts) {
    if (!layout.findsTable || layout.baseShift !== undefined || layout.e_type !== ET_EXEC) continue;
    const placed = fillHoles(candidates, openHoles(layout, options));
    const cost = [...placed.keys()].reduce((sum, id) => sum - sizeOf(id), layout.end);
    // Of equals the last is taken, which more tools understand.
    if (cost > least) continue;
    least = cost;
    best = { ...emptyFit(plan, headerOf(layout)), placed };
  }
  const reasons = obstacle ? far.map((layout) => `header ${headerOf(layout).name} needs ${obstacle}`) : [];
  const fits: HeaderFit[] = options.header === 'auto' || best.header.name === options.header ? [best] : [];
  // What lies in the header may be missed in the gaps that it would have filled.
  const isSmall = plan.groups.length <= MAX_COMPARED;
  if (isSmall && fits.length > 0 && best.placed.size > 0) fits.push({ ...best, placed: new Map() });
  if (!obstacle) for (const layout of far) fits.push(...fillFar(pieces, plan, layout, candidates, options));
  return (fits.length > 0 ? fits : [best]).map((fit) => ({ ...fit, reasons }));
}

/** A layout with a base far up is entered at a certain place, where a jump leads to the program's entry. */
function fillFar(
  pieces: Pieces,
  plan: ImagePlan,
  layout: HeaderLayout,
  candidates: readonly Candidate[],
  options: LinkOptions,
): HeaderFit[] {
  const hasZeros = plan.groups.some(
    ({ ids, category }) => category === Category.bss && endOf(ids, pieces, 0) > 0,
  );
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
  if (options.isBaseGiven) return 'a base of its own, and --base is given';
  if (options.identPad.length > 0)
    return 'a base of its own, and --ident-pad is for programs that know theirs';
  if (plan.regions.length > 1 || plan.threadOrder.length > 0 || plan.headers.hasEhFrameHdr)
    return 'a single segment';
  const ids = plan.groups.flatMap((group) => group.ids);
  return findNearReference(program, pieces, synthesis, ids);
}

/** No layout has a larger hole. */
const LARGEST_HOLE = 16;

/** With more groups there is always something for a gap. */
const MAX_COMPARED = 4096;
