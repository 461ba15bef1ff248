/** `tinyelf check`: explains executables, of this linker or any other. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Examination } from '../header/loader/examine.ts';
import { writeText } from '../node/output.ts';
import { EXIT_OK } from './run.ts';

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
    .action(async (files: string[], { json }: { json?: boolean }) => {
      finish(await checkFiles(files, json === true));
    });
}

interface CheckedFile extends Examination {
  readonly file: string;
}

/** What only this command needs is loaded here: links are not to wait for it. */
async function checkFiles(files: readonly string[], json: boolean): Promise<number> {
  const { examine } = await import('../header/loader/examine.ts');
  const checked: CheckedFile[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const read = readExecutable(file);
    if (typeof read === 'string') problems.push(read);
    else checked.push({ file, ...examine(read) });
  }
  await printChecked(checked, json);
  await printProblems(problems);
  const isFine = problems.length === 0 && checked.every(({ loadsOnEveryLinux }) => loadsOnEveryLinux);
  return isFine ? EXIT_OK : EXIT_REFUSED;
}

async function printChecked(checked: readonly CheckedFile[], json: boolean): Promise<void> {
  if (json) {
    writeText(`${JSON.stringify(checked, null, 2)}\n`);
    return;
  }
  const { formatCheck } = await import('../report/check.ts');
  const { styleFor } = await import('./style.ts');
  writeText(checked.map((item) => formatCheck(item.file, item, styleFor('stdout'))).join('\n'));
}

async function printProblems(problems: readonly string[]): Promise<void> {
  if (problems.length === 0) return;
  const { styleFor } = await import('./style.ts');
  const label = styleFor('stderr').error('error:');
  process.stderr.write(problems.map((problem) => `tinyelf: ${label} ${problem}\n`).join(''));
}

/** Reads an ELF file. @returns its bytes, or what is wrong */
function readExecutable(file: string): Uint8Array | string {
  const bytes = readBytes(file);
  if (typeof bytes === 'string') return `cannot read ${file}: ${bytes}`;
  const isElf = bytes[0] === 0x7f && bytes.subarray(1, 4).toString('latin1') === 'ELF';
  return isElf ? bytes : `${file} is not an ELF file: it does not begin with 7f 45 4c 46`;
}

function readBytes(file: string): Buffer | string {
  try {
    return readFileSync(file);
  } catch (error) {
    // Node's messages end with the system call and the path, which has been said.
    return error instanceof Error ? error.message.replace(/, \w+( '.*')?$/s, '') : String(error);
  }
}
