/** Sections that lie in each other's memory. */

/**
 * @param ids of sections, in any order
 * @param address virtual address of each section, by section id
 * @param size in bytes, by section id; those without bytes lie in nobody's way
 * @returns the first two of which the second begins before the first ends, by address
 */
export function findOverlap(
  ids: Int32Array,
  address: Float64Array,
  size: Float64Array,
): readonly [number, number] | undefined {
  // An array, since its sort takes hardly longer than a look where nearly all is sorted already.
  const sorted = Array.from(ids).filter((id) => size[id]! > 0);
  sorted.sort((a, b) => address[a]! - address[b]!);
  for (let i = 1; i < sorted.length; i++) {
    const [first, second] = [sorted[i - 1]!, sorted[i]!];
    if (address[second]! < address[first]! + size[first]!) return [first, second];
  }
  return undefined;
}

/** The words for it. @param start virtual address of the second section, where `end` is that of the first one's end */
export function describeOverlap(
  first: string,
  end: number | bigint,
  second: string,
  start: number | bigint,
): string {
  return `section ${second} at 0x${start.toString(16)} overlaps ${first}, which ends at 0x${end.toString(16)}`;
}
