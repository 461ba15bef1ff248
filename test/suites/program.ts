/** One program and its suite: linked once by each linker, then tested as one linker has made it after the other. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LINKERS, type LinkerName, linkedBy, removeLinked, useLinked } from './linked.ts';
import { type Result, resultOf, worse } from './result.ts';
import type { Suite } from './suites.ts';

const BIN = fileURLToPath(new URL('bin', import.meta.url));
const LIMIT_IN_SECONDS = 1800;

/** What came of a suite. */
export interface Report {
  readonly passed: number;
  readonly failed: number;
  /** Of the program as each linker has made it. */
  readonly sizes: readonly number[];
  /** In what tinyelf's programs are worse than ld's. */
  readonly problems: readonly string[];
}

/** Sources of a program, unpacked. */
export class Program {
  readonly #suite: Suite;
  readonly #tree: string;
  /** File with what tinyelf could not link and ld could. */
  readonly #refused: string;

  constructor(suite: Suite, tree: string) {
    this.#suite = suite;
    this.#tree = tree;
    this.#refused = join(tree, '../refused');
  }

  /** Links the program and runs its tests. */
  test(): Report {
    const problem = this.#build();
    if (problem) return { passed: 0, failed: 0, sizes: [], problems: [problem] };
    const ours = this.#check('tinyelf');
    const theirs = this.#check('ld');
    const problems = worse(ours, theirs);
    if (problems.length > 0) problems.push(this.#causeOf(theirs));
    const path = join(this.#tree, this.#suite.program);
    const sizes = LINKERS.map((linker) => statSync(linkedBy(path, linker)).size);
    return { passed: ours.passed, failed: ours.failures.length, sizes, problems };
  }

  #causeOf(theirs: Result): string {
    return worse(this.#check('none'), theirs).length === 0
      ? 'nothing of this with --shrink=none'
      : 'something of this with --shrink=none too';
  }

  /** @returns why it cannot be linked, or nothing */
  #build(): string {
    removeLinked(this.#tree);
    rmSync(this.#refused, { force: true });
    const { code, output } = this.#run('build', this.#suite.build, 'tinyelf');
    if (existsSync(this.#refused)) return `only ld links ${readFileSync(this.#refused, 'utf8')}`;
    return code === 0 ? '' : `does not build: ${output.slice(-1000)}`;
  }

  #check(linker: LinkerName): Result {
    useLinked(this.#tree, linker);
    const { code, output } = this.#run(`check-${linker}`, this.#suite.check, linker);
    return resultOf(this.#suite, code, output);
  }

  /** Runs commands of a suite, and keeps what they print. */
  #run(name: string, commands: string, linker: LinkerName): { code: number | null; output: string } {
    const script = `exec 2>&1 < /dev/null\nset -e\n${commands}`;
    const args = ['-k', '5', `${LIMIT_IN_SECONDS}`, 'bash', '-c', script];
    const { status, stdout } = spawnSync('timeout', args, {
      cwd: this.#tree,
      env: { ...process.env, ...this.#environment(linker) },
      encoding: 'latin1',
      maxBuffer: 2 ** 28,
    });
    writeFileSync(join(this.#tree, '..', `${name}.log`), stdout, 'latin1');
    return { code: status, output: stdout };
  }

  #environment(linker: LinkerName): Record<string, string> {
    const { cc, cxx } = this.#suite;
    return {
      LC_ALL: 'C',
      CC: join(BIN, 'cc'),
      CXX: join(BIN, 'c++'),
      SUITES_CC: quiet(cc),
      SUITES_CXX: quiet(cxx ?? 'false'),
      SUITES_LINKER: linker,
      SUITES_REFUSED: this.#refused,
    };
  }
}

/** clang tells that it does not need -static to compile, which configure scripts take for a failure. */
function quiet(compiler: string): string {
  return compiler.startsWith('clang') ? `${compiler} -Qunused-arguments` : compiler;
}
