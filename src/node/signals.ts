/** Signals that come while files are being written. */
import { beforeTemporaries, discardReplacements } from './replacement.ts';

const ignore = () => {};

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Holds back signals while there may be temporary files, of which none is to be left behind. Until the first of them,
 * a signal ends the process at once. From then on Node only notes it: nothing else runs while a link does. So it is looked
 * for when everything has been prepared and nothing been replaced yet, and again at the end.
 */
export class HeldSignals {
  readonly #held: NodeJS.Signals[] = [];

  constructor() {
    beforeTemporaries(() => this.#hold());
  }

  #hold(): void {
    if (this.#held.length > 0) return;
    for (const signal of SIGNALS) {
      // Whoever has others listen to a signal, as for --watch, ends when they say so.
      if (process.listenerCount(signal) > 0) continue;
      process.on(signal, this.#end);
      this.#held.push(signal);
    }
    // A limit for the size of files (setrlimit(2)) then is an error of the call that writes.
    process.on('SIGXFSZ', ignore);
  }

  /** Ends the process by a signal that has come. */
  async look(): Promise<void> {
    if (this.#held.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  /** As `look`; from then on signals are no longer held. */
  async release(): Promise<void> {
    await this.look();
    for (const signal of this.#held.splice(0)) process.off(signal, this.#end);
    process.off('SIGXFSZ', ignore);
  }

  readonly #end = (signal: NodeJS.Signals): void => {
    discardReplacements();
    for (const held of this.#held.splice(0)) process.off(held, this.#end);
    process.kill(process.pid, signal);
  };
}
