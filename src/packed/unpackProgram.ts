/** `tinyelf unpack`: gives back the program that an executable unpacks when it starts. */
import { FormatError } from '../diagnostics.ts';
import { writeU16, writeU64 } from '../elf/bytes.ts';
import { EHDR_SIZE, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X, PT_GNU_STACK, PT_LOAD } from '../elf/constants.ts';
import { headerSize, writeHeaders } from '../header/conventional.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { type ElfFile, loadSegments, readElf } from '../header/loader/elf.ts';
import { ELF_HEADER, PAGE } from '../header/structure.ts';
import type { MethodName } from '../pack/names.ts';
import { damaged } from '../pack/unpack/unpacker.ts';
import { readExecutable } from '../report/inspect/executable.ts';
import { findStub, type PackedImage } from './findStub.ts';
import { segment } from './packAbove.ts';
import { ADDRESS_LIMIT, toHeader } from './readProgram.ts';

/** A program that has been unpacked. */
export interface UnpackedProgram {
  readonly bytes: Uint8Array;
  readonly method: MethodName;
}

/** Whether an executable unpacks itself by one of the stubs. @param bytes the file */
export function isPacked(bytes: Uint8Array): boolean {
  return findStub(readElf(bytes)) !== undefined;
}

/**
 * @param bytes the file
 * @throws FormatError for what is no executable, was not packed by this program, or is damaged
 */
export function unpackProgram(bytes: Uint8Array): UnpackedProgram {
  const { elf } = readExecutable(bytes);
  const packed = findStub(elf);
  if (!packed)
    throw new FormatError(
      'it has none of the stubs that tinyelf packs programs with',
      0,
      'it is not packed, or by another program',
    );
  return { bytes: programOf(elf, packed, unpackImage(packed)), method: packed.unpacker.method };
}

function unpackImage({ unpacker, input, first }: PackedImage): Uint8Array {
  if (input.size >= ADDRESS_LIMIT) throw damaged();
  const rest = unpacker.unpack(input);
  const image = new Uint8Array(first.length + rest.length);
  image.set(first);
  image.set(rest, first.length);
  return image;
}

function programOf(elf: ElfFile, packed: PackedImage, image: Uint8Array): Uint8Array {
  if (packed.home !== undefined) return movableProgram(elf, packed, packed.home, image);
  return ownProgram(packed, image) ?? fixedProgram(elf, packed, image);
}

/** The program by its own headers, if they are in the image: those that another linker has made. */
function ownProgram({ input, first }: PackedImage, image: Uint8Array): Uint8Array | undefined {
  const { header, segments } = readElf(image);
  const loads = loadSegments(segments ?? [])
    .map(toHeader)
    .filter(({ fileSize }) => fileSize > 0);
  const start = input.address - first.length;
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  const [load] = loads;
  const isHeader =
    magic.every((byte, i) => image[i] === byte) && load && load.address - load.offset === start;
  if (!isHeader || loads.some(({ address }) => address < start)) return undefined;
  const size = Math.max(
    ...loads.map(({ offset, fileSize, memorySize }) => offset + Math.min(fileSize, memorySize)),
  );
  const file = new Uint8Array(size);
  file.set(image.subarray(0, Math.min(PAGE, size)));
  for (const { offset, address, fileSize, memorySize } of loads) {
    const from = address - start;
    file.fill(0, offset, offset + Math.min(fileSize, memorySize));
    file.set(image.subarray(from, from + Math.min(fileSize, memorySize)), offset);
  }
  if (Number(header.e_phoff) >= EHDR_SIZE) dropSections(file);
  return file;
}

/** There are none in memory. */
function dropSections(file: Uint8Array): void {
  writeU64(file, ELF_HEADER.e_shoff.offset, 0);
  writeU16(file, ELF_HEADER.e_shnum.offset, 0);
  writeU16(file, ELF_HEADER.e_shstrndx.offset, 0);
}

/** A program at a fixed address behind a page with headers: below it the packed file had its place. */
function fixedProgram(
  elf: ElfFile,
  { entry, input, memoryEnd, code }: PackedImage,
  image: Uint8Array,
): Uint8Array {
  const base = input.address - PAGE;
  if (base < 0) throw damaged();
  const end = input.address + image.length;
  const part = (flags: number, start: number, stop: number): ProgramHeader =>
    segment(flags, {
      offset: start - base,
      address: start,
      fileSize: Math.max(Math.min(stop, end) - start, 0),
      memorySize: stop - start,
    });
  const parts = code
    ? [
        part(PF_R, base, input.address),
        part(PF_R | PF_W, input.address, code.start),
        part(PF_R | PF_X, code.start, code.end),
        part(PF_R | PF_W, code.end, memoryEnd),
      ]
    : [part(PF_R | PF_W | PF_X, base, memoryEnd)];
  const headers = [...parts.filter(({ memorySize }) => memorySize > 0), ...otherHeaders(elf, base)];
  const file = new Uint8Array(PAGE + image.length);
  writeHeaders(file, ET_EXEC, entry, headers);
  file.set(image, PAGE);
  return file;
}

/** A program that lies anywhere: the packed file's own headers lie where its headers did. */
function movableProgram(elf: ElfFile, { entry }: PackedImage, home: number, image: Uint8Array): Uint8Array {
  const [memory] = loadSegments(elf.segments!).map(toHeader);
  const base = memory!.address;
  const size = home - base + image.length;
  const all = segment(
    PF_R | PF_W | PF_X,
    { offset: 0, address: base, fileSize: size, memorySize: memory!.memorySize },
    memory!.alignment,
  );
  const headers = [all, ...otherHeaders(elf, base)];
  if (headerSize(headers.length) > home - base || memory!.memorySize < size) throw damaged();
  const file = new Uint8Array(size);
  writeHeaders(file, ET_DYN, entry, headers);
  file.set(image, home - base);
  return file;
}

/** Headers other than PT_LOAD. @param base address of the file's first byte */
function otherHeaders({ segments }: ElfFile, base: number): ProgramHeader[] {
  const headers = segments!.map(toHeader).filter(({ type }) => type !== PT_LOAD);
  return headers.map((header) =>
    header.type === PT_GNU_STACK ? header : { ...header, offset: header.address - base },
  );
}
