/** The options of `tinyelf link` as a form: made from the table that the command line is made from. */
import { isDeepStrictEqual } from 'node:util';
import { valueNames } from '../../src/cli/linkArgv.ts';
import { choicesOf } from '../../src/cli/values.ts';
import { toSettings } from '../../src/library/options.ts';
import { GROUPS, LINK_OPTIONS, type OptionHelp } from '../../src/options.ts';
import type { Control } from './page/given.ts';

/** Groups that say what is linked and how; the others are about files and messages. */
const SHOWN: readonly string[] = [GROUPS.inputs, GROUPS.program, GROUPS.header];

/** @returns controls of all options of these groups that need no disk, in the order of the table */
export function makeControls(): Control[] {
  const negated = new Set(LINK_OPTIONS.map(({ flags }) => valueNames(flags)).map(negatedName));
  return LINK_OPTIONS.filter(
    ({ flags, group }) => SHOWN.includes(group) && !needsDisk(flags) && !negated.has(valueNames(flags).name),
  ).map(toControl);
}

/** The name of the option that an option takes back: that one is on from the start, and needs no control. */
function negatedName({ name, isNegation }: ReturnType<typeof valueNames>): string | undefined {
  return isNegation ? name.slice('no-'.length) : undefined;
}

/** A library is a name that is looked for in folders. */
function needsDisk(flags: string): boolean {
  return /<(file|dir)>$/.test(flags) || flags.includes('--library ');
}

function toControl({ flags, group, help, repeatable = false }: OptionHelp): Control {
  const { key, name } = valueNames(flags);
  const choices = choicesOf(name) ?? [];
  const kind = choices.length > 0 ? 'choice' : flags.endsWith('>') ? 'text' : 'flag';
  const fallback =
    kind === 'choice' ? defaultChoice(key, choices) : kind === 'text' ? example(flags, help) : '';
  return { name, group: group.replace(':', ''), help, kind, choices, fallback, isRepeatable: repeatable };
}

/** The choice that makes the link that no choice makes. */
function defaultChoice(key: string, choices: readonly string[]): string {
  const settings = toSettings({ inputs: [] });
  const found = choices.find((choice) =>
    isDeepStrictEqual(toSettings({ inputs: [], [key]: choice }), settings),
  );
  if (found === undefined) throw new Error(`no value of ${key} is the default`);
  return found;
}

/** The default, as the help has it, or what a value is. */
function example(flags: string, help: string): string {
  const [, value] = /\(default: ([^,)]+)/.exec(help) ?? /<(.+)>$/.exec(flags)!;
  return value!;
}
