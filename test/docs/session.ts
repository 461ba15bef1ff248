/** Runs the commands of documents in copies of the folders that they name, and gives what a reader would see. */
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { spawnApart } from '../spawnApart.ts';
import { LD_TINYELF, ROOT, TINYELF } from './paths.ts';

const PROMPT = '$ ';
/** Milliseconds that one command may take. */
const LIMIT = 100_000;

/** Variables that commands find as they are here; flags of compilers and of make are none of theirs. */
const KEPT = ['HOME', 'TMPDIR', 'CARGO_HOME', 'RUSTUP_HOME', 'RUSTUP_TOOLCHAIN'];

/** Copies of the examples, and of other folders as they are first named; blocks of one document share them. */
export class Session {
  readonly #place: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param place an empty folder @param env variables that commands find besides */
  constructor(place: string, env: Readonly<Record<string, string>> = {}) {
    this.#place = place;
    const commands = join(place, '.commands');
    mkdirSync(commands, { recursive: true });
    cpSync(join(ROOT, 'examples'), join(place, 'examples'), { recursive: true });
    symlinkSync(TINYELF, join(commands, 'tinyelf'));
    symlinkSync(LD_TINYELF, join(commands, 'ld.tinyelf'));
    const kept = KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
    const PATH = `${commands}:${process.env.PATH}`;
    this.#env = { ...Object.fromEntries(kept), PATH, LC_ALL: 'C', NO_COLOR: '1', ...env };
  }

  /**
   * Runs the commands of a console block, one after the other.
   * @param body lines, of which those that begin with "$ " are commands; a command ends where no backslash ends a line
   * @returns the commands, each with what it has printed now
   * @throws Error for a command that fails
   */
  replay(folder: string, body: string): string {
    const cwd = join(this.#place, folder);
    if (!existsSync(cwd)) cpSync(join(ROOT, folder), cwd, { recursive: true });
    return commandsOf(body)
      .map((command) => `${PROMPT}${command}\n${this.#run(command, cwd)}`)
      .join('');
  }

  #run(command: string, cwd: string): string {
    // Both streams in one pipe, in the order in which a terminal would show them.
    const { status, signal, stdout, error } = spawnApart('bash', ['-c', `exec 2>&1; umask 022\n${command}`], {
      cwd,
      env: this.#env,
      input: '',
      maxBuffer: 2 ** 26,
      timeout: LIMIT,
    });
    if (error) throw error;
    const text = stdout.toString();
    if (status !== 0) throw new Error(`${command}\nended with ${status ?? signal}:\n${text}`);
    return text === '' || text.endsWith('\n') ? text : `${text}\n`;
  }
}

/** The commands of a console block without prompts; several lines where they go on behind a backslash. */
export function commandsOf(body: string): string[] {
  const found = body.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm);
  return [...found].map(([, command]) => command!);
}
