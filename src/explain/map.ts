/** The truth about a finished link as plain data: what lies where, where it came from, and why it is there. */

import { FormatError } from '../diagnostics.ts';
import { readU64 } from '../elf/bytes.ts';
import {
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_EH_FRAME,
  PT_GNU_STACK,
  PT_LOAD,
  PT_TLS,
  STT_FILE,
  STT_SECTION,
} from '../elf/constants.ts';
import { hasReservedSection, symbolName, symbolOffset, symbolSection } from '../elf/object.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { takenBytes } from '../layout/fitted.ts';
import type { Pieces } from '../pieces.ts';
import type { InputObject, Program } from '../program.ts';
import {
  CATEGORY_NAMES,
  Category,
  DISCARD_REASONS,
  Discard,
  type ImageLayout,
  type Liveness,
  Rewrite,
  Root,
  type Synthesis,
} from '../results.ts';

/** Version of the shape below; it changes when a reader of an older one would misread it. */
const MAP_VERSION = 1;

/** A symbol defined in a live section. */
interface MapSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/** A part of a section that lies apart. */
export interface MapPart {
  /** File offset. */
  readonly offset: number;
  readonly size: number;
}

/** A live section. Addresses are virtual, sizes and offsets in bytes. */
export interface MapSection {
  readonly name: string;
  /** The object it comes from, as in error messages. */
  readonly object: string;
  readonly part: (typeof CATEGORY_NAMES)[number];
  readonly address: number;
  /** Offset in the file; null for zero-initialised data, which has no bytes there. */
  readonly fileOffset: number | null;
  /** Where its bytes lie if it was laid into and around the header, ascending; else empty. */
  readonly parts: readonly MapPart[];
  readonly size: number;
  readonly alignment: number;
  /** Bytes of padding in front of it. */
  readonly padding: number;
  /** What keeps it: a place that refers to it, or the reason why it is a root. */
  readonly keptBy: string;
  readonly symbols: readonly MapSymbol[];
}

/** A section that was loaded but is not in the program. */
interface MapDiscarded {
  readonly name: string;
  readonly object: string;
  readonly size: number;
  readonly reason: string;
}

/** A program header. */
interface MapSegment {
  readonly type: string;
  /** Of r, w and x. */
  readonly permissions: string;
  readonly address: number;
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface LinkMap {
  readonly version: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly base: number;
  readonly entry: number;
  readonly headerLayout: string;
  readonly headerSize: number;
  /** Smaller layouts, and the rule for each by which this program cannot have it. */
  readonly headerReasons: readonly string[];
  /** The program headers. */
  readonly segments: readonly MapSegment[];
  /** Bytes by part of the image; padding is what alignment costs. */
  readonly bytes: Readonly<
    Record<(typeof CATEGORY_NAMES)[number] | 'header' | 'padding' | 'trimmed', number>
  >;
  /** Bytes behind the image: symbols and debug information. */
  readonly tableBytes: number;
  readonly gotSlots: number;
  /** GOT references that were rewritten to direct ones. */
  readonly gotRelaxed: number;
  /** Sections in the order of their addresses. */
  readonly sections: readonly MapSection[];
  readonly discarded: readonly MapDiscarded[];
}

export function buildMap(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  discards: Uint8Array,
  liveness: Liveness,
  synthesis: Synthesis,
  tableBytes: number,
): LinkMap {
  const symbols = symbolsBySection(program, pieces, layout);
  const sections = mapSections(program, pieces, layout, liveness, symbols);
  return {
    version: MAP_VERSION,
    fileSize: layout.fileSize + tableBytes,
    memorySize: layout.memorySize,
    base: layout.base,
    entry: layout.entry,
    headerLayout: layout.header.name,
    headerSize: layout.headerSize,
    headerReasons: layout.fit?.reasons ?? [],
    segments: layout.programHeaders.map(describeHeader),
    bytes: sumByPart(pieces, layout, sections),
    tableBytes,
    gotSlots: synthesis.slots.length,
    gotRelaxed: countRelaxed(synthesis),
    sections,
    discarded: mapDiscarded(program, pieces, discards, liveness),
  };
}

const HEADER_NAMES: Readonly<Record<number, string>> = {
  [PT_LOAD]: 'LOAD',
  [PT_TLS]: 'TLS',
  [PT_GNU_EH_FRAME]: 'GNU_EH_FRAME',
  [PT_GNU_STACK]: 'GNU_STACK',
};

function describeHeader({ type, flags, address, offset, fileSize, memorySize }: ProgramHeader): MapSegment {
  const letters = [flags & PF_R ? 'r' : '-', flags & PF_W ? 'w' : '-', flags & PF_X ? 'x' : '-'];
  return { type: HEADER_NAMES[type]!, permissions: letters.join(''), address, offset, fileSize, memorySize };
}

function mapSections(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  liveness: Liveness,
  symbols: ReadonlyMap<number, MapSymbol[]>,
): MapSection[] {
  let end = layout.fit?.end ?? layout.headerSize;
  return [...layout.order].map((id, i) => {
    const parts = partsOf(pieces, layout, id);
    const offset = parts[0]?.offset ?? layout.fileOffset[id]!;
    const size = pieces.size[id]!;
    const category = layout.category[i]! as Category;
    const section = {
      name: program.sectionName(id),
      object: program.objectOf(id).name,
      part: CATEGORY_NAMES[category],
      address: parts.length > 0 ? layout.base + offset : layout.address[id]!,
      fileOffset: category === Category.bss ? null : offset,
      parts,
      size,
      alignment: pieces.alignment[id]!,
      padding: parts.length > 0 ? 0 : offset - end,
      keptBy: keptBy(program, liveness, id),
      symbols: symbols.get(id) ?? [],
    };
    if (parts.length === 0) end = offset + size;
    return section;
  });
}

/** Where the parts of a section lie that has found its place around the header, ascending; else nothing. */
function partsOf(pieces: Pieces, { fit }: ImageLayout, id: number): MapPart[] {
  const offset = fit?.placed.get(id);
  if (offset !== undefined) return [{ offset, size: pieces.size[id]! }];
  if (!fit?.cut.has(id)) return [];
  const runs = fit.runs.filter(({ section }) => section === id);
  const parts: MapPart[] = [];
  for (const { offset, bytes } of runs.sort((a, b) => a.offset - b.offset)) {
    const last = parts.at(-1);
    if (last && last.offset + last.size === offset)
      parts[parts.length - 1] = { offset: last.offset, size: last.size + bytes.length };
    else parts.push({ offset, size: bytes.length });
  }
  return parts;
}

function keptBy(program: Program, { parent, parentOffset }: Liveness, id: number): string {
  if (program.isLinkerMade(id) && program.sectionName(id) !== 'COMMON') return 'the linker';
  const by = parent[id]!;
  if (by >= 0) return program.place(by, parentOffset[id]!);
  if (by === Root.entry) return 'the entry';
  if (by === Root.script) return 'the linker script';
  if (by === Root.option) return 'an option (-u or --defsym)';
  return by === Root.retained ? 'SHF_GNU_RETAIN' : '--no-gc-sections';
}

/** Named symbols of placed sections, in the order of their addresses. */
function symbolsBySection(program: Program, pieces: Pieces, layout: ImageLayout): Map<number, MapSymbol[]> {
  const bySection = new Map<number, MapSymbol[]>();
  const add: AddSymbol = (section, name, value, size) => {
    const home = pieces.home[section]!;
    const offset = home < 0 ? -1 : pieces.resolve(section, value);
    if (offset < 0) return;
    const list = bySection.get(home) ?? [];
    const left = pieces.sizeOf(section, value, size);
    list.push({ name, address: layout.address[home]! + offset, size: left });
    bySection.set(home, list);
  };
  for (const object of program.objects) {
    for (let index = 1; index < object.symbols.firstGlobal; index++) addLocal(program, object, index, add);
  }
  const { symbols } = program;
  for (let id = 0; id < symbols.count; id++) {
    const section = symbols.section[id]!;
    if (section >= 0) add(section, symbols.names.text(id), symbols.valueLow[id]!, symbols.size[id]!);
  }
  for (const list of bySection.values()) list.sort(compareSymbols);
  return bySection;
}

type AddSymbol = (section: number, name: string, value: number, size: number) => void;

/** Adds a local symbol. No relocation may have looked at it, so it may yet be malformed: then it has no name to show. */
function addLocal(program: Program, object: InputObject, index: number, add: AddSymbol): void {
  const at = symbolOffset(object, index);
  const type = object.bytes[at + 4]! & 15;
  if (type === STT_SECTION || type === STT_FILE || hasReservedSection(object, index)) return;
  try {
    const section = program.rowOf(object, symbolSection(object, index));
    if (section < 0) return;
    const name = symbolName(object, index);
    add(section, name, readU64(object.bytes, at + 8), readU64(object.bytes, at + 16));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

/** By address, then by name in code unit order, which no locale changes. */
function compareSymbols(a: MapSymbol, b: MapSymbol): number {
  if (a.address !== b.address) return a.address - b.address;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

function sumByPart(pieces: Pieces, layout: ImageLayout, sections: readonly MapSection[]): LinkMap['bytes'] {
  const own = takenBytes(pieces, layout).reduce((sum, isTaken) => sum - isTaken, layout.headerSize);
  const { fileSize, trimmed } = layout;
  const sums = { header: own, text: 0, rodata: 0, data: 0, bss: 0, padding: 0, trimmed };
  for (const { part, size } of sections) sums[part] += size;
  sums.padding = fileSize + trimmed - sums.header - sums.text - sums.rodata - sums.data;
  return sums;
}

/** GOT references that became direct ones. */
function countRelaxed({ rewrites }: Synthesis): number {
  let count = 0;
  for (const code of rewrites) {
    if (code !== Rewrite.none && (code & Rewrite.tls) === 0) count++;
  }
  return count;
}

/** Loadable sections that are not live. Tables for tools, which no executable holds, are left out. */
function mapDiscarded(
  program: Program,
  pieces: Pieces,
  discards: Uint8Array,
  { live }: Liveness,
): MapDiscarded[] {
  const discarded: MapDiscarded[] = [];
  for (let id = 0; id < discards.length; id++) {
    const size = program.sections.size[id]!;
    const isPlaced = live[id] === 1 || pieces.home[id]! >= 0 || program.isLinkerMade(id);
    if (isPlaced || discards[id] === Discard.notLoaded || size === 0) continue;
    const reason = discards[id] === Discard.kept ? 'nothing refers to it' : DISCARD_REASONS[discards[id]!]!;
    discarded.push({ name: program.sectionName(id), object: program.objectOf(id).name, size, reason });
  }
  return discarded;
}
