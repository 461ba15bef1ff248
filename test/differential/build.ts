/** Writes and translates the sources of a program, and gives the command line that links them. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Commands } from './commands.ts';
import { writeItem } from './kinds/index.ts';
import { headerFlags, surroundings } from './libraries.ts';
import { type File, isAssembly, type Model, type Runtime } from './model.ts';
import { type Service, Writer } from './writer.ts';

const RUNTIME_SOURCE = readFileSync(fileURLToPath(new URL('runtime.c', import.meta.url)), 'utf8');
const RUNTIME_FLAGS = [
  '-O1',
  '-ffreestanding',
  '-fno-pic',
  '-fno-pie',
  '-fno-stack-protector',
  '-fno-tree-loop-distribute-patterns',
  '-fno-asynchronous-unwind-tables',
  '-ffunction-sections',
  '-w',
];
/** For C: what does not depend on a C library, and says nothing. */
const C_FLAGS = ['-w', '-fno-stack-protector', '-fno-strict-aliasing'];
const CPP_FLAGS = ['-w', '-fno-stack-protector'];
/** Milliseconds that a tool may take on a busy machine. */
const TOOL_LIMIT = 120_000;

/** A program that can be linked. */
export interface Built {
  /** Inputs and options for all linkers. */
  readonly words: readonly string[];
  /** What it tries. */
  readonly features: ReadonlySet<string>;
  readonly comparesAddresses: boolean;
}

/** Start-up code by what it can do: compiled once. */
const runtimes = new Map<string, Uint8Array>();

/** @returns why there is no program, if there is none */
export function build(model: Model, commands: Commands): Built | string {
  const { folder } = commands;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const writer = new Writer(model);
  for (const item of model.items) writeItem(item, writer);
  const sources = writer.sources();
  for (const file of model.files) writeFileSync(join(folder, sourceName(file)), sources.get(file.name)!);
  writeFileSync(join(folder, 'main.s'), writer.mainSource());
  const problem = compile(model, commands) ?? addRuntime(model.runtime, writer.services, commands);
  if (problem !== undefined) return problem;
  const objects = combine(model, commands);
  const archives = makeArchives(model, commands);
  const { front, back } = surroundings(model.runtime, writer.services.has('unwind'));
  const inputs = model.isEarly
    ? ['--start-group', ...archives, ...objects, '--end-group']
    : [...objects, ...grouped(archives)];
  return {
    words: [
      '-static',
      '-z',
      'nostart-stop-gc',
      ...model.words,
      ...new Set(writer.words),
      ...front,
      'runtime.o',
      'main.o',
      ...inputs,
      ...back,
    ],
    features: writer.features,
    comparesAddresses: writer.comparesAddresses,
  };
}

function grouped(archives: readonly string[]): string[] {
  return archives.length === 0 ? [] : ['--start-group', ...archives, '--end-group'];
}

function sourceName(file: File): string {
  const ending = isAssembly(file) ? 's' : file.compiler === 'g++' ? 'cpp' : 'c';
  return `${file.name}.${ending}`;
}

/** @returns what went wrong */
function compile({ files, runtime }: Model, commands: Commands): string | undefined {
  const main: File = { ...EMPTY_FILE, name: 'main' };
  for (const [command, ...args] of translations([main, ...files], runtime)) {
    const { status, errors } = commands.run(command!, args, TOOL_LIMIT);
    if (status !== 0) return `${command} ${args.join(' ')}: ${errors}`;
  }
  const stripped = files.filter(({ isStripped }) => isStripped).map(({ name }) => `${name}.o`);
  if (stripped.length > 0) commands.run('strip', ['--strip-unneeded', ...stripped], TOOL_LIMIT);
  return undefined;
}

const EMPTY_FILE: Omit<File, 'name'> = {
  compiler: 'as',
  flags: [],
  archive: '',
  isStripped: false,
  isCombined: false,
};

/** Commands that translate sources: one for all that have the same compiler and flags, but `as` takes one at a time. */
function translations(files: readonly File[], runtime: Runtime): string[][] {
  const groups = new Map<string, File[]>();
  for (const file of files) {
    const key = file.compiler === 'as' ? file.name : JSON.stringify([file.compiler, file.flags]);
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].map((group) => {
    const { compiler, flags, name } = group[0]!;
    const sources = group.map(sourceName);
    if (compiler === 'as') return ['as', ...flags, ...sources, '-o', `${name}.o`];
    if (compiler === 'clang-as') return ['clang', '-c', ...sources];
    const own = compiler === 'g++' ? CPP_FLAGS : [...C_FLAGS, ...headerFlags(runtime, compiler)];
    return [compiler, ...own, ...flags, '-c', ...sources];
  });
}

function addRuntime(
  runtime: Runtime,
  services: ReadonlySet<Service>,
  commands: Commands,
): string | undefined {
  const isHosted = runtime !== 'print' && runtime !== 'sum';
  const words = isHosted ? ['HOSTED'] : [...services].map((service) => service.toUpperCase()).sort();
  if (runtime === 'sum') words.push('SUM');
  const args = [...RUNTIME_FLAGS, ...words.map((word) => `-D${word}`), '-c', 'runtime.c'];
  const [source, object] = [join(commands.folder, 'runtime.c'), join(commands.folder, 'runtime.o')];
  const known = runtimes.get(args.join(' '));
  writeFileSync(source, RUNTIME_SOURCE);
  if (known) {
    commands.note(['gcc', ...args]);
    writeFileSync(object, known);
    return undefined;
  }
  const { status, errors } = commands.run('gcc', args, TOOL_LIMIT);
  if (status !== 0) return errors;
  runtimes.set(args.join(' '), readFileSync(object));
  return undefined;
}

/** @returns names of the objects that are no members */
function combine({ files }: Model, commands: Commands): string[] {
  const objects = files.filter(({ archive }) => archive === '');
  const combined = objects.filter(({ isCombined }) => isCombined);
  const names = (list: readonly File[]) => list.map(({ name }) => `${name}.o`);
  if (combined.length < 2) return names(objects);
  commands.run('ld', ['-r', ...names(combined), '-o', 'combined.o'], TOOL_LIMIT);
  return ['combined.o', ...names(objects.filter((file) => !combined.includes(file)))];
}

/** @returns words for the command line */
function makeArchives({ files, archives }: Model, commands: Commands): string[] {
  return archives.flatMap(({ name, isThin, isWhole }) => {
    const members = files.filter(({ archive }) => archive === name).map((file) => `${file.name}.o`);
    commands.run('ar', [isThin ? 'rcsDT' : 'rcsD', name, ...members], TOOL_LIMIT);
    return isWhole ? ['--whole-archive', name, '--no-whole-archive'] : [name];
  });
}
