/** Names of places in a program. */

/** A symbol. Its address is virtual; `size` is 0 where nobody knows it. */
export interface NamedPlace {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/** Symbols by address. */
export class Symbols {
  readonly #places: readonly NamedPlace[];

  constructor(places: readonly NamedPlace[]) {
    const sorted = places.toSorted(comparePlaces);
    // A map and a symbol table may both have one.
    this.#places = sorted.filter(({ name, address }, i) => {
      return sorted[i - 1]?.name !== name || sorted[i - 1]?.address !== address;
    });
  }

  /** The symbols at an address, the most telling one first. */
  at(address: number): NamedPlace[] {
    const found: NamedPlace[] = [];
    for (let i = this.#firstFrom(address); this.#places[i]?.address === address; i++) {
      found.push(this.#places[i]!);
    }
    return found;
  }

  /** Addresses of symbols from `start` up to but not including `end`, ascending. */
  *between(start: number, end: number): Generator<number> {
    for (let i = this.#firstFrom(start); i < this.#places.length; i++) {
      const { address } = this.#places[i]!;
      if (address >= end) return;
      yield address;
    }
  }

  /**
   * The symbol that an address belongs to: the nearest one that covers it, or the nearest without a size.
   * @param floor lowest address at which one without a size may lie: the start of the same section
   */
  covering(address: number, floor: number): NamedPlace | undefined {
    const [exact] = this.at(address);
    if (exact) return exact;
    const first = this.#firstFrom(address) - 1;
    for (let i = first; i >= 0 && i > first - NEARBY; i--) {
      const place = this.#places[i]!;
      const isCovered = place.size > 0 ? address < place.address + place.size : place.address >= floor;
      if (isCovered) return this.at(place.address)[0];
    }
    return undefined;
  }

  /** Index of the first symbol at or above an address. */
  #firstFrom(address: number): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#places[middle]!.address < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many symbols below an address are asked whether they cover it: few lie within others. */
const NEARBY = 8;

/** By address, then what people know it by first: with a size, with few underscores in front, then by code units. */
function comparePlaces(a: NamedPlace, b: NamedPlace): number {
  if (a.address !== b.address) return a.address - b.address;
  const bySize = Number(b.size > 0) - Number(a.size > 0);
  const byRank = bySize || underscores(a.name) - underscores(b.name);
  if (byRank !== 0 || a.name === b.name) return byRank;
  return a.name < b.name ? -1 : 1;
}

function underscores(name: string): number {
  return name.search(/[^_]|$/);
}
