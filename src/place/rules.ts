/** Which statement of a linker script takes each section: GNU ld's manual, section "Input Section Description". */
import { type InputObject, type Program, SymbolKind } from '../program.ts';
import type { InputSections } from '../script/ast.ts';

/** An input section description, with the statement of SECTIONS that it stands in. */
export interface SectionRule {
  readonly input: InputSections;
  /** Number of the output section's statement. */
  readonly output: number;
  /** Its name. */
  readonly name: string;
  readonly isDiscard: boolean;
}

/** What a script says of sections; from `matchSections`. */
export interface SectionRules {
  readonly rules: readonly SectionRule[];
  /** By section id, the number of the rule that takes it, or -1. */
  readonly ruleOf: Int32Array;
  /** By section id, which of the rule's patterns it matched. */
  readonly patternOf: Int32Array;
  /** Numbers of the output sections that do not exist because of ONLY_IF_RO or ONLY_IF_RW. */
  readonly skipped: ReadonlySet<number>;
  /** Names of the output sections that exist. */
  readonly names: ReadonlySet<string>;
}

/** Whether `/DISCARD/` takes a section. */
export function isDiscarded({ rules, ruleOf }: SectionRules, id: number): boolean {
  return rules[ruleOf[id]!]?.isDiscard === true;
}

/** Whether the script names a section for an output section. */
export function isTaken(rules: SectionRules, id: number): boolean {
  return rules.ruleOf[id]! >= 0 && !isDiscarded(rules, id);
}

/** Whether the script does not mention a section of an input. */
export function isOrphan(program: Program, { ruleOf }: SectionRules, id: number): boolean {
  return ruleOf[id]! < 0 && !program.isLinkerMade(id);
}

/** Whether KEEP takes a section. */
export function isKept({ rules, ruleOf }: SectionRules, id: number): boolean {
  const rule = rules[ruleOf[id]!];
  return rule?.input.keep === true && !rule.isDiscard;
}

/** Number of the output section that takes a section, or -1: sections with equal numbers may share their bytes. */
export function outputOf({ rules, ruleOf }: SectionRules, id: number): number {
  return rules[ruleOf[id]!]?.output ?? -1;
}

/**
 * Name of the output section that a section goes to. Without a statement that takes it, it stays with its sequence, if
 * the script has no other place for that.
 */
export function outputNameOf(
  { rules, ruleOf, names }: SectionRules,
  id: number,
  name: string,
  cluster: string | undefined,
): string {
  const rule = rules[ruleOf[id]!];
  if (rule) return rule.name;
  if (name === 'COMMON') return '.bss';
  return cluster === undefined || names.has(cluster) ? name : cluster;
}

/** A file as patterns see it. */
export interface FileName {
  /** Path, or name of the member. */
  readonly file: string;
  readonly archive: string | undefined;
}

/** `lib.a(member.o)` is the member of an archive; the linker's own sections are in a file without a name. */
export function fileNameOf(program: Program, { id, name, position }: InputObject): FileName {
  if (id === program.linkerObject.id) return { file: '', archive: undefined };
  const input = program.inputs[position];
  if (input?.kind !== 'archive') return { file: name, archive: undefined };
  return { file: name.slice(input.name.length + 1, -1), archive: input.name };
}

/** The objects that the sections of common symbols come from, by section id. */
export function commonOwners(program: Program): Map<number, number> {
  const { symbols } = program;
  const owners = new Map<number, number>();
  for (let id = 0; id < symbols.count; id++) {
    const section = symbols.section[id]!;
    if (symbols.kind[id] !== SymbolKind.defined || section < 0 || !program.isLinkerMade(section)) continue;
    owners.set(section, symbols.object[id]!);
  }
  return owners;
}
