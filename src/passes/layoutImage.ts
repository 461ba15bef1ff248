/**
 * Gives every placed section its address. The first region of the image begins with the header at file offset 0;
 * within a region addresses and file offsets differ by a constant, so nothing is padded to pages. A region that
 * overlaps the one before it follows one page further up in memory, but not in the file: both map the page of the
 * file that they share. Afterwards addresses, file offsets and the values of all symbols are final.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { alignUp } from '../elf/bytes.ts';
import { PT_LOAD } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { HeaderLayout } from '../header/layout.ts';
import { baseFor, legalFileSize } from '../header/placing.ts';
import { finishLayout } from '../layout/finish.ts';
import { fittedSections } from '../layout/fitted.ts';
import { describeOverlap, findOverlap } from '../layout/overlap.ts';
import { padding } from '../layout/padding.ts';
import type { Placement } from '../layout/placement.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { assignSymbols } from '../place/statements.ts';
import type { Program } from '../program.ts';
import {
  Category,
  type HeaderFit,
  type ImageLayout,
  JUMP_SIZE,
  type Liveness,
  type Region,
  type SectionOrder,
} from '../results.ts';
import type { LinkScript } from '../script/linkScript.ts';

export function layoutImage(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  order: SectionOrder,
  script: LinkScript,
  options: LinkOptions,
  diagnostics: Diagnostics,
): ImageLayout {
  const placement = placeAll(program, pieces, order, options);
  const { address } = placement;
  const { headerSize } = order;
  if (options.sectionStarts.size > 0) checkStarts(program, pieces, order, placement, diagnostics);
  const assign = () => assignSymbols(program, pieces, script, { address, headerSize }, options, diagnostics);
  return finishLayout(program, liveness, pieces, order, placement, { assign }, options, diagnostics);
}

function placeAll(program: Program, pieces: Pieces, order: SectionOrder, options: LinkOptions): Placement {
  const placer = new Placer(program.sections.count, pieces, order, options);
  let begin = 0;
  for (const region of order.regions) {
    placer.beginRegion(region, hasNoBytes(pieces, order, begin, region.end));
    placer.placeAll(order, begin, region.end);
    placer.endRegion(region);
    begin = region.end;
  }
  return placer.placement();
}

/**
 * Parts of the image that have addresses of their own must leave room for the headers and for each other, in whatever
 * order they lie.
 */
function checkStarts(
  program: Program,
  { size }: Pieces,
  { order }: SectionOrder,
  { address, base }: Placement,
  diagnostics: Diagnostics,
): void {
  if (base < 0) {
    const what = `the headers, which are loaded in front of .text, would begin ${-base} bytes below address 0`;
    const where = [`the first section is ${program.place(order[0]!, 0)}`];
    diagnostics.error('below-zero', what, { where, hint: 'choose a higher address for .text' });
    diagnostics.stopOnErrors();
  }
  const found = findOverlap(order, address, size);
  if (!found) return;
  const [first, second] = found;
  const end = address[first]! + size[first]!;
  const what = describeOverlap(program.place(first, 0), end, program.place(second, 0), address[second]!);
  diagnostics.error('overlap', what, { hint: 'choose other addresses for the sections' });
  diagnostics.stopOnErrors();
}

/** Whether nothing of a region lies in the file: sections may be there that have no bytes. */
function hasNoBytes(
  { size }: Pieces,
  { order, category }: SectionOrder,
  begin: number,
  end: number,
): boolean {
  for (let i = begin; i < end; i++) if (category[i] !== Category.bss && size[order[i]!]! > 0) return false;
  return true;
}

class Placer {
  readonly #pieces: Pieces;
  readonly #pageSize: number;
  readonly #address: Float64Array;
  readonly #fileOffset: Float64Array;
  readonly #partEnd = [0, 0, 0, 0];
  readonly #loads: ProgramHeader[] = [];
  #bssStart = 0;
  #fileEnd: number;
  /** The next free address, and what it is ahead of its file offset. */
  #here: number;
  #shift: number;
  #regionOffset: number;
  readonly #header: HeaderLayout;
  readonly #fit: HeaderFit | undefined;
  /** 1 for each section that lies in the header, by section id. */
  readonly #fitted: Uint8Array;
  readonly #jumpBefore: number;
  readonly #jumpOffset: number;

  constructor(sectionCount: number, pieces: Pieces, order: SectionOrder, options: LinkOptions) {
    const { header, headerSize, fit, regions } = order;
    this.#pieces = pieces;
    this.#pageSize = options.pageSize;
    this.#address = new Float64Array(sectionCount);
    this.#fileOffset = new Float64Array(sectionCount);
    this.#header = header.layout;
    this.#fit = fit;
    this.#fitted = fittedSections(fit, sectionCount);
    this.#jumpBefore = order.jumpBefore;
    this.#jumpOffset = order.jumpOffset ?? 0;
    const textStart = options.sectionStarts.get('.text');
    const permissions = permissionsIn(header.layout, regions[0]!.flags);
    const base =
      baseFor(header.layout, permissions, fit?.entryOffset ?? order.jumpOffset ?? 0) ?? options.base;
    this.#shift = textStart === undefined ? base : baseBefore(textStart, headerSize, options.pageSize);
    this.#here = textStart ?? base + (fit?.end ?? headerSize);
    this.#fileEnd = this.#here - this.#shift;
    this.#regionOffset = header.layout.p_offset;
  }

  /** @param isEmpty whether the region has no bytes of the file: its segment then begins one byte earlier */
  beginRegion({ gap }: Region, isEmpty: boolean): void {
    if (gap === 'none') return;
    const page = this.#pageSize;
    if (gap === 'page') this.#fileEnd = alignUp(this.#fileEnd, page);
    if (typeof gap === 'number') this.#fileEnd += (((gap - this.#fileEnd) % page) + page) % page;
    const end = this.#here;
    this.#here = typeof gap === 'number' ? gap : this.#fileEnd + this.#shift;
    // Memory pages are never shared: go up until this region's first page is free.
    const before = isEmpty ? 1 : 0;
    while (typeof gap !== 'number' && Math.floor((this.#here - before) / page) * page < end)
      this.#here += page;
    this.#shift = this.#here - this.#fileEnd;
    this.#regionOffset = this.#fileEnd;
  }

  /** Places the sections of a region. */
  placeAll({ order, category }: SectionOrder, begin: number, end: number): void {
    for (let i = begin; i < end; i++) this.#place(order[i]!, category[i]! as Category);
  }

  #place(id: number, part: Category): void {
    if (this.#fitted[id] === 1) {
      // The parts of one that was cut have offsets of the file.
      this.#fileOffset[id] = this.#fit!.placed.get(id) ?? 0;
      this.#address[id] = this.#fileOffset[id] + this.#shift;
      return;
    }
    if (id === this.#jumpBefore) this.#here = this.#shift + this.#jumpOffset + JUMP_SIZE;
    const here = this.#here + padding(this.#here, this.#pieces.alignment[id]!);
    if (part === Category.bss && this.#bssStart === 0) this.#bssStart = here;
    this.#address[id] = here;
    this.#fileOffset[id] = here - this.#shift;
    this.#here = here + this.#pieces.size[id]!;
    this.#partEnd[part] = this.#here;
    if (part !== Category.bss) this.#fileEnd = this.#here - this.#shift;
  }

  endRegion({ flags }: Region): void {
    // A segment without bytes of the file is not mapped by every kernel: begin one byte earlier.
    const isFirst = this.#loads.length === 0;
    const offset = isFirst ? this.#regionOffset : Math.min(this.#regionOffset, this.#fileEnd - 1);
    const address = offset + this.#shift;
    const size = this.#fileEnd - offset;
    const fileSize = isFirst ? legalFileSize(this.#header, size) : size;
    const needed = Math.max(fileSize, this.#here - address);
    const sizes = { fileSize, memorySize: (isFirst ? this.#header.p_memsz : undefined) ?? needed };
    const permissions = isFirst ? permissionsIn(this.#header, flags) : flags;
    this.#loads.push({
      type: PT_LOAD,
      flags: permissions,
      offset,
      address,
      ...sizes,
      alignment: this.#pageSize,
    });
  }

  placement(): Placement {
    return {
      address: this.#address,
      fileOffset: this.#fileOffset,
      partEnd: this.#partEnd,
      bssStart: this.#bssStart || this.#here,
      fileEnd: this.#fileEnd,
      end: this.#here,
      loads: this.#loads,
      base: this.#loads[0]!.address - this.#loads[0]!.offset,
    };
  }
}

/** A layout that cannot have the permissions that are needed has more. */
function permissionsIn({ flags }: HeaderLayout, needed: number): number {
  return flags.includes(needed) ? needed : flags[0]!;
}

/** The base that puts the first section at `start` with the header in front of it. */
function baseBefore(start: number, headerSize: number, pageSize: number): number {
  const inPage = start % pageSize;
  const offset = inPage + pageSize * Math.max(0, Math.ceil((headerSize - inPage) / pageSize));
  return start - offset;
}
