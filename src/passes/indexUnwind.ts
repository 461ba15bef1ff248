/**
 * Fills in `.eh_frame_hdr`: for each FDE where its function begins, sorted, so that an unwinder finds the one for an
 * address by bisection (LSB Core, "Exception Frame Header"). It reads the finished `.eh_frame` from the image.
 */
import { readI32, readU16, readU32, readU64, writeU32 } from '../elf/bytes.ts';
import { pointerSize, readCie } from '../elf/cie.ts';
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
    const { encoding } = readCie(bytes, frame.offset[cie]!);
    entries.push({ begin: readPointer(bytes, offset + PC_BEGIN, address, encoding), fde: address + offset });
  }
  return entries;
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
