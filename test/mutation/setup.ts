/** Makes tests fit for being run thousands of times. */
import type fastCheck from 'fast-check';
import { beforeEach, vi } from 'vitest';

// Properties are tried less often, and what fails has been noticed: nobody reads a small example of it.
vi.mock('fast-check', async (importOriginal) => {
  const original = await importOriginal<{ default: typeof fastCheck }>();
  const assert = (property: fastCheck.IProperty<unknown>, parameters: fastCheck.Parameters<unknown> = {}) => {
    const numRuns = Math.min(parameters.numRuns ?? 100, 100);
    original.default.assert(property, { seed: 1, ...parameters, numRuns, endOnFailure: true });
  };
  return { ...original, assert, default: { ...original.default, assert } };
});

/** Tests that take seconds for what nothing but their length can find. */
const LONG = /survives \d+ random changes|merges half a million strings|takes a name, or all methods/;

beforeEach(({ task, skip }) => {
  if (LONG.test(task.name)) skip('takes long');
});
