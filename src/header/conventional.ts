/** Writer of executables' headers as every tool expects them: the program headers right behind the ELF header. */

import { writeU16, writeU32, writeU64 } from '../elf/bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  EV_CURRENT,
  PHDR_SIZE,
  SHDR_SIZE,
} from '../elf/constants.ts';
import type { ProgramHeader } from './encode.ts';

/** Bytes that an ELF header and so many program headers take. */
export function headerSize(count: number): number {
  return EHDR_SIZE + count * PHDR_SIZE;
}

/**
 * Writes both headers to the start of a file (gABI chapters 4 and 5).
 * @param type e_type: ET_EXEC or ET_DYN
 * @param entry virtual address
 */
export function writeHeaders(
  file: Uint8Array,
  type: number,
  entry: number,
  headers: readonly ProgramHeader[],
): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT]);
  writeU16(file, 16, type);
  writeU16(file, 18, EM_X86_64);
  writeU32(file, 20, EV_CURRENT);
  writeU64(file, 24, entry);
  writeU64(file, 32, EHDR_SIZE);
  writeU16(file, 52, EHDR_SIZE);
  writeU16(file, 54, PHDR_SIZE);
  writeU16(file, 56, headers.length);
  writeU16(file, 58, SHDR_SIZE);
  headers.forEach((header, i) => {
    writeEntry(file, headerSize(i), header);
  });
}

function writeEntry(file: Uint8Array, at: number, header: ProgramHeader): void {
  writeU32(file, at, header.type);
  writeU32(file, at + 4, header.flags);
  writeU64(file, at + 8, header.offset);
  writeU64(file, at + 16, header.address);
  writeU64(file, at + 24, header.address);
  writeU64(file, at + 32, header.fileSize);
  writeU64(file, at + 40, header.memorySize);
  writeU64(file, at + 48, header.alignment);
}
