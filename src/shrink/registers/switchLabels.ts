/**
 * Finds where switches lead to.
 *
 * Compilers' switches jump through tables in data: of addresses of labels, of which the jump has the first one, or of
 * distances of labels from the table. Other jumps look the same: calls that come last, of one of several functions. So a
 * jump is only taken for one of a switch if what it jumps through is a table of labels of the same function, from its
 * first entry to its last one. Which table of distances a jump has is not known, but that it has one. So all jumps of a
 * function must be those of switches, and are taken to lead to all its labels; and there must be no table of distances to
 * labels of a function that has no such jump.
 *
 * Every reference in data to a label is counted. A label of which one is left that is of no such table may be come to
 * from anywhere.
 */
import { SHF_EXECINSTR, STT_FUNC, STT_GNU_IFUNC } from '../../elf/constants.ts';
import type { Pieces } from '../../pieces.ts';
import { locate, type Program, Target } from '../../program.ts';
import type { Liveness } from '../../results.ts';
import { R_X86_64_64, R_X86_64_PC32 } from '../../x86/relocations.ts';
import { jumpsByDistance, jumpsThroughTable } from './isSwitch.ts';
import { Step, type WholeCode } from './wholeCode.ts';

/** A place in a section that an instruction names. */
export interface Reference {
  readonly from: number;
  readonly section: number;
  readonly place: number;
}

/** A table. */
interface Table {
  /** Its name, if addresses are in it. */
  readonly name: number | undefined;
  /** Instructions that its entries lead to, or `UNSEEN`, or `NO_LABEL`. */
  readonly labels: number[];
}

/** Values of `Table.labels` of what is not in view, or where a function begins, and of what is no place in code at all. */
const UNSEEN = -1;
const NO_LABEL = -2;

/** Bytes of an address. */
const ADDRESS = 8;

export class SwitchLabels {
  readonly #program: Program;
  readonly #liveness: Liveness;
  readonly #pieces: Pieces;
  readonly #code: WholeCode;
  readonly #placeOf: (section: number, place: number) => number;
  readonly #target = new Target();
  /** By instruction: the first one of its function. */
  readonly #functionOf: Int32Array;

  /** @param placeOf finds the instruction at an offset of a section, or -1 */
  constructor(
    program: Program,
    liveness: Liveness,
    pieces: Pieces,
    code: WholeCode,
    placeOf: (section: number, place: number) => number,
  ) {
    this.#program = program;
    this.#liveness = liveness;
    this.#pieces = pieces;
    this.#code = code;
    this.#placeOf = placeOf;
    this.#functionOf = new Int32Array(code.count);
    for (let i = 1; i < code.count; i++)
      this.#functionOf[i] = code.isFunction[i] === 1 ? i : this.#functionOf[i - 1]!;
  }

  /**
   * Finds the labels of jumps, which then have steps of their own.
   * @param jumps those that name the first entry of a table of addresses
   * @param led by instruction: how many references to labels in data lead there. What is left then has been found in no
   *   table
   */
  find(jumps: readonly Reference[], led: Int32Array): void {
    const { count, step, labels } = this.#code;
    const firsts = new Set(jumps.map(nameOf));
    const named = new Map(jumps.map((jump) => [jump.from, nameOf(jump)]));
    const unclear = new Set<number>();
    /** Tables by the function that has their labels. */
    const tables = new Lists<Table>();
    const all = this.#tables(firsts);
    for (const table of all) {
      const functions = new Set(table.labels.map((label) => (label < 0 ? UNSEEN : this.#functionOf[label]!)));
      const [start] = functions;
      if (functions.size > 1) for (const one of functions) unclear.add(one);
      else if (start! >= 0) tables.add(start!, table);
    }
    const switches = new Lists<number>();
    const byDistance = new Set<number>();
    for (let i = 0; i < count; i++) {
      if (step[i] !== Step.leave) continue;
      const start = this.#functionOf[i]!;
      const name = named.get(i);
      const isSwitch =
        name !== undefined
          ? jumpsThroughTable(this.#code, i) && tables.of(start).some((table) => table.name === name)
          : jumpsByDistance(this.#code, i);
      if (isSwitch) switches.add(start, i);
      else unclear.add(start);
      if (isSwitch && name === undefined) byDistance.add(start);
    }
    // The jump by a table of labels in the cold part of a function alone may be any.
    const isLost = ({ name, labels: [label] }: Table) =>
      name === undefined && (label! < 0 || !byDistance.has(this.#functionOf[label!]!));
    if (all.some(isLost)) for (const start of byDistance) unclear.add(start);
    for (const [start, jumpsOfIt] of switches.all) {
      const own = unclear.has(start) ? [] : tables.of(start).flatMap((table) => table.labels);
      if (own.length === 0) continue;
      for (const label of own) led[label]!--;
      const distinct = [...new Set(own)];
      for (const i of jumpsOfIt) {
        step[i] = Step.choose;
        labels.set(i, distinct);
      }
    }
  }

  /**
   * Finds tables: of distances, and of addresses of which the first is named.
   * @param firsts names of those
   */
  #tables(firsts: ReadonlySet<number>): Table[] {
    const { sections, relocations } = this.#program;
    const found: Table[] = [];
    for (const section of this.#liveness.reached) {
      if ((sections.flags[section]! & SHF_EXECINSTR) !== 0) continue;
      const first = sections.firstRelocation[section]!;
      let table: Table | undefined;
      let next = -1;
      for (let row = first; row < first + sections.relocationCount[section]!; row++) {
        const place = relocations.offset[row]!;
        const type = relocations.type[row];
        const isAddress = type === R_X86_64_64;
        const distance = type === R_X86_64_PC32 ? this.#pieces.distanceInTable(section, place) : -1;
        const name = nameOf({ section, place });
        const isNext = isAddress && place === next && table?.name !== undefined;
        if (distance === 0) table = { name: undefined, labels: [] };
        else if (isAddress && firsts.has(name)) table = { name, labels: [] };
        else if (distance < 0 && !isNext) table = undefined;
        next = place + ADDRESS;
        if (!table) continue;
        const label = this.#labelAt(row, Math.max(distance, 0));
        // What else is there may follow on a table of addresses.
        if (label === NO_LABEL && isAddress) table = undefined;
        if (!table) continue;
        if (table.labels.length === 0) found.push(table);
        table.labels.push(label);
      }
    }
    return found;
  }

  /** The label that a row leads to, `NO_LABEL` if that is something else, or `UNSEEN`: it may be the cold part of a function. */
  #labelAt(row: number, distance: number): number {
    const { symbol, addend } = this.#program.relocations;
    const target = this.#target;
    locate(this.#program, symbol[row]!, target);
    const { section, type } = target;
    const isCode = section >= 0 && (this.#program.sections.flags[section]! & SHF_EXECINSTR) !== 0;
    if (!isCode || type === STT_FUNC || type === STT_GNU_IFUNC) return NO_LABEL;
    const i = this.#placeOf(section, target.low + addend[row]! - distance);
    return i >= 0 && this.#code.isFunction[i] === 0 ? i : UNSEEN;
  }
}

/** Lists by number. */
class Lists<T> {
  readonly all = new Map<number, T[]>();

  of(key: number): readonly T[] {
    return this.all.get(key) ?? [];
  }

  add(key: number, item: T): void {
    const list = this.all.get(key);
    if (list) list.push(item);
    else this.all.set(key, [item]);
  }
}

/** A number for a place, which no other place has. */
function nameOf({ section, place }: Pick<Reference, 'section' | 'place'>): number {
  return section * 2 ** 32 + place;
}
