/**
 * `tinyelf check`: explains executables, of this linker or any other. A file of its own in the build: links are not to
 * wait for it.
 */
import { type Examination, examine } from '../header/loader/examine.ts';
import { writeMessage, writeText } from '../node/output.ts';
import { formatCheck } from '../report/check.ts';
import { EXIT_OK } from './exitCodes.ts';
import { FileError, isElf, readBytes } from './readFiles.ts';
import { styleFor } from './style.ts';

const EXIT_REFUSED = 1;

interface CheckedFile extends Examination {
  readonly file: string;
}

/** Examines executables and prints what was found. @returns the exit code */
export function checkFiles(files: readonly string[], json: boolean): number {
  const checked: CheckedFile[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const read = readExecutable(file);
    if (typeof read === 'string') problems.push(read);
    else checked.push({ file, ...examine(read) });
  }
  if (json) writeText(`${JSON.stringify(checked, null, 2)}\n`);
  else writeText(checked.map((item) => formatCheck(item.file, item, styleFor('stdout'))).join('\n'));
  printProblems(problems);
  const isFine = problems.length === 0 && checked.every(({ loadsOnEveryLinux }) => loadsOnEveryLinux);
  return isFine ? EXIT_OK : EXIT_REFUSED;
}

function printProblems(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const label = styleFor('stderr').error('error:');
  writeMessage(problems.map((problem) => `tinyelf: ${label} ${problem}\n`).join(''));
}

/** Reads an ELF file. @returns its bytes, or what is wrong */
function readExecutable(file: string): Uint8Array | string {
  try {
    const bytes = readBytes(file);
    return isElf(bytes) ? bytes : `${file} is not an ELF file: it does not begin with 7f 45 4c 46`;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return error.message;
  }
}
