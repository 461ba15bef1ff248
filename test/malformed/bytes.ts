/** Changes to bytes: always of a copy. */
import { readBig } from '../elf/make.ts';

/** A number in a file: little-endian unless said otherwise. */
export interface Field {
  /** For people: `e_shoff`, `sh_size of section 3`. */
  readonly name: string;
  readonly offset: number;
  readonly width: number;
  readonly isBigEndian?: boolean;
}

/** Reads a field. */
export function fieldOf(bytes: Uint8Array, { offset, width, isBigEndian = false }: Field): bigint {
  const part = bytes.slice(offset, offset + width);
  return readBig(isBigEndian ? part.reverse() : part, 0, width);
}

/** The bytes with another number in a field. */
export function withField(bytes: Uint8Array, field: Field, value: bigint): Uint8Array {
  const { offset, width, isBigEndian = false } = field;
  const digits = Uint8Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  const changed = bytes.slice();
  changed.set(isBigEndian ? digits.reverse() : digits, offset);
  return changed;
}

/** The bytes with others written over them from an offset on. */
export function overwritten(bytes: Uint8Array, offset: number, others: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed.set(others.subarray(0, Math.max(0, bytes.length - offset)), offset);
  return changed;
}

/** The bytes with one bit the other way. */
export function withFlippedBit(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
}
