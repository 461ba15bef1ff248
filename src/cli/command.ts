/**
 * The commands of `tinyelf` as commander knows them: help, versions, mistakes. It only reads what is asked for; a file
 * of its own in the build, which a plain link does not load.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { GROUPINGS, type Grouping } from '../explain/diff.ts';
import { writeMessage, writeText } from '../node/output.ts';
import { GROUPS, LINK_OPTIONS, type OptionHelp } from '../options.ts';
import { METHOD_NAMES } from '../pack/names.ts';
import { VERSION } from '../version.ts';
import type { BudgetWords } from './budgetCommand.ts';
import type { DiffValues } from './diff.ts';
import { EXIT_OK, EXIT_USAGE } from './exitCodes.ts';
import type { InspectWords } from './inspectValues.ts';
import type { LinkValues, LinkWords } from './linkArgv.ts';
import type { PackWords } from './pack.ts';
import type { UnpackWords } from './unpack.ts';
import type { WhyValues, WhyWords } from './why.ts';

/** What a command line asks for. */
export type Asked =
  | ({ readonly command: 'link' } & LinkWords)
  | { readonly command: 'check'; readonly files: readonly string[]; readonly json: boolean }
  | { readonly command: 'inspect'; readonly file: string; readonly words: InspectWords }
  | ({ readonly command: 'why' } & WhyWords)
  | ({ readonly command: 'diff' } & DiffValues)
  | { readonly command: 'report'; readonly file: string; readonly page: string | undefined }
  | { readonly command: 'budget'; readonly words: BudgetWords }
  | { readonly command: 'pack'; readonly words: PackWords }
  | { readonly command: 'unpack'; readonly words: UnpackWords }
  | { readonly command: 'driver-dir' }
  /** `program` has all there is to complete. */
  | { readonly command: 'completions'; readonly shell: string; readonly program: Command }
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

Exit status: 0 linked, 1 the link failed (an old output is left as it was), 2 wrong usage, 3 linked, and over budget,
70 a defect of tinyelf, of which please tell.`;

const BUDGET_DETAILS = `
Examples:
  tinyelf budget main.map.json --budget=4k    hold what --map-json has written against 4096 bytes
  tinyelf budget main --baseline old.map.json --markdown >> "$GITHUB_STEP_SUMMARY"

Exit status: 0 within all budgets, 1 a map or a configuration cannot be used, 2 wrong usage, 3 over budget.`;

const WHY_DETAILS = `
The link is made as \`tinyelf link\` would make it with the same options, but nothing is written. A map that --map-json
has written will do in place of the inputs.

Examples:
  tinyelf why printf main.o -lc                 the shortest chain of references that keeps printf
  tinyelf why 'core::fmt::*' main.o             of every symbol of core::fmt
  tinyelf why '*' main.json --sort retained     what each symbol costs, with all that only it keeps

Exit status: 0 there are such symbols, 1 there are none, or the link failed, 2 wrong usage.`;

const DIFF_DETAILS = `
Examples:
  tinyelf diff old.json new.json                what has changed, on a terminal
  tinyelf diff base/out out --markdown          the same for a comment on a pull request

Exit status: 0 compared, whatever came out; 1 there is no such map, 2 wrong usage.`;

const PACK_DETAILS = `
The program does the same; sections and symbols are left out. What packing makes larger is written as it is, and a
warning says so. With the objects at hand, tinyelf link --pack makes a smaller file.

Examples:
  tinyelf pack prog -o prog.packed                           by the method with the smallest result
  tinyelf pack prog -o prog.packed --pack-method lz          by the one that starts fastest
  tinyelf pack prog -o prog.packed --segments split          with no memory writable and executable

Exit status: 0 written, 1 the program cannot be packed or the file not be written, 2 wrong usage.`;

const UNPACK_DETAILS = `
Takes what tinyelf pack and tinyelf link --pack have made.

Example:
  tinyelf unpack prog.packed -o prog

Exit status: 0 written, 1 the file is not packed, damaged, or cannot be written, 2 wrong usage.`;

const COMPLETIONS_DETAILS = `
Examples:
  eval "$(tinyelf completions bash)"                                    in ~/.bashrc
  tinyelf completions zsh > "\${fpath[1]}/_tinyelf"                      in zsh, once
  tinyelf completions fish > ~/.config/fish/completions/tinyelf.fish    in fish, once`;

const CHECK_DETAILS = `
Linux is modelled from 4.4 to 7.3, with the fixes that distributions carry; qemu-user, gVisor and FreeBSD's Linux
emulation where they are stricter. The user is not privileged, the machine has plenty of memory.

Exit status: 0 every Linux modelled loads every file, 1 otherwise, 2 wrong usage.`;

const INSPECT_DETAILS = `
Where code lies is known from the map, if one is given, else from section headers and symbols, else by following the
flow of control from the entry. Colours: fields of headers, bytes that several fields share, code, data; faint is what
nobody reads.

Examples:
  tinyelf inspect hello                       every byte
  tinyelf inspect hello --range 0..0x50       a part by file offsets
  tinyelf inspect hello --symbol 'main*'      a part by symbols
  tinyelf inspect hello --json                the same for machines

Exit status: 0 done, 1 the file or the map cannot be made sense of, 2 wrong usage.`;

const REPORT_DETAILS = `
Examples:
  tinyelf link main.o -o main --map-json main.json   link, and write the map
  tinyelf report main.json                           what it says, in short
  tinyelf report main.json --html main.html          all of it as a page, which needs no network

Exit status: 0 done, 1 the file is not a map or the page cannot be written, 2 wrong usage.`;

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

/** @param ask is told what a command line asks for */
export function makeProgram(ask: Ask): Command {
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
  addWhy(program, ask);
  addDiff(program, ask);
  addCheck(program, ask);
  addInspect(program, ask);
  addReport(program, ask);
  addCompletions(program, ask);
  addBudget(program, ask);
  addPack(program, ask);
  addUnpack(program, ask);
  return program;
}

function addLink(program: Command, ask: Ask): void {
  const command = program
    .command('link')
    .summary('link objects and archives into a static executable')
    .description('Links .o, .a and .rlib files into the smallest static x86-64 Linux executable.')
    .argument('[inputs...]', 'objects and archives; - for an object on standard input')
    .addHelpText('after', LINK_DETAILS);
  for (const option of LINK_OPTIONS) command.addOption(toOption(option));
  command.action((inputs: string[], values: LinkValues) => ask({ command: 'link', inputs, values }));
}

function toOption({ flags, help, group, repeatable }: OptionHelp): Option {
  const option = new Option(flags, help).helpGroup(group);
  if (repeatable) option.argParser((value: string, previous: string[] = []) => [...previous, value]);
  return option;
}

function addWhy(program: Command, ask: Ask): void {
  const command = program
    .command('why')
    .summary('say why symbols are in the program, or are not')
    .description('Shows the references that keep symbols in the program, and what would go with them.')
    .argument('<glob>', 'symbols, by their names in the objects or demangled')
    .argument('<inputs...>', 'as for link; or a map')
    .option('--all', 'one chain for each section that refers to the symbol, not only the shortest')
    .addOption(
      new Option('--sort <key>', 'a table of sizes, by retained size, size or name').choices([
        'retained',
        'size',
        'name',
      ]),
    )
    .option('--no-demangle', 'show names as they are in the objects')
    .option('--json', 'give the result as JSON')
    .addHelpText('after', WHY_DETAILS);
  for (const option of LINK_OPTIONS) {
    if (option.group !== GROUPS.output) command.addOption(toOption(option));
  }
  command.action((glob: string, inputs: string[], values: LinkValues & WhyValues) =>
    ask({ command: 'why', glob, inputs, values, asks: values }),
  );
}

function addDiff(program: Command, ask: Ask): void {
  program
    .command('diff')
    .summary('say what has grown between two links')
    .description('Compares two links by symbol, section and file, the largest changes first.')
    .argument('<old>', 'a map, or an executable with its map beside it: that of out is out.map.json')
    .argument('<new>', 'the same')
    .addOption(new Option('--by <kind>', 'only by symbol, section or file').choices(GROUPINGS))
    .option('--limit <number>', 'how many changes to show of each kind', readLimit, DEFAULT_LIMIT)
    .addOption(new Option('--markdown', 'for a comment on a pull request').conflicts('json'))
    .option('--json', 'give the result as JSON')
    .addHelpText('after', DIFF_DETAILS)
    .action((before: string, after: string, { by, limit, markdown, json }: DiffWords) => {
      const format = json ? 'json' : markdown ? 'markdown' : 'text';
      ask({ command: 'diff', before, after, by: by ? [by] : GROUPINGS, format, limit });
    });
}

/** The options of `diff` as commander gives them. */
interface DiffWords {
  readonly by?: Grouping;
  readonly limit: number;
  readonly markdown?: boolean;
  readonly json?: boolean;
}

const DEFAULT_LIMIT = 20;

function readLimit(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number.');
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

function addInspect(program: Command, ask: Ask): void {
  program
    .command('inspect')
    .summary('show every byte of an executable, and whose it is')
    .description(
      'Shows any x86-64 executable as annotated hexadecimal: fields of headers, bytes with several owners, holes, code, data.',
    )
    .argument('<file>', 'executable')
    .option('--map <file>', 'what its link wrote with --map-json: names the owner of every byte')
    .option('--json', 'give the result as JSON')
    .option('--no-disassembly', 'show code as bytes only')
    .option('--no-demangle', 'show names as they are in the file')
    .option('--range <start..end>', 'only these file offsets, the last one excluded')
    .option('--section <glob>', 'only sections of that name')
    .option('--symbol <glob>', 'only what belongs to symbols of that name')
    .option('--width <columns>', 'characters of a line; those of the terminal, if there is one')
    .addHelpText('after', INSPECT_DETAILS)
    .action((file: string, words: InspectWords) => ask({ command: 'inspect', file, words }));
}

function addCompletions(program: Command, ask: Ask): void {
  program
    .command('completions')
    .summary('print a script by which a shell completes command lines')
    .description('Prints a script that completes the command lines of tinyelf and ld.tinyelf.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', COMPLETIONS_DETAILS)
    .action((shell: string) => ask({ command: 'completions', shell, program }));
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

function addPack(program: Command, ask: Ask): void {
  program
    .command('pack')
    .summary('make an executable smaller that is linked already: it then unpacks itself')
    .description(
      'Packs a static x86-64 executable of any linker, at a fixed address or position-independent (static-pie).',
    )
    .argument('<file>', 'executable; - for standard input')
    .requiredOption('-o, --output <file>', 'the packed executable; - for standard output')
    .addOption(
      new Option('--pack-method <method>', 'auto: by the method with the smallest result; else by this one')
        .choices(['auto', ...METHOD_NAMES])
        .default('auto'),
    )
    .option(
      '--pack-effort <level>',
      'how much is tried to make it smaller: 1 (fast) to 9 (small) (default: 5)',
    )
    .option('--pack-time <seconds>', 'take the best that is found in this time (default: no limit)')
    .addOption(
      new Option('--segments <kind>', 'joined: one segment; split: none is writable and executable')
        .choices(['joined', 'split'])
        .default('joined'),
    )
    .option('--json', 'give the result as JSON')
    .addHelpText('after', PACK_DETAILS)
    .action((file: string, values: Omit<PackWords, 'file'>) =>
      ask({ command: 'pack', words: { file, ...values } }),
    );
}

function addUnpack(program: Command, ask: Ask): void {
  program
    .command('unpack')
    .summary('give back the plain program of a packed executable')
    .description('Undoes what tinyelf pack and tinyelf link --pack have done, without running anything.')
    .argument('<file>', 'packed executable; - for standard input')
    .requiredOption('-o, --output <file>', 'the plain executable; - for standard output')
    .option('--json', 'give the result as JSON')
    .addHelpText('after', UNPACK_DETAILS)
    .action((file: string, values: Omit<UnpackWords, 'file'>) =>
      ask({ command: 'unpack', words: { file, ...values } }),
    );
}

function addReport(program: Command, ask: Ask): void {
  program
    .command('report')
    .summary('show what a program is made of, from the map of its link')
    .description('Shows the map of a link: what is large, what keeps it, what each pass has saved.')
    .argument('<map>', 'what --map-json has written, or FILE for FILE.map.json; - for standard input')
    .option('--html <file>', 'write a page for a browser; - for standard output')
    .addHelpText('after', REPORT_DETAILS)
    .action((file: string, { html }: { html?: string }) => ask({ command: 'report', file, page: html }));
}
