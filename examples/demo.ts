/** Links every fixture program, runs it, and shows its size beside ld's; then the smallest one, byte by byte. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { behaves, isInstalled, linkWith, linkWithTinyelf, run, TINYELF } from '../bench/tools.ts';
import { styleFor } from '../src/cli/style.ts';
import { type FixtureProgram, fixturePrograms } from '../test/programs.ts';

interface Linked {
  readonly program: FixtureProgram;
  readonly size: number;
  readonly output: string;
}

const style = styleFor('stdout');
const recorded = JSON.parse(
  readFileSync(fileURLToPath(new URL('../bench/recorded.json', import.meta.url)), 'utf8'),
);
const hasLd = isInstalled('ld');
const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-demo-'));

const heading = `${'program'.padEnd(24)}${'tinyelf'.padStart(9)}${'ld'.padStart(9)}  `;
console.log(style.strong(`${heading}what it does`));
const linked = fixturePrograms().map(linkAndRun);
console.log(
  style.faint(
    hasLd ? `ld: ${version('ld')}` : `ld is not installed; its sizes were recorded with ${recorded.linker}`,
  ),
);
showSmallest(linked.reduce((a, b) => (b.size < a.size ? b : a)));
rmSync(scratch, { recursive: true });

function linkAndRun(program: FixtureProgram, i: number): Linked {
  const output = join(scratch, `${i}`);
  const size = linkWithTinyelf(program, output);
  const works = behaves(program, output);
  if (!works) process.exitCode = 1;
  const ld = hasLd ? linkWith('ld', program, `${output}.ld`) : recorded.sizes[program.id];
  const verdict = works ? program.title : style.error('does not behave as expected');
  console.log(`${program.id.padEnd(24)}${`${size}`.padStart(9)}${`${ld ?? '-'}`.padStart(9)}  ${verdict}`);
  return { program, size, output };
}

function showSmallest({ program, output }: Linked): void {
  const name = basename(program.id);
  copyFileSync(output, join(scratch, name));
  console.log(`\n${style.strong('the smallest:')}`);
  spawnSync(process.execPath, [TINYELF, 'inspect', name], { cwd: scratch, stdio: 'inherit' });
}

function version(command: string): string {
  return run(command, ['--version']).stdout.split('\n')[0] ?? '';
}
