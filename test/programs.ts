/** The fixture programs: what `fixtures/<folder>/program.json` says of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InputFiles } from '../src/inputs.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../src/options.ts';

/** A program to link and run. */
export interface FixtureProgram {
  /** `folder/name`, or the folder's name where that says it all. */
  readonly id: string;
  /** Absolute path of the folder with its objects: the working directory of the link. */
  readonly folder: string;
  readonly title: string;
  readonly inputs: readonly string[];
  /** Options for `tinyelf link`. */
  readonly flags: readonly string[];
  /** Options for GNU ld and inputs, or null if it cannot link the program. */
  readonly ldFlags: readonly string[] | null;
  readonly args: readonly string[];
  readonly exitCode: number;
  readonly stdout: string;
}

export const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

/** All fixture programs, in the order of their ids. */
export function fixturePrograms(): FixtureProgram[] {
  const programs: FixtureProgram[] = [];
  for (const entry of readdirSync(FIXTURES, { withFileTypes: true })) {
    const folder = `${FIXTURES}/${entry.name}`;
    if (!entry.isDirectory() || !readdirSync(folder).includes('program.json')) continue;
    const { programs: listed } = JSON.parse(readFileSync(`${folder}/program.json`, 'utf8'));
    for (const program of listed) {
      const id = program.name === entry.name ? entry.name : `${entry.name}/${program.name}`;
      programs.push({ ...program, id, folder });
    }
  }
  return programs.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What a link of such a program gets, but for its flags. */
export function filesOf({ folder, inputs }: FixtureProgram): { files: InputFiles; options: LinkOptions } {
  const files = new Map(inputs.map((path) => [path, new Uint8Array(readFileSync(join(folder, path)))]));
  const named = inputs.map((path) => ({ kind: 'file', path }) as const);
  return { files, options: { ...DEFAULT_OPTIONS, inputs: named } };
}
