/** The parts of the image that get a segment of their own. */
import { PF_R, PF_W, PF_X, SHF_EXECINSTR } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Program } from '../program.ts';
import { Category, type RegionPlan } from '../results.ts';
import type { Groups } from './groups.ts';

const { text, rodata, data, bss } = Category;

/** Names under which a category's address can be given, as in `-Ttext` and `--section-start`. */
const START_NAMES: readonly (readonly [string, Category])[] = [
  ['.text', text],
  ['.rodata', rodata],
  ['.data', data],
  ['.bss', bss],
];

/** The regions that a link needs, given which categories occur. */
export function planRegions(options: LinkOptions, present: ReadonlySet<Category>): RegionPlan[] {
  const regions: RegionPlan[] = [];
  for (const plan of basicRegions(options).flatMap((region) =>
    splitAtStarts(region, options.sectionStarts),
  )) {
    const parts = plan.parts.map((part) => part.filter((category) => present.has(category)));
    if (parts.every((part) => part.length === 0)) continue;
    // The first region begins with the header, wherever it was meant to begin.
    regions.push({ gap: regions.length === 0 ? 'none' : plan.gap, parts });
  }
  return regions.length > 0 ? regions : [{ gap: 'none', parts: [] }];
}

function basicRegions({ segments, verbatim, order, sectionStarts }: LinkOptions): RegionPlan[] {
  const isApart = verbatim || order === 'input' || sectionStarts.has('.rodata');
  const code = isApart ? [[text], [rodata]] : [[text, rodata]];
  if (segments === 'joined') return [{ gap: 'none', parts: [...code, [data], [bss]] }];
  const writable: RegionPlan = { gap: segments === 'pages' ? 'page' : 'overlap', parts: [[data], [bss]] };
  if (segments === 'split') return [{ gap: 'none', parts: code }, writable];
  return [{ gap: 'none', parts: [[rodata]] }, { gap: 'page', parts: [[text]] }, writable];
}

/** Cuts a region where a category has an address of its own. That of `.text` is reached by choosing the base. */
function splitAtStarts(region: RegionPlan, starts: ReadonlyMap<string, number>): RegionPlan[] {
  const result: RegionPlan[] = [];
  for (const part of region.parts) {
    const name = START_NAMES.find(([, category]) => part[0] === category)?.[0] ?? '';
    const start = name === '.text' ? undefined : starts.get(name);
    const current = result.at(-1) ?? { gap: region.gap, parts: [] };
    if (start !== undefined) result.push({ gap: start, parts: [part] });
    else result.splice(-1, 1, { ...current, parts: [...current.parts, part] });
  }
  return result;
}

/**
 * Executable if there is code; writable only if something is meant to be written, because memory that is writable
 * and executable is refused by some systems (PR_SET_MDWE, MemoryDenyWriteExecute).
 * @param parts those of the region; each of their categories occurs
 */
export function flagsOf(
  program: Program,
  groups: Groups,
  parts: RegionPlan['parts'],
  { verbatim, segments }: LinkOptions,
): number {
  const present = parts.flat();
  const written = groups.withCategory(present.filter((category) => category >= data));
  const isWritten = written.some((group) => groups.size[group]! > 0);
  const isConstant = present.every((category) => category === rodata);
  const isData = present.length > 0 && present.every((category) => category >= data);
  const isCode =
    hasCode(program, groups, present, written) || (!isData && !(segments === 'pages' && isConstant));
  return PF_R | (verbatim || isCode ? PF_X : 0) | (verbatim || isWritten ? PF_W : 0);
}

/** Whether anything is executed: there may be code among what is written. */
function hasCode(
  { sections }: Program,
  groups: Groups,
  present: readonly Category[],
  written: Int32Array,
): boolean {
  if (present.includes(text)) return true;
  const isExecuted = (id: number) => (sections.flags[id]! & SHF_EXECINSTR) !== 0;
  return written.some((group) => groups.idsOf(group).some(isExecuted));
}
