/** Writes an ELF64 header and its one program header (gABI chapters 4 and 5) at the places a layout names. */
import { writeU16, writeU32, writeU64 } from '../elf/bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_EXEC,
  EV_CURRENT,
  PHDR_SIZE,
  PT_LOAD,
} from '../elf/constants.ts';
import type { HeaderLayout } from './layouts.ts';

/** What the header says. Addresses are virtual, sizes in bytes. */
export interface HeaderFields {
  readonly layout: HeaderLayout;
  readonly osabi: number;
  readonly identPad: Uint8Array;
  readonly entry: number;
  /** Address of file offset 0: p_vaddr, as p_offset is 0. */
  readonly base: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

const PAGE = 0x1000;

/**
 * Writes the header into the first `layout.size` bytes of `image`. The program header comes last, so that it
 * wins where the two overlap; the layout guarantees that the ELF header's fields read right there.
 */
export function encodeHeader(image: Uint8Array, fields: HeaderFields): void {
  writeElfHeader(image, fields);
  writeProgramHeader(image.subarray(fields.layout.e_phoff, fields.layout.e_phoff + PHDR_SIZE), fields);
}

function writeElfHeader(image: Uint8Array, { layout, osabi, identPad, entry }: HeaderFields): void {
  image.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, osabi], 0);
  image.set(identPad, 8);
  writeU16(image, 16, ET_EXEC);
  writeU16(image, 18, EM_X86_64);
  writeU32(image, 20, EV_CURRENT);
  writeU64(image, 24, entry);
  writeU64(image, 32, layout.e_phoff);
  writeU16(image, 52, layout.e_ehsize);
  writeU16(image, 54, PHDR_SIZE);
  if (layout.e_phoff >= EHDR_SIZE) writeU16(image, 56, 1); // e_phnum; else p_type supplies it
}

function writeProgramHeader(phdr: Uint8Array, { base, flags, fileSize, memorySize }: HeaderFields): void {
  writeU32(phdr, 0, PT_LOAD);
  writeU32(phdr, 4, flags);
  writeU64(phdr, 8, 0); // p_offset
  writeU64(phdr, 16, base); // p_vaddr
  writeU64(phdr, 24, base); // p_paddr
  writeU64(phdr, 32, fileSize);
  writeU64(phdr, 40, memorySize);
  writeU64(phdr, 48, PAGE); // p_align
}
