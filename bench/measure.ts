/** What commands cost: processor time to the microsecond, elapsed time, and peak memory. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, compile } from './cache.ts';
import { run } from './tools.ts';

/** What one run of a command took. */
export interface Cost {
  /** Milliseconds of user and system time, of all its threads and of the children it waited for. */
  readonly cpu: number;
  /** Milliseconds from start to end. */
  readonly wall: number;
  /** Peak of resident memory in MB (10^6 bytes). */
  readonly memory: number;
}

const SOURCE = fileURLToPath(new URL('measure.c', import.meta.url));

/** Runs a command with what it reads from standard input. @throws if it does not end with the exit code, 0 by default */
export type Meter = (
  command: string,
  args: readonly string[],
  folder: string,
  expected?: { readonly input: string; readonly code: number },
) => Cost;

/** A function that runs commands and says what each took. It needs gcc, for the program that counts. */
export function makeMeter(): Meter {
  const meter = join(cacheFolder('speed'), 'measure');
  compile('gcc', SOURCE, meter, ['-O2']);
  return (command, args, folder, expected = { input: '', code: 0 }) => {
    const { stdout, stderr } = run(meter, [command, ...args], folder, expected.input);
    const [code, user, system, wall, memory] = stdout.split(' ').map(Number);
    if (code !== expected.code) throw new Error(`${command} ${args.join(' ')} fails: ${stderr}`);
    return { cpu: (user! + system!) / 1000, wall: wall! / 1000, memory: (memory! * 1024) / 1e6 };
  };
}

/** The medians of several runs' costs. */
export function medianCost(costs: readonly Cost[]): Cost {
  return {
    cpu: median(costs.map(({ cpu }) => cpu)),
    wall: median(costs.map(({ wall }) => wall)),
    memory: median(costs.map(({ memory }) => memory)),
  };
}

/** The middle of some numbers; of an even count the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
