/** The linker as the page sees it: in a worker, so that the page answers while it works. */
import type { Answer, Call, Calls } from '../worker/calls.ts';

/** Set by the build. */
declare const WORKER_SOURCE: string;

/** What the linker says went wrong, as marked text. */
export class Refusal extends Error {}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class Linker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  constructor() {
    // A page that was opened from a file may not load a worker from another.
    const address = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: 'text/javascript' }));
    this.#worker = new Worker(address);
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => this.#settle(data));
    this.#worker.addEventListener('error', ({ message }) => this.#fail(message));
  }

  /** @throws Refusal */
  ask<Name extends keyof Calls>(
    name: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    const call: Call = { id: this.#calls++, name, args };
    this.#worker.postMessage(call);
    return new Promise((resolve, reject) => {
      this.#waiting.set(call.id, { resolve: resolve as (value: unknown) => void, reject });
    });
  }

  #settle({ id, value, error }: Answer): void {
    const { resolve, reject } = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Refusal(error));
  }

  /** The worker itself is broken: out of memory, or not permitted. */
  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Refusal(`tinyelf: error: ${message}\n`));
    this.#waiting.clear();
  }
}
