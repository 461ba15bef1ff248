/** Every fixture program, linked in several ways from committed objects, run on this kernel. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FixtureProgram, fixturePrograms } from './programs.ts';
import { run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();

/** Links a program with additional options and gives the executable's bytes. */
function linked(program: FixtureProgram, options: readonly string[]): Buffer {
  const args = ['link', ...program.inputs, ...program.flags, ...options, '-o', '-'];
  const { code, stdout, stderr } = tinyelf(args, { cwd: program.folder });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

function expectBehaviour(program: FixtureProgram, bytes: Uint8Array, name: string): void {
  const output = join(folder, `${program.id.replace('/', '-')}.${name}`);
  writeFileSync(output, bytes);
  chmodSync(output, 0o755);
  const { code, signal, stdout } = run(output, program.args);
  expect({ code, signal, stdout: stdout.toString() }).toEqual({
    code: program.exitCode,
    signal: null,
    stdout: program.stdout,
  });
}

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  default: [],
  plain: ['--header', 'plain'],
  verbatim: ['--verbatim'],
  low: ['--base', '0x10000'],
};

describe.each(fixturePrograms())('$id', (program) => {
  // Addresses in the source of the seed tie it to one base.
  const variants = Object.entries(VARIANTS).filter(([name]) => program.id !== 'seed' || name !== 'low');

  it.each(variants)('runs when linked %s', (name, options) => {
    expectBehaviour(program, linked(program, options), name);
  });

  it('has no bytes but header, live sections and their alignment', () => {
    const args = ['link', ...program.inputs, ...program.flags, '--json', '-o', join(folder, 'sum')];
    const { map } = JSON.parse(tinyelf(args, { cwd: program.folder }).stdout.toString());
    const { header, text, rodata, data, padding, trimmed } = map.bytes;
    expect(header).toBeLessThanOrEqual(112);
    expect(map.fileSize).toBe(header + text + rodata + data + padding - trimmed);
    const widest = Math.max(...map.sections.map(({ alignment }: { alignment: number }) => alignment));
    expect(padding).toBeLessThan(2 * widest);
  });

  it('comes out the same twice', () => {
    expect(linked(program, []).equals(linked(program, []))).toBe(true);
  });
});

it('links every fixture without dropping anything', () => {
  for (const program of fixturePrograms()) {
    // Dead code of some fixtures refers to names that nothing defines: that is what dropping it is for.
    const args = ['link', ...program.inputs, ...program.flags, '--no-gc-sections', '-o', '-'];
    const { code, stdout, stderr } = tinyelf(args, { cwd: program.folder });
    if (code === 0) expectBehaviour(program, stdout, 'everything');
    else expect(stderr).toMatch(/^tinyelf: error: undefined symbol/);
  }
});
