/**
 * Puts the live sections into the sequence in which they will lie: code and read-only data, writable data,
 * zero-initialised data. Constants may lie between functions, where they fill gaps that alignment would leave;
 * writable data may not, because a processor that sees a write beside code throws away what it has decoded.
 * Within each part, sections are placed so that little is lost to alignment: next comes
 * one that needs the least padding where the part has got to, preferably one whose end is a good place for the
 * section with the strictest alignment. Input order decides between equals; under `--verbatim` it decides alone, within
 * code, read-only data, writable data and zero-initialised data. Where parts of cut sections lie is recorded in
 * `Pieces`.
 */

import type { Diagnostics } from '../diagnostics.ts';
import type { Hole } from '../header/layout.ts';
import { isFitted } from '../layout/fitted.ts';
import { endOf, padding } from '../layout/groups.ts';
import { flagsOf } from '../layout/regions.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import {
  Category,
  type Group,
  type HeaderFit,
  JUMP_SIZE,
  type Region,
  type SectionOrder,
} from '../results.ts';

/** @param fits ways to fill a header, of which the one is taken with which the file ends first */
export function orderSections(
  program: Program,
  pieces: Pieces,
  fits: readonly HeaderFit[],
  options: LinkOptions,
  diagnostics: Diagnostics,
): SectionOrder {
  const orders = fits.map((fit) => sequenceBehind(program, pieces, fit, options));
  const { order, end } = orders.reduce((best, other) => (other.end < best.end ? other : best));
  if (end === Number.POSITIVE_INFINITY) {
    const { name, layout } = order.header;
    const [from, to] = [layout.entry!.start, layout.entry!.end - 1].map((at) => at.toString(16));
    const what = `--header ${name} cannot be used: no section begins between file offsets 0x${from} and 0x${to}`;
    diagnostics.error('header-unfit', what, { hint: 'leave --header out' });
    diagnostics.stopOnErrors();
  }
  for (const [id, { size, map }] of order.fit?.cut ?? []) pieces.cut(id, size, map);
  return order;
}

/** The sequence of all that does not lie in the header, and the file offset where it ends. */
function sequenceBehind(
  program: Program,
  pieces: Pieces,
  fit: HeaderFit,
  options: LinkOptions,
): { order: SectionOrder; end: number } {
  const { groups, regions: plans, headers, threadOrder } = fit.plan;
  const isInHeader = ({ ids: [id] }: Group) => isFitted(fit, id!);
  const order: number[] = groups.filter(isInHeader).flatMap(({ ids }) => ids);
  const regions: Region[] = [];
  const jump = new JumpPlace(fit);
  let jumpBefore = -1;
  let offset = fit.end;
  let end = offset;
  for (const { gap, parts } of plans) {
    if (typeof gap === 'number') offset = gap;
    else if (gap === 'page') offset = 0;
    const members = parts.map((part) => groups.filter(({ category }) => part.includes(category)));
    for (const part of members) {
      const open = part.filter((group) => !isInHeader(group));
      const sequence = options.verbatim ? open : pack(open, pieces, offset);
      for (const { ids, category } of sequence) {
        // Zero-initialised data has no bytes in the file, between which the jump could lie.
        const place = category === Category.bss ? offset : jump.before(offset, endOf(ids, pieces, offset));
        if (place !== offset) jumpBefore = ids[0]!;
        offset = place;
        for (const id of ids) order.push(id);
        offset = endOf(ids, pieces, offset);
      }
      if (part.some(({ category }) => category !== Category.bss)) end = offset;
    }
    regions.push({ gap, end: order.length, flags: flagsOf(program, members.flat(), pieces, options) });
  }
  const categories = new Map(groups.flatMap(({ ids, category }) => ids.map((id) => [id, category] as const)));
  const sequence = {
    header: fit.header,
    headers,
    fit,
    jumpOffset: jump.offset,
    jumpBefore,
    headerSize: fit.header.layout.end,
    regions,
    threadOrder,
    order: Int32Array.from(order),
    category: Uint8Array.from(order, (id) => categories.get(id)!),
  };
  return { order: sequence, end: jump.isMissing ? Number.POSITIVE_INFINITY : end };
}

/** Finds the place for the jump that the header wants at certain file offsets: before one of the sections. */
class JumpPlace {
  offset: number | undefined;
  readonly #range: Hole | undefined;

  constructor({ jump, header }: HeaderFit) {
    this.#range = jump;
    if (jump && jump.start < header.layout.end) this.offset = jump.start;
  }

  /** Whether there was no place. */
  get isMissing(): boolean {
    return this.#range !== undefined && this.offset === undefined;
  }

  /** @param end where the section ends that would come next at `offset` @returns where it comes */
  before(offset: number, end: number): number {
    const range = this.#range;
    if (!range || this.offset !== undefined) return offset;
    // The last chance is taken even if the bytes up to the range are lost.
    if (offset < range.start && end < range.end) return offset;
    const place = Math.max(offset, range.start);
    if (place >= range.end) return offset;
    this.offset = place;
    return place + JUMP_SIZE;
  }
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
