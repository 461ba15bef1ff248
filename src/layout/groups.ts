/** Sections that have to lie side by side, and how many bytes sections take. */
import { SHF_TLS, SHT_NOBITS } from '../elf/constants.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type Liveness } from '../results.ts';
import { categoryOf } from './category.ts';
import { padding } from './padding.ts';

/** Sections that are placed as one, each group with the kind of memory it needs. Most groups are one section. */
export class Groups {
  count = 0;
  readonly category: Uint8Array;
  /** Bytes from the aligned start of each group to its end. */
  readonly size: Float64Array;
  /** Alignment in bytes of each group's first section, than which no other one of the group has a stricter one. */
  readonly alignment: Uint32Array;
  /** The sections of all groups, and for each group where its own begin among them; one entry behind the last. */
  readonly #ids: Int32Array;
  readonly #first: Int32Array;
  readonly #pieces: Pieces;

  /** @param pieces the sections, whose sizes are final */
  constructor(pieces: Pieces) {
    const { length } = pieces.home;
    this.category = new Uint8Array(length);
    this.size = new Float64Array(length);
    this.alignment = new Uint32Array(length);
    this.#ids = new Int32Array(length);
    this.#first = new Int32Array(length + 1);
    this.#pieces = pieces;
  }

  /** Adds a group of sections in their sequence, the first with the strictest alignment. */
  add(ids: readonly number[], category: Category): void {
    if (ids.length === 0) return;
    this.addSingle(ids[0]!, category);
    if (ids.length === 1) return;
    const group = this.count - 1;
    this.#ids.set(ids, this.#first[group]!);
    this.#first[group + 1] = this.#first[group]! + ids.length;
    this.size[group] = endOf(ids, this.#pieces);
  }

  addSingle(id: number, category: Category): void {
    const group = this.count++;
    const at = this.#first[group]!;
    this.#ids[at] = id;
    this.#first[group + 1] = at + 1;
    this.category[group] = category;
    this.size[group] = this.#pieces.size[id]!;
    this.alignment[group] = this.#pieces.alignment[id]!;
  }

  /** The first section of a group. */
  leadOf(group: number): number {
    return this.#ids[this.#first[group]!]!;
  }

  /** The sections of a group in their sequence. */
  idsOf(group: number): Int32Array {
    return this.#ids.subarray(this.#first[group], this.#first[group + 1]);
  }

  /** Copies the sections of a group. @param at index of the first one in `to` @returns index behind the last */
  copyIds(group: number, to: Int32Array, at: number): number {
    const start = this.#first[group]!;
    const end = this.#first[group + 1]!;
    for (let i = start; i < end; i++) to[at + i - start] = this.#ids[i]!;
    return at + end - start;
  }

  /** The sections of all groups. */
  allIds(): number[] {
    return [...this.#ids.subarray(0, this.#first[this.count])];
  }

  /** The categories that occur. */
  categories(): Set<Category> {
    let present = 0;
    for (let group = 0; group < this.count; group++) present |= 1 << this.category[group]!;
    return new Set(Object.values(Category).filter((category) => (present & (1 << category)) !== 0));
  }

  /** Numbers of the groups with one of these categories. */
  withCategory(categories: readonly Category[]): Int32Array {
    let wanted = 0;
    for (const category of categories) wanted |= 1 << category;
    const found = new Int32Array(this.count);
    let length = 0;
    for (let group = 0; group < this.count; group++) {
      if ((wanted & (1 << this.category[group]!)) !== 0) found[length++] = group;
    }
    return found.subarray(0, length);
  }
}

/** Every placed section that is not thread-local, alone or with the sequence it belongs to, in input order. */
export function collectGroups(
  program: Program,
  clusters: Liveness['clusters'],
  pieces: Pieces,
  options: LinkOptions,
): Groups {
  const groups = new Groups(pieces);
  const seen = new Set<string>();
  for (let id = 0; id < pieces.home.length; id++) {
    if (!isPlaced(program, pieces, id)) continue;
    if (pieces.isFollower(id)) continue;
    const name = clusters.nameOf(id);
    if (name === undefined) addChain(groups, program, pieces, id, options);
    else if (!seen.has(name)) {
      seen.add(name);
      addCluster(groups, program, clusters.members.get(name)!, pieces, options);
    }
  }
  return groups;
}

/** Adds a section and those that have to lie right behind it. */
function addChain(groups: Groups, program: Program, pieces: Pieces, id: number, options: LinkOptions): void {
  const category = pieces.isCleared(id) ? Category.bss : categoryOf(program, id, options);
  const chain = pieces.chainFrom(id);
  // They follow without a gap where the first lies as the strictest wants it.
  if (chain.length > 1) alignFirst(chain, pieces);
  groups.add(chain, category);
}

function isPlaced({ sections }: Program, { home }: Pieces, id: number): boolean {
  return home[id] === id && (sections.flags[id]! & SHF_TLS) === 0;
}

function addCluster(
  groups: Groups,
  program: Program,
  members: readonly number[],
  pieces: Pieces,
  options: LinkOptions,
): void {
  const ids = members.filter((id) => isPlaced(program, pieces, id));
  alignFirst(ids, pieces);
  groups.add(ids, strictest(ids.map((id) => categoryOf(program, id, options))));
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

/** Where sections placed one after the other from offset 0 on end. */
function endOf(ids: readonly number[], pieces: Pieces): number {
  let offset = 0;
  for (const id of ids) offset += padding(offset, pieces.alignment[id]!) + pieces.size[id]!;
  return offset;
}
