/** Running linked programs, and whether two of them do the same. */
import { spawnSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import type { FixtureProgram } from '../test/programs.ts';

/** What a program is given when it is run. */
export interface Trial {
  readonly args: readonly string[];
  /** Standard input. */
  readonly input: string;
}

/** A run in which a program is given nothing. */
export const BARE_TRIAL: Trial = { args: [], input: '' };

/** What a run can be seen to do. */
export interface Behaviour {
  readonly code: number | null;
  readonly signal: string | null;
  /** What was printed, a character for each byte. */
  readonly stdout: string;
}

/** Runs an executable from its own folder, so that copies of one name in several folders are called alike. */
export function tryOut(executable: string, { args, input }: Trial): Behaviour {
  const { status, signal, stdout } = spawnSync(`./${basename(executable)}`, args, {
    cwd: dirname(executable),
    input,
    encoding: 'latin1',
    timeout: 60_000,
  });
  return { code: status, signal, stdout: stdout ?? '' };
}

/** What a fixture says of its own behaviour. */
export function behaviourOf({ exitCode, stdout }: FixtureProgram): Behaviour {
  return { code: exitCode, signal: null, stdout: Buffer.from(stdout).toString('latin1') };
}

/** Whether two runs did the same. */
export function isSame(a: Behaviour, b: Behaviour): boolean {
  return a.code === b.code && a.signal === b.signal && a.stdout === b.stdout;
}
