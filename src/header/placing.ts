/** What a layout asks of the program: its base, where it starts, the size of its segment. */
import type { HeaderLayout } from './layout.ts';
import { LOWEST_BASE, PAGE } from './structure.ts';

/**
 * The base, the address of file offset 0, of a program that starts at file offset `entryOffset`.
 * @param permissions those of `load`: PF_R, PF_W and PF_X
 * @returns undefined where the layout leaves the base to the caller, or where `canEnter` says no
 */
export function baseFor(layout: HeaderLayout, permissions: number, entryOffset: number): number | undefined {
  const { baseShift, e_entry } = layout;
  if (baseShift !== undefined) {
    if (!isEntryInPage(layout, entryOffset)) return undefined;
    return permissions * 2 ** baseShift - Math.floor(entryOffset / PAGE) * PAGE;
  }
  if (!e_entry) return undefined;
  const base = Math.floor((e_entry.end - 1 - entryOffset) / PAGE) * PAGE;
  return base >= LOWEST_BASE && base + entryOffset >= e_entry.start ? base : undefined;
}

/** Whether a program can start at file offset `entryOffset`. */
export function canEnter(layout: HeaderLayout, entryOffset: number): boolean {
  const [permissions] = layout.flags;
  const isTied = layout.baseShift !== undefined || layout.e_entry !== undefined;
  return !isTied || baseFor(layout, permissions!, entryOffset) !== undefined;
}

/**
 * The smallest p_filesz of `load` that the layout allows for `size` bytes from p_offset on. It may lie past the end
 * of the file: elf_map maps whole pages, and pages that the file has no bytes for are not touched.
 *
 * p_memsz follows. Without PF_W it is p_filesz, since Linux up to 6.5 otherwise clears the rest of a page that cannot
 * be written (padzero), which ends the program. With PF_W it is what the program needs, at least p_filesz; where
 * p_filesz goes beyond the last page of the file it is p_filesz, for the same reason. A p_memsz that the layout has
 * goes before. Memory up to the end of the file's last page is zero and needs no p_memsz.
 */
export function legalFileSize({ p_filesz }: HeaderLayout, size: number): number {
  const { modulus, remainder } = p_filesz;
  const least = Math.max(size, 1);
  return least + ((((remainder - least) % modulus) + modulus) % modulus);
}

function isEntryInPage({ entry }: HeaderLayout, entryOffset: number): boolean {
  const place = entryOffset % PAGE;
  return !entry || (place >= entry.start && place < entry.end);
}
