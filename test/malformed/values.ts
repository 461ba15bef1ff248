/** Numbers that readers of file formats get wrong. */

/** Sizes and addresses at which arithmetic goes over an edge. */
const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0xff00n,
  0xfff1n,
  0xfff2n,
  0xffffn,
  2n ** 28n,
  2n ** 30n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 47n - 1n,
  2n ** 47n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/**
 * What a field may be changed to: nothing, the edges, a little more and less than it was, what would make a sum wrap
 * around, and numbers that mean something elsewhere in the file.
 * @param width of the field in bytes
 * @param old what stands there
 * @param landmarks such other numbers: the file's size, offsets of tables, the field of a neighbour
 * @returns each number once, none of them the old one
 */
export function wrongNumbers(width: number, old: bigint, landmarks: readonly bigint[]): bigint[] {
  const limit = 2n ** BigInt(width * 8);
  const near = [old - 8n, old - 4n, old - 1n, old + 1n, old + 4n, old + 8n, old / 2n, old * 2n, -old];
  const beside = landmarks.flatMap((mark) => [mark - 1n, mark, mark + 1n]);
  const numbers = new Set([...EDGES, ...near, ...beside].map((value) => BigInt.asUintN(width * 8, value)));
  numbers.delete(old);
  return [...numbers].filter((value) => value < limit);
}

/** What a field of decimal digits may be changed to. */
export function wrongDecimals(old: number, landmarks: readonly number[]): string[] {
  const near = [old - 1, old + 1, old * 2, ...landmarks.flatMap((mark) => [mark - 1, mark, mark + 1])];
  const texts = [
    '',
    '0',
    '1',
    '59',
    '60',
    '61',
    '4294967295',
    '4294967296',
    '9999999999',
    '-1',
    '0x10',
    '1e3',
    '7 7',
    '\0',
  ];
  return [...new Set([...texts, ...near.filter((value) => value >= 0).map(String)])].filter(
    (text) => text !== `${old}`,
  );
}
