/** Processes that try one thing after another for a run that has many of them. */
import { type ChildProcess, fork } from 'node:child_process';

/** What a helper's process says of its task: that it takes so many milliseconds longer, or what has come of it. */
type Message<Answer> = { readonly patience: number } | { readonly answer: Answer };

/** A process to which tasks are given. If it dies or hangs, another one takes its place. */
export class Helper<Task extends object, Answer> {
  readonly #script: string;
  readonly #patience: number;
  #process: ChildProcess;

  /**
   * @param script of the process, which calls `help`
   * @param patience milliseconds that a task may take unless its process says otherwise
   */
  constructor(script: string, patience: number) {
    this.#script = script;
    this.#patience = patience;
    this.#process = fork(script);
  }

  /** @returns what has come of a task, or in words why nothing has */
  async ask(task: Task): Promise<Answer | string> {
    const answer = await this.#send(task);
    if (typeof answer === 'string') this.#process = fork(this.#script);
    return answer;
  }

  end(): void {
    this.#process.disconnect();
  }

  #send(task: Task): Promise<Answer | string> {
    const helper = this.#process;
    return new Promise((resolve) => {
      let reason = '';
      const hangs = () => {
        reason = 'does not end';
        helper.kill('SIGKILL');
      };
      let timer = setTimeout(hangs, this.#patience);
      const end = (answer: Answer | string) => {
        clearTimeout(timer);
        helper.off('message', hears);
        helper.off('exit', exits);
        resolve(answer);
      };
      const exits = (code: number | null, signal: string | null) =>
        end(reason || `ended the process: ${signal ?? code}`);
      const hears = (message: Message<Answer>) => {
        clearTimeout(timer);
        if ('answer' in message) end(message.answer);
        else timer = setTimeout(hangs, message.patience);
      };
      helper.on('message', hears);
      helper.on('exit', exits);
      helper.send(task);
    });
  }
}

/** What a helper's process does: one task after another, until its parent lets it go. */
export function help<Task, Answer extends object>(
  work: (task: Task, asksForPatience: (milliseconds: number) => void) => Answer,
): void {
  const tell = (message: Message<Answer>) => process.send!(message);
  process.on('message', (task: Task) => {
    tell({ answer: work(task, (patience) => tell({ patience })) });
  });
}
