/** `tinyelf`: finds out what is asked for, and has it done. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeMessage, writeText } from '../node/output.ts';
import type { Asked } from './command.ts';
import { EXIT_OK, EXIT_USAGE } from './exitCodes.ts';
import { reportFailure } from './failure.ts';
import { runLd } from './ld.ts';
import { expandResponses } from './ldWords.ts';
import { linkWords } from './link.ts';
import { readPlainWords, settleWords } from './linkArgv.ts';
import { Responses } from './responses.ts';
import { demandText } from './words.ts';

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
    demandText(argv);
    const responses = new Responses();
    const words = argv[0] === 'link' ? expandResponses(argv, responses.read) : argv;
    return await obey(await readWords(settleWords(words)), responses.paths);
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

async function obey(asked: Asked, responses: readonly string[]): Promise<number> {
  switch (asked.command) {
    case 'link':
      return await linkWords(asked, responses);
    case 'check': {
      const { checkFiles } = await import('./check.ts');
      return checkFiles(asked.files, asked.json);
    }
    case 'inspect': {
      const { inspectFromWords } = await import('./inspect.ts');
      return await inspectFromWords(asked.file, asked.words);
    }
    case 'report': {
      const { reportMap } = await import('./report.ts');
      return reportMap(asked.file, asked.page);
    }
    case 'why': {
      const { explainWhy } = await import('./why.ts');
      return await explainWhy(asked);
    }
    case 'diff': {
      const { printDiff } = await import('./diff.ts');
      return printDiff(asked);
    }
    case 'completions': {
      const { completionScript } = await import('./completions.ts');
      writeText(completionScript(asked.shell, asked.program));
      return EXIT_OK;
    }
    case 'budget': {
      const { checkBudget } = await import('./budgetCommand.ts');
      return await checkBudget(asked.words);
    }
    case 'pack': {
      const { packFile } = await import('./pack.ts');
      return packFile(asked.words);
    }
    case 'unpack': {
      const { unpackFile } = await import('./unpack.ts');
      return unpackFile(asked.words);
    }
    case 'driver-dir':
      writeText(`${join(dirname(realpathSync(process.argv[1]!)), 'driver')}\n`);
      return EXIT_OK;
    case 'nothing':
      return asked.code;
  }
}
