/** Budgets on command lines: tables, exit codes, what is written and what is not. */
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES } from '../programs.ts';
import { hasTool, LD_TINYELF, type Outcome, run, scratchFolder, tinyelf } from '../run.ts';

const folder = scratchFolder();
const DRIVER_DIR = join(FIXTURES, '../bin/driver');

beforeAll(() => {
  copyFileSync(join(FIXTURES, 'hello-rodata/static.o'), join(folder, 'small.o'));
  copyFileSync(join(FIXTURES, 'rust-println/lto.o'), join(folder, 'large.o'));
  expect(link('small.o', '-o', 'small', '--map-json', 'small.map.json').code).toBe(0);
});

function link(...words: string[]): Outcome {
  return tinyelf(['link', ...words], { cwd: folder });
}

function writeJson(name: string, value: unknown): string {
  writeFileSync(join(folder, name), JSON.stringify(value));
  return name;
}

describe('link --budget', () => {
  it('prints the table and ends with 0 within the budget', () => {
    const { code, stdout, stderr } = link('small.o', '-o', 'within', '--budget=4k');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.toString()).toMatch(/limit +is +left +share +budget\n +4096 +94 +4002 .* 2 % {2}file\n$/);
  });

  it('writes the executable, says so and ends with 3 over the budget', () => {
    const { code, stdout, stderr } = link('small.o', '-o', 'over', '--budget', '93', '--map', 'over.map');
    expect(code).toBe(3);
    expect(stderr).toBe('tinyelf: error: the file takes 94 bytes, 1 more than its budget of 93\n');
    expect(stdout.toString()).toMatch(/ 93 +94 +-1 .* 102 % {2}file\n$/);
    expect(run(join(folder, 'over'), []).code).toBe(0);
    expect(existsSync(join(folder, 'over.map'))).toBe(true);
  });

  it('ends with 0 when nothing is left', () => {
    expect(link('small.o', '-o', 'exact', '--budget=94').code).toBe(0);
  });

  it('prints the table to standard error when the program goes to standard output', () => {
    const { code, stdout, stderr } = link('small.o', '-o', '-', '--budget=93');
    expect(code).toBe(3);
    expect(stdout.equals(readFileSync(join(folder, 'small')))).toBe(true);
    expect(stderr).toMatch(/^ +limit [\s\S]*file\ntinyelf: error: the file takes/);
  });

  it('is a list in JSON', () => {
    const within = JSON.parse(link('small.o', '-o', 'json', '--budget=100', '--json').stdout.toString());
    const spending = { kind: 'part', name: 'file', limit: 100, is: 94, left: 6 };
    expect(within).toMatchObject({ ok: true, diagnostics: [], budgets: [spending] });
    const words = ['--budget=90', '--json', '--baseline', 'small.map.json'];
    const { code, stdout, stderr } = link('large.o', '-o', 'json', ...words);
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    const over = JSON.parse(stdout.toString());
    expect(over).toMatchObject({ ok: false, diagnostics: [{ code: 'over-budget' }], output: 'json' });
    expect(over.growths[0].after).toBeGreaterThan(over.growths[0].before);
    expect(over.map.fileSize).toBe(statSync(join(folder, 'json')).size);
  });

  it('names the largest growths since a baseline, map or executable', () => {
    for (const baseline of ['small.map.json', 'small']) {
      const { code, stderr } = link('large.o', '-o', 'grown', '--budget=1k', '--baseline', baseline);
      expect(code).toBe(3);
      expect(stderr).toMatch(
        new RegExp(`budget of 1024\nsince ${baseline}: 94 → \\d+ bytes: \\+\\d+ .*\n\n +change`),
      );
      const growths = [...stderr.matchAll(/^ +\+(\d+) +(?:\d+|-) +\d+ {2}\S/gm)].map(([, bytes]) =>
        Number(bytes),
      );
      expect(growths).toHaveLength(10);
      expect(growths).toEqual(growths.toSorted((a, b) => b - a));
    }
  });

  it('compares with the map that it replaces', () => {
    const words = ['-o', 'self', '--map-json', 'self.map.json', '--no-config'];
    expect(link('small.o', ...words).code).toBe(0);
    const { code, stderr } = link('large.o', ...words, '--budget=1k', '--baseline=self');
    expect(code).toBe(3);
    expect(stderr).toMatch(/since self: 94 → /);
    expect(JSON.parse(readFileSync(join(folder, 'self.map.json'), 'utf8')).fileSize).toBeGreaterThan(1024);
  });

  it('says nothing of growth within the budget', () => {
    const { code, stderr } = link('large.o', '-o', 'fine', '--budget=1M', '--baseline', 'small.map.json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each([
    [['--budget=4x'], /--budget 4x: expected a size in whole bytes/],
    [['--baseline=small'], /--baseline says what has grown.*give a --budget/],
  ])('%s is wrong usage', (words, message) => {
    const { code, stderr } = link('small.o', '-o', 'none', ...words);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('links nothing without its baseline', () => {
    const { code, stderr } = link('small.o', '-o', 'none', '--budget=4k', '--baseline', 'missing');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tinyelf: error: .*missing.*\n/);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('explains its exit codes', () => {
    expect(tinyelf(['link', '--help']).stdout.toString()).toMatch(/3 linked, and over\s+budget/);
    expect(run(process.execPath, [LD_TINYELF, '--help']).stdout.toString()).toMatch(
      /3 linked and over budget/,
    );
  });
});

describe('budgets of a configuration', () => {
  it('are all held, each with its row', () => {
    const budgets = [
      { part: 'file', limit: '4 KiB' },
      { part: 'text', limit: 10 },
      { section: '.rodata*', limit: '1k' },
      { symbol: '_start', limit: 1 },
      { symbol: '*alloc*', limit: 0 },
    ];
    const config = writeJson('all.json', { budgets });
    const { code, stdout, stderr } = link('large.o', '-o', 'all', '--config', config);
    expect(code).toBe(3);
    expect(stdout.toString().match(/%|over/g)).toHaveLength(5);
    expect(stderr).toMatch(
      /^tinyelf: error: text takes \d+ bytes, \d+ more than its budget of 10\n.*symbol _start takes \d+ bytes.*\n$/,
    );
  });

  it('for the file give way to that of the command line', () => {
    const config = writeJson('file.json', { budget: 10, budgets: [{ part: 'file', limit: 20 }] });
    expect(link('small.o', '-o', 'file', '--config', config).stdout.toString()).toMatch(/10 [\s\S]* 20 /);
    const { code, stdout } = link('small.o', '-o', 'file', '--config', config, '--budget=100');
    expect(code).toBe(0);
    expect(stdout.toString().split('\n')).toHaveLength(3);
  });

  it.each([
    ['symbol', '_strat', '_start'],
    ['symbol', '_RNvXs_NtNtNtCs*', undefined],
    ['section', '.rodta*', '.rodata'],
    ['section', '*.txt.*', undefined],
    ['symbol', '_stat*', '_start'],
    ['symbol', '*strt', '_start'],
    ['symbol', '*_sart*', '_start'],
  ])('for a %s %s that is not there guard nothing: an error', (kind, name, near) => {
    const config = writeJson('idle.json', { budgets: [{ [kind]: name, limit: '1k' }] });
    const { code, stdout, stderr } = link('large.o', '-o', 'idle', '--config', config);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      `tinyelf: error: the budget for ${kind} ${name} guards nothing: no ${kind} has such a name\n`,
    );
    if (near) expect(stderr).toContain(`hint: did you mean ${near}`);
    expect(existsSync(join(folder, 'idle'))).toBe(false);
  });
});

describe('ld.tinyelf --budget', () => {
  const ld = (...words: string[]) => run(process.execPath, [LD_TINYELF, ...words], { cwd: folder });

  it('prints all to standard error and ends with 3', () => {
    const words = ['large.o', '-o', 'ld', '--budget=1k', '--baseline=small.map.json'];
    const { code, stdout, stderr } = ld(...words);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(
      /^ +limit[\s\S]*file\nld\.tinyelf: error: the file takes \d+ bytes[\s\S]*\nsince small\.map\.json/,
    );
    expect(existsSync(join(folder, 'ld'))).toBe(true);
  });

  it('takes budgets and options from the configuration that it is given, and from no other', () => {
    const config = writeJson('tinyelf.config.json', { budgets: [{ part: 'file', limit: 10 }], osabi: 3 });
    try {
      expect(ld('small.o', '-o', 'ld')).toMatchObject({ code: 0, stderr: '' });
      expect(ld('small.o', '-o', 'ld', '--config', config).code).toBe(3);
      expect(readFileSync(join(folder, 'ld'))[7]).toBe(3);
      expect(ld('small.o', '-o', 'ld', '--config', config, '--budget=1k', '--osabi=9').code).toBe(0);
      expect(readFileSync(join(folder, 'ld'))[7]).toBe(9);
    } finally {
      writeJson('tinyelf.config.json', {});
    }
  });

  it('says what is wrong with a configuration', () => {
    const { code, stderr } = ld('small.o', '-o', 'ld', '--config', writeJson('bad.json', { osaby: 3 }));
    expect(code).toBe(1);
    expect(stderr).toBe('ld.tinyelf: error: bad.json: osaby: unknown key; did you mean "osabi"?\n');
  });

  it.skipIf(!hasTool('gcc'))('fails a build by gcc', () => {
    writeFileSync(join(folder, 'main.c'), 'void _start(void) { for (;;); }\n');
    const build = (limit: string) =>
      run(
        'gcc',
        ['-nostdlib', '-static', '-B', DRIVER_DIR, 'main.c', '-o', 'by-gcc', `-Wl,--budget=${limit}`],
        {
          cwd: folder,
        },
      );
    expect(build('1k')).toMatchObject({ code: 0, stderr: expect.stringMatching(/ 1024 .* file\n$/) });
    const { code, stderr } = build('10');
    expect(code).toBe(1);
    expect(stderr).toMatch(/ 10 .* file\nld\.tinyelf: error: the file takes \d+ bytes/);
    expect(stderr).toMatch(/ld returned 3 exit status/);
  });

  it.skipIf(!hasTool('rustc'))('fails a build by rustc', () => {
    const flags = ['-Copt-level=z', '-Cpanic=abort', '-Crelocation-model=static', '-Clinker-flavor=ld'];
    const build = (limit: string) =>
      run(
        'rustc',
        [
          '--edition=2024',
          ...flags,
          `-Clinker=${LD_TINYELF}`,
          `-Clink-arg=--budget=${limit}`,
          '-o',
          join(folder, 'by-rustc'),
          'main.rs',
        ],
        { cwd: join(FIXTURES, 'exit42') },
      );
    expect(build('1k').code).toBe(0);
    const { code, stderr } = build('70');
    expect(code).toBe(1);
    expect(stderr).toMatch(/exit status: 3/);
    expect(stderr).toMatch(/ld\.tinyelf: error: the file takes 80 bytes, 10 more than its budget of 70/);
  });
});

describe('tinyelf budget', () => {
  const budget = (...words: string[]) => tinyelf(['budget', ...words, '--no-config'], { cwd: folder });

  it('holds a map, or that beside an executable, against budgets', () => {
    for (const file of ['small', 'small.map.json']) {
      expect(budget(file, '--budget=94')).toMatchObject({ code: 0, stderr: '' });
      const { code, stderr } = budget(file, '--budget=93');
      expect(code).toBe(3);
      expect(stderr).toBe('tinyelf: error: the file takes 94 bytes, 1 more than its budget of 93\n');
    }
  });

  it('takes budgets from a configuration', () => {
    const config = writeJson('map.json', {
      budgets: [{ part: 'text', limit: 1 }],
      baseline: 'small.map.json',
    });
    const { code, stdout } = tinyelf(['budget', 'small', '--config', config], { cwd: folder });
    expect(code).toBe(3);
    expect(stdout.toString()).toMatch(/text\n$/);
  });

  it('gives Markdown with all changes, and JSON', () => {
    expect(link('large.o', '-o', 'large', '--map-json', 'large.map.json').code).toBe(0);
    const words = ['large', '--budget=1M', '--baseline', 'small'];
    const { code, stdout } = budget(...words, '--markdown');
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(
      /^\| Budget [\s\S]*\n\*\*94 → \d+ bytes[\s\S]*by symbol[\s\S]*by section/,
    );
    const json = JSON.parse(budget(...words, '--json').stdout.toString());
    expect(json).toMatchObject({ ok: true, budgets: [{ limit: 2 ** 20 }], diagnostics: [] });
    expect(json.growths.length).toBeGreaterThan(10);
  });

  it.each([
    [['small'], 2, /there is no budget/],
    [['small', '--budget=x'], 2, /--budget x: expected a size/],
    [['missing', '--budget=1'], 1, /missing/],
    [['small', '--budget=1', '--baseline=missing'], 1, /missing/],
    [[], 2, /missing required argument/],
  ])('%s: %s', (words, code, message) => {
    const outcome = budget(...words);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
  });
});
