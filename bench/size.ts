/**
 * Sizes of programs linked by tinyelf, with and without shrinking code, and by other linkers with their smallest flags,
 * all from the same objects in one run. The others' files are counted as sstrip would leave them: up to the last byte
 * that is loaded. Fixtures are run, and `!` marks one that misbehaves. `--record` keeps ld's sizes for machines without
 * ld. docs/size.md says more.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FixtureProgram, fixturePrograms } from '../test/programs.ts';
import { LD_TINYELF, type LinkInput } from './linkers.ts';
import type { SizeInput } from './sizeDebian.ts';
import { SIZE_INPUTS } from './sizeInputs.ts';
import { behaves, isInstalled, linkWith, linkWithTinyelf, run } from './tools.ts';

const RECORD = fileURLToPath(new URL('recorded.json', import.meta.url));
const LINKERS = ['ld', 'ld.lld', 'mold'].filter(isInstalled);
/** Options that make other linkers' files smaller, for links with a C library. */
const SMALLEST: Readonly<Record<string, readonly string[]>> = {
  ld: ['-z', 'noseparate-code', '--hash-style=gnu', '-z', 'norelro'],
  'ld.lld': ['-z', 'noseparate-code', '--icf=all', '-O2', '-z', 'norelro'],
  mold: ['-z', 'noseparate-code', '--icf=all', '-z', 'norelro'],
};

const PT_LOAD = 1;

const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-'));
const output = join(scratch, 'program');
const recorded: Record<string, number> = {};
const ratios: number[] = [];

printRow('program', ['tinyelf', 'none', ...LINKERS, 'ratio']);
for (const program of fixturePrograms()) measureFixture(program);
for (const input of SIZE_INPUTS) {
  const prepared = prepare(input);
  if (typeof prepared === 'string') console.log(`${input.name}: ${prepared}`);
  else measureLink(input.name, prepared);
}
const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
console.log(`geometric mean of the ratios to the best other linker: ${mean.toFixed(3)}`);
rmSync(scratch, { recursive: true });
if (process.argv.includes('--record')) record();

function measureFixture(program: FixtureProgram): void {
  const ours = linkWithTinyelf(program, output);
  const isGood = behaves(program, output);
  if (!isGood) process.exitCode = 1;
  const none = linkWithTinyelf(program, output, ['--shrink=none']);
  const others = LINKERS.map((linker) => {
    const size = linkWith(linker, program, output);
    if (linker === 'ld' && size !== undefined) recorded[program.id] = size;
    return { size: size === undefined ? undefined : loadedSize(output), isGood: behaves(program, output) };
  });
  report(program.id, `${ours}${isGood ? '' : '!'}`, ours, none, others);
}

/** @returns why it cannot be linked where that is so: a tool is missing, or sources cannot be fetched */
function prepare({ missing, prepare: make }: SizeInput): LinkInput | string {
  const tools = missing();
  if (tools.length > 0) return `not installed: ${tools.join(' ')}`;
  try {
    return make();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Links from a response file. */
function measureLink(name: string, { folder, response }: LinkInput): void {
  const words = (linker: string) => [...(SMALLEST[linker] ?? []), `@${response}`, '-o', output];
  const ours = linkSize(process.execPath, [LD_TINYELF, ...words('tinyelf')], folder)!;
  const none = linkSize(process.execPath, [LD_TINYELF, '--shrink=none', ...words('tinyelf')], folder)!;
  const others = LINKERS.map((linker) => {
    const size = linkSize(linker, words(linker), folder);
    return { size: size === undefined ? undefined : loadedSize(output), isGood: true };
  });
  report(name, `${ours}`, ours, none, others);
}

function linkSize(command: string, args: readonly string[], folder: string): number | undefined {
  return run(command, args, folder).code === 0 ? statSync(output).size : undefined;
}

interface Measured {
  readonly size: number | undefined;
  readonly isGood: boolean;
}

function report(name: string, shown: string, ours: number, none: number, others: readonly Measured[]): void {
  const good = others.flatMap(({ size, isGood }) => (size !== undefined && isGood ? [size] : []));
  const ratio = good.length > 0 ? ours / Math.min(...good) : undefined;
  if (ratio !== undefined) ratios.push(ratio);
  const cells = others.map(({ size, isGood }) => (size === undefined ? '-' : `${size}${isGood ? '' : '!'}`));
  printRow(name, [shown, `${none}`, ...cells, ratio?.toFixed(3) ?? '-']);
}

function printRow(name: string, cells: readonly string[]): void {
  console.log([name.padEnd(24), ...cells.map((cell) => cell.padStart(9))].join(''));
}

/** Bytes of an executable up to the last one that a segment loads: what sstrip leaves. */
function loadedSize(path: string): number {
  const file = readFileSync(path);
  const start = Number(file.readBigUInt64LE(32));
  let end = 0;
  for (let n = 0; n < file.readUInt16LE(56); n++) {
    const header = start + n * file.readUInt16LE(54);
    end = Math.max(end, header + file.readUInt16LE(54));
    if (file.readUInt32LE(header) !== PT_LOAD) continue;
    end = Math.max(end, Number(file.readBigUInt64LE(header + 8) + file.readBigUInt64LE(header + 32)));
  }
  return end;
}

function record(): void {
  const linker = run('ld', ['--version']).stdout.split('\n')[0];
  writeFileSync(RECORD, `${JSON.stringify({ linker, sizes: recorded }, null, 2)}\n`);
}
