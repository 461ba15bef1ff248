/** What a header layout is: one way to lay ELF header and program headers into each other, as data. */

/** What a program header is for: the first PT_LOAD, a second writable one, and the headers for a C library. */
export type HeaderKind = 'load' | 'data' | 'thread' | 'ehFrame' | 'stack';

/** Numbers from `start` up to but not including `end`: bytes of the file, or addresses. */
export interface Hole {
  readonly start: number;
  readonly end: number;
}

/** Numbers congruent to `remainder` modulo `modulus`. */
export interface Congruence {
  readonly modulus: number;
  readonly remainder: number;
}

/**
 * A layout with everything that follows from its overlaps. Offsets and sizes in bytes; file offset 0 is the first
 * byte of the ELF magic. `base` is the address of file offset 0.
 */
export interface HeaderLayout {
  /** File offset of the program header table. */
  readonly e_phoff: number;
  /** Program headers in table order. */
  readonly kinds: readonly HeaderKind[];
  /** End of the table: the file cannot be shorter (elf_read of load_elf_phdrs). */
  readonly end: number;
  /** p_offset of the header of kind `load`. It is below 4096, so that the mapping begins with file offset 0. */
  readonly p_offset: number;
  /** Bytes that neither Linux nor a C library looks at, ascending. */
  readonly holes: readonly Hole[];
  /**
   * Bytes that FreeBSD, gVisor and qemu-user do not look at either, but for e_ident[EI_OSABI] on FreeBSD; undefined
   * where gVisor or qemu-user refuse the layout. FreeBSD takes only an e_phoff that is a multiple of 8.
   */
  readonly portableHoles: readonly Hole[] | undefined;
  /** Set where the base is tied to the permissions: base = permissions · 2^baseShift − 4096 n, n ≥ 0. */
  readonly baseShift: number | undefined;
  /**
   * Set where constants of other fields lie in e_entry: the addresses at which the program can start. With ET_DYN
   * they are those in the file, to which the loader adds a random number of pages.
   */
  readonly e_entry: Hole | undefined;
  /** File offsets at which the program may start, modulo 4096; undefined for anywhere. */
  readonly entry: Hole | undefined;
  /** What p_filesz of `load` must be. */
  readonly p_filesz: Congruence;
  /** Set where overlaps say what p_memsz of `load` is. */
  readonly p_memsz: number | undefined;
  /** ET_EXEC, or ET_DYN for the one layout whose fields leave no other choice. */
  readonly e_type: number;
  /** Whether AT_PHDR points to the table on every kernel. */
  readonly findsTable: boolean;
  /** Permissions that `load` can have: subsets of PF_R | PF_W | PF_X as numbers. */
  readonly flags: readonly number[];
}

/** How many bytes lie in holes. */
export function holeBytes(holes: readonly Hole[]): number {
  return holes.reduce((sum, { start, end }) => sum + end - start, 0);
}
