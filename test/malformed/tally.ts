/** Counts what came of many trials, and keeps what was wrong. */
import type { Verdict } from './judge.ts';

/** Faults that are told: more would not help. */
const MAX_FAULTS = 10;

export class Tally {
  linked = 0;
  refused = 0;
  /** What the linker did, once for each kind of fault, and to which input. */
  readonly faults: string[] = [];
  readonly #marks = new Set<string>();

  /** @param name says what was done to the input */
  add(name: string, verdict: Verdict): void {
    if (verdict.kind !== 'fault') this[verdict.kind]++;
    else if (!this.#marks.has(verdict.mark) && this.faults.length < MAX_FAULTS) {
      this.#marks.add(verdict.mark);
      this.faults.push(`${name}: ${verdict.detail}`);
    }
  }
}
