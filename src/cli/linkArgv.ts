/**
 * The command line of `tinyelf link` where it is plain: options of the table, their values, operands. Most are, and
 * are linked without loading commander, which reads all others: it knows how to help and what to say of a mistake.
 */
import { LINK_OPTIONS } from '../options.ts';

/** What commander makes of the options: camel-cased names, arrays for those that may be repeated. */
export interface LinkValues {
  readonly libraryPath?: string[];
  readonly script?: string[];
  readonly builtins?: string;
  readonly entry?: string;
  readonly undefined?: string[];
  readonly defsym?: string[];
  readonly gcSections?: boolean;
  readonly icf?: string;
  readonly shrink?: string;
  readonly verbatim?: boolean;
  readonly header?: string;
  readonly compat?: string;
  readonly floor?: boolean;
  readonly base?: string;
  readonly segments?: string;
  readonly osabi?: string;
  readonly identPad?: string;
  readonly pack?: string;
  readonly packEffort?: string;
  readonly packTime?: string;
  readonly packThreads?: string;
  readonly output?: string;
  readonly symbols?: boolean;
  readonly debug?: boolean;
  readonly debugFile?: string;
  readonly map?: string;
  readonly mapJson?: string;
  readonly dependencyFile?: string;
  readonly reproduce?: string;
  readonly chroot?: string;
  readonly printMap?: boolean;
  readonly printShrink?: boolean;
  readonly verify?: boolean;
  readonly time?: boolean;
  readonly watch?: boolean;
  readonly json?: boolean;
  readonly budget?: string;
  readonly baseline?: string;
  /** False for --no-config. */
  readonly config?: string | false;
}

/** The words of a command line by what they are. */
export interface LinkWords {
  /** Operands, in their order; libraries are marked. */
  readonly inputs: readonly string[];
  readonly values: LinkValues;
}

/** Marks an operand that was written as -l; no argument of a process can contain NUL. */
export const LIBRARY_MARK = '\0l';

/**
 * Turns -l options into operands, because the order of libraries among files decides which definition of a name
 * is taken, and commander keeps options and operands apart. And gives --pack its value where it stands alone, because
 * commander would take the operand behind it.
 */
export function settleWords(argv: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    const match = /^(?:-l|--library=)(.+)$/s.exec(argument);
    if (argument === '--') return [...result, ...argv.slice(i)];
    if (match) result.push(LIBRARY_MARK + match[1]);
    else if ((argument === '-l' || argument === '--library') && i + 1 < argv.length) {
      result.push(LIBRARY_MARK + argv[++i]);
    } else if (argument === '--pack') result.push('--pack=auto');
    else result.push(argument);
  }
  return result;
}

/**
 * Reads words that are plain.
 * @param words those behind `link`, settled
 * @returns what commander would make of them; undefined for words that it must see: options that are not in the
 * table, values that are missing or look like options, and `--`
 */
export function readPlainWords(words: readonly string[]): LinkWords | undefined {
  const inputs: string[] = [];
  const values: Record<string, string | boolean | string[]> = {};
  let at = 0;
  while (at < words.length) {
    const word = words[at++]!;
    if (!looksLikeOption(word)) {
      inputs.push(word);
      continue;
    }
    const { name, joined } = splitWord(word);
    const option = optionOf(name);
    if (!option || (joined !== undefined && !option.takesValue)) return undefined;
    const value = option.takesValue ? (joined ?? words[at++]) : !option.isNegation;
    if (value === undefined || (joined === undefined && looksLikeOption(`${value}`))) return undefined;
    const before = values[option.key] ?? [];
    values[option.key] = option.isRepeatable ? [...(before as string[]), value as string] : value;
  }
  return { inputs, values };
}

/** A single dash is an operand. */
function looksLikeOption(word: string): boolean {
  return word.length > 1 && word.startsWith('-');
}

/** Takes `--name=value` and `-nvalue` apart. */
function splitWord(word: string): { name: string; joined: string | undefined } {
  const end = word.startsWith('--') ? word.indexOf('=') : 2;
  if (end < 0 || end >= word.length) return { name: word, joined: undefined };
  return { name: word.slice(0, end), joined: word.slice(word.startsWith('--') ? end + 1 : end) };
}

/** An option of the table, as a parser needs it. */
export interface PlainOption {
  /** Name of the value. */
  readonly key: string;
  readonly takesValue: boolean;
  /** `--no-NAME`. */
  readonly isNegation: boolean;
  readonly isRepeatable: boolean;
}

/** @param name short or long, with its dashes */
export function optionOf(name: string): PlainOption | undefined {
  for (const { flags, repeatable } of LINK_OPTIONS) {
    // As in `-o, --output <file>`.
    const names = flags.split(/,? /);
    if (!names.includes(name)) continue;
    const { key, isNegation } = valueNames(flags);
    return { key, takesValue: flags.endsWith('>'), isNegation, isRepeatable: repeatable === true };
  }
  return undefined;
}

/** What an option of the table is called: its value among `LinkValues`, and itself, in its long form without dashes. */
export function valueNames(flags: string): { key: string; name: string; isNegation: boolean } {
  const name = /--([\w-]+)/.exec(flags)![1]!;
  const isNegation = name.startsWith('no-');
  const key = (isNegation ? name.slice(3) : name).replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  return { key, name, isNegation };
}
