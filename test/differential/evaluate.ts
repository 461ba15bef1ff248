/** Makes a program of a model, has it linked by all linkers, runs it, and says whether they agree. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Built, build } from './build.ts';
import { Commands } from './commands.ts';
import { type Difference, describe, difference, isDisputed, type Result } from './compare.ts';
import { GNU_LD, type Linker, LLD, TINYELF, TINYELF_COMMAND } from './linkers.ts';
import type { Model, Way } from './model.ts';

export interface Verdict {
  /** `disputed`: GNU ld and lld differ, and tinyelf agrees with one. `unusable`: there is no program to compare. */
  readonly kind: 'same' | 'refused' | 'disputed' | 'different' | 'unusable';
  readonly detail: string;
  readonly mark: string;
  /** The link that differs. */
  readonly way: Way | undefined;
  readonly features: readonly string[];
}

/** Who links in tinyelf's place. */
export interface Ours {
  readonly inProcess: Linker;
  readonly command: Linker;
}

const OURS: Ours = { inProcess: TINYELF, command: TINYELF_COMMAND };

/** Milliseconds. Ours may take much longer than a reference, so that a busy machine is no difference. */
const LINK_LIMIT = 30_000;
const RUN_LIMIT = 10_000;
const FACTOR = 10;

export function evaluate(model: Model, folder: string, ours: Ours = OURS): Verdict {
  const commands = new Commands(folder);
  const built = build(model, commands);
  const verdict =
    typeof built === 'string' ? { ...NOTHING, detail: built } : compareLinks(model, built, commands, ours);
  writeFileSync(join(folder, 'reproduce.sh'), commands.script());
  writeFileSync(join(folder, 'model.json'), `${JSON.stringify(model, undefined, 1)}\n`);
  return verdict;
}

const NOTHING = { kind: 'unusable', detail: '', mark: '', way: undefined, features: [] } as const;

function compareLinks(model: Model, built: Built, commands: Commands, ours: Ours): Verdict {
  const { words } = built;
  const features = [...built.features];
  const first = linkAndRun(GNU_LD, words, 'gnu', commands, 1);
  const second = linkAndRun(LLD, words, 'lld', commands, 1);
  const late = [first, second].find(({ kind }) => kind === 'timeout' || kind === 'broken');
  if (late) return { ...NOTHING, detail: `a reference is ${late.kind}`, features };
  const references = [first, second] as const;
  // All functions that are alike become one with this option, whoever compares their addresses.
  const ways = model.ways.filter((way) => !built.comparesAddresses || !way.words.includes('--icf=all'));
  for (const [k, way] of ways.entries()) {
    const linker = way.isCommand ? ours.command : ours.inProcess;
    const result = linkAndRun(linker, [...words, ...way.words], `tiny${k}`, commands, FACTOR);
    const found: Difference | undefined = difference(references, result);
    // A smaller program on which the references do not agree shows something else.
    const suffix = isDisputed(references) ? ', disputed' : '';
    if (found) return { kind: 'different', ...found, mark: `${found.mark}${suffix}`, way, features };
  }
  const kind = isDisputed(references) ? 'disputed' : first.kind === 'refused' ? 'refused' : 'same';
  return { ...NOTHING, kind, features, detail: describeReferences(references) };
}

/** How the references differ, or why they refuse the program. */
function describeReferences([first, second]: readonly [Result, Result]): string {
  if (first.kind === 'ran' && second.kind === 'ran')
    return isDisputed([first, second]) ? describe(first, second) : '';
  const texts = [first, second].map((result) => ('errors' in result ? result.errors : 'linked'));
  return `GNU ld: ${texts[0]}\nlld: ${texts[1]}`;
}

function linkAndRun(
  linker: Linker,
  words: readonly string[],
  output: string,
  commands: Commands,
  patience: number,
): Result {
  const linked = linker(words, output, commands, LINK_LIMIT * patience);
  if (linked.kind !== 'linked') return linked;
  const outcome = commands.run(`./${output}`, [], RUN_LIMIT * patience);
  const { status, signal } = outcome;
  return outcome.isTimeout ? { kind: 'timeout' } : { kind: 'ran', status, signal, output: outcome.output };
}
