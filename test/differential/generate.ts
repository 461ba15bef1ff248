/** Makes models of programs: the same for the same seed. */
import { Random } from '../shrink/random.ts';
import { KINDS } from './kinds/index.ts';
import type { Kind, Scene } from './kinds/kind.ts';
import {
  type Archive,
  type Compiler,
  type File,
  type Item,
  type Model,
  type Part,
  pruned,
  type Runtime,
  type Way,
} from './model.ts';

const MOST_FILES = 6;
const MOST_ITEMS = 18;

/** Of ten programs seven start by themselves and print, two only return a sum. */
const RUNTIMES: readonly (readonly [Runtime, number])[] = [
  ['print', 140],
  ['sum', 40],
  ['musl', 12],
  ['glibc', 6],
  ['c++', 3],
];

/** @param only a kind of item that every program is to have; others may be there as well */
export function generate(seed: number, only?: string): Model {
  const random = new Random(seed);
  const runtime = weighted(random, RUNTIMES);
  const archives = makeArchives(random);
  const files = makeFiles(random, runtime, archives);
  const items: Item[] = [];
  const last = random.int(2, MOST_ITEMS);
  for (let id = 1; id <= last; id++) {
    const isFirst = id === 1;
    const item = makeItem({ random, files, runtime, id }, items, isFirst ? only : undefined);
    if (item) items.push(item);
  }
  return pruned({
    runtime,
    files,
    archives,
    isEarly: archives.length > 0 && random.oneIn(5) && isFreeOfRivals(items, files),
    items,
    words: makeWords(random),
    ways: makeWays(random, runtime),
  });
}

function weighted<T>(random: Random, choices: readonly (readonly [T, number])[]): T {
  let left = random.int(0, choices.reduce((sum, [, weight]) => sum + weight, 0) - 1);
  for (const [choice, weight] of choices) {
    if (left < weight) return choice;
    left -= weight;
  }
  throw new Error('nothing to choose from');
}

function makeArchives(random: Random): Archive[] {
  const count = random.oneIn(2) ? random.int(1, 3) : 0;
  const whole = random.oneIn(4) ? random.int(1, count) : 0;
  // Those that are taken as a whole come first: tinyelf counts them as objects (docs/linking.md).
  return random.list(count, (k) => ({ name: `lib${k}.a`, isThin: random.oneIn(5), isWhole: k < whole }));
}

function makeFiles(random: Random, runtime: Runtime, archives: readonly Archive[]): File[] {
  const isCombining = random.oneIn(10);
  return random.list(random.int(1, MOST_FILES), (k) => {
    const compiler = makeCompiler(random, runtime, k);
    const archive = archives.length > 0 && k > 0 && random.oneIn(2) ? random.pick(archives).name : '';
    return {
      name: `part${k}`,
      compiler,
      flags: makeFlags(random, compiler),
      archive,
      isStripped: random.oneIn(15),
      isCombined: isCombining && archive === '',
    };
  });
}

function makeCompiler(random: Random, runtime: Runtime, k: number): Compiler {
  if (runtime === 'c++' && k < 2) return 'g++';
  // One source in C at least is what programs with a C library are about.
  if ((runtime === 'musl' || runtime === 'glibc') && k === 0) return random.pick<Compiler>(['gcc', 'clang']);
  return random.pick<Compiler>(['as', 'as', 'as', 'as', 'as', 'clang-as', 'gcc', 'gcc', 'clang']);
}

const LEVELS = ['-O0', '-O1', '-O2', '-Os'];
const ADDRESSING = [['-fno-pic', '-fno-pie'], ['-fpic'], ['-fPIC'], ['-fpie'], ['-fPIC', '-fno-plt']];
const MODELS = [
  ['-mcmodel=large', '-fno-pic', '-fno-pie'],
  ['-mcmodel=large', '-fPIC'],
  ['-mcmodel=medium', '-fno-pic', '-fno-pie'],
];
const SOMETIMES = [
  '-ffunction-sections',
  '-fdata-sections',
  '-fcommon',
  '-g',
  '-fexceptions',
  '-fexceptions',
  '-fcf-protection=full',
  '-fcf-protection=none',
  '-ftls-model=global-dynamic',
  '-ftls-model=local-dynamic',
  '-ftls-model=initial-exec',
  '-fno-asynchronous-unwind-tables',
  '-fno-omit-frame-pointer',
  '-fmerge-all-constants',
  '-fno-merge-constants',
];
const RIGID = '-Wa,-mrelax-relocations=no';
const OF_GCC = ['-mtls-dialect=gnu2', RIGID, '-fno-ident'];

function makeFlags(random: Random, compiler: Compiler): string[] {
  if (compiler === 'clang-as') return [];
  if (compiler === 'as') return random.oneIn(6) ? ['-mrelax-relocations=no'] : random.oneIn(6) ? ['-g'] : [];
  const addressing = random.oneIn(8) && compiler === 'gcc' ? random.pick(MODELS) : random.pick(ADDRESSING);
  const known = compiler === 'clang' ? SOMETIMES : [...SOMETIMES, ...OF_GCC];
  const extra = new Set(random.list(random.int(0, 4), () => random.pick(known)));
  // A call by the GOT is part of a thread-local access only if it may be rewritten.
  if (addressing.includes('-fno-plt')) extra.delete(RIGID);
  return [random.pick(LEVELS), ...addressing, ...extra];
}

function makeItem(scene: Scene, items: readonly Item[], only: string | undefined): Item | undefined {
  const suits = ([name, { suits, isSingle }]: readonly [string, Kind]) =>
    (!suits || suits(scene)) && !(isSingle && items.some(({ kind }) => kind === name));
  const able = Object.entries(KINDS).filter(suits);
  const wanted = only === undefined ? able : able.filter(([name]) => name === only);
  if (wanted.length === 0) return undefined;
  const name = weighted(
    scene.random,
    wanted.map(([kind, { weight }]) => [kind, weight] as const),
  );
  return { id: scene.id, kind: name, ...KINDS[name]!.make(scene) };
}

/**
 * Whether no symbol has definitions both in an object and in an archive, nor a sequence parts in both: where an archive
 * stands in front of an object, tinyelf takes the object first, and others the archive (docs/linking.md).
 */
function isFreeOfRivals(items: readonly Item[], files: readonly File[]): boolean {
  const members = new Set(files.filter(({ archive }) => archive !== '').map(({ name }) => name));
  const isMixed = (parts: readonly Part[]) => new Set(parts.map(({ file }) => members.has(file))).size > 1;
  const sequence = items.filter(({ kind }) => kind === 'arrays' || kind === 'undefined');
  return (
    !isMixed(sequence.flatMap(({ parts }) => parts)) &&
    items.every(({ parts }) => !isMixed(parts.filter(({ role }) => role !== 'reference')))
  );
}

const WORDS = [[], [], ['--gc-sections'], ['--gc-sections'], ['--gc-sections'], ['--no-gc-sections']];
const EXTRA_WORDS = [
  [],
  [],
  [],
  ['-O2'],
  ['--no-relax'],
  ['-z', 'separate-code'],
  ['--build-id'],
  ['-s'],
  ['-z', 'norelro'],
  ['-z', 'muldefs'],
  ['--unresolved-symbols=ignore-all'],
];

function makeWords(random: Random): string[] {
  return [...random.pick(WORDS), ...random.pick(EXTRA_WORDS)];
}

const OWN_WORDS = [
  ['--no-gc-sections'],
  ['--shrink=none'],
  ['--shrink=all'],
  ['--shrink=all'],
  ['--icf=none'],
  ['--icf=all'],
  ['--header=plain'],
  ['--segments=split'],
  ['-z', 'separate-code'],
  ['-z', 'separate-code', '-z', 'max-page-size=0x10000'],
  ['--symbols'],
  ['--debug'],
  ['--compat=portable'],
  ['--base=0x400000'],
  ['--base=0x20000000'],
  ['--osabi=3'],
  ['--ident-pad=tinyelf'],
  ['--builtins=mem'],
  ['-pie', '--no-dynamic-linker'],
];

/** The first way is without options; a program with a large library is linked only twice. */
function makeWays(random: Random, runtime: Runtime): Way[] {
  const count = runtime === 'print' || runtime === 'sum' ? random.int(1, 3) : 1;
  const others = random.list(count, () => ({
    words: random.list(random.int(1, 3), () => random.pick(OWN_WORDS)).flat(),
    isCommand: random.oneIn(12),
  }));
  if (random.oneIn(12)) others.push({ words: ['--verbatim'], isCommand: false });
  if (random.oneIn(30)) others.push({ words: ['--pack=lz'], isCommand: true });
  return [{ words: [], isCommand: random.oneIn(12) }, ...others];
}
