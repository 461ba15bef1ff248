/**
 * Reader of `.eh_frame`: a sequence of CIEs and FDEs (LSB Core, chapter "Exception Frames"; DWARF 4, 6.4).
 * Lengths of 64 bits do not occur on x86-64 and are refused.
 */
import { FormatError } from '../diagnostics.ts';
import { readU32 } from './bytes.ts';

/** The records of one `.eh_frame` section, in file order. Offsets are bytes from the start of the section. */
export interface EhFrame {
  readonly count: number;
  readonly offset: Uint32Array;
  /** Bytes of the record, its length field included. */
  readonly size: Uint32Array;
  /** For an FDE the index of its CIE; for a CIE -1. */
  readonly cie: Int32Array;
}

/** Offset in a record of the field that names the CIE; 0 there marks a CIE. */
const ID_FIELD = 4;
/** Offset in an FDE of the address of the first instruction it describes. */
export const FDE_PC_BEGIN = 8;

/**
 * Splits a section into records. A terminator (length 0) is skipped: the output gets one of its own.
 * @throws FormatError whose offset counts from `base`, the section's offset in its object
 */
export function parseEhFrame(bytes: Uint8Array, base: number): EhFrame {
  const offsets: number[] = [];
  const sizes: number[] = [];
  const cies: number[] = [];
  const cieAt = new Map<number, number>();
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new FormatError('.eh_frame ends within a record', base + at);
    const length = readU32(bytes, at);
    if (length === 0) {
      at += 4;
      continue;
    }
    checkRecord(bytes, at, length, base);
    const id = readU32(bytes, at + ID_FIELD);
    let cie = -1;
    if (id === 0) cieAt.set(at, offsets.length);
    else {
      cie = cieAt.get(at + ID_FIELD - id) ?? -1;
      if (cie < 0) throw new FormatError('an FDE of .eh_frame names no CIE before it', base + at);
    }
    offsets.push(at);
    sizes.push(length + 4);
    cies.push(cie);
    at += length + 4;
  }
  return {
    count: offsets.length,
    offset: Uint32Array.from(offsets),
    size: Uint32Array.from(sizes),
    cie: Int32Array.from(cies),
  };
}

function checkRecord(bytes: Uint8Array, at: number, length: number, base: number): void {
  if (length === 0xffffffff) throw new FormatError('.eh_frame has a record with a 64-bit length', base + at);
  if (length < 4 || at + 4 + length > bytes.length) {
    throw new FormatError(`a record of .eh_frame has ${length} bytes; the section ends before`, base + at);
  }
}
