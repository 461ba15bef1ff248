/**
 * Gives every placed section its address. The first region of the image begins with the header at file offset 0;
 * within a region addresses and file offsets differ by a constant, so nothing is padded to pages. A region that
 * overlaps the one before it follows one page further up in memory, but not in the file: both map the page of the
 * file that they share. Afterwards addresses, file offsets and the values of all symbols are final.
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
import { Category, type ImageLayout, type Liveness, type Region, type SectionOrder } from '../results.ts';

/** More padding than any program has a use for: a damaged sh_addralign, most likely. */
const PADDING_LIMIT = 2 ** 26;
/** Largest array of bytes. */
const FILE_LIMIT = 2 ** 32;
/** End of the addresses that Linux gives to programs (TASK_SIZE with four-level paging). */
const ADDRESS_LIMIT = 2 ** 47 - 4096;

export function layoutImage(
  program: Program,
  { clusters }: Liveness,
  pieces: Pieces,
  order: SectionOrder,
  options: LinkOptions,
  diagnostics: Diagnostics,
): ImageLayout {
  const placement = placeAll(program, pieces, order, options);
  const base = placement.loads[0]!.address;
  const { address, fileEnd, end } = placement;
  const content = order.order.reduce(
    (sum, id, i) => sum + (order.category[i] === Category.bss ? 0 : pieces.size[id]!),
    0,
  );
  if (fileEnd > 2 * content + PADDING_LIMIT || fileEnd > FILE_LIMIT) {
    const what = `the file would have ${fileEnd} bytes for ${content} bytes of content`;
    diagnostics.error('too-large', what, { hint: 'look for a section with a huge alignment' });
    diagnostics.stopOnErrors();
  }
  if (end > ADDRESS_LIMIT) {
    const what = `the program ends at address 0x${end.toString(16)}, past 0x${ADDRESS_LIMIT.toString(16)}`;
    diagnostics.error('too-large', what, { hint: 'lower --base or make .bss smaller' });
  }
  const thread = placeThreadTemplate(program, pieces, order, placement);
  const edges = edgesOf(program, pieces, order, placement, base);
  const bounds = clusterBounds(clusters.members, pieces, address);
  setSymbolValues(program, pieces, options, address, { edges, bounds }, diagnostics);
  return {
    ...order,
    address,
    fileOffset: placement.fileOffset,
    base,
    programHeaders: programHeaders(program, pieces, order, placement, thread, options),
    entry: entryAddress(program, pieces, options.entry, address, diagnostics),
    fileSize: fileEnd,
    memorySize: end - base,
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
  readonly bssStart: number;
  /** Bytes of the file. */
  readonly fileEnd: number;
  readonly end: number;
  readonly loads: readonly ProgramHeader[];
}

function placeAll(program: Program, pieces: Pieces, order: SectionOrder, options: LinkOptions): Placement {
  const placer = new Placer(program.sections.count, pieces, order, options);
  let begin = 0;
  for (const region of order.regions) {
    placer.beginRegion(region);
    for (let i = begin; i < region.end; i++) placer.place(order.order[i]!, order.category[i]! as Category);
    placer.endRegion(region);
    begin = region.end;
  }
  return placer.placement();
}

class Placer {
  readonly #pieces: Pieces;
  readonly #pageSize: number;
  readonly #address: Float64Array;
  readonly #fileOffset: Float64Array;
  readonly #partEnd = [0, 0, 0, 0];
  readonly #loads: ProgramHeader[] = [];
  #bssStart = 0;
  #fileEnd: number;
  /** The next free address, and what it is ahead of its file offset. */
  #here: number;
  #shift: number;
  #regionOffset = 0;

  constructor(sectionCount: number, pieces: Pieces, { headerSize }: SectionOrder, options: LinkOptions) {
    this.#pieces = pieces;
    this.#pageSize = options.pageSize;
    this.#address = new Float64Array(sectionCount);
    this.#fileOffset = new Float64Array(sectionCount);
    const textStart = options.sectionStarts.get('.text');
    this.#shift = textStart === undefined ? options.base : baseFor(textStart, headerSize, options.pageSize);
    this.#here = textStart ?? options.base + headerSize;
    this.#fileEnd = this.#here - this.#shift;
  }

  beginRegion({ gap }: Region): void {
    if (gap === 'none') return;
    const page = this.#pageSize;
    if (gap === 'page') this.#fileEnd = alignUp(this.#fileEnd, page);
    if (typeof gap === 'number') this.#fileEnd += (((gap - this.#fileEnd) % page) + page) % page;
    const end = this.#here;
    this.#here = typeof gap === 'number' ? gap : this.#fileEnd + this.#shift;
    // Memory pages are never shared: go up until this region's first page is free.
    while (typeof gap !== 'number' && Math.floor(this.#here / page) * page < end) this.#here += page;
    this.#shift = this.#here - this.#fileEnd;
    this.#regionOffset = this.#fileEnd;
  }

  place(id: number, part: Category): void {
    const here = alignUp(this.#here, this.#pieces.alignment[id]!);
    if (part === Category.bss && this.#bssStart === 0) this.#bssStart = here;
    this.#address[id] = here;
    this.#fileOffset[id] = here - this.#shift;
    this.#here = here + this.#pieces.size[id]!;
    this.#partEnd[part] = this.#here;
    if (part !== Category.bss) this.#fileEnd = this.#here - this.#shift;
  }

  endRegion({ flags }: Region): void {
    // A segment without bytes of the file is not mapped by every kernel: begin one byte earlier.
    const offset = Math.min(this.#regionOffset, this.#fileEnd - 1);
    const address = offset + this.#shift;
    const sizes = { fileSize: this.#fileEnd - offset, memorySize: this.#here - address };
    this.#loads.push({ type: PT_LOAD, flags, offset, address, ...sizes, alignment: this.#pageSize });
  }

  placement(): Placement {
    return {
      address: this.#address,
      fileOffset: this.#fileOffset,
      partEnd: this.#partEnd,
      bssStart: this.#bssStart || this.#here,
      fileEnd: this.#fileEnd,
      end: this.#here,
      loads: this.#loads,
    };
  }
}

/** The base that puts the first section at `start` with the header in front of it. */
function baseFor(start: number, headerSize: number, pageSize: number): number {
  const inPage = start % pageSize;
  const offset = inPage + pageSize * Math.max(0, Math.ceil((headerSize - inPage) / pageSize));
  return start - offset;
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
  { address, fileOffset, fileEnd, loads }: Placement,
): ThreadTemplate {
  const [first] = threadOrder;
  if (first === undefined) return NO_THREAD;
  const alignment = pieces.alignment[first]!;
  const hasBytes = program.sections.type[first] !== SHT_NOBITS;
  const start = hasBytes ? address[first]! : alignUp(loads[0]!.address, alignment);
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
    offset: hasBytes ? fileOffset[first]! : fileEnd,
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
  { address, partEnd, bssStart, end }: Placement,
  base: number,
): ImageEdges {
  const { made } = program;
  const placed = (id: number) => (pieces.home[id] === id ? address[id]! : 0);
  const irelative = placed(made['.rela.iplt']);
  return {
    start: base,
    textEnd: partEnd[Category.text] || base + headerSize,
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
  const value = (BigInt(high) << 32n) + BigInt(low);
  if (section < 0) return value;
  const home = pieces.home[section]!;
  // One that is not in the program has been reported.
  if (home < 0) return 0n;
  return BigInt(address[home]!) + (pieces.isMapped(section) ? BigInt(pieces.resolve(section, low)) : value);
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
