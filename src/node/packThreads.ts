/** Threads that measure models while a program is packed. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Measurer } from '../pack/cm/measure.ts';
import type { Material, Model } from '../pack/cm/model.ts';
import { type Rounds, type Run, runModel, type Threads } from '../pack/cm/rounds.ts';
import { MOST_THREADS } from '../pack/names.ts';
import { MOST_MODELS, type Shared, SharedRounds } from './packRound.ts';

/** Steps below which threads do not pay: a thread takes longer to start than it would save. */
const LEAST_STEPS = 5e7;
/** Milliseconds after which the main thread does the work of one that does not answer. */
const PATIENCE = 60_000;

/** How many threads there are to be, if nobody says. */
export function usualThreads(): number {
  return Math.min(MOST_THREADS, availableParallelism());
}

/** Threads of Node's. */
export class PackThreads implements Threads {
  private readonly count: number;
  private readonly worker: string;
  private readonly leastSteps: number;

  /**
   * @param count how many threads measure, the main one included
   * @param worker path of what the others run, as the build has made it of packWorker.ts
   */
  constructor(count: number, worker: string, leastSteps = LEAST_STEPS) {
    this.count = count;
    this.worker = worker;
    this.leastSteps = leastSteps;
  }

  open(material: Material, steps: number): Rounds | undefined {
    if (this.count <= 1 || steps < this.leastSteps) return undefined;
    return new ThreadRounds(material, this.count - 1, this.worker);
  }
}

/**
 * Rounds that the main thread shares with others. It waits for no thread that has not begun: where threads cannot be
 * started, it does all the work. What a thread fails at it does again, so that an error is its own.
 */
class ThreadRounds implements Rounds {
  private readonly measurer: Measurer;
  private readonly shared: SharedRounds;
  private isAlone = false;

  constructor(material: Material, workers: number, path: string) {
    this.measurer = new Measurer(material, true);
    const memory = new SharedArrayBuffer(SharedRounds.MEMORY_SIZE);
    this.shared = new SharedRounds(memory);
    const workerData: Shared = { material: sharedMaterial(material), memory };
    for (let count = 0; count < workers; count++) startWorker(path, workerData);
  }

  measure(models: readonly Model[], best: readonly number[], deadline: number): Run[] {
    if (!this.isAlone && models.length > 1 && models.length <= MOST_MODELS) {
      this.shared.begin(models, best, deadline);
      this.shared.help(this.measurer);
      if (!this.shared.wait(models.length, PATIENCE)) this.giveUp();
      return models.map(
        (model, index) => this.shared.runOf(index) ?? runModel(this.measurer, model, best, deadline),
      );
    }
    return models.map((model) => runModel(this.measurer, model, best, deadline));
  }

  close(): void {
    this.shared.close();
  }

  /** Works alone from now on: a thread that answers late would spoil another round. */
  private giveUp(): void {
    this.isAlone = true;
    this.shared.close();
  }
}

function startWorker(path: string, workerData: Shared): void {
  const worker = new Worker(path, { workerData });
  worker.on('error', () => {});
  worker.unref();
}

function sharedMaterial({ bytes, seen }: Material): Material {
  return { bytes: sharedCopy(bytes), seen: sharedCopy(seen) };
}

function sharedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
