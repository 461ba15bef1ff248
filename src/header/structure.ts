/**
 * The fields of the ELF64 header and program header by place (gABI chapters 4 and 5), and which of them are looked
 * at when a program is loaded and starts.
 */
import type { HeaderKind } from './layout.ts';

/** EI_MAG as a number: 7f 45 4c 46. */
export const ELF_MAGIC = 0x464c457f;

/** Size of a page in bytes. */
export const PAGE = 0x1000;

/** Lowest address that users other than root may map: vm.mmap_min_addr of Debian and Ubuntu. */
export const LOWEST_BASE = 0x10000;

/** Where a field lies in its structure, in bytes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

export const ELF_HEADER = {
  EI_MAG: { offset: 0, size: 4 },
  EI_CLASS: { offset: 4, size: 1 },
  EI_DATA: { offset: 5, size: 1 },
  EI_VERSION: { offset: 6, size: 1 },
  EI_OSABI: { offset: 7, size: 1 },
  EI_PAD: { offset: 8, size: 8 },
  e_type: { offset: 16, size: 2 },
  e_machine: { offset: 18, size: 2 },
  e_version: { offset: 20, size: 4 },
  e_entry: { offset: 24, size: 8 },
  e_phoff: { offset: 32, size: 8 },
  e_shoff: { offset: 40, size: 8 },
  e_flags: { offset: 48, size: 4 },
  e_ehsize: { offset: 52, size: 2 },
  e_phentsize: { offset: 54, size: 2 },
  e_phnum: { offset: 56, size: 2 },
  e_shentsize: { offset: 58, size: 2 },
  e_shnum: { offset: 60, size: 2 },
  e_shstrndx: { offset: 62, size: 2 },
} as const satisfies Readonly<Record<string, Place>>;

export const PROGRAM_HEADER = {
  p_type: { offset: 0, size: 4 },
  p_flags: { offset: 4, size: 4 },
  p_offset: { offset: 8, size: 8 },
  p_vaddr: { offset: 16, size: 8 },
  p_paddr: { offset: 24, size: 8 },
  p_filesz: { offset: 32, size: 8 },
  p_memsz: { offset: 40, size: 8 },
  p_align: { offset: 48, size: 8 },
} as const satisfies Readonly<Record<string, Place>>;

export type ElfField = keyof typeof ELF_HEADER;
export type ProgramField = keyof typeof PROGRAM_HEADER;

export const ELF_FIELDS = Object.keys(ELF_HEADER) as readonly ElfField[];
export const PROGRAM_FIELDS = Object.keys(PROGRAM_HEADER) as readonly ProgramField[];

/** What Linux reads of the ELF header of a static program (fs/binfmt_elf.c, load_elf_binary and load_elf_phdrs). */
const READ_OF_ELF_HEADER: ReadonlySet<ElfField> = new Set<ElfField>([
  'EI_MAG',
  'e_type',
  'e_machine',
  'e_entry',
  'e_phoff',
  'e_phentsize',
  'e_phnum',
]);

const READ_OF_SEGMENT: readonly ProgramField[] = [
  'p_type',
  'p_flags',
  'p_offset',
  'p_vaddr',
  'p_filesz',
  'p_memsz',
];

/**
 * What is read of each program header. Segments: elf_load of fs/binfmt_elf.c; p_align counts only without fixed
 * addresses. Thread template: static_init_tls of musl and __libc_setup_tls of glibc. Unwind table: dl_iterate_phdr's
 * callers, of which LLVM's libunwind reads p_memsz too. Stack: the kernel and glibc read PF_X, musl p_memsz.
 */
const READ_OF_PROGRAM_HEADER: Readonly<Record<HeaderKind, ReadonlySet<ProgramField>>> = {
  load: new Set(READ_OF_SEGMENT),
  data: new Set(READ_OF_SEGMENT),
  thread: new Set<ProgramField>(['p_type', 'p_vaddr', 'p_filesz', 'p_memsz', 'p_align']),
  ehFrame: new Set<ProgramField>(['p_type', 'p_vaddr', 'p_memsz']),
  stack: new Set<ProgramField>(['p_type', 'p_flags', 'p_memsz']),
};

/** Bits of each byte of an ELF header field that Linux reads: 0xff or 0. */
export function elfFieldBits(field: ElfField): number {
  return READ_OF_ELF_HEADER.has(field) ? 0xff : 0;
}

/**
 * Bits of byte `index` of a program header's field that Linux or a C library reads. Of p_flags these are
 * PF_R | PF_W | PF_X, and of PT_GNU_STACK's PF_X alone, all in the first byte.
 */
export function programFieldBits(kind: HeaderKind, field: ProgramField, index: number): number {
  if (!READ_OF_PROGRAM_HEADER[kind].has(field)) return 0;
  if (field !== 'p_flags') return 0xff;
  if (index > 0) return 0;
  return kind === 'stack' ? 1 : 7;
}

/** Byte `index` of `value`, a number of 0 … 2^53 in little-endian order. */
export function byteOf(value: number, index: number): number {
  return Math.floor(value / 256 ** index) % 256;
}
