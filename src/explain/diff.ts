/** What has grown and what has shrunk between two links. */
import type { LinkMap, MapRange } from './linkMap.ts';

/** How bytes are put together. */
export type Grouping = 'symbol' | 'section' | 'file';
export const GROUPINGS: readonly Grouping[] = ['symbol', 'section', 'file'];

/** Bytes of the file under one name; 0 where there are none. */
export interface Change {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

export interface MapDiff {
  readonly before: number;
  readonly after: number;
  /** What changed, the largest change first. Together the changes are that of the file. */
  readonly changes: Readonly<Record<Grouping, readonly Change[]>>;
}

/**
 * @param nameOf what a symbol is called in both maps: without what compilers put into it that is different every time
 */
export function diffMaps(before: LinkMap, after: LinkMap, nameOf: (symbol: string) => string): MapDiff {
  const changesBy = (grouping: Grouping) => {
    const key = (map: LinkMap, range: MapRange) => keyOf(map, range, grouping, nameOf);
    return compare(sumUp(before, key), sumUp(after, key));
  };
  return {
    before: before.fileSize,
    after: after.fileSize,
    changes: { symbol: changesBy('symbol'), section: changesBy('section'), file: changesBy('file') },
  };
}

/** What bytes are called that are no section's. */
const OWNERS: Readonly<Record<Exclude<MapRange['owner'], 'section'>, string>> = {
  header: '[header]',
  jump: '[jump to the entry]',
  script: '[linker script]',
  padding: '[padding]',
  tables: '[symbols and debug information]',
};

function keyOf(
  map: LinkMap,
  range: MapRange,
  grouping: Grouping,
  nameOf: (symbol: string) => string,
): string {
  if (range.owner !== 'section') return OWNERS[range.owner];
  const section = map.sections[range.section]!;
  const { file, member } = map.objects[range.object]!;
  if (grouping === 'file') return file;
  // Of `.text.main` the function is said elsewhere.
  if (grouping === 'section') return /^(\.[a-z_]+(?:\.rel\.ro)?)/.exec(section.name)?.[1] ?? section.name;
  if (range.symbol >= 0) return nameOf(section.symbols[range.symbol]!.name);
  // Numbers in names of constants are those of a compilation.
  return `${section.name.replace(/\.\.L.*/, '')} of ${member ?? file}`;
}

function sumUp(map: LinkMap, key: (map: LinkMap, range: MapRange) => string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const range of map.ranges) {
    const name = key(map, range);
    sums.set(name, (sums.get(name) ?? 0) + range.size);
  }
  return sums;
}

function compare(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Change[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .map((name) => ({ name, before: before.get(name) ?? 0, after: after.get(name) ?? 0 }))
    .filter((change) => change.before !== change.after)
    .sort(
      (a, b) =>
        sizeOf(b) - sizeOf(a) || b.after - b.before - (a.after - a.before) || (a.name < b.name ? -1 : 1),
    );
}

function sizeOf({ before, after }: Change): number {
  return Math.abs(after - before);
}
