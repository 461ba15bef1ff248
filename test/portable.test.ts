/** `--compat portable` in an emulator whose loader looks at more than Linux does: qemu-user. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixturePrograms } from './programs.ts';
import { hasTool, run, scratchFolder, tinyelf } from './run.ts';

const EMULATOR = 'qemu-x86_64';
const folder = scratchFolder();
const programs = fixturePrograms().filter(({ flags }) => !flags.includes('--verbatim'));

describe.skipIf(!hasTool(EMULATOR))('under qemu-user', () => {
  it.each(programs)('$id runs with a portable header', (program) => {
    const output = join(folder, 'program');
    const args = ['link', ...program.inputs, ...program.flags, '--compat', 'portable', '-o', '-'];
    const { code, stdout } = tinyelf(args, { cwd: program.folder });
    expect(code).toBe(0);
    writeFileSync(output, stdout);
    chmodSync(output, 0o755);
    const outcome = run(EMULATOR, [output, ...program.args]);
    expect({ code: outcome.code, stdout: outcome.stdout.toString() }).toEqual({
      code: program.exitCode,
      stdout: program.stdout,
    });
  });

  it('a header with parts of the program where it looks is refused, as the model says', () => {
    const output = join(folder, 'filled');
    const { inputs, folder: cwd } = programs.find(({ id }) => id === 'exit42')!;
    const { stdout } = tinyelf(['link', ...inputs, '-o', '-'], { cwd });
    writeFileSync(output, stdout);
    chmodSync(output, 0o755);
    expect(run(EMULATOR, [output]).code).not.toBe(42);
    const { stdout: verdict } = tinyelf(['check', output]);
    expect(verdict.toString()).toMatch(/qemu-user +refused/);
  });
});
