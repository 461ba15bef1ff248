/**
 * Sections that form one sequence in memory, because code steps through them or falls from one into the next:
 * arrays of constructors, fragments of `.init`, and sections between `__start_X` and `__stop_X`. The rules are
 * those of GNU ld's default script, but that functions in sections X are free where nothing refers to these bounds.
 * Beside these, data of an object that no compiler has made stay in order where a label without anything behind it is
 * referred to: what lies in front of it ends there.
 */
import { Trait } from './elf/sectionNames.ts';
import { type Program, Reference, SymbolKind } from './program.ts';

/** What a section name says about the sequence it belongs to. */
interface ClusterRule {
  /** The sequence's name. */
  readonly name: string;
  /** Where in the sequence: lower first; equal ones in command-line order. */
  readonly priority: number;
  /** An array of constructors or destructors. */
  readonly isArray: boolean;
  /** All of the sequence is live if a part of it is. */
  readonly isWhole: boolean;
}

/** Priority of arrays without a number: behind all that have one. */
const LAST = 65536;

const ARRAYS: Readonly<Record<string, string>> = {
  '.preinit_array': '.preinit_array',
  '.init_array': '.init_array',
  '.ctors': '.init_array',
  '.fini_array': '.fini_array',
  '.dtors': '.fini_array',
};

const FRAGMENTS: ReadonlySet<string> = new Set(['.init', '.fini', '.tm_clone_table', '.jcr']);

/** Whether a section can be bounded by `__start_X` and `__stop_X`: its name is a C identifier. */
export function isCIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** Whether anything refers to the bounds of a sequence. Functions in sections that nobody bounds are like any other. */
function isBounded({ symbols }: Program, name: string): boolean {
  return [`__start_${name}`, `__stop_${name}`].some((bound) => {
    const id = symbols.names.find(bound);
    if (id < 0) return false;
    return symbols.kind[id] !== SymbolKind.undefined || symbols.reference[id] !== Reference.none;
  });
}

/** The rule for a section name, or undefined for a section that may lie anywhere. */
function clusterRule(name: string): ClusterRule | undefined {
  if (FRAGMENTS.has(name)) return { name, priority: 0, isArray: false, isWhole: true };
  const match = /^(\.(?:preinit_array|init_array|fini_array|ctors|dtors))(?:\.(\d+))?$/.exec(name);
  if (!match) return isCIdentifier(name) ? { name, priority: 0, isArray: false, isWhole: false } : undefined;
  const [, base, number] = match;
  return { name: ARRAYS[base!]!, priority: arrayPriority(base!, number), isArray: true, isWhole: false };
}

/** `.ctors.N` run from high to low, `.init_array.N` from low to high. */
function arrayPriority(base: string, number: string | undefined): number {
  if (number === undefined) return LAST;
  return base === '.ctors' || base === '.dtors' ? 65535 - Number(number) : Number(number);
}

/** A section on its way into a sequence. */
interface ClusterEntry {
  readonly id: number;
  readonly rule: ClusterRule;
  readonly name: string;
  readonly position: number;
}

/** As SORT_BY_INIT_PRIORITY in GNU ld: by priority, then by name; those without a number in command-line order. */
function compareEntries(a: ClusterEntry, b: ClusterEntry): number {
  const isNumbered = a.rule.isArray && a.rule.priority < LAST;
  const byPriority = a.rule.priority - b.rule.priority;
  const byName = isNumbered && a.name !== b.name ? (a.name < b.name ? -1 : 1) : 0;
  return byPriority || byName || a.position - b.position || a.id - b.id;
}

/** The output section of GNU ld for data with this name, if that has input sections of several names. */
function dataStem(name: string): string | undefined {
  return /^\.(?:data\.rel\.ro|data|rodata|bss)(?=\.|$)/.exec(name)?.[0];
}

/** The sequences of a link: their sections in order. */
export class Clusters {
  /** Ids of the sections of each sequence, in the order in which they will lie. */
  readonly members = new Map<string, number[]>();
  /** By section id, the name of its sequence, and 1 for each that has one: most have none. */
  readonly #nameOf = new Map<number, string>();
  readonly #isMember: Uint8Array;
  readonly #whole = new Set<string>();
  readonly #isKept: (id: number) => boolean;
  readonly #isOrdered: boolean;

  /**
   * @param isKept whether a section can be part of the program at all
   * @param isOrdered whether functions in sections of one name stay together even if nothing refers to their bounds,
   * because a script may, or input order counts
   */
  constructor(program: Program, isKept: (id: number) => boolean, isOrdered: boolean) {
    const isFree = (id: number) =>
      !isOrdered && program.isCode(id) && !isBounded(program, program.sectionName(id));
    this.#isKept = isKept;
    this.#isOrdered = isOrdered;
    this.#isMember = new Uint8Array(program.sections.count);
    const entries: ClusterEntry[] = [];
    for (let id = 0; id < program.sections.count; id++) {
      if (!isKept(id) || program.isLinkerMade(id) || (program.sections.traits[id]! & Trait.sequence) === 0)
        continue;
      const rule = clusterRule(program.sectionName(id));
      // The tables of crtbegin.o and crtend.o hold marks for a start-up that walks .ctors itself.
      const isMark =
        /^\.[cd]tors$/.test(program.sectionName(id)) &&
        /crt(begin|end)[ST]?\.o$/.test(program.objectOf(id).name);
      if (rule && !isMark && !(isCIdentifier(rule.name) && isFree(id)))
        entries.push({ id, rule, name: program.sectionName(id), position: program.objectOf(id).position });
    }
    entries.sort(compareEntries);
    for (const { id, rule } of entries) this.#add(id, rule);
  }

  /** Name of the sequence that a section belongs to. */
  nameOf(id: number): string | undefined {
    return this.#isMember[id] === 0 ? undefined : this.#nameOf.get(id);
  }

  /** The sections that must be live when `id` is: all of its sequence, where that is kept as a whole. */
  companions(id: number): readonly number[] {
    const name = this.nameOf(id);
    return name !== undefined && this.#whole.has(name) ? this.members.get(name)! : [];
  }

  /**
   * Makes one sequence of the sections of an object that GNU ld puts into one output section with a section of it, unless
   * they stay in order anyway.
   */
  tie(program: Program, id: number): void {
    const { firstSection, sectionCount, id: object } = program.objectOf(id);
    const stem = dataStem(program.sectionName(id));
    if (this.#isOrdered || stem === undefined || this.nameOf(id) !== undefined) return;
    const ids: number[] = [];
    for (let other = firstSection; other < firstSection + sectionCount; other++) {
      if (this.#isKept(other) && dataStem(program.sectionName(other)) === stem) ids.push(other);
    }
    if (ids.length < 2) return;
    const rule = { name: `${stem} of object ${object}`, priority: 0, isArray: false, isWhole: false };
    for (const other of ids) this.#add(other, rule);
  }

  #add(id: number, { name, isWhole }: ClusterRule): void {
    const list = this.members.get(name);
    if (list) list.push(id);
    else this.members.set(name, [id]);
    this.#nameOf.set(id, name);
    this.#isMember[id] = 1;
    if (isWhole) this.#whole.add(name);
  }
}
