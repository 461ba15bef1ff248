/** How many of the zeros at the end of the file are left out. */
import type { HeaderLayout } from '../header/layout.ts';
import { type Header, isConventional } from '../header/layouts.ts';
import { PAGE } from '../header/structure.ts';
import type { LinkOptions } from '../options.ts';

/** Whether any are: conventional headers and tables are for tools, which expect all bytes in the file. */
export function isTrimmed({ name }: Header, { tables }: LinkOptions): boolean {
  return !isConventional(name) && tables === 'none';
}

/**
 * The size that a file of `size` bytes keeps at least if all of it are zeros that `layout` loads. Linux maps whole
 * pages of the file; memory beyond them comes from p_memsz, if the segment can be written to (set_brk and padzero in
 * fs/binfmt_elf.c) and p_filesz ends with the file: pages that p_filesz covers and the file does not have end the
 * program when it touches them.
 */
export function leastFileSize({ p_filesz }: HeaderLayout, size: number, isWritable: boolean): number {
  if (isWritable && p_filesz.modulus === 1) return 1;
  return Math.floor((size - 1) / PAGE) * PAGE + 1;
}
