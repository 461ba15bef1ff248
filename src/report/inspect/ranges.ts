/** Cuts a file into ranges, so that each byte lies in exactly one. */
import type { AddressSpace } from './addresses.ts';
import type { Area, AreaKind } from './areas.ts';
import { type CodeMarks, Mark } from './flow.ts';
import { fieldName, type HeaderBytes } from './headerBytes.ts';
import type { Symbols } from './symbols.ts';

/** Bytes in a row that have one owner besides fields of the headers. */
export interface InspectRange {
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Virtual address as `addressOf64` has it; undefined if it is not loaded. */
  readonly address: number | undefined;
  readonly kind: 'header' | AreaKind;
  /** Fields of the headers that it lies in. */
  readonly fields: readonly string[];
  readonly object?: string;
  readonly section?: string;
  /** Names of its first byte. */
  readonly symbols: readonly string[];
  /** The symbol that it belongs to, if it has no name of its own: the name, and `+0x…` for where in it. */
  readonly within?: string;
}

/** What ranges are made of. */
export interface RangeSources {
  readonly bytes: Uint8Array;
  readonly header: HeaderBytes;
  /** Ascending, disjoint. */
  readonly areas: readonly Area[];
  readonly marks: CodeMarks;
  readonly space: AddressSpace;
  readonly symbols: Symbols;
  /** File offsets of symbols and of the entry, ascending, each once. */
  readonly names: readonly number[];
}

/** A range while it is made. */
interface Piece {
  readonly start: number;
  end: number;
  readonly isCode: boolean;
  area: Area | undefined;
}

/** @returns ascending ranges without gaps from 0 to the end of the file */
export function makeRanges(sources: RangeSources): InspectRange[] {
  return makePieces(sources).map((piece) => describePiece(piece, sources));
}

function makePieces({ bytes, header, areas, marks, space, names }: RangeSources): Piece[] {
  const isName = new Set(names);
  const edges = new Set([0, bytes.length, ...names]);
  for (const { start, end } of areas) edges.add(start).add(end);
  for (const { start, end } of space.mappings) edges.add(start).add(end);
  for (const { offset, size } of header.fields) edges.add(offset).add(offset + size);
  addCodeEdges(marks, edges);
  const cuts = Float64Array.from(edges).sort();
  const pieces: Piece[] = [];
  let next = 0;
  for (let i = 0; i + 1 < cuts.length; i++) {
    const start = cuts[i]!;
    while (next < areas.length && areas[next]!.end <= start) next++;
    const area = next < areas.length && areas[next]!.start <= start ? areas[next] : undefined;
    const piece = { start, end: cuts[i + 1]!, isCode: marks[start] !== Mark.none, area };
    const last = pieces.at(-1);
    if (last && canJoin(last, piece, marks, isName)) {
      last.end = piece.end;
      last.area ??= area;
    } else pieces.push(piece);
  }
  return pieces;
}

function addCodeEdges(marks: CodeMarks, edges: Set<number>): void {
  for (let at = 1; at < marks.length; at++) {
    if ((marks[at] === Mark.none) !== (marks[at - 1] === Mark.none)) edges.add(at);
  }
}

/** No instruction is cut; fields of headers cut only what is nothing else. */
function canJoin(last: Piece, next: Piece, marks: CodeMarks, isName: ReadonlySet<number>): boolean {
  if (marks[next.start] === Mark.inside) return true;
  if (isName.has(next.start) || last.isCode !== next.isCode || last.area !== next.area) return false;
  return next.isCode || next.area !== undefined;
}

function describePiece(piece: Piece, { bytes, header, space, symbols }: RangeSources): InspectRange {
  const { start, end, area } = piece;
  const address = space.addressOf(start);
  const fields = header.within(start, end);
  const kind = kindOf(piece, bytes, fields.length > 0);
  const isNamed = kind !== 'header' && kind !== 'tables' && address !== undefined;
  const names = isNamed ? symbols.at(address).map(({ name }) => name) : [];
  const within = isNamed && names.length === 0 ? withinSymbol(address, piece, space, symbols) : undefined;
  return {
    offset: start,
    size: end - start,
    address,
    kind,
    fields: fields.map(fieldName),
    ...(area?.object !== undefined && { object: area.object }),
    ...(area?.section !== undefined && { section: area.section }),
    symbols: names,
    ...(within !== undefined && { within }),
  };
}

function withinSymbol(
  address: number,
  { area }: Piece,
  space: AddressSpace,
  symbols: Symbols,
): string | undefined {
  if (area?.symbol !== undefined) return area.symbol;
  if (!area || area.kind === 'padding') return undefined;
  const found = symbols.covering(address, space.addressOf(area.start) ?? address);
  return found && `${found.name}+0x${(address - found.address).toString(16)}`;
}

function kindOf(
  { start, end, isCode, area }: Piece,
  bytes: Uint8Array,
  isHeader: boolean,
): InspectRange['kind'] {
  if (isCode) return 'code';
  if (area && area.kind !== 'code') return area.kind;
  if (!area && isHeader) return 'header';
  if (isFiller(bytes, start, end)) return 'padding';
  return area ? 'data' : 'other';
}

/** Whether all bytes are the same one of those that linkers pad with: 0, NOP or INT3. */
function isFiller(bytes: Uint8Array, start: number, end: number): boolean {
  const [filler] = bytes.subarray(start, end);
  if (filler !== 0 && filler !== 0x90 && filler !== 0xcc) return false;
  return bytes.subarray(start, end).every((byte) => byte === filler);
}
