/** Numbers of variable length: LEB128 (DWARF 5, 7.6). */

/** A larger unsigned number is none that a table of code or data has: offsets are held in 32-bit words. */
const LIMIT = 2 ** 31;

/** Offset behind the LEB128 number at `at`, signed or not; -1 if it does not end before `end`. */
export function lebEnd(bytes: Uint8Array, at: number, end: number): number {
  for (let next = at; next < end; next++) if (bytes[next]! < 0x80) return next + 1;
  return -1;
}

/** The unsigned number that ends before `end`; -1 if it is 2^31 or more. */
export function readUleb(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  let scale = 1;
  for (let next = at; next < end; next++) {
    const digit = bytes[next]! & 0x7f;
    // Zeros may follow without end; the scale stays a number that they can be multiplied with.
    if (digit !== 0) value += digit * scale;
    if (value >= LIMIT) return -1;
    scale = Math.min(scale * 0x80, LIMIT);
  }
  return value;
}

/**
 * Writes an unsigned number to all bytes up to `end`, with zeros as its highest digits where it needs fewer. Readers
 * add up digits until one says that it is the last: `read_uleb128` in libgcc's unwind-pe.h, `readULEB128` in LLVM's
 * cxa_personality.cpp, `read_uleb128` in Rust's std/src/sys/personality/dwarf. Compilers pad so too: LLVM's
 * EHStreamer.cpp the distance to the types.
 */
export function writePaddedUleb(bytes: Uint8Array, at: number, end: number, value: number): void {
  let rest = value;
  for (let next = at; next < end - 1; next++) {
    bytes[next] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[end - 1] = rest;
}
