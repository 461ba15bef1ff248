/** Packages of Debian, got with apt into folders of their own, so that the system's lists are left as they are. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a command printed, and why it failed: nothing if it did not. */
interface Ran {
  readonly stdout: string;
  readonly problem: string;
}

/** Runs a command in a folder to its end. */
export function runIn(folder: string, command: string, args: readonly string[]): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  const problem = error ? error.message : status === 0 ? '' : `${command}: ${stderr.trim()}`;
  return { stdout, problem };
}

/** The commands of apt with the archives that some lines of a sources.list name, and nothing else. */
export class Apt {
  readonly #folder: string;
  readonly #settings: readonly string[];

  constructor(folder: string, sources: readonly string[]) {
    for (const part of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, 'sources.list'), sources.map((source) => `${source}\n`).join(''));
    writeFileSync(join(folder, 'status'), '');
    this.#folder = folder;
    this.#settings = [
      `Dir::State::lists=${folder}/lists`,
      `Dir::Cache=${folder}/cache`,
      `Dir::Etc::sourcelist=${folder}/sources.list`,
      'Dir::Etc::sourceparts=-',
      `Dir::State::status=${folder}/status`,
      'APT::Sandbox::User=root',
    ].flatMap((setting) => ['-o', setting]);
  }

  /** Runs apt-get or apt-cache in a folder: that of the lists unless another one is named. */
  run(command: 'apt-get' | 'apt-cache', args: readonly string[], folder = this.#folder): Ran {
    return runIn(folder, command, [...this.#settings, ...args]);
  }
}
