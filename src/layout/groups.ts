/** Sections that have to lie side by side, and how many bytes sections take. */
import { SHF_TLS, SHT_NOBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type Liveness } from '../results.ts';
import { categoryOf } from './category.ts';

/** Sections that are placed as one, each group with the kind of memory it needs. Most groups are one section. */
export class Groups {
  count = 0;
  /** The first section of each group. */
  readonly lead: Int32Array;
  readonly category: Uint8Array;
  /** The sections of groups that have several, by number of the group. */
  readonly #members = new Map<number, readonly number[]>();

  /** @param capacity the most groups that will be added */
  constructor(capacity: number) {
    this.lead = new Int32Array(capacity);
    this.category = new Uint8Array(capacity);
  }

  add(ids: readonly number[], category: Category): void {
    if (ids.length === 0) return;
    if (ids.length > 1) this.#members.set(this.count, ids);
    this.addSingle(ids[0]!, category);
  }

  addSingle(id: number, category: Category): void {
    this.lead[this.count] = id;
    this.category[this.count++] = category;
  }

  /** The sections of a group in their sequence. */
  idsOf(group: number): readonly number[] {
    return this.#members.get(group) ?? [this.lead[group]!];
  }

  /** The sections of all groups. */
  allIds(): number[] {
    return Array.from({ length: this.count }, (_, group) => this.idsOf(group)).flat();
  }

  /** Numbers of the groups with one of these categories. */
  withCategory(categories: readonly Category[]): Int32Array {
    const found: number[] = [];
    for (let group = 0; group < this.count; group++) {
      if (categories.includes(this.category[group] as Category)) found.push(group);
    }
    return Int32Array.from(found);
  }

  /** Where a group ends that is placed from `start` on. */
  endOf(group: number, pieces: Pieces, start: number): number {
    const members = this.#members.size > 0 ? this.#members.get(group) : undefined;
    if (members) return endOf(members, pieces, start);
    const id = this.lead[group]!;
    return start + padding(start, pieces.alignment[id]!) + pieces.size[id]!;
  }
}

/** Every placed section that is not thread-local, alone or with the sequence it belongs to, in input order. */
export function collectGroups(
  program: Program,
  clusters: Liveness['clusters'],
  pieces: Pieces,
  options: LinkOptions,
): Groups {
  const isPlaced = (id: number) => pieces.home[id] === id && (program.sections.flags[id]! & SHF_TLS) === 0;
  const groups = new Groups(pieces.home.length + 1);
  const seen = new Set<string>();
  for (let id = 0; id < pieces.home.length; id++) {
    if (!isPlaced(id)) continue;
    const name = clusters.nameOf(id);
    if (name === undefined) groups.addSingle(id, categoryOf(program, id, options));
    if (name === undefined || seen.has(name)) continue;
    seen.add(name);
    const ids = clusters.members.get(name)!.filter(isPlaced);
    alignFirst(ids, pieces);
    groups.add(ids, strictest(ids.map((member) => categoryOf(program, member, options))));
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
function endOf(ids: readonly number[], pieces: Pieces, start: number): number {
  let offset = start;
  for (const id of ids) offset += padding(offset, pieces.alignment[id]!) + pieces.size[id]!;
  return offset;
}
