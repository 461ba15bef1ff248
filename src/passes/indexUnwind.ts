/**
 * Fills in `.eh_frame_hdr`: for each FDE where its function begins, sorted, so that an unwinder finds the one for an
 * address by bisection (LSB Core, "Exception Frame Header").
 */
import { writeU32 } from '../elf/bytes.ts';
import { DW_EH_PE_datarel, DW_EH_PE_pcrel, DW_EH_PE_sdata4, DW_EH_PE_udata4 } from '../elf/cie.ts';
import type { Image } from '../image.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import type { ImageLayout, UnwindPlan } from '../results.ts';

const HEADER_SIZE = 12;
const ENTRY_SIZE = 8;

export function indexUnwind(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  unwind: UnwindPlan | undefined,
  image: Image,
): void {
  const { made } = program;
  const hdr = made['.eh_frame_hdr'];
  if (!unwind || pieces.home[hdr] !== hdr) return;
  const sorted = sortByAddress(functionStarts(program, pieces, layout, unwind));
  const bytes = new Uint8Array(pieces.size[hdr]!);
  writeHeader(bytes, layout.address[hdr]!, layout.address[made['.eh_frame']]!, unwind, sorted);
  image.put(layout.fileOffset[hdr]!, bytes);
}

/** The FDEs of the program, and the address of the code that each describes. */
interface Functions {
  readonly record: Uint32Array;
  readonly begin: Float64Array;
}

/** What the relocation of an FDE's first field says: S + A, whether as an address or as a distance. */
function functionStarts(
  program: Program,
  pieces: Pieces,
  { address }: ImageLayout,
  { tables, offset, functions }: UnwindPlan,
): Functions {
  const { relocations } = program;
  const { records, firstRow } = tables;
  const record = new Uint32Array(functions);
  const begin = new Float64Array(functions);
  const target = new Target();
  let next = 0;
  for (let i = 0; i < records.count; i++) {
    if (offset[i]! < 0 || records.cie[i]! < 0) continue;
    const row = firstRow[i]!;
    locate(program, relocations.symbol[row]!, target);
    const { section, low } = target;
    record[next] = i;
    begin[next++] = address[pieces.home[section]!]! + pieces.resolve(section, low + relocations.addend[row]!);
  }
  return { record, begin };
}

/** Sorts by address. One number holds an address and an index, because numbers are sorted fastest by themselves. */
function sortByAddress({ record, begin }: Functions): Functions {
  const count = record.length;
  const scale = 2 ** Math.ceil(Math.log2(count + 1));
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) if (begin[i]! < lowest) lowest = begin[i]!;
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = (begin[i]! - lowest) * scale + i;
  keys.sort();
  const sorted = { record: new Uint32Array(count), begin: new Float64Array(count) };
  for (let i = 0; i < count; i++) {
    const from = keys[i]! % scale;
    sorted.record[i] = record[from]!;
    sorted.begin[i] = begin[from]!;
  }
  return sorted;
}

function writeHeader(
  hdr: Uint8Array,
  address: number,
  table: number,
  { offset }: UnwindPlan,
  { record, begin }: Functions,
): void {
  hdr.set([1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel | DW_EH_PE_sdata4]);
  writeU32(hdr, 4, table - (address + 4));
  writeU32(hdr, 8, record.length);
  for (let i = 0; i < record.length; i++) {
    writeU32(hdr, HEADER_SIZE + i * ENTRY_SIZE, begin[i]! - address);
    writeU32(hdr, HEADER_SIZE + i * ENTRY_SIZE + 4, table + offset[record[i]!]! - address);
  }
}
