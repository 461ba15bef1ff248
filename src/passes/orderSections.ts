/**
 * Puts the live sections into the sequence in which they will lie: code and read-only data, writable data,
 * zero-initialised data. Constants may lie between functions, where they fill gaps that alignment would leave;
 * writable data may not, because a processor that sees a write beside code throws away what it has decoded.
 * Within each part, sections are placed so that little is lost to alignment: next comes
 * one that needs the least padding where the part has got to, preferably one whose end is a good place for the
 * section with the strictest alignment. What has most zeros at its end may come last, where the file does without them.
 * Input order decides between equals; under `--verbatim`, and where a packer makes more of sections that are alike
 * than of gaps, it decides alone, within code, read-only data, writable data and zero-initialised data; or whoever packs
 * says each part's sequence. Where parts of cut sections lie is recorded in `Pieces`.
 */

import type { Diagnostics } from '../diagnostics.ts';
import type { Hole } from '../header/layout.ts';
import { assertInvariant } from '../invariant.ts';
import { fittedSections } from '../layout/fitted.ts';
import type { Groups } from '../layout/groups.ts';
import { endOf, pack, packForTrimming } from '../layout/packPart.ts';
import { padding } from '../layout/padding.ts';
import { flagsOf } from '../layout/regions.ts';
import { isTrimmed } from '../layout/trimming.ts';
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
  const isOrdered = options.verbatim || options.order === 'input';
  let partNumber = 0;
  const fitted = fittedSections(fit, pieces.home.length);
  const sequence = new Sequence(groups, fitted);
  if (fit.placed.size + fit.cut.size > 0) sequence.addFitted();
  const regions: Region[] = [];
  const jump = new JumpPlace(fit);
  let offset = fit.end;
  let end = offset;
  for (const { gap, parts } of plans) {
    if (typeof gap === 'number') offset = gap;
    else if (gap === 'page') offset = 0;
    for (const part of parts) {
      const open = sequence.openOf(part);
      const given = options.sequences?.[partNumber++];
      const packed = given
        ? inSequence(open, given)
        : isOrdered
          ? open
          : packPart(open, part, pieces, fit, offset, options);
      // Zero-initialised data has no bytes in the file, between which the jump could lie.
      const isZero = part.every((category) => category === Category.bss);
      offset = isZero ? endOf(packed, groups, offset) : jump.findPlace(packed, groups, offset);
      sequence.addAll(packed);
      if (!isZero) end = offset;
    }
    regions.push({ gap, end: sequence.length, flags: flagsOf(program, groups, parts, options) });
  }
  const order = {
    header: fit.header,
    headers,
    fit,
    jumpOffset: jump.offset,
    jumpBefore: jump.before,
    headerSize: fit.header.layout.end,
    regions,
    threadOrder,
    ...sequence.columns(),
  };
  return { order, end: jump.isWanted ? Number.POSITIVE_INFINITY : end };
}

/** Puts the groups of a part into a sequence of their indices. */
function inSequence(open: Int32Array, sequence: readonly number[]): Int32Array {
  const isWhole = sequence.length === open.length && new Set(sequence).size === open.length;
  assertInvariant(isWhole, 'a sequence has each section of its part once');
  return Int32Array.from(sequence, (index) => open[index]!);
}

/** Chooses the sequence of one part. Variables lie last in the file, and zeros at its end may be left out. */
function packPart(
  open: Int32Array,
  part: readonly Category[],
  pieces: Pieces,
  { header, plan: { groups } }: HeaderFit,
  offset: number,
  options: LinkOptions,
): Int32Array {
  return part.includes(Category.data) && isTrimmed(header, options)
    ? packForTrimming(open, groups, pieces, header.layout, offset)
    : pack(open, groups, offset);
}

/** Section ids in the order of their addresses, and their categories. */
class Sequence {
  length = 0;
  readonly #order: Int32Array;
  readonly #category: Uint8Array;
  readonly #groups: Groups;
  readonly #fitted: Uint8Array;

  /** @param fitted 1 for each section that lies in the header, by section id */
  constructor(groups: Groups, fitted: Uint8Array) {
    this.#groups = groups;
    this.#order = new Int32Array(fitted.length);
    this.#category = new Uint8Array(fitted.length);
    this.#fitted = fitted;
  }

  /** Adds groups in their sequence. */
  addAll(groups: Int32Array): void {
    for (let i = 0; i < groups.length; i++) this.#add(groups[i]!);
  }

  /** Adds what lies in the header. */
  addFitted(): void {
    for (let group = 0; group < this.#groups.count; group++) {
      if (this.#fitted[this.#groups.leadOf(group)] === 1) this.#add(group);
    }
  }

  /** The groups of a part that do not lie in the header. */
  openOf(part: readonly Category[]): Int32Array {
    const groups = this.#groups.withCategory(part);
    let length = 0;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!;
      if (this.#fitted[this.#groups.leadOf(group)] === 0) groups[length++] = group;
    }
    return groups.subarray(0, length);
  }

  #add(group: number): void {
    const end = this.#groups.copyIds(group, this.#order, this.length);
    const category = this.#groups.category[group]!;
    while (this.length < end) this.#category[this.length++] = category;
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
  /** Id of the section that follows it, or -1. */
  before = -1;
  readonly #range: Hole | undefined;

  constructor({ jump, header }: HeaderFit) {
    this.#range = jump;
    if (jump && jump.start < header.layout.end) this.offset = jump.start;
  }

  /** Whether there is to be a jump that has no place yet. */
  get isWanted(): boolean {
    return this.#range !== undefined && this.offset === undefined;
  }

  /**
   * Looks for the place, if there is to be one, among groups that follow each other from `start` on.
   * @returns where they end with it
   */
  findPlace(packed: Int32Array, groups: Groups, start: number): number {
    if (!this.#range || this.offset !== undefined) return endOf(packed, groups, start);
    const { alignment, size } = groups;
    let offset = start;
    for (const group of packed) {
      const end = offset + padding(offset, alignment[group]!) + size[group]!;
      const place = this.offset === undefined ? this.#placeAt(this.#range, offset, end) : offset;
      if (place !== offset) this.before = groups.leadOf(group);
      offset = place + padding(place, alignment[group]!) + size[group]!;
    }
    return offset;
  }

  /** @param end where the section ends that would come next at `offset` @returns where it comes */
  #placeAt(range: Hole, offset: number, end: number): number {
    // The first section begins in front of the range, and so does each next one: else the jump would have been placed.
    assertInvariant(offset < range.end, 'a section begins where the jump may lie, or in front of that');
    // The last chance is taken even if the bytes up to the range are lost.
    if (offset < range.start && end < range.end) return offset;
    this.offset = Math.max(offset, range.start);
    return this.offset + JUMP_SIZE;
  }
}
