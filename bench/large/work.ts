/**
 * Work for the large programs: what a program that a linker made is to do, and what Debian's own compiler, optimiser
 * and code generator do with the same.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES } from '../../test/programs.ts';
import { mustRun } from '../cache.ts';
import { isInstalled, run } from '../tools.ts';
import { generatedC } from './generated.ts';

const CLANG = 'clang-14';
const OPTIMISER = 'opt-14';
const GENERATOR = 'llc-14';

/** Blocks of the generated file: over 3000 lines. */
const BLOCKS = 100;
const GENERATED = 'generated.c';
const WRONG = 'wrong.c';

/** What a program did: its output and the object that it wrote, if it did. */
interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
  readonly object: Buffer | undefined;
}

/** A piece of work, and what is to come of it. */
export interface Task {
  readonly name: string;
  readonly args: readonly string[];
  readonly expected: Outcome;
}

/** Debian packages with the programs that say what is right, those of them that are not installed. */
export function missingReferences(): string[] {
  const packages = { 'clang-14': [CLANG], 'llvm-14': [OPTIMISER, GENERATOR] };
  return Object.entries(packages).flatMap(([name, commands]) => (commands.every(isInstalled) ? [] : [name]));
}

/** Work for the compiler: its arguments are those that clang's driver gives to Debian's. */
export function clangTasks(folder: string): Task[] {
  writeSources(folder);
  return COMPILATIONS.map(([source, ...flags]) => {
    const args = frontendArgs(folder, source!, flags);
    const expected = perform(folder, CLANG, ['-cc1', ...args]);
    return { name: `${source} ${flags.join(' ')}`, args, expected };
  });
}

/** Work for the LLVM tool: IR as clang makes it before anything is optimised. */
export function toolTasks(folder: string): Task[] {
  writeSources(folder);
  return SOURCES.map((source) => {
    const flags = ['-O2', '-Xclang', '-disable-llvm-passes', '-S', '-emit-llvm'];
    mustRun(CLANG, [...flags, pathOf(source), '-o', 'work.ll'], folder);
    const ir = `${source}.ll`.replaceAll('/', '-');
    writeFileSync(join(folder, ir), readFileSync(join(folder, 'work.ll')));
    return { name: source, args: [ir, OUTPUT], expected: optimise(folder, ir) };
  });
}

/** Whether a program does a task as it should. */
export function doesTask(folder: string, program: string, { args, expected }: Task): boolean {
  const { code, stderr, object } = perform(folder, program, args);
  const isSameObject = expected.object ? object?.equals(expected.object) === true : object === undefined;
  return code === expected.code && stderr === expected.stderr && isSameObject;
}

const OUTPUT = 'work.o';

const SOURCES = [
  'c-objects/words.c',
  'c-objects/numbers.c',
  'c-objects/tables.c',
  'libc/hello.c',
  'libc/glibc.c',
  'libc/threads.c',
  'libc/tls.c',
  'libc/main.cpp',
  GENERATED,
];

/** Sources and flags for the compiler; the generated file is also compiled for machines that are not this one. */
const COMPILATIONS: readonly (readonly string[])[] = [
  ...SOURCES.map((source) => [source, '-O2']),
  [GENERATED, '-O0', '-g'],
  [GENERATED, '-O3', '-march=haswell', '-flto'],
  ['libc/main.cpp', '-Os', '-g'],
  ...['aarch64-linux-gnu', 'riscv64-linux-gnu', 'wasm32', 'bpf'].map((target) => [
    GENERATED,
    '-O1',
    `--target=${target}`,
  ]),
  [WRONG, '-O2', '-Wall'],
];

function writeSources(folder: string): void {
  writeFileSync(join(folder, GENERATED), generatedC(BLOCKS));
  writeFileSync(join(folder, WRONG), 'int main(void) {\n  int unused;\n  return missing + ;\n}\n');
}

function pathOf(source: string): string {
  return source.includes('/') ? join(FIXTURES, source) : source;
}

/** The arguments of the compiler proper, from the commands that the driver prints in quotes. */
function frontendArgs(folder: string, source: string, flags: readonly string[]): string[] {
  const { stderr } = run(CLANG, ['-###', ...flags, '-c', pathOf(source), '-o', OUTPUT], folder);
  const command = stderr.split('\n').find((line) => line.includes('"-cc1"'));
  if (command === undefined) throw new Error(`${CLANG} -### ${source}: ${stderr}`);
  const words = [...command.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) =>
    word!.replace(/\\(.)/g, '$1'),
  );
  return words.slice(words.indexOf('-cc1') + 1);
}

function optimise(folder: string, ir: string): Outcome {
  mustRun(OPTIMISER, ['-O2', ir, '-o', 'work.bc'], folder);
  return perform(folder, GENERATOR, [
    '-O2',
    '-relocation-model=pic',
    '-filetype=obj',
    'work.bc',
    '-o',
    OUTPUT,
  ]);
}

function perform(folder: string, program: string, args: readonly string[]): Outcome {
  const output = join(folder, OUTPUT);
  rmSync(output, { force: true });
  const { code, stderr } = run(program, args, folder);
  return { code, stderr, object: code === 0 ? readFileSync(output) : undefined };
}
