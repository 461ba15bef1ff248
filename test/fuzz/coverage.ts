/**
 * What an input makes V8 execute: blocks of the linker's own sources, by precise coverage with block counts. Counting is
 * cheap, asking for the counts is not, so an engine asks once for many inputs.
 */
import { type Profiler, Session } from 'node:inspector';

/** Sources whose blocks count. */
const SOURCES = /\/src\/(?!report\/page\/)/;

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  /** Numbers of the scripts that are no sources, and of those that are. */
  readonly #isSource = new Map<string, boolean>();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.take();
  }

  stop(): void {
    this.#session.disconnect();
  }

  /** Blocks that have been executed so far. */
  get size(): number {
    return this.#seen.size;
  }

  /**
   * Takes note of the blocks that were executed since the last time.
   * @param isPeek only asks whether there are new ones
   * @returns how many of them are new
   */
  take(isPeek = false): number {
    let fresh = 0;
    for (const { scriptId, url, functions } of this.#counts()) {
      if (!this.#counted(scriptId, url)) continue;
      for (const { ranges } of functions) {
        // An outer function that was called counts with the blocks in it that were not.
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${scriptId}:${startOffset}:${endOffset}`;
          if (count === 0 || this.#seen.has(block)) continue;
          fresh++;
          if (!isPeek) this.#seen.add(block);
        }
      }
    }
    return fresh;
  }

  #counted(scriptId: string, url: string): boolean {
    const known = this.#isSource.get(scriptId) ?? SOURCES.test(url);
    this.#isSource.set(scriptId, known);
    return known;
  }

  /** The inspector of one's own thread answers at once. */
  #counts(): Profiler.ScriptCoverage[] {
    let counts: Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      counts = result;
    });
    return counts;
  }
}
