/**
 * Where the program header may lie: hand-laid ELF64 headers as data. Linux reads only the magic, e_type,
 * e_machine, e_phoff, e_phentsize, e_phnum and e_entry of the ELF header (fs/binfmt_elf.c, load_elf_binary), so
 * the program header may begin inside it, as long as both agree on the bytes they share.
 */

export type HeaderName = 'classic' | 'plain';

/** A way to lay ELF header and one program header into each other. */
export interface HeaderLayout {
  readonly name: HeaderName;
  /** File offset of the program header. */
  readonly e_phoff: number;
  /** Bytes from the start of the file to the end of the program header: where the program may begin. */
  readonly size: number;
  readonly e_ehsize: number;
}

export const HEADER_LAYOUTS: Readonly<Record<HeaderName, HeaderLayout>> = {
  /**
   * The program header begins at e_phnum: p_type = PT_LOAD = 1 gives e_phnum = 1 and e_shentsize = 0, and
   * p_flags lies in e_shnum, which the kernel does not read.
   */
  classic: { name: 'classic', e_phoff: 0x38, size: 112, e_ehsize: 0x38 },
  /** Nothing overlaps. */
  plain: { name: 'plain', e_phoff: 0x40, size: 120, e_ehsize: 0x40 },
};
