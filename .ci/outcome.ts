/**
 * Says what has become of the tests, given the path of their report as JSON. What failed is said again, because a log's
 * end is what a reader has; the last line has the numbers.
 */
import { readFileSync } from 'node:fs';

/** What vitest's reporter `json` writes, as far as it is of use here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
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
  }[];
}

/** Lines of a message that are shown, and characters of each. */
const LINES = 12;
const WIDTH = 300;

const { numPassedTests, numFailedTests, testResults }: Report = JSON.parse(
  readFileSync(process.argv[2]!, 'utf8'),
);
for (const { name, status, message, assertionResults } of testResults) {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (status === 'failed' && failed.length === 0) console.log(`FAILED ${name}: ${message}`);
  for (const { fullName, duration = 0, failureMessages } of failed) {
    console.log(`FAILED ${name}: ${fullName} (${Math.round(duration)} ms)`);
    for (const text of failureMessages) console.log(shortened(text));
  }
}
console.log(`${numPassedTests} passed, ${numFailedTests} failed`);

/** A message without the frames of the test runner. */
function shortened(text: string): string {
  const lines = text.split('\n').filter((line) => !line.includes('/node_modules/'));
  return lines
    .slice(0, LINES)
    .map((line) => line.slice(0, WIDTH))
    .join('\n');
}
