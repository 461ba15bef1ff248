/** Sections that have to lie side by side, and how many bytes sections take. */
import { SHF_TLS, SHT_NOBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type Group, type Liveness } from '../results.ts';
import { categoryOf } from './category.ts';

/** Every placed section that is not thread-local, alone or with the sequence it belongs to, in input order. */
export function collectGroups(
  program: Program,
  clusters: Liveness['clusters'],
  pieces: Pieces,
  options: LinkOptions,
): Group[] {
  const isPlaced = (id: number) => pieces.home[id] === id && (program.sections.flags[id]! & SHF_TLS) === 0;
  const groups: Group[] = [];
  const seen = new Set<string>();
  for (let id = 0; id < pieces.home.length; id++) {
    if (!isPlaced(id)) continue;
    const name = clusters.nameOf(id);
    if (name === undefined) groups.push({ ids: [id], category: categoryOf(program, id, options) });
    if (name === undefined || seen.has(name)) continue;
    seen.add(name);
    const ids = clusters.members.get(name)!.filter(isPlaced);
    alignFirst(ids, pieces);
    groups.push({ ids, category: strictest(ids.map((member) => categoryOf(program, member, options))) });
  }
  return groups;
}

/** Begins a sequence at the strictest alignment of its parts, as an output section of GNU ld begins. */
function alignFirst(ids: readonly number[], pieces: Pieces): void {
  if (ids.length > 0)
    pieces.alignment[ids[0]!] = ids.reduce((most, id) => Math.max(most, pieces.alignment[id]!), 1);
}

/**
 * A sequence must lie where all of its sections can: one with bytes among zero-initialised ones gives bytes to
 * all, one that is writable makes all writable.
 */
function strictest(categories: readonly Category[]): Category {
  if (categories.every((category) => category === categories[0])) return categories[0]!;
  return categories.every((category) => category <= Category.rodata) ? Category.text : Category.data;
}

/**
 * The template of thread-local data. All of it is aligned to the strictest alignment of any part, because the
 * C library aligns each thread's copy to that (ELF TLS, section 3).
 */
export function collectThreadSections(program: Program, pieces: Pieces): number[] {
  const { sections } = program;
  const ids: number[] = [];
  for (let id = 0; id < pieces.home.length; id++) {
    if (pieces.home[id] === id && (sections.flags[id]! & SHF_TLS) !== 0) ids.push(id);
  }
  const isZero = (id: number) => (sections.type[id] === SHT_NOBITS ? 1 : 0);
  ids.sort((a, b) => isZero(a) - isZero(b) || pieces.alignment[b]! - pieces.alignment[a]! || a - b);
  alignFirst(ids, pieces);
  return ids;
}

/** Bytes from `offset` to the next multiple of `alignment`. */
export function padding(offset: number, alignment: number): number {
  return (alignment - (offset % alignment)) % alignment;
}

/** Where sections placed one after the other from `start` on end. */
export function endOf(ids: readonly number[], pieces: Pieces, start: number): number {
  let offset = start;
  for (const id of ids) offset += padding(offset, pieces.alignment[id]!) + pieces.size[id]!;
  return offset;
}
