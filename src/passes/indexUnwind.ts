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
  writeHeader(bytes, layout.address[hdr]!, layout.address[made['.eh_frame']]!, sorted);
  image.put(layout.fileOffset[hdr]!, bytes);
}

/** The FDEs of the program: where each lies in `.eh_frame`, and the address of the code that it describes. */
interface Functions {
  readonly fde: Uint32Array;
  readonly begin: Float64Array;
}

/** What the relocation of an FDE's first field says: S + A, whether as an address or as a distance. */
function functionStarts(
  program: Program,
  pieces: Pieces,
  { address }: ImageLayout,
  { tables, offset, functions, outlined }: UnwindPlan,
): Functions {
  const { relocations } = program;
  const { records, firstRow } = tables;
  const fde = new Uint32Array(functions);
  const begin = new Float64Array(functions);
  const target = new Target();
  let next = 0;
  for (let i = 0; i < records.count; i++) {
    if (offset[i]! < 0 || records.cie[i]! < 0) continue;
    const row = firstRow[i]!;
    locate(program, relocations.symbol[row]!, target);
    const { section, low } = target;
    fde[next] = offset[i]!;
    begin[next++] = address[pieces.home[section]!]! + pieces.resolve(section, low + relocations.addend[row]!);
  }
  if (outlined) {
    fde[next] = outlined.offset;
    begin[next] = address[program.made['.text.outlined']]!;
  }
  return { fde, begin };
}

/** Sorts by address. One number holds an address and an index, because numbers are sorted fastest by themselves. */
function sortByAddress({ fde, begin }: Functions): Functions {
  const count = fde.length;
  const scale = 2 ** Math.ceil(Math.log2(count + 1));
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) if (begin[i]! < lowest) lowest = begin[i]!;
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = (begin[i]! - lowest) * scale + i;
  keys.sort();
  const sorted = { fde: new Uint32Array(count), begin: new Float64Array(count) };
  for (let i = 0; i < count; i++) {
    const from = keys[i]! % scale;
    sorted.fde[i] = fde[from]!;
    sorted.begin[i] = begin[from]!;
  }
  return sorted;
}

function writeHeader(hdr: Uint8Array, address: number, table: number, { fde, begin }: Functions): void {
  hdr.set([1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel | DW_EH_PE_sdata4]);
  writeU32(hdr, 4, table - (address + 4));
  writeU32(hdr, 8, fde.length);
  for (let i = 0; i < fde.length; i++) {
    writeU32(hdr, HEADER_SIZE + i * ENTRY_SIZE, begin[i]! - address);
    writeU32(hdr, HEADER_SIZE + i * ENTRY_SIZE + 4, table + fde[i]! - address);
  }
}
