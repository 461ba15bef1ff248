/**
 * The sections of one input section description in the order in which they will lie: GNU ld's manual, section "Input
 * Section Wildcard Patterns".
 */
import type { LinkOptions } from '../options.ts';
import type { Program } from '../program.ts';
import type { SortKey } from '../script/ast.ts';
import { fileNameOf, type SectionRule, type SectionRules } from './rules.ts';

type Compare = (a: number, b: number) => number;

/** Puts sections into order by rule. */
export class Sequencer {
  readonly #program: Program;
  readonly #rules: SectionRules;
  /** By section id, the object that a common symbol comes from. */
  readonly #owners: ReadonlyMap<number, number>;
  readonly #sortSection: LinkOptions['sortSection'];

  constructor(
    program: Program,
    rules: SectionRules,
    owners: ReadonlyMap<number, number>,
    sortSection: LinkOptions['sortSection'],
  ) {
    this.#program = program;
    this.#rules = rules;
    this.#owners = owners;
    this.#sortSection = sortSection;
  }

  /** Command-line order; what the linker makes comes last. */
  inputOrder(ids: readonly number[]): number[] {
    return [...ids].sort((a, b) => this.#positionOf(a) - this.#positionOf(b) || a - b);
  }

  /**
   * The order that a rule asks for: by file if it says so, then by each pattern's own keys. Patterns of one rule are
   * not kept apart: a section goes in front of those that should follow it by the keys of the pattern that it
   * matches, and behind all others.
   */
  inRule({ input }: SectionRule, ids: readonly number[]): number[] {
    const ordered = this.inputOrder(ids);
    const keys = input.sections.map(({ sort }) => keysOf(sort, this.#sortSection));
    const byFile = input.file.sort.includes('name') ? [this.#byFile()] : [];
    const comparisons = keys.map((own) =>
      chain([...byFile, ...own.flatMap((key) => this.#comparisonsOf(key))]),
    );
    const isSorted = byFile.length > 0 || keys.some((own) => own.length > 0);
    if (!isSorted) return ordered;
    if (keys.every((own) => own.join() === keys[0]!.join())) return ordered.sort(comparisons[0]);
    const tree = new SortingTree((id, other) => comparisons[this.#rules.patternOf[id]!]!(id, other));
    for (const id of ordered) tree.insert(id);
    return tree.inOrder();
  }

  #positionOf(id: number): number {
    const owner = this.#owners.get(id);
    if (owner !== undefined) return this.#program.objects[owner]!.position;
    return this.#program.isLinkerMade(id) ? Number.POSITIVE_INFINITY : this.#program.objectOf(id).position;
  }

  /** By archive or file, then by member. */
  #byFile(): Compare {
    const { objects, sections } = this.#program;
    const names = new Map<number, readonly string[]>();
    const nameOf = (id: number) => {
      const owner = this.#owners.get(id) ?? sections.object[id]!;
      const { file, archive } = fileNameOf(this.#program, objects[owner]!);
      const name = names.get(owner) ?? (archive === undefined ? [file, ''] : [archive, file]);
      names.set(owner, name);
      return name;
    };
    return (a, b) => {
      const [first, second] = [nameOf(a), nameOf(b)];
      return compareNames(first[0]!, second[0]!) || compareNames(first[1]!, second[1]!);
    };
  }

  /** Common symbols have no alignment yet when GNU ld sorts. */
  #alignmentOf(id: number): number {
    return this.#owners.has(id) ? 1 : this.#program.sections.addralign[id]!;
  }

  #comparisonsOf(key: Key): Compare[] {
    const nameOf = (id: number) => this.#program.sectionName(id);
    const byName: Compare = (a, b) => compareNames(nameOf(a), nameOf(b));
    if (key === 'name') return [byName];
    if (key === 'alignment') return [(a, b) => this.#alignmentOf(b) - this.#alignmentOf(a)];
    return [
      (a, b) => {
        const [first, second] = [priorityOf(nameOf(a)), priorityOf(nameOf(b))];
        return first < 0 || second < 0 ? 0 : first - second;
      },
      byName,
    ];
  }
}

type Key = Exclude<SortKey, 'none'>;

/** The keys of a pattern with that of --sort-section (ldlang.c, update_wild_statements). */
function keysOf(sort: readonly SortKey[], added: LinkOptions['sortSection']): Key[] {
  const own = sort.filter((key) => key !== 'none');
  const isOpen = sort.length === 0 || (sort.length === 1 && sort[0] !== 'none' && sort[0] !== 'initPriority');
  return added === 'none' || !isOpen || own[0] === added ? own : [...own, added];
}

/** Asks one after the other until one tells the two apart. */
function chain(comparisons: readonly Compare[]): Compare {
  return (a, b) => {
    for (const compare of comparisons) {
      const difference = compare(a, b);
      if (difference !== 0) return difference;
    }
    return 0;
  };
}

interface Node {
  readonly id: number;
  left: Node | undefined;
  right: Node | undefined;
}

/** A search tree in which each new entry brings its own idea of order, as in GNU ld (ldlang.c, wild_sort). */
class SortingTree {
  readonly #compare: Compare;
  #root: Node | undefined;

  constructor(compare: Compare) {
    this.#compare = compare;
  }

  insert(id: number): void {
    const node: Node = { id, left: undefined, right: undefined };
    let at = this.#root;
    if (!at) this.#root = node;
    while (at) {
      const side: 'left' | 'right' = this.#compare(id, at.id) < 0 ? 'left' : 'right';
      const next: Node | undefined = at[side];
      if (!next) at[side] = node;
      at = next;
    }
  }

  inOrder(): number[] {
    const result: number[] = [];
    const open: Node[] = [];
    let at = this.#root;
    while (at || open.length > 0) {
      for (; at; at = at.left) open.push(at);
      const node = open.pop()!;
      result.push(node.id);
      at = node.right;
    }
    return result;
  }
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
