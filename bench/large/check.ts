/**
 * Links the LLVM tool and clang with each linker and has the programs do real work, which must come out as it does
 * from Debian's own.  check.ts [LINKER...]  (all that are installed unless named)
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../cache.ts';
import { installedLinkers, type Linker, type LinkInput, linkArgs } from '../linkers.ts';
import { run } from '../tools.ts';
import { missingPackages, prepareClang, prepareTool } from './prepare.ts';
import { clangTasks, doesTask, missingReferences, type Task, toolTasks } from './work.ts';

const wanted = process.argv.slice(2);
const missing = [...missingPackages(), ...missingReferences()];

if (missing.length > 0) {
  console.error(`not installed: ${missing.join(' ')}`);
  process.exitCode = 2;
} else {
  const folder = cacheFolder('large');
  checkAll('tool', prepareTool(), toolTasks(folder));
  checkAll('clang', prepareClang(), clangTasks(folder));
}

function checkAll(name: string, input: LinkInput, tasks: readonly Task[]): void {
  for (const linker of installedLinkers()) {
    if (wanted.length > 0 && !wanted.includes(linker.name)) continue;
    const failures = check(linker, input, tasks);
    if (failures.length > 0) process.exitCode = 1;
    console.log(
      `${name} by ${linker.name}: ${failures.length === 0 ? 'right' : `WRONG: ${failures.join(', ')}`}`,
    );
  }
}

/** Links and lets the program work. @returns what went wrong */
function check(linker: Linker, input: LinkInput, tasks: readonly Task[]): string[] {
  const program = join(input.folder, 'program');
  const { code, stderr } = run(linker.command, linkArgs(linker, input, program), input.folder);
  if (code !== 0) return [stderr];
  const failures = tasks.filter((task) => !doesTask(input.folder, program, task)).map(({ name }) => name);
  console.log(`${statSync(program).size} bytes, ${tasks.length} tasks`);
  rmSync(program);
  return failures;
}
