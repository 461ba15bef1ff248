/** Which bytes of a header nobody looks at. */
import { PHDR_SIZE } from '../elf/constants.ts';
import type { HeaderKind, Hole } from './layout.ts';
import {
  ELF_FIELDS,
  ELF_HEADER,
  elfFieldBits,
  PROGRAM_FIELDS,
  PROGRAM_HEADER,
  programFieldBits,
} from './structure.ts';

/**
 * Calls `visit` with the file offset of each byte that Linux or a C library reads, once for each field that it is
 * read as. The program header table begins at `e_phoff`.
 */
export function eachReadByte(
  e_phoff: number,
  kinds: readonly HeaderKind[],
  visit: (offset: number) => void,
): void {
  for (const field of ELF_FIELDS) {
    const { offset, size } = ELF_HEADER[field];
    for (let i = 0; i < size; i++) if (elfFieldBits(field) !== 0) visit(offset + i);
  }
  kinds.forEach((kind, k) => {
    for (const field of PROGRAM_FIELDS) {
      const offset = e_phoff + k * PHDR_SIZE + PROGRAM_HEADER[field].offset;
      for (let i = 0; i < PROGRAM_HEADER[field].size; i++) {
        if (programFieldBits(kind, field, i) !== 0) visit(offset + i);
      }
    }
  });
}

/** The bytes up to the end of the table that Linux and C libraries do not read, as ranges of file offsets. */
export function holesOf(e_phoff: number, kinds: readonly HeaderKind[]): Hole[] {
  const end = e_phoff + kinds.length * PHDR_SIZE;
  const isRead = new Set<number>();
  eachReadByte(e_phoff, kinds, (offset) => isRead.add(offset));
  const holes: Hole[] = [];
  let start = 0;
  for (let offset = 0; offset <= end; offset++) {
    if (offset < end && !isRead.has(offset)) continue;
    if (start < offset) holes.push({ start, end: offset });
    start = offset + 1;
  }
  return holes;
}

/**
 * Fields that others read: gVisor EI_CLASS, EI_DATA and EI_VERSION, qemu-user e_ehsize as well, FreeBSD all
 * (__elfN(check_header) of imgact_elf.c).
 */
const READ_ELSEWHERE = ['EI_CLASS', 'EI_DATA', 'EI_VERSION', 'e_version', 'e_ehsize'] as const;

/** What is left of `holes` for programs that start on other systems too; see HeaderLayout.portableHoles. */
export function portableHolesOf(holes: readonly Hole[]): Hole[] {
  return READ_ELSEWHERE.reduce<Hole[]>((rest, field) => {
    const { offset, size } = ELF_HEADER[field];
    return rest.flatMap((hole) => without(hole, { start: offset, end: offset + size }));
  }, holes.slice());
}

/** What of a hole lies outside a range. */
export function without(hole: Hole, { start, end }: Hole): Hole[] {
  const below = { start: hole.start, end: Math.min(hole.end, start) };
  const above = { start: Math.max(hole.start, end), end: hole.end };
  return [below, above].filter((part) => part.start < part.end);
}
