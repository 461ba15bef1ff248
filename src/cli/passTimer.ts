/** Measures what each pass costs, for `--time`. */

export class PassTimer {
  readonly #started = cpuTime();
  #last = this.#started;
  readonly #laps: { readonly name: string; readonly milliseconds: number }[] = [];

  /** Counts what has passed since the last call for a pass. */
  readonly lap = (name: string): void => {
    const now = cpuTime();
    this.#laps.push({ name, milliseconds: now - this.#last });
    this.#last = now;
  };

  /** A line for each pass and one for their sum: milliseconds of processor time, on all threads. */
  report(): string {
    const lines = this.#laps.map(({ name, milliseconds }) => lineOf(milliseconds, name));
    return [...lines, lineOf(this.#last - this.#started, 'total'), ''].join('\n');
  }
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function lineOf(milliseconds: number, name: string): string {
  return `${milliseconds.toFixed(1).padStart(10)} ms  ${name}`;
}
