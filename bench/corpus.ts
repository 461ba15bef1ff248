/** The programs whose sizes are measured: the fixtures, then programs with a C library. Every linker links them alike. */
import { statSync } from 'node:fs';
import { type FixtureProgram, fixturePrograms } from '../test/programs.ts';
import { LD_TINYELF, type LinkInput } from './linkers.ts';
import type { SizeInput } from './sizeDebian.ts';
import { SIZE_INPUTS } from './sizeInputs.ts';
import { isInstalled, linkWith, linkWithTinyelf, run } from './tools.ts';
import { BARE_TRIAL, type Behaviour, behaviourOf, type Trial } from './trial.ts';

/** A program to link. */
export interface CorpusProgram {
  readonly name: string;
  readonly trial: Trial;
  /** What a fixture says it does in that trial. */
  readonly expected?: Behaviour;
  /** Links it. @returns the size of the file in bytes, or undefined if the linker cannot @throws if tinyelf cannot */
  readonly link: (linker: string, output: string, options?: readonly string[]) => number | undefined;
}

/** A program that cannot be linked here. */
export interface AbsentProgram {
  readonly name: string;
  /** A tool that is missing, or sources that cannot be fetched. */
  readonly reason: string;
}

/** The other linkers that this machine has. */
export const PEERS = ['ld', 'ld.lld', 'mold'].filter(isInstalled);

/** Options that make other linkers' files smaller, for links with a C library. */
const SMALLEST: Readonly<Record<string, readonly string[]>> = {
  ld: ['-z', 'noseparate-code', '--hash-style=gnu', '-z', 'norelro'],
  'ld.lld': ['-z', 'noseparate-code', '--icf=all', '-O2', '-z', 'norelro'],
  mold: ['-z', 'noseparate-code', '--icf=all', '-z', 'norelro'],
};

/** The programs whose names contain a word; each is compiled, where that is to be done, when its turn comes. */
export function* corpus(word = ''): Generator<CorpusProgram | AbsentProgram> {
  for (const program of fixturePrograms()) if (program.id.includes(word)) yield fromFixture(program);
  for (const input of SIZE_INPUTS) if (input.name.includes(word)) yield fromInput(input);
}

function fromFixture(program: FixtureProgram): CorpusProgram {
  return {
    name: program.id,
    trial: { args: program.args, input: '' },
    expected: behaviourOf(program),
    link: (linker, output, options = []) =>
      linker === 'tinyelf' ? linkWithTinyelf(program, output, options) : linkWith(linker, program, output),
  };
}

function fromInput(input: SizeInput): CorpusProgram | AbsentProgram {
  const { name, trial = BARE_TRIAL } = input;
  const tools = input.missing();
  if (tools.length > 0) return { name, reason: `not installed: ${tools.join(' ')}` };
  try {
    const prepared = input.prepare();
    return { name, trial, link: (...words) => linkInput(prepared, ...words) };
  } catch (error) {
    return { name, reason: (error as Error).message };
  }
}

/** Links from a response file. */
function linkInput(
  { folder, response }: LinkInput,
  linker: string,
  output: string,
  options: readonly string[] = [],
): number | undefined {
  const words = [...(SMALLEST[linker] ?? []), ...options, `@${response}`, '-o', output];
  const isOurs = linker === 'tinyelf';
  const { code, stderr } = isOurs
    ? run(process.execPath, [LD_TINYELF, ...words], folder)
    : run(linker, words, folder);
  if (code === 0) return statSync(output).size;
  if (isOurs) throw new Error(stderr);
  return undefined;
}
