/** What each pass has made of the size of the program, and of each section. */
import { SHF_ALLOC, SHT_NOBITS } from '../elf/constants.ts';
import { IntList } from '../merge/intList.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Discard, type ImageLayout, type Liveness } from '../results.ts';
import type { MapChange, MapPass } from './linkMap.ts';

/** What passes have made so far. */
export interface Made {
  program?: Program;
  discards?: Uint8Array;
  liveness?: Liveness;
  pieces?: Pieces;
  layout?: ImageLayout;
  tableBytes?: number;
}

export class SizeLog {
  /** Is filled by the link as passes end. */
  readonly made: Made = {};
  readonly #names: string[] = [];
  /** Bytes after each pass. */
  readonly #totals: number[] = [];
  #last = new Float64Array(0);
  #isPlaced = false;
  /** Triples of pass, section and size. A section of which nothing is left by itself has size -1. */
  readonly #changes = new IntList();

  /** A pass begins: what the one before it has made is there. */
  begin(name: string): void {
    this.#close();
    this.#names.push(name);
  }

  /** @returns the passes so far, and what is known of sections */
  end(): { readonly passes: MapPass[]; readonly changes: SectionChanges } {
    this.#close();
    const passes = this.#names.map((name, i) => {
      const after = this.#totals[i]!;
      return { name, before: i > 0 ? this.#totals[i - 1]! : after, after };
    });
    return { passes, changes: new SectionChanges(this.#names, this.#changes.used()) };
  }

  #close(): void {
    if (this.#totals.length === this.#names.length) return;
    const { program, discards, liveness, pieces, layout, tableBytes = 0 } = this.made;
    let total = 0;
    if (program && !pieces) total = loadedBytes(program, discards, liveness);
    else if (program && pieces && !this.#isPlaced) total = this.#compare(program, pieces);
    // Sections that have their places do not change any more.
    this.#isPlaced = layout !== undefined;
    this.#totals.push(layout ? layout.fileSize + tableBytes : total);
  }

  /** Notes which sections have changed. @returns bytes of all of them as they are now */
  #compare({ sections }: Program, pieces: Pieces): number {
    const { home, size } = pieces;
    let total = 0;
    const pass = this.#names.length - 1;
    const isFirst = this.#last.length === 0;
    if (isFirst) this.#last = new Float64Array(sections.count);
    for (let id = 0; id < sections.count; id++) {
      const now = home[id] === id ? size[id]! : -1;
      if (now > 0 && sections.type[id] !== SHT_NOBITS && !pieces.isCleared(id)) total += now;
      if (now === this.#last[id]) continue;
      this.#last[id] = now;
      if (!isFirst) this.#push(pass, id, now);
    }
    return total;
  }

  #push(pass: number, section: number, size: number): void {
    this.#changes.push(pass);
    this.#changes.push(section);
    this.#changes.push(size);
  }
}

/** What passes have done to sections. */
export class SectionChanges {
  readonly #bySection = new Map<number, { pass: string; size: number }[]>();

  /** @param triples pass, section and size, in the order of passes */
  constructor(names: readonly string[], triples: Int32Array) {
    for (let i = 0; i < triples.length; i += 3) {
      const change = { pass: names[triples[i]!]!, size: triples[i + 2]! };
      const list = this.#bySection.get(triples[i + 1]!);
      if (list) list.push(change);
      else this.#bySection.set(triples[i + 1]!, [change]);
    }
  }

  /** The changes of a section's size, in the order of passes. */
  of(section: number): MapChange[] {
    return (this.#bySection.get(section) ?? []).filter(({ size }) => size >= 0);
  }

  /** The pass that left nothing of a section by itself, or undefined. */
  endOf(section: number): string | undefined {
    return this.#bySection.get(section)?.findLast(({ size }) => size < 0)?.pass;
  }
}

/** Bytes of the sections that are part of the program, as they are in their objects. */
function loadedBytes({ sections }: Program, discards?: Uint8Array, liveness?: Liveness): number {
  let sum = 0;
  for (let id = 0; id < sections.count; id++) {
    if ((sections.flags[id]! & SHF_ALLOC) === 0 || sections.type[id] === SHT_NOBITS) continue;
    if (liveness ? liveness.live[id] === 1 : !discards || discards[id] === Discard.kept)
      sum += sections.size[id]!;
  }
  return sum;
}
