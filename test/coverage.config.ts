/** Which lines and branches of the sources the tests reach that run in one process. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: [
      'test/{elf,explain,fit,header,layout,passes,report,script,shrink,x86}/**/*.test.ts',
      'test/{clusters,contents,expression,image,sizes,units,verify}.test.ts',
    ],
    exclude: [
      // Minutes of damaged inputs.
      'test/elf/{archive,damage}.test.ts',
      'test/script/garbage.test.ts',
      // They cannot be loaded without the programs that they run.
      'test/report/{browser,cli}.test.ts',
    ],
    globalSetup: 'test/temporary.ts',
    setupFiles: ['test/seed.ts', 'test/withoutPrograms.ts'],
    testTimeout: 120_000,
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // What runs in browsers, and what tests start as a process of its own.
      exclude: ['src/report/page/**', 'src/cli/**', 'src/node/**'],
      reporter: ['text-summary'],
      reportsDirectory: '.mutation/coverage',
    },
  },
});
