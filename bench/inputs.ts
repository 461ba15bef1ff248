/** What the speed bench links, and how fast tinyelf is to be beside its peers. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES } from '../test/programs.ts';
import { cacheFolder, mustRun } from './cache.ts';
import { captureLink, GCC_FLAGS } from './capture.ts';
import { missingPackages, prepareClang, prepareTool } from './large/prepare.ts';
import type { LinkInput } from './linkers.ts';
import { isInstalled } from './tools.ts';

/** What tinyelf's link of an input is to take at most. */
export interface Targets {
  /** By linker: tinyelf's processor time as a multiple of that linker's. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Milliseconds of processor time above those of a node that runs an empty file. */
  readonly aboveNode?: number;
  /** MB. */
  readonly memory: number;
}

/** One input of the speed bench. */
export interface SpeedInput {
  readonly name: string;
  /** How often each linker links it unless `--runs` says. */
  readonly runs: number;
  readonly targets: Targets;
  /** What is not installed and has to be. */
  readonly missing: () => readonly string[];
  readonly prepare: () => LinkInput;
}

const HELLO_C = '#include <stdio.h>\nint main(void) { puts("Hello, world!"); }\n';
const HELLO_CPP = '#include <iostream>\nint main() { std::cout << "Hello, world!" << std::endl; }\n';
const HELLO_RS = 'fn main() { println!("Hello, world!"); }\n';

export const SPEED_INPUTS: readonly SpeedInput[] = [
  {
    name: 'rustc object',
    runs: 31,
    targets: { ratios: { lld: 1.5 }, aboveNode: 10, memory: 45 },
    missing: () => [],
    prepare: prepareObject,
  },
  {
    name: 'glibc C',
    runs: 21,
    targets: { ratios: { ld: 1.7, lld: 2.1, mold: 2.3 }, memory: 55 },
    missing: () => commands('gcc'),
    prepare: () => prepareHello('gcc', 'hello.c', HELLO_C),
  },
  {
    name: 'C++ iostream',
    runs: 15,
    targets: { ratios: { ld: 1, lld: 2.4, mold: 1.8 }, memory: 60 },
    missing: () => commands('g++'),
    prepare: () => prepareHello('g++', 'hello.cpp', HELLO_CPP),
  },
  {
    name: 'Rust std',
    runs: 15,
    targets: { ratios: { ld: 0.7, lld: 2.6, mold: 2.5 }, memory: 70 },
    missing: () => commands('gcc', 'rustc'),
    prepare: prepareRust,
  },
  {
    name: 'LLVM tool',
    runs: 5,
    targets: { ratios: { ld: 0.42, lld: 1.7, mold: 1.15 }, memory: 120 },
    missing: missingPackages,
    prepare: prepareTool,
  },
  {
    name: 'clang',
    runs: 3,
    targets: { ratios: { ld: 0.28, lld: 1.15, mold: 0.8 }, memory: 160 },
    missing: missingPackages,
    prepare: prepareClang,
  },
];

/** The object of "Hello, world!" without a library, as rustc made it. */
function prepareObject(): LinkInput {
  const folder = cacheFolder('speed');
  const response = join(folder, 'object.rsp');
  writeFileSync(response, `${join(FIXTURES, 'hello-rodata/static.o')}\n--gc-sections\n-s\n`);
  return { folder, response };
}

function prepareHello(driver: string, file: string, source: string): LinkInput {
  const folder = cacheFolder('speed');
  writeFileSync(join(folder, file), source);
  mustRun(driver, ['-O2', '-c', file, '-o', `${file}.o`], folder);
  return captureLink(folder, file, driver, ['-static', ...GCC_FLAGS, `${file}.o`, '-o', 'hello']);
}

/** rustc removes what it links when it is done, unless told to save it; some of that lies in TMPDIR. */
function prepareRust(): LinkInput {
  const folder = cacheFolder('speed/rust');
  rmSync(folder, { recursive: true });
  cacheFolder('speed/rust');
  writeFileSync(join(folder, 'hello.rs'), HELLO_RS);
  const link = ['linker=gcc', 'linker-features=-lld', ...GCC_FLAGS.map((flag) => `link-arg=${flag}`)];
  const codegen = ['opt-level=3', 'target-feature=+crt-static', 'save-temps', ...link];
  const rustc = ['rustc', '--edition=2024', ...codegen.map((option) => `-C${option}`), 'hello.rs'];
  return captureLink(folder, 'hello', 'env', [`TMPDIR=${folder}`, ...rustc]);
}

function commands(...names: string[]): string[] {
  return names.filter((name) => !isInstalled(name));
}
