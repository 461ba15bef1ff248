/** Reader of SHF_COMPRESSED sections (gABI chapter 4, "Compression Header"). */
import { readU32, readU64 } from '../elf/bytes.ts';
import { CHDR_SIZE, ELFCOMPRESS_ZLIB } from '../elf/constants.ts';
import type { InputFiles } from '../inputs.ts';

/** More than any debug section has; a larger one is damage. */
const MAX_ALIGNMENT = 4096;

/** A section's content, and the alignment that it had before it was compressed, in bytes. */
export interface SectionContent {
  readonly bytes: Uint8Array;
  readonly alignment: number;
}

/** @returns undefined if the section is damaged or nothing here can decompress it */
export function readCompressed(bytes: Uint8Array, files: InputFiles): SectionContent | undefined {
  if (bytes.length < CHDR_SIZE || readU32(bytes, 0) !== ELFCOMPRESS_ZLIB) return undefined;
  const content = files.inflate?.(bytes.subarray(CHDR_SIZE));
  const alignment = Math.max(1, readU64(bytes, 16));
  const isWhole = content?.length === readU64(bytes, 8) && alignment <= MAX_ALIGNMENT;
  return isWhole ? { bytes: content, alignment } : undefined;
}
