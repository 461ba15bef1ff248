/**
 * Why sections are kept: which live section refers to which. Sections stand for those that are folded or merged into
 * them. To references count the ones that the linker follows beside relocations: what unwind tables of a function refer
 * to, and whatever else made a section live. What a sequence refers to that has become a function of its own counts as
 * a reference of those that call it, as if it still stood there.
 */
import { STT_SECTION } from '../elf/constants.ts';
import { IntList } from '../merge/intList.ts';
import { partAddend } from '../partAddend.ts';
import { lastAtOrBefore, type Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import { type Liveness, Rewrite, Root, type Synthesis } from '../results.ts';

/** References between sections by their index in the order of addresses. */
export interface ReferenceGraph {
  /** For each section where its references begin in the other columns; one more for the end. */
  readonly first: Int32Array;
  /** The section that is referred to; ascending for each section that refers, each once. */
  readonly target: Int32Array;
  /** Offset of the first such reference in the section that refers. */
  readonly from: Int32Array;
  /** The offset that it means in the other one. */
  readonly to: Int32Array;
  /** For each section the first that refers to it, or -1. */
  readonly referrer: Int32Array;
  /** Sections that are there without a reference of another. */
  readonly roots: readonly number[];
}

/**
 * @param order ids of the sections in the order of their addresses
 * @param index of sections in it by id, or -1
 */
export function findReferences(
  program: Program,
  liveness: Liveness,
  pieces: Pieces,
  synthesis: Synthesis,
  order: Int32Array,
  index: Int32Array,
): ReferenceGraph {
  return new ReferenceFinder(program, liveness, pieces, synthesis, order, index).find();
}

class ReferenceFinder {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #pieces: Pieces;
  readonly #synthesis: Synthesis;
  readonly #order: Int32Array;
  readonly #index: Int32Array;
  readonly #target = new Target();
  /** By index of a section, what refers to it: quadruples in the end. */
  readonly #edges = new IntList();

  constructor(
    program: Program,
    liveness: Liveness,
    pieces: Pieces,
    synthesis: Synthesis,
    order: Int32Array,
    index: Int32Array,
  ) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
    this.#synthesis = synthesis;
    this.#order = order;
    this.#index = index;
  }

  find(): ReferenceGraph {
    const outlined = this.#program.made['.text.outlined'];
    for (const id of this.#order) {
      if (id !== outlined) this.#addRelocations(id);
      this.#addNext(id);
    }
    if (this.#index[outlined]! >= 0) this.#addOutlined(outlined);
    this.#addUnwind();
    const roots = this.#addParents();
    return { ...sortEdges(this.#edges.used(), this.#order.length), roots };
  }

  #addRelocations(id: number): void {
    const { sections, relocations } = this.#program;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    const source = this.#index[id]!;
    for (let row = first; row < end; row++) {
      if (this.#synthesis.rewrites[row] === Rewrite.consumed) continue;
      const from = this.#pieces.resolveOwn(id, relocations.offset[row]!);
      if (from >= 0) this.#addReference(source, from, id, row);
    }
  }

  /** Gives what outlined functions refer to to those that call them. */
  #addOutlined(id: number): void {
    const home = this.#index[id]!;
    // A copy: references are added while it is read.
    const edges = this.#edges.used().slice();
    const rowsOf = this.#rowsByFunction(id, edges);
    for (let i = 0; i < edges.length; i += 4) {
      if (edges[i + 1] !== home) continue;
      for (const row of rowsOf.get(edges[i + 3]!)!) this.#addReference(edges[i]!, edges[i + 2]!, id, row);
    }
  }

  /** The relocations of each outlined function by its offset: the functions begin where something calls them. */
  #rowsByFunction(id: number, edges: Int32Array): Map<number, number[]> {
    const rowsOf = new Map<number, number[]>();
    for (let i = 0; i < edges.length; i += 4) {
      if (edges[i + 1] === this.#index[id]) rowsOf.set(edges[i + 3]!, []);
    }
    const starts = Int32Array.from(rowsOf.keys()).sort();
    const { sections, relocations } = this.#program;
    const first = sections.firstRelocation[id]!;
    const end = first + sections.relocationCount[id]!;
    for (let row = first; row < end; row++) {
      const start = starts[lastAtOrBefore(starts, relocations.offset[row]!)];
      if (start !== undefined) rowsOf.get(start)!.push(row);
    }
    return rowsOf;
  }

  /** Code that runs into the next section, without a jump. */
  #addNext(id: number): void {
    const next = this.#pieces.nextOf(id);
    if (next >= 0) this.#add(this.#index[id]!, this.#pieces.size[id]!, next, 0);
  }

  #addReference(source: number, from: number, id: number, row: number): void {
    const { relocations } = this.#program;
    const target = this.#target;
    locate(this.#program, relocations.symbol[row]!, target);
    if (target.section < 0) return;
    const isPart = target.type === STT_SECTION && target.symbol < 0;
    const place = target.low + (isPart ? partAddend(this.#program, this.#pieces, id, row) : 0);
    this.#add(source, from, target.section, place);
  }

  #add(source: number, from: number, section: number, place: number): void {
    const home = this.#pieces.home[section]!;
    const target = home < 0 ? -1 : this.#index[home]!;
    if (target < 0 || target === source) return;
    this.#edges.pushFour(source, target, from, Math.max(0, this.#pieces.resolve(section, place)));
  }

  /** A function keeps what its unwind table refers to: personality routine and landing pads. */
  #addUnwind(): void {
    const { unwind } = this.#liveness;
    if (!unwind) return;
    const { records, firstRow, endRow, live } = unwind;
    for (let record = 0; record < records.count; record++) {
      const cie = records.cie[record]!;
      if (cie < 0 || live[record] === 0) continue;
      const code = unwind.functionOf(record);
      const home = code < 0 ? -1 : this.#pieces.home[code]!;
      const source = home < 0 ? -1 : this.#index[home]!;
      if (source < 0) continue;
      this.#addRows(source, code, firstRow[record]! + 1, endRow[record]!);
      this.#addRows(source, code, firstRow[cie]!, endRow[cie]!);
    }
  }

  #addRows(source: number, id: number, first: number, end: number): void {
    for (let row = first; row < end; row++) this.#addReference(source, 0, id, row);
  }

  /** What made each section live, where nothing above shows it. @returns sections without such a reason */
  #addParents(): number[] {
    const { live, parent, parentOffset } = this.#liveness;
    const isReached = new Uint8Array(this.#order.length);
    const edges = this.#edges.used();
    for (let i = 0; i < edges.length; i += 4) isReached[edges[i + 1]!] = 1;
    const isRoot = new Uint8Array(this.#order.length);
    for (let i = 0; i < this.#order.length; i++) {
      if (isReached[i] === 0 && this.#program.isLinkerMade(this.#order[i]!)) isRoot[i] = 1;
    }
    for (let id = 0; id < live.length; id++) {
      const home = live[id] === 1 ? this.#pieces.home[id]! : -1;
      const target = home < 0 ? -1 : this.#index[home]!;
      if (target < 0) continue;
      if (parent[id]! >= 0) {
        if (isReached[target] === 0) this.#addParent(parent[id]!, parentOffset[id]!, id);
      } else if (parent[id]! !== Root.none) isRoot[target] = 1;
    }
    return [...isRoot.keys()].filter((i) => isRoot[i] === 1);
  }

  #addParent(parent: number, offset: number, id: number): void {
    const home = this.#pieces.home[parent]!;
    const source = home < 0 ? -1 : this.#index[home]!;
    if (source >= 0) this.#add(source, Math.max(0, this.#pieces.resolve(parent, offset)), id, 0);
  }
}

/** @param edges quadruples of source, target, from and to; the first of equal ones counts */
function sortEdges(edges: Int32Array, count: number): Omit<ReferenceGraph, 'roots'> {
  const sorted = new Uint32Array(edges.length / 4).map((_, i) => i * 4);
  sorted.sort((a, b) => edges[a]! - edges[b]! || edges[a + 1]! - edges[b + 1]! || a - b);
  const kept = sorted.filter((at, i) => i === 0 || !isSamePair(edges, sorted[i - 1]!, at));
  const first = new Int32Array(count + 1);
  for (const at of kept) first[edges[at]! + 1]!++;
  for (let i = 0; i < count; i++) first[i + 1]! += first[i]!;
  const referrer = new Int32Array(count).fill(-1);
  for (const at of kept) if (referrer[edges[at + 1]!] === -1) referrer[edges[at + 1]!] = edges[at]!;
  const column = (n: number) => Int32Array.from(kept, (at) => edges[at + n]!);
  return { first, target: column(1), from: column(2), to: column(3), referrer };
}

function isSamePair(edges: Int32Array, a: number, b: number): boolean {
  return edges[a] === edges[b] && edges[a + 1] === edges[b + 1];
}
