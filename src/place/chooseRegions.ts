/** Which memory region each output section lies in: GNU ld's manual, sections "MEMORY Command" and "Output Section LMA". */
import type { Diagnostics } from '../diagnostics.ts';
import type { MemoryRegion } from '../script/ast.ts';
import { holdsInput, type Output, type Step, whereOf } from './outputs.ts';

/** Where an output section lies, and to where it is loaded, if it says so. */
export interface Choice {
  readonly region: MemoryRegion | undefined;
  readonly loadRegion: MemoryRegion | undefined;
}

export const NOWHERE: Choice = { region: undefined, loadRegion: undefined };

/**
 * Finds the region of each output section: the one that it names; else the one that it is loaded to; else the first one
 * with attributes that fit, unless it has an address (ldlang.c, lang_get_regions and lang_memory_default). What the
 * script does not mention goes with what it is behind. Sections that follow one in the same region are loaded to where
 * that is (lang_propagate_lma_regions).
 */
export function chooseRegions(
  steps: readonly Step[],
  regions: ReadonlyMap<string, MemoryRegion>,
  diagnostics: Diagnostics,
): Map<Output, Choice> {
  const choices = new Map<Output, Choice>();
  const errors = diagnostics.errorCount;
  let before = NOWHERE;
  for (const step of steps) {
    if (step.kind === 'discard') before = NOWHERE;
    if (step.kind !== 'output') continue;
    const { output } = step;
    before = asked(output, before, (name) => find(name, output, regions, diagnostics));
    const isPlaced = before.region || output.description?.address || !takesRoom(output);
    choices.set(output, isPlaced ? before : { ...before, region: defaultFor(output, regions) });
  }
  diagnostics.stopOnErrorsSince(errors);
  return choices;
}

/** The region of a name, which is reported if there is none. */
function find(
  name: string,
  output: Output,
  regions: ReadonlyMap<string, MemoryRegion>,
  diagnostics: Diagnostics,
): MemoryRegion | undefined {
  const { description } = output;
  const region = regions.get(name);
  const where = whereOf(output);
  if (!region) diagnostics.error('bad-script', `there is no memory region ${name}`, { where });
  else if (description?.loadRegion === name && description.loadAddress) {
    const what = `${description.name} has both a load address and a region to be loaded to`;
    diagnostics.error('bad-script', what, { where });
  }
  return region;
}

/** What an output section asks for itself, or by what the one before it does. */
function asked(
  { description }: Output,
  before: Choice,
  findRegion: (name: string) => MemoryRegion | undefined,
): Choice {
  // What the script does not mention.
  if (!description) return { ...before, region: before.region ?? before.loadRegion };
  const { region: name, loadRegion: loadName, address, loadAddress } = description;
  const loadRegion = loadName === undefined ? undefined : findRegion(loadName);
  const region = name === undefined ? (address ? undefined : loadRegion) : findRegion(name);
  const isAlike = !loadRegion && !loadAddress && !address && region === before.region;
  return { region, loadRegion: isAlike ? before.loadRegion : loadRegion };
}

/** Whether there is more in an output section than symbols. */
function takesRoom({ items }: Output): boolean {
  return holdsInput(items) || items.some(({ kind }) => kind === 'data' || kind === 'location');
}

/** The first region with attributes that fit a section. */
function defaultFor(output: Output, regions: ReadonlyMap<string, MemoryRegion>): MemoryRegion | undefined {
  const letters = attributesOf(output);
  const has = (asked: string) => [...asked].some((letter) => letters.includes(letter));
  for (const region of regions.values()) {
    if (has(region.attributes.wanted) && !has(region.attributes.unwanted)) return region;
  }
  return undefined;
}

/**
 * The letters of attributes that apply. Input sections that have bytes and are no code count as data, constants too
 * (elf.c, _bfd_elf_make_section_from_shdr); what the script itself writes does not.
 */
function attributesOf({ hasWriteFlag, isCode, hasBytes, items }: Output): string {
  const isData = !isCode && (hasWriteFlag || (hasBytes && holdsInput(items)));
  return `a${hasBytes ? 'il' : ''}${hasWriteFlag ? '' : 'r'}${isCode ? 'x' : ''}${isData ? 'w' : ''}`;
}
