/** Hashes of bytes and numbers for open-addressing tables, and the comparison that must follow a hit. */
import { readI32 } from './bytes.ts';

/** 2^32 divided by the golden ratio: multiples of it are spread evenly. */
export const HASH_FACTOR = 0x9e3779b1;

/** Adds a number to a hash that is being made. */
export function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, HASH_FACTOR);
  return mixed ^ (mixed >>> 15);
}

/** Spreads a hash over all its bits, so that the low ones index a table well. */
export function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** A hash of the bytes from `start` to `end`, taken a 4-byte word at a time. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) hash = mix(hash, readI32(bytes, at));
  for (; at < end; at++) hash = mix(hash, bytes[at]!);
  return finish(hash);
}

/** Whether `size` bytes at `a` of `from` equal those at `b` of `other`. */
export function equalBytes(from: Uint8Array, a: number, other: Uint8Array, b: number, size: number): boolean {
  for (let i = 0; i < size; i++) {
    if (from[a + i] !== other[b + i]) return false;
  }
  return true;
}
