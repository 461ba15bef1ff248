/**
 * Sizes of the fixture programs beside those of other linkers with their smallest flags, all linked from the same
 * objects in one run; each file is run, and `!` marks one that misbehaves. `--record` keeps ld's sizes for machines without ld.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FixtureProgram, fixturePrograms } from '../test/programs.ts';
import { behaves, isInstalled, linkWith, linkWithTinyelf, run } from './tools.ts';

const RECORD = fileURLToPath(new URL('recorded.json', import.meta.url));
const LINKERS = ['ld', 'ld.lld', 'mold'].filter(isInstalled);

const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-'));
const recorded: Record<string, number> = {};

console.log(['program'.padEnd(24), 'tinyelf', ...LINKERS].map((cell) => cell.padStart(9)).join(''));
for (const program of fixturePrograms()) {
  const output = join(scratch, 'program');
  const cells = [`${linkWithTinyelf(program, output)}${mark(program, output)}`];
  if (!behaves(program, output)) process.exitCode = 1;
  for (const linker of LINKERS) {
    const size = linkWith(linker, program, output);
    cells.push(size === undefined ? '-' : `${size}${mark(program, output)}`);
    if (linker === 'ld' && size !== undefined) recorded[program.id] = size;
  }
  console.log([program.id.padEnd(24), ...cells.map((cell) => cell.padStart(9))].join(''));
}
rmSync(scratch, { recursive: true });
if (process.argv.includes('--record')) record();

/** `!` behind the size of a file that does not behave as its fixture says. */
function mark(program: FixtureProgram, output: string): string {
  return behaves(program, output) ? '' : '!';
}

function record(): void {
  const linker = run('ld', ['--version']).stdout.split('\n')[0];
  writeFileSync(RECORD, `${JSON.stringify({ linker, sizes: recorded }, null, 2)}\n`);
}
