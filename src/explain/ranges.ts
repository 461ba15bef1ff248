/** Whose each byte of the file is. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category, type ImageLayout, JUMP_SIZE } from '../results.ts';
import type { MapRange, MapSection, MapSymbol } from './linkMap.ts';

/** Bytes from an offset of the file to another that a section has, or the linker. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly owner: MapRange['owner'];
  readonly section: number;
  readonly symbol: number;
  readonly object: number;
}

/** @returns each byte of the file once @param sections in the order of `layout`; @param tableBytes behind the image */
export function findRanges(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  sections: readonly MapSection[],
  tableBytes: number,
): MapRange[] {
  const merged = findMerged(program, pieces);
  const spans: Span[] = [];
  layout.order.forEach((id, i) => {
    if (layout.category[i] === Category.bss) return;
    for (const span of spansOf(sections[i]!, i, merged.get(id) ?? [])) spans.push(span);
  });
  spans.push(...linkerSpans(layout));
  return fill(spans.sort(compareSpans), layout, tableBytes);
}

/** What the linker writes beside sections: the jump to the entry, and what a script asks for. */
function linkerSpans({ jumpOffset, patches }: ImageLayout): Span[] {
  const none = { section: -1, symbol: -1, object: 0 };
  const spans: Span[] = patches.map(({ offset, size }) => ({
    start: offset,
    end: offset + size,
    owner: 'script',
    ...none,
  }));
  if (jumpOffset !== undefined)
    spans.push({ start: jumpOffset, end: jumpOffset + JUMP_SIZE, owner: 'jump', ...none });
  return spans;
}

/** By offset; where script and section share bytes, those are the section's. */
function compareSpans(a: Span, b: Span): number {
  return a.start - b.start || b.section - a.section;
}

/** What lies between the spans belongs to the headers as far as they go, and else is there for alignment. */
function fill(spans: readonly Span[], { headerSize, fileSize }: ImageLayout, tableBytes: number): MapRange[] {
  const ranges: MapRange[] = [];
  const none = { section: -1, symbol: -1, object: 0 };
  let at = 0;
  const add = (end: number, rest: Omit<MapRange, 'offset' | 'size'>) => {
    if (end <= at) return;
    ranges.push({ offset: at, size: end - at, ...rest });
    at = end;
  };
  const fillUpTo = (end: number) => {
    add(Math.min(end, headerSize), { owner: 'header', ...none });
    add(end, { owner: 'padding', ...none });
  };
  for (const { start, end, ...rest } of spans) {
    fillUpTo(Math.min(start, fileSize));
    add(Math.min(end, fileSize), rest);
  }
  fillUpTo(fileSize);
  add(fileSize + tableBytes, { owner: 'tables', ...none });
  return ranges;
}

/** A part of a section's bytes that another section of the inputs has brought. */
interface Contribution {
  readonly offset: number;
  readonly size: number;
  readonly object: number;
}

/** The contributions to sections that hold merged strings and constants, by section id. */
function findMerged(program: Program, pieces: Pieces): Map<number, Contribution[]> {
  const merged = new Map<number, Contribution[]>();
  const { home } = pieces;
  for (let id = 0; id < home.length; id++) {
    if (home[id]! < 0 || home[id] === id || pieces.isFolded(id)) continue;
    if (!merged.has(home[id]!)) merged.set(home[id]!, []);
  }
  for (let id = 0; id < home.length; id++) {
    const list = merged.get(home[id]!);
    if (!list || !pieces.hasOwnBytes(id)) continue;
    const object = program.objectOf(id).id;
    for (const { offset, size } of pieces.runs(id, program.sections.size[id]!))
      list.push({ offset, size, object });
  }
  for (const list of merged.values()) list.sort((a, b) => a.offset - b.offset || b.size - a.size);
  return merged;
}

function spansOf(section: MapSection, index: number, merged: readonly Contribution[]): Span[] {
  const { fileOffset, size, objectIndex, parts, symbols } = section;
  const owner = { owner: 'section' as const, section: index };
  if (fileOffset === null || size === 0) return [];
  if (merged.length > 0) {
    return mergedParts(merged, size, objectIndex).map(({ offset, size, object }) => {
      const start = fileOffset + offset;
      return { start, end: start + size, symbol: -1, object, ...owner };
    });
  }
  if (parts.length > 0) {
    const symbol = symbols.length === 1 ? 0 : -1;
    return parts.map(({ offset, size }) => ({
      start: offset,
      end: offset + size,
      symbol,
      object: objectIndex,
      ...owner,
    }));
  }
  return symbolSpans(section).map(({ start, end, symbol }) => ({
    start: fileOffset + start,
    end: fileOffset + end,
    symbol,
    object: objectIndex,
    ...owner,
  }));
}

/** Each byte of a section once, by who brought it. @param object whose the bytes between contributions are */
function mergedParts(merged: readonly Contribution[], size: number, object: number): Contribution[] {
  const parts: Contribution[] = [];
  let at = 0;
  const add = (end: number, object: number) => {
    if (end > at) parts.push({ offset: at, size: end - at, object });
    at = Math.max(at, end);
  };
  for (const part of merged) {
    add(part.offset, object);
    add(part.offset + part.size, part.object);
  }
  add(size, object);
  return parts;
}

/** Cuts a section where another symbol covers its bytes: of several the one that begins last. Offsets in the section. */
function symbolSpans({
  address,
  size,
  symbols,
}: MapSection): { start: number; end: number; symbol: number }[] {
  const spans: { start: number; end: number; symbol: number }[] = [];
  let at = 0;
  /** Symbols that cover the current place, the one that began last on top. */
  const open: { end: number; symbol: number }[] = [];
  const advance = (to: number) => {
    while (at < to) {
      while (open.length > 0 && open.at(-1)!.end <= at) open.pop();
      const { end, symbol } = open.at(-1) ?? { end: size, symbol: -1 };
      const next = Math.min(to, end);
      const last = spans.at(-1);
      if (last && last.symbol === symbol) spans[spans.length - 1] = { ...last, end: next };
      else spans.push({ start: at, end: next, symbol });
      at = next;
    }
  };
  symbols.forEach((symbol, i) => {
    const start = Math.min(Math.max(0, symbol.address - address), size);
    advance(start);
    open.push({ end: endOf(symbol, symbols[i + 1], address, size), symbol: i });
  });
  advance(size);
  return spans;
}

/** Where the bytes of a symbol end in its section: one without a size is a label, which goes up to the next. */
function endOf(symbol: MapSymbol, next: MapSymbol | undefined, address: number, size: number): number {
  const start = symbol.address - address;
  if (symbol.size > 0) return Math.min(start + symbol.size, size);
  return next && next.address > symbol.address ? next.address - address : size;
}
