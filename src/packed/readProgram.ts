/** Reads a static executable of any linker: what of it has to lie in memory before it starts. */
import { FormatError } from '../diagnostics.ts';
import { readU64 } from '../elf/bytes.ts';
import {
  EHDR_SIZE,
  ET_DYN,
  PF_X,
  PHDR_SIZE,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_TLS,
  SHF_EXECINSTR,
} from '../elf/constants.ts';
import { identify } from '../elf/identify.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { Segment } from '../header/loader/elf.ts';
import { KERNELS } from '../header/loader/kernels.ts';
import { loadLinux } from '../header/loader.ts';
import { PAGE } from '../header/structure.ts';
import { type Executable, readExecutable } from '../report/inspect/executable.ts';
import { endOfContent, type HeaderlessImage, within } from './linkImage.ts';

/** An executable, apart from its file. The image has its headers, where they are loaded. */
export interface Program extends HeaderlessImage {
  /** Whether its base is chosen when it is loaded (ET_DYN); addresses count from that. */
  readonly isMovable: boolean;
  /** Bytes at the start of the image that are the ELF header and the program headers and nothing else; or 0. */
  readonly headerRoom: number;
}

/** Addresses in stubs are numbers of 32 bits with a sign; scratch memory comes on top. */
export const ADDRESS_LIMIT = 0x7000_0000;
/** Bytes of memory between segments that a program may have: they have to be packed, too. */
const GAP_LIMIT = 2 ** 23;

const DT_NEEDED = 1;
const KEPT = [PT_TLS, PT_GNU_EH_FRAME, PT_GNU_STACK];

/** @throws FormatError for what is no static x86-64 executable, or has what a packed file has no room for */
export function openProgram(bytes: Uint8Array): Executable {
  checkKind(bytes);
  const executable = readExecutable(bytes);
  checkStatic(executable);
  checkLoads(bytes);
  checkEnd(executable);
  return executable;
}

function checkKind(bytes: Uint8Array): void {
  switch (identify(bytes)) {
    case 'archive':
    case 'thin-archive':
      throw new FormatError('it is an archive, not an executable', 0, 'link it first, with --pack');
    case 'bitcode':
      throw new FormatError(
        'it is LLVM bitcode, not an executable',
        0,
        'compile and link it first, with --pack',
      );
    case 'text':
      if (bytes[0] === 0x23 && bytes[1] === 0x21)
        throw new FormatError('it is a script, not an executable', 0, 'pack the program that runs it');
  }
}

function checkStatic({ elf }: Executable): void {
  const interpreter = elf.segments!.find(({ p_type }) => p_type === PT_INTERP);
  if (interpreter)
    throw needsLoader(`it is dynamic: it asks for the loader ${interpreterOf(elf.bytes, interpreter)}`);
  if (elf.header.e_type === ET_DYN && elf.header.e_entry === 0n)
    throw new FormatError('it is a shared library, not an executable', 24, 'pack the program that uses it');
}

function needsLoader(message: string): FormatError {
  return new FormatError(message, 0, 'link it with -static or -static-pie');
}

function interpreterOf(bytes: Uint8Array, { p_offset, p_filesz }: Segment): string {
  const start = Number(p_offset);
  const text = new TextDecoder().decode(bytes.subarray(start, start + Math.min(Number(p_filesz), 256)));
  return text.replace(/\0.*/s, '').replace(/[^\x20-\x7e]/g, '?');
}

/** What the newest Linux does not load would not run packed either. */
function checkLoads(bytes: Uint8Array): void {
  const result = loadLinux(bytes, KERNELS.at(-1)!);
  if (result.loads) return;
  const { explanation } = result;
  throw new FormatError(`Linux does not load it: ${explanation}`, 0, 'tinyelf check FILE says more');
}

/** A program may look in its own file for what stands behind all that headers tell of, as self-extracting archives do. */
function checkEnd({ bytes, elf, tables }: Executable): void {
  const ends = [
    ...elf.segments!.map(({ p_offset, p_filesz }) => Number(p_offset + p_filesz)),
    ...(tables?.sections ?? []).map(({ offset, size }) => offset + size),
    tables ? tables.offset + tables.sections.length * 64 : 0,
  ];
  const end = Math.min(Math.max(...ends), bytes.length);
  const rest = bytes.length - end;
  if (bytes.subarray(end).every((byte) => byte === 0)) return;
  throw new FormatError(
    `${rest} bytes stand behind its sections, and a packed file has no room for them`,
    end,
    `if it does not read them from its own file, cut them off: truncate -s ${end} FILE`,
  );
}

/** @throws FormatError for a program that cannot be packed where it lies */
export function readProgram({ elf, tables }: Executable): Program {
  const { bytes, header, segments } = elf;
  const isMovable = header.e_type === ET_DYN;
  const headers = segments!.map(toHeader);
  const loads = headers.filter(({ type }) => type === PT_LOAD).filter(({ memorySize }) => memorySize > 0);
  const address = pageStart(Math.min(...loads.map((load) => load.address)));
  const memoryEnd = Math.max(...loads.map((load) => load.address + load.memorySize));
  const fileEnd = Math.max(address, ...loads.map(endInFile));
  checkPlace(loads, { address, fileEnd, memoryEnd }, isMovable);
  const image = new Uint8Array(fileEnd - address);
  for (const load of loads) copySegment(image, address, load, bytes);
  const content = image.subarray(0, endOfContent(image));
  const isDynamic = ({ type }: ProgramHeader) => type === PT_DYNAMIC;
  checkNeeded(image, address, headers.find(isDynamic));
  const kept = isMovable ? [PT_DYNAMIC, ...KEPT] : KEPT;
  const [first] = loads;
  const isPlain = Number(header.e_phoff) === EHDR_SIZE && first!.offset === 0 && first!.address === address;
  return {
    input: {
      bytes: content,
      address,
      entry: Number(header.e_entry),
      memoryEnd,
      code: within(codeRanges(loads, tables, address), content.length),
    },
    segments: loads,
    headers: headers.filter(({ type }) => kept.includes(type)),
    isMovable,
    headerRoom: isPlain ? EHDR_SIZE + header.e_phnum * PHDR_SIZE : 0,
  };
}

/** A program header as writers take it. */
export function toHeader(segment: Segment): ProgramHeader {
  return {
    type: segment.p_type,
    flags: segment.p_flags,
    offset: Number(segment.p_offset),
    address: Number(segment.p_vaddr),
    fileSize: Number(segment.p_filesz),
    memorySize: Number(segment.p_memsz),
    alignment: Number(segment.p_align),
  };
}

/** Where the bytes of a segment end in memory that the file has; `address` where it has none. */
function endInFile({ address, fileSize, memorySize }: ProgramHeader): number {
  return address + Math.min(fileSize, memorySize);
}

/** Virtual addresses. */
interface Extent {
  readonly address: number;
  /** End of what the file has. */
  readonly fileEnd: number;
  readonly memoryEnd: number;
}

function checkPlace(
  loads: readonly ProgramHeader[],
  { address, fileEnd, memoryEnd }: Extent,
  isMovable: boolean,
): void {
  const size = memoryEnd - address;
  if ((isMovable ? size : memoryEnd) >= ADDRESS_LIMIT) {
    const where = isMovable ? `takes ${size} bytes` : `ends at 0x${memoryEnd.toString(16)}`;
    const limit = isMovable ? `${ADDRESS_LIMIT}` : `0x${ADDRESS_LIMIT.toString(16)}`;
    throw new FormatError(
      `in memory it ${where}; stubs reach less than ${limit}`,
      0,
      'link it to a lower address',
    );
  }
  const gaps = fileEnd - address - loads.reduce((sum, { fileSize }) => sum + fileSize, 0);
  if (gaps <= GAP_LIMIT) return;
  throw new FormatError(
    `there are ${gaps} bytes of nothing between its segments; at most ${GAP_LIMIT} can be packed`,
    0,
    'link it so that its segments follow each other',
  );
}

/**
 * Copies what a segment has in the file, and the page's bytes in front of it if these are the header: they are mapped
 * with it. @throws FormatError for a file that has been cut off
 */
function copySegment(image: Uint8Array, start: number, load: ProgramHeader, file: Uint8Array): void {
  const { address, fileSize, offset, memorySize } = load;
  if (fileSize === 0) return;
  const size = Math.min(fileSize, memorySize);
  if (offset + size > Math.ceil(file.length / PAGE) * PAGE) {
    const end = (offset + size).toString(16);
    throw new FormatError(
      `the file is truncated: a segment ends at offset 0x${end}, past its end`,
      file.length,
    );
  }
  const before = offset < PAGE && address - offset === start ? offset : 0;
  image.set(file.subarray(offset - before, offset + size), address - before - start);
}

/** @throws FormatError for a program that needs shared libraries */
function checkNeeded(image: Uint8Array, start: number, dynamic: ProgramHeader | undefined): void {
  if (!dynamic) return;
  const from = dynamic.address - start;
  const end = Math.min(from + dynamic.memorySize, image.length);
  for (let at = from; at >= 0 && at + 16 <= end; at += 16) {
    const tag = readU64(image, at);
    if (tag === DT_NEEDED) throw needsLoader('it is dynamic: it needs shared libraries (DT_NEEDED)');
    if (tag === 0) return;
  }
}

/** Code by sections, or by segments where there are none: [start, end) offsets in the image. */
function codeRanges(
  loads: readonly ProgramHeader[],
  tables: Executable['tables'],
  start: number,
): (readonly [number, number])[] {
  const sections = (tables?.sections ?? []).filter(({ flags, size }) => flags & SHF_EXECINSTR && size > 0);
  const ranges = sections.flatMap(({ offset, size }) => {
    const load = loads.find((other) => offset >= other.offset && offset < other.offset + other.fileSize);
    return load ? [[offset - load.offset + load.address, size] as const] : [];
  });
  const executable = loads.filter(({ flags }) => flags & PF_X);
  const found =
    ranges.length > 0 ? ranges : executable.map(({ address, fileSize }) => [address, fileSize] as const);
  return joined(found.map(([address, size]) => [address - start, address - start + size] as const));
}

/** Ranges in ascending order, none of which meets another. */
function joined(ranges: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const result: [number, number][] = [];
  for (const [start, end] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

function pageStart(address: number): number {
  return address - (address % PAGE);
}
