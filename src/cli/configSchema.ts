/** What a configuration may say: the options of `tinyelf link`, by their long names, and budgets. */
import * as v from 'valibot';
import type { BudgetPart } from '../explain/budgets.ts';
import { headerNames } from '../header/layouts.ts';
import { LINK_OPTIONS } from '../options.ts';
import { METHOD_NAMES } from '../pack/names.ts';
import { optionOf } from './linkArgv.ts';
import {
  parseBase,
  parseDefinition,
  parseIdentPad,
  parseOsabi,
  parsePackEffort,
  parsePackThreads,
  parsePackTime,
  parseSize,
  UsageError,
} from './values.ts';

/** Text that a reader of option values takes. */
function textFor(parse: (text: string) => unknown) {
  return v.pipe(v.string('expected text'), checkedBy<string>(parse));
}

/** A number, or text in which it may have another base or a unit. */
function numberFor(parse: (text: string) => unknown, expected: string) {
  const number = v.pipe(v.number(), v.safeInteger(expected), v.minValue(0, expected));
  return v.pipe(v.union([number, v.string()], expected), checkedBy<number | string>(parse));
}

/** A number of seconds, which need not be whole. */
function secondsFor(parse: (text: string) => unknown) {
  return v.pipe(v.number('expected seconds, such as 10 or 0.5'), checkedBy<number>(parse));
}

/** What is wrong with a value is said by who reads it, without the name of the option in front. */
function checkedBy<T extends number | string>(parse: (text: string) => unknown) {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues) return;
    try {
      parse(`${dataset.value}`);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      addIssue({ message: error.message.replace(/^--[\w-]+:? /, '') });
    }
  });
}

const choice = <const T extends readonly string[]>(names: T) =>
  v.picklist(names, `expected one of ${names.join(', ')}`);

const size = () =>
  numberFor((text) => parseSize(text, '--budget'), 'expected a size in bytes, such as 4096 or "4 KiB"');

/** Values that are not any text, by the keys of their options. */
const VALUES: Readonly<Record<string, () => v.GenericSchema>> = {
  builtins: () => choice(['mem', 'none']),
  icf: () => choice(['safe', 'all', 'none']),
  shrink: () => choice(['safe', 'all', 'none']),
  compat: () => choice(['linux', 'portable']),
  segments: () => choice(['joined', 'split']),
  header: () => choice(headerNames()),
  base: () => numberFor(parseBase, 'expected an address, such as 65536 or "0x10000"'),
  osabi: () => numberFor(parseOsabi, 'expected 0 to 255'),
  identPad: () => textFor(parseIdentPad),
  defsym: () => listOf(textFor(parseDefinition)),
  budget: size,
  pack: () => choice(['auto', ...METHOD_NAMES]),
  packEffort: () => numberFor(parsePackEffort, 'expected 1 to 9'),
  packTime: () => secondsFor(parsePackTime),
  packThreads: () => numberFor(parsePackThreads, 'expected 1 to 8'),
};

const listOf = (item: v.GenericSchema) => v.array(item, 'expected a list');

function optionEntries(): Record<string, v.GenericSchema> {
  const entries: Record<string, v.GenericSchema> = {};
  for (const { flags, help } of LINK_OPTIONS) {
    const { key, takesValue, isNegation, isRepeatable } = optionOf(flags.split(/,? /)[0]!)!;
    if (isNegation || key === 'config') continue;
    const schema = VALUES[key]?.() ?? plainValue(takesValue, isRepeatable);
    entries[key] = v.optional(v.pipe(schema, v.description(help)));
  }
  return entries;
}

function plainValue(takesValue: boolean, isRepeatable: boolean): v.GenericSchema {
  if (!takesValue) return v.boolean('expected true or false');
  const text = v.string('expected text');
  return isRepeatable ? listOf(text) : text;
}

const pattern = v.optional(v.pipe(v.string('expected text'), v.nonEmpty('expected a name or a pattern')));

/** What a budget may be for; each has one of them. */
export const BUDGET_SUBJECTS = ['part', 'section', 'symbol'] as const;

/** Here, and not where they are measured: configurations are read without that. */
const BUDGET_PARTS = [
  'file',
  'memory',
  'text',
  'rodata',
  'data',
  'bss',
] as const satisfies readonly BudgetPart[];

/** Bytes that the program, or something in it, may take. */
const budgetEntries = {
  part: v.optional(
    v.pipe(choice(BUDGET_PARTS), v.description('the file, what it takes in memory, or a part of it')),
  ),
  section: v.pipe(
    pattern,
    v.description('names of sections; * stands for any characters, ? for one: .rodata*'),
  ),
  symbol: v.pipe(
    pattern,
    v.description('names of symbols, as they were written or mangled; * and ? as for sections'),
  ),
  limit: v.pipe(size(), v.description('most bytes that it may take: 4096, "4k", "4 KiB"')),
};

const budget = v.pipe(
  v.strictObject(budgetEntries, 'expected an object'),
  v.check(
    (value) => BUDGET_SUBJECTS.filter((name) => value[name] !== undefined).length === 1,
    `expected exactly one of ${BUDGET_SUBJECTS.join(', ')}`,
  ),
);

const entries = {
  $schema: v.optional(v.string('expected text')),
  budgets: v.optional(v.pipe(v.array(budget, 'expected a list'), v.description('what may be how large'))),
  ...optionEntries(),
};

/** A configuration file. Other keys are those of `LinkValues`. */
export const configSchema = v.strictObject(entries, 'expected an object');

/** Keys that an object at a path in the configuration may have. */
export function knownKeys(path: readonly unknown[]): string[] {
  return Object.keys(path.length === 0 ? entries : budgetEntries);
}
