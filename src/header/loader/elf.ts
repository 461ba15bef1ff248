/**
 * The fields of an executable that loaders read. The 64-bit ones are BigInt: a field may hold any 64 bits, loaders
 * compute modulo 2^64, and damaged files are told from good ones by exact comparison. This is one header per file.
 */
import { readU16, readU32 } from '../../elf/bytes.ts';
import { EHDR_SIZE, PHDR_SIZE, PT_LOAD } from '../../elf/constants.ts';

/** The part of the ELF header that some loader looks at. */
interface ElfHeader {
  /** e_ident: 16 bytes. */
  readonly e_ident: Uint8Array;
  readonly e_type: number;
  readonly e_machine: number;
  readonly e_version: number;
  /** Virtual address. */
  readonly e_entry: bigint;
  /** File offset. */
  readonly e_phoff: bigint;
  readonly e_ehsize: number;
  readonly e_phentsize: number;
  readonly e_phnum: number;
}

/** A program header. p_offset is a file offset, p_vaddr a virtual address, sizes are in bytes. */
export interface Segment {
  readonly p_type: number;
  readonly p_flags: number;
  readonly p_offset: bigint;
  readonly p_vaddr: bigint;
  readonly p_filesz: bigint;
  readonly p_memsz: bigint;
  readonly p_align: bigint;
}

/** An executable as loaders see it. */
export interface ElfFile {
  readonly bytes: Uint8Array;
  /** Bytes of the file. */
  readonly size: number;
  readonly header: ElfHeader;
  /** The program headers in table order; undefined where the table does not lie wholly within the file. */
  readonly segments: readonly Segment[] | undefined;
}

/**
 * Reads the header of any bytes. A file shorter than a header reads as if zeros followed (prepare_binprm).
 * @param bytes the file, or its beginning with all headers
 * @param size bytes of the file
 */
export function readElf(bytes: Uint8Array, size: number = bytes.length): ElfFile {
  const start = new Uint8Array(EHDR_SIZE);
  start.set(bytes.subarray(0, EHDR_SIZE));
  const header: ElfHeader = {
    e_ident: start.subarray(0, 16),
    e_type: readU16(start, 16),
    e_machine: readU16(start, 18),
    e_version: readU32(start, 20),
    e_entry: readBig(start, 24),
    e_phoff: readBig(start, 32),
    e_ehsize: readU16(start, 52),
    e_phentsize: readU16(start, 54),
    e_phnum: readU16(start, 56),
  };
  return { bytes, size, header, segments: readSegments(bytes, header) };
}

function readSegments(bytes: Uint8Array, { e_phoff, e_phnum }: ElfHeader): Segment[] | undefined {
  const end = e_phoff + BigInt(e_phnum * PHDR_SIZE);
  if (end > bytes.length) return undefined;
  return Array.from({ length: e_phnum }, (_, i) => readSegment(bytes, Number(e_phoff) + i * PHDR_SIZE));
}

function readSegment(bytes: Uint8Array, at: number): Segment {
  return {
    p_type: readU32(bytes, at),
    p_flags: readU32(bytes, at + 4),
    p_offset: readBig(bytes, at + 8),
    p_vaddr: readBig(bytes, at + 16),
    p_filesz: readBig(bytes, at + 32),
    p_memsz: readBig(bytes, at + 40),
    p_align: readBig(bytes, at + 48),
  };
}

function readBig(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readU32(bytes, offset + 4)) << 32n) | BigInt(readU32(bytes, offset));
}

/** The segments to map, in table order. */
export function loadSegments(segments: readonly Segment[]): Segment[] {
  return segments.filter(({ p_type }) => p_type === PT_LOAD);
}

/** @returns `value` modulo 2^64, as the C of a kernel has it */
export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
