/**
 * What sections have become on their way into the image: which are placed, with what bytes, and where an offset
 * of an input section lies now. Passes that merge, fold or edit sections record here what they did; every later
 * question about "offset x of section s" goes through `resolve`.
 */

/** Old offsets of a section and where they lie now. */
export interface OffsetMap {
  /** Ascending old offsets at which a run of bytes begins that stayed together. */
  readonly starts: Uint32Array;
  /** New offset of each run in the section's home, or -1 if the run is gone. */
  readonly offsets: Int32Array;
}

const HAS_CONTENT = 1;
const HAS_MAP = 2;
const IS_FOLDED = 4;
const IS_REWRITTEN = 8;
const IS_CUT = 16;
const IS_CLEARED = 32;

const NO_BYTES = new Uint8Array(0);

export class Pieces {
  /** Id of the section that holds this one's bytes now: itself, another, or -1 if it is not in the program. */
  readonly home: Int32Array;
  /** Size in bytes of each section that is its own home. */
  readonly size: Float64Array;
  /** Alignment in bytes of each section that is its own home. */
  readonly alignment: Float64Array;
  /** Bytes at the end of each section of variables that will be zero, more or less; 0 where nobody has looked. */
  readonly zeroTail: Float64Array;
  readonly #content = new Map<number, Uint8Array>();
  readonly #maps = new Map<number, OffsetMap>();
  /** Where offsets in the bytes of a section that is cut have gone, where those are not the input's. */
  readonly #cuts = new Map<number, OffsetMap>();
  /** By section of data: where its tables of distances begin, and behind the last entry of each, in turns. */
  #tables: ReadonlyMap<number, Uint32Array> = new Map();
  /** Bits by section id: whether the maps above have something for it, and whether it is folded. */
  readonly #has: Uint8Array;
  /** Ids of the sections that are folded into others, by those. */
  readonly #twins = new Map<number, number[]>();
  /** Sections that have to lie right behind others, by those, and all of them. */
  readonly #next = new Map<number, number>();
  readonly #followers = new Set<number>();

  constructor(sectionCount: number) {
    this.home = new Int32Array(sectionCount).fill(-1);
    this.size = new Float64Array(sectionCount);
    this.alignment = new Float64Array(sectionCount).fill(1);
    this.zeroTail = new Float64Array(sectionCount);
    this.#has = new Uint8Array(sectionCount);
  }

  /** The bytes of a section whose content is no longer that of the input. */
  contentOf(id: number): Uint8Array | undefined {
    return (this.#has[id]! & HAS_CONTENT) === 0 ? undefined : this.#content.get(id);
  }

  setContent(id: number, bytes: Uint8Array): void {
    this.#content.set(id, bytes);
    this.#has[id]! |= HAS_CONTENT;
  }

  #setMap(id: number, map: OffsetMap): void {
    this.#maps.set(id, map);
    this.#has[id]! |= HAS_MAP;
  }

  /** Makes a section its own home. An empty one needs no alignment: nothing lies in it. */
  place(id: number, size: number, alignment: number): void {
    this.home[id] = id;
    this.size[id] = size;
    this.alignment[id] = size === 0 ? 1 : alignment;
  }

  /** Makes a section zero-initialised, of which all bytes are zero. */
  clear(id: number): void {
    this.setContent(id, NO_BYTES);
    this.#has[id]! |= IS_CLEARED;
  }

  /** Whether a section with bytes in its object has become zero-initialised. */
  isCleared(id: number): boolean {
    return (this.#has[id]! & IS_CLEARED) !== 0;
  }

  /** Moves a section's bytes into another's. Without a map, offsets stay as they are. */
  moveInto(id: number, home: number, map?: OffsetMap): void {
    this.home[id] = home;
    if (map) this.#setMap(id, map);
  }

  /** Drops a section whose bytes and relocations are those of another. */
  fold(id: number, survivor: number): void {
    this.home[id] = survivor;
    this.#has[id]! |= IS_FOLDED;
    const twins = this.#twins.get(survivor);
    if (twins) twins.push(id);
    else this.#twins.set(survivor, [id]);
  }

  /**
   * Replaces the bytes of a section that stays its own home by shorter ones. Its relocations speak of the new bytes from
   * there on; what refers to it or to its twins still speaks of those of the input.
   * @param map from offsets in its bytes as they are now
   */
  rewrite(id: number, bytes: Uint8Array, alignment: number, map: OffsetMap): void {
    this.place(id, bytes.length, alignment);
    this.setContent(id, bytes);
    this.#moveParts(id, map);
    this.#has[id]! |= IS_REWRITTEN;
  }

  /**
   * Records where the parts of a section that stays its own home have gone, and with them its twins'.
   * @param map from offsets in its bytes as they are now
   */
  cut(id: number, size: number, map: OffsetMap): void {
    this.place(id, size, 1);
    this.#has[id]! |= IS_CUT;
    if (this.isRewritten(id)) this.#cuts.set(id, map);
    this.#moveParts(id, map);
  }

  /** Records where the bytes of a section have gone for itself and its twins. */
  #moveParts(id: number, map: OffsetMap): void {
    this.#addMap(id, map);
    for (const twin of this.#twins.get(id) ?? []) this.#addMap(twin, map);
  }

  /** Lets a map follow the one that a section has. */
  #addMap(id: number, map: OffsetMap): void {
    const earlier = this.#maps.get(id);
    this.#setMap(id, earlier ? chainMaps(earlier, map) : map);
  }

  /** Demands that a section lies right behind another one. */
  follow(id: number, next: number): void {
    this.#next.set(id, next);
    this.#followers.add(next);
  }

  /** Whether a section has to lie right behind another one. */
  isFollower(id: number): boolean {
    return this.#followers.has(id);
  }

  /** The section that has to lie right behind another one, or -1. */
  nextOf(id: number): number {
    return this.#next.get(id) ?? -1;
  }

  /** A section and those that have to lie right behind it, in their sequence. */
  chainFrom(id: number): number[] {
    const chain = [id];
    for (let next = this.#next.get(id); next !== undefined; next = this.#next.get(next)) chain.push(next);
    return chain;
  }

  /** Tells where tables of distances between places in code lie. */
  setTables(tables: ReadonlyMap<number, Uint32Array>): void {
    this.#tables = tables;
  }

  /** Forgets the tables of a section, which are no longer distances from their starts. */
  dropTables(id: number): void {
    const tables = new Map(this.#tables);
    if (tables.delete(id)) this.#tables = tables;
  }

  /**
   * How far an offset of a section of data lies behind the start of a table of distances from there, in bytes; -1 if it
   * does not lie in one.
   */
  distanceInTable(id: number, offset: number): number {
    const bounds = this.#tables.size === 0 ? undefined : this.#tables.get(id);
    if (!bounds) return -1;
    const at = lastAtOrBefore(bounds, offset);
    // Where one table ends another may begin: then the last bound is the start of that one.
    return at >= 0 && at % 2 === 0 ? offset - bounds[at]! : -1;
  }

  /** Whether bytes of the section itself are in the image. */
  hasOwnBytes(id: number): boolean {
    const home = this.home[id]!;
    return home >= 0 && (home === id || (this.#has[id]! & (HAS_MAP | IS_FOLDED)) === HAS_MAP);
  }

  /** Whether offsets of the section have changed. */
  isMapped(id: number): boolean {
    return (this.#has[id]! & HAS_MAP) !== 0;
  }

  /** Whether the section's bytes and relocations are no longer those of the input. */
  isRewritten(id: number): boolean {
    return (this.#has[id]! & IS_REWRITTEN) !== 0;
  }

  /** Whether the section's bytes and relocations are those of another. */
  isFolded(id: number): boolean {
    return (this.#has[id]! & IS_FOLDED) !== 0;
  }

  /** Whether the bytes of a section that its relocations speak of lie apart. */
  isScattered(id: number): boolean {
    return this.isRewritten(id) ? (this.#has[id]! & IS_CUT) !== 0 : this.isMapped(id);
  }

  /** Where an offset of a section lies in its home, in bytes; -1 if its run is gone. */
  resolve(id: number, offset: number): number {
    return (this.#has[id]! & HAS_MAP) === 0 ? offset : follow(this.#maps.get(id)!, offset);
  }

  /** Bytes that are left of those at an offset of the input, as far as that can be told. */
  sizeOf(id: number, offset: number, size: number): number {
    if (!this.isRewritten(id) || this.isScattered(this.home[id]!)) return size;
    return this.resolve(id, offset + size) - this.resolve(id, offset);
  }

  /**
   * Where the bytes of a section lie in its home: offset and size in bytes of each run that stayed together.
   * @param size of the section in its object
   */
  runs(id: number, size: number): { readonly offset: number; readonly size: number }[] {
    const map = this.#maps.get(id);
    if (!map) return [{ offset: 0, size }];
    const runs: { offset: number; size: number }[] = [];
    for (let run = 0; run < map.starts.length; run++) {
      const offset = map.offsets[run]!;
      if (offset >= 0) runs.push({ offset, size: (map.starts[run + 1] ?? size) - map.starts[run]! });
    }
    return runs;
  }

  /** As `resolve`, for an offset that the section's own relocations speak of. */
  resolveOwn(id: number, offset: number): number {
    if (!this.isRewritten(id)) return this.resolve(id, offset);
    const cut = this.#cuts.get(id);
    return cut ? follow(cut, offset) : offset;
  }

  /** The offset in the input of what lies at an offset of a section's bytes, as far as that can be told. */
  inputOffset(id: number, offset: number): number {
    if (!this.isRewritten(id)) return offset;
    const { starts, offsets } = this.#maps.get(id)!;
    let run = offsets.length - 1;
    while (run > 0 && offsets[run]! > offset) run--;
    return starts[run]! + offset - offsets[run]!;
  }
}

function follow({ starts, offsets }: OffsetMap, offset: number): number {
  const run = lastAtOrBefore(starts, offset);
  return run < 0 || offsets[run]! < 0 ? -1 : offsets[run]! + offset - starts[run]!;
}

/** The map that leads where one leads after the other. */
function chainMaps(first: OffsetMap, second: OffsetMap): OffsetMap {
  const starts: number[] = [];
  const offsets: number[] = [];
  const runs = first.starts.length;
  for (let run = 0; run < runs; run++) {
    const start = first.starts[run]!;
    const from = first.offsets[run]!;
    starts.push(start);
    offsets.push(from < 0 ? -1 : follow(second, from));
    if (from < 0) continue;
    const end = run + 1 < runs ? first.starts[run + 1]! - start + from : Number.POSITIVE_INFINITY;
    for (let i = lastAtOrBefore(second.starts, from) + 1; i < second.starts.length; i++) {
      const place = second.starts[i]!;
      if (place >= end) break;
      starts.push(start + place - from);
      offsets.push(second.offsets[i]!);
    }
  }
  return { starts: Uint32Array.from(starts), offsets: Int32Array.from(offsets) };
}

/** Index of the last entry that is not above `value`, or -1. `sorted` ascends. */
export function lastAtOrBefore(sorted: Uint32Array | Int32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
