/** Lays the headers over each other: every field that is read claims its bytes, and constants fix theirs. */
import { EM_X86_64, PHDR_SIZE, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_LOAD, PT_TLS } from '../elf/constants.ts';
import type { Cells } from './cells.ts';
import { eachReadRange } from './holes.ts';
import type { HeaderKind } from './layout.ts';
import { ELF_HEADER, ELF_MAGIC, PROGRAM_HEADER, programFieldBits } from './structure.ts';

/** The choices that fix constants of the headers. */
export interface Choice {
  /** File offset of the program header table. */
  readonly e_phoff: number;
  /** Program headers in table order. */
  readonly kinds: readonly HeaderKind[];
  readonly e_type: number;
  /** Low three bits of p_flags of `load`. */
  readonly permissions: number;
}

/** p_type of each kind of header. */
export const TYPE_OF_KIND: Readonly<Record<HeaderKind, number>> = {
  load: PT_LOAD,
  data: PT_LOAD,
  thread: PT_TLS,
  ehFrame: PT_GNU_EH_FRAME,
  stack: PT_GNU_STACK,
};

const DATA_PERMISSIONS = 6;

/** Lays the ELF header and all program headers. Afterwards `cells.isConsistent` says whether constants agree. */
export function layHeaders(cells: Cells, choice: Choice): void {
  eachReadRange(choice.e_phoff, choice.kinds, (start, end) => {
    for (let offset = start; offset < end; offset++) cells.read(offset);
  });
  layElfHeader(cells, choice);
  choice.kinds.forEach((kind, i) => {
    layProgramHeader(cells, choice.e_phoff + i * PHDR_SIZE, kind, choice.permissions);
  });
}

/** e_ident beyond the magic is not looked at: load_elf_binary compares SELFMAG bytes. */
function layElfHeader(cells: Cells, { e_phoff, kinds, e_type }: Choice): void {
  cells.fixField(0, ELF_HEADER.EI_MAG, ELF_MAGIC);
  cells.fixField(0, ELF_HEADER.e_type, e_type);
  cells.fixField(0, ELF_HEADER.e_machine, EM_X86_64);
  cells.fixField(0, ELF_HEADER.e_phoff, e_phoff);
  cells.fixField(0, ELF_HEADER.e_phentsize, PHDR_SIZE);
  cells.fixField(0, ELF_HEADER.e_phnum, kinds.length);
}

function layProgramHeader(cells: Cells, at: number, kind: HeaderKind, permissions: number): void {
  cells.fixField(at, PROGRAM_HEADER.p_type, TYPE_OF_KIND[kind]);
  const flags = kind === 'load' ? permissions : kind === 'data' ? DATA_PERMISSIONS : 0;
  cells.fix(at + PROGRAM_HEADER.p_flags.offset, flags, programFieldBits(kind, 'p_flags', 0));
}
