/**
 * Builds dist/: main.cjs with all that a link needs, a file for each module that the sources import dynamically, and
 * start.cjs, which the commands in bin/ load.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';

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
  minifySyntax: true,
  minifyWhitespace: true,
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
  entryPoints: ['budgetCommand', 'budgets', 'command', 'config', 'check', 'print', 'watch'].map(
    (name) => `src/cli/${name}.ts`,
  ),
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
leaveCaches();

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
