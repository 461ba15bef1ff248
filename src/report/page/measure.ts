/** Whose the bytes of a span are. */
import { ownerOf } from './labels.ts';
import type { Model } from './model.ts';

/**
 * @param from offset of the first byte
 * @param size bytes of the span, all within the file
 * @returns its owners, the largest first
 */
export function measure(model: Model, from: number, size: number): { owner: string; bytes: number }[] {
  const sums = new Map<string, number>();
  const end = from + size;
  for (let at = from; at < end; ) {
    const range = model.rangeAt(at);
    const stop = Math.min(end, range.offset + range.size);
    const owner = ownerOf(model, range);
    sums.set(owner, (sums.get(owner) ?? 0) + stop - at);
    at = stop;
  }
  return [...sums]
    .map(([owner, bytes]) => ({ owner, bytes }))
    .sort((a, b) => b.bytes - a.bytes || (a.owner < b.owner ? -1 : 1));
}
