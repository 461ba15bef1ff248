/** `tinyelf ld` and `ld.tinyelf`: the front end that compilers call in place of GNU ld. */
import { readFileSync } from 'node:fs';
import { writeText } from '../node/output.ts';
import { VERSION } from '../version.ts';
import { parseLdArgv } from './ldArgv.ts';
import { EXIT_OK, EXIT_USAGE, runLink } from './run.ts';
import { UsageError } from './values.ts';

const PROGRAM = 'ld.tinyelf';

const HELP = `Usage: ld.tinyelf [options] file...
A linker with GNU ld's command line that makes the smallest static x86-64 executables.
  -o FILE, -e SYMBOL, -u SYMBOL, -L DIR, -l NAME, --defsym NAME=EXPRESSION, -M, @FILE
  --gc-sections (default), --no-gc-sections
  and of tinyelf's own: --base, --header, --verbatim, --osabi, --ident-pad, --builtins
Options of GNU ld that cannot change such an executable are accepted.
See tinyelf link --help for what they mean.
`;

/** @param argv the words after the program's name @returns the exit code */
export async function runLd(argv: readonly string[]): Promise<number> {
  try {
    const { action, ...request } = parseLdArgv(argv, readResponse);
    if (action === 'link') return await runLink({ ...request, program: PROGRAM, json: false });
    // Configure scripts and compilers look for the words "GNU ld".
    writeText(action === 'help' ? HELP : `tinyelf ${VERSION} (compatible with GNU ld)\n`);
    return EXIT_OK;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${PROGRAM}: error: ${error.message}\n`);
    return EXIT_USAGE;
  }
}

function readResponse(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
