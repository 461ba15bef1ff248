/**
 * `npm run test:suites [-- NAME...]`: links programs that somebody else wrote with tinyelf, with tinyelf --shrink=none
 * and with ld, and runs the test suites that come with them. It fails where tests fail that pass with ld. Sources that
 * are not there yet are fetched from Debian; they and what the suites print are kept in node_modules/.cache/suites.
 */
import { cacheFolder } from '../../bench/cache.ts';
import { isInstalled } from '../../bench/tools.ts';
import { Sources } from '../sources.ts';
import { LINKERS } from './linked.ts';
import { Program, type Report } from './program.ts';
import { SUITES, type Suite } from './suites.ts';

/** @param names of suites, or none for all */
function main(names: readonly string[]): number {
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) throw new Error(`no suites: ${unknown.join(' ')}`);
  const sources = new Sources(cacheFolder('suites'));
  let failures = 0;
  printRow('program', ['compiler', 'passed', 'failed', ...LINKERS]);
  for (const suite of SUITES) {
    if (names.length > 0 && !names.includes(suite.name)) continue;
    const missing = missingTools(suite);
    if (missing.length > 0) console.log(`${suite.name}: not installed: ${missing.join(' ')}`);
    else failures += test(suite, sources);
  }
  return failures > 0 ? 1 : 0;
}

/** @returns how many problems there are */
function test(suite: Suite, sources: Sources): number {
  const { passed, failed, sizes, problems } = reportOf(suite, sources);
  printRow(suite.name, [suite.cxx ?? suite.cc, ...[passed, failed, ...sizes].map(String)]);
  for (const problem of problems) console.log(`  ${problem}`);
  return problems.length;
}

function reportOf(suite: Suite, sources: Sources): Report {
  try {
    return new Program(suite, sources.fetch(suite.source)).test();
  } catch (error) {
    return { passed: 0, failed: 0, sizes: [], problems: [(error as Error).message] };
  }
}

function missingTools({ cc, cxx, tools }: Suite): string[] {
  return [cc, cxx ?? cc, ...tools, 'ld', 'make'].filter((tool) => !isInstalled(tool));
}

function printRow(name: string, cells: readonly string[]): void {
  console.log([name.padEnd(20), ...cells.map((cell) => cell.padStart(10))].join(''));
}

process.exitCode = main(process.argv.slice(2));
