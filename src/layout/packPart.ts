/** The sequence of the sections of one part of the image. */
import type { HeaderLayout } from '../header/layout.ts';
import type { Pieces } from '../pieces.ts';
import type { Groups } from './groups.ts';
import { Packer } from './packer.ts';
import { padding } from './padding.ts';
import { leastFileSize } from './trimming.ts';

/**
 * So many sections, or so many bytes, are brought into order at a time. That what follows each other in the input stays
 * near each other keeps what is written at a time small, and programs touch fewer pages; among thousands of sections
 * there is one for every gap.
 */
const BATCH_GROUPS = 4096;
const BATCH_BYTES = 2 ** 22;

/** The sequence of one part that loses least to alignment. @param start file offset where the part begins */
export function pack(part: Int32Array, groups: Groups, start: number): Int32Array {
  const sequence = new Int32Array(part.length);
  let offset = start;
  for (let placed = 0; placed < part.length; ) {
    const end = endOfBatch(part, groups, placed);
    offset = packBatch(part.subarray(placed, end), groups, offset, sequence.subarray(placed, end));
    placed = end;
  }
  return sequence;
}

/** Index behind the last group of the batch that begins at `start`. */
function endOfBatch(part: Int32Array, { size }: Groups, start: number): number {
  const most = Math.min(part.length, start + BATCH_GROUPS);
  let end = start;
  for (let bytes = 0; end < most && bytes < BATCH_BYTES; end++) bytes += size[part[end]!]!;
  return end;
}

/** Puts a batch into `sequence`. @returns the file offset where it ends */
function packBatch(batch: Int32Array, groups: Groups, start: number, sequence: Int32Array): number {
  const { alignment, size } = groups;
  const packer = new Packer(batch, groups);
  let offset = start;
  for (let i = 0; i < batch.length; i++) {
    const group = batch[packer.take(offset)]!;
    sequence[i] = group;
    offset += padding(offset, alignment[group]!) + size[group]!;
  }
  return offset;
}

/** The file offset where groups end that follow each other from `start` on. */
export function endOf(packed: Int32Array, { alignment, size }: Groups, start: number): number {
  let offset = start;
  for (let i = 0; i < packed.length; i++) {
    const group = packed[i]!;
    offset += padding(offset, alignment[group]!) + size[group]!;
  }
  return offset;
}

/**
 * As `pack`, for the part that the file ends with, if zeros at its end are left out. The group with most of them comes
 * last if the file ends earlier then.
 * @param start file offset where the part begins
 */
export function packForTrimming(
  part: Int32Array,
  groups: Groups,
  pieces: Pieces,
  layout: HeaderLayout,
  start: number,
): Int32Array {
  const packed = pack(part, groups, start);
  const zerosOf = (group: number) => pieces.zeroTail[groups.leadOf(group)]!;
  const last = packed.reduce(
    (most, group) => (zerosOf(group) > zerosOf(most) ? group : most),
    packed.at(-1)!,
  );
  if (packed.length < 2 || last === packed.at(-1)) return packed;
  const others = pack(
    part.filter((group) => group !== last),
    groups,
    start,
  );
  const other = Int32Array.of(...others, last);
  const fileEnd = (sequence: Int32Array) => {
    const end = endOf(sequence, groups, start);
    return Math.max(end - zerosOf(sequence.at(-1)!), leastFileSize(layout, end, true));
  };
  return fileEnd(other) < fileEnd(packed) ? other : packed;
}
