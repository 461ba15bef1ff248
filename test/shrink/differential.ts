/**
 * Runs generated programs as they are linked without shrinking code and with it, and with instructions in another order:
 * all must do the same. The one that is not shrunk says what is right, so programs may do whatever is defined on this
 * machine.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linkWords, recordWords } from '../linkWords.ts';
import { linkMoved } from '../pack/moved.ts';
import { spawnApart } from '../spawnApart.ts';
import { type Build, type Language, randomBuild } from './builds.ts';
import { Random } from './random.ts';
import { randomC, type SourceFile } from './randomC.ts';
import { randomCpp } from './randomCpp.ts';
import { randomRust } from './randomRust.ts';

export const DRIVER_DIR = fileURLToPath(new URL('../../bin/driver', import.meta.url));
/**
 * Milliseconds that a program may take as it is, or else it is left out, and shrunk: much more, so that it is no
 * difference if the machine is busy just then.
 */
const RUN_LIMIT = 4_000;
const SHRUNK_RUN_LIMIT = 40_000;
/** Milliseconds for a compiler and for the link of the reference; a program for which that is too little is left out. */
const COMPILE_LIMIT = 120_000;
/** For a link that shrinks code: only one that hangs takes longer, and that is a difference. */
const SHRUNK_LINK_LIMIT = 10 * COMPILE_LIMIT;
/** Where Debian has the headers that csmith's programs include. */
export const CSMITH_HEADERS = '/usr/include/csmith';

/** Links what a packer makes of the program where it may move instructions, and has moved as many as it can. */
const MOVED = 'moved';

/** Where the sources of a program come from. */
export type Generator = Language | 'csmith';

/** What became of one program. */
export interface Verdict {
  /** `different` is what must not be; `unusable` are programs that do not compile or do not end. */
  readonly kind: 'same' | 'different' | 'unusable';
  /** What is different, or why the program cannot be used. */
  readonly detail: string;
  /** Commands that make it again, in its folder. */
  readonly commands: readonly string[];
}

interface Outcome {
  readonly status: number | null;
  readonly text: string;
  /** Whether it was ended from outside, by a signal or since it took too long. */
  readonly isOver: boolean;
}

/**
 * Makes a program of a seed in a folder, and compares what it does with and without shrinking.
 * @param isQuick whether to link in this process, which a link that hangs stops; rustc links by a command in any case
 */
export function compareProgram(
  generator: Generator,
  seed: number,
  folder: string,
  tools: ReadonlySet<string>,
  isQuick: boolean,
): Verdict {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const random = new Random(seed ^ 0x5eed);
  const build = randomBuild(random, generator === 'csmith' ? 'c' : generator, tools);
  const modes = random.oneIn(3) ? ['safe', 'all'] : ['safe'];
  const more = tools.has('nasm') && isQuick && generator !== 'rust' ? [MOVED] : [];
  return new Comparison(folder, build, isQuick, seed).compare(generator, seed, [...modes, ...more]);
}

class Comparison {
  readonly #folder: string;
  readonly #build: Build;
  readonly #isQuick: boolean;
  readonly #seed: number;
  readonly #commands: string[] = [];
  /** What the driver tells its linker. */
  #words: readonly string[] | undefined;

  constructor(folder: string, build: Build, isQuick: boolean, seed: number) {
    this.#folder = folder;
    this.#seed = seed;
    this.#build = build;
    this.#isQuick = isQuick && build.linker !== 'rustc';
  }

  compare(generator: Generator, seed: number, modes: readonly string[]): Verdict {
    const sources = this.#write(generator, seed);
    const objects = generator === 'rust' ? sources : this.#compile(sources);
    if (!objects) return this.#verdict('unusable', 'does not compile');
    const reference = this.#linkAndRun(objects, 'none');
    if (reference.isOver) return this.#verdict('unusable', reference.text);
    for (const mode of modes) {
      const outcome = this.#linkAndRun(objects, mode);
      const isSame = outcome.text === reference.text && outcome.status === reference.status;
      if (!isSame || outcome.isOver)
        return this.#verdict('different', `${mode}: ${describe(reference, outcome)}`);
    }
    return this.#verdict('same', '');
  }

  #verdict(kind: Verdict['kind'], detail: string): Verdict {
    return { kind, detail, commands: this.#commands };
  }

  /** @returns names of files */
  #write(generator: Generator, seed: number): string[] {
    if (generator === 'csmith') {
      this.#run('csmith', ['--seed', `${seed}`, '--output', 'csmith.c'], COMPILE_LIMIT);
      return ['csmith.c'];
    }
    const sources = generateSources(generator, seed);
    for (const { name, text } of sources) writeFileSync(join(this.#folder, name), text);
    return sources.map(({ name }) => name);
  }

  /** @returns names of objects, or undefined if a source does not compile */
  #compile(sources: readonly string[]): string[] | undefined {
    const { compiler, compile, isStripped, isCombined } = this.#build;
    const args = [...compile, `-I${CSMITH_HEADERS}`, '-c', ...sources];
    if (this.#run(compiler, args, COMPILE_LIMIT).status !== 0) return undefined;
    const objects = sources.map((name) => name.replace(/\.\w+$/, '.o'));
    if (isStripped) this.#run('strip', ['--strip-unneeded', ...objects], COMPILE_LIMIT);
    if (!isCombined) return objects;
    return this.#run('ld', ['-r', ...objects, '-o', 'all.o'], COMPILE_LIMIT).status === 0
      ? ['all.o']
      : undefined;
  }

  #linkAndRun(objects: readonly string[], mode: string): Outcome {
    const isReference = mode === 'none';
    const linked = this.#isQuick
      ? this.#linkHere(objects, mode)
      : this.#link(objects, mode, isReference ? COMPILE_LIMIT : SHRUNK_LINK_LIMIT);
    // That nothing could be linked is what is compared then.
    return linked.status === 0
      ? this.#run(`./${mode}`, [], isReference ? RUN_LIMIT : SHRUNK_RUN_LIMIT)
      : { ...linked, isOver: true };
  }

  #link(objects: readonly string[], mode: string, limit: number): Outcome {
    const { linker, link, compile } = this.#build;
    const ours = [`-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`];
    const args =
      linker === 'rustc'
        ? [...compile, '-Clinker=gcc', ...ours.map((arg) => `-Clink-arg=${arg}`)]
        : [...link, ...ours];
    return this.#run(linker, [...args, ...objects, '-o', mode], limit);
  }

  #linkHere(objects: readonly string[], mode: string): Outcome {
    const { linker, link } = this.#build;
    this.#words ??= recordWords(linker, [...link, ...objects, '-o', 'none'], this.#folder);
    this.#commands.push([linker, ...link, `-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`, ...objects].join(' '));
    try {
      if (mode === MOVED)
        linkWords(this.#words, this.#folder, mode, (files, options) => linkMoved(files, options, this.#seed));
      else linkWords([...this.#words, `--shrink=${mode}`], this.#folder, mode);
      return { status: 0, text: '', isOver: false };
    } catch (error) {
      return { status: 1, text: `${error}`, isOver: false };
    }
  }

  #run(command: string, args: readonly string[], timeout: number): Outcome {
    this.#commands.push([command, ...args].join(' '));
    const options = {
      cwd: this.#folder,
      timeout,
      killSignal: 'SIGKILL',
      input: '',
      maxBuffer: 2 ** 26,
    } as const;
    const { status, signal, stdout, stderr, error } = spawnApart(command, args, options);
    const isOver = error !== undefined || signal !== null;
    return { status, text: `${stdout}${stderr}${signal ?? ''}${error?.message ?? ''}`, isOver };
  }
}

function generateSources(language: Language, seed: number): SourceFile[] {
  switch (language) {
    case 'c':
      return randomC(seed);
    case 'c++':
      return randomCpp(seed);
    case 'rust':
      return randomRust(seed);
  }
}

/** The first line that is not the same. */
function describe(expected: Outcome, actual: Outcome): string {
  const [left, right] = [expected.text.split('\n'), actual.text.split('\n')];
  const line = left.findIndex((text, k) => text !== right[k]);
  if (line < 0 && left.length === right.length)
    return `exits with ${actual.status} instead of ${expected.status}`;
  const at = line < 0 ? left.length : line;
  return `line ${at + 1} is "${right[at] ?? ''}" instead of "${left[at] ?? ''}"`;
}
