/** What the overlaps leave of e_entry: where a program may start, and what that says about its base. */
import type { Cells } from './cells.ts';
import type { Hole } from './layout.ts';
import { ELF_HEADER, LOWEST_BASE, PAGE, PROGRAM_HEADER } from './structure.ts';

/** The part of a layout that follows from e_entry; see HeaderLayout. */
export interface EntryRules {
  readonly baseShift: number | undefined;
  readonly e_entry: Hole | undefined;
  readonly entry: Hole | undefined;
}

const { e_entry } = ELF_HEADER;
const { p_vaddr, p_offset, p_flags } = PROGRAM_HEADER;

/**
 * For fixed addresses: p_vaddr must be open, so that the base can follow from e_entry. Bytes of e_entry that
 * nothing fixes above such that are fixed are 0, the lowest address.
 * @param load file offset of the header of kind `load`
 * @returns undefined if no such program can start
 */
export function entryOfFixedBase(cells: Cells, load: number, permissions: number): EntryRules | undefined {
  if (!cells.isFieldOpen(load, p_vaddr)) return undefined;
  const open = countOpenBytes(cells);
  applyUserAddress(cells);
  if (open === e_entry.size) return { baseShift: undefined, e_entry: undefined, entry: undefined };
  const start = cells.valueOf(0, e_entry);
  const range = { start, end: start + 256 ** open };
  const entry =
    range.end - start < PAGE ? { start: start % PAGE, end: (start % PAGE) + 256 ** open } : undefined;
  const flagsByte = load + p_flags.offset - e_entry.offset;
  if (flagsByte < 0 || flagsByte >= e_entry.size) {
    return start < LOWEST_BASE ? undefined : { baseShift: undefined, e_entry: range, entry };
  }
  const rest = start - permissions * 256 ** flagsByte;
  return rest < PAGE ? { baseShift: 8 * flagsByte, e_entry: undefined, entry } : undefined;
}

/**
 * For a random base: e_entry and p_vaddr are all known, and differ by where in the file the program starts.
 * @param load file offset of the header of kind `load`
 * @returns undefined if it would start outside the first page
 */
export function entryOfRandomBase(cells: Cells, load: number): EntryRules | undefined {
  applyUserAddress(cells);
  const address = cells.valueOf(0, e_entry);
  const start = address - cells.valueOf(load, p_vaddr) + cells.valueOf(load, p_offset);
  if (start < 0 || start >= PAGE) return undefined;
  const range = { start: address, end: address + 1 };
  return { baseShift: undefined, e_entry: range, entry: { start, end: start + 1 } };
}

/** How many low bytes of e_entry can have any value. */
function countOpenBytes(cells: Cells): number {
  let count = 0;
  while (count < e_entry.size && cells.isOpen(e_entry.offset + count)) count++;
  return count;
}

/** User space ends at 2^47 (TASK_SIZE_MAX with four levels of page tables). */
function applyUserAddress(cells: Cells): void {
  cells.fix(e_entry.offset + 5, 0, 0x80);
  cells.fix(e_entry.offset + 6, 0);
  cells.fix(e_entry.offset + 7, 0);
}
