/** `tinyelf`: finds out what is asked for, and has it done. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeMessage, writeText } from '../node/output.ts';
import type { Asked } from './command.ts';
import { EXIT_OK, EXIT_USAGE } from './exitCodes.ts';
import { reportFailure } from './failure.ts';
import { runLd } from './ld.ts';
import { linkWords } from './link.ts';
import { inlineLibraries, readPlainWords } from './linkArgv.ts';

const COMPILER_CALL = `tinyelf: error: called like a C compiler (-m64, -Wl,…)
  hint: for rustc use -C linker=ld.tinyelf, whose name says that it is a linker; for gcc use -B "$(tinyelf driver-dir)"
`;

/** @param argv the words after the program's name @returns the exit code */
export async function runTinyelf(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'ld') return await runLd(argv.slice(1));
  if (looksLikeCompilerCall(argv)) {
    writeMessage(COMPILER_CALL);
    return EXIT_USAGE;
  }
  try {
    return await obey(await readWords(inlineLibraries(argv)));
  } catch (error) {
    return reportFailure('tinyelf', error);
  }
}

/** rustc calls a linker it does not know by name like a C compiler: with -m64 and -Wl. */
function looksLikeCompilerCall(argv: readonly string[]): boolean {
  return argv[0] === '-m64' || argv.some((word) => word.startsWith('-Wl,'));
}

async function readWords(words: readonly string[]): Promise<Asked> {
  const plain = words[0] === 'link' ? readPlainWords(words.slice(1)) : undefined;
  if (plain) return { command: 'link', ...plain };
  const { readCommandLine } = await import('./command.ts');
  return readCommandLine(words);
}

async function obey(asked: Asked): Promise<number> {
  switch (asked.command) {
    case 'link':
      return await linkWords(asked);
    case 'check': {
      const { checkFiles } = await import('./check.ts');
      return checkFiles(asked.files, asked.json);
    }
    case 'budget': {
      const { checkBudget } = await import('./budgetCommand.ts');
      return await checkBudget(asked.words);
    }
    case 'driver-dir':
      writeText(`${join(dirname(realpathSync(process.argv[1]!)), 'driver')}\n`);
      return EXIT_OK;
    case 'nothing':
      return asked.code;
  }
}
