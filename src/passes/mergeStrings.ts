/**
 * Lets equal strings and constants of all objects share one copy, and drops those that nothing refers to (gABI
 * chapter 4, SHF_MERGE and SHF_STRINGS). The sections of a group (strings of one character size, or constants)
 * become one, which takes the place of the first; afterwards an offset of any of them means what `Pieces.resolve`
 * says.
 *
 * Alignment does not keep elements apart: each keeps the alignment that it had, and a copy is aligned for all that
 * share it. So a short string can fill the gap before one that is aligned.
 */
import { SHF_EXECINSTR, SHF_STRINGS, SHF_TLS } from '../elf/constants.ts';
import { shareConstants } from '../merge/constants.ts';
import { collectElements, type MergeableSection, mapElements } from '../merge/elements.ts';
import { shareStrings } from '../merge/strings.ts';
import type { Pieces } from '../pieces.ts';
import { outputOf, type SectionRules } from '../place/rules.ts';
import type { Program } from '../program.ts';
import type { Liveness } from '../results.ts';

/** Sections that want more are left alone: their alignment would cost more than sharing saves. */
const MAX_ALIGNMENT = 256;

/**
 * Moves the live elements of mergeable sections together.
 * @param rules those of a linker script: what goes to different output sections stays apart
 */
export function mergeStrings(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  rules: SectionRules | undefined,
): void {
  for (const group of collectGroups(program, liveness, rules)) mergeGroup(program, pieces, group);
}

/** Sections whose elements may be shared with each other's, each group and the groups by section id. */
function collectGroups(
  { sections }: Program,
  { elements, clusters }: Liveness,
  rules: SectionRules | undefined,
): MergeableSection[][] {
  const groups = new Map<number, MergeableSection[]>();
  for (const id of Int32Array.from(elements.keys()).sort()) {
    if (clusters.nameOf(id) !== undefined || sections.addralign[id]! > MAX_ALIGNMENT) continue;
    const flags = sections.flags[id]!;
    const characterSize = (flags & SHF_STRINGS) !== 0 ? sections.entsize[id]! : 0;
    const output = rules ? outputOf(rules, id) : 0;
    // Character sizes are at most 256, and the two flags below 2^11.
    const key = output * 2 ** 20 + characterSize * 2 ** 11 + (flags & (SHF_EXECINSTR | SHF_TLS));
    const group = groups.get(key);
    const section = { id, elements: elements.get(id)! };
    if (group) group.push(section);
    else groups.set(key, [section]);
  }
  return [...groups.values()];
}

function mergeGroup(program: Program, pieces: Pieces, group: readonly MergeableSection[]): void {
  const home = group[0]!.id;
  const isStrings = (program.sections.flags[home]! & SHF_STRINGS) !== 0;
  const elements = collectElements(program, pieces, group);
  const shared = isStrings ? shareStrings(elements) : shareConstants(elements);
  let first = 0;
  for (const section of group) {
    const { map, next } = mapElements(section.elements, shared.offset, first);
    pieces.moveInto(section.id, home, map);
    first = next;
  }
  pieces.place(home, shared.bytes.length, shared.alignment);
  pieces.setContent(home, shared.bytes);
}
