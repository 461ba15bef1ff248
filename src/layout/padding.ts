/**
 * Bytes from `offset` to the next multiple of `alignment`, a power of two up to 2^31. Exact for offsets up to 2^53.
 * Unlike a remainder of numbers that may have fractions, which processors have no instruction for, this is cheap.
 */
export function padding(offset: number, alignment: number): number {
  return -offset & (alignment - 1);
}
