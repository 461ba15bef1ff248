/** The index of unwind tables against the tables themselves, as an unwinder reads both (LSB Core, "Exception Frame Header"). */
import { readI32, readU32 } from '../elf/bytes.ts';
import { DW_EH_PE_pcrel, DW_EH_PE_sdata4, readCie } from '../elf/cie.ts';
import { FDE_PC_BEGIN } from '../elf/ehFrame.ts';
import { assertInvariant } from '../invariant.ts';
import type { ImageReader } from './imageReader.ts';

const HEADER_SIZE = 12;
const ENTRY_SIZE = 8;
/** Offset in a record of what leads to its CIE, and is 0 in one. */
const CIE_POINTER = 4;

/** Where a section lies. */
interface Place {
  readonly address: number;
  /** In the file. */
  readonly offset: number;
  readonly size: number;
}

/**
 * Looks up every function of the index: entries ascend, and each leads to an FDE that begins where it says.
 * @param index `.eh_frame_hdr`
 * @param table `.eh_frame`
 * @throws InvariantError
 */
export function verifyUnwindIndex(reader: ImageReader, index: Place, table: Place): void {
  reader.open(index.offset, index.size);
  // What is opened next may take its place.
  const start = index.offset - reader.shift;
  const entries = reader.bytes.slice(start, start + index.size);
  reader.open(table.offset, table.size);
  const from = table.offset - reader.shift;
  const records = reader.bytes.subarray(from, from + table.size);
  const encodings = new Map<number, number>();
  const count = readU32(entries, 8);
  let last = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const at = HEADER_SIZE + i * ENTRY_SIZE;
    const begin = index.address + readI32(entries, at);
    const fde = index.address + readI32(entries, at + 4) - table.address;
    const holds = begin >= last && isAt(records, fde, begin - table.address, encodings);
    assertInvariant(holds, 'the index of unwind tables leads to them', () => `entry ${i}`);
    last = begin;
  }
}

/** Whether an FDE describes the code at a distance from the table, as far as its CIE lets that be told without more. */
function isAt(records: Uint8Array, fde: number, begin: number, encodings: Map<number, number>): boolean {
  if (fde < 0 || fde + FDE_PC_BEGIN + 4 > records.length) return false;
  const cie = fde + CIE_POINTER - readU32(records, fde + CIE_POINTER);
  if (cie < 0 || cie >= fde || readU32(records, cie + CIE_POINTER) !== 0) return false;
  const encoding = encodings.get(cie) ?? readCie(records, cie).encoding;
  encodings.set(cie, encoding);
  if (encoding !== (DW_EH_PE_pcrel | DW_EH_PE_sdata4)) return true;
  return fde + FDE_PC_BEGIN + readI32(records, fde + FDE_PC_BEGIN) === begin;
}
