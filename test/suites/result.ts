/** What a test suite says of itself. */
import type { Suite } from './suites.ts';

export interface Result {
  readonly passed: number;
  /** What was said of each test that failed, or the exit status. */
  readonly failures: readonly string[];
}

/** Reads what a suite printed. */
export function resultOf({ passed, failed }: Suite, code: number | null, output: string): Result {
  const numbers = [...output.matchAll(passed)].map(([, number]) => Number(number ?? 1));
  const failures = (failed && output.match(failed)) ?? [];
  return {
    passed: numbers.reduce((sum, number) => sum + number, 0),
    failures: failures.length === 0 && code !== 0 ? [`exit status ${code}`] : failures,
  };
}

/** In what a result is worse than that of another linker's programs: nothing if it is not. */
export function worse(ours: Result, theirs: Result): string[] {
  const problems = ours.failures.filter((failure) => !theirs.failures.includes(failure));
  if (ours.passed < theirs.passed) problems.push(`${ours.passed} tests pass, with ld ${theirs.passed}`);
  if (ours.passed === 0) problems.push('no test passes');
  return problems;
}
