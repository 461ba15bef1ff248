/** Configuration files: where they are found, what they may say, and what is said of mistakes. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatSchema, SCHEMAS } from '../.ci/schemas.ts';
import { readConfig, toLdWords } from '../src/cli/config.ts';
import { parseLdArgv } from '../src/cli/ldArgv.ts';
import { optionOf } from '../src/cli/linkArgv.ts';
import { LINK_OPTIONS } from '../src/options.ts';
import { FIXTURES } from './programs.ts';
import { LD_TINYELF, type Outcome, run, scratchFolder, tinyelf } from './run.ts';

const scratch = scratchFolder();
const OBJECT = join(FIXTURES, 'hello-rodata/static.o');
let count = 0;

/** A new folder with these files; values are written as JSON, text as it is. */
function project(files: Readonly<Record<string, unknown>>): string {
  const folder = join(scratch, `${count++}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
  copyFileSync(OBJECT, join(folder, 'main.o'));
  return folder;
}

function link(cwd: string, ...words: string[]): Outcome {
  return tinyelf(['link', OBJECT, '-o', 'out', ...words], { cwd });
}

/** EI_OSABI of the program that a link makes: what it has found. */
function osabiOf(cwd: string, ...words: string[]): number | undefined {
  const { code, stdout, stderr } = tinyelf(['link', OBJECT, '-o', '-', ...words], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout[7];
}

const plain = osabiOf(project({}));

describe('a configuration', () => {
  it('is the nearest tinyelf.config.json above', () => {
    const folder = project({ 'tinyelf.config.json': { osabi: 7 }, 'a/b/c/empty': '', 'x/empty': '' });
    expect(osabiOf(folder)).toBe(7);
    expect(osabiOf(join(folder, 'a/b/c'))).toBe(7);
    writeFileSync(join(folder, 'a/tinyelf.config.json'), '{"osabi": 8}');
    expect(osabiOf(join(folder, 'a/b/c'))).toBe(8);
    expect(osabiOf(join(folder, 'x'))).toBe(7);
  });

  it('may be the key "tinyelf" of a package.json', () => {
    const folder = project({ 'package.json': { name: 'x', tinyelf: { osabi: 9 } }, 'src/empty': '' });
    expect(osabiOf(join(folder, 'src'))).toBe(9);
    expect(osabiOf(folder, '--config', 'package.json')).toBe(9);
  });

  it('is not looked for above a package.json', () => {
    const folder = project({
      'tinyelf.config.json': { osabi: 7 },
      'package/package.json': { devDependencies: { tinyelf: '1' } },
    });
    expect(osabiOf(join(folder, 'package'))).toBe(plain);
  });

  it('beside a package.json prevails', () => {
    const folder = project({
      'tinyelf.config.json': { osabi: 7 },
      'package.json': { tinyelf: { osabi: 9 } },
    });
    expect(osabiOf(folder)).toBe(7);
  });

  it('is passed over with --no-config, and chosen with --config', () => {
    const folder = project({ 'tinyelf.config.json': { osabi: 7 }, 'other.json': { osabi: 8 } });
    expect(osabiOf(folder, '--no-config')).toBe(plain);
    expect(osabiOf(folder, '--config', 'other.json')).toBe(8);
    expect(osabiOf(folder, '--config=other.json', '--no-config')).toBe(plain);
  });

  it('is not read by ld.tinyelf unless it is given', () => {
    const folder = project({ 'tinyelf.config.json': '{ damaged' });
    expect(run(process.execPath, [LD_TINYELF, 'main.o', '-o', 'out'], { cwd: folder }).code).toBe(0);
    expect(link(folder).code).toBe(1);
  });

  it('gives way to the command line, lists too', () => {
    const config = { osabi: 7, script: ['nowhere.ld'], gcSections: false };
    const folder = project({ 'tinyelf.config.json': config, 'own.ld': 'ENTRY(_start)' });
    expect(link(folder).stderr).toMatch(/nowhere\.ld/);
    expect(osabiOf(folder, '-T', 'own.ld', '--osabi=3', '--gc-sections')).toBe(3);
  });

  it('names files from its own folder', () => {
    const folder = project({
      'tinyelf.config.json': { output: 'bin/program', map: 'program.map' },
      'bin/empty': '',
      'src/empty': '',
    });
    expect(tinyelf(['link', OBJECT], { cwd: join(folder, 'src') }).code).toBe(0);
    expect(readFileSync(join(folder, 'bin/program')).subarray(1, 4).toString()).toBe('ELF');
    expect(readFileSync(join(folder, 'program.map'), 'utf8')).toMatch(/kept by the entry/);
  });

  it('names libraries behind the files', () => {
    const objects = join(FIXTURES, 'c-objects/static');
    const folder = project({
      'tinyelf.config.json': { libraryPath: [objects], library: ['util'], output: '-' },
    });
    const files = ['start.o', 'main.o', 'io.o', 'numbers.o', 'tables.o', 'words.o'];
    const paths = files.map((name) => join(objects, name));
    const { code, stdout } = tinyelf(['link', ...paths], { cwd: folder });
    expect(code).toBe(0);
    const expected = tinyelf(['link', ...paths, '-L', objects, '-l', 'util', '-o', '-', '--no-config']);
    expect(stdout.equals(expected.stdout)).toBe(true);
  });

  it('has every option but those that choose it', () => {
    const keys = LINK_OPTIONS.map(({ flags }) => optionOf(flags.split(/,? /)[0]!)!.key);
    const { properties } = JSON.parse(formatSchema(SCHEMAS[0]!));
    expect(new Set([...Object.keys(properties), 'config'])).toEqual(
      new Set([...keys, 'budgets', '$schema', 'config']),
    );
  });

  it('says for ld.tinyelf what it says for tinyelf link', () => {
    const folder = project({
      'c.json': {
        ...{ libraryPath: ['lib'], library: ['c'], entry: 'main', undefined: ['a', 'b'], gcSections: false },
        ...{ icf: 'all', shrink: 'none', verbatim: true, header: 'plain', compat: 'portable', base: 65536 },
        ...{
          segments: 'split',
          osabi: '0x3',
          identPad: 'hi',
          map: 'm',
          mapJson: 'j',
          symbols: true,
          json: true,
        },
        ...{ script: ['s'], builtins: 'mem', defsym: ['x=1'], floor: false, time: true, printMap: true },
        ...{
          debugFile: 'd',
          debug: true,
          printShrink: true,
          watch: false,
          output: 'o',
          budget: 1,
          baseline: 'b',
        },
      },
    });
    const config = readConfig(join(folder, 'c.json'));
    if ('diagnostics' in config) throw new Error(JSON.stringify(config.diagnostics));
    const { front, back } = toLdWords(config);
    const request = parseLdArgv([...front, 'main.o', ...back], () => undefined);
    expect(request.options).toMatchObject({
      inputs: [
        { kind: 'file', path: 'main.o' },
        { kind: 'library', name: 'c' },
      ],
      ...{ entry: 'main', undefinedSymbols: ['a', 'b'], gcSections: false, icf: 'all', shrink: 'none' },
      ...{ verbatim: true, header: 'plain', compatibility: 'portable', base: 65536, segments: 'split' },
      ...{ osabi: 3, builtins: 'mem', tables: 'debug', floor: false },
    });
    expect(request.options.definitions).toHaveLength(1);
    expect(request).toMatchObject({ time: true, printMap: true, printShrink: true, watch: false });
    expect(request.mapFile).toMatch(/m$/);
    expect(request.mapJsonFile).toMatch(/j$/);
    expect(request.debugFile).toMatch(/d$/);
    expect(request.output).toMatch(/o$/);
  });
});

describe('a mistake in a configuration', () => {
  const limit = 'expected a size in whole bytes, such as 4096, 4k, 4KiB or 4kB';
  const subject = 'expected exactly one of part, section, symbol';
  it.each<[unknown, string]>([
    [{ budgts: [] }, 'budgts: unknown key; did you mean "budgets"?'],
    [{ nothingLikeIt: 1 }, 'nothingLikeIt: unknown key'],
    [{ icf: 'some' }, 'icf: expected one of safe, all, none, but it is "some"'],
    [{ watch: 'yes' }, 'watch: expected true or false, but it is "yes"'],
    [{ output: 3 }, 'output: expected text, but it is 3'],
    [{ library: 'c' }, 'library: expected a list, but it is "c"'],
    [{ script: ['a', null] }, 'script[1]: expected text, but it is null'],
    [{ base: '0x10' }, 'base: 0x10: expected a multiple of 0x1000 below 0x7ffffff00000'],
    [{ osabi: 256 }, 'osabi: 256: expected 0 to 255'],
    [{ osabi: -1 }, 'osabi: expected 0 to 255, but it is -1'],
    [{ identPad: 'far too long' }, 'identPad: 12 bytes; at most 8 fit'],
    [{ defsym: ['x'] }, 'defsym[0]: x: expected NAME=EXPRESSION'],
    [{ budget: '4x' }, `budget: 4x: ${limit}`],
    [{ budgets: {} }, 'budgets: expected a list, but it is an object'],
    [{ budgets: [3] }, 'budgets[0]: expected an object, but it is 3'],
    [{ budgets: [{ part: 'file', limit: 1 }, { part: 'file' }] }, 'budgets[1].limit: is missing'],
    [{ budgets: [{ part: 'file', limit: '4 miles' }] }, `budgets[0].limit: 4 miles: ${limit}`],
    [
      { budgets: [{ part: 'file', limit: [] }] },
      'budgets[0].limit: expected a size in bytes, such as 4096 or "4 KiB", but it is a list',
    ],
    [{ budgets: [{ limit: 1 }] }, `budgets[0]: ${subject}`],
    [{ budgets: [{ part: 'file', symbol: 'a', limit: 1 }] }, `budgets[0]: ${subject}`],
    [{ budgets: [{ symbol: '', limit: 1 }] }, 'budgets[0].symbol: expected a name or a pattern'],
    [
      { budgets: [{ simbol: 'a', part: 'file', limit: 1 }] },
      'budgets[0].simbol: unknown key; did you mean "symbol"?',
    ],
    [
      { budgets: [{ part: 'code', limit: 1 }] },
      'budgets[0].part: expected one of file, memory, text, rodata, data, bss, but it is "code"',
    ],
    [[], 'expected an object, but it is a list'],
    ['7', 'expected an object, but it is 7'],
  ])('%j', (config, message) => {
    const { code, stdout, stderr } = link(project({ 'c.json': config }), '--config', 'c.json');
    expect(stderr).toBe(`tinyelf: error: c.json: ${message}\n`);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' });
  });

  it('is said with all others', () => {
    const { stderr } = link(project({ 'tinyelf.config.json': { icf: 1, shrink: 2, oops: 3 } }));
    expect(stderr.match(/tinyelf\.config\.json: /g)).toHaveLength(3);
  });

  it('in a package.json is named by its whole path', () => {
    const folder = project({ 'package.json': { tinyelf: { icf: 1, budgets: [{ part: 'file' }] } } });
    const { stderr } = link(folder);
    expect(stderr).toMatch(/package\.json: tinyelf\.icf: expected one of/);
    expect(stderr).toMatch(/package\.json: tinyelf\.budgets\[0\]\.limit: is missing/);
  });

  it('of syntax, or a file that cannot be read, is an error too', () => {
    expect(link(project({ 'tinyelf.config.json': '{ "icf": ' })).stderr).toMatch(
      /tinyelf\.config\.json is not JSON: /,
    );
    expect(link(project({ 'package.json': '{ "tinyelf": ' })).stderr).toMatch(/package\.json is not JSON: /);
    expect(link(project({ 'package.json': '{ "other": ' })).code).toBe(0);
    expect(link(project({}), '--config', 'missing.json').stderr).toBe(
      'tinyelf: error: cannot read missing.json: no such file or directory\n',
    );
    expect(link(project({}), '--config', '.').stderr).toBe(
      'tinyelf: error: cannot read .: it is a directory\n',
    );
    expect(link(project({ 'package.json': {} }), '--config', 'package.json').stderr).toMatch(
      /has no key "tinyelf" with a configuration/,
    );
  });

  it('is JSON for who asks for that', () => {
    const folder = project({ 'c.json': { icf: 1 } });
    const { code, stdout, stderr } = link(folder, '--config', 'c.json', '--json');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(stdout.toString())).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'configuration', message: expect.stringMatching(/^c\.json: icf: /) }],
    });
  });

  it('of names that objects have anyway is an unknown key', () => {
    const { stderr } = link(project({ 'c.json': '{"constructor": 2}' }), '--config', 'c.json');
    expect(stderr).toMatch(/constructor: unknown key/);
  });
});

describe('schemas', () => {
  it.each(SCHEMAS.map((schema) => [schema.file, schema] as const))(
    'docs/%s is up to date',
    (file, schema) => {
      expect(readFileSync(join(FIXTURES, '../docs', file), 'utf8')).toBe(formatSchema(schema));
    },
  );
});
