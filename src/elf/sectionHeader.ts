/** Writer of section headers (gABI chapter 4, "Section Header"). */
import { writeU32, writeU64 } from './bytes.ts';

/** The fields of a section header under their own names. Offsets and sizes in bytes. */
interface SectionHeader {
  /** Offset of the name in the table of section names. */
  readonly sh_name: number;
  readonly sh_type: number;
  readonly sh_flags: number;
  readonly sh_addr: number;
  readonly sh_offset: number;
  readonly sh_size: number;
  readonly sh_link: number;
  readonly sh_info: number;
  readonly sh_addralign: number;
  readonly sh_entsize: number;
}

/** Writes a section header at byte `at`. */
export function writeSectionHeader(bytes: Uint8Array, at: number, header: SectionHeader): void {
  writeU32(bytes, at, header.sh_name);
  writeU32(bytes, at + 4, header.sh_type);
  writeU64(bytes, at + 8, header.sh_flags);
  writeU64(bytes, at + 16, header.sh_addr);
  writeU64(bytes, at + 24, header.sh_offset);
  writeU64(bytes, at + 32, header.sh_size);
  writeU32(bytes, at + 40, header.sh_link);
  writeU32(bytes, at + 44, header.sh_info);
  writeU64(bytes, at + 48, header.sh_addralign);
  writeU64(bytes, at + 56, header.sh_entsize);
}
