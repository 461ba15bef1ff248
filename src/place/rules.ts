/**
 * Which statement of a linker script takes each section: GNU ld's manual, section "Input Section Description". The
 * first one that matches does.
 */
import { SHF_WRITE } from '../elf/constants.ts';
import { type InputObject, type Program, SymbolKind } from '../program.ts';
import type { Content, InputSections, OutputSection, SectionsStatement, Wildcard } from '../script/ast.ts';
import { compileFilePattern, compilePattern, excludesFile } from '../script/match.ts';

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

/** Compares every section with every statement, in the script's order. */
export class SectionMatcher {
  readonly #program: Program;
  readonly #rules: SectionRule[] = [];
  readonly #ruleOf: Int32Array;
  readonly #patternOf: Int32Array;
  readonly #skipped = new Set<number>();
  readonly #fileNames: readonly FileName[];
  readonly #ownerOf: ReadonlyMap<number, number>;
  readonly #names: readonly string[];
  /** Sections that no statement has taken yet. */
  #left: number[];

  constructor(program: Program) {
    const { count } = program.sections;
    this.#program = program;
    this.#ruleOf = new Int32Array(count).fill(-1);
    this.#patternOf = new Int32Array(count);
    this.#fileNames = program.objects.map((object) => fileNameOf(program, object));
    this.#ownerOf = commonOwners(program);
    this.#left = Array.from({ length: count }, (_, id) => id);
    this.#names = this.#left.map((id) => program.sectionName(id));
  }

  match(statements: readonly SectionsStatement[]): SectionRules {
    statements.forEach((statement, output) => {
      if (statement.kind === 'section') this.#matchOutput(statement, output);
      else if (statement.kind === 'discard') this.#matchContent(statement.content, output, DISCARD);
    });
    const isThere = (output: number) => !this.#skipped.has(output);
    const names = statements.flatMap((each, i) => (each.kind === 'section' && isThere(i) ? [each.name] : []));
    return {
      rules: this.#rules,
      ruleOf: this.#ruleOf,
      patternOf: this.#patternOf,
      skipped: this.#skipped,
      names: new Set(names),
    };
  }

  /** Section "Output Section Constraint": the section is as if it were not there if its input is of the other kind. */
  #matchOutput({ name, constraint, content }: OutputSection, output: number): void {
    if (constraint) {
      const { flags } = this.#program.sections;
      const unwanted = constraint === 'ONLY_IF_RO' ? SHF_WRITE : 0;
      const matchers = content.filter((each) => each.kind === 'input').map((input) => this.#compile(input));
      const isWrong = (id: number) => (flags[id]! & SHF_WRITE) === unwanted;
      const isMatched = (id: number) => matchers.some((match) => match(id) >= 0);
      if (this.#left.some((id) => isWrong(id) && isMatched(id))) {
        this.#skipped.add(output);
        return;
      }
    }
    this.#matchContent(content, output, name);
  }

  #matchContent(content: readonly Content[], output: number, name: string): void {
    for (const input of content) {
      if (input.kind !== 'input') continue;
      const match = this.#compile(input);
      const number = this.#rules.push({ input, output, name, isDiscard: name === DISCARD }) - 1;
      this.#left = this.#left.filter((id) => {
        const pattern = match(id);
        if (pattern < 0) return true;
        this.#ruleOf[id] = number;
        this.#patternOf[id] = pattern;
        return false;
      });
    }
  }

  /** @returns a function from a section to the number of the pattern that it matches, or -1 */
  #compile({ file, sections }: InputSections): (id: number) => number {
    const matchesFile = compileFilePattern(file.pattern);
    const isFile = this.#perFile((name) => matchesFile(name.file, name.archive) && !isExcluded(file, name));
    const patterns = sections.map((wildcard) => ({
      matches: compilePattern(wildcard.pattern),
      isIn: this.#perFile((name) => !isExcluded(wildcard, name)),
    }));
    return (id) => {
      const owner = this.#ownerOf.get(id) ?? this.#program.sections.object[id]!;
      if (!isFile(owner)) return -1;
      return patterns.findIndex(({ matches, isIn }) => matches(this.#names[id]!) && isIn(owner));
    };
  }

  /** Asks a question of each file once. */
  #perFile(ask: (name: FileName) => boolean): (object: number) => boolean {
    const answers = new Map<number, boolean>();
    return (object) => {
      let answer = answers.get(object);
      if (answer === undefined) {
        answer = ask(this.#fileNames[object]!);
        answers.set(object, answer);
      }
      return answer;
    };
  }
}

function isExcluded({ exclude }: Wildcard, { file, archive }: FileName): boolean {
  return exclude.some((pattern) => excludesFile(pattern, file, archive));
}

const DISCARD = '/DISCARD/';

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
