/** The link of an image that a stub unpacks: the program as it lies in memory, without any header. */
import { alignUp } from '../elf/bytes.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { InputFiles } from '../inputs.ts';
import { type LinkHooks, type LinkResult, link, linkInSequences, once } from '../link.ts';
import type { LinkOptions, Sequences } from '../options.ts';
import type { Arrangements, PackInput } from '../pack/method.ts';

/** A program without its header, which another program's file unpacks. */
export interface HeaderlessImage {
  readonly input: PackInput;
  /** Its segments. */
  readonly segments: readonly ProgramHeader[];
  /** Program headers other than PT_LOAD. */
  readonly headers: readonly ProgramHeader[];
}

/** An image, and what is to become of it. */
export interface LinkedImage extends HeaderlessImage {
  readonly link: LinkResult;
  /** Links it with its sections in other sequences. */
  inSequences(sequences: Sequences): LinkedImage;
}

/** With what repeats left as it is, or as a plain link has it. */
export type Manner = 'repetitive' | 'plain';

/**
 * @param options those of the plain link
 * @param room bytes from the base on that the packed file may take
 * @throws LinkError
 */
export function linkImage(
  files: InputFiles,
  options: LinkOptions,
  room: number,
  manner: Manner,
  hooks: LinkHooks,
): LinkedImage {
  return linkWith(files, imageOptions(options, room, manner), hooks);
}

function linkWith(files: InputFiles, options: LinkOptions, hooks: LinkHooks): LinkedImage {
  const result = link(files, options, hooks);
  const { segments, headers } = result.loaded();
  return {
    link: result,
    segments,
    headers,
    input: { ...inputOf(result, options), arrangements: once(() => arrangementsOf(files, options)) },
    inSequences: (sequences) => linkWith(files, { ...options, sequences }, hooks),
  };
}

function arrangementsOf(files: InputFiles, options: LinkOptions): Arrangements {
  const { first, place } = linkInSequences(files, options);
  return { first, arrange: (sequences) => inputOf(place(sequences), options) };
}

function inputOf(
  { bytes: all, loaded }: Pick<LinkResult, 'bytes' | 'loaded'>,
  options: LinkOptions,
): PackInput {
  const { base, entry, memoryEnd, code, runs } = loaded();
  const bytes = all.subarray(0, endOfContent(all));
  const isStartedAtOnce = !isInSegments(options);
  return {
    bytes,
    address: base,
    entry,
    isStartedAtOnce,
    memoryEnd,
    code: within(code, bytes.length),
    runs: within(runs, bytes.length),
  };
}

/**
 * How an image is linked that is going to be packed: in what differs from a plain link. What occurs often costs a packer
 * next to nothing where it is, less than the call of a function; and what lies together in the inputs is alike. Together
 * that is worth 3 % of glibc's payload and 5 % of libstdc++'s, by LZMA. Of a small program it may be worth nothing.
 *
 * The packed file comes first in memory, and the image on the next page. In two segments the second one begins with a
 * copy of the file's last page, which takes one page more; and code has pages of its own, since memory is protected by
 * the page.
 */
function imageOptions(options: LinkOptions, room: number, manner: Manner): LinkOptions {
  const { base, pageSize } = options;
  const isSplit = isInSegments(options);
  return {
    ...options,
    unpackedBy: base,
    base: base + alignUp(room + LOOK_BACK, pageSize) + (isSplit ? pageSize : 0),
    isBaseGiven: true,
    header: 'auto',
    segments: isSplit ? 'pages' : 'joined',
    ...(manner === 'repetitive' && { outline: false, order: 'input' }),
  };
}

/** Stubs may look at so many bytes in front of the image, and expect zeros. */
const LOOK_BACK = 8;

/** Whether no memory may be writable and executable at a time. */
export function isInSegments({ segments }: LinkOptions): boolean {
  return segments !== 'joined';
}

/** Where the zeros at the end begin, which memory has by itself. */
export function endOfContent(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** The parts of ranges below a limit. */
export function within(ranges: PackInput['code'], size: number): PackInput['code'] {
  return ranges
    .filter(([start]) => start < size)
    .map(([start, end]): [number, number] => [start, Math.min(end, size)]);
}
