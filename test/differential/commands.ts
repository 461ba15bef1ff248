/** Runs commands in the folder of a program, and remembers them. */
import { spawnApart } from '../spawnApart.ts';

/** What became of a command. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
  /** Whether it was ended since it took too long. */
  readonly isTimeout: boolean;
}

/** Bytes that a program may print. */
const MOST_OUTPUT = 2 ** 24;

export class Commands {
  readonly folder: string;
  readonly #words: (readonly string[])[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @param limit milliseconds */
  run(command: string, args: readonly string[], limit: number): Outcome {
    this.note([command, ...args]);
    const { status, signal, stdout, stderr, error } = spawnApart(command, args, {
      cwd: this.folder,
      timeout: limit,
      killSignal: 'SIGKILL',
      input: '',
      maxBuffer: MOST_OUTPUT,
    });
    const isTimeout = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
    const problem = error && !isTimeout ? error.message : '';
    return { status, signal, output: `${stdout ?? ''}`, errors: `${stderr ?? ''}${problem}`, isTimeout };
  }

  /** Remembers a command that something else has done. */
  note(words: readonly string[]): void {
    this.#words.push(words);
  }

  /** A script for a shell that does it all again, in the folder of the sources. */
  script(): string {
    const lines = this.#words.map((words) => {
      const line = words.map(quoted).join(' ');
      return line.startsWith('./') ? `${line}; echo "${line} ends with $?"` : line;
    });
    return ['#!/bin/sh', 'cd "$(dirname "$0")" || exit', ...lines, ''].join('\n');
  }
}

function quoted(word: string): string {
  return /^[\w./=:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
