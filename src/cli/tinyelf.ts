/** Entry point of `tinyelf`. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { writeText } from '../node/output.ts';
import { VERSION } from '../version.ts';
import { addCheckCommand } from './check.ts';
import { runLd } from './ld.ts';
import { addLinkCommand, inlineLibraries } from './link.ts';
import { EXIT_OK, EXIT_USAGE } from './run.ts';
import { UsageError } from './values.ts';

async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = argv[0] === 'ld' ? await runLd(argv.slice(1)) : await runTinyelf(argv);
}

/** rustc calls a linker it does not know by name like a C compiler: with -m64 and -Wl. */
function looksLikeCompilerCall(argv: readonly string[]): boolean {
  return argv[0] === '-m64' || argv.some((word) => word.startsWith('-Wl,'));
}

const COMPILER_CALL = `tinyelf: error: called like a C compiler (-m64, -Wl,…)
  hint: for rustc use -C linker=ld.tinyelf, whose name says that it is a linker; for gcc use -B "$(tinyelf driver-dir)"
`;

async function runTinyelf(argv: readonly string[]): Promise<number> {
  if (looksLikeCompilerCall(argv)) {
    process.stderr.write(COMPILER_CALL);
    return EXIT_USAGE;
  }
  let code = EXIT_OK;
  const program = new Command('tinyelf')
    .description('Turns relocatable x86-64 ELF objects into the smallest static Linux executables.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(tinyelf --help lists what there is)')
    .exitOverride();
  program
    .command('ld')
    .summary("the same linker behind GNU ld's command line")
    .description("Takes GNU ld's command line: what rustc, clang and gcc call as ld.tinyelf.");
  program
    .command('driver-dir')
    .summary('print the folder to give to gcc -B')
    .description(
      'Prints the folder with an ld that is tinyelf, for gcc -B, and on PATH for clang -fuse-ld=tinyelf.',
    )
    .action(() => writeText(`${join(dirname(realpathSync(process.argv[1]!)), 'driver')}\n`));
  addLinkCommand(program, (result) => {
    code = result;
  });
  addCheckCommand(program, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(inlineLibraries(argv), { from: 'user' });
  } catch (error) {
    code = usageExit(error);
  }
  return code;
}

/** commander has printed its own messages; help and version end with code 0. */
function usageExit(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`tinyelf: error: ${error.message}\n`);
  return EXIT_USAGE;
}

void main(process.argv.slice(2));
