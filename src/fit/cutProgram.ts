/** Takes a small program apart and lays it into the layout in which its file ends first. */
import { ET_EXEC, SHF_EXECINSTR } from '../elf/constants.ts';
import { symbolsOf } from '../expression.ts';
import type { HeaderLayout } from '../header/layout.ts';
import { headerOf } from '../header/layouts.ts';
import { isZeroInitialised } from '../layout/category.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import type { FileRun, HeaderFit, ImagePlan, Liveness, Synthesis } from '../results.ts';
import { baseObstacle, openHoles } from './permitted.ts';
import {
  contentSize,
  findObstacle,
  readSmallProgram,
  type SmallFit,
  SmallFitter,
  type SmallProgram,
} from './small.ts';
import { viewProgram } from './view.ts';

/** With more sections a program is not looked at: it is too large to be cut. */
const MAX_SECTIONS = 64;

/** @returns undefined for a program that is large, or that cannot be cut */
export function cutProgram(
  program: Program,
  { clusters, unwind }: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  plan: ImagePlan,
  layouts: readonly HeaderLayout[],
  options: LinkOptions,
): HeaderFit | undefined {
  if (plan.groups.count > MAX_SECTIONS) return undefined;
  const ids = plan.groups.allIds();
  const isPlain =
    plan.regions.length === 1 &&
    plan.threadOrder.length === 0 &&
    !unwind &&
    ids.every(
      (id) => clusters.nameOf(id) === undefined && !pieces.isFollower(id) && !isTable(program, pieces, id),
    );
  const entry = entryPlace(program, pieces, options);
  if (!isPlain || calculatesWithCode(program, options) || !entry || ids.length > MAX_SECTIONS)
    return undefined;
  const small = readSmallProgram(viewProgram(program, pieces, synthesis, ids), entry);
  if (!small) return undefined;
  const fitter = new SmallFitter(small);
  let best: SmallFit | undefined;
  const obstacles: { readonly layout: HeaderLayout; readonly reason: string }[] = [];
  for (const layout of layouts) {
    const reason = reasonAgainst(program, layout, small, options);
    if (reason !== undefined) {
      obstacles.push({ layout, reason });
      continue;
    }
    const limit = best?.found.end ?? Number.POSITIVE_INFINITY;
    if (layout.end >= limit) continue;
    best = fitter.fit(layout, openHoles(layout, options), limit) ?? best;
  }
  if (!best || contentSize(small) === 0) return undefined;
  const { end } = best.layout;
  const reasons = obstacles
    .filter(({ layout }) => layout.end < end)
    .map(({ layout, reason }) => `header ${headerOf(layout).name} ${reason}`);
  return { ...recordFit(best, plan), reasons };
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
function isTable(program: Program, pieces: Pieces, id: number): boolean {
  return program.isLinkerMade(id) && !isZeroInitialised(program, pieces, id);
}

/** Why a layout does not do what this program needs, if it does not. */
function reasonAgainst(
  program: Program,
  layout: HeaderLayout,
  small: SmallProgram,
  options: LinkOptions,
): string | undefined {
  const { trace, view } = small;
  if (!layout.findsTable && (!trace || trace.readsStack || options.unpacks))
    return 'hides the program headers, which start-up code may look for';
  const isRandom = layout.e_type !== ET_EXEC;
  if (layout.baseShift === undefined && !isRandom) return undefined;
  const tied = baseObstacle(options);
  if (tied !== undefined) return `has ${tied}`;
  if ([...view.values()].some(({ isZero }) => isZero)) return 'has no room for zero-initialised data';
  const obstacle = findObstacle(small, isRandom);
  return (
    obstacle && `needs position-independent code, unlike ${program.place(obstacle.section, obstacle.offset)}`
  );
}

/** Records where the program has gone. */
function recordFit(fit: SmallFit, plan: ImagePlan): HeaderFit {
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
    rewrites: fit.rewrites,
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
