/**
 * Fills in `.eh_frame_hdr`: for each FDE where its function begins, sorted, so that an unwinder finds the one for an
 * address by bisection (LSB Core, "Exception Frame Header"). It reads the finished `.eh_frame` from the image.
 */
import { readI32, readU16, readU32, readU64, writeU32 } from '../elf/bytes.ts';
import { parseEhFrame } from '../elf/ehFrame.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { ImageLayout } from '../results.ts';

/** Encodings of pointers in unwind tables (LSB Core, "DWARF Exception Header Encoding"). */
const DW_EH_PE_udata4 = 0x03;
const DW_EH_PE_sdata4 = 0x0b;
const DW_EH_PE_pcrel = 0x10;
const DW_EH_PE_datarel = 0x30;

const HEADER_SIZE = 12;
const ENTRY_SIZE = 8;
/** Offset in an FDE of the start of its function. */
const PC_BEGIN = 8;

export function indexUnwind(program: Program, pieces: Pieces, layout: ImageLayout, image: Uint8Array): void {
  const { made } = program;
  const hdr = made['.eh_frame_hdr'];
  if (pieces.home[hdr] !== hdr) return;
  const table = made['.eh_frame'];
  const start = layout.fileOffset[table]!;
  const bytes = image.subarray(start, start + pieces.size[table]!);
  const entries = readFunctions(bytes, layout.address[table]!);
  entries.sort((a, b) => a.begin - b.begin);
  writeHeader(image.subarray(layout.fileOffset[hdr]!), layout.address[hdr]!, layout.address[table]!, entries);
}

/** An FDE: address of the function it describes, and its own. */
interface Entry {
  readonly begin: number;
  readonly fde: number;
}

function readFunctions(bytes: Uint8Array, address: number): Entry[] {
  const frame = parseEhFrame(bytes, 0);
  const entries: Entry[] = [];
  for (let index = 0; index < frame.count; index++) {
    const cie = frame.cie[index]!;
    if (cie < 0) continue;
    const offset = frame.offset[index]!;
    const encoding = pointerEncoding(bytes, frame.offset[cie]!);
    entries.push({ begin: readPointer(bytes, offset + PC_BEGIN, address, encoding), fde: address + offset });
  }
  return entries;
}

/** The encoding that a CIE's augmentation `R` gives for its FDEs; absolute where it has none. */
function pointerEncoding(bytes: Uint8Array, cie: number): number {
  const start = cie + 9; // behind length, id and version
  const end = bytes.indexOf(0, start);
  const augmentation = String.fromCharCode(...bytes.subarray(start, end));
  if (!augmentation.startsWith('z')) return 0;
  let at = skipLeb(bytes, skipLeb(bytes, end + 1)); // code and data alignment
  at = skipLeb(bytes, skipLeb(bytes, at)); // return address register, augmentation size
  for (const letter of augmentation.slice(1)) {
    if (letter === 'R') return bytes[at]!;
    if (letter === 'L') at += 1;
    else if (letter === 'P') at += 1 + pointerSize(bytes[at]!);
  }
  return 0;
}

function skipLeb(bytes: Uint8Array, at: number): number {
  let next = at;
  while (next < bytes.length && (bytes[next]! & 0x80) !== 0) next++;
  return next + 1;
}

function pointerSize(encoding: number): number {
  const format = encoding & 7;
  if (format === 2) return 2;
  return format === 3 ? 4 : 8;
}

function readPointer(bytes: Uint8Array, at: number, address: number, encoding: number): number {
  const size = pointerSize(encoding);
  const isSigned = (encoding & 8) !== 0;
  let value = size === 8 ? readU64(bytes, at) : size === 4 ? readU32(bytes, at) : readU16(bytes, at);
  if (isSigned && size === 4) value = readI32(bytes, at);
  if (isSigned && size === 8) value = readI32(bytes, at + 4) * 2 ** 32 + readU32(bytes, at);
  return (encoding & 0x70) === DW_EH_PE_pcrel ? address + at + value : value;
}

function writeHeader(hdr: Uint8Array, address: number, table: number, entries: readonly Entry[]): void {
  hdr.set([1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel | DW_EH_PE_sdata4]);
  writeU32(hdr, 4, table - (address + 4));
  writeU32(hdr, 8, entries.length);
  entries.forEach(({ begin, fde }, i) => {
    writeU32(hdr, HEADER_SIZE + i * ENTRY_SIZE, begin - address);
    writeU32(hdr, HEADER_SIZE + i * ENTRY_SIZE + 4, fde - address);
  });
}
