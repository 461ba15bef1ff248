/**
 * Puts the live sections into the sequence in which they will lie: code and read-only data, writable data,
 * zero-initialised data. Constants may lie between functions, where they fill gaps that alignment would leave;
 * writable data may not, because a processor that sees a write beside code throws away what it has decoded.
 * Within each part, sections are placed so that little is lost to alignment: next comes
 * one that needs the least padding where the part has got to, preferably one whose end is a good place for the
 * section with the strictest alignment. Input order decides between equals; under `--verbatim` it decides alone, within
 * code, read-only data, writable data and zero-initialised data.
 */
import { PF_R, PF_W, PF_X, SHF_EXECINSTR, SHF_TLS, SHT_NOBITS } from '../elf/constants.ts';
import { chooseLayout, headerSize } from '../header/layouts.ts';
import { categoryOf } from '../layout/category.ts';
import { countHeaders, planHeaders } from '../layout/headers.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type Liveness, type Region, type SectionOrder } from '../results.ts';

/** Sections that are placed as one, in this sequence. */
interface Group {
  readonly ids: readonly number[];
  readonly category: Category;
}

export function orderSections(
  program: Program,
  { clusters }: Liveness,
  pieces: Pieces,
  options: LinkOptions,
): SectionOrder {
  const groups = collectGroups(program, clusters, pieces, options);
  const threadOrder = collectThreadSections(program, pieces);
  const threadBytes = threadOrder.filter((id) => program.sections.type[id] !== SHT_NOBITS);
  if (threadBytes.length > 0) groups.push({ ids: threadBytes, category: Category.rodata });
  const plans = planRegions(options, new Set(groups.map(({ category }) => category)));
  const headers = planHeaders(program, threadOrder, pieces, options);
  const count = countHeaders(headers, plans.length);
  const header = chooseLayout(options.header, count);
  const size = headerSize(header, count);

  const order: number[] = [];
  const regions: Region[] = [];
  let offset = size;
  for (const { gap, parts } of plans) {
    if (typeof gap === 'number') offset = gap;
    else if (gap === 'page') offset = 0;
    const members = parts.map((part) => groups.filter(({ category }) => part.includes(category)));
    for (const part of members) {
      const sequence = options.verbatim ? part : pack(part, pieces, offset);
      for (const { ids } of sequence) {
        for (const id of ids) order.push(id);
        offset = endOf(ids, pieces, offset);
      }
    }
    regions.push({ gap, end: order.length, flags: flagsOf(program, members.flat(), pieces, options) });
  }
  const categoryOf = new Map(groups.flatMap(({ ids, category }) => ids.map((id) => [id, category] as const)));
  return {
    header,
    headers,
    headerSize: size,
    regions,
    threadOrder,
    order: Int32Array.from(order),
    category: Uint8Array.from(order, (id) => categoryOf.get(id)!),
  };
}

/** A region before its sections are known: categories that may be mixed with each other, part by part. */
interface RegionPlan {
  readonly gap: Region['gap'];
  readonly parts: readonly (readonly Category[])[];
}

const { text, rodata, data, bss } = Category;

/** Names under which a category's address can be given, as in `-Ttext` and `--section-start`. */
const START_NAMES: readonly (readonly [string, Category])[] = [
  ['.text', text],
  ['.rodata', rodata],
  ['.data', data],
  ['.bss', bss],
];

/** The regions that a link needs, given which categories occur. */
function planRegions(options: LinkOptions, present: ReadonlySet<Category>): RegionPlan[] {
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

function basicRegions({ segments, verbatim, sectionStarts }: LinkOptions): RegionPlan[] {
  const isApart = verbatim || sectionStarts.has('.rodata');
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
 */
function flagsOf(
  program: Program,
  groups: readonly Group[],
  pieces: Pieces,
  { verbatim, segments }: LinkOptions,
): number {
  const isWritten = groups.some(({ category, ids }) => category >= data && endOf(ids, pieces, 0) > 0);
  const isConstant = groups.every(({ category }) => category === rodata);
  const isData = groups.length > 0 && groups.every(({ category }) => category >= data);
  const isExecuted = (id: number) => (program.sections.flags[id]! & SHF_EXECINSTR) !== 0;
  const hasCode = groups.some(({ ids }) => ids.some(isExecuted));
  const isCode = hasCode || (!isData && !(segments === 'pages' && isConstant));
  return PF_R | (verbatim || isCode ? PF_X : 0) | (verbatim || isWritten ? PF_W : 0);
}

/** Every placed section that is not thread-local, alone or with the sequence it belongs to, in input order. */
function collectGroups(
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
function collectThreadSections(program: Program, pieces: Pieces): number[] {
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

/** Chooses the sequence of one part. @param start file offset where the part begins */
function pack(part: readonly Group[], pieces: Pieces, start: number): Group[] {
  const alignmentOf = ({ ids }: Group) => pieces.alignment[ids[0]!]!;
  const packer = new Packer(part.reduce((most, group) => Math.max(most, alignmentOf(group)), 1));
  part.forEach((group, number) => {
    packer.add(number, alignmentOf(group), endOf(group.ids, pieces, 0));
  });
  const sequence: Group[] = [];
  let offset = start;
  while (sequence.length < part.length) {
    const group = part[packer.take(offset)]!;
    sequence.push(group);
    offset = endOf(group.ids, pieces, offset);
  }
  return sequence;
}

/** Sections with one alignment and one size modulo the packer's modulus, in input order. */
interface Shelf {
  readonly alignment: number;
  readonly residue: number;
  readonly ids: number[];
  next: number;
}

/** Larger alignments are rare; telling sizes apart beyond this would only make the search longer. */
const MAX_MODULUS = 64;

/**
 * The sections of a part that are not placed yet. For the purpose of padding, all that matters of a section is
 * its alignment and its size modulo the strictest alignment, so sections are kept on shelves by these two, and
 * the search for the next one looks at shelves, of which there are few, not at sections.
 */
class Packer {
  readonly #modulus: number;
  /** Strictest alignment first. */
  #shelves: Shelf[] = [];

  /** The same shelves by residue, so that one that closes a gap is found without a search. */
  readonly #byResidue: Shelf[][];

  constructor(strictest: number) {
    this.#modulus = Math.min(strictest, MAX_MODULUS);
    this.#byResidue = Array.from({ length: this.#modulus }, () => []);
  }

  add(id: number, alignment: number, size: number): void {
    const residue = size % this.#modulus;
    const found = this.#byResidue[residue]!.find((shelf) => shelf.alignment === alignment);
    if (found) {
      found.ids.push(id);
      return;
    }
    const shelf = { alignment, residue, ids: [id], next: 0 };
    this.#byResidue[residue]!.push(shelf);
    this.#shelves.push(shelf);
    this.#shelves.sort((a, b) => b.alignment - a.alignment);
  }

  /** Removes the section to place at file offset `offset` and returns its number. */
  take(offset: number): number {
    const shelf = this.#choose(offset);
    const id = shelf.ids[shelf.next++]!;
    if (shelf.next === shelf.ids.length) this.#shelves = this.#shelves.filter((other) => other !== shelf);
    return id;
  }

  /**
   * Ranks the shelves by how much padding their next section needs here, then by whether the strictest alignment
   * that is left would be met behind it, at once or after one more section, then by alignment and input order.
   */
  #choose(offset: number): Shelf {
    const strictest = this.#shelves[0]!.alignment;
    let best = this.#shelves[0]!;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const shelf of this.#shelves) {
      const needed = padding(offset, shelf.alignment);
      const rank = needed * RANKS + this.#steps(offset + needed, shelf, Math.min(strictest, this.#modulus));
      if (rank < bestRank || (rank === bestRank && isBefore(shelf, best))) {
        best = shelf;
        bestRank = rank;
      }
    }
    return best;
  }

  /** How many sections from `offset` on, beginning with `shelf`, end at a multiple of `goal`: 1, 2, or 3 for more. */
  #steps(offset: number, shelf: Shelf, goal: number): number {
    const end = offset + shelf.residue;
    if (end % goal === 0) return 1;
    const isClosing = (other: Shelf) =>
      other.next < other.ids.length &&
      end % other.alignment === 0 &&
      (other !== shelf || shelf.ids.length - shelf.next > 1);
    let closes = false;
    for (let residue = (goal - (end % goal)) % goal; residue < this.#modulus && !closes; residue += goal) {
      closes = this.#byResidue[residue]!.some(isClosing);
    }
    return closes ? 2 : 3;
  }
}

/** More than the largest result of `Packer.#steps`. */
const RANKS = 4;

function isBefore(a: Shelf, b: Shelf): boolean {
  if (a.alignment !== b.alignment) return a.alignment > b.alignment;
  return a.ids[a.next]! < b.ids[b.next]!;
}

function padding(offset: number, alignment: number): number {
  return (alignment - (offset % alignment)) % alignment;
}

/** Where sections placed one after the other from `start` on end. */
function endOf(ids: readonly number[], pieces: Pieces, start: number): number {
  let offset = start;
  for (const id of ids) offset += padding(offset, pieces.alignment[id]!) + pieces.size[id]!;
  return offset;
}
