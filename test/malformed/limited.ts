/** Commands under limits. */
import { fileURLToPath } from 'node:url';
import { TINYELF } from '../run.ts';
import { spawnApart } from '../spawnApart.ts';

const PEAK = fileURLToPath(new URL('peak.cjs', import.meta.url));

/** Seconds of processor time that a command gets, after which the system ends it. */
const SECONDS = 10;

/** MiB that a command may have in memory. */
const MEMORY = 512;

export interface Limited {
  readonly code: number | null;
  /** What has ended it, if it was a signal: SIGKILL or SIGXCPU where it took too long. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** MiB that it had in memory at most. */
  readonly memory: number;
}

/** Runs `tinyelf` with these words in a folder. */
export function runLimited(words: readonly string[], folder: string): Limited {
  const limited = `ulimit -t ${SECONDS}; exec "$0" "$@"`;
  const { status, signal, stdout, stderr, output, error } = spawnApart(
    'sh',
    ['-c', limited, process.execPath, '--require', PEAK, TINYELF, ...words],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe', 'pipe'], maxBuffer: 2 ** 28 },
  );
  if (error) throw error;
  const memory = Number(output[3]!.toString()) / 1024;
  return { code: status, signal, stdout: stdout.toString(), stderr: stderr.toString(), memory };
}

/** What is wrong with how a command has ended; undefined if it is as it should be. */
export function problemOfRun({ code, signal, stderr, memory }: Limited): string | undefined {
  if (signal !== null) return `ended by ${signal}`;
  if (code !== 0 && code !== 1) return `exit status ${code}: ${stderr}`;
  if (!(memory < MEMORY)) return `${memory} MiB of memory`;
  if (/internal error|^ +at .*:\d+:\d+\)?$/m.test(stderr)) return stderr;
  if (code === 1 && !/^tinyelf: error: ./m.test(stderr)) return `no error: ${stderr}`;
  return undefined;
}
