/** Which bytes of a header nobody looks at. */
import { EHDR_SIZE, PHDR_SIZE } from '../elf/constants.ts';
import type { HeaderKind, Hole } from './layout.ts';
import {
  ELF_FIELDS,
  ELF_HEADER,
  elfFieldBits,
  type Place,
  PROGRAM_FIELDS,
  PROGRAM_HEADER,
  programFieldBits,
} from './structure.ts';

/**
 * Calls `visit` with each range of file offsets that Linux or a C library reads, once for each header that it is read
 * in. The program header table begins at `e_phoff`.
 */
export function eachReadRange(
  e_phoff: number,
  kinds: readonly HeaderKind[],
  visit: (start: number, end: number) => void,
): void {
  readOfElf ??= readRanges(ELF_FIELDS, ELF_HEADER, elfFieldBits);
  for (const { start, end } of readOfElf) visit(start, end);
  for (const [k, kind] of kinds.entries()) {
    const at = e_phoff + k * PHDR_SIZE;
    readOfKind[kind] ??= readRanges(PROGRAM_FIELDS, PROGRAM_HEADER, (field, index) =>
      programFieldBits(kind, field, index),
    );
    for (const { start, end } of readOfKind[kind]) visit(at + start, at + end);
  }
}

/** What is read of the ELF header, and of each kind of program header: offsets in the header. */
let readOfElf: readonly Hole[] | undefined;
const readOfKind: Partial<Record<HeaderKind, readonly Hole[]>> = {};

function readRanges<Field extends string>(
  fields: readonly Field[],
  places: Readonly<Record<Field, Place>>,
  bitsOf: (field: Field, index: number) => number,
): Hole[] {
  const ranges: Hole[] = [];
  for (const field of fields) {
    const { offset, size } = places[field];
    // What is read of a field is its first bytes.
    let read = 0;
    while (read < size && bitsOf(field, read) !== 0) read++;
    if (read > 0) ranges.push({ start: offset, end: offset + read });
  }
  return ranges;
}

/** The bytes up to the end of the table that Linux and C libraries do not read, as ranges of file offsets. */
export function holesOf(e_phoff: number, kinds: readonly HeaderKind[]): Hole[] {
  return unreadRanges(readBytes(e_phoff, kinds), e_phoff + kinds.length * PHDR_SIZE);
}

/**
 * Fields that others read: gVisor EI_CLASS, EI_DATA and EI_VERSION, qemu-user e_ehsize as well, FreeBSD all
 * (__elfN(check_header) of imgact_elf.c).
 */
const READ_ELSEWHERE = ['EI_CLASS', 'EI_DATA', 'EI_VERSION', 'e_version', 'e_ehsize'] as const;

/** Those of them that are holes for programs that start on other systems too; see HeaderLayout.portableHoles. */
export function portableHolesOf(e_phoff: number, kinds: readonly HeaderKind[]): Hole[] {
  const isRead = readBytes(e_phoff, kinds);
  for (const field of READ_ELSEWHERE) {
    const { offset, size } = ELF_HEADER[field];
    isRead.fill(1, offset, offset + size);
  }
  return unreadRanges(isRead, e_phoff + kinds.length * PHDR_SIZE);
}

/** By file offset: 1 for each byte that is read. */
function readBytes(e_phoff: number, kinds: readonly HeaderKind[]): Uint8Array {
  const isRead = new Uint8Array(Math.max(e_phoff + kinds.length * PHDR_SIZE, EHDR_SIZE));
  eachReadRange(e_phoff, kinds, (start, end) => isRead.fill(1, start, end));
  return isRead;
}

function unreadRanges(isRead: Uint8Array, end: number): Hole[] {
  const ranges: Hole[] = [];
  for (let start = isRead.indexOf(0); start >= 0 && start < end; ) {
    const next = isRead.indexOf(1, start);
    const stop = next < 0 ? end : Math.min(next, end);
    ranges.push({ start, end: stop });
    start = isRead.indexOf(0, stop);
  }
  return ranges;
}

/** What of a hole lies outside a range. */
export function without(hole: Hole, { start, end }: Hole): Hole[] {
  const below = { start: hole.start, end: Math.min(hole.end, start) };
  const above = { start: Math.max(hole.start, end), end: hole.end };
  return [below, above].filter((part) => part.start < part.end);
}
