/**
 * Writes the headers of any layout. Bytes that are read when the program is loaded and starts are always written;
 * what only tools expect is written where neither those nor the program's own bytes in holes are.
 */

import { ELFCLASS64, ELFDATA2LSB, EM_X86_64, EV_CURRENT, PHDR_SIZE } from '../elf/constants.ts';
import { assertInvariant } from '../invariant.ts';
import type { HeaderKind, HeaderLayout } from './layout.ts';
import {
  byteOf,
  ELF_FIELDS,
  ELF_HEADER,
  ELF_MAGIC,
  type ElfField,
  elfFieldBits,
  PROGRAM_FIELDS,
  PROGRAM_HEADER,
  type ProgramField,
  programFieldBits,
} from './structure.ts';

/** One program header. Addresses are virtual, sizes and offsets in bytes. */
export interface ProgramHeader {
  readonly type: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  /** Where a script has it loaded, if that is elsewhere: p_paddr, which Linux does not read. */
  readonly loadAddress?: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

/** What the headers say. */
export interface LayoutFields {
  readonly layout: HeaderLayout;
  /** Virtual address of the first instruction. */
  readonly entry: number;
  readonly osabi: number;
  /** Up to 8 bytes behind e_ident[EI_OSABI]. */
  readonly identPad: Uint8Array;
  /** Size of the ELF header as tools see it in bytes; qemu-user wants EHDR_SIZE. */
  readonly e_ehsize: number;
  /** One for each of the layout's kinds, in the same order. */
  readonly programHeaders: readonly ProgramHeader[];
}

/** A field to write: `bits` has those of each byte that are read when the program is loaded and starts. */
interface Written {
  readonly name: string;
  /** File offset. */
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly bits: readonly number[];
}

/**
 * Writes the headers to the start of `image`.
 * @param isTaken 1 for each byte of `image` that a part of the program lies in
 * @throws Error if two fields that share a byte want different values, or if a part of the program lies in a byte
 * that is read: a mistake of the caller
 */
export function encodeHeader(image: Uint8Array, isTaken: Uint8Array, fields: LayoutFields): void {
  const written = [...elfFields(fields), ...programFields(fields)];
  const owned = new Uint8Array(fields.layout.end);
  const owners: string[] = [];
  for (const field of written) writeRead(image, isTaken, field, owned, owners);
  for (const field of written) writeExpected(image, isTaken, field, owned);
}

const ONE_OWNER = 'whoever owns a byte of the header agrees with others who do';

function writeRead(
  image: Uint8Array,
  isTaken: Uint8Array,
  { name, offset, bytes, bits }: Written,
  owned: Uint8Array,
  owners: string[],
): void {
  bytes.forEach((byte, i) => {
    const at = offset + i;
    const mask = bits[i]!;
    if (mask === 0) return;
    assertInvariant(!isTaken[at], ONE_OWNER, () => `${place(at)} is both ${name} and a part of the program`);
    const difference = (image[at]! ^ byte) & owned[at]! & mask;
    assertInvariant(
      difference === 0,
      ONE_OWNER,
      () => `${place(at)}: ${owners[at]} says ${hex(image[at]!)}, ${name} ${hex(byte)}`,
    );
    image[at] = (image[at]! & ~mask) | (byte & mask);
    owned[at]! |= mask;
    owners[at] ??= name;
  });
}

/** Fills what is left of each byte, with the first field that does not change the bits that are read. */
function writeExpected(
  image: Uint8Array,
  isTaken: Uint8Array,
  { offset, bytes }: Written,
  owned: Uint8Array,
): void {
  bytes.forEach((byte, i) => {
    const at = offset + i;
    if (isTaken[at] || owned[at] === 0xff || (image[at]! ^ byte) & owned[at]!) return;
    image[at] = byte;
    owned[at] = 0xff;
  });
}

function elfFields(fields: LayoutFields): Written[] {
  const values = elfValues(fields);
  return ELF_FIELDS.map((field) => {
    const { offset, size } = ELF_HEADER[field];
    const bytes =
      field === 'EI_PAD'
        ? Array.from({ length: size }, (_, i) => fields.identPad[i] ?? 0)
        : bytesOf(values[field] ?? 0, size);
    return { name: field, offset, bytes, bits: bytes.map(() => elfFieldBits(field)) };
  });
}

/** Values of the ELF header's fields; 0 for those that are not here. */
function elfValues({ layout, entry, osabi, e_ehsize }: LayoutFields): Partial<Record<ElfField, number>> {
  return {
    EI_MAG: ELF_MAGIC,
    EI_CLASS: ELFCLASS64,
    EI_DATA: ELFDATA2LSB,
    EI_VERSION: EV_CURRENT,
    EI_OSABI: osabi,
    e_type: layout.e_type,
    e_machine: EM_X86_64,
    e_version: EV_CURRENT,
    e_entry: entry,
    e_phoff: layout.e_phoff,
    e_ehsize,
    e_phentsize: PHDR_SIZE,
    e_phnum: layout.kinds.length,
  };
}

function programFields({ layout, programHeaders }: LayoutFields): Written[] {
  return layout.kinds.flatMap((kind, i) =>
    headerFields(kind, programHeaders[i]!, layout.e_phoff + i * PHDR_SIZE),
  );
}

/** @param at file offset of the header */
function headerFields(kind: HeaderKind, header: ProgramHeader, at: number): Written[] {
  const values = programValues(header);
  return PROGRAM_FIELDS.map((field) => {
    const { offset, size } = PROGRAM_HEADER[field];
    const bytes = bytesOf(values[field], size);
    const bits = bytes.map((_, i) => programFieldBits(kind, field, i));
    return { name: `${field} of ${kind}`, offset: at + offset, bytes, bits };
  });
}

function programValues(header: ProgramHeader): Record<ProgramField, number> {
  return {
    p_type: header.type,
    p_flags: header.flags,
    p_offset: header.offset,
    p_vaddr: header.address,
    p_paddr: header.loadAddress ?? header.address,
    p_filesz: header.fileSize,
    p_memsz: header.memorySize,
    p_align: header.alignment,
  };
}

function bytesOf(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => byteOf(value, i));
}

function place(offset: number): string {
  return `byte ${hex(offset)} of the header`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
