/**
 * Sizes of packed programs beside what other packers and compressors make of them, and what unpacking costs at each
 * start.  pack.ts [--only WORD] [--runs N] [--option WORD]... [--json FILE]
 * Every packed program is run, and `!` marks one that does not do what the plain one does. docs/pack.md says more.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lzmaSize, xzSize } from './compressors.ts';
import { type CorpusProgram, corpus, PEERS } from './corpus.ts';
import { loadedSize } from './loaded.ts';
import { geometricMean } from './mean.ts';
import { type Cost, makeMeter, medianCost } from './measure.ts';
import {
  difference,
  PACK_HEADINGS,
  type PackedFigures,
  type PackRow,
  packCells,
  ratioToLzma,
} from './packRows.ts';
import { isInstalled } from './tools.ts';
import { type Behaviour, isSame, tryOut } from './trial.ts';
import { HAS_UPX, upxFiles } from './upx.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '21' },
    option: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});

const meter = makeMeter();
const rows: PackRow[] = [];
const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-'));
/** Files of one name, so that those programs which print it print the same. */
const [plainFile, packedFile, peerFile, upxFile] = ['plain', 'packed', 'peer', 'upx'].map((name) => {
  mkdirSync(join(scratch, name));
  return join(scratch, name, 'program');
}) as [string, string, string, string];

if (!isInstalled('xz')) {
  console.error('xz is not installed');
  process.exitCode = 2;
} else {
  if (!HAS_UPX) console.log('upx is not installed');
  printRow('program', PACK_HEADINGS);
  for (const program of corpus(options.only)) {
    if ('reason' in program) console.log(`${program.name}: ${program.reason}`);
    else report(program);
  }
  printMean();
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
}
rmSync(scratch, { recursive: true });

/** A program that cannot be linked or packed fails the bench, but not the rows of the others. */
function report(program: CorpusProgram): void {
  try {
    const row = measure(program);
    rows.push(row);
    printRow(row.program, packCells(row));
    if (row.packed && !row.packed.start) process.exitCode = 1;
  } catch (error) {
    console.log(`${program.name}: ${(error as Error).message.trim()}`);
    process.exitCode = 1;
  }
}

/** @throws if the program cannot be linked or packed, or the plain file does not do what it should */
function measure(program: CorpusProgram): PackRow {
  const begin = performance.now();
  const plain = program.link('tinyelf', plainFile)!;
  const seconds = (performance.now() - begin) / 1000;
  const behaviour = tryOut(plainFile, program.trial);
  if (program.expected && !isSame(program.expected, behaviour)) throw new Error('the plain file misbehaves');
  const packed = pack(program, behaviour, seconds);
  const ours = { bytes: readFileSync(plainFile), upx: ownUpxSizes(program, behaviour) };
  const all = [ours, ...PEERS.flatMap((linker) => measurePeer(program, linker, behaviour) ?? [])];
  const upx = all.flatMap((file) => file.upx);
  return {
    program: program.name,
    plain,
    ...(packed && { packed }),
    ...(upx.length > 0 && { upx: Math.min(...upx) }),
    xz: xzSize(ours.bytes),
    lzma: lzmaSize(all.map(({ bytes }) => bytes)),
  };
}

/** What UPX makes of tinyelf's file: it reads none with headers that lie in each other. */
function ownUpxSizes(program: CorpusProgram, behaviour: Behaviour): number[] {
  program.link('tinyelf', peerFile, ['--header=plain']);
  return upxSizes(program, peerFile, behaviour);
}

/** A file that can be packed. */
interface PlainFile {
  /** What is loaded of it. */
  readonly bytes: Uint8Array;
  /** Sizes of what UPX makes of it. */
  readonly upx: readonly number[];
}

/** @returns undefined if the linker cannot link the program, or not so that it does what it should */
function measurePeer(program: CorpusProgram, linker: string, behaviour: Behaviour): PlainFile | undefined {
  if (program.link(linker, peerFile) === undefined) return undefined;
  if (!isSame(behaviour, tryOut(peerFile, program.trial))) return undefined;
  const bytes = readFileSync(peerFile);
  return { bytes: bytes.subarray(0, loadedSize(bytes)), upx: upxSizes(program, peerFile, behaviour) };
}

/** @returns undefined if the packed file would not be smaller, so that the plain one was written */
function pack(program: CorpusProgram, plain: Behaviour, plainSeconds: number): PackedFigures | undefined {
  const mapFile = join(scratch, 'map');
  const begin = performance.now();
  const size = program.link('tinyelf', packedFile, ['--pack', ...options.option, '--map-json', mapFile])!;
  const seconds = Math.max(0, (performance.now() - begin) / 1000 - plainSeconds);
  const { packed } = JSON.parse(readFileSync(mapFile, 'utf8')) as { packed?: { method: string } };
  if (!packed) return undefined;
  const figures = { size, method: packed.method, seconds };
  const isGood = isSame(plain, tryOut(packedFile, program.trial));
  return isGood ? { ...figures, start: startCost(program, plain) } : figures;
}

/** How much longer the packed file runs: medians of runs in turns. One run of each before goes uncounted. */
function startCost({ trial }: CorpusProgram, { code }: Behaviour): Cost {
  const costs: [Cost[], Cost[]] = [[], []];
  for (let turn = 0; turn <= Number(options.runs); turn++) {
    [plainFile, packedFile].forEach((file, i) => {
      const cost = meter(file, trial.args, scratch, { input: trial.input, code: code! });
      if (turn > 0) costs[i]!.push(cost);
    });
  }
  return difference(medianCost(costs[1]), medianCost(costs[0]));
}

/** Bytes of the files that UPX makes of one and that still do what they should. */
function upxSizes({ trial }: CorpusProgram, file: string, behaviour: Behaviour): number[] {
  const sizes: number[] = [];
  for (const size of upxFiles(file, upxFile)) if (isSame(behaviour, tryOut(upxFile, trial))) sizes.push(size);
  return sizes;
}

function printRow(name: string, cells: readonly string[]): void {
  console.log([name.padEnd(24), ...cells.map((cell) => cell.padStart(11))].join(''));
}

function printMean(): void {
  const ratios = rows.flatMap((row) => ratioToLzma(row) ?? []);
  const mean = geometricMean(ratios).toFixed(3);
  if (ratios.length > 0) console.log(`geometric mean of the ratios to LZMA1: ${mean}`);
}
