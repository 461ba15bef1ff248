/**
 * `npm run test:kernels`: executes files on this machine and on Debian's kernels in virtual machines, and compares
 * what becomes of each, its address space included, with what the model of the loader predicts.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Kernel, kernelOfRelease } from '../../src/header/loader/kernels.ts';
import { loadLinux } from '../../src/header/loader.ts';
import { execute, makeLauncher, predicted } from '../header/elfFile.ts';
import { difference } from './compare.ts';
import { type TestFile, testFiles } from './files.ts';
import { bootDocumented } from './initramfs.ts';
import { fetchKernels } from './kernels.ts';
import { boot, MEGABYTES, missingTools } from './machine.ts';

const MOST_LINES = 20;
/** vm.mmap_min_addr does not matter to root; the machine's own part of its RAM is left out of account. */
const GUEST = { privileged: true, memory: MEGABYTES * 2 ** 20 };

function main(): number {
  const files = testFiles();
  let failures = report(`this machine, ${release()}`, files.length, compareHere(files));
  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`other kernels: left out, because ${missing.join(', ')} cannot be found`);
    return failures > 0 ? 1 : 0;
  }
  const kernels = fetchKernels();
  for (const { suite, path, problem } of kernels) {
    if (path === undefined) console.log(`kernel of ${suite}: left out: ${problem}`);
    else failures += compareThere(path, files);
  }
  const newest = kernels.findLast(({ path }) => path !== undefined);
  if (newest)
    failures += report(`the initramfs of docs/recipes.md, ${newest.suite}`, 1, bootDocumented(newest.path!));
  const isNoneThere = kernels.every(({ path }) => path === undefined);
  if (isNoneThere) console.log('no kernel could be fetched');
  return failures > 0 || (isNoneThere && process.env.CI === undefined) ? 1 : 0;
}

/** @returns differences */
function compareHere(files: readonly TestFile[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-here-'));
  const user = {
    privileged: process.getuid?.() === 0,
    mmapMinAddr: Number(readFileSync('/proc/sys/vm/mmap_min_addr', 'utf8')),
    memory: totalmem(),
  };
  const kernel = kernelOfRelease(release());
  const put = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    chmodSync(path, 0o755);
    return path;
  };
  try {
    const launcher = put('launcher', makeLauncher());
    return files.flatMap(({ name, bytes }) => {
      const expected = predicted(loadLinux(bytes, kernel, user));
      const outcome = execute(launcher, put('file', bytes));
      return expected === outcome ? [] : [`${name}: predicted ${expected}, was ${outcome}`];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns the number of differences */
function compareThere(image: string, files: readonly TestFile[]): number {
  const { kernel: version, reports } = boot(image, files);
  const kernel: Kernel = kernelOfRelease(pointRelease(version));
  const found = new Map(reports.map((item) => [item.name, item]));
  const differences = files.flatMap(({ name, bytes }) => {
    const text = difference(bytes, loadLinux(bytes, kernel, GUEST), found.get(name));
    return text === undefined ? [] : [`${name}: ${text}`];
  });
  return report(`${pointRelease(version)}, as ${kernel.name}`, files.length, differences);
}

/** Debian's `uname -v` ends with the point release: `#1 SMP … Debian 6.1.192-2 (date)`. */
function pointRelease(version: string): string {
  return /Debian (\d+\.\d+\.\d+)/.exec(version)?.[1] ?? version.split(' ')[0]!;
}

function report(kernel: string, count: number, differences: readonly string[]): number {
  console.log(`${kernel}: ${count} files, ${count - differences.length} as predicted`);
  for (const line of differences.slice(0, MOST_LINES)) console.log(`  ${line}`);
  if (differences.length > MOST_LINES) console.log(`  and ${differences.length - MOST_LINES} more`);
  return differences.length;
}

process.exitCode = main();
