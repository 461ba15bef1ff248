/** Entry point of `tinyelf`. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../version.ts';
import { runLd } from './ld.ts';
import { addLinkCommand, inlineLibraries } from './link.ts';
import { EXIT_OK, EXIT_USAGE } from './run.ts';
import { UsageError } from './values.ts';

async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = argv[0] === 'ld' ? await runLd(argv.slice(1)) : await runTinyelf(argv);
}

async function runTinyelf(argv: readonly string[]): Promise<number> {
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
  addLinkCommand(program, (result) => {
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
