/** The output sections of a script with what they hold, and those for sections that no statement takes. */

import type { Clusters } from '../clusters.ts';
import { SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS } from '../elf/constants.ts';
import { categoryOf } from '../layout/category.ts';
import type { LinkOptions } from '../options.ts';
import type { Pieces } from '../pieces.ts';
import type { Program } from '../program.ts';
import { Category } from '../results.ts';
import type { Assertion, Assignment, Content, OutputSection, SectionsStatement } from '../script/ast.ts';
import { commonOwners, outputNameOf, type SectionRules } from './rules.ts';
import { Sequencer } from './sequence.ts';

/** Sections in order, or anything else that an output section holds. */
export type Item =
  | { readonly kind: 'sections'; readonly ids: readonly number[] }
  | Exclude<Content, { kind: 'input' }>;

/** What kind of memory an output section needs. */
interface Traits {
  readonly isCode: boolean;
  /** The program writes to it. */
  readonly isWritable: boolean;
  /** It has the flag SHF_WRITE, as arrays of constructors do that only a dynamic linker would write to. */
  readonly hasWriteFlag: boolean;
  readonly isThread: boolean;
  /** It has bytes in the file. */
  readonly hasBytes: boolean;
}

/** An output section before it has an address. */
export interface Output extends Traits {
  readonly name: string;
  /** Undefined for one that the script does not mention. */
  readonly description: OutputSection | undefined;
  readonly items: readonly Item[];
}

/** The input sections among what an output section holds. */
export function inputsOf(items: readonly Item[]): number[] {
  return items.flatMap((item) => (item.kind === 'sections' ? item.ids : []));
}

/** Whether there are any. */
export function holdsInput(items: readonly Item[]): boolean {
  return items.some((item) => item.kind === 'sections' && item.ids.length > 0);
}

/** Where the script describes an output section, for diagnostics. */
export function whereOf({ description }: Output): string[] {
  return description ? [description.where] : [];
}

/** What a script says, in order, with input sections in place of patterns. */
export type Step =
  | { readonly kind: 'output'; readonly output: Output }
  /** `/DISCARD/`, which stands between its neighbours as other output sections do. */
  | { readonly kind: 'discard' }
  | Assignment
  | Assertion;

/** The steps of a script, orphans included; see `orphans.ts` for where those go. */
export function collectOutputs(
  program: Program,
  statements: readonly SectionsStatement[],
  rules: SectionRules,
  clusters: Clusters,
  pieces: Pieces,
  options: LinkOptions,
): { steps: Step[]; orphans: Output[] } {
  const sequencer = new Sequencer(program, rules, commonOwners(program), options.sortSection);
  const taken: number[][] = rules.rules.map(() => []);
  const orphans: number[] = [];
  for (let id = 0; id < pieces.home.length; id++) {
    if (pieces.home[id] === id) (taken[rules.ruleOf[id]!] ?? orphans).push(id);
  }
  const makeOutput = (
    name: string,
    description: OutputSection | undefined,
    items: readonly Item[],
  ): Output => ({
    name,
    description,
    items,
    ...traitsOf(program, items, description, options),
  });
  const added = groupOrphans(program, clusters, rules, sequencer.inputOrder(orphans));
  let next = 0;
  const itemsOf = (content: readonly Content[]) =>
    content.map((item): Item => {
      if (item.kind !== 'input') return item;
      const number = next++;
      return { kind: 'sections', ids: sequencer.inRule(rules.rules[number]!, taken[number]!) };
    });
  const steps = statements.flatMap((statement, number): Step[] => {
    if (statement.kind === 'discard') {
      itemsOf(statement.content);
      return [{ kind: 'discard' }];
    }
    if (statement.kind === 'entry' || rules.skipped.has(number)) return [];
    if (statement.kind !== 'section') return [statement];
    const items = itemsOf(statement.content);
    // An orphan whose name is that of an output section goes to its end.
    const more = added.get(statement.name);
    if (more) items.push({ kind: 'sections', ids: more });
    added.delete(statement.name);
    return [{ kind: 'output', output: makeOutput(statement.name, statement, items) }];
  });
  const rest = [...added].map(([name, ids]) => makeOutput(name, undefined, [{ kind: 'sections', ids }]));
  return { steps, orphans: rest };
}

/** Orphans by the name of their output section, which is their own: ldlang.c, lang_place_orphans. */
function groupOrphans(
  program: Program,
  clusters: Clusters,
  rules: SectionRules,
  ids: readonly number[],
): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const id of ids) {
    const name = outputNameOf(rules, id, program.sectionName(id), clusters.nameOf(id));
    const group = groups.get(name);
    if (group) group.push(id);
    else groups.set(name, [id]);
  }
  // Arrays of constructors are in the order in which they run.
  for (const [name, group] of groups) {
    const members = clusters.members.get(name);
    if (!members) continue;
    const place = new Map(members.map((id, i) => [id, i]));
    group.sort((a, b) => (place.get(a) ?? -1) - (place.get(b) ?? -1));
  }
  return groups;
}

function traitsOf(
  program: Program,
  items: readonly Item[],
  description: OutputSection | undefined,
  options: LinkOptions,
): Traits {
  const { sections } = program;
  const ids = inputsOf(items);
  const hasFlag = (flag: number) => (id: number) => (sections.flags[id]! & flag) !== 0;
  // `.data.rel.ro` counts as writable: glibc keeps variables there that it sets at start-up.
  const isWritten = (id: number) =>
    categoryOf(program, id, { ...options, segments: 'split' }) >= Category.data;
  const isThread = ids.length > 0 && ids.every(hasFlag(SHF_TLS));
  const hasData = items.some(({ kind }) => kind === 'data');
  // Room that is only set aside, for a stack or a heap, is there to be written to.
  const isReserved = ids.length === 0 && !hasData;
  return {
    isCode: ids.some(hasFlag(SHF_EXECINSTR)),
    isWritable: !isThread && description?.type !== 'READONLY' && (isReserved || ids.some(isWritten)),
    hasWriteFlag: isReserved || ids.some(hasFlag(SHF_WRITE)),
    isThread,
    hasBytes:
      description?.type !== 'NOLOAD' && (hasData || ids.some((id) => sections.type[id] !== SHT_NOBITS)),
  };
}
