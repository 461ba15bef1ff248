/** The fixtures compiled anew by the compilers of this machine, and compared with what GNU ld links from them. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES, type FixtureProgram, fixturePrograms } from './programs.ts';
import { hasTool, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();
const HAS_LD = hasTool('ld');

/** Links with tinyelf and runs; then the same inputs with GNU ld, whose program must do the same. */
function expectSameAsLd(program: FixtureProgram, cwd: string): void {
  const ours = join(folder, 'ours');
  const { code, stderr } = tinyelf(['link', ...program.inputs, ...program.flags, '-o', ours], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const outcome = run(ours, program.args);
  expect({ code: outcome.code, stdout: outcome.stdout.toString() }).toEqual({
    code: program.exitCode,
    stdout: program.stdout,
  });
  if (program.ldFlags === null || !HAS_LD) return;
  const theirs = join(folder, 'theirs');
  expect(run('ld', [...program.ldFlags, ...program.inputs, '-o', theirs], { cwd }).stderr).not.toMatch(
    /error/,
  );
  const expected = run(theirs, program.args);
  expect({ code: outcome.code, stdout: outcome.stdout.toString() }).toEqual({
    code: expected.code,
    stdout: expected.stdout.toString(),
  });
  expect(readFileSync(ours).length).toBeLessThan(readFileSync(theirs).length);
}

describe('compiled here', () => {
  const copy = join(folder, 'fixtures');
  cpSync(FIXTURES, copy, { recursive: true });

  for (const name of readdirSync(FIXTURES)) {
    const programs = fixturePrograms().filter((program) => program.folder === join(FIXTURES, name));
    if (programs.length === 0) continue;
    const { tools } = JSON.parse(readFileSync(join(FIXTURES, name, 'program.json'), 'utf8'));
    it.skipIf(!tools.every(hasTool))(name, () => {
      expect(run('bash', [join(copy, name, 'build.sh')])).toMatchObject({ code: 0 });
      for (const program of programs) expectSameAsLd(program, join(copy, name));
    });
  }
});

describe('Rust against the prebuilt libraries', () => {
  const source = join(FIXTURES, 'rust-alloc');
  const [live] = JSON.parse(readFileSync(join(source, 'program.json'), 'utf8')).live;

  it.skipIf(!hasTool('rustc'))('links alloc, core and compiler_builtins rlibs', () => {
    const objects = join(folder, 'live');
    const { code, stdout } = run('bash', [join(source, live.script), objects]);
    expect(code).toBe(0);
    const inputs = [join(objects, 'main.o'), ...stdout.toString().trim().split('\n')];
    expectSameAsLd({ ...live, id: 'live', folder: source, inputs }, source);
  });

  it.skipIf(!hasTool('rustc'))('links an object from a pipe', () => {
    const args = ['--crate-type=bin', '--emit=obj', '-Copt-level=z', '-Cpanic=abort', '-o', '-', 'main.rs'];
    const object = run('rustc', ['--edition=2024', ...args], { cwd: join(FIXTURES, 'exit42') });
    const output = join(folder, 'piped');
    expect(tinyelf(['link', '-', '-o', output], { input: object.stdout }).code).toBe(0);
    expect(run(output, []).code).toBe(42);
  });

  it.skipIf(!hasTool('rustc'))('is the linker behind rustc for a no_std program', () => {
    const output = join(folder, 'behind-rustc');
    const linker = join(FIXTURES, '../bin/ld.tinyelf.js');
    const flags = ['-Copt-level=z', '-Cpanic=abort', '-Crelocation-model=static', `-Clinker=${linker}`];
    const { code, stderr } = run(
      'rustc',
      ['--edition=2024', ...flags, '-Clinker-flavor=ld', '-o', output, 'main.rs'],
      {
        cwd: join(FIXTURES, 'exit42'),
      },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(run(output, []).code).toBe(42);
  });
});
