/** The fields of the ELF64 header and program header (gABI chapters 4 and 5) by place, size and meaning. */
import { readU16, readU32, readU64 } from '../elf/bytes.ts';
import { EHDR_SIZE, PHDR_SIZE } from '../elf/constants.ts';

interface Field {
  readonly name: string;
  /** Offset in its structure, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly meaning: string;
}

/** A field of a file's header, with where it lies and what it says. */
export interface PlacedField extends Field {
  /** File offset. */
  readonly offset: number;
  readonly value: number;
}

const EHDR_FIELDS: readonly Field[] = [
  field('EI_MAG', 0, 4, 'the magic number'),
  field('EI_CLASS', 4, 1, '64-bit; the kernel does not look'),
  field('EI_DATA', 5, 1, 'little-endian; the kernel does not look'),
  field('EI_VERSION', 6, 1, 'the kernel does not look'),
  field('EI_OSABI', 7, 1, 'free: the kernel does not look'),
  field('EI_PAD', 8, 8, 'free: the kernel does not look'),
  field('e_type', 16, 2, 'ET_EXEC, a program with fixed addresses'),
  field('e_machine', 18, 2, 'EM_X86_64'),
  field('e_version', 20, 4, 'the kernel does not look'),
  field('e_entry', 24, 8, 'address of the first instruction'),
  field('e_phoff', 32, 8, 'file offset of the program header'),
  field('e_shoff', 40, 8, 'no section headers; the kernel does not look'),
  field('e_flags', 48, 4, 'the kernel does not look'),
  field('e_ehsize', 52, 2, 'the kernel does not look'),
  field('e_phentsize', 54, 2, 'size of a program header'),
  field('e_phnum', 56, 2, 'number of program headers'),
  field('e_shentsize', 58, 2, 'the kernel does not look'),
  field('e_shnum', 60, 2, 'the kernel does not look'),
  field('e_shstrndx', 62, 2, 'the kernel does not look'),
];

const PHDR_FIELDS: readonly Field[] = [
  field('p_type', 0, 4, 'PT_LOAD, map a part of the file'),
  field('p_flags', 4, 4, 'permissions'),
  field('p_offset', 8, 8, 'from this file offset'),
  field('p_vaddr', 16, 8, 'to this address'),
  field('p_paddr', 24, 8, 'the kernel does not look'),
  field('p_filesz', 32, 8, 'bytes that come from the file'),
  field('p_memsz', 40, 8, 'bytes in memory'),
  field('p_align', 48, 8, 'ignored for a program with fixed addresses'),
];

/** Reads the fields of the ELF header and of the program header that it points to. */
export function readHeaderFields(bytes: Uint8Array): PlacedField[] {
  const e_phoff = readU64(bytes, 32);
  return [...place(bytes, EHDR_FIELDS, 0, EHDR_SIZE), ...place(bytes, PHDR_FIELDS, e_phoff, PHDR_SIZE)];
}

function place(bytes: Uint8Array, fields: readonly Field[], start: number, size: number): PlacedField[] {
  if (start + size > bytes.length) return [];
  return fields.map((field) => {
    const offset = start + field.offset;
    return { ...field, offset, value: readField(bytes, offset, field.size) };
  });
}

function readField(bytes: Uint8Array, offset: number, size: number): number {
  if (size === 1) return bytes[offset]!;
  if (size === 2) return readU16(bytes, offset);
  return size === 4 ? readU32(bytes, offset) : readU64(bytes, offset);
}

function field(name: string, offset: number, size: number, meaning: string): Field {
  return { name, offset, size, meaning };
}
