/** Makes of a map what a page holds. */
import type { LinkMap, MapDiscarded, MapObject, MapRange, MapSection } from '../../explain/linkMap.ts';
import { type Name, Names, printable } from './names.ts';
import {
  type DiscardedColumns,
  type LinkFacts,
  type ObjectColumns,
  OWNERS,
  PARTS,
  type PageData,
  type RangeColumns,
  type SectionColumns,
} from './pageData.ts';

/** What is known about names. */
export interface NameKnowledge {
  /** @returns a name as people read it, or as it is */
  demangle(name: string): string;
  /** @returns the kind of machinery that a function belongs to, by its readable name */
  groupOf(readable: string): { readonly name: string; readonly hint: string } | undefined;
}

/** @param title what the page is about */
export function makePageData(map: LinkMap, title: string, knowledge: NameKnowledge): PageData {
  const names = new Names();
  const demangle = remembered(knowledge.demangle);
  const groups = new Groups((name) => knowledge.groupOf(demangle(name)));
  const objects = objectColumns(map.objects, names);
  const sections = sectionColumns(map, names, groups);
  const discarded = discardedColumns(map.discarded, names);
  return {
    title: printable(title),
    link: linkFacts(map),
    names: names.list,
    readable: names.list.map((name) => readableName(name, demangle)),
    objects,
    sections,
    discarded,
    ranges: rangeColumns(map.ranges),
    groups: groups.list,
    costs: (map.costs ?? []).flatMap(({ offset, size, bits }) => [offset, size, bits]),
  };
}

/** The same function, which asks once for each name. */
function remembered(ask: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    const answer = known.get(name) ?? ask(name);
    known.set(name, answer);
    return answer;
  };
}

/** @returns a name as people read it; 0 if it is that already, or follows from another */
function readableName(name: Name, demangle: (name: string) => string): string | 0 {
  if (typeof name !== 'string') return 0;
  const readable = printable(demangle(name));
  return readable === name ? 0 : readable;
}

/** Groups that occur, in the order in which they are met. */
class Groups {
  readonly list: { name: string; hint: string }[] = [];
  readonly #find: (symbol: string) => { readonly name: string; readonly hint: string } | undefined;

  constructor(find: (symbol: string) => { readonly name: string; readonly hint: string } | undefined) {
    this.#find = find;
  }

  /** @returns the index of a symbol's group, or -1 */
  of(symbol: string): number {
    const group = this.#find(symbol);
    if (!group) return -1;
    const index = this.list.findIndex(({ name }) => name === group.name);
    return index >= 0 ? index : this.list.push({ name: group.name, hint: group.hint }) - 1;
  }
}

function linkFacts(map: LinkMap): LinkFacts {
  const { fileSize, memorySize, base, entry, headerLayout, headerSize, headerReasons, fields } = map;
  const { segments, bytes, tableBytes, gotSlots, gotRelaxed, passes } = map;
  return {
    fileSize,
    memorySize,
    base,
    entry,
    headerLayout,
    headerSize,
    headerReasons: headerReasons.map(printable),
    fields,
    segments,
    bytes,
    tableBytes,
    gotSlots,
    gotRelaxed,
    passes,
    ...(map.packed && { packed: map.packed }),
  };
}

function objectColumns(objects: readonly MapObject[], names: Names): ObjectColumns {
  return {
    file: objects.map(({ file }) => names.of(file)),
    member: objects.map(({ member }) => (member === null ? -1 : names.of(member))),
    isExtracted: objects.map(({ extracted }) => (extracted ? 1 : 0)),
    symbol: objects.map(({ extracted }) => (extracted?.symbol ? names.of(extracted.symbol) : -1)),
    asker: objects.map(({ extracted }) => extracted?.object ?? -1),
  };
}

function sectionColumns({ sections, base }: LinkMap, names: Names, groups: Groups): SectionColumns {
  const column = (value: (section: MapSection) => number) => sections.map(value);
  const lists = (value: (section: MapSection) => number[]) => sections.flatMap(value);
  return {
    name: column(({ name }) => names.of(name)),
    object: column(({ objectIndex }) => objectIndex),
    part: column(({ part }) => PARTS.indexOf(part)),
    address: column(({ address }) => address - base),
    offset: column(({ fileOffset }) => fileOffset ?? -1),
    size: column(({ size }) => size),
    inputSize: column(({ inputSize }) => inputSize),
    alignment: column(({ alignment }) => alignment),
    padding: column(({ padding }) => padding),
    reason: column(({ keeper, keptBy }) => (keeper < 0 ? names.of(keptBy) : -1)),
    keeper: column(({ keeper }) => keeper),
    keeperOffset: column(({ keeperOffset }) => keeperOffset),
    retained: column(({ retained }) => retained),
    dominator: column(({ dominator }) => dominator),
    referenceCount: column(({ references }) => references.length),
    references: lists(({ references }) => references.flatMap(({ section, from, to }) => [section, from, to])),
    changeCount: column(({ changes }) => changes.length),
    changes: lists(({ changes }) => changes.flatMap(({ pass, size }) => [names.of(pass), size])),
    symbolCount: column(({ symbols }) => symbols.length),
    symbols: lists((section) =>
      section.symbols.flatMap(({ name, address, size }) => [
        names.of(name),
        address - section.address,
        size,
        groups.of(name),
      ]),
    ),
  };
}

function discardedColumns(discarded: readonly MapDiscarded[], names: Names): DiscardedColumns {
  const column = (value: (section: MapDiscarded) => number) => discarded.map(value);
  return {
    name: column(({ name }) => names.of(name)),
    object: column(({ objectIndex }) => objectIndex),
    size: column(({ size }) => size),
    pass: column(({ pass }) => names.of(pass)),
    reason: column(({ reason }) => names.of(reason)),
    standsFor: column(({ standsFor }) => standsFor),
    symbolCount: column(({ symbols }) => symbols.length),
    symbols: discarded.flatMap(({ symbols }) => symbols.map((name) => names.of(name))),
  };
}

function rangeColumns(ranges: readonly MapRange[]): RangeColumns {
  return {
    size: ranges.map(({ size }) => size),
    owner: ranges.map(({ owner }) => OWNERS.indexOf(owner)),
    object: ranges.map(({ object }) => object),
    section: ranges.map(({ section }) => section),
    symbol: ranges.map(({ symbol }) => symbol),
  };
}
