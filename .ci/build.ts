/**
 * Builds dist/: main.cjs with all that a link needs, a file for each module that the sources import dynamically, and
 * start.cjs, which the commands in bin/ load; index.js and core.js, the library, with their types; the manual page. The
 * page that reports are made of becomes text in report.cjs.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { makeProgram } from '../src/cli/command.ts';
import { LD_HELP } from '../src/cli/ld.ts';
import { manualPage } from '../src/cli/manual.ts';
import { bundlePage } from './page.ts';
import { buildTypes } from './types.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** A program that most of what a link can do has work with: what runs for it is in the caches. */
const INPUTS = ['start.o', 'main.o', 'io.o', 'numbers.o', 'tables.o', 'words.o', 'libutil.a'];

/** A dynamic import loads a file of its own. */
const onDemand: Plugin = {
  name: 'on-demand',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path: `./${basename(path, '.ts')}.cjs`, external: true } : undefined,
    );
  },
};

const OPTIONS: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Then they become calls of require(), which there is no need to set up.
  supported: { 'dynamic-import': false },
  outdir: DIST,
  outExtension: { '.js': '.cjs' },
  minify: true,
  charset: 'ascii',
  logLevel: 'warning',
  plugins: [onDemand],
};

rmSync(DIST, { recursive: true, force: true });
await build({
  ...OPTIONS,
  entryPoints: ['src/cli/main.ts'],
  // What Node puts around a module: start.cjs gives the file to V8 as it is.
  banner: { js: '(function (module, require) {' },
  footer: { js: '})' },
});
await build({
  ...OPTIONS,
  // It loads WebAssembly from beside itself.
  external: ['iced-x86'],
  entryPoints: [
    'budgetCommand',
    'budgets',
    'command',
    'config',
    'check',
    'completions',
    'diff',
    'inspect',
    'print',
    'reproduce',
    'watch',
    'why',
  ].map((name) => `src/cli/${name}.ts`),
});
await build({
  ...OPTIONS,
  entryPoints: ['src/cli/report.ts'],
  define: { PAGE_ASSETS: JSON.stringify(await bundlePage()) },
});
const id = createHash('sha256')
  .update(readFileSync(join(DIST, 'main.cjs')))
  .digest('hex')
  .slice(0, 16);
await build({
  ...OPTIONS,
  entryPoints: ['src/cli/start.ts'],
  define: { BUNDLE_ID: JSON.stringify(id) },
});
await buildLibrary({ index: 'node/library', core: 'core' });
writeFileSync(
  join(DIST, 'tinyelf.1'),
  manualPage(
    makeProgram(() => {}),
    LD_HELP,
  ),
);
// man finds it under both names.
writeFileSync(join(DIST, 'ld.tinyelf.1'), '.so man1/tinyelf.1\n');
leaveCaches();

/** Builds modules for programs to import. @param entries paths under src/, by the names of their files */
async function buildLibrary(entries: Readonly<Record<string, string>>): Promise<void> {
  const paths = Object.entries(entries).map(([name, path]) => [name, `src/${path}.ts`]);
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(paths),
    bundle: true,
    // What both have in common is there once: errors are of one class.
    splitting: true,
    chunkNames: 'shared-[hash]',
    platform: 'node',
    target: 'es2022',
    format: 'esm',
    outdir: DIST,
    minify: true,
    logLevel: 'warning',
  });
  await buildTypes(entries, DIST);
}

/** Runs both commands once, so that V8's code caches are there for the Node that builds. */
function leaveCaches(): void {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-build-'));
  const run = (command: string, ...words: string[]) =>
    execFileSync(
      process.execPath,
      [join(ROOT, 'bin', command), ...words, ...INPUTS, '-o', join(folder, 'out')],
      { cwd: join(ROOT, 'fixtures/c-objects/static') },
    );
  run('tinyelf.js', 'link');
  run('ld.tinyelf.js');
  rmSync(folder, { recursive: true });
}
