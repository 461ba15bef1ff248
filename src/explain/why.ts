/** Why symbols are in a program, or are not. */
import type { LinkMap, MapSection } from './linkMap.ts';

/** One section of a chain of references. */
interface ChainStep {
  readonly section: number;
  /** The symbol that refers to the next step, or that is asked about; '' where there is none. */
  readonly symbol: string;
  /** Offset in the section of that reference, in bytes as it is in the program; of the last step 0. */
  readonly offset: number;
}

/** References that lead from a root to a section. */
export interface Chain {
  /** Why the root is kept, in words. */
  readonly root: string;
  readonly steps: readonly ChainStep[];
}

/** That an object was taken out of an archive. */
export interface Extraction {
  readonly object: string;
  /** The symbol that was wanted; '' if all members are. */
  readonly symbol: string;
  /** The object that wanted it; '' if the command line did. */
  readonly by: string;
}

/** A symbol that is in the program. */
export interface LiveSymbol {
  readonly name: string;
  readonly section: number;
  readonly address: number;
  /** Bytes; of the section where the symbol does not say. */
  readonly size: number;
  /** Bytes of the file that would go with its section. */
  readonly retained: number;
  /** The shortest first. */
  readonly chains: readonly Chain[];
  /** How its object came into the link, and the one that asked for that, and so on. */
  readonly extractions: readonly Extraction[];
}

/** A symbol that was loaded and is not in the program. */
export interface DeadSymbol {
  readonly name: string;
  readonly place: string;
  readonly size: number;
  readonly pass: string;
  readonly reason: string;
  /** The section that stands for its own, or -1. */
  readonly standsFor: number;
}

export interface Explanation {
  readonly live: readonly LiveSymbol[];
  readonly dead: readonly DeadSymbol[];
}

/**
 * @param matches whether a symbol is asked about
 * @param all a chain for each section that refers to a symbol's, not only the shortest
 */
export function explainSymbols(map: LinkMap, matches: (name: string) => boolean, all: boolean): Explanation {
  const ways = new Ways(map);
  const live = map.sections.flatMap((section, i) =>
    section.symbols
      .filter(({ name }) => matches(name))
      .map(({ name, address, size }) => ({
        name,
        section: i,
        address,
        size: size > 0 ? size : section.size,
        retained: section.retained,
        chains: ways.chains(i, name, all),
        extractions: extractionsOf(map, section.objectIndex),
      })),
  );
  const known = new Set(live.map(({ name }) => name));
  const dead = map.discarded.flatMap(({ object, name: section, size, pass, reason, standsFor, symbols }) =>
    symbols
      .filter((name) => !known.has(name) && matches(name))
      .map((name) => ({ name, place: `${object}:(${section})`, size, pass, reason, standsFor })),
  );
  return { live, dead };
}

/** The shortest way to each section from a root. */
class Ways {
  readonly #map: LinkMap;
  /** For each section the one before it on the way, or -1. */
  readonly #before: Int32Array;
  readonly #depth: Int32Array;
  /** For each section those that refer to it; made when first needed. */
  #referrers: number[][] | undefined;

  constructor(map: LinkMap) {
    this.#map = map;
    const { sections } = map;
    this.#before = new Int32Array(sections.length).fill(-1);
    this.#depth = new Int32Array(sections.length).fill(-1);
    const queue: number[] = [];
    sections.forEach(({ keeper }, i) => {
      if (keeper < 0) this.#reach(i, -1, queue);
    });
    for (let at = 0; at < queue.length; at++) {
      for (const { section } of sections[queue[at]!]!.references) this.#reach(section, queue[at]!, queue);
    }
  }

  #reach(section: number, from: number, queue: number[]): void {
    if (this.#depth[section]! >= 0) return;
    this.#depth[section] = from < 0 ? 0 : this.#depth[from]! + 1;
    this.#before[section] = from;
    queue.push(section);
  }

  chains(section: number, symbol: string, all: boolean): Chain[] {
    if (!all) return [this.#chain(this.#before[section]!, section, symbol)];
    const isRoot = this.#map.sections[section]!.keeper < 0;
    const direct = isRoot ? [this.#chain(-1, section, symbol)] : [];
    const referrers = this.#referrersOf(section).toSorted(
      (a, b) => this.#depth[a]! - this.#depth[b]! || a - b,
    );
    // What leads to a referrer through the section itself would be a circle.
    const others = referrers.filter((from) => !this.#leadsThrough(from, section));
    return [...direct, ...others.map((from) => this.#chain(from, section, symbol))];
  }

  /** The way to `before`, and from there to `section`; `before` is -1 for a root. */
  #chain(before: number, section: number, symbol: string): Chain {
    const steps: ChainStep[] = [{ section, symbol, offset: 0 }];
    let next = section;
    for (let at = before; at >= 0; at = this.#before[at]!) {
      const { references } = this.#map.sections[at]!;
      const offset = references.find((reference) => reference.section === next)!.from;
      steps.unshift({ section: at, symbol: symbolAt(this.#map.sections[at]!, offset), offset });
      next = at;
    }
    return { root: this.#map.sections[next]!.keptBy, steps };
  }

  #leadsThrough(from: number, section: number): boolean {
    for (let at = from; at >= 0; at = this.#before[at]!) if (at === section) return true;
    return false;
  }

  #referrersOf(section: number): readonly number[] {
    this.#referrers ??= invert(this.#map.sections);
    return this.#referrers[section]!;
  }
}

function invert(sections: readonly MapSection[]): number[][] {
  const referrers: number[][] = sections.map(() => []);
  sections.forEach(({ references }, i) => {
    for (const { section } of references) referrers[section]!.push(i);
  });
  return referrers;
}

/** The symbol that an offset of a section belongs to: the last one that begins there or before; '' if there is none. */
function symbolAt({ address, parts, symbols }: MapSection, offset: number): string {
  // The parts of a section that lies in and around the header are in no order that its symbols would show.
  if (parts.length > 1) return symbols[0]?.name ?? '';
  return symbols.findLast((symbol) => symbol.address <= address + offset)?.name ?? '';
}

function extractionsOf({ objects }: LinkMap, index: number): Extraction[] {
  const extractions: Extraction[] = [];
  // Whoever asks comes before the one who is asked for, so this ends.
  for (let at = index; at >= 0; ) {
    const { name, extracted } = objects[at]!;
    if (!extracted) break;
    const by = extracted.object >= 0 ? objects[extracted.object]!.name : '';
    extractions.push({ object: name, symbol: extracted.symbol, by });
    at = extracted.object < at ? extracted.object : -1;
  }
  return extractions;
}
