/** The worker: answers the calls of the page, one after the other. */
import type { Answer, Call } from './calls.ts';
import { tellError } from './messages.ts';
import { Session } from './session.ts';

const session = new Session();
/** When the call before has been answered: a report may wait for the disassembler. */
let last: Promise<void> = Promise.resolve();

self.addEventListener('message', ({ data }: MessageEvent<Call>) => {
  last = last.then(() => answer(data));
});

async function answer({ id, name, args }: Call): Promise<void> {
  self.postMessage(await resultOf(id, name, args));
}

async function resultOf(id: number, name: Call['name'], args: readonly unknown[]): Promise<Answer> {
  try {
    const call = session[name] as (...args: readonly unknown[]) => unknown;
    return { id, value: await call.apply(session, args as unknown[]) };
  } catch (error) {
    return { id, error: tellError(error) };
  }
}
