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

export class Pieces {
  /** Id of the section that holds this one's bytes now: itself, another, or -1 if it is not in the program. */
  readonly home: Int32Array;
  /** Size in bytes of each section that is its own home. */
  readonly size: Float64Array;
  /** Alignment in bytes of each section that is its own home. */
  readonly alignment: Float64Array;
  readonly #content = new Map<number, Uint8Array>();
  readonly #maps = new Map<number, OffsetMap>();
  /** Bits by section id: whether the maps above have something for it, and whether it is folded. */
  readonly #has: Uint8Array;
  /** Ids of the sections that are folded into others. */
  readonly #folded: number[] = [];

  constructor(sectionCount: number) {
    this.home = new Int32Array(sectionCount).fill(-1);
    this.size = new Float64Array(sectionCount);
    this.alignment = new Float64Array(sectionCount).fill(1);
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

  /** Moves a section's bytes into another's. Without a map, offsets stay as they are. */
  moveInto(id: number, home: number, map?: OffsetMap): void {
    this.home[id] = home;
    if (map) this.#setMap(id, map);
  }

  /** Drops a section whose bytes and relocations are those of another. */
  fold(id: number, survivor: number): void {
    this.home[id] = survivor;
    this.#has[id]! |= IS_FOLDED;
    this.#folded.push(id);
  }

  /** Records where the parts of a section that stays its own home have gone, and with them its twins'. */
  cut(id: number, size: number, map: OffsetMap): void {
    this.place(id, size, 1);
    this.#setMap(id, map);
    for (const twin of this.#folded) if (this.home[twin] === id) this.#setMap(twin, map);
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

  /** Where an offset of a section lies in its home, in bytes; -1 if its run is gone. */
  resolve(id: number, offset: number): number {
    if ((this.#has[id]! & HAS_MAP) === 0) return offset;
    const map = this.#maps.get(id)!;
    const run = lastAtOrBefore(map.starts, offset);
    if (run < 0 || map.offsets[run]! < 0) return -1;
    return map.offsets[run]! + offset - map.starts[run]!;
  }
}

/** Index of the last entry that is not above `value`, or -1. `sorted` ascends. */
export function lastAtOrBefore(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
