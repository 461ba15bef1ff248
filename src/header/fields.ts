/** The fields of the ELF64 header and program header (gABI chapters 4 and 5) by place, size and meaning. */
import { readU16, readU32, readU64 } from '../elf/bytes.ts';
import { EHDR_SIZE, PHDR_SIZE } from '../elf/constants.ts';
import {
  ELF_FIELDS,
  ELF_HEADER,
  type ElfField,
  PROGRAM_FIELDS,
  PROGRAM_HEADER,
  type ProgramField,
} from './structure.ts';

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
  /** `ehdr` or `phdr`, with its number if there are several. */
  readonly structure: string;
}

const ELF_MEANINGS: Readonly<Record<ElfField, string>> = {
  EI_MAG: 'the magic number',
  EI_CLASS: '64-bit; the kernel does not look',
  EI_DATA: 'little-endian; the kernel does not look',
  EI_VERSION: 'the kernel does not look',
  EI_OSABI: 'free: the kernel does not look',
  EI_PAD: 'free: the kernel does not look',
  e_type: 'ET_EXEC, a program with fixed addresses',
  e_machine: 'EM_X86_64',
  e_version: 'the kernel does not look',
  e_entry: 'address of the first instruction',
  e_phoff: 'file offset of the program header',
  e_shoff: 'no section headers; the kernel does not look',
  e_flags: 'the kernel does not look',
  e_ehsize: 'the kernel does not look',
  e_phentsize: 'size of a program header',
  e_phnum: 'number of program headers',
  e_shentsize: 'the kernel does not look',
  e_shnum: 'the kernel does not look',
  e_shstrndx: 'the kernel does not look',
};

const PROGRAM_MEANINGS: Readonly<Record<ProgramField, string>> = {
  p_type: 'PT_LOAD, map a part of the file',
  p_flags: 'permissions',
  p_offset: 'from this file offset',
  p_vaddr: 'to this address',
  p_paddr: 'the kernel does not look',
  p_filesz: 'bytes that come from the file',
  p_memsz: 'bytes in memory',
  p_align: 'ignored for a program with fixed addresses',
};

/** Reads the fields of the ELF header and of the program headers that it points to. */
export function readHeaderFields(bytes: Uint8Array): PlacedField[] {
  const elf = ELF_FIELDS.map((name) => ({ name, ...ELF_HEADER[name], meaning: ELF_MEANINGS[name] }));
  const program = PROGRAM_FIELDS.map((name) => ({
    name,
    ...PROGRAM_HEADER[name],
    meaning: PROGRAM_MEANINGS[name],
  }));
  const placed = place(bytes, elf, 0, EHDR_SIZE, 'ehdr');
  if (placed.length === 0) return [];
  const count = readU16(bytes, ELF_HEADER.e_phnum.offset);
  const first = readU64(bytes, ELF_HEADER.e_phoff.offset);
  for (let i = 0; i < count; i++) {
    const structure = count === 1 ? 'phdr' : `phdr ${i + 1}`;
    const fields = place(bytes, program, first + i * PHDR_SIZE, PHDR_SIZE, structure);
    if (fields.length === 0) break;
    placed.push(...fields);
  }
  return placed;
}

function place(
  bytes: Uint8Array,
  fields: readonly Field[],
  start: number,
  size: number,
  structure: string,
): PlacedField[] {
  if (start + size > bytes.length) return [];
  return fields.map((field) => {
    const offset = start + field.offset;
    return { ...field, structure, offset, value: readField(bytes, offset, field.size) };
  });
}

function readField(bytes: Uint8Array, offset: number, size: number): number {
  if (size === 1) return bytes[offset]!;
  if (size === 2) return readU16(bytes, offset);
  return size === 4 ? readU32(bytes, offset) : readU64(bytes, offset);
}
