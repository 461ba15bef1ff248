/**
 * Reader of `.eh_frame`: a sequence of CIEs and FDEs (LSB Core, chapter "Exception Frames"; DWARF 4, 6.4).
 * Lengths of 64 bits do not occur on x86-64 and are refused.
 */
import { FormatError } from '../diagnostics.ts';
import { readU32 } from './bytes.ts';
import { copyInto } from './sections.ts';

const INITIAL_ROWS = 256;

/** The records of `.eh_frame` sections, those of one section in its order. Offsets are bytes from its start. */
export class UnwindRecords {
  count = 0;
  offset: Uint32Array = new Uint32Array(INITIAL_ROWS);
  /** Bytes of the record, its length field included. */
  size: Uint32Array = new Uint32Array(INITIAL_ROWS);
  /** For an FDE the number of its CIE; for a CIE -1. */
  cie: Int32Array = new Int32Array(INITIAL_ROWS);

  /** Adds a record. */
  add(offset: number, size: number, cie: number): void {
    if (this.count === this.offset.length) this.#grow(this.count * 2);
    const record = this.count++;
    this.offset[record] = offset;
    this.size[record] = size;
    this.cie[record] = cie;
  }

  #grow(rows: number): void {
    this.offset = copyInto(new Uint32Array(rows), this.offset);
    this.size = copyInto(new Uint32Array(rows), this.size);
    this.cie = copyInto(new Int32Array(rows), this.cie);
  }
}

/** Offset in a record of the field that names the CIE; 0 there marks a CIE. */
const ID_FIELD = 4;
/** Offset in an FDE of the address of the first instruction it describes. */
export const FDE_PC_BEGIN = 8;

/**
 * Splits a section into records. A terminator (length 0) is skipped: the output gets one of its own.
 * @throws FormatError whose offset counts from `base`, the section's offset in its object
 */
export function parseEhFrame(bytes: Uint8Array, base: number, records: UnwindRecords): void {
  const first = records.count;
  let latestCie = -1;
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new FormatError('.eh_frame ends within a record', base + at);
    const length = readU32(bytes, at);
    if (length === 0) {
      at += 4;
      continue;
    }
    checkRecord(bytes, at, length, base);
    const id = readU32(bytes, at + ID_FIELD);
    if (id === 0) {
      latestCie = records.count;
      records.add(at, length + 4, -1);
    } else {
      const place = at + ID_FIELD - id;
      // As a rule it is the one before; assemblers put those of all functions first.
      const cie =
        latestCie >= 0 && records.offset[latestCie] === place ? latestCie : findCie(records, first, place);
      if (cie < 0) throw new FormatError('an FDE of .eh_frame names no CIE before it', base + at);
      records.add(at, length + 4, cie);
    }
    at += length + 4;
  }
}

/** The CIE at an offset of the section whose records begin with `first`, or -1. */
function findCie({ count, offset, cie }: UnwindRecords, first: number, place: number): number {
  let low = first;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offset[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low < count && offset[low] === place && cie[low]! < 0 ? low : -1;
}

function checkRecord(bytes: Uint8Array, at: number, length: number, base: number): void {
  if (length === 0xffffffff) throw new FormatError('.eh_frame has a record with a 64-bit length', base + at);
  if (length < 4 || at + 4 + length > bytes.length) {
    throw new FormatError(`a record of .eh_frame has ${length} bytes; the section ends before`, base + at);
  }
}
