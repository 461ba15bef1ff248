/** Maps that no link has made, for what is hard to come by: many sections, hostile names, a single range. */
import type { LinkMap, MapRange, MapSection } from '../../src/explain/linkMap.ts';

/** A section with one symbol that has all of its bytes. */
export interface SyntheticSection {
  readonly name: string;
  readonly symbol: string;
  readonly size: number;
  /** Index of the section that keeps it; -1 for a root. */
  readonly keeper?: number;
}

const OBJECT = 1;

/** @param header bytes in front of the sections */
export function syntheticMap(
  header: number,
  listed: readonly SyntheticSection[],
  file = 'lib/main.o',
): LinkMap {
  let offset = header;
  const kept = new Map<number, { section: number; from: number; to: number }[]>();
  listed.forEach(({ keeper = -1 }, section) => {
    if (keeper >= 0) kept.set(keeper, [...(kept.get(keeper) ?? []), { section, from: 1, to: 0 }]);
  });
  const sections = listed.map(({ name, symbol, size, keeper = -1 }, index): MapSection => {
    const section = {
      name,
      object: file,
      objectIndex: OBJECT,
      part: 'text' as const,
      address: 0x10000 + offset,
      fileOffset: offset,
      parts: [],
      size,
      inputSize: size + 2,
      alignment: 1,
      padding: 0,
      keptBy: keeper < 0 ? 'the entry' : `${file}:(${listed[keeper]!.name}+0x1)`,
      keeper,
      keeperOffset: keeper < 0 ? 0 : 1,
      references: kept.get(index) ?? [],
      retained: size,
      dominator: keeper,
      changes: [{ pass: 'shrinkCode', size }],
      symbols: [{ name: symbol, address: 0x10000 + offset, size }],
    };
    offset += size;
    return section;
  });
  const owned = sections.map(
    ({ fileOffset, size }, section): MapRange => ({
      offset: fileOffset!,
      size,
      owner: 'section',
      object: OBJECT,
      section,
      symbol: 0,
    }),
  );
  const first: MapRange = { offset: 0, size: header, owner: 'header', object: 0, section: -1, symbol: -1 };
  return {
    version: 2,
    fileSize: offset,
    memorySize: offset,
    base: 0x10000,
    entry: 0x10000 + header,
    headerLayout: '0x18',
    headerSize: header,
    headerReasons: [],
    fields: [],
    segments: [],
    bytes: { header, text: offset - header, rodata: 0, data: 0, bss: 0, padding: 0, trimmed: 0 },
    tableBytes: 0,
    gotSlots: 0,
    gotRelaxed: 0,
    passes: [
      { name: 'resolveSymbols', before: 0, after: offset + 10 },
      { name: 'markLive', before: offset + 10, after: offset },
    ],
    objects: [
      { name: '<linker>', file: '<linker>', member: null, extracted: null },
      { name: file, file, member: null, extracted: null },
    ],
    sections,
    discarded: [],
    ranges: header > 0 ? [first, ...owned] : owned,
  };
}
