/** Compares sections with the statements of a script. The first one that matches takes a section. */
import { SHF_WRITE } from '../elf/constants.ts';
import type { InputObject, Program } from '../program.ts';
import type { OutputSection, SectionsStatement, Wildcard } from '../script/ast.ts';
import { compileFilePattern, excludesFile } from '../script/match.ts';
import { PatternTrie } from './patternTrie.ts';
import { commonOwners, type FileName, fileNameOf, type SectionRule, type SectionRules } from './rules.ts';

const DISCARD = '/DISCARD/';

/** An input section description among all of a script. */
interface Description {
  readonly rule: SectionRule;
  /** Number of its first pattern. */
  readonly firstPattern: number;
}

/** Tells of an object whether a pattern means it. */
type FileTest = (object: number) => boolean;

export class SectionMatcher {
  readonly #program: Program;
  readonly #fileNames: readonly FileName[];
  readonly #ownerOf: ReadonlyMap<number, number>;
  /** Patterns of section names, in the script's order. */
  readonly #patterns = new PatternTrie();
  readonly #descriptions: Description[] = [];
  /** By pattern: its description, and the files that it is for. */
  readonly #descriptionOf: number[] = [];
  readonly #isIn: FileTest[] = [];
  /** By section id, the number of the pattern that it matches, or -1. */
  readonly #matched: Int32Array;

  constructor(program: Program) {
    this.#program = program;
    this.#fileNames = program.objects.map((object) => fileNameOf(program, object));
    this.#ownerOf = commonOwners(program);
    this.#matched = new Int32Array(program.sections.count).fill(-1);
  }

  match(statements: readonly SectionsStatement[]): SectionRules {
    statements.forEach((statement, output) => {
      if (statement.kind === 'section') this.#addAll(statement.content, output, statement.name);
      else if (statement.kind === 'discard') this.#addAll(statement.content, output, DISCARD);
    });
    this.#matchAll();
    const skipped = this.#skip(statements);
    const isThere = (output: number) => !skipped.has(output);
    const names = statements.flatMap((each, i) => (each.kind === 'section' && isThere(i) ? [each.name] : []));
    return { ...this.#result(isThere), skipped, names: new Set(names) };
  }

  #addAll(content: OutputSection['content'], output: number, name: string): void {
    for (const input of content) {
      if (input.kind === 'input') this.#add({ input, output, name, isDiscard: name === DISCARD });
    }
  }

  #add(rule: SectionRule): void {
    const { file, sections } = rule.input;
    const matchesFile = compileFilePattern(file.pattern);
    const isMeant = (name: FileName) => matchesFile(name.file, name.archive) && !isExcluded(file, name);
    const isIn = this.#perFile(isMeant);
    this.#descriptions.push({ rule, firstPattern: this.#isIn.length });
    for (const wildcard of sections) {
      this.#patterns.add(wildcard.pattern);
      this.#descriptionOf.push(this.#descriptions.length - 1);
      const isAll = wildcard.exclude.length === 0;
      this.#isIn.push(isAll ? isIn : this.#perFile((name) => isMeant(name) && !isExcluded(wildcard, name)));
    }
  }

  #matchAll(): void {
    const program = this.#program;
    let object: InputObject | undefined;
    for (let id = 0; id < this.#matched.length; id++) {
      const own = program.objectOf(id);
      if (own !== object) program.prepareNames(own);
      object = own;
      this.#matchFrom(id, 0);
    }
  }

  /** @param from the first pattern that counts */
  #matchFrom(id: number, from: number): void {
    const owner = this.#ownerOf.get(id) ?? this.#program.sections.object[id]!;
    this.#matched[id] = this.#patterns.first(this.#program.sectionName(id), from, (pattern) =>
      this.#isIn[pattern]!(owner),
    );
  }

  /**
   * Section "Output Section Constraint": an output section is as if it were not there if some of its input is of the
   * other kind. What it would have taken goes on to the next statement that matches.
   * @returns the numbers of those statements
   */
  #skip(statements: readonly SectionsStatement[]): Set<number> {
    const skipped = new Set<number>();
    const constrained = new Map<number, number[]>();
    statements.forEach((each, output) => {
      if (each.kind === 'section' && each.constraint) constrained.set(output, []);
    });
    if (constrained.size === 0) return skipped;
    const file = (id: number) => constrained.get(this.#outputOf(id))?.push(id);
    for (let id = 0; id < this.#matched.length; id++) file(id);
    const { flags } = this.#program.sections;
    for (const [output, ids] of constrained) {
      const { constraint } = statements[output] as OutputSection;
      const unwanted = constraint === 'ONLY_IF_RO' ? SHF_WRITE : 0;
      if (!ids.some((id) => (flags[id]! & SHF_WRITE) === unwanted)) continue;
      skipped.add(output);
      const behind = this.#descriptions.findIndex(({ rule }) => rule.output > output);
      const from = this.#descriptions[behind]?.firstPattern ?? this.#isIn.length;
      for (const id of ids) {
        this.#matchFrom(id, from);
        file(id);
      }
    }
    return skipped;
  }

  /** Number of the output section's statement that takes a section, or -1. */
  #outputOf(id: number): number {
    return this.#descriptions[this.#descriptionOf[this.#matched[id]!]!]?.rule.output ?? -1;
  }

  /** @param isThere whether an output section is not skipped */
  #result(isThere: (output: number) => boolean): Pick<SectionRules, 'rules' | 'ruleOf' | 'patternOf'> {
    const rules: SectionRule[] = [];
    const numbers = this.#descriptions.map(({ rule }) => (isThere(rule.output) ? rules.push(rule) - 1 : -1));
    const { length } = this.#matched;
    const [ruleOf, patternOf] = [new Int32Array(length).fill(-1), new Int32Array(length)];
    this.#matched.forEach((pattern, id) => {
      if (pattern < 0) return;
      const description = this.#descriptionOf[pattern]!;
      ruleOf[id] = numbers[description]!;
      patternOf[id] = pattern - this.#descriptions[description]!.firstPattern;
    });
    return { rules, ruleOf, patternOf };
  }

  /** Asks a question of each file once. */
  #perFile(ask: (name: FileName) => boolean): FileTest {
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
