/** `tinyelf check`: explains executables, of this linker or any other. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Examination, examine } from '../header/loader/examine.ts';
import { writeText } from '../node/output.ts';
import { formatCheck } from '../report/check.ts';
import { EXIT_OK } from './run.ts';
import { styleFor } from './style.ts';

const EXIT_REFUSED = 1;

const DETAILS = `
Linux is modelled from 4.4 to 7.3, with the fixes that distributions carry; qemu-user, gVisor and FreeBSD's Linux
emulation where they are stricter. The user is not privileged, the machine has plenty of memory.

Exit status: 0 every Linux modelled loads every file, 1 otherwise, 2 wrong usage.`;

/** Adds the subcommand. @param finish gets the exit code */
export function addCheckCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('check')
    .summary('say whether executables load, where, and why not')
    .description('Says which loaders take an executable, by which rule others refuse it, and what it maps.')
    .argument('<files...>', 'executables')
    .option('--json', 'give the result as JSON')
    .addHelpText('after', DETAILS)
    .action((files: string[], { json }: { json?: boolean }) => {
      finish(checkFiles(files, json === true));
    });
}

interface CheckedFile extends Examination {
  readonly file: string;
}

function checkFiles(files: readonly string[], json: boolean): number {
  const checked: CheckedFile[] = [];
  let failed = 0;
  for (const file of files) {
    const bytes = readExecutable(file);
    if (bytes) checked.push({ file, ...examine(bytes) });
    else failed++;
  }
  if (json) writeText(`${JSON.stringify(checked, null, 2)}\n`);
  else writeText(checked.map((item) => formatCheck(item.file, item, styleFor('stdout'))).join('\n'));
  return failed === 0 && checked.every(({ loadsOnEveryLinux }) => loadsOnEveryLinux) ? EXIT_OK : EXIT_REFUSED;
}

/** Reads an ELF file. @returns undefined where there is none; that has been said */
function readExecutable(file: string): Uint8Array | undefined {
  const bytes = readBytes(file);
  if (typeof bytes === 'string') return complain(`cannot read ${file}: ${bytes}`);
  const isElf = bytes[0] === 0x7f && bytes.subarray(1, 4).toString('latin1') === 'ELF';
  return isElf ? bytes : complain(`${file} is not an ELF file: it does not begin with 7f 45 4c 46`);
}

function readBytes(file: string): Buffer | string {
  try {
    return readFileSync(file);
  } catch (error) {
    return error instanceof Error ? error.message.replace(/, \w+( '.*')?$/s, '') : String(error);
  }
}

function complain(message: string): undefined {
  process.stderr.write(`tinyelf: ${styleFor('stderr').error('error:')} ${message}\n`);
}
