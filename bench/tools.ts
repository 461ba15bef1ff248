/** What benches and the demo share: running the built command line and other linkers on the fixture programs. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FixtureProgram } from '../test/programs.ts';
import { behaviourOf, isSame, tryOut } from './trial.ts';

/** Path of the command line as it is installed. */
export const TINYELF = fileURLToPath(new URL('../bin/tinyelf.js', import.meta.url));

/** Runs a command and gives what it printed: nothing if there is no such command. */
export function run(command: string, args: readonly string[], folder?: string, input = '') {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    ...(folder === undefined ? {} : { cwd: folder }),
    encoding: 'latin1',
    input,
  });
  const isFound = error === undefined;
  return { code: status, signal, stdout: stdout ?? '', stderr: stderr ?? '', found: isFound };
}

/** Whether a command can be run. */
export function isInstalled(command: string): boolean {
  return run(command, ['--version']).found;
}

/** Links a program with `tinyelf link`. @returns the size of the executable in bytes @throws if the link fails */
export function linkWithTinyelf(
  program: FixtureProgram,
  output: string,
  options: readonly string[] = [],
): number {
  const args = [TINYELF, 'link', ...program.inputs, ...program.flags, ...options, '-o', output];
  const { code, stderr } = run(process.execPath, args, program.folder);
  if (code !== 0) throw new Error(`${program.id}: ${stderr}`);
  return statSync(output).size;
}

/** Links a program with another linker. @returns the size in bytes, or undefined if it cannot */
export function linkWith(linker: string, program: FixtureProgram, output: string): number | undefined {
  if (program.ldFlags === null) return undefined;
  const flags =
    linker === 'mold' ? program.ldFlags.filter((flag) => flag !== '-n' && flag !== '-N') : program.ldFlags;
  const { code } = run(linker, [...flags, ...program.inputs, '-o', output], program.folder);
  return code === 0 ? statSync(output).size : undefined;
}

/** Whether an executable does what its fixture says. */
export function behaves(program: FixtureProgram, executable: string): boolean {
  return isSame(behaviourOf(program), tryOut(executable, { args: program.args, input: '' }));
}
