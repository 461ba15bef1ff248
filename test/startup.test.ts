/** What a link loads: two files with all it needs, and nothing that only people who read messages need. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../src/cli/command.ts';
import { readPlainWords, settleWords } from '../src/cli/linkArgv.ts';
import { LINK_OPTIONS } from '../src/options.ts';
import { installedNodes } from './nodes.ts';
import { FIXTURES } from './programs.ts';
import { type Outcome, run, scratchFolder, tinyelf } from './run.ts';

const ROOT = join(FIXTURES, '..');
const OBJECT = join(FIXTURES, 'hello-rodata/static.o');
const LARGE_OBJECT = join(FIXTURES, 'rust-alloc/lto.o');
const folder = scratchFolder();

/** Runs a command of bin/ and lists on standard error what it has loaded. */
function loadedBy(command: string, ...words: string[]): string[] {
  const spy = join(folder, 'spy.cjs');
  writeFileSync(
    spy,
    `const Module = require('node:module');
    const load = Module._load;
    const seen = [];
    Module._load = (name, ...rest) => (seen.push(name), load(name, ...rest));
    process.on('exit', () => require('node:fs').writeSync(2, 'LOADED ' + seen.join(' ')));`,
  );
  const { stderr } = run(process.execPath, ['-r', spy, join(ROOT, 'bin', command), ...words], {
    cwd: folder,
  });
  return /LOADED (.*)/.exec(stderr)![1]!.split(' ').slice(1);
}

describe('a link', () => {
  it.each([
    ['tinyelf.js', '../dist/start.cjs', ['link']],
    ['ld.tinyelf.js', '../dist/start.cjs', []],
    ['driver/ld', '../../dist/start.cjs', []],
  ])('by %s loads nothing but %s and modules of Node', (command, start, words) => {
    const loaded = loadedBy(command, ...words, OBJECT, '-o', 'out');
    expect(loaded.filter((name) => !builtinModules.includes(name.replace(/^node:/, '')))).toEqual([start]);
  });

  it('loads what people read when there is something to read', () => {
    expect(loadedBy('tinyelf.js', 'link', OBJECT, '-o', 'out', '--print-map')).toContain('./print.cjs');
    expect(loadedBy('tinyelf.js', 'link', '--help')).toContain('./command.cjs');
  });

  it('knows its passes by name', () => {
    const named = [
      ['link', OBJECT],
      ['ld', OBJECT, '-T', 'simple.ld'],
      ['link', OBJECT, '--pack', '--pack-effort=1'],
    ].flatMap((words) => {
      writeFileSync(join(folder, 'simple.ld'), 'SECTIONS { . = 0x10000; .all : { *(.text* .rodata*) } }');
      const { code, stderr } = tinyelf([...words, '-o', 'out', '--time'], { cwd: folder });
      expect(code).toBe(0);
      return [...stderr.matchAll(/^ *[\d.]+ ms {2}(\w+)$/gm)].map(([, name]) => name);
    });
    const files = readdirSync(join(ROOT, 'src/passes')).map((name) => name.replace('.ts', ''));
    expect(new Set(named)).toEqual(new Set([...files, 'addTables', 'packImage', 'total']));
  });

  it('loads what reads configurations, what knows budgets and what packs where there is use for it', () => {
    const files = (...words: string[]) => {
      const loaded = loadedBy('tinyelf.js', 'link', OBJECT, '-o', 'out', ...words);
      // They ask for main.cjs, which is there.
      return [...new Set(loaded.filter((name) => /^\.\/(?!main).*cjs$/.test(name)))].sort();
    };
    expect(files()).toEqual([]);
    writeFileSync(join(folder, 'c.json'), '{"icf": "all"}');
    expect(files('--config', 'c.json')).toEqual(['./config.cjs']);
    // What packs is also what tinyelf pack needs.
    expect(files('--pack')).toEqual(['./packing.cjs', './print.cjs', './shared.cjs']);
    expect(files('--budget=4k')).toEqual(['./budgets.cjs', './print.cjs', './shared.cjs']);
  });

  it('looks at two files in each folder for a configuration', () => {
    const place = mkdtempSync(join(tmpdir(), 'tinyelf-test-'));
    try {
      const spy = join(place, 'spy.cjs');
      writeFileSync(
        spy,
        `const fs = require('node:fs');
        for (const name of ['existsSync', 'readFileSync']) {
          const real = fs[name];
          fs[name] = (path, ...rest) => {
            if (/\\/(tinyelf\\.config|package)\\.json$/.test(path)) fs.writeSync(2, name + ' ' + path + '\\n');
            return real(path, ...rest);
          };
        }`,
      );
      const inner = join(place, 'project/src');
      mkdirSync(inner, { recursive: true });
      writeFileSync(join(place, 'project/package.json'), '{"name": "x"}');
      const bin = join(ROOT, 'bin/tinyelf.js');
      const { stderr } = run(process.execPath, ['-r', spy, bin, 'link', OBJECT, '-o', 'out'], { cwd: inner });
      expect(stderr.trim().split('\n')).toEqual([
        `existsSync ${inner}/tinyelf.config.json`,
        `existsSync ${inner}/package.json`,
        `existsSync ${place}/project/tinyelf.config.json`,
        `existsSync ${place}/project/package.json`,
        `readFileSync ${place}/project/package.json`,
      ]);
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it.each([
    ['undefined symbol: ', 'linker.js'],
    ['this is a defect of the linker', 'main.cjs'],
    ['showHelpAfterError', 'command.cjs'],
    ['TERM_PROGRAM_VERSION', 'print.cjs'],
    [' zeroed in memory', 'print.cjs'],
    ['is the map of a file of', 'shared.cjs'],
    ['transaction clone', 'shared.cjs'],
  ])('has what says %j in no file but %s', (text, file) => {
    const names = readdirSync(join(ROOT, 'dist')).filter((name) => /\.c?js$/.test(name));
    const holders = names.filter((name) => readFileSync(join(ROOT, 'dist', name), 'utf8').includes(text));
    expect(holders).toEqual([file]);
  });
});

describe("V8's code cache", () => {
  /** A copy of the commands without caches. */
  function install(name: string): string {
    const place = join(folder, name);
    mkdirSync(join(place, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'bin'), join(place, 'bin'), { recursive: true });
    for (const file of readdirSync(join(ROOT, 'dist'))) {
      if (!file.endsWith('.cache')) copyFileSync(join(ROOT, 'dist', file), join(place, 'dist', file));
    }
    return place;
  }

  const cachesOf = (place: string) =>
    readdirSync(join(place, 'dist')).filter((name) => name.endsWith('.cache'));

  function link(place: string, env: Record<string, string> = {}, ...flags: string[]): Outcome {
    const bin = join(place, 'bin/tinyelf.js');
    return run(process.execPath, [...flags, bin, 'link', OBJECT, '-o', '-'], { env });
  }

  it('is left by the first run and changes nothing', () => {
    const place = install('first');
    const first = link(place);
    expect(cachesOf(place)).toEqual([expect.stringMatching(/^runTinyelf-.*\.cache$/)]);
    const second = link(place);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ code: 0, stderr: '' });
  });

  it('is not left under other flags, nor where Node is told to leave none', () => {
    const place = install('flags');
    expect(link(place, {}, '--no-opt').code).toBe(0);
    expect(link(place, { NODE_OPTIONS: '--max-old-space-size=500' }).code).toBe(0);
    expect(link(place, { NODE_DISABLE_COMPILE_CACHE: '1' }).code).toBe(0);
    expect(cachesOf(place)).toEqual([]);
  });

  it.each([process.execPath, ...installedNodes()])('is left by a large link too, and taken: %s', (node) => {
    const place = install(`large ${node.length}`);
    const words = ['link', '--builtins=mem', LARGE_OBJECT, '-o', '-'];
    const first = run(node, [join(place, 'bin/tinyelf.js'), ...words]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    // What Node 22 has been told cannot all be taken back.
    const isNode22 = /^v22\./.test(run(node, ['--version']).stdout.toString());
    const [cache] = cachesOf(place);
    expect(cache !== undefined || isNode22).toBe(true);
    if (cache === undefined) return;
    const path = join(place, 'dist', cache);
    const { ino } = statSync(path);
    expect(run(node, [join(place, 'bin/tinyelf.js'), ...words])).toEqual(first);
    // One that V8 does not take is replaced.
    expect(statSync(path).ino).toBe(ino);
  });

  it.each([
    ['empty', () => Buffer.alloc(0)],
    ['cut off', (whole: Buffer) => whole.subarray(0, whole.length >> 1)],
    [
      "another V8's",
      (whole: Buffer) => Buffer.concat([whole.subarray(0, 4), Buffer.alloc(4), whole.subarray(8)]),
    ],
  ])('is passed over and replaced where it is %s', (name, damage) => {
    const place = install(name);
    const expected = link(place);
    const path = join(place, 'dist', cachesOf(place)[0]!);
    const { size } = statSync(path);
    writeFileSync(path, damage(readFileSync(path)));
    const { ino } = statSync(path);
    expect(link(place)).toEqual(expected);
    const replaced = statSync(path);
    expect(replaced.ino).not.toBe(ino);
    expect(Math.abs(replaced.size - size)).toBeLessThan(size / 10);
  });

  it('is not needed: a folder may be read-only', () => {
    const place = install('read-only');
    // Root may write anywhere; a folder in the way of the file stops it too.
    const { stdout } = link(place);
    const [cache] = cachesOf(place);
    const other = install('blocked');
    mkdirSync(join(other, 'dist', cache!));
    expect(link(other)).toMatchObject({ code: 0, stderr: '', stdout });
    expect(existsSync(join(other, 'dist', cache!))).toBe(true);
    expect(cachesOf(other)).toEqual([cache]);
  });
});

describe('plain words', () => {
  const names = LINK_OPTIONS.flatMap(({ flags }) =>
    flags.split(/,? /).filter((name) => name.startsWith('-')),
  );
  const value = fc.constantFrom(
    'main.o',
    'x=1',
    '',
    '-',
    '0x10000',
    '-V',
    '--help',
    '--',
    '-1',
    'link',
    'help',
  );
  const word = fc.oneof(
    { weight: 3, arbitrary: value },
    { weight: 4, arbitrary: fc.constantFrom(...names) },
    fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${name}=${text}`),
    fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${name}${text}`),
    fc.constantFrom('-h', '-V', '--version', '--nothing', '--outpu', '-x', '-oV'),
  );

  it('are what commander makes of them', () => {
    let plainCount = 0;
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const inlined = settleWords(words);
        const plain = readPlainWords(inlined);
        if (!plain) return;
        plainCount++;
        expect({ command: 'link', ...plain }).toEqual(readCommandLine(['link', ...inlined]));
      }),
      { numRuns: 5000 },
    );
    expect(plainCount).toBeGreaterThan(500);
  });

  it('have every option of the table', () => {
    for (const { flags } of LINK_OPTIONS) {
      const [name] = flags.split(/,? /);
      expect(readPlainWords(flags.endsWith('>') ? [name!, 'value'] : [name!]), flags).toBeDefined();
    }
  });
});
