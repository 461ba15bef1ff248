/**
 * Sizes of the fixture programs beside those of other linkers with their smallest flags, all linked from the same
 * objects in one run; each file is run and must behave. `--record` keeps ld's sizes for machines without ld.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixturePrograms } from '../test/programs.ts';
import { behaves, isInstalled, linkWith, linkWithTinyelf, run } from './tools.ts';

const RECORD = fileURLToPath(new URL('recorded.json', import.meta.url));
const LINKERS = ['ld', 'ld.lld', 'mold'].filter(isInstalled);

const scratch = mkdtempSync(join(tmpdir(), 'tinyelf-'));
const recorded: Record<string, number> = {};
let failures = 0;

console.log(['program'.padEnd(24), 'tinyelf', ...LINKERS].map((cell) => cell.padStart(9)).join(''));
for (const program of fixturePrograms()) {
  const output = join(scratch, 'program');
  const cells = [`${linkWithTinyelf(program, output)}${check(program, output)}`];
  for (const linker of LINKERS) {
    const size = linkWith(linker, program, output);
    cells.push(size === undefined ? '-' : `${size}${check(program, output)}`);
    if (linker === 'ld' && size !== undefined) recorded[program.id] = size;
  }
  console.log([program.id.padEnd(24), ...cells.map((cell) => cell.padStart(9))].join(''));
}
rmSync(scratch, { recursive: true });
if (process.argv.includes('--record')) record();
process.exitCode = failures === 0 ? 0 : 1;

function check(program: Parameters<typeof behaves>[0], output: string): string {
  if (behaves(program, output)) return '';
  failures++;
  return '!';
}

function record(): void {
  const linker = run('ld', ['--version']).stdout.split('\n')[0];
  writeFileSync(RECORD, `${JSON.stringify({ linker, sizes: recorded }, null, 2)}\n`);
}
