/**
 * What a link costs in a process that has linked before, as with `--watch`: links the LLVM tool, then again after its
 * object has been written anew, and after one of its archives has; the bytes stay the same, but tinyelf cannot know.
 * relink.ts [--turns N]
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseLdArgv } from '../src/cli/ldArgv.ts';
import type { InputName } from '../src/inputs.ts';
import { link } from '../src/link.ts';
import { LinkCache } from '../src/linkCache.ts';
import { DiskFiles } from '../src/node/files.ts';
import { EXECUTABLE, writeOutputs } from '../src/node/outputs.ts';
import { Replacement } from '../src/node/replacement.ts';
import type { LinkOptions } from '../src/options.ts';
import { missingPackages, prepareTool } from './large/prepare.ts';
import { median } from './measure.ts';

const { values } = parseArgs({ options: { turns: { type: 'string', default: '10' } } });

/** What a relink may cost at most, as a part of the first link. */
const WANTED = 1 / 3;
const ARCHIVE = 'libLLVMSupport.a';

const missing = missingPackages();
if (missing.length > 0) {
  console.error(`not installed: ${missing.join(' ')}`);
  process.exitCode = 2;
} else {
  const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-'));
  measure(scratch, Number(values.turns));
  rmSync(scratch, { recursive: true });
}

function measure(scratch: string, turns: number): void {
  const { folder, response } = prepareTool();
  process.chdir(folder);
  const { options } = parseLdArgv([`@${response}`], (path) => readFileSync(path, 'utf8'));
  const object = join(folder, 'tool.o');
  const archive = options.libraryPaths.map((path) => join(path, ARCHIVE)).find((path) => existsSync(path))!;
  const originals = [object, archive];
  const copies = originals.map((path) => join(scratch, basename(path)));
  const write = (i: number) => copyFileSync(originals[i]!, copies[i]!);
  originals.forEach((_, i) => {
    write(i);
  });
  const relink = linker(scratch, redirected(options, copies[0]!, scratch));

  const first = relink();
  console.log(`${'first link'.padEnd(24)}${format(first)}`);
  const after: number[][] = [[], []];
  for (let turn = 0; turn < turns; turn++) {
    after.forEach((times, i) => {
      write(i);
      times.push(relink());
    });
  }
  after.forEach((times, i) => {
    report(`${basename(copies[i]!)} changed`, times, first);
  });
}

/** A function that links and says how many milliseconds of processor time that took, on all threads. */
function linker(scratch: string, options: LinkOptions): () => number {
  const files = new DiskFiles();
  const cache = new LinkCache();
  const output = join(scratch, 'program');
  return () => {
    const before = process.cpuUsage();
    files.refresh();
    const sink = new Replacement(output, EXECUTABLE);
    const result = link(files, options, { sink, cache });
    if (result.isStreamed) sink.commit();
    else writeOutputs({ path: output, content: result.bytes, mode: EXECUTABLE });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}

/** The link with the copies of its object and of the archive. */
function redirected(options: LinkOptions, object: string, scratch: string): LinkOptions {
  const isObject = (input: InputName) => input.kind === 'file' && basename(input.path) === 'tool.o';
  const inputs = options.inputs.map((input) => (isObject(input) ? { ...input, path: object } : input));
  return { ...options, inputs, libraryPaths: [scratch, ...options.libraryPaths] };
}

function report(name: string, times: readonly number[], first: number): void {
  const ratio = median(times) / first;
  const verdict = ratio <= WANTED ? '' : ` MISSED: ${WANTED.toFixed(2)} wanted`;
  console.log(`${name.padEnd(24)}${times.map(format).join('')}`);
  console.log(`${'  median, ratio'.padEnd(24)}${format(median(times))}   ${ratio.toFixed(2)}${verdict}`);
  if (ratio > WANTED) process.exitCode = 1;
}

function format(milliseconds: number): string {
  return milliseconds.toFixed(0).padStart(7);
}
