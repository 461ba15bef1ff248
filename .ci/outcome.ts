/**
 * Says what has become of the tests, given the paths of reports as JSON: of all tests, and of runs of some of them. What
 * failed is said again, because a log's end is what a reader has; the last line has the numbers.
 */
import { readFileSync } from 'node:fs';

/** What vitest's reporter `json` writes, as far as it is of use here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  /** Why a file has no results. */
  readonly message: string;
  readonly assertionResults: readonly {
    readonly fullName: string;
    readonly status: string;
    readonly duration?: number;
    readonly failureMessages: readonly string[];
  }[];
}

/** Lines of a message that are shown, and characters of each. */
const LINES = 12;
const WIDTH = 300;

const [all, ...others] = process.argv.slice(2).map((path): Report => JSON.parse(readFileSync(path, 'utf8')));
let failed = 0;
for (const { numFailedTests, testResults } of [all!, ...others]) {
  failed += numFailedTests + testResults.filter(isWithoutTests).length;
  for (const result of testResults) sayFailures(result);
}
console.log(`${all!.numPassedTests} passed, ${failed} failed`);

/** Whether a file has failed before any test of it could. */
function isWithoutTests({ status, assertionResults }: FileResult): boolean {
  return status === 'failed' && assertionResults.every((test) => test.status !== 'failed');
}

function sayFailures(result: FileResult): void {
  const { name, message, assertionResults } = result;
  if (isWithoutTests(result)) console.log(`FAILED ${name}: ${message}`);
  for (const { fullName, status, duration = 0, failureMessages } of assertionResults) {
    if (status !== 'failed') continue;
    console.log(`FAILED ${name}: ${fullName} (${Math.round(duration)} ms)`);
    for (const text of failureMessages) console.log(shortened(text));
  }
}

/** A message without the frames of the test runner. */
function shortened(text: string): string {
  const lines = text.split('\n').filter((line) => !line.includes('/node_modules/'));
  return lines
    .slice(0, LINES)
    .map((line) => line.slice(0, WIDTH))
    .join('\n');
}
