/** Which lines and branches of the sources the tests reach that run in one process. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: [
      // Minutes for damaged inputs, of which one run in the other configuration is enough.
      'test/malformed/*.test.ts',
      'test/elf/{archive,damage}.test.ts',
      'test/linkCache.test.ts',
      'test/largeInputs.test.ts',
      'test/limits/*.test.ts',
      'test/fuzz/*.test.ts',
      // They cannot be loaded without the programs that they run.
      'test/config.test.ts',
      'test/inspect/*.test.ts',
    ],
    setupFiles: 'test/mutation/setup.ts',
    testTimeout: 120_000,
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Parts that only browsers run, and the command line, which tests start as a process.
      exclude: ['src/report/page/**', 'src/cli/**', 'src/node/**'],
      reporter: ['text-summary'],
      reportsDirectory: '.mutation/coverage',
    },
  },
});
