/** The fields of a file's ELF header and program headers (gABI chapters 4 and 5): place, value, meaning, who reads them. */
import { EHDR_SIZE, PHDR_SIZE, PT_LOAD } from '../elf/constants.ts';
import { kindOf } from './layouts.ts';
import { meaningOf } from './meanings.ts';
import { type SegmentReader, segmentFieldBits } from './readers.ts';
import { ELF_FIELDS, ELF_HEADER, elfFieldBits, PROGRAM_FIELDS, PROGRAM_HEADER } from './structure.ts';

/** A field of a file's headers. */
export interface PlacedField {
  /** As in the gABI. */
  readonly name: string;
  /** `ehdr` or `phdr`, with its number if there are several. */
  readonly structure: string;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Little-endian. */
  readonly value: bigint;
  readonly meaning: string;
  /** By byte: the bits that Linux or a C library reads when the program is loaded and starts. */
  readonly readBits: readonly number[];
}

/**
 * Reads the fields of the ELF header and of all program headers, in the order of the structures. Program headers that
 * do not lie wholly in the file are left out, and so is the ELF header of a file that is shorter than one.
 */
export function readHeaderFields(bytes: Uint8Array): PlacedField[] {
  if (bytes.length < EHDR_SIZE) return [];
  const fields = readElfHeader(bytes);
  const start = Number(valueAt(bytes, ELF_HEADER.e_phoff.offset, ELF_HEADER.e_phoff.size));
  const count = Number(valueAt(bytes, ELF_HEADER.e_phnum.offset, ELF_HEADER.e_phnum.size));
  const type = Number(valueAt(bytes, ELF_HEADER.e_type.offset, ELF_HEADER.e_type.size));
  let isFirst = true;
  for (let i = 0; i < count && start + (i + 1) * PHDR_SIZE <= bytes.length; i++) {
    const at = start + i * PHDR_SIZE;
    const p_type = Number(valueAt(bytes, at, PROGRAM_HEADER.p_type.size));
    const reader = { kind: kindOf(p_type, isFirst), p_type, e_type: type };
    if (p_type === PT_LOAD) isFirst = false;
    fields.push(...readProgramHeader(bytes, at, count > 1 ? `phdr ${i}` : 'phdr', reader));
  }
  return fields;
}

function readElfHeader(bytes: Uint8Array): PlacedField[] {
  return ELF_FIELDS.map((name) => {
    const { offset, size } = ELF_HEADER[name];
    const value = valueAt(bytes, offset, size);
    const readBits = Array.from({ length: size }, () => elfFieldBits(name));
    return { name, structure: 'ehdr', offset, size, value, meaning: meaningOf(name, value), readBits };
  });
}

function readProgramHeader(
  bytes: Uint8Array,
  at: number,
  structure: string,
  reader: SegmentReader,
): PlacedField[] {
  return PROGRAM_FIELDS.map((name) => {
    const { offset, size } = PROGRAM_HEADER[name];
    const value = valueAt(bytes, at + offset, size);
    const readBits = Array.from({ length: size }, (_, i) => segmentFieldBits(reader, name, i));
    return { name, structure, offset: at + offset, size, value, meaning: meaningOf(name, value), readBits };
  });
}

/** A little-endian number of any size. */
function valueAt(bytes: Uint8Array, offset: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i]!);
  return value;
}
