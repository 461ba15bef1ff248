/**
 * Leaves out the zeros at the end of the file. Linux maps whole pages, and what lies between the end of the file and
 * the end of its last page reads as zero, also for a program that writes there (filemap_fault in mm/filemap.c,
 * padzero in fs/binfmt_elf.c). So the zeros are there without being in the file, as far as its last page goes.
 */
import { PF_W, PT_LOAD } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { isConventional } from '../header/layouts.ts';
import { legalFileSize } from '../header/placing.ts';
import { PAGE } from '../header/structure.ts';
import type { Image } from '../image.ts';
import type { LinkOptions } from '../options.ts';
import type { ImageLayout } from '../results.ts';

/**
 * @param image the file, but for the headers; it may become shorter
 * @returns the layout that says so
 */
export function trimZeros(image: Image, layout: ImageLayout, { tables }: LinkOptions): ImageLayout {
  // Conventional headers are for tools, which expect all bytes in the file.
  if (!layout.fit || isConventional(layout.header.name) || tables !== 'none') return layout;
  const pageStart = Math.floor((image.size - 1) / PAGE) * PAGE;
  const least = Math.max(layout.headerSize, pageStart + 1);
  const before = image.size;
  let fileSize = before;
  while (fileSize > least && image.lastByte(fileSize - 1) === 0) fileSize--;
  if (fileSize === before) return layout;
  image.truncate(fileSize);
  const programHeaders = layout.programHeaders.map((header) => shorten(header, before, fileSize, layout));
  return { ...layout, programHeaders, fileSize, trimmed: before - fileSize };
}

/** A segment that reaches to the end of the file ends with the file again. */
function shorten(
  header: ProgramHeader,
  before: number,
  after: number,
  { header: { layout } }: ImageLayout,
): ProgramHeader {
  const { type, offset, flags, memorySize } = header;
  if (type !== PT_LOAD || offset + header.fileSize < before) return header;
  const isFirst = offset === layout.p_offset;
  const fileSize = isFirst ? legalFileSize(layout, after - offset) : Math.max(1, after - offset);
  // Linux up to 6.5 clears the rest of the page of a segment with more memory, which it must be able to write.
  return {
    ...header,
    fileSize,
    memorySize: (flags & PF_W) === 0 ? fileSize : Math.max(fileSize, memorySize),
  };
}
