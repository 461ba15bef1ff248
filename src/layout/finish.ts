/**
 * What follows from where the sections lie: the edges of the image, the values of symbols, the program headers.
 * Shared by all ways to place sections.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { PF_R, PF_W, PF_X, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_TLS, SHT_NOBITS } from '../elf/constants.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { HeaderLayout } from '../header/layout.ts';
import { kindOf } from '../header/layouts.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import type { ImageEdges } from '../provided.ts';
import { Category, type ImageLayout, type Liveness, type SectionOrder } from '../results.ts';
import type { Placement } from './placement.ts';
import { placeThreadTemplate, type ThreadTemplate } from './threadTemplate.ts';
import { entryAddress, setDefinedValues, setProvidedValues } from './values.ts';

/** Bytes from the base within which the jump lies. */
const MAX_HEADER_REACH = 0x1000;
/** More padding than any program has a use for: a damaged sh_addralign, most likely. */
const PADDING_LIMIT = 2 ** 26;
/** Largest array of bytes. */
const FILE_LIMIT = 2 ** 32;
/** End of the addresses that Linux gives to programs (TASK_SIZE with four-level paging). */
const ADDRESS_LIMIT = 2 ** 47 - 4096;

/** Start and end addresses, by the name of what lies between them. */
export type Bounds = ReadonlyMap<string, { readonly start: number; readonly end: number }>;

/** What a linker script adds. */
interface ScriptPart {
  /** Bounds of output sections, which win over those of sequences of input sections. */
  readonly outputs?: Bounds;
  /** Gives symbols their values that depend on those of the linker. */
  readonly assign?: () => void;
}

export function finishLayout(
  program: Program,
  { clusters }: Liveness,
  pieces: Pieces,
  order: SectionOrder,
  placement: Placement,
  { outputs = new Map(), assign }: ScriptPart,
  options: LinkOptions,
  diagnostics: Diagnostics,
): ImageLayout {
  checkSizes(program, pieces, order, placement, diagnostics);
  const { address, base } = placement;
  const thread = placeThreadTemplate(program, pieces, order, placement);
  const start = options.unpackedBy ?? base;
  const edges = { ...edgesOf(program, pieces, order, placement), start, threadPointer: thread.pointer };
  const bounds = new Map([...clusterBounds(clusters.members, pieces, address), ...outputs]);
  setProvidedValues(program, { edges, bounds });
  assign?.();
  setDefinedValues(program, pieces, options, address, diagnostics);
  const entry = entryAddress(program, pieces, options.entry, address, diagnostics);
  const jumpTarget = entry ?? 0;
  const firstOffset = order.fit?.entryOffset ?? order.jumpOffset;
  if (order.jumpOffset !== undefined && entry !== undefined) {
    checkReach(entry - base, options.entry, diagnostics);
  }
  return {
    ...order,
    address,
    fileOffset: placement.fileOffset,
    base,
    programHeaders: inOrder(
      order.header.layout,
      programHeaders(program, pieces, order, placement, thread, options),
    ),
    entry: firstOffset === undefined ? jumpTarget : base + firstOffset,
    jumpTarget,
    fileSize: placement.fileEnd,
    trimmed: 0,
    memorySize: placement.end - base,
    edges,
    patches: [],
  };
}

/** Reports an entry to which the jump in the header does not reach. @param distance from the base, in bytes */
function checkReach(distance: number, entry: string, diagnostics: Diagnostics): void {
  if (Math.abs(distance) < 2 ** 31 - MAX_HEADER_REACH) return;
  diagnostics.error(
    'no-entry',
    `the entry symbol ${entry} lies further than 2 GiB from the start of the program`,
    {
      hint: 'a program starts within what it loads; name another symbol with --entry <symbol>',
    },
  );
}

/** Reports a file or a program that is too large, and ends the link if the file is. */
function checkSizes(
  program: Program,
  pieces: Pieces,
  order: SectionOrder,
  placement: Placement,
  diagnostics: Diagnostics,
): void {
  const { fileEnd, end, loads } = placement;
  let content = 0;
  for (const id of order.order) if (program.sections.type[id] !== SHT_NOBITS) content += pieces.size[id]!;
  if (fileEnd > 2 * content + PADDING_LIMIT || fileEnd > FILE_LIMIT) {
    const what = `the file would have ${fileEnd} bytes for ${content} bytes of content`;
    diagnostics.error('too-large', what, {
      where: reasonForPadding(program, pieces, order, placement),
      hint: 'look for a section with a huge alignment, or a gap in a linker script',
    });
    diagnostics.stopOnErrors();
  }
  // The bytes of a binary file are not mapped by Linux.
  if (end > ADDRESS_LIMIT && loads.length > 0) {
    const what = `the program ends at address 0x${end.toString(16)}, past 0x${ADDRESS_LIMIT.toString(16)}`;
    diagnostics.error('too-large', what, {
      where: largest(program, pieces, order),
      hint: 'lower --base or make .bss smaller',
    });
  }
}

/** What may be the reason for padding: an alignment, a section without bytes that the file has to hold, or a gap. */
function reasonForPadding(
  program: Program,
  pieces: Pieces,
  order: SectionOrder,
  placement: Placement,
): string[] {
  const { addralign } = program.sections;
  const id = largestBy(order, (other) => addralign[other]!);
  if (addralign[id]! >= PADDING_LIMIT) {
    return [`the strictest alignment, 0x${addralign[id]!.toString(16)}, is that of ${program.place(id, 0)}`];
  }
  const isLarge = pieces.size[largestBy(order, (other) => pieces.size[other]!)]! >= PADDING_LIMIT;
  return isLarge ? largest(program, pieces, order) : largestGap(program, pieces, order, placement);
}

/** The section in front of which, or else behind which, most bytes of the file are nobody's. */
function largestGap(
  program: Program,
  { size }: Pieces,
  { order, headerSize }: SectionOrder,
  { fileOffset, fileEnd }: Placement,
): string[] {
  let end = headerSize;
  let most = 0;
  let where = '';
  for (const id of [...order].sort((a, b) => fileOffset[a]! - fileOffset[b]!)) {
    const gap = fileOffset[id]! - end;
    if (gap > most) where = `in front of ${program.place(id, 0)}`;
    most = Math.max(most, gap);
    end = Math.max(end, fileOffset[id]! + size[id]!);
    if (fileEnd - end > most) where = `behind ${program.place(id, 0)}`;
  }
  return where === '' ? [] : [`the largest gap lies ${where}`];
}

/** The section that may be the reason for a program's size. */
function largest(program: Program, { size }: Pieces, order: SectionOrder): string[] {
  const id = largestBy(order, (other) => size[other]!);
  return [`the largest section, of 0x${size[id]!.toString(16)} bytes, is ${program.place(id, 0)}`];
}

/** The section of an image that has most of something. */
function largestBy({ order }: SectionOrder, amountOf: (id: number) => number): number {
  return order.reduce((best, id) => (amountOf(id) > amountOf(best) ? id : best), order[0]!);
}

function edgesOf(
  program: Program,
  pieces: Pieces,
  { headerSize, order, category }: SectionOrder,
  { address, partEnd, bssStart, end, base }: Placement,
): Omit<ImageEdges, 'start' | 'threadPointer'> {
  const { made } = program;
  const placed = (id: number) => (pieces.home[id] === id ? address[id]! : 0);
  const irelative = placed(made['.rela.iplt']);
  return {
    textEnd: partEnd[Category.text] || base + headerSize,
    dataStart: order.reduce(
      (least, id, i) => (category[i]! >= Category.data ? Math.min(least, address[id]!) : least),
      end,
    ),
    dataEnd: Math.max(...partEnd.slice(0, Category.bss)) || base + headerSize,
    bssStart,
    end,
    got: placed(made['.got']) || base,
    dynamic: placed(made['.dynamic']),
    irelativeStart: irelative || base,
    irelativeEnd: irelative ? irelative + pieces.size[made['.rela.iplt']]! : base,
    ehFrameHdr: placed(made['.eh_frame_hdr']),
  };
}

/** Start and end address of each sequence of sections that is placed. */
function clusterBounds(
  members: ReadonlyMap<string, readonly number[]>,
  pieces: Pieces,
  address: Float64Array,
): Map<string, { start: number; end: number }> {
  const bounds = new Map<string, { start: number; end: number }>();
  for (const [name, ids] of members) {
    let start = Number.POSITIVE_INFINITY;
    let end = 0;
    for (const id of ids) {
      if (pieces.home[id] !== id) continue;
      start = Math.min(start, address[id]!);
      end = Math.max(end, address[id]! + pieces.size[id]!);
    }
    if (start <= end) bounds.set(name, { start, end });
  }
  return bounds;
}

/** Program headers in the order of the table. */
function inOrder({ kinds }: HeaderLayout, headers: readonly ProgramHeader[]): ProgramHeader[] {
  const open = headers.map((header, i) => ({ kind: kindOf(header.type, i === 0), header }));
  // A file without segments, as a script can make one, has no program headers at all.
  return open.length < kinds.length
    ? [...headers]
    : kinds.map((kind) => {
        const at = open.findIndex((other) => other.kind === kind);
        return open.splice(at, 1)[0]!.header;
      });
}

function programHeaders(
  program: Program,
  pieces: Pieces,
  order: SectionOrder,
  placement: Placement,
  thread: ThreadTemplate,
  options: LinkOptions,
): ProgramHeader[] {
  const headers = [...placement.loads];
  if (order.headers.hasThread) {
    const { address, offset, fileSize, memorySize, alignment } = thread;
    headers.push({ type: PT_TLS, flags: PF_R, offset, address, fileSize, memorySize, alignment });
  }
  if (order.headers.hasEhFrameHdr) {
    const id = program.made['.eh_frame_hdr'];
    const size = pieces.size[id]!;
    const place = { offset: placement.fileOffset[id]!, address: placement.address[id]! };
    headers.push({
      type: PT_GNU_EH_FRAME,
      flags: PF_R,
      ...place,
      fileSize: size,
      memorySize: size,
      alignment: 4,
    });
  }
  if (order.headers.stack !== 'default') {
    const flags = PF_R | PF_W | (order.headers.stack === 'executable' ? PF_X : 0);
    headers.push({
      type: PT_GNU_STACK,
      flags,
      offset: 0,
      address: 0,
      fileSize: 0,
      memorySize: 0,
      alignment: 16,
    });
  }
  return [...headers, ...(placement.extra ?? []), ...(options.unpacks ?? [])];
}
