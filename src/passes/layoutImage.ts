/**
 * Gives every placed section its address. Without `--segments split` the image is one segment that begins with the
 * header at file offset 0, and addresses and file offsets differ by the base throughout, so nothing is padded to
 * pages. With it, data follows in a second segment one page further up in memory, but not in the file: both map
 * the file page they share. Afterwards addresses, file offsets and the values of all symbols are final.
 */
import type { Diagnostics } from '../diagnostics.ts';
import { alignUp } from '../elf/bytes.ts';
import {
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_EH_FRAME,
  PT_GNU_STACK,
  PT_LOAD,
  PT_TLS,
  SHT_NOBITS,
} from '../elf/constants.ts';
import { ExpressionError, evaluate, parseNumber } from '../expression.ts';
import type { ProgramHeader } from '../header/encode.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import { locateGlobal, type Program, SymbolKind, Target } from '../program.ts';
import { DYNAMIC_SYMBOL, type ImageEdges, providedPlace } from '../provided.ts';
import { Category, type ImageLayout, type Liveness, type SectionOrder } from '../results.ts';

/** End of the addresses that Linux gives to programs (TASK_SIZE with four-level paging). */
const ADDRESS_LIMIT = 2 ** 47 - 4096;
const PAGE = 0x1000;

export function layoutImage(
  program: Program,
  { clusters }: Liveness,
  pieces: Pieces,
  order: SectionOrder,
  options: LinkOptions,
  diagnostics: Diagnostics,
): ImageLayout {
  const placement = placeAll(program, pieces, order, options.base);
  const { address, fileEnd, end } = placement;
  if (end > ADDRESS_LIMIT) {
    const what = `the program ends at address 0x${end.toString(16)}, past 0x${ADDRESS_LIMIT.toString(16)}`;
    diagnostics.error('too-large', what, { hint: 'lower --base or make .bss smaller' });
  }
  const thread = placeThreadTemplate(program, pieces, order, placement);
  const edges = edgesOf(program, pieces, order, placement, options.base);
  const bounds = clusterBounds(clusters.members, pieces, address);
  setSymbolValues(program, pieces, options, address, { edges, bounds }, diagnostics);
  return {
    ...order,
    address,
    fileOffset: placement.fileOffset,
    base: options.base,
    programHeaders: programHeaders(program, pieces, order, placement, thread, options),
    entry: entryAddress(program, pieces, options.entry, address, diagnostics),
    fileSize: fileEnd,
    memorySize: end - options.base,
    edges,
    threadPointer: thread.pointer,
  };
}

/** Where everything went. Addresses are virtual, offsets and sizes in bytes. */
interface Placement {
  readonly address: Float64Array;
  readonly fileOffset: Float64Array;
  /** End of each category's last section, as an address; 0 if there is none. */
  readonly partEnd: readonly number[];
  /** Address of the first data, or where it would be. */
  readonly dataStart: number;
  readonly bssStart: number;
  /** Bytes of the file. */
  readonly fileEnd: number;
  readonly end: number;
}

function placeAll(
  program: Program,
  pieces: Pieces,
  { order, category, headerSize, headers }: SectionOrder,
  base: number,
): Placement {
  const address = new Float64Array(program.sections.count);
  const fileOffset = new Float64Array(program.sections.count);
  const partEnd = [0, 0, 0, 0];
  let here = base + headerSize;
  let shift = base;
  let dataStart = 0;
  let bssStart = 0;
  let fileEnd = headerSize;
  order.forEach((id, i) => {
    const part = category[i]! as Category;
    if (part >= Category.data && dataStart === 0) {
      if (headers.isSplit) shift += PAGE;
      dataStart = fileEnd + shift;
      here = dataStart;
    }
    here = alignUp(here, pieces.alignment[id]!);
    if (part === Category.bss && bssStart === 0) bssStart = here;
    address[id] = here;
    fileOffset[id] = here - shift;
    here += pieces.size[id]!;
    partEnd[part] = here;
    if (part !== Category.bss) fileEnd = here - shift;
  });
  dataStart ||= here;
  return { address, fileOffset, partEnd, dataStart, bssStart: bssStart || here, fileEnd, end: here };
}

/** The thread-local template, from `address` on; `pointer` is where the thread pointer would be in its space. */
interface ThreadTemplate {
  readonly address: number;
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
  readonly pointer: number;
}

const NO_THREAD: ThreadTemplate = {
  address: 0,
  offset: 0,
  fileSize: 0,
  memorySize: 0,
  alignment: 1,
  pointer: 0,
};

/**
 * Zero-initialised thread-local sections have addresses behind the template's bytes but take no room there. In
 * variant II of the TLS ABI a thread's copy ends at its thread pointer, rounded to the template's alignment.
 */
function placeThreadTemplate(
  program: Program,
  pieces: Pieces,
  { threadOrder }: SectionOrder,
  { address, fileOffset, dataStart, fileEnd }: Placement,
): ThreadTemplate {
  const [first] = threadOrder;
  if (first === undefined) return NO_THREAD;
  const alignment = pieces.alignment[first]!;
  const hasBytes = program.sections.type[first] !== SHT_NOBITS;
  const start = hasBytes ? address[first]! : alignUp(dataStart, alignment);
  let here = start;
  let bytesEnd = start;
  for (const id of threadOrder) {
    here = alignUp(here, pieces.alignment[id]!);
    if (program.sections.type[id] === SHT_NOBITS) address[id] = here;
    here += pieces.size[id]!;
    if (program.sections.type[id] !== SHT_NOBITS) bytesEnd = here;
  }
  return {
    address: start,
    offset: hasBytes ? fileOffset[first]! : Math.min(fileEnd, start),
    fileSize: bytesEnd - start,
    memorySize: here - start,
    alignment,
    pointer: alignUp(here, alignment),
  };
}

function edgesOf(
  program: Program,
  pieces: Pieces,
  { headerSize }: SectionOrder,
  { address, partEnd, bssStart, dataStart, end }: Placement,
  base: number,
): ImageEdges {
  const { made } = program;
  const placed = (id: number) => (pieces.home[id] === id ? address[id]! : 0);
  const irelative = placed(made['.rela.iplt']);
  return {
    start: base,
    textEnd: partEnd[Category.text] || base + headerSize,
    dataEnd: partEnd[Category.data] || dataStart,
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
    const placed = ids.filter((id) => pieces.home[id] === id);
    const [first] = placed;
    const last = placed.at(-1);
    if (first === undefined || last === undefined) continue;
    bounds.set(name, { start: address[first]!, end: address[last]! + pieces.size[last]! });
  }
  return bounds;
}

function programHeaders(
  program: Program,
  pieces: Pieces,
  order: SectionOrder,
  placement: Placement,
  thread: ThreadTemplate,
  options: LinkOptions,
): ProgramHeader[] {
  const headers = loadHeaders(pieces, order, placement, options);
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
  if (order.headers.hasStack) {
    const flags = PF_R | PF_W | (options.stack === 'executable' ? PF_X : 0);
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
  return headers;
}

/**
 * One segment, readable and executable, and writable only if something live is meant to be written, because
 * memory that is writable and executable is refused by some systems (PR_SET_MDWE, MemoryDenyWriteExecute); or two.
 */
function loadHeaders(
  pieces: Pieces,
  { order, category, headers }: SectionOrder,
  { fileEnd, end, partEnd, fileOffset }: Placement,
  { base, verbatim }: LinkOptions,
): ProgramHeader[] {
  const common = { type: PT_LOAD, alignment: PAGE };
  const isWritten = (id: number, i: number) => category[i]! >= Category.data && pieces.size[id]! > 0;
  if (!headers.isSplit) {
    const flags = PF_R | PF_X | (verbatim || order.some(isWritten) ? PF_W : 0);
    return [{ ...common, flags, offset: 0, address: base, fileSize: fileEnd, memorySize: end - base }];
  }
  const codeEnd = Math.max(partEnd[Category.text]!, partEnd[Category.rodata]!) - base;
  const dataOffset = order.reduce(
    (least, id, i) => (category[i]! >= Category.data ? Math.min(least, fileOffset[id]!) : least),
    Infinity,
  );
  // A segment without bytes of the file is not mapped by every kernel: begin one byte earlier.
  const start = Math.min(dataOffset, fileEnd - 1);
  const address = base + PAGE + start;
  return [
    { ...common, flags: PF_R | PF_X, offset: 0, address: base, fileSize: codeEnd, memorySize: codeEnd },
    {
      ...common,
      flags: PF_R | PF_W,
      offset: start,
      address,
      fileSize: fileEnd - start,
      memorySize: end - address,
    },
  ];
}

/** Fills in the values of symbols that stand for edges of the image or for `--defsym` expressions. */
function setSymbolValues(
  program: Program,
  pieces: Pieces,
  { definitions }: LinkOptions,
  address: Float64Array,
  places: { edges: ImageEdges; bounds: ReadonlyMap<string, { start: number; end: number }> },
  diagnostics: Diagnostics,
): void {
  const { symbols } = program;
  for (let id = 0; id < symbols.count; id++) {
    if (symbols.kind[id] === SymbolKind.provided)
      symbols.setValue(id, providedValue(symbols.names.text(id), places));
  }
  const evaluating = new Set<number>();
  const done = new Set<number>();
  const addressOf = (name: string): bigint => {
    const id = symbols.names.find(name);
    if (symbols.kind[id] === SymbolKind.expression && !done.has(id)) {
      if (evaluating.has(id)) throw new ExpressionError(`${name} is defined in terms of itself`);
      evaluating.add(id);
      symbols.setValue64(id, evaluate(definitions[symbols.index[id]!]!.expression, addressOf));
      done.add(id);
    }
    return exactAddress(program, pieces, address, id);
  };
  for (const { name } of definitions) {
    try {
      addressOf(name);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.error('bad-expression', `--defsym ${name}: ${error.message}`);
    }
  }
}

/** An empty sequence has equal bounds, wherever. */
function providedValue(
  name: string,
  { edges, bounds }: { edges: ImageEdges; bounds: ReadonlyMap<string, { start: number; end: number }> },
): number {
  if (name === DYNAMIC_SYMBOL) return edges.dynamic;
  const place = providedPlace(name)!;
  if (place.kind === 'edge') return edges[place.edge];
  const bound = bounds.get(place.cluster) ?? { start: edges.start, end: edges.start };
  return place.isEnd ? bound.end : bound.start;
}

/** A symbol's address, all 64 bits of it. */
function exactAddress(program: Program, pieces: Pieces, address: Float64Array, symbol: number): bigint {
  const target = new Target();
  locateGlobal(program, symbol, target);
  const { section, low, high } = target;
  if (section < 0) return (BigInt(high) << 32n) + BigInt(low);
  return BigInt(address[pieces.home[section]!]! + pieces.resolve(section, low));
}

function entryAddress(
  program: Program,
  pieces: Pieces,
  entry: string,
  address: Float64Array,
  diagnostics: Diagnostics,
): number {
  if (!/^[0-9]/.test(entry)) {
    const symbol = program.symbols.names.find(entry);
    if (program.symbols.kind[symbol]! <= SymbolKind.lazy) return 0;
    return Number(BigInt.asUintN(64, exactAddress(program, pieces, address, symbol)));
  }
  try {
    return parseNumber(entry);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    diagnostics.error('no-entry', `--entry: ${error.message}`);
    return 0;
  }
}
