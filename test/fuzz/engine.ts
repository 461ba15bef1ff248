/** The loop: inputs are changed, tried in batches, and kept where they execute something that none before them did. */
import type { Verdict } from '../malformed/judge.ts';
import { Coverage } from './coverage.ts';
import { minimise } from './minimise.ts';
import { mutate, type Random } from './mutate.ts';
import type { Target } from './targets.ts';

/** An input that shows a fault. */
export interface Find {
  readonly target: string;
  readonly bytes: Uint8Array;
  readonly round: number;
  readonly detail: string;
}

/** How far a target has come. */
export interface Progress {
  readonly trials: number;
  readonly corpus: number;
  readonly blocks: number;
}

/** What an engine tells while it runs. */
export interface Listener {
  /** Is told of each input before it is tried: one that never ends is known then. */
  begin?(target: string, bytes: Uint8Array, round: number): void;
  find(find: Find): void;
}

/** Inputs between two looks at the coverage, each of which takes as long as an input or two. */
const BATCH = 32;

/** Milliseconds for one input, of which there are less than 64 KiB. */
const SLOW = 5000;

/** KiB by which one input may make the process grow beyond what it had at most. */
const LARGE = 300 * 1024;

interface Trial {
  readonly bytes: Uint8Array;
  readonly round: number;
}

export class Engine {
  readonly #name: string;
  readonly #target: Target;
  readonly #random: Random;
  readonly #listener: Listener;
  readonly #coverage = new Coverage();
  readonly #corpus: Trial[];
  /** Faults that have been told. */
  readonly #marks = new Set<string>();
  #trials = 0;

  constructor(name: string, target: Target, random: Random, listener: Listener) {
    this.#name = name;
    this.#target = target;
    this.#random = random;
    this.#listener = listener;
    this.#corpus = target.seeds.map((bytes, round) => ({ bytes, round }));
    this.#coverage.start();
    for (const trial of this.#corpus) this.#try(trial);
    this.#coverage.take();
  }

  stop(): void {
    this.#coverage.stop();
  }

  get progress(): Progress {
    return { trials: this.#trials, corpus: this.#corpus.length, blocks: this.#coverage.size };
  }

  /** Tries a batch of inputs. */
  step(): void {
    const batch = Array.from({ length: BATCH }, () => this.#make());
    for (const trial of batch) this.#try(trial);
    if (this.#coverage.take(true) > 0) this.#keep(batch);
  }

  #make(): Trial {
    const random = this.#random;
    const corpus = this.#corpus;
    // What was found last is looked at most.
    const recent = Math.max(0, corpus.length - 1 - random(16));
    const { bytes, round } = corpus[random(3) === 0 ? recent : random(corpus.length)]!;
    const other = corpus[random(corpus.length)]!.bytes;
    return {
      bytes: mutate(bytes, random, this.#target, other),
      round: random(2) === 0 ? round : random(1000),
    };
  }

  /** Finds out which inputs of a batch have done something new. */
  #keep(batch: readonly Trial[]): void {
    for (const trial of batch) {
      this.#try(trial);
      if (this.#coverage.take() > 0) this.#corpus.push(trial);
    }
  }

  #try(trial: Trial): void {
    this.#trials++;
    const verdict = this.#judge(trial);
    if (verdict.kind !== 'fault' || this.#marks.has(verdict.mark)) return;
    this.#marks.add(verdict.mark);
    const { round } = trial;
    const isSame = (bytes: Uint8Array) => {
      const other = this.#target.try(bytes, round);
      return other.kind === 'fault' && other.mark === verdict.mark;
    };
    const isQuick = verdict.mark !== TOO_MUCH;
    const bytes = isQuick ? minimise(trial.bytes, isSame) : trial.bytes;
    this.#listener.find({ target: this.#name, bytes, round, detail: verdict.detail });
  }

  /** Tries an input, and looks at what that takes. */
  #judge({ bytes, round }: Trial): Verdict {
    this.#listener.begin?.(this.#name, bytes, round);
    const started = performance.now();
    const { maxRSS: before } = process.resourceUsage();
    const verdict = this.#target.try(bytes, round);
    const milliseconds = performance.now() - started;
    const grown = process.resourceUsage().maxRSS - before;
    if (verdict.kind === 'fault' || (milliseconds < SLOW && grown < LARGE)) return verdict;
    const detail = `took ${Math.round(milliseconds)} ms and ${Math.round(grown / 1024)} MiB`;
    return { kind: 'fault', detail, mark: TOO_MUCH };
  }
}

const TOO_MUCH = 'too much';
