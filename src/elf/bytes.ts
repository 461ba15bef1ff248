/**
 * Little-endian reads and writes on plain bytes. The functions do not check bounds: a reader checks a table's
 * range once with `checkRange` and then reads its entries.
 */
import { FormatError } from '../diagnostics.ts';

const TWO_32 = 2 ** 32;

/** Reads 2 bytes at `offset`, unsigned. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8);
}

/** Reads 4 bytes at `offset` as a signed number. */
export function readI32(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}

/** Reads 4 bytes at `offset`, unsigned. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return readI32(bytes, offset) >>> 0;
}

/** Reads 4 bytes at `offset` in big-endian order, unsigned: archives' symbol tables are written so. */
export function readU32BE(bytes: Uint8Array, offset: number): number {
  const high = (bytes[offset]! << 24) | (bytes[offset + 1]! << 16);
  return (high | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/**
 * Reads 8 bytes at `offset` as an unsigned number. Above 2^53 the result is rounded, which keeps it larger than
 * any file: a following `checkRange` refuses it.
 */
export function readU64(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 4) * TWO_32 + readU32(bytes, offset);
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * A table as 32-bit words: a view of the bytes where the machine allows that, else a copy.
 * @param offset where the table begins, in bytes
 * @param count number of words, all of which lie within the bytes
 */
export function wordsAt(bytes: Uint8Array, offset: number, count: number): Int32Array {
  const start = bytes.byteOffset + offset;
  if (IS_LITTLE_ENDIAN && start % 4 === 0) return new Int32Array(bytes.buffer, start, count);
  const words = new Int32Array(count);
  for (let i = 0; i < count; i++) words[i] = readI32(bytes, offset + i * 4);
  return words;
}

/** All whole words of some bytes; undefined if that would need a copy. */
export function allWords({ buffer, byteOffset, length }: Uint8Array): Int32Array | undefined {
  if (!IS_LITTLE_ENDIAN || byteOffset % 4 !== 0) return undefined;
  return new Int32Array(buffer, byteOffset, length >> 2);
}

/** Writes the low 16 bits of `value` at `offset`. */
export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

/** Writes the low 32 bits of `value` at `offset`. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Writes a number of 0 … 2^53 as 8 bytes at `offset`. */
export function writeU64(bytes: Uint8Array, offset: number, value: number): void {
  writeU32(bytes, offset, value % TWO_32);
  writeU32(bytes, offset + 4, Math.floor(value / TWO_32));
}

/**
 * Checks that `size` bytes at `offset` lie within `total`.
 * @param what names the thing for the message, e.g. `section header table`
 * @throws FormatError with both numbers
 */
export function checkRange(offset: number, size: number, total: number, what: string, at = offset): void {
  if (offset + size <= total) return;
  throw new FormatError(
    `${what} ends at offset 0x${(offset + size).toString(16)}, past the end of the file at 0x${total.toString(16)}`,
    at,
    'the file is truncated or damaged; build it again',
  );
}

/** Offset of the first NUL at or after `offset`, or -1 if there is none before `end`. */
export function findNul(bytes: Uint8Array, offset: number, end: number): number {
  const nul = bytes.indexOf(0, offset);
  return nul < 0 || nul >= end ? -1 : nul;
}

/** Decodes `length` bytes at `offset` as UTF-8, for printing. Invalid sequences become U+FFFD. */
export function decodeText(bytes: Uint8Array, offset: number, length: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(offset, offset + length));
}

/** Rounds `value` up to a multiple of `alignment`, a power of two of at least 1. Exact up to 2^53. */
export function alignUp(value: number, alignment: number): number {
  const rest = value % alignment;
  return rest === 0 ? value : value + (alignment - rest);
}
