/**
 * Leaves out the zeros at the end of the file. Linux maps whole pages, and what lies between the end of the file and
 * the end of its last page reads as zero, also for a program that writes there (filemap_fault in mm/filemap.c,
 * padzero in fs/binfmt_elf.c). So the zeros are there without being in the file, as far as its last page goes, and
 * beyond it where the segment can be written to: there they are zero-initialised data.
 */
import { PF_W, PT_LOAD } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { legalFileSize } from '../header/placing.ts';
import type { Image } from '../image.ts';
import { isTrimmed, leastFileSize } from '../layout/trimming.ts';
import type { LinkOptions } from '../options.ts';
import type { ImageLayout } from '../results.ts';

/**
 * @param image the file, but for the headers; it may become shorter
 * @returns the layout that says so
 */
export function trimZeros(image: Image, layout: ImageLayout, options: LinkOptions): ImageLayout {
  if (!layout.fit || !isTrimmed(layout.header, options)) return layout;
  const before = image.size;
  const least = leastSize(image, layout);
  let fileSize = before;
  while (fileSize > least && image.lastByte(fileSize - 1) === 0) fileSize--;
  if (fileSize === before) return layout;
  image.truncate(fileSize);
  const programHeaders = layout.programHeaders.map((header) => shorten(header, before, fileSize, layout));
  return { ...layout, programHeaders, fileSize, trimmed: before - fileSize };
}

/** What the file keeps, zeros or not. */
function leastSize(image: Image, { headerSize, header, programHeaders }: ImageLayout): number {
  const ends = programHeaders.filter((each) => each.type === PT_LOAD && reachesEnd(each, image.size));
  const isWritable = ends.length === 1 && (ends[0]!.flags & PF_W) !== 0;
  const start = ends.reduce((most, { offset }) => Math.max(most, offset), 0);
  const least = leastFileSize(header.layout, image.size, isWritable && !image.isStreamed);
  return Math.max(headerSize, start + 1, least);
}

function reachesEnd({ offset, fileSize }: ProgramHeader, size: number): boolean {
  return offset + fileSize >= size;
}

/** A segment that reaches to the end of the file ends with the file again. */
function shorten(
  header: ProgramHeader,
  before: number,
  after: number,
  { header: { layout } }: ImageLayout,
): ProgramHeader {
  const { type, offset, flags, memorySize } = header;
  if (type !== PT_LOAD || !reachesEnd(header, before)) return header;
  const isFirst = offset === layout.p_offset;
  const fileSize = isFirst ? legalFileSize(layout, after - offset) : Math.max(1, after - offset);
  // Linux up to 6.5 clears the rest of the page of a segment with more memory, which it must be able to write.
  return {
    ...header,
    fileSize,
    memorySize: (flags & PF_W) === 0 ? fileSize : Math.max(fileSize, memorySize),
  };
}
