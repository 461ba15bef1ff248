/** `tinyelf completions`: scripts by which shells complete command lines; a file of its own in the build. */
import type { Command } from 'commander';
import { bashScript } from './complete/bash.ts';
import { fishScript } from './complete/fish.ts';
import {
  type CompletedCommand,
  type CompletedProgram,
  describeLd,
  describeProgram,
} from './complete/model.ts';
import { zshScript } from './complete/zsh.ts';
import { UsageError } from './values.ts';

type ScriptMaker = (program: CompletedProgram, ld: CompletedCommand) => string;

const MAKERS: ReadonlyMap<string, ScriptMaker> = new Map([
  ['bash', bashScript],
  ['zsh', zshScript],
  ['fish', fishScript],
]);

/** @param program `tinyelf` with all its commands @returns the script for a shell @throws UsageError for others */
export function completionScript(shell: string, program: Command): string {
  const make = MAKERS.get(shell);
  if (!make) throw new UsageError(`completions ${shell}: expected ${[...MAKERS.keys()].join(', ')}`);
  return make(describeProgram(program), describeLd('ld', ''));
}
