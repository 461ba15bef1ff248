/**
 * Sizes of programs linked by tinyelf, with and without shrinking code, and by other linkers with their smallest flags,
 * all from the same objects in one run. The others' files are counted as sstrip would leave them: up to the last byte
 * that is loaded. Fixtures are run, and `!` marks one that misbehaves. `--record` keeps ld's sizes for machines without
 * ld. docs/size.md says more.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CorpusProgram, corpus, PEERS } from './corpus.ts';
import { loadedSize } from './loaded.ts';
import { geometricMean } from './mean.ts';
import { run } from './tools.ts';
import { isSame, tryOut } from './trial.ts';

const RECORD = fileURLToPath(new URL('recorded.json', import.meta.url));

const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-'));
const output = join(scratch, 'program');
const recorded: Record<string, number> = {};
const ratios: number[] = [];

printRow('program', ['tinyelf', 'none', ...PEERS, 'ratio']);
for (const program of corpus()) {
  if ('reason' in program) console.log(`${program.name}: ${program.reason}`);
  else measure(program);
}
console.log(`geometric mean of the ratios to the best other linker: ${geometricMean(ratios).toFixed(3)}`);
rmSync(scratch, { recursive: true });
if (process.argv.includes('--record')) record();

interface Measured {
  readonly size: number;
  readonly isGood: boolean;
}

function measure(program: CorpusProgram): void {
  const ours = { size: program.link('tinyelf', output)!, isGood: behaves(program) };
  if (!ours.isGood) process.exitCode = 1;
  const none = program.link('tinyelf', output, ['--shrink=none'])!;
  const others = PEERS.map((linker) => measurePeer(program, linker));
  const good = others.flatMap((other) => (other?.isGood ? [other.size] : []));
  const ratio = good.length > 0 ? ours.size / Math.min(...good) : undefined;
  if (ratio !== undefined) ratios.push(ratio);
  printRow(program.name, [cell(ours), `${none}`, ...others.map(cell), ratio?.toFixed(3) ?? '-']);
}

function measurePeer(program: CorpusProgram, linker: string): Measured | undefined {
  const size = program.link(linker, output);
  if (size === undefined) return undefined;
  if (linker === 'ld' && program.expected) recorded[program.name] = size;
  return { size: loadedSize(readFileSync(output)), isGood: behaves(program) };
}

/** Whether the linked program does what its fixture says. Programs that are no fixtures are not run. */
function behaves({ expected, trial }: CorpusProgram): boolean {
  return expected === undefined || isSame(expected, tryOut(output, trial));
}

function cell(measured: Measured | undefined): string {
  return measured ? `${measured.size}${measured.isGood ? '' : '!'}` : '-';
}

function printRow(name: string, cells: readonly string[]): void {
  console.log([name.padEnd(24), ...cells.map((cell) => cell.padStart(9))].join(''));
}

function record(): void {
  const linker = run('ld', ['--version']).stdout.split('\n')[0];
  writeFileSync(RECORD, `${JSON.stringify({ linker, sizes: recorded }, null, 2)}\n`);
}
