/**
 * Which output sections share a PT_LOAD, and where they lie in the file. Linux maps pages, so a section's address and
 * file offset agree modulo the page size, and sections that touch the same page have the same permissions.
 */

import { PF_R, PF_W, PF_X, PT_LOAD } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { LOWEST_BASE } from '../header/structure.ts';
import { present } from '../invariant.ts';
import type { LinkOptions } from '../options.ts';
import { type Declared, type DeclaredSegment, loadOf } from './declared.ts';
import type { LocatedOutput } from './located.ts';

/** Output sections that are mapped together, by address. */
export interface Segment {
  readonly outputs: LocatedOutput[];
  /** What a script says of it, if it says what segments there are. */
  readonly declared: DeclaredSegment | undefined;
  flags: number;
  /** End in memory, as an address. */
  end: number;
  /** End of what lies in the file, as an address. */
  bytesEnd: number;
}

/** A file of which the headers are the first bytes. */
export interface FilePlan {
  readonly loads: readonly ProgramHeader[];
  /** File offset of each output section. */
  readonly offsetOf: ReadonlyMap<LocatedOutput, number>;
  readonly fileEnd: number;
  /** Address of file offset 0, mapped or not. */
  readonly base: number;
}

/**
 * @param outputs those that take room, in any order
 * @param declared the segments of the script, if it says what there are
 */
export function planSegments(
  outputs: readonly LocatedOutput[],
  options: LinkOptions,
  declared: Declared | undefined,
): Segment[] {
  const sorted = [...outputs].sort((a, b) => Number(a.address - b.address));
  const segments: Segment[] = [];
  for (const located of sorted) {
    const start = Number(located.address);
    const fileSize = Number(located.fileSize);
    const asked = declared && loadOf(declared, located.output);
    const flags = asked?.flags ?? flagsOf(located, options);
    const last = segments.at(-1);
    const isShared =
      last && (declared ? last.declared === asked : sharesPages(last, start, fileSize, flags, options));
    if (isShared) {
      last.outputs.push(located);
      last.flags |= flags;
      last.end = Number(located.end);
      if (fileSize > 0) last.bytesEnd = start + fileSize;
    } else {
      const end = Number(located.end);
      segments.push({ outputs: [located], declared: asked, flags, end, bytesEnd: start + fileSize });
    }
  }
  return segments;
}

/**
 * Whether a section goes into the segment before it: always if they touch the same page; else if they have the same
 * permissions and no page between them need be stored or mapped for nothing.
 */
function sharesPages(
  { end, bytesEnd, flags }: Segment,
  start: number,
  fileSize: number,
  wanted: number,
  options: LinkOptions,
): boolean {
  const page = options.pageSize;
  if (Math.floor(start / page) <= Math.floor((end - 1) / page)) return true;
  return start - (fileSize > 0 ? bytesEnd : end) < page && !differ(flags, wanted, options);
}

/** Writable and other memory are kept apart; with `-z separate-code`, code and constants too. */
function differ(a: number, b: number, { segments }: LinkOptions): boolean {
  const mask = segments === 'pages' ? PF_W | PF_X : PF_W;
  return ((a ^ b) & mask) !== 0;
}

/** PF_R, PF_W, PF_X of the memory that an output section needs. */
export function flagsOf({ output }: LocatedOutput, { verbatim }: LinkOptions): number {
  if (verbatim) return PF_R | PF_W | PF_X;
  return PF_R | (output.isCode ? PF_X : 0) | (output.isWritable ? PF_W : 0);
}

/** Lays segments into a file behind headers of `headerSize` bytes. */
export function layFile(
  segments: readonly Segment[],
  headerSize: number,
  { pageSize }: LinkOptions,
): FilePlan {
  const loads: ProgramHeader[] = [];
  const offsetOf = new Map<LocatedOutput, number>();
  let fileEnd = headerSize;
  let base = 0;
  for (const { outputs, flags, end, bytesEnd } of segments) {
    const start = Number(outputs[0]!.address);
    const offset = fileEnd + modulo(start - fileEnd, pageSize);
    const shift = start - offset;
    const isFirst = loads.length === 0;
    if (isFirst) base = shift;
    for (const output of outputs) offsetOf.set(output, Number(output.address) - shift);
    // The first segment maps the headers too where it may: the kernel tells a C library where to find them.
    const mapped = isFirst && shift >= LOWEST_BASE ? 0 : offset;
    const isEmpty = bytesEnd === start && mapped === offset;
    const header = isEmpty
      ? zeroSegment(start, end, fileEnd, flags, pageSize)
      : load(flags, mapped, shift + mapped, bytesEnd, end, pageSize);
    const distance = Number(outputs[0]!.loadAddress) - start;
    loads.push(distance === 0 ? header : { ...header, loadAddress: header.address + distance });
    if (!isEmpty) fileEnd = bytesEnd - shift;
  }
  return { loads, offsetOf, fileEnd, base };
}

function load(
  flags: number,
  offset: number,
  address: number,
  bytesEnd: number,
  end: number,
  alignment: number,
): ProgramHeader {
  const sizes = { fileSize: bytesEnd - address, memorySize: end - address };
  return { type: PT_LOAD, flags, offset, address, ...sizes, alignment };
}

/**
 * A segment of zeros takes no bytes of the file, if it begins with a page. Elsewhere some kernels map it only if it
 * has bytes, so it begins one byte earlier, at any byte of the file that agrees with it modulo the page size.
 */
function zeroSegment(
  start: number,
  end: number,
  fileEnd: number,
  flags: number,
  page: number,
): ProgramHeader {
  if (start % page === 0) return load(flags, 0, start, start, end, page);
  const last = fileEnd - 1;
  const offset = last - modulo(last - (start - 1), page);
  if (offset < 0) return load(flags, modulo(start, page), start, start, end, page);
  return load(flags, offset, start - 1, start, end, page);
}

function modulo(value: number, modulus: number): number {
  return ((value % modulus) + modulus) % modulus;
}

/** Headers in front of a program that has no sections at all. */
export function headersOnly({ base, pageSize }: LinkOptions, headerSize: number): FilePlan {
  const sizes = { fileSize: headerSize, memorySize: headerSize };
  const only = { type: PT_LOAD, flags: PF_R, offset: 0, address: base, ...sizes, alignment: pageSize };
  return { loads: [only], offsetOf: new Map(), fileEnd: headerSize, base };
}

/** The bytes of output sections by load address, without headers: GNU ld's `OUTPUT_FORMAT(binary)`. */
export function layFlat(outputs: readonly LocatedOutput[]): FilePlan {
  const withBytes = outputs.filter(({ output }) => output.hasBytes);
  const startOf = ({ loadAddress }: LocatedOutput) => Number(loadAddress);
  const start = withBytes.reduce((least, each) => Math.min(least, startOf(each)), Number.POSITIVE_INFINITY);
  const offsetOf = new Map(outputs.map((each) => [each, Number(each.loadAddress) - start] as const));
  const fileEnd = withBytes.reduce(
    (end, each) =>
      Math.max(
        end,
        present(offsetOf.get(each), 'sections with bytes have a file offset') + Number(each.size),
      ),
    0,
  );
  return { loads: [], offsetOf, fileEnd, base: start };
}
