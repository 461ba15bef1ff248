import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installedNodes } from './nodes.ts';
import { FIXTURES } from './programs.ts';
import { run, scratchFolder, TINYELF } from './run.ts';

const scratch = scratchFolder();
const PROGRAMS = ['c-objects/static', 'rust-println'];
const OUTPUTS = ['out', 'out.map', 'out.json', 'out.debug', 'out.d', 'out.tar'];

interface Way {
  readonly node?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly umask?: string;
  /** Arguments of Node. */
  readonly flags?: readonly string[];
}

/** A folder with the objects of a program, and what to link there. */
function prepare(name: string, program: string): { folder: string; inputs: string[] } {
  const folder = join(scratch, name);
  mkdirSync(folder, { recursive: true });
  cpSync(join(FIXTURES, program), folder, { recursive: true });
  const inputs = readdirSync(folder).filter((file) => /\.(o|a|rlib)$/.test(file));
  return { folder, inputs: inputs.sort() };
}

/** Links in a folder. @returns everything that has been written, and printed */
function made(folder: string, words: readonly string[], way: Way = {}): Record<string, string> {
  const outputs = ['-o', 'out', '--map', 'out.map', '--map-json', 'out.json', '--debug-file', 'out.debug'];
  const sides = ['--dependency-file', 'out.d', '--reproduce', 'out.tar', '--print-map', '--print-shrink'];
  const command = [...(way.flags ?? []), TINYELF, 'link', '--builtins=mem', ...words, ...outputs, ...sides];
  const script = `umask ${way.umask ?? '022'}; exec "$@"`;
  const { stdout, stderr, code } = run('sh', ['-c', script, 'sh', way.node ?? process.execPath, ...command], {
    cwd: way.cwd ?? folder,
    ...(way.env ? { env: way.env } : {}),
  });
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const files = OUTPUTS.map((name) => {
    const path = join(way.cwd ?? folder, name);
    const text = readFileSync(path, 'latin1');
    rmSync(path);
    return [name, text] as const;
  });
  return { ...Object.fromEntries(files), stdout: stdout.toString() };
}

describe.each(PROGRAMS)('all that is written for %s', (program) => {
  let folder = '';
  let inputs: string[] = [];
  let expected: Record<string, string> = {};

  beforeAll(() => {
    ({ folder, inputs } = prepare(program.replace('/', '-'), program));
    expected = made(folder, inputs);
    expect(expected.out!.startsWith('\x7fELF')).toBe(true);
  });

  const nodes = installedNodes();
  it.skipIf(nodes.length === 0).each(nodes)('is the same under %s', (node) => {
    expect(made(folder, inputs, { node })).toEqual(expected);
  });

  it.each<[string, Way]>([
    ['the C locale', { env: { LC_ALL: 'C', LANG: 'C' } }],
    ['the Turkish locale', { env: { LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8', LANGUAGE: 'tr' } }],
    ['another time zone', { env: { TZ: 'Pacific/Kiritimati' } }],
    ['no permissions for others', { umask: '077' }],
    ['no folder for temporary files', { env: { TMPDIR: '/nonexistent', HOME: '/nonexistent' } }],
    ['another user and host', { env: { USER: 'nobody', LOGNAME: 'nobody', HOSTNAME: 'elsewhere' } }],
    ['without an optimizing compiler', { flags: ['--no-opt'] }],
    ['with another seed of hashes', { flags: ['--hash-seed=42'] }],
  ])('is the same under %s', (_, way) => {
    expect(made(folder, inputs, way)).toEqual(expected);
  });

  it('is the same at another time, with files of another', () => {
    const clock = join(scratch, 'clock.cjs');
    writeFileSync(clock, 'Date.now = () => 981173106000; Math.random = () => 0.5;');
    for (const name of inputs) utimesSync(join(folder, name), 1, 1);
    expect(made(folder, inputs, { flags: ['-r', clock] })).toEqual(expected);
  });

  it('is the same in another folder, and behind a link', () => {
    const other = prepare(`${program.replace('/', '-')}-elsewhere/with a longer name`, program).folder;
    expect(made(other, inputs)).toEqual(expected);
    const alias = join(scratch, `${program.replace('/', '-')}-alias`);
    symlinkSync(folder, alias);
    expect(made(folder, inputs, { cwd: alias })).toEqual(expected);
  });

  it('is the same executable by absolute paths and from anywhere', () => {
    const cwd = join(scratch, 'anywhere');
    mkdirSync(cwd, { recursive: true });
    const absolute = inputs.map((name) => join(folder, name));
    const dotted = inputs.map((name) => `./../${folder.split('/').at(-1)}/./${name}`);
    for (const words of [absolute, dotted]) expect(made(folder, words, { cwd }).out).toBe(expected.out);
  });

  it('is the same executable wherever options and archives stand', () => {
    const archives = inputs.filter((name) => !name.endsWith('.o'));
    const objects = inputs.filter((name) => name.endsWith('.o'));
    const options = ['--icf=safe', '--shrink=safe'];
    for (const words of [
      [...archives, ...objects],
      [...objects, ...archives],
      [...options, ...inputs],
      [...inputs, ...options],
      [...inputs, ...archives],
    ])
      expect(made(folder, words).out).toBe(expected.out);
  });
});
