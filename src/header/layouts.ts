/**
 * Where the program headers may lie: hand-laid ELF64 headers as data. Linux reads only the magic, e_type,
 * e_machine, e_phoff, e_phentsize, e_phnum and e_entry of the ELF header (fs/binfmt_elf.c, load_elf_binary), so
 * the program header may begin inside it, as long as both agree on the bytes they share.
 */
import { PHDR_SIZE } from '../elf/constants.ts';

export type HeaderName = 'classic' | 'plain';

/** A way to lay ELF header and program headers into each other. */
export interface HeaderLayout {
  readonly name: HeaderName;
  /** File offset of the first program header. */
  readonly e_phoff: number;
  readonly e_ehsize: number;
  /** How many program headers it can have. */
  readonly maxHeaders: number;
}

const HEADER_LAYOUTS: Readonly<Record<HeaderName, HeaderLayout>> = {
  /**
   * The program header begins at e_phnum: p_type = PT_LOAD = 1 gives e_phnum = 1 and e_shentsize = 0, and
   * p_flags lies in e_shnum, which the kernel does not read.
   */
  classic: { name: 'classic', e_phoff: 0x38, e_ehsize: 0x38, maxHeaders: 1 },
  /** Nothing overlaps. */
  plain: { name: 'plain', e_phoff: 0x40, e_ehsize: 0x40, maxHeaders: 73 },
};

/** The layout a user asked for, or the plain one where that cannot have `count` program headers. */
export function chooseLayout(name: HeaderName, count: number): HeaderLayout {
  const asked = HEADER_LAYOUTS[name];
  return count <= asked.maxHeaders ? asked : HEADER_LAYOUTS.plain;
}

/** Bytes from the start of the file to the end of the last program header: where the program may begin. */
export function headerSize(layout: HeaderLayout, count: number): number {
  return layout.e_phoff + count * PHDR_SIZE;
}
