/** Keeps tests in this process, where coverage is counted and mutants are. */
import { TestRunner, vi } from 'vitest';

// In CI a program that is missing is an error.
delete process.env.CI;

// A test is skipped from where it would run a program on.
const skip = vi.hoisted(() => () => {
  TestRunner.getCurrentTest()?.context.skip('runs a program');
  // While tests are collected they ask which programs there are: none.
  return { status: 127, signal: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
});
vi.mock('node:child_process', () => ({
  execFileSync: skip,
  execSync: skip,
  fork: skip,
  spawn: skip,
  spawnSync: skip,
}));
vi.mock('./spawnApart.ts', () => ({ spawnApart: skip }));
