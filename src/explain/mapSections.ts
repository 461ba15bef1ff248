/** Live sections as a map shows them. */
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { CATEGORY_NAMES, Category, type ImageLayout, type Liveness, Root } from '../results.ts';
import { findDominators } from './dominators.ts';
import type { MapPart, MapReference, MapSection, MapSymbol } from './linkMap.ts';
import type { ReferenceGraph } from './references.ts';
import type { SectionChanges } from './sizeLog.ts';

/**
 * @param index of sections in the order of addresses by id, or -1
 * @param symbols of sections by their ids
 */
export function mapSections(
  program: Program,
  pieces: Pieces,
  layout: ImageLayout,
  liveness: Liveness,
  graph: ReferenceGraph,
  index: Int32Array,
  changes: SectionChanges,
  symbols: ReadonlyMap<number, MapSymbol[]>,
): MapSection[] {
  const { order } = layout;
  const { parent, retained } = findDominators(graph, fileSizes(pieces, layout));
  let end = layout.fit?.end ?? layout.headerSize;
  return [...order].map((id, i) => {
    const parts = partsOf(pieces, layout, id);
    const offset = parts[0]?.offset ?? layout.fileOffset[id]!;
    const size = pieces.size[id]!;
    const category = layout.category[i]! as Category;
    const section = {
      name: program.sectionName(id),
      object: program.objectOf(id).name,
      objectIndex: program.objectOf(id).id,
      part: CATEGORY_NAMES[category],
      address: parts.length > 0 ? layout.base + offset : layout.address[id]!,
      fileOffset: category === Category.bss ? null : offset,
      parts,
      size,
      inputSize: program.sections.size[id]!,
      alignment: pieces.alignment[id]!,
      padding: parts.length > 0 ? 0 : offset - end,
      keptBy: keptBy(program, liveness, id),
      ...keeperOf(pieces, liveness, index, graph.referrer, id),
      references: referencesOf(graph, i),
      retained: retained[i]!,
      dominator: parent[i]!,
      changes: changes.of(id),
      symbols: symbols.get(id) ?? [],
    };
    if (parts.length === 0) end = offset + size;
    return section;
  });
}

/** The index in the order of addresses of each section, or -1, by id. */
export function indexById({ sections }: Program, order: Int32Array): Int32Array {
  const index = new Int32Array(sections.count).fill(-1);
  for (let i = 0; i < order.length; i++) index[order[i]!] = i;
  return index;
}

/** Bytes of the file that each section has, in the order of their addresses. */
function fileSizes(pieces: Pieces, { order, category }: ImageLayout): Float64Array {
  return Float64Array.from(order, (id, i) => (category[i] === Category.bss ? 0 : pieces.size[id]!));
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

function keeperOf(
  { home }: Pieces,
  { parent, parentOffset }: Liveness,
  index: Int32Array,
  referrer: Int32Array,
  id: number,
): Pick<MapSection, 'keeper' | 'keeperOffset'> {
  const by = parent[id]!;
  // What the linker has made nothing has marked; tables have nothing that refers to them.
  if (by === Root.none) return { keeper: referrer[index[id]!]!, keeperOffset: 0 };
  const keeper = by >= 0 && home[by]! >= 0 ? index[home[by]!]! : -1;
  return { keeper, keeperOffset: keeper < 0 ? 0 : parentOffset[id]! };
}

function referencesOf({ first, target, from, to }: ReferenceGraph, i: number): MapReference[] {
  const references: MapReference[] = [];
  for (let at = first[i]!; at < first[i + 1]!; at++)
    references.push({ section: target[at]!, from: from[at]!, to: to[at]! });
  return references;
}
