/**
 * Processor time, elapsed time and memory of links by tinyelf and by other linkers, from the same inputs, in turns:
 * medians, and how tinyelf's compare.  speed.ts [--only NAME] [--runs N] [--json FILE]
 * docs/speed.md says what the columns mean.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from './cache.ts';
import { SPEED_INPUTS, type SpeedInput } from './inputs.ts';
import { installedLinkers, linkArgs, missingPeers } from './linkers.ts';
import { type Cost, makeMeter, medianCost } from './measure.ts';
import { type SpeedRow, speedRows } from './speedRows.ts';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, runs: { type: 'string' }, json: { type: 'string' } },
});

// They make node read files or run code before it starts.
delete process.env.NODE_EXTRA_CA_CERTS;
delete process.env.NODE_OPTIONS;

const folder = cacheFolder('speed');
const linkers = installedLinkers();
const meter = makeMeter();
const rows: SpeedRow[] = [];

for (const name of missingPeers()) console.log(`${name} is not installed`);
console.log(`${'CPU ms'.padStart(30)}  wall ms   MB    CPU x  wall x     MB x   wanted`);
for (const input of SPEED_INPUTS) {
  if (options.only !== undefined && !input.name.includes(options.only)) continue;
  const missing = input.missing();
  if (missing.length > 0) console.log(`${input.name}: not installed: ${missing.join(' ')}`);
  else report(input, measureInTurns(input));
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);

/** Costs of each linker, and of a node that does nothing. One run of each before goes uncounted: it warms caches. */
function measureInTurns(input: SpeedInput): Map<string, Cost> {
  const link = input.prepare();
  const output = join(link.folder, 'speed.out');
  const empty = join(folder, 'empty.cjs');
  writeFileSync(empty, '');
  const commands = new Map(
    linkers.map((linker) => [linker.name, [linker.command, linkArgs(linker, link, output)] as const]),
  );
  commands.set('node', [process.execPath, [empty]]);
  const costs = new Map<string, Cost[]>([...commands.keys()].map((name) => [name, []]));
  const runs = Number(options.runs ?? input.runs);
  for (let turn = 0; turn <= runs; turn++) {
    for (const [name, [command, args]] of commands) {
      const cost = meter(command, args, link.folder);
      // To truncate what is there costs time, and not every linker does it.
      rmSync(output, { force: true });
      if (turn > 0) costs.get(name)!.push(cost);
    }
  }
  return new Map([...costs].map(([name, all]) => [name, medianCost(all)]));
}

function report(input: SpeedInput, costs: ReadonlyMap<string, Cost>): void {
  console.log(input.name);
  for (const row of speedRows(input, costs)) {
    rows.push(row);
    console.log(lineOf(row));
  }
}

function lineOf({ linker, cost, ratio, verdicts }: SpeedRow): string {
  const numbers = [cost.cpu, cost.wall, cost.memory].map((value) => value.toFixed(1).padStart(9));
  const ratios = ratio
    ? [ratio.cpu, ratio.wall, ratio.memory].map((value) => value.toFixed(2).padStart(8))
    : [];
  const wanted = verdicts.map(({ text, isMet }) => `${text} ${isMet ? 'met' : 'MISSED'}`).join(', ');
  return `  ${linker.padEnd(19)}${numbers.join('')}${ratios.join('').padEnd(24)}   ${wanted}`.trimEnd();
}
