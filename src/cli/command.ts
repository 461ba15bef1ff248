/**
 * The commands of `tinyelf` as commander knows them: help, versions, mistakes. It only reads what is asked for; a file
 * of its own in the build, which a plain link does not load.
 */
import { Command, CommanderError, Option } from 'commander';
import { writeMessage, writeText } from '../node/output.ts';
import { LINK_OPTIONS } from '../options.ts';
import { VERSION } from '../version.ts';
import type { BudgetWords } from './budgetCommand.ts';
import { EXIT_OK, EXIT_USAGE } from './exitCodes.ts';
import type { LinkValues, LinkWords } from './linkArgv.ts';

/** What a command line asks for. */
export type Asked =
  | ({ readonly command: 'link' } & LinkWords)
  | { readonly command: 'check'; readonly files: readonly string[]; readonly json: boolean }
  | { readonly command: 'budget'; readonly words: BudgetWords }
  | { readonly command: 'driver-dir' }
  /** Commander has said all there was to say. */
  | { readonly command: 'nothing'; readonly code: number };

const LINK_DETAILS = `
Examples:
  tinyelf link main.o -o main                 link one object; it starts at _start
  tinyelf link main.o libutil.a -o main       take from the archive what main.o needs
  tinyelf link main.o --builtins=mem -o main  supply memcpy and its kin
  tinyelf link main.o --print-map -o main     see what lies where, and why
  tinyelf link main.o --watch -o main         link again whenever main.o changes
  tinyelf link main.o --budget=4k -o main     fail if main is larger than 4096 bytes
  rustc --emit=obj -C panic=abort -o - main.rs | tinyelf link - -o main

Exit status: 0 linked, 1 the link failed (an old output is left as it was), 2 wrong usage, 3 linked, and over budget.`;

const BUDGET_DETAILS = `
Examples:
  tinyelf budget main.map.json --budget=4k    hold what --map-json has written against 4096 bytes
  tinyelf budget main --baseline old.map.json --markdown >> "$GITHUB_STEP_SUMMARY"

Exit status: 0 within all budgets, 1 a map or a configuration cannot be used, 2 wrong usage, 3 over budget.`;

const CHECK_DETAILS = `
Linux is modelled from 4.4 to 7.3, with the fixes that distributions carry; qemu-user, gVisor and FreeBSD's Linux
emulation where they are stricter. The user is not privileged, the machine has plenty of memory.

Exit status: 0 every Linux modelled loads every file, 1 otherwise, 2 wrong usage.`;

/** Reads a command line, libraries inlined. Help and messages about mistakes have been printed. */
export function readCommandLine(argv: readonly string[]): Asked {
  let asked: Asked = { command: 'nothing', code: EXIT_OK };
  const program = makeProgram((what) => {
    asked = what;
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end with code 0.
    return { command: 'nothing', code: error.exitCode === 0 ? EXIT_OK : EXIT_USAGE };
  }
  return asked;
}

type Ask = (asked: Asked) => void;

function makeProgram(ask: Ask): Command {
  const program = new Command('tinyelf')
    .description('Turns relocatable x86-64 ELF objects into the smallest static Linux executables.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(tinyelf --help lists what there is)')
    .configureOutput({ writeOut: writeText, writeErr: writeMessage })
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
    .action(() => ask({ command: 'driver-dir' }));
  addLink(program, ask);
  addCheck(program, ask);
  addBudget(program, ask);
  return program;
}

function addLink(program: Command, ask: Ask): void {
  const command = program
    .command('link')
    .summary('link objects and archives into a static executable')
    .description('Links .o, .a and .rlib files into the smallest static x86-64 Linux executable.')
    .argument('[inputs...]', 'objects and archives; - for an object on standard input')
    .addHelpText('after', LINK_DETAILS);
  for (const { flags, help, group, repeatable } of LINK_OPTIONS) {
    const option = new Option(flags, help).helpGroup(group);
    if (repeatable) option.argParser((value: string, previous: string[] = []) => [...previous, value]);
    command.addOption(option);
  }
  command.action((inputs: string[], values: LinkValues) => ask({ command: 'link', inputs, values }));
}

function addCheck(program: Command, ask: Ask): void {
  program
    .command('check')
    .summary('say whether executables load, where, and why not')
    .description('Says which loaders take an executable, by which rule others refuse it, and what it maps.')
    .argument('<files...>', 'executables')
    .option('--json', 'give the result as JSON')
    .addHelpText('after', CHECK_DETAILS)
    .action((files: string[], { json }: { json?: boolean }) =>
      ask({ command: 'check', files, json: json === true }),
    );
}

function addBudget(program: Command, ask: Ask): void {
  program
    .command('budget')
    .summary('hold a map against its budgets, and say what has grown')
    .description(
      'Says how large a linked program and what is in it may be, how large they are, and what has grown.',
    )
    .argument('<file>', 'the map of a link (--map-json), or an executable with its .map.json beside it')
    .option('--budget <size>', 'bytes that the executable may have; 4096, 4k, 4KiB')
    .option('--baseline <file>', 'an earlier map, or an executable beside one: say what has grown since')
    .option('--config <file>', 'take budgets and baseline from <file> (default: as for tinyelf link)')
    .option('--no-config', 'take them from no file')
    .option('--markdown', 'give the result as Markdown, with all changes')
    .option('--json', 'give the result as JSON')
    .addHelpText('after', BUDGET_DETAILS)
    .action((file: string, values: Omit<BudgetWords, 'file'>) =>
      ask({ command: 'budget', words: { file, ...values } }),
    );
}
