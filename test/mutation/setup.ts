/** Makes tests of one process fit for mutants, which are nowhere else, and for being run thousands of times. */
import type fastCheck from 'fast-check';
import { beforeEach, TestRunner, vi } from 'vitest';

// Properties are tried less often, and what fails has been noticed: nobody reads a small example of it.
vi.mock('fast-check', async (importOriginal) => {
  const original = await importOriginal<{ default: typeof fastCheck }>();
  const assert = (property: fastCheck.IProperty<unknown>, parameters: fastCheck.Parameters<unknown> = {}) => {
    const numRuns = Math.min(parameters.numRuns ?? 100, 100);
    original.default.assert(property, { seed: 1, ...parameters, numRuns, endOnFailure: true });
  };
  return { ...original, assert, default: { ...original.default, assert } };
});

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

/** Tests that take seconds for what nothing but their length can find. */
const LONG = /survives \d+ random changes|merges half a million strings/;

beforeEach(({ task, skip }) => {
  if (LONG.test(task.name)) skip('takes long');
});
