/** The tests that mutants are held against: those that are quick, and run in one process. */
import { basename, relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Replaces a module in sources that must not have been loaded yet, and is slow. */
const REPLACING = 'verify';
/** What that test is about. */
const VERIFIED = ['verifyImage', 'verifyRelocations'];

/** Begins with the test that has the name of the mutated file, and goes on with the quickest: one failure will do. */
class NearestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // In the first run, in which nothing is mutated, all mutated files are named.
    const related = this.ctx.config.related ?? [];
    const mutated = related.length === 1 ? basename(related[0]!, '.ts') : undefined;
    const isWanted = mutated === undefined || VERIFIED.includes(mutated);
    const costs = new Map(files.map((file) => [file, this.#costOf(file, mutated)]));
    return files
      .filter((file) => isWanted || nameOf(file) !== REPLACING)
      .sort((a, b) => costs.get(a)! - costs.get(b)!);
  }

  /** Milliseconds that the file took the last time; none for the nearest one. */
  #costOf(file: TestSpecification, mutated: string | undefined): number {
    const name = nameOf(file);
    if (name === REPLACING) return -1;
    if (name === mutated) return 0;
    const { moduleId, project } = file;
    const path = relative(project.config.root, moduleId);
    return this.ctx.cache.getFileTestResults(`${project.name}:${path}`)?.duration ?? 1;
  }
}

function nameOf({ moduleId }: TestSpecification): string {
  return basename(moduleId, '.test.ts');
}

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: [
      'test/{fit,header,layout,passes,script,shrink,x86}/**/*.test.ts',
      'test/elf/{archive,cfi,lsda,object,relocations}.test.ts',
      'test/explain/map.test.ts',
      'test/{builtins,clusters,image,library,report,sizes,verify}.test.ts',
    ],
    // What other tests notice too, and files that do nothing but run programs.
    exclude: [
      'test/fit/{chains,programs,trace}.test.ts',
      'test/script/{garbage,live}.test.ts',
      'test/shrink/{differential,directed,programs,randomRegisters}.test.ts',
    ],
    setupFiles: ['test/withoutPrograms.ts', 'test/mutation/setup.ts'],
    sequence: { sequencer: NearestFirst },
    // Sources are loaded once a mutant.
    isolate: false,
    testTimeout: 60_000,
    maxWorkers: 1,
  },
});
