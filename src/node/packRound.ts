/**
 * Rounds of models as threads share them: in memory that all see. Whoever is free takes the next model. Only the main
 * thread begins a round, and it does once all models of the one before are done.
 */
import type { Measurer } from '../pack/cm/measure.ts';
import { MARKS, type Material, type Model } from '../pack/cm/model.ts';
import { type Run, runModel } from '../pack/cm/rounds.ts';

/** Words that threads wait for and agree by. */
const STATE = 0; // Odd while a round is written, and negative once there are no more.
const NEXT = 1; // The round, and the next model that nobody has taken.
const DONE = 2; // Models that are done with.
const SIZE = 3; // Bytes of the round's text.
const WORDS = 4;

/** Models of a round, a power of two. */
export const MOST_MODELS = 16;
/** Bytes of a round's text. */
const TEXT_SIZE = 0x8000;
/** Numbers of a run: whether it is there, its cost, how many marks there are, and these. */
const RUN_SIZE = 3 + MARKS;

const CLOSED = -1;

/** What a thread gets. */
export interface Shared {
  /** In shared memory. */
  readonly material: Material;
  readonly memory: SharedArrayBuffer;
}

/** What is to be measured. */
interface Round {
  readonly models: readonly Model[];
  readonly best: readonly number[];
  /** `null` for none: JSON has no infinity. */
  readonly deadline: number | null;
}

/** Memory for rounds, and what threads do there. */
export class SharedRounds {
  static readonly MEMORY_SIZE = WORDS * 4 + TEXT_SIZE + MOST_MODELS * RUN_SIZE * 8;

  private readonly words: Int32Array;
  private readonly text: Uint8Array;
  private readonly runs: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, WORDS);
    this.text = new Uint8Array(memory, WORDS * 4, TEXT_SIZE);
    this.runs = new Float64Array(memory, WORDS * 4 + TEXT_SIZE);
  }

  /** Begins a round: for the main thread. */
  begin(models: readonly Model[], best: readonly number[], deadline: number): void {
    const { words, text } = this;
    const round: Round = { models, best, deadline: Number.isFinite(deadline) ? deadline : null };
    const state = Atomics.add(words, STATE, 1) + 1;
    const bytes = new TextEncoder().encode(JSON.stringify(round));
    text.set(bytes);
    words[SIZE] = bytes.length;
    this.runs.fill(0);
    Atomics.store(words, DONE, 0);
    Atomics.store(words, NEXT, (state + 1) * MOST_MODELS);
    Atomics.store(words, STATE, state + 1);
    Atomics.notify(words, STATE);
  }

  /** Ends every thread that waits for a round, or will. */
  close(): void {
    Atomics.store(this.words, STATE, CLOSED);
    Atomics.notify(this.words, STATE);
  }

  /** Waits for each round and takes part in it, until there are no more. */
  serve(measurer: Measurer): void {
    for (let state = 0; state !== CLOSED; ) {
      Atomics.wait(this.words, STATE, state);
      state = Atomics.load(this.words, STATE);
      const round = this.read(state);
      if (round) this.takePart(measurer, state, round);
    }
  }

  /** Takes part in the round that has begun: for the main thread. */
  help(measurer: Measurer): void {
    const state = Atomics.load(this.words, STATE);
    this.takePart(measurer, state, this.read(state)!);
  }

  /**
   * Waits until all models are done with.
   * @param patience milliseconds to wait for any one of them
   * @returns whether they are
   */
  wait(count: number, patience: number): boolean {
    const { words } = this;
    for (let done = Atomics.load(words, DONE); done < count; done = Atomics.load(words, DONE))
      if (Atomics.wait(words, DONE, done, patience) === 'timed-out') return false;
    return true;
  }

  /** @returns undefined for a model that a thread has not measured */
  runOf(index: number): Run | undefined {
    const at = index * RUN_SIZE;
    const [isDone, cost, count] = this.runs.subarray(at, at + 3);
    if (!isDone) return undefined;
    return { cost: cost!, marks: [...this.runs.subarray(at + 3, at + 3 + count!)] };
  }

  /** @returns undefined if no round has begun, or if another one has begun meanwhile */
  private read(state: number): Round | undefined {
    if (state <= 0 || state & 1) return undefined;
    const text = this.text.slice(0, this.words[SIZE]!);
    if (Atomics.load(this.words, STATE) !== state) return undefined;
    return JSON.parse(new TextDecoder().decode(text)) as Round;
  }

  private takePart(measurer: Measurer, state: number, { models, best, deadline }: Round): void {
    for (let index = this.take(state, models.length); index >= 0; index = this.take(state, models.length)) {
      try {
        const run = runModel(measurer, models[index]!, best, deadline ?? Number.POSITIVE_INFINITY);
        const at = index * RUN_SIZE;
        this.runs.set([0, run.cost, run.marks.length, ...run.marks], at);
        this.runs[at] = 1;
      } finally {
        Atomics.add(this.words, DONE, 1);
        Atomics.notify(this.words, DONE);
      }
    }
  }

  /** @returns the number of a model that nobody else takes; -1 if there is none in this round */
  private take(state: number, count: number): number {
    const { words } = this;
    for (;;) {
      const next = Atomics.load(words, NEXT);
      const index = next - state * MOST_MODELS;
      if (index < 0 || index >= count) return -1;
      if (Atomics.compareExchange(words, NEXT, next, next + 1) === next) return index;
    }
  }
}
