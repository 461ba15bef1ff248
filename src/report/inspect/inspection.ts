/** Puts together all that is known of an executable's bytes. */
import { FormatError } from '../../diagnostics.ts';
import type { LinkMap } from '../../explain/linkMap.ts';
import { AddressSpace, addressOf64, hexAddress } from './addresses.ts';
import { type Area, areasOfMap, areasOfSections, areasOfSegments, without } from './areas.ts';
import { findCode } from './code.ts';
import { type Executable, readExecutable } from './executable.ts';
import type { CodeMarks } from './flow.ts';
import {
  findHoles,
  findOverlaps,
  HeaderBytes,
  type HeaderHole,
  type Held,
  type Overlap,
  strayData,
} from './headerBytes.ts';
import { type InspectRange, makeRanges } from './ranges.ts';
import { type NamedPlace, Symbols } from './symbols.ts';

/** Who has told what lies behind the headers. */
type Witness = 'map' | 'sections' | 'segments';

/** An executable with every byte accounted for. */
export interface Inspection extends Executable {
  readonly witness: Witness;
  readonly space: AddressSpace;
  readonly symbols: Symbols;
  readonly header: HeaderBytes;
  /** Which bytes are instructions. */
  readonly marks: CodeMarks;
  /** Each byte of the file, once: ascending, without gaps. */
  readonly ranges: readonly InspectRange[];
  readonly overlaps: readonly Overlap[];
  readonly holes: readonly HeaderHole[];
  /** File offset of the first instruction; undefined if it does not lie in the file. */
  readonly entryOffset: number | undefined;
}

/**
 * Looks at a whole file.
 * @param map of the link that made it, if there is one
 * @throws FormatError if the file is no executable for x86-64, or the map is of another file
 */
export function inspectExecutable(bytes: Uint8Array, map?: LinkMap): Inspection {
  const executable = readExecutable(bytes);
  if (map) checkMap(map, executable);
  const { elf, fields, tables } = executable;
  const witness: Witness = map ? 'map' : tables ? 'sections' : 'segments';
  const space = new AddressSpace(elf.segments ?? [], bytes.length);
  const header = new HeaderBytes(fields);
  const symbols = new Symbols([...(tables?.symbols ?? []), ...(map ? symbolsOfMap(map) : [])]);
  const areas = areasOf(executable, map);
  const entryOffset = space.offsetOf(addressOf64(elf.header.e_entry));
  const names = nameOffsets(space, symbols, entryOffset);
  const marks = findCode(bytes, space, {
    entry: entryOffset,
    functions: (tables?.functions ?? []).flatMap((address) => space.offsetOf(address) ?? []),
    cuts: names,
    isHeader: (offset) => header.isRead(offset),
    regions: witness === 'segments' ? undefined : areas.filter(({ kind }) => kind === 'code'),
  });
  const stray = map ? [] : strayData(bytes, header, marks, tables !== undefined);
  const all = fuse([...stray.flatMap((area) => without(area, areas)), ...areas]);
  const ranges = makeRanges({ bytes, header, areas: all, marks, space, symbols, names });
  const heldAt = holderOf(ranges, header);
  return {
    ...executable,
    witness,
    space,
    symbols,
    header,
    marks,
    ranges,
    overlaps: findOverlaps(header, heldAt),
    holes: findHoles(header, heldAt),
    entryOffset,
  };
}

function checkMap({ fileSize, entry, packed }: LinkMap, { bytes, elf }: Executable): void {
  if (packed?.size === bytes.length) {
    const message = 'the map is of the program that this file unpacks, not of the bytes of the file';
    throw new FormatError(message, 0, 'inspect the file without the map');
  }
  const hint = 'link it again with its map';
  if (fileSize !== bytes.length) {
    const message = `the map is of another file: it tells of ${fileSize} bytes, the file has ${bytes.length}`;
    throw new FormatError(message, 0, hint);
  }
  const e_entry = addressOf64(elf.header.e_entry);
  if (entry !== e_entry) {
    const message = `the map is of another file: its entry is 0x${hexAddress(entry)}, the file's 0x${hexAddress(e_entry)}`;
    throw new FormatError(message, 0, hint);
  }
}

function symbolsOfMap({ sections }: LinkMap): NamedPlace[] {
  return sections.flatMap(({ symbols }) => symbols);
}

/** What section headers tell of the tables is more than a map does. */
function areasOf({ elf, tables }: Executable, map: LinkMap | undefined): Area[] {
  if (!map) return tables ? areasOfSections(tables) : areasOfSegments(elf);
  const areas = areasOfMap(map);
  if (!tables) return areas;
  const loaded = areas.filter(({ kind }) => kind !== 'tables');
  const named = areasOfSections(tables).filter(({ kind }) => kind === 'tables');
  const rest = areas.filter(({ kind }) => kind === 'tables').flatMap((area) => without(area, named));
  return [...loaded, ...rest, ...named].sort((a, b) => a.start - b.start);
}

/** Sorts areas and joins those of unnamed data that touch: a text may begin in the header and end behind it. */
function fuse(areas: readonly Area[]): Area[] {
  const fused: Area[] = [];
  for (const area of areas.toSorted((a, b) => a.start - b.start)) {
    const last = fused.at(-1);
    const isOne = last?.end === area.start && isUnnamedData(last) && isUnnamedData(area);
    if (isOne) fused[fused.length - 1] = { ...last, end: area.end };
    else fused.push(area);
  }
  return fused;
}

function isUnnamedData({ kind, section, object }: Area): boolean {
  return kind === 'data' && section === undefined && object === undefined;
}

/** File offsets of all that has a name, and of the entry. */
function nameOffsets(space: AddressSpace, symbols: Symbols, entry: number | undefined): number[] {
  const offsets = new Set(entry === undefined ? [] : [entry]);
  for (const { start, end, delta } of space.mappings) {
    for (const address of symbols.between(start + delta, end + delta)) {
      const offset = space.offsetOf(address);
      if (offset !== undefined) offsets.add(offset);
    }
  }
  return [...offsets].sort((a, b) => a - b);
}

/** What the bytes of the headers hold besides fields. */
function holderOf(ranges: readonly InspectRange[], header: HeaderBytes): (offset: number) => Held {
  const held = new Map<number, Held>();
  const last = header.offsets.at(-1) ?? -1;
  for (const { offset, size, kind, object, section, fields } of ranges) {
    if (fields.length === 0 || kind === 'header' || kind === 'padding' || kind === 'other') continue;
    const name = object === undefined ? section : `${object}:(${section})`;
    const content = kind === 'code' ? 'code' : 'data';
    for (let at = offset; at < Math.min(offset + size, last + 1); at++)
      held.set(at, { content, section: name });
  }
  return (offset) => held.get(offset) ?? NOTHING;
}

const NOTHING: Held = { content: 'nothing' };
