/**
 * How the time of each pass grows with the program: links programs of doubling size and prints milliseconds, and by
 * how much the last doublings multiplied them; `!` marks what grows faster than the program.
 * growth.ts [--functions N] [--doublings N] [--runs N]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { growthInput } from './growthInput.ts';
import { LD_TINYELF } from './linkers.ts';
import { parseTimes } from './times.ts';
import { run } from './tools.ts';

const { values: options } = parseArgs({
  options: {
    functions: { type: 'string', default: '2000' },
    doublings: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
  },
});

/** Times are compared over this many doublings, so that a lucky one hides nothing. */
const WINDOW = 2;
/** What a doubling may multiply a time by: twice, and some room for noise. */
const TOLERANCE = 2.5;
/** Milliseconds below which a time tells nothing. */
const NOISE = 5;

const folder = mkdtempSync(join(tmpdir(), 'tinyelf-'));
const sizes = Array.from(
  { length: Number(options.doublings) + 1 },
  (_, i) => Number(options.functions) * 2 ** i,
);
const times = sizes.map(measure);
rmSync(folder, { recursive: true });

console.log('functions'.padEnd(24) + sizes.map((size) => `${size}`.padStart(9)).join(''));
for (const name of times.at(-1)!.keys()) console.log(lineOf(name));

/** The shortest time of each pass over several links, which is the one with the least of other things in it. */
function measure(count: number): Map<string, number> {
  const own = join(folder, `${count}`);
  mkdirSync(own);
  const files = growthInput(count);
  for (const [name, bytes] of files) writeFileSync(join(own, name), bytes);
  writeFileSync(join(own, 'inputs'), [...files.keys()].join('\n'));
  const shortest = new Map<string, number>();
  for (let turn = 0; turn < Number(options.runs); turn++) {
    for (const [name, time] of timesOfLink(own)) {
      shortest.set(name, Math.min(time, shortest.get(name) ?? Number.POSITIVE_INFINITY));
    }
  }
  return shortest;
}

/** Links what a folder holds, and checks that the program works. */
function timesOfLink(own: string): Map<string, number> {
  const output = join(own, 'program');
  const words = ['@inputs', '--icf=all', '--eh-frame-hdr', '--time', '-o', output];
  const begin = performance.now();
  const { code, stderr } = run(process.execPath, [LD_TINYELF, ...words], own);
  const elapsed = performance.now() - begin;
  if (code !== 0 || run(output, []).code !== 42) throw new Error(stderr);
  return parseTimes(stderr).set('elapsed, with node', elapsed);
}

function lineOf(name: string): string {
  const row = times.map((time) => time.get(name) ?? 0);
  const cells = row.map((time) => time.toFixed(1).padStart(9));
  const [before, last] = [row.at(-1 - WINDOW), row.at(-1)!];
  if (before === undefined || before < NOISE) return `${name.padEnd(24)}${cells.join('')}`;
  const growth = (last / before) ** (1 / WINDOW);
  if (growth > TOLERANCE) process.exitCode = 1;
  return `${name.padEnd(24)}${cells.join('')}   x${growth.toFixed(2)}${growth > TOLERANCE ? ' !' : ''}`;
}
