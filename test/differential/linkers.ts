/** The linkers that are compared: each gets the same words, as GNU ld takes them. */
import { fileURLToPath } from 'node:url';
import { LinkError } from '../../src/diagnostics.ts';
import { linkWords } from '../linkWords.ts';
import type { Commands } from './commands.ts';

/** What a linker has made of a program. */
export type Linked =
  | { readonly kind: 'linked' }
  /** It says that the program cannot be linked. @param code names an error of tinyelf's */
  | { readonly kind: 'refused'; readonly errors: string; readonly code?: string }
  /** It has ended in another way than a linker should. */
  | { readonly kind: 'broken'; readonly errors: string }
  | { readonly kind: 'timeout' };

/** @param words options and inputs, without the output's name @param limit milliseconds */
export type Linker = (words: readonly string[], output: string, commands: Commands, limit: number) => Linked;

const LD_TINYELF = fileURLToPath(new URL('../../bin/ld.tinyelf.js', import.meta.url));

/** A linker that is run. */
function commandLinker(command: string, ...front: readonly string[]): Linker {
  return (words, output, commands, limit) => {
    const outcome = commands.run(command, [...front, ...words, '-o', output], limit);
    if (outcome.isTimeout) return { kind: 'timeout' };
    if (outcome.status === 0) return { kind: 'linked' };
    const isOrderly = outcome.status === 1;
    return { kind: isOrderly ? 'refused' : 'broken', errors: outcome.errors };
  };
}

export const GNU_LD = commandLinker('ld');
export const LLD = commandLinker('ld.lld', '--threads=1');
const COMMAND = commandLinker(process.execPath, LD_TINYELF);

/** The command as it is installed; `dist` must have been built. */
export const TINYELF_COMMAND: Linker = (...given) => {
  const linked = COMMAND(...given);
  // Node ends with the same status if it throws.
  const isOrderly = linked.kind !== 'refused' || /^ld\.tinyelf: error: /m.test(linked.errors);
  return isOrderly ? linked : { kind: 'broken', errors: linked.errors };
};

/** tinyelf from its sources, in this process: it has no limit, whoever waits for the process has one. */
export const TINYELF: Linker = (words, output, commands) => {
  commands.note(['ld.tinyelf', ...words, '-o', output]);
  try {
    linkWords(words, commands.folder, output);
    return { kind: 'linked' };
  } catch (error) {
    if (!(error instanceof LinkError)) return { kind: 'broken', errors: `${(error as Error).stack}` };
    const code = error.diagnostics.find(({ severity }) => severity === 'error')?.code;
    const texts = error.diagnostics.map(({ message, where }) => [message, ...where].join('\n'));
    return { kind: 'refused', errors: texts.join('\n'), ...(code === undefined ? {} : { code }) };
  }
};
