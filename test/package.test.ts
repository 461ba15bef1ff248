/** The package as it is published: what is in it, that it installs alone, and that the library works from there. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { publint } from 'publint';
import { beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../src/version.ts';
import { FIXTURES } from './programs.ts';
import { type Outcome, run, scratchFolder, tinyelf } from './run.ts';

const ROOT = join(FIXTURES, '..');
const BINARIES = join(ROOT, 'node_modules/.bin');
/** Bytes that are unpacked at most, beyond which something must be in it that does not belong there. */
const MOST_BYTES = 1.1 * 2 ** 20;
const folder = scratchFolder();
/** Where the package is installed, and nothing else. */
const place = join(folder, 'place');

interface PackedFile {
  readonly path: string;
  readonly size: number;
}

let tarball = '';
let unpackedSize = 0;
let files: readonly PackedFile[] = [];

beforeAll(() => {
  // The build has been made by the tests' setup; scripts would replace it under other tests.
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const [described] = JSON.parse(packed.stdout.toString());
  tarball = join(folder, described.filename);
  ({ unpackedSize, files } = described);
  mkdirSync(place);
  // Its dependency comes from here, since no registry is asked and npm may not have kept what one has said of it.
  const dependency = ['pack', '--ignore-scripts', '--silent', '--pack-destination', place];
  const name = run('npm', [...dependency, join(ROOT, 'node_modules/iced-x86')], { cwd: place }).stdout;
  const overrides = { 'iced-x86': `file:${name.toString().trim()}` };
  writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true, type: 'module', overrides }));
  const installed = run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: place });
  expect(installed).toMatchObject({ code: 0 });
});

describe('the package', () => {
  it('holds what is needed and no more', () => {
    const folders = files.map(({ path }) => path.replace(/[^/]+$/, ''));
    expect(new Set(folders)).toEqual(new Set(['', 'bin/', 'bin/driver/', 'dist/', 'docs/']));
    const top = files.filter(({ path }) => !path.includes('/')).map(({ path }) => path);
    expect(top.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
    const others = files.filter(({ path }) => path.startsWith('dist/') && !/\.(cjs|js|d\.ts|1)$/.test(path));
    expect(others).toEqual([]);
    expect(unpackedSize).toBeLessThan(MOST_BYTES);
  });

  it('installs nothing else but the disassembler', () => {
    expect(readdirSync(join(place, 'node_modules')).sort()).toEqual([
      '.bin',
      '.package-lock.json',
      'iced-x86',
      'tinyelf',
    ]);
  });

  it('is as publint has it', async () => {
    const { buffer, byteOffset, length } = readFileSync(tarball);
    const bytes = buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer;
    const { messages } = await publint({ pack: { tarball: bytes }, strict: true });
    expect(messages).toEqual([]);
  });

  it('has types that resolve as its modules do', () => {
    const checked = run(join(BINARIES, 'attw'), [tarball, '--profile', 'esm-only', '--format', 'json']);
    expect(checked.code, checked.stdout.toString()).toBe(0);
  });

  it.each(['tinyelf', 'ld.tinyelf'])('has the command %s', (name) => {
    const { code, stdout } = run(join(place, 'node_modules/.bin', name), ['--version']);
    expect({ code, stdout: stdout.toString() }).toEqual({
      code: 0,
      stdout: expect.stringContaining(VERSION),
    });
  });

  it('links what the command line of this tree links', () => {
    const object = join(FIXTURES, 'hello-rodata/static.o');
    const installed = run(join(place, 'node_modules/.bin/tinyelf'), ['link', object, '-o', '-']);
    expect(installed).toEqual(tinyelf(['link', object, '-o', '-']));
    expect(installed.code).toBe(0);
  });
});

/** The examples of docs/library.md with what they print, if that is said. */
function examples(): { code: string; output: string }[] {
  const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
  const found = text.matchAll(/```js\n(.*?)```\n(?:\n```text\n(.*?)```)?/gs);
  return [...found].map(([, code, output]) => ({ code: code!, output: output ?? '' }));
}

/** Runs a module where the package is installed, beside the objects that the examples name. */
function runModule(name: string, code: string): Outcome {
  const cwd = join(place, name);
  cpSync(join(FIXTURES, 'c-objects/static'), join(cwd, 'objects'), { recursive: true });
  mkdirSync(join(cwd, 'lib'));
  renameSync(join(cwd, 'objects/libutil.a'), join(cwd, 'lib/libutil.a'));
  copyFileSync(join(FIXTURES, 'hello-rodata/static.o'), join(cwd, 'main.o'));
  copyFileSync(join(FIXTURES, 'exit42/main.o'), join(cwd, 'exit42.o'));
  copyFileSync(join(FIXTURES, 'errors/undefined.o'), join(cwd, 'undefined.o'));
  writeFileSync(join(cwd, 'example.js'), code);
  return run(process.execPath, ['example.js'], { cwd });
}

describe('docs/library.md', () => {
  it('has examples', () => {
    expect(examples().length).toBeGreaterThan(5);
  });

  it.each(examples().map((example, i) => [i, example] as const))(
    'example %i does what it says',
    (i, example) => {
      const { code, stdout, stderr } = runModule(`example-${i}`, example.code);
      expect({ code, stderr, stdout: stdout.toString() }).toEqual({
        code: 0,
        stderr: '',
        stdout: example.output,
      });
    },
  );

  it('has examples that TypeScript takes', () => {
    for (const [i, { code }] of examples().entries()) writeFileSync(join(place, `example-${i}.ts`), code);
    const names = readdirSync(place).filter((name) => name.endsWith('.ts'));
    const { code, stdout } = compile(names, '--types', 'node');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  it('names every option', () => {
    const declared = readFileSync(join(ROOT, 'src/library/options.ts'), 'utf8');
    const names = [...declared.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name!);
    expect(names).toContain('gcSections');
    const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

/** Checks modules with the types of Node at hand and libraries checked too. */
function compile(names: readonly string[], ...flags: string[]): { code: number | null; stdout: string } {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--ignoreConfig', ...flags];
  const platform = [
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--typeRoots',
    join(ROOT, 'node_modules/@types'),
  ];
  const { code, stdout } = run(join(BINARIES, 'tsc'), [...strict, ...platform, ...names], { cwd: place });
  return { code, stdout: stdout.toString() };
}

describe('types', () => {
  it('need nobody else', () => {
    writeFileSync(
      join(place, 'alone.ts'),
      `import { link, type LinkResult } from 'tinyelf/core';
      import { linkFiles, LinkCache } from 'tinyelf';
      export const result: LinkResult = link(new Map(), { inputs: ['a.o'], entry: undefined }, { cache: new LinkCache() });
      export const size: number = linkFiles({ inputs: [{ library: 'c', extraction: 'all' }] }).map().fileSize;`,
    );
    expect(compile(['alone.ts'], '--types', '', '--lib', 'es2022')).toEqual({ code: 0, stdout: '' });
  });

  it.each([
    ['{}', /inputs/],
    [`{ inputs: [], shrink: 'some' }`, /some/],
    [`{ inputs: [], shrinks: 'all' }`, /shrinks/],
    ['{ inputs: [1] }', /number/],
  ])('refuse the options %s', (options, message) => {
    writeFileSync(
      join(place, 'wrong.ts'),
      `import { link } from 'tinyelf/core';\nexport const { bytes } = link(new Map(), ${options});`,
    );
    const { code, stdout } = compile(['wrong.ts']);
    expect(code).not.toBe(0);
    expect(stdout).toMatch(message);
  });
});

describe('tinyelf/core', () => {
  it('is two modules that browsers can load as they are', async () => {
    const { metafile } = await build({
      absWorkingDir: join(ROOT, 'dist'),
      entryPoints: ['core.js', 'linker.js'],
      outdir: 'none',
      write: false,
      metafile: true,
    });
    const imports = Object.values(metafile.outputs).map(({ entryPoint, imports }) => [
      entryPoint,
      [...new Set(imports.map(({ path }) => path))],
    ]);
    expect(Object.fromEntries(imports)).toEqual({ 'core.js': ['./linker.js'], 'linker.js': [] });
  });

  it('links where there is nothing of Node', async () => {
    writeFileSync(
      join(place, 'browser.js'),
      `import { link, LinkError, version } from 'tinyelf/core';
      globalThis.linkObject = (bytes) => link(new Map([['main.o', bytes]]), { inputs: ['main.o'], identPad: 'a' });
      globalThis.failWith = () => {
        try { link(new Map(), { inputs: ['no.o'] }) } catch (error) { return error instanceof LinkError && error.message }
      };
      globalThis.version = version;`,
    );
    const { outputFiles } = await build({
      absWorkingDir: place,
      entryPoints: ['browser.js'],
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
    });
    const context = createContext({ TextEncoder, TextDecoder });
    runInContext(outputFiles[0]!.text, context);
    const object = new Uint8Array(readFileSync(join(FIXTURES, 'hello-rodata/static.o')));
    const { bytes, map } = context.linkObject(object);
    const expected = tinyelf([
      'link',
      join(FIXTURES, 'hello-rodata/static.o'),
      '--ident-pad',
      'a',
      '-o',
      '-',
    ]);
    expect(Buffer.from(bytes)).toEqual(expected.stdout);
    expect(map().fileSize).toBe(bytes.length);
    expect(context.failWith()).toMatch(/^no such file: no\.o$/m);
    expect(context.version).toBe(VERSION);
  });
});
