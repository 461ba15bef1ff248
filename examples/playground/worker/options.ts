/** Options as they stand on a command line, for the library. */
import { readPlainWords } from '../../../src/cli/linkArgv.ts';
import {
  parseBase,
  parseDefinition,
  parseIdentPad,
  parseOsabi,
  UsageError,
} from '../../../src/cli/values.ts';
import type { LinkOptions } from '../../../src/core.ts';

/**
 * @param words options with their values joined to them
 * @throws UsageError as the command line does; what is a choice is checked by the library
 */
export function toLinkOptions(inputs: readonly string[], words: readonly string[]): LinkOptions {
  const read = readPlainWords(words);
  if (!read || read.inputs.length > 0) throw new UsageError(`not understood: ${words.join(' ')}`);
  const { base, osabi, identPad, undefined: undefinedSymbols, defsym, ...rest } = read.values;
  return {
    ...(rest as object),
    inputs,
    base: base === undefined ? undefined : parseBase(base),
    osabi: osabi === undefined ? undefined : parseOsabi(osabi),
    identPad: identPad === undefined ? undefined : parseIdentPad(identPad),
    undefinedSymbols,
    defsym: defsym && Object.fromEntries(defsym.map(toDefinition)),
  };
}

function toDefinition(text: string): [string, string] {
  const { name } = parseDefinition(text);
  return [name, text.slice(text.indexOf('=') + 1)];
}
