/** How many bytes of a program are what. */
import { takenBytes } from '../layout/fitted.ts';
import type { Pieces } from '../pieces.ts';
import {
  CATEGORY_NAMES,
  type Category,
  type ImageLayout,
  JUMP_SIZE,
  Rewrite,
  type Synthesis,
} from '../results.ts';
import type { LinkMap, MapBytes, MapPacked } from './linkMap.ts';

/** What there is to say of a link in a line or two. */
export interface LinkSummary
  extends Pick<LinkMap, 'fileSize' | 'tableBytes' | 'bytes' | 'headerReasons' | 'packed'> {
  /** The packed file that was not written, since it is no smaller. */
  readonly unpacked?: MapPacked;
}

/** @param tableBytes of symbols and debug information behind the image */
export function summarize(pieces: Pieces, layout: ImageLayout, tableBytes: number): LinkSummary {
  return {
    fileSize: layout.fileSize + tableBytes,
    tableBytes,
    bytes: sumByPart(pieces, layout),
    headerReasons: layout.fit?.reasons ?? [],
  };
}

function sumByPart(pieces: Pieces, layout: ImageLayout): MapBytes {
  const { fileSize, trimmed, order, category } = layout;
  const sums = { header: ownBytes(pieces, layout), text: 0, rodata: 0, data: 0, bss: 0, padding: 0, trimmed };
  order.forEach((id, i) => {
    sums[CATEGORY_NAMES[category[i]! as Category]] += pieces.size[id]!;
  });
  sums.padding = fileSize + trimmed - sums.header - sums.text - sums.rodata - sums.data;
  return sums;
}

/** Bytes of the headers in which nothing of the program lies, and those of the jump to the entry. */
function ownBytes(pieces: Pieces, layout: ImageLayout): number {
  const { headerSize, jumpOffset } = layout;
  const taken = takenBytes(pieces, layout).subarray(0, headerSize);
  const jump = jumpOffset === undefined ? 0 : JUMP_SIZE;
  return taken.reduce((sum, isTaken) => sum - isTaken, headerSize) + jump;
}

/** GOT references that became direct ones. */
export function countRelaxed({ rewrites }: Synthesis): number {
  let count = 0;
  for (const code of rewrites) {
    if (code !== Rewrite.none && (code & Rewrite.tls) === 0) count++;
  }
  return count;
}
