/**
 * Derives what follows when program headers lie at a place: overlapping bytes are made one, then the rules of
 * Linux' loader are applied to what is left open (load_elf_binary and elf_load of fs/binfmt_elf.c).
 */
import { EHDR_SIZE, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X, PHDR_SIZE } from '../elf/constants.ts';
import { Cells } from './cells.ts';
import { type EntryRules, entryOfFixedBase, entryOfRandomBase } from './entry.ts';
import { holesOf, portableHolesOf } from './holes.ts';
import { type Choice, layHeaders } from './lay.ts';
import type { Congruence, HeaderKind, HeaderLayout } from './layout.ts';
import { byteOf, ELF_HEADER, PAGE, PROGRAM_HEADER } from './structure.ts';

/** Segments that only write and execute are the last resort: x86-64 lets them be read, other tools wonder. */
const PERMISSIONS: readonly (readonly number[])[] = [[PF_R | PF_X, PF_R | PF_W | PF_X], [PF_W | PF_X]];

/** The most memory that a segment may take because of its overlaps, in bytes: what larger machines have free. */
const MOST_FORCED_MEMORY = 2 ** 33;

const { p_offset, p_vaddr, p_filesz, p_memsz } = PROGRAM_HEADER;

/**
 * Derives the layout with the program header table at `e_phoff` and these headers in this order.
 * A random base (ET_DYN) is taken only for one header, where addresses that are fixed cannot work.
 * @returns undefined if Linux does not load such a file
 */
export function solveLayout(e_phoff: number, kinds: readonly HeaderKind[]): HeaderLayout | undefined {
  for (const e_type of kinds.length === 1 ? [ET_EXEC, ET_DYN] : [ET_EXEC]) {
    for (const permissions of PERMISSIONS) {
      const solved = permissions.flatMap((choice) => {
        const layout = solveFor({ e_phoff, kinds, e_type, permissions: choice });
        return layout ? [layout] : [];
      });
      if (solved.length > 0) return { ...solved[0]!, flags: solved.flatMap(({ flags }) => flags) };
    }
  }
  return undefined;
}

function solveFor(choice: Choice): HeaderLayout | undefined {
  const { e_phoff, kinds, e_type, permissions } = choice;
  const end = e_phoff + kinds.length * PHDR_SIZE;
  const load = e_phoff + kinds.indexOf('load') * PHDR_SIZE;
  const cells = new Cells(Math.max(end, EHDR_SIZE));
  layHeaders(cells, choice);
  if (!cells.isConsistent || !areOtherHeadersOpen(cells, choice)) return undefined;
  const fileSize = congruenceOf(cells, load + p_filesz.offset);
  const hasOpenMemory = cells.isFieldOpen(load, p_memsz);
  if (!fileSize || !(hasOpenMemory || canForceMemory(cells, load, choice))) return undefined;
  const entry =
    e_type === ET_EXEC ? entryOfFixedBase(cells, load, permissions) : applyRandomBase(cells, load);
  applyFirstPage(cells, load);
  if (!entry || !cells.isConsistent) return undefined;
  const isPortable = applyOtherLoaders(cells, kinds, fileSize);
  return {
    e_phoff,
    kinds,
    end,
    p_offset: cells.valueOf(load, p_offset),
    holes: holesOf(e_phoff, kinds),
    portableHoles: isPortable ? portableHolesOf(e_phoff, kinds) : undefined,
    ...entry,
    p_filesz: fileSize,
    p_memsz: hasOpenMemory ? undefined : cells.valueOf(load, p_memsz),
    e_type,
    findsTable: findsTable(kinds, e_phoff, cells.valueOf(load, p_offset)),
    flags: [permissions],
  };
}

/**
 * The program decides what the headers other than `load` say, so that every byte of theirs that is read must be
 * theirs alone, but for constants. PF_X of PT_GNU_STACK is such a constant.
 */
function areOtherHeadersOpen(cells: Cells, { e_phoff, kinds }: Choice): boolean {
  return kinds.every((kind, i) => {
    const at = e_phoff + i * PHDR_SIZE;
    return decidedFields(kind).every((field) => cells.isFieldOpen(at, PROGRAM_HEADER[field]));
  });
}

function decidedFields(kind: HeaderKind): readonly (keyof typeof PROGRAM_HEADER)[] {
  if (kind === 'data') return ['p_offset', 'p_vaddr', 'p_filesz', 'p_memsz'];
  if (kind === 'thread') return ['p_vaddr', 'p_filesz', 'p_memsz', 'p_align'];
  if (kind === 'ehFrame') return ['p_vaddr', 'p_memsz'];
  return kind === 'stack' ? ['p_memsz'] : [];
}

/** A size whose low bytes are known and whose others are open; undefined for any other mixture. */
function congruenceOf(cells: Cells, at: number): Congruence | undefined {
  let known = 0;
  while (known < p_filesz.size && cells.isKnown(at + known)) known++;
  if (!cells.isFieldOpen(at, { offset: known, size: p_filesz.size - known })) return undefined;
  const remainder = cells.valueOf(at, { offset: 0, size: known });
  return known < p_filesz.size ? { modulus: 256 ** known, remainder } : undefined;
}

/**
 * A p_memsz that overlaps say reaches past the end of the file: pages that are zero, for which Linux up to 6.5 wants
 * the segment to be writable (padzero in load_elf_binary).
 */
function canForceMemory(cells: Cells, load: number, { e_type, permissions }: Choice): boolean {
  if (e_type === ET_EXEC || (permissions & PF_W) === 0) return false;
  const memory = cells.valueOf(load, p_memsz);
  return memory >= PAGE && memory <= MOST_FORCED_MEMORY;
}

/**
 * File offset 0 must be mapped: p_offset lies in the first page, and p_vaddr at the same place of its page. Bits of
 * p_offset that nothing else fixes are 0.
 */
function applyFirstPage(cells: Cells, load: number): void {
  applyOffsetBelowPage(cells, load);
  applySamePlaceInPage(cells, load);
  const value = cells.valueOf(load, p_offset);
  cells.fixField(load, p_offset, value);
  applySamePlaceInPage(cells, load);
}

function applyOffsetBelowPage(cells: Cells, load: number): void {
  const at = load + p_offset.offset;
  cells.fix(at + 1, 0, 0xf0);
  for (let i = 2; i < p_offset.size; i++) cells.fix(at + i, 0);
}

/** elf_map refuses an address and an offset that differ within the page. */
function applySamePlaceInPage(cells: Cells, load: number): void {
  cells.equate(load + p_offset.offset, load + p_vaddr.offset);
  cells.equate(load + p_offset.offset + 1, load + p_vaddr.offset + 1, 0x0f);
}

/**
 * The program must start in the first page, so that e_entry and p_vaddr agree in their upper bytes; the loader adds
 * the same random number to both.
 */
function applyRandomBase(cells: Cells, load: number): EntryRules | undefined {
  applyOffsetBelowPage(cells, load);
  const { e_entry } = ELF_HEADER;
  for (let i = 4; i < e_entry.size; i++) cells.equate(e_entry.offset + i, load + p_vaddr.offset + i);
  applyFirstPage(cells, load);
  return entryOfRandomBase(cells, load);
}

/**
 * load_elf_binary from 5.18 on takes the segment that holds e_phoff, before it took the first PT_LOAD: `load` must be
 * both. p_filesz always reaches beyond the table.
 */
function findsTable(kinds: readonly HeaderKind[], e_phoff: number, offset: number): boolean {
  return offset <= e_phoff && isBeforeData(kinds);
}

function isBeforeData(kinds: readonly HeaderKind[]): boolean {
  return !kinds.includes('data') || kinds.indexOf('load') < kinds.indexOf('data');
}

/** Offsets and values of bytes that loaders other than Linux read: e_ident[4..6] all, e_ehsize qemu-user. */
const PORTABLE_BYTES: readonly (readonly [number, number])[] = [
  [ELF_HEADER.EI_CLASS.offset, 2],
  [ELF_HEADER.EI_DATA.offset, 1],
  [ELF_HEADER.EI_VERSION.offset, 1],
  [ELF_HEADER.e_ehsize.offset, byteOf(EHDR_SIZE, 0)],
  [ELF_HEADER.e_ehsize.offset + 1, byteOf(EHDR_SIZE, 1)],
];

/**
 * Gives the bytes that other loaders read the values that they want, if all can have them. gVisor also wants PT_LOADs
 * in the order of their addresses, and a p_filesz that ends in the last page of the file.
 */
function applyOtherLoaders(cells: Cells, kinds: readonly HeaderKind[], fileSize: Congruence): boolean {
  if (fileSize.remainder !== 0 || PAGE % fileSize.modulus !== 0 || !isBeforeData(kinds)) return false;
  if (!PORTABLE_BYTES.every(([offset, value]) => cells.allows(offset, value))) return false;
  for (const [offset, value] of PORTABLE_BYTES) cells.fix(offset, value);
  return true;
}
