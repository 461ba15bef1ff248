/** Writes an ELF64 header and its program headers (gABI chapters 4 and 5) at the places a layout names. */
import { writeU16, writeU32, writeU64 } from '../elf/bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_EXEC,
  EV_CURRENT,
  PHDR_SIZE,
} from '../elf/constants.ts';
interface HeaderLayout { readonly e_phoff: number; readonly e_ehsize: number }

/** One program header. Addresses are virtual, sizes and offsets in bytes. */
export interface ProgramHeader {
  readonly type: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

/** What the ELF header says. */
export interface HeaderFields {
  readonly layout: HeaderLayout;
  readonly osabi: number;
  readonly identPad: Uint8Array;
  /** Virtual address of the first instruction. */
  readonly entry: number;
  readonly programHeaders: readonly ProgramHeader[];
}

/**
 * Writes the headers to the start of `image`. The program headers come last, so that they win where the two
 * overlap; the layout guarantees that the ELF header's fields read right there.
 */
export function encodeHeader(image: Uint8Array, fields: HeaderFields): void {
  const { layout, programHeaders } = fields;
  writeElfHeader(image, fields);
  programHeaders.forEach((header, i) => {
    writeProgramHeader(image.subarray(layout.e_phoff + i * PHDR_SIZE), header);
  });
}

function writeElfHeader(image: Uint8Array, fields: HeaderFields): void {
  const { layout, osabi, identPad, entry, programHeaders } = fields;
  image.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, osabi], 0);
  image.set(identPad, 8);
  writeU16(image, 16, ET_EXEC);
  writeU16(image, 18, EM_X86_64);
  writeU32(image, 20, EV_CURRENT);
  writeU64(image, 24, entry);
  writeU64(image, 32, layout.e_phoff);
  writeU16(image, 52, layout.e_ehsize);
  writeU16(image, 54, PHDR_SIZE);
  if (layout.e_phoff >= EHDR_SIZE) writeU16(image, 56, programHeaders.length); // e_phnum; else p_type supplies it
}

function writeProgramHeader(phdr: Uint8Array, header: ProgramHeader): void {
  writeU32(phdr, 0, header.type);
  writeU32(phdr, 4, header.flags);
  writeU64(phdr, 8, header.offset);
  writeU64(phdr, 16, header.address); // p_vaddr
  writeU64(phdr, 24, header.address); // p_paddr
  writeU64(phdr, 32, header.fileSize);
  writeU64(phdr, 40, header.memorySize);
  writeU64(phdr, 48, header.alignment);
}
