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
import type { Groups } from '../layout/groups.ts';
import { Packer } from '../layout/packer.ts';
import { flagsOf } from '../layout/regions.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type HeaderFit, JUMP_SIZE, type Region, type SectionOrder } from '../results.ts';

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
  const isOpen = (group: number) => !isFitted(fit, groups.lead[group]!);
  const sequence = new Sequence(groups, pieces);
  for (let group = 0; group < groups.count; group++) if (!isOpen(group)) sequence.add(group);
  const regions: Region[] = [];
  const jump = new JumpPlace(fit);
  let jumpBefore = -1;
  let offset = fit.end;
  let end = offset;
  for (const { gap, parts } of plans) {
    if (typeof gap === 'number') offset = gap;
    else if (gap === 'page') offset = 0;
    const members = parts.map((part) => groups.withCategory(part));
    for (const part of members) {
      const open = part.filter(isOpen);
      const packed = options.verbatim ? open : pack(open, groups, pieces, offset);
      for (const group of packed) {
        // Zero-initialised data has no bytes in the file, between which the jump could lie.
        const isZero = groups.category[group] === Category.bss;
        const place = isZero ? offset : jump.before(offset, groups.endOf(group, pieces, offset));
        if (place !== offset) jumpBefore = groups.lead[group]!;
        sequence.add(group);
        offset = groups.endOf(group, pieces, place);
      }
      if (part.some((group) => groups.category[group] !== Category.bss)) end = offset;
    }
    regions.push({ gap, end: sequence.length, flags: flagsOf(program, groups, members, pieces, options) });
  }
  const order = {
    header: fit.header,
    headers,
    fit,
    jumpOffset: jump.offset,
    jumpBefore,
    headerSize: fit.header.layout.end,
    regions,
    threadOrder,
    ...sequence.columns(),
  };
  return { order, end: jump.isMissing ? Number.POSITIVE_INFINITY : end };
}

/** Section ids in the order of their addresses, and their categories. */
class Sequence {
  length = 0;
  readonly #order: Int32Array;
  readonly #category: Uint8Array;
  readonly #groups: Groups;

  constructor(groups: Groups, { home }: Pieces) {
    this.#groups = groups;
    this.#order = new Int32Array(home.length);
    this.#category = new Uint8Array(home.length);
  }

  add(group: number): void {
    for (const id of this.#groups.idsOf(group)) {
      this.#order[this.length] = id;
      this.#category[this.length++] = this.#groups.category[group]!;
    }
  }

  columns(): { order: Int32Array; category: Uint8Array } {
    return {
      order: this.#order.subarray(0, this.length),
      category: this.#category.subarray(0, this.length),
    };
  }
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

/**
 * So many sections, or so many bytes, are brought into order at a time. That what follows each other in the input stays
 * near each other keeps what is written at a time small, and programs touch fewer pages; among thousands of sections
 * there is one for every gap.
 */
const BATCH_GROUPS = 4096;
const BATCH_BYTES = 2 ** 22;

/** Chooses the sequence of one part. @param start file offset where the part begins */
function pack(part: Int32Array, groups: Groups, pieces: Pieces, start: number): Int32Array {
  const sequence = new Int32Array(part.length);
  let offset = start;
  let placed = 0;
  while (placed < part.length) {
    let end = placed;
    for (let bytes = 0; end < part.length && end - placed < BATCH_GROUPS && bytes < BATCH_BYTES; end++) {
      bytes += groups.endOf(part[end]!, pieces, 0);
    }
    const batch = part.subarray(placed, end);
    const packer = new Packer(batch, groups, pieces);
    for (; placed < end; placed++) {
      const group = batch[packer.take(offset)]!;
      sequence[placed] = group;
      offset = groups.endOf(group, pieces, offset);
    }
  }
  return sequence;
}
