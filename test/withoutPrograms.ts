/** Keeps tests in this process, where coverage is counted and mutants are. */
import { TestRunner, vi } from 'vitest';

// In CI a program that is missing is an error.
delete process.env.CI;

// A test is skipped from where it would run a program on.
vi.mock('node:child_process', () => {
  const skip = () => {
    TestRunner.getCurrentTest()?.context.skip('runs a program');
    // While tests are collected they ask which programs there are: none.
    return { status: 127, signal: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  };
  return { execFileSync: skip, execSync: skip, fork: skip, spawn: skip, spawnSync: skip };
});
