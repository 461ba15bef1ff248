/** Who reads a program header of any file when it is loaded and starts: also of the types that a link never makes. */
import {
  ET_DYN,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_PROPERTY,
  PT_GNU_RELRO,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_PHDR,
  PT_TLS,
} from '../elf/constants.ts';
import type { HeaderKind } from './layout.ts';
import { type ProgramField, programFieldBits } from './structure.ts';

/** What decides who reads a program header. */
export interface SegmentReader {
  /** As `kindOf` tells it; counts only for the types that a link makes. */
  readonly kind: HeaderKind;
  readonly p_type: number;
  readonly e_type: number;
}

const MADE_BY_LINKS: ReadonlySet<number> = new Set([PT_LOAD, PT_TLS, PT_GNU_EH_FRAME, PT_GNU_STACK]);

/**
 * What is read of the other types: PT_INTERP and PT_GNU_PROPERTY by load_elf_binary of fs/binfmt_elf.c, the others by
 * the dynamic linker and a static C library's start-up code. Of a type that is not listed only p_type is looked at.
 */
const READ_OF_TYPE: ReadonlyMap<number, ReadonlySet<ProgramField>> = new Map<
  number,
  ReadonlySet<ProgramField>
>([
  [PT_INTERP, new Set<ProgramField>(['p_type', 'p_offset', 'p_filesz'])],
  [PT_GNU_PROPERTY, new Set<ProgramField>(['p_type', 'p_offset', 'p_filesz'])],
  [PT_PHDR, new Set<ProgramField>(['p_type', 'p_vaddr'])],
  [PT_DYNAMIC, new Set<ProgramField>(['p_type', 'p_vaddr', 'p_memsz'])],
  [PT_GNU_RELRO, new Set<ProgramField>(['p_type', 'p_vaddr', 'p_memsz'])],
]);

/** Bits of byte `index` of a field that Linux, a C library or a dynamic linker reads. */
export function segmentFieldBits(reader: SegmentReader, field: ProgramField, index: number): number {
  const { kind, p_type, e_type } = reader;
  // Linux from 6.8 on: maximum_alignment, for files whose address it chooses.
  if (p_type === PT_LOAD && field === 'p_align' && e_type === ET_DYN) return 0xff;
  if (MADE_BY_LINKS.has(p_type)) return programFieldBits(kind, field, index);
  const fields = READ_OF_TYPE.get(p_type);
  return (fields ? fields.has(field) : field === 'p_type') ? 0xff : 0;
}
