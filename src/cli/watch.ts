/**
 * `--watch`: links again whenever an input changes. A file of its own in the build, which no other link loads; what
 * links comes from the file that loads it.
 */
import type { DiskFiles } from '../node/files.ts';
import { WatchedFolders } from '../node/folders.ts';
import { writeMessage } from '../node/output.ts';
import type { LinkOutcome } from './run.ts';

/** Exit codes by signal: 128 and the signal's number, as shells have it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Changed files that are named on a line. */
const MAX_NAMED = 3;

/**
 * Links, and again after each change, until a signal ends it. A link that fails is waited after like any other.
 * @param program name in front of messages
 * @param files what the link reads
 * @returns the exit code
 */
export async function watchInputs(
  program: string,
  files: DiskFiles,
  link: () => Promise<LinkOutcome>,
): Promise<number> {
  const ended = signalled();
  const folders = new WatchedFolders();
  let changed: readonly string[] = [];
  /** Size of the last executable, in bytes. */
  let size: number | undefined;
  for (;;) {
    const started = process.hrtime.bigint();
    const outcome = await link();
    const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
    writeMessage(
      `${program}: ${describeChange(changed)}${describe(outcome, size)}, ${milliseconds.toFixed(0)} ms\n`,
    );
    size = outcome.executable?.size ?? size;
    const next = await Promise.race([ended, folders.next(files.asked(), () => files.changed())]);
    if (typeof next === 'number') {
      folders.close();
      return next;
    }
    changed = next;
  }
}

/** The exit code for the first signal that comes; a link that is under way is finished before it is looked at. */
function signalled(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => resolve(EXIT_CODES[signal]));
    }
  });
}

function describeChange(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const others = paths.length - MAX_NAMED;
  const named = paths.slice(0, MAX_NAMED).join(', ');
  return `${named}${others > 0 ? ` and ${others} more` : ''} changed: `;
}

/** @param before size of the last executable in bytes, if there was one */
function describe({ executable }: LinkOutcome, before: number | undefined): string {
  if (!executable) return 'not linked';
  const { path, size } = executable;
  const difference = size - (before ?? size);
  const change = difference === 0 ? '' : ` (${difference > 0 ? '+' : ''}${difference})`;
  return `linked ${path}, ${size} bytes${change}`;
}
