/**
 * The commands of `tinyelf` as commander knows them: help, versions, mistakes. It only reads what is asked for; a file
 * of its own in the build, which a plain link does not load.
 */
import { Command, CommanderError, Option } from 'commander';
import { writeMessage, writeText } from '../node/output.ts';
import { LINK_OPTIONS } from '../options.ts';
import { VERSION } from '../version.ts';
import { EXIT_OK, EXIT_USAGE } from './exitCodes.ts';
import type { InspectWords } from './inspectValues.ts';
import type { LinkValues, LinkWords } from './linkArgv.ts';

/** What a command line asks for. */
export type Asked =
  | ({ readonly command: 'link' } & LinkWords)
  | { readonly command: 'check'; readonly files: readonly string[]; readonly json: boolean }
  | { readonly command: 'inspect'; readonly file: string; readonly words: InspectWords }
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
  rustc --emit=obj -C panic=abort -o - main.rs | tinyelf link - -o main

Exit status: 0 linked, 1 the link failed (an old output is left as it was), 2 wrong usage.`;

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
  addInspect(program, ask);
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

function addInspect(program: Command, ask: Ask): void {
  program
    .command('inspect')
    .summary('show every byte of an executable, and whose it is')
    .description(
      'Shows any x86-64 executable as annotated hexadecimal: fields of headers, bytes with several owners, holes, code, data.',
    )
    .argument('<file>', 'executable')
    .option('--map <file>', 'the map of its link: names the owner of every byte')
    .option('--json', 'give the result as JSON')
    .option('--no-disassembly', 'show code as bytes only')
    .option('--range <start..end>', 'only these file offsets, the last one excluded')
    .option('--section <glob>', 'only sections of that name')
    .option('--symbol <glob>', 'only what belongs to symbols of that name')
    .option('--width <columns>', 'characters of a line; those of the terminal, if there is one')
    .addHelpText('after', INSPECT_DETAILS)
    .action((file: string, words: InspectWords) => ask({ command: 'inspect', file, words }));
}
