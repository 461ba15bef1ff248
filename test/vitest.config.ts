import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/setup.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most tests wait for programs that they run.
    maxWorkers: 2,
  },
});
