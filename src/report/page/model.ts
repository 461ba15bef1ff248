/** The program that a page shows, as it is asked for: columns made objects, and what follows from them. */
import { OWNERS, PARTS, type PageData } from '../html/pageData.ts';

export type Part = (typeof PARTS)[number];
type Owner = (typeof OWNERS)[number];

export interface Thing {
  /** As in the object. */
  readonly name: string;
  /** As people read it. */
  readonly text: string;
}

export interface ObjectFile {
  readonly index: number;
  readonly file: string;
  readonly member: string | undefined;
  /** Without folders: `libc.a(exit.o)`. */
  readonly label: string;
  readonly isExtracted: boolean;
  readonly wanted: Thing | undefined;
  readonly asker: number;
}

export interface PlacedSymbol extends Thing {
  readonly index: number;
  readonly address: number;
  readonly size: number;
  /** Index of its machinery group, or -1. */
  readonly group: number;
  /** Bytes of the file that are its. */
  bytes: number;
}

interface Reference {
  readonly section: number;
  readonly from: number;
  readonly to: number;
}

export interface Section extends Thing {
  readonly index: number;
  readonly object: ObjectFile;
  readonly part: Part;
  readonly address: number;
  readonly offset: number | undefined;
  readonly size: number;
  readonly inputSize: number;
  readonly alignment: number;
  readonly padding: number;
  /** Why it is a root; undefined if another section keeps it. */
  readonly reason: string | undefined;
  readonly keeper: number;
  readonly keeperOffset: number;
  readonly retained: number;
  readonly dominator: number;
  readonly references: readonly Reference[];
  readonly referrers: number[];
  /** Sections whose immediate dominator it is. */
  readonly dominated: number[];
  readonly changes: readonly { readonly pass: string; readonly size: number }[];
  readonly symbols: readonly PlacedSymbol[];
  /** Bytes of the file that are its. */
  bytes: number;
}

export interface Range {
  readonly offset: number;
  readonly size: number;
  readonly owner: Owner;
  readonly object: number;
  readonly section: number;
  readonly symbol: number;
  /** Bits that a packer needs for it; 0 if there is none. */
  readonly bits: number;
}

export interface Discarded extends Thing {
  readonly index: number;
  readonly object: ObjectFile;
  readonly size: number;
  readonly pass: string;
  readonly reason: string;
  readonly standsFor: number;
  readonly symbols: readonly Thing[];
}

export class Model {
  readonly title: string;
  readonly link: PageData['link'];
  readonly groups: PageData['groups'];
  readonly objects: readonly ObjectFile[];
  readonly sections: readonly Section[];
  readonly discarded: readonly Discarded[];
  readonly ranges: readonly Range[];
  readonly hasCosts: boolean;
  readonly #data: PageData;

  constructor(data: PageData) {
    this.#data = data;
    this.title = data.title;
    this.link = data.link;
    this.groups = data.groups;
    this.hasCosts = data.costs.length > 0;
    this.objects = data.objects.file.map((_, i) => this.#object(i));
    this.sections = this.#readSections();
    this.discarded = this.#readDiscarded();
    this.ranges = this.#readRanges();
    this.#sumBytes();
    this.#turnReferences();
  }

  /** The part by which a range is coloured. */
  partOf({ owner, section }: Range): Part {
    if (owner === 'section') return this.sections[section]!.part;
    return owner === 'jump' ? 'header' : owner;
  }

  /** The range that holds a byte. @param offset less than the size of the file */
  rangeAt(offset: number): Range {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.ranges[middle]!.offset <= offset) low = middle;
      else high = middle - 1;
    }
    return this.ranges[low]!;
  }

  /** What a byte costs, and where the run ends that costs as much. */
  costAt(offset: number): { readonly bitsPerByte: number; readonly end: number } {
    const { costs } = this.#data;
    let low = 0;
    let high = costs.length / 3;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (costs[3 * middle]! + costs[3 * middle + 1]! <= offset) low = middle + 1;
      else high = middle;
    }
    const [start = this.link.fileSize, size = 0, bits = 0] = costs.slice(3 * low, 3 * low + 3);
    return offset < start ? { bitsPerByte: 0, end: start } : { bitsPerByte: bits / size, end: start + size };
  }

  /** A section from its root on: each is kept by the one before. */
  chain(section: number): Section[] {
    const chain = new Set<Section>();
    // A map that somebody has edited may go round in circles.
    for (let at = this.sections[section]; at && !chain.has(at); at = this.sections[at.keeper]) chain.add(at);
    return [...chain].reverse();
  }

  /** All sections that would go with one, the largest first. */
  wouldGo(section: number): Section[] {
    const all = new Set(this.sections[section]!.dominated);
    for (const index of all) for (const other of this.sections[index]!.dominated) all.add(other);
    all.delete(section);
    return [...all]
      .map((index) => this.sections[index]!)
      .sort((a, b) => b.bytes - a.bytes || a.index - b.index);
  }

  #thing(index: number): Thing {
    const entry = this.#data.names[index]!;
    if (typeof entry === 'string') return { name: entry, text: this.#data.readable[index] || entry };
    const [prefix, symbol] = entry;
    const { name, text } = this.#thing(symbol);
    return { name: prefix + name, text: prefix + text };
  }

  #maybe(index: number): Thing | undefined {
    return index < 0 ? undefined : this.#thing(index);
  }

  #object(index: number): ObjectFile {
    const { file, member, isExtracted, symbol, asker } = this.#data.objects;
    const path = this.#thing(file[index]!).name;
    const part = this.#maybe(member[index]!)?.name;
    const short = path.slice(path.lastIndexOf('/') + 1);
    return {
      index,
      file: path,
      member: part,
      label: part === undefined ? short : `${short}(${part})`,
      isExtracted: isExtracted[index] === 1,
      wanted: this.#maybe(symbol[index]!),
      asker: asker[index]!,
    };
  }

  #readSections(): Section[] {
    const { sections, link } = this.#data;
    const references = new Rows(sections.references, 3, sections.referenceCount);
    const changes = new Rows(sections.changes, 2, sections.changeCount);
    const symbols = new Rows(sections.symbols, 4, sections.symbolCount);
    return sections.name.map((name, index) => {
      const address = link.base + sections.address[index]!;
      const offset = sections.offset[index]!;
      return {
        ...this.#thing(name),
        index,
        object: this.objects[sections.object[index]!]!,
        part: PARTS[sections.part[index]!]!,
        address,
        offset: offset < 0 ? undefined : offset,
        size: sections.size[index]!,
        inputSize: sections.inputSize[index]!,
        alignment: sections.alignment[index]!,
        padding: sections.padding[index]!,
        reason: this.#maybe(sections.reason[index]!)?.name,
        keeper: sections.keeper[index]!,
        keeperOffset: sections.keeperOffset[index]!,
        retained: sections.retained[index]!,
        dominator: sections.dominator[index]!,
        references: references.next(([section, from, to]) => ({ section: section!, from: from!, to: to! })),
        referrers: [],
        dominated: [],
        changes: changes.next(([pass, size]) => ({ pass: this.#thing(pass!).name, size: size! })),
        symbols: symbols.next(([symbol, at, size, group], i) => ({
          ...this.#thing(symbol!),
          index: i,
          address: address + at!,
          size: size!,
          group: group!,
          bytes: 0,
        })),
        bytes: 0,
      };
    });
  }

  #readDiscarded(): Discarded[] {
    const { discarded } = this.#data;
    const symbols = new Rows(discarded.symbols, 1, discarded.symbolCount);
    return discarded.name.map((name, index) => ({
      ...this.#thing(name),
      index,
      object: this.objects[discarded.object[index]!]!,
      size: discarded.size[index]!,
      pass: this.#thing(discarded.pass[index]!).name,
      reason: this.#thing(discarded.reason[index]!).name,
      standsFor: discarded.standsFor[index]!,
      symbols: symbols.next(([symbol]) => this.#thing(symbol!)),
    }));
  }

  #readRanges(): Range[] {
    const { ranges, costs } = this.#data;
    const bitsIn = spreadCosts(costs);
    let offset = 0;
    return ranges.size.map((size, i) => {
      const range = {
        offset,
        size,
        owner: OWNERS[ranges.owner[i]!]!,
        object: ranges.object[i]!,
        section: ranges.section[i]!,
        symbol: ranges.symbol[i]!,
        bits: bitsIn(offset, size),
      };
      offset += size;
      return range;
    });
  }

  #sumBytes(): void {
    for (const { section, symbol, size } of this.ranges) {
      const owner = this.sections[section];
      if (!owner) continue;
      owner.bytes += size;
      if (symbol >= 0) owner.symbols[symbol]!.bytes += size;
    }
  }

  #turnReferences(): void {
    for (const { index, references, dominator } of this.sections) {
      for (const { section } of references) this.sections[section]!.referrers.push(index);
      if (dominator >= 0) this.sections[dominator]!.dominated.push(index);
    }
  }
}

/** Lists that stand one after another in a column. */
class Rows {
  readonly #column: readonly number[];
  readonly #width: number;
  readonly #counts: readonly number[];
  #list = 0;
  #at = 0;

  constructor(column: readonly number[], width: number, counts: readonly number[]) {
    this.#column = column;
    this.#width = width;
    this.#counts = counts;
  }

  /** The next list. */
  next<Row>(make: (numbers: readonly number[], index: number) => Row): Row[] {
    const count = this.#counts[this.#list++]!;
    return Array.from({ length: count }, (_, i) => {
      this.#at += this.#width;
      return make(this.#column.slice(this.#at - this.#width, this.#at), i);
    });
  }
}

/**
 * @param costs offset, size and bits of each run
 * @returns tells the bits of some bytes; what is asked for must ascend. A run that is cut is cut evenly.
 */
export function spreadCosts(costs: readonly number[]): (offset: number, size: number) => number {
  let at = 0;
  return (offset, size) => {
    const end = offset + size;
    while (at < costs.length && costs[at]! + costs[at + 1]! <= offset) at += 3;
    let bits = 0;
    for (let i = at; i < costs.length && costs[i]! < end; i += 3) {
      const [start, length, all] = [costs[i]!, costs[i + 1]!, costs[i + 2]!];
      const shared = Math.min(end, start + length) - Math.max(offset, start);
      bits += (all * shared) / length;
    }
    return bits;
  };
}
