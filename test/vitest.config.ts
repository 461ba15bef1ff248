import { register } from 'tsx/esm/api';
import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './sequencer.ts';

// For the file of globalSetup.
register();

/** Tests that replace modules of the sources, which Vite's modules can be and those of Node.js 20 cannot. */
const REPLACING = 'test/verify.test.ts';

/** Of every test. */
const COMMON = { setupFiles: 'test/seed.ts', testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    globalSetup: ['test/temporary.ts', 'test/setup.ts'],
    // Most tests wait for programs that they run.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...COMMON,
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, REPLACING],
          // Vite puts a getter in front of whatever a module takes from another: loops that link and pack take twice as
          // long. Node.js does not.
          experimental: { viteModuleRunner: false, nodeLoader: false },
          execArgv: ['--import', 'tsx'],
          // Half a second for each file would go into loading the same modules anew.
          isolate: false,
        },
      },
      { test: { ...COMMON, name: 'replacing', include: [REPLACING] } },
    ],
  },
});
