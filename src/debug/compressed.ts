/**
 * Reader of compressed debug sections: those with SHF_COMPRESSED (gABI chapter 4, "Compression Header"), and those of
 * `-gz=zlib-gnu`, whose names begin with `.zdebug_` (GNU binutils, bfd/compress.c).
 */
import { readU32, readU32BE, readU64 } from '../elf/bytes.ts';
import { CHDR_SIZE, ELFCOMPRESS_ZLIB } from '../elf/constants.ts';
import type { InputFiles } from '../inputs.ts';

/** More than any debug section has; a larger one is damage. */
export const MAX_ALIGNMENT = 4096;

/** Bytes that compressed sections may become beside what `MAX_GROWTH` permits. */
const FREE_SIZE = 2 ** 26;
/** How many times its own size a compressed section may become: zlib can do 1000, debug information gets to 20. */
const MAX_GROWTH = 32;

/** Counts what the compressed sections of a link become, so that a small file does not fill the memory. */
export class InflationBudget {
  #left = FREE_SIZE;

  /** Takes a section of some bytes into account. @param to its size as it is decompressed @returns false if it is too large */
  take(from: number, to: number): boolean {
    if (to > this.#left + from * MAX_GROWTH) return false;
    this.#left -= to - from * MAX_GROWTH;
    return true;
  }
}

/** A section's content, and the alignment that it had before it was compressed, in bytes. */
export interface SectionContent {
  readonly bytes: Uint8Array;
  readonly alignment: number;
}

/**
 * Decompresses a section.
 * @param budget what the compressed sections of the link may become
 * @returns undefined if the section is damaged, too large, or if nothing here can decompress it
 */
export function readCompressed(
  bytes: Uint8Array,
  files: InputFiles,
  budget: InflationBudget,
): SectionContent | undefined {
  if (bytes.length < CHDR_SIZE || readU32(bytes, 0) !== ELFCOMPRESS_ZLIB) return undefined;
  const size = readU64(bytes, 8);
  const alignment = Math.max(1, readU64(bytes, 16));
  const isSound = alignment <= MAX_ALIGNMENT && Math.log2(alignment) % 1 === 0;
  return isSound ? inflate(bytes, CHDR_SIZE, { size, alignment }, files, budget) : undefined;
}

/** "ZLIB", and the size of the content as a big-endian number of eight bytes. */
const GNU_MAGIC = 0x5a4c4942;
const GNU_HEADER_SIZE = 12;

/** As `readCompressed`, for a section that `isCompressedByGnu`. @param alignment of the section, in bytes */
export function readCompressedByGnu(
  bytes: Uint8Array,
  alignment: number,
  files: InputFiles,
  budget: InflationBudget,
): SectionContent | undefined {
  if (bytes.length < GNU_HEADER_SIZE || readU32BE(bytes, 0) !== GNU_MAGIC) return undefined;
  const size = readU32BE(bytes, 4) * 2 ** 32 + readU32BE(bytes, 8);
  return inflate(bytes, GNU_HEADER_SIZE, { size, alignment }, files, budget);
}

/** Decompresses what stands behind a header, which has said what that becomes: its size and alignment, in bytes. */
function inflate(
  bytes: Uint8Array,
  headerSize: number,
  { size, alignment }: { readonly size: number; readonly alignment: number },
  files: InputFiles,
  budget: InflationBudget,
): SectionContent | undefined {
  if (!budget.take(bytes.length, size)) return undefined;
  const content = files.inflate?.(bytes.subarray(headerSize), size);
  return content?.length === size ? { bytes: content, alignment } : undefined;
}
