/** `tinyelf link`. */
import { type Command, Option } from 'commander';
import type { InputName } from '../inputs.ts';
import { DEFAULT_OPTIONS, defaultHeader, LINK_OPTIONS, type LinkOptions } from '../options.ts';
import { runLink } from './run.ts';
import {
  parseBase,
  parseBuiltins,
  parseCompatibility,
  parseDefinition,
  parseHeader,
  parseIcf,
  parseIdentPad,
  parseOsabi,
  parseSegments,
  UsageError,
} from './values.ts';

const EXAMPLES = `
Examples:
  tinyelf link main.o -o main                 link one object; it starts at _start
  tinyelf link main.o libutil.a -o main       take from the archive what main.o needs
  tinyelf link main.o --builtins=mem -o main  supply memcpy and its kin
  tinyelf link main.o --print-map -o main     see what lies where, and why
  rustc --emit=obj -C panic=abort -o - main.rs | tinyelf link - -o main

Exit status: 0 linked, 1 the link failed (an old output is left as it was), 2 wrong usage.`;

/** Marks an operand that was written as -l; no argument of a process can contain NUL. */
const LIBRARY_MARK = '\0l';

/**
 * Turns -l options into operands, because the order of libraries among files decides which definition of a name
 * is taken, and commander keeps options and operands apart.
 */
export function inlineLibraries(argv: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    const match = /^(?:-l|--library=)(.+)$/s.exec(argument);
    if (argument === '--') return [...result, ...argv.slice(i)];
    if (match) result.push(LIBRARY_MARK + match[1]);
    else if ((argument === '-l' || argument === '--library') && i + 1 < argv.length) {
      result.push(LIBRARY_MARK + argv[++i]);
    } else result.push(argument);
  }
  return result;
}

/** Adds the subcommand. @param finish gets the exit code */
export function addLinkCommand(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('link')
    .summary('link objects and archives into a static executable')
    .description('Links .o, .a and .rlib files into the smallest static x86-64 Linux executable.')
    .argument('[inputs...]', 'objects and archives; - for an object on standard input')
    .addHelpText('after', EXAMPLES);
  for (const { flags, help, group, repeatable } of LINK_OPTIONS) {
    const option = new Option(flags, help).helpGroup(group);
    if (repeatable) option.argParser((value: string, previous: string[] = []) => [...previous, value]);
    command.addOption(option);
  }
  command.action(async (inputs: string[], values: Values) => {
    const { output } = values;
    if (values.json && output === '-') throw new UsageError('--json and -o - both need standard output');
    finish(
      await runLink({
        program: 'tinyelf',
        options: toLinkOptions(inputs, values),
        output,
        debugFile: values.debugFile,
        printMap: values.printMap === true,
        time: values.time === true,
        json: values.json === true,
      }),
    );
  });
}

/** What commander makes of the options: camel-cased names, arrays for those that may be repeated. */
interface Values {
  readonly libraryPath?: string[];
  readonly script?: string[];
  readonly builtins?: string;
  readonly entry?: string;
  readonly undefined?: string[];
  readonly defsym?: string[];
  readonly gcSections?: boolean;
  readonly icf?: string;
  readonly verbatim?: boolean;
  readonly header?: string;
  readonly compat?: string;
  readonly floor?: boolean;
  readonly base?: string;
  readonly segments?: string;
  readonly osabi?: string;
  readonly identPad?: string;
  readonly output?: string;
  readonly symbols?: boolean;
  readonly debug?: boolean;
  readonly debugFile?: string;
  readonly printMap?: boolean;
  readonly time?: boolean;
  readonly json?: boolean;
}

function toLinkOptions(inputs: readonly string[], values: Values): LinkOptions {
  const tables = values.debug ? 'debug' : values.symbols ? 'symbols' : 'none';
  return {
    ...DEFAULT_OPTIONS,
    inputs: inputs.map(toInput),
    libraryPaths: values.libraryPath ?? [],
    scripts: values.script ?? [],
    entry: values.entry ?? DEFAULT_OPTIONS.entry,
    base: given(values.base, parseBase, DEFAULT_OPTIONS.base),
    isBaseGiven: values.base !== undefined,
    header: given(values.header, parseHeader, defaultHeader(tables)),
    compatibility: given(values.compat, parseCompatibility, DEFAULT_OPTIONS.compatibility),
    floor: values.floor ?? DEFAULT_OPTIONS.floor,
    segments: given(values.segments, parseSegments, DEFAULT_OPTIONS.segments),
    osabi: given(values.osabi, parseOsabi, DEFAULT_OPTIONS.osabi),
    identPad: given(values.identPad, parseIdentPad, DEFAULT_OPTIONS.identPad),
    verbatim: values.verbatim ?? DEFAULT_OPTIONS.verbatim,
    gcSections: values.gcSections ?? DEFAULT_OPTIONS.gcSections,
    icf: given(values.icf, parseIcf, DEFAULT_OPTIONS.icf),
    undefinedSymbols: values.undefined ?? [],
    definitions: (values.defsym ?? []).map(parseDefinition),
    builtins: given(values.builtins, parseBuiltins, DEFAULT_OPTIONS.builtins),
    tables,
  };
}

function toInput(operand: string): InputName {
  if (operand.startsWith(LIBRARY_MARK)) return { kind: 'library', name: operand.slice(LIBRARY_MARK.length) };
  return { kind: 'file', path: operand };
}

function given<T>(text: string | undefined, parse: (text: string) => T, fallback: T): T {
  return text === undefined ? fallback : parse(text);
}
