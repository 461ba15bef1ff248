/** `tinyelf ld` and `ld.tinyelf`: the front end that compilers call in place of GNU ld. */
import { existsSync } from 'node:fs';
import type { InputName } from '../inputs.ts';
import { writeText } from '../node/output.ts';
import type { LinkOptions } from '../options.ts';
import { VERSION } from '../version.ts';
import { budgetRequest, IDLE_BASELINE } from './budgetRequest.ts';
import type { Config } from './config.ts';
import { EXIT_OK } from './exitCodes.ts';
import { reportFailure } from './failure.ts';
import { type LdRequest, parseLdArgv, splitLdWords } from './ldArgv.ts';
import { expandResponses } from './ldWords.ts';
import { checkIdle } from './packRequest.ts';
import { Responses } from './responses.ts';
import { reportErrors, runLink } from './run.ts';
import { UsageError } from './values.ts';
import { demandText } from './words.ts';

const PROGRAM = 'ld.tinyelf';

/** What `ld.tinyelf --help` prints. */
export const LD_HELP = `Usage: ld.tinyelf [options] file...
A linker with GNU ld's command line that makes the smallest static x86-64 executables.

Inputs:      FILE  -l NAME  -L DIR  --sysroot=DIR  @FILE  -T SCRIPT
             --chroot=DIR  --whole-archive  --start-lib  --start-group  --push-state
Symbols:     -e SYMBOL  -u SYMBOL  --defsym NAME=EXPRESSION  --wrap=SYMBOL  --require-defined=SYMBOL
             --allow-multiple-definition  --unresolved-symbols=POLICY  --trace-symbol=SYMBOL  --warn-common
Sections:    --gc-sections (default)  --no-gc-sections  --print-gc-sections  --icf=safe|all|none
Addresses:   --image-base=ADDRESS  -Ttext=ADDRESS  -Tdata=ADDRESS  --section-start=SECTION=ADDRESS
             -z separate-code  -z noexecstack  -z max-page-size=N
Output:      -o FILE  -M  -Map=FILE  --dependency-file=FILE  --reproduce=FILE  --fatal-warnings
             --quiet  --time  --no-verify
             --symbols  --debug  --debug-file=FILE
tinyelf's:   --header  --compat  --floor  --segments  --verbatim  --osabi  --ident-pad  --builtins  --watch
             --shrink=safe|all|none  --print-shrink
             --pack[=auto|cm|cmx|cm2|cm3|lz]  --pack-effort=LEVEL  --pack-time=SECONDS
             --pack-threads=COUNT
             --budget=SIZE  --baseline=FILE  --config=FILE

Exit status: 0 linked, 1 the link failed, 2 wrong usage, 3 linked and over budget, 70 a defect.

Options of GNU ld that cannot change such an executable are accepted.
ld.tinyelf: supported targets: elf64-x86-64
ld.tinyelf: supported emulations: elf_x86_64
`;

/** @param argv the words after the program's name @returns the exit code */
export async function runLd(argv: readonly string[]): Promise<number> {
  try {
    demandText(argv);
    const responses = new Responses();
    const words = expandResponses(argv, responses.read);
    // Response files have been replaced.
    const request = parseLdArgv(words, () => undefined);
    // Configure scripts and compilers look for the words "GNU ld".
    const version = `GNU ld compatible tinyelf ${VERSION}\n`;
    if (request.announce) writeText(version);
    if (request.action === 'version') writeText(version);
    else if (request.action === 'help') writeText(LD_HELP);
    else if (!request.announce || request.options.inputs.length > 0)
      return await linkConfigured(request, words, responses.paths);
    return EXIT_OK;
  } catch (error) {
    return reportFailure(PROGRAM, error);
  }
}

/** Links by the command line and the configuration that it names, if any. */
async function linkConfigured(
  request: LdRequest,
  argv: readonly string[],
  responses: readonly string[],
): Promise<number> {
  if (request.config === undefined) return await linkAs(request, argv, responses, undefined);
  const { readConfig, toLdWords } = await import('./config.ts');
  const config = readConfig(request.config);
  if ('diagnostics' in config)
    return await reportErrors({ program: PROGRAM, json: false }, config.diagnostics);
  const { front, back } = toLdWords(config);
  // What the command line says stands behind, and so prevails.
  const { budget, baseline, packEffort, packTime, packThreads } = request;
  const words = [...front, ...argv, ...back];
  const own = { budget, baseline, packEffort, packTime, packThreads };
  return await linkAs({ ...parseLdArgv(words, () => undefined), ...own }, words, responses, config);
}

async function linkAs(
  request: LdRequest,
  argv: readonly string[],
  responses: readonly string[],
  config: Config | undefined,
): Promise<number> {
  checkIdle(request, request.pack);
  const { options, notices } = fixPositionIndependence(request.options);
  const budgets = budgetRequest(request, config);
  if (!budgets && request.baseline !== undefined) throw new UsageError(IDLE_BASELINE);
  const { reproduce: path } = request;
  const reproduce =
    path === undefined ? undefined : { path, words: { items: [...splitLdWords(argv)] }, responses };
  return await runLink({
    ...request,
    reproduce,
    options,
    notices,
    program: PROGRAM,
    json: false,
    budgets,
    isDriven: true,
  });
}

/**
 * A static position-independent executable is linked to a fixed address: it is smaller, and does the same. Its
 * start-up code `rcrt1.o` would relocate the program by where the header lies, so the ordinary `crt1.o` beside it
 * takes its place; for profiling, `gcrt1.o` that of `grcrt1.o`.
 */
function fixPositionIndependence(options: LinkOptions): { options: LinkOptions; notices: readonly string[] } {
  if (!options.positionIndependent) return { options, notices: [] };
  const inputs = options.inputs.map(replaceStartup);
  const isReplaced = inputs.some((input, i) => input !== options.inputs[i]);
  const notices = ['linked to a fixed address, not position-independent'];
  return { options: { ...options, inputs, positionIndependent: !isReplaced }, notices };
}

function replaceStartup(input: InputName): InputName {
  if (input.kind !== 'file' || !/(^|\/)g?rcrt1\.o$/.test(input.path)) return input;
  const path = input.path.replace(/rcrt1\.o$/, 'crt1.o');
  return existsSync(path) ? { ...input, path } : input;
}
