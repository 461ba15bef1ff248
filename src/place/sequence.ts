/**
 * The sections of one input section description in the order in which they will lie: GNU ld's manual, section "Input
 * Section Wildcard Patterns".
 */
import type { Program } from '../program.ts';
import type { SortKey } from '../script/ast.ts';
import type { SectionRule, SectionRules } from './rules.ts';

type Compare = (a: number, b: number) => number;

/** Puts sections into order by rule. */
export class Sequencer {
  readonly #program: Program;
  readonly #rules: SectionRules;
  /** By section id, the object that a common symbol comes from. */
  readonly #owners: ReadonlyMap<number, number>;

  constructor(program: Program, rules: SectionRules, owners: ReadonlyMap<number, number>) {
    this.#program = program;
    this.#rules = rules;
    this.#owners = owners;
  }

  /** Command-line order; what the linker makes comes last. */
  inputOrder(ids: readonly number[]): number[] {
    return [...ids].sort((a, b) => this.#positionOf(a) - this.#positionOf(b) || a - b);
  }

  /**
   * The order that a rule asks for. Patterns of one rule are not kept apart: where some are sorted and others are
   * not, a sorted one goes before the first section that should follow it (ldlang.c, wild_sort).
   */
  inRule({ input }: SectionRule, ids: readonly number[]): number[] {
    const ordered = this.inputOrder(ids);
    if (input.file.sort.includes('name')) ordered.sort(this.#byFile());
    const comparisons = input.sections.map(({ sort }) => this.#compareBy(sort));
    if (comparisons.every((compare) => compare === undefined)) return ordered;
    const result: number[] = [];
    for (const id of ordered) {
      const compare = comparisons[this.#rules.patternOf[id]!];
      const before = compare && insertionPoint(result, id, compare, comparisons.length === 1);
      result.splice(before ?? result.length, 0, id);
    }
    return result;
  }

  #positionOf(id: number): number {
    const owner = this.#owners.get(id);
    if (owner !== undefined) return this.#program.objects[owner]!.position;
    return this.#program.isLinkerMade(id) ? Number.POSITIVE_INFINITY : this.#program.objectOf(id).position;
  }

  #byFile(): Compare {
    const nameOf = (id: number) =>
      this.#program.objects[this.#owners.get(id) ?? this.#program.sections.object[id]!]!.name;
    return (a, b) => compareNames(nameOf(a), nameOf(b));
  }

  /** Undefined for the order of the input. */
  #compareBy(keys: readonly SortKey[]): Compare | undefined {
    const comparisons = keys.flatMap((key) => this.#comparisonsOf(key));
    if (comparisons.length === 0) return undefined;
    return (a, b) => {
      for (const compare of comparisons) {
        const difference = compare(a, b);
        if (difference !== 0) return difference;
      }
      return 0;
    };
  }

  #comparisonsOf(key: SortKey): Compare[] {
    const { sections } = this.#program;
    const nameOf = (id: number) => this.#program.sectionName(id);
    const byName: Compare = (a, b) => compareNames(nameOf(a), nameOf(b));
    if (key === 'name') return [byName];
    if (key === 'alignment') return [(a, b) => sections.addralign[b]! - sections.addralign[a]!];
    if (key === 'none') return [];
    return [
      (a, b) => {
        const [first, second] = [priorityOf(nameOf(a)), priorityOf(nameOf(b))];
        return first < 0 || second < 0 ? 0 : first - second;
      },
      byName,
    ];
  }
}

/** Where to insert so that equals stay in order. @param isSorted the list has no other sections than sorted ones */
function insertionPoint(list: readonly number[], id: number, compare: Compare, isSorted: boolean): number {
  if (!isSorted) {
    const found = list.findIndex((other) => compare(id, other) < 0);
    return found < 0 ? list.length : found;
  }
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(id, list[middle]!) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The number at the end of `.init_array.N`; `.ctors.N` run the other way; -1 without one (ldlang.c, get_init_priority). */
function priorityOf(name: string): number {
  const [, base, number] = /^(.*)\.(\d+)$/.exec(name) ?? [];
  if (number === undefined) return -1;
  return base === '.ctors' || base === '.dtors' ? 65535 - Number(number) : Number(number);
}

/** In code unit order, which no locale changes. */
function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
