/** `--pack` on command lines and in configurations. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settleWords } from '../../src/cli/linkArgv.ts';
import { packRequest } from '../../src/cli/packRequest.ts';
import { FIXTURES } from '../programs.ts';
import { LD_TINYELF, run, scratchFolder, tinyelf } from '../run.ts';

const OBJECT = join(FIXTURES, 'hello-rodata/static.o');
const folder = scratchFolder();

/** What a command has written, which ends well. */
function written(command: readonly string[], ...words: readonly string[]): Buffer {
  const args = [...command.slice(1), ...words, OBJECT, '-o', 'out'];
  expect(run(command[0]!, args, { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
  return readFileSync(join(folder, 'out'));
}

const LINK = [process.execPath, join(FIXTURES, '../bin/tinyelf.js'), 'link'];
const LD = [process.execPath, LD_TINYELF];

describe.each([
  ['tinyelf link', LINK, ['--pack']],
  ['ld.tinyelf', LD, ['--pack=auto', '--pack-effort=1']],
])('%s', (_, command, automatic) => {
  it.each([
    [automatic],
    [['--pack=lz', '--pack-effort=9', '--pack-time=0.5']],
    [['--pack=cm', '--pack-effort', '1']],
  ])('writes a program plain that %j would make larger', (words) => {
    expect(written(command, ...words)).toEqual(written(command));
  });

  it.each([
    ['--pack=zip', '--pack zip: expected auto, cm, cmx, cm2, cm3 or lz'],
    ['--pack-effort=0', '--pack-effort 0: expected 1 (fast) to 9 (small)'],
    ['--pack-effort=10', '--pack-effort 10: expected 1 (fast) to 9 (small)'],
    ['--pack-time=0', '--pack-time 0: expected seconds, such as 10 or 0.5'],
    ['--pack-threads=0', '--pack-threads 0: expected 1 to 8'],
    ['--pack-threads=9', '--pack-threads 9: expected 1 to 8'],
    ['--pack-time=soon', '--pack-time soon: expected seconds, such as 10 or 0.5'],
  ])('refuses %s', (word, message) => {
    const { code, stderr } = run(command[0]!, [...command.slice(1), '--pack', word, OBJECT], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });

  it('says what cannot be packed', () => {
    const words = [...command.slice(1), '--pack', '--symbols', OBJECT, '-o', 'none'];
    const { code, stderr } = run(command[0]!, words, { cwd: folder });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/error: this program cannot be packed: .*\n.*hint: link without --pack/),
    });
  });
});

it.each([
  ['tinyelf link', LINK],
  ['ld.tinyelf', LD],
])('effort without anything to pack is a mistake: %s', (_, command) => {
  for (const name of ['--pack-effort', '--pack-time', '--pack-threads']) {
    const { code, stderr } = run(command[0]!, [...command.slice(1), `${name}=1`, OBJECT], { cwd: folder });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`${name} says how to pack`),
    });
  }
});

it('effort may come from the command line where a configuration says to pack', () => {
  writeFileSync(join(folder, 'only.json'), JSON.stringify({ pack: 'lz' }));
  const words = ['--config', 'only.json', '--pack-effort', '1', OBJECT, '-o', 'configured'];
  for (const command of [LINK, LD])
    expect(run(command[0]!, [...command.slice(1), ...words], { cwd: folder })).toMatchObject({ code: 0 });
});

it('--pack takes no operand for its value', () => {
  expect(settleWords(['link', '--pack', 'main.o'])).toEqual(['link', '--pack=auto', 'main.o']);
  expect(settleWords(['link', '--', '--pack'])).toEqual(['link', '--', '--pack']);
});

it('is asked for as values say', () => {
  expect(packRequest({})).toBeUndefined();
  expect(packRequest({ pack: 'auto' })).toEqual({ method: 'auto', level: 5, seconds: undefined });
  const values = { pack: 'cm2', packEffort: '9', packTime: '1.5', packThreads: '2' };
  expect(packRequest(values)).toEqual({ method: 'cm2', level: 9, seconds: 1.5, threads: 2 });
});

it('may stand in a configuration', () => {
  const link = (config: object) => {
    writeFileSync(join(folder, 'pack.json'), JSON.stringify(config));
    return tinyelf(['link', '--config', 'pack.json', OBJECT, '-o', 'configured', '--time'], { cwd: folder });
  };
  expect(link({ pack: 'auto', packEffort: 3, packTime: 2.5, packThreads: 1 })).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('packImage'),
  });
  expect(link({ packEffort: 3 }).stderr).not.toContain('packImage');
  expect(link({ pack: 'zip' }).stderr).toContain('pack: expected one of auto, cm, cmx, cm2, cm3, lz');
  expect(link({ packEffort: 12 }).stderr).toContain('packEffort: 12: expected 1 (fast) to 9 (small)');
  expect(link({ packThreads: 0 }).stderr).toContain('packThreads: 0: expected 1 to 8');
  expect(link({ packTime: '1' }).stderr).toContain('packTime: expected seconds');
});
