/** A line on a terminal that says what a long link is doing, and goes away when it is done. */

import { writeMessage } from '../node/output.ts';
import { mayBeTerminal } from '../node/terminal.ts';

/** Nanoseconds that a link may take without a word. */
const PATIENCE = 500_000_000n;

/** Goes to the first column and clears the line (ECMA-48: CR, EL). */
const CLEAR = '\r\x1b[K';

/** Says which pass is running. It looks for a terminal only once a link takes long. */
export class Progress {
  readonly #program: string;
  readonly #started = process.hrtime.bigint();
  #isWanted: boolean | undefined;
  #isShown = false;

  constructor(program: string) {
    this.#program = program;
  }

  /** Notes that a pass begins, or how far it is. */
  readonly begin = (name: string, detail = ''): void => {
    const elapsed = process.hrtime.bigint() - this.#started;
    if (elapsed < PATIENCE) return;
    this.#isWanted ??= isWanted();
    if (!this.#isWanted) return;
    this.#isShown = true;
    const seconds = (Number(elapsed) / 1e9).toFixed(1);
    writeMessage(`${CLEAR}${this.#program}: ${wordsOf(name)}${detail}, ${seconds} s`);
  };

  /** Takes the line away, for what else is to be said. */
  clear(): void {
    if (this.#isShown) writeMessage(CLEAR);
    this.#isShown = false;
  }
}

/** Whether somebody may be looking at a terminal that can clear a line. */
function isWanted(): boolean {
  const { CI, TERM } = process.env;
  return !CI && TERM !== 'dumb' && mayBeTerminal(2) && process.getBuiltinModule('node:tty').isatty(2);
}

/** `foldIdentical` is "fold identical". */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
