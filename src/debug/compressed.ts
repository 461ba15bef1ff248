/** Reader of SHF_COMPRESSED sections (gABI chapter 4, "Compression Header"). */
import { readU32, readU64 } from '../elf/bytes.ts';
import { CHDR_SIZE, ELFCOMPRESS_ZLIB } from '../elf/constants.ts';
import type { InputFiles } from '../inputs.ts';

/** The section's content, or undefined if it is damaged or nothing here can decompress it. */
export function readCompressed(bytes: Uint8Array, files: InputFiles): Uint8Array | undefined {
  if (bytes.length < CHDR_SIZE || readU32(bytes, 0) !== ELFCOMPRESS_ZLIB) return undefined;
  const content = files.inflate?.(bytes.subarray(CHDR_SIZE));
  return content?.length === readU64(bytes, 8) ? content : undefined;
}
