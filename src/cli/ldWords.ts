/** Words of a GNU ld command line: response files, and options apart from their values. */
import { UsageError } from './values.ts';

/** Reads files named by `@file`: returns the text, or undefined if there is no such file. */
export type ResponseReader = (path: string) => string | undefined;

/** How deep response files may name each other. */
const RESPONSE_DEPTH = 16;

/** Replaces each `@file` by the words in the file; a name without a file stays as it is. */
export function expandResponses(argv: readonly string[], read: ResponseReader, depth = 0): string[] {
  return argv.flatMap((word) => {
    if (!word.startsWith('@')) return [word];
    const text = read(word.slice(1));
    if (text === undefined) return [word];
    if (depth === RESPONSE_DEPTH) throw new UsageError(`${word}: response files are nested too deeply`);
    return expandResponses(splitWords(text), read, depth + 1);
  });
}

/** Splits text at blanks; quotes and backslashes work as in libiberty's buildargv. */
function splitWords(text: string): string[] {
  const result: string[] = [];
  for (const [word] of text.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs)) {
    result.push(
      word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double, single, escaped) =>
        double === undefined ? (single ?? escaped) : double.replace(/\\(.)/gs, '$1'),
      ),
    );
  }
  return result;
}

/** Whether an option has a value: never, always (joined or in the next word), or only if joined by `=`. */
export type Arity = 'none' | 'value' | 'optional';

/** An option word taken apart. */
export interface OptionWord {
  /** Without dashes. */
  readonly name: string;
  readonly value: string | undefined;
}

/** Short options whose value may stand right behind the letter. */
const JOINED = /^-([AabcefFhIlLmoOPRTuyYz])(.+)$/s;

/**
 * Takes an option word apart as getopt_long_only does for GNU ld: a long name may have one dash, but names that
 * begin with `o` need two, since `-omagic` is `-o magic`.
 * @param arityOf what is known of a name
 * @param next takes the following word, for an option whose value stands there
 */
export function splitOption(
  word: string,
  arityOf: (name: string) => Arity | undefined,
  next: () => string | undefined,
): OptionWord {
  const [, name = '', value] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const arity = arityOf(name);
  const joined = word.startsWith('--') ? null : JOINED.exec(word);
  const isShortened = name.length === 1 || name.startsWith('o') || arity === undefined;
  if (joined && isShortened) return { name: joined[1]!, value: joined[2]! };
  if (value !== undefined || arity !== 'value') return { name, value };
  const following = next();
  if (following === undefined) throw new UsageError(`${word} needs a value`);
  return { name, value: following };
}
