/**
 * Builds dist/: linker.js with all that links; main.cjs, the commands, with a file for each module that the sources
 * import dynamically, and start.cjs, which bin/ loads; core.js and index.js, the library, with their types; the manual
 * page. The page that reports are made of becomes text in report.cjs.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { makeProgram } from '../src/cli/command.ts';
import { LD_HELP } from '../src/cli/ld.ts';
import { manualPage } from '../src/cli/manual.ts';
import { splitExports } from './exports.ts';
import { bundlePage } from './page.ts';
import { buildTypes } from './types.ts';
import { buildUnit, divideSources } from './units.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** A program that most of what a link can do has work with: what runs for it is in the caches. */
const INPUTS = ['start.o', 'main.o', 'io.o', 'numbers.o', 'tables.o', 'words.o', 'libutil.a'];

const COMMONJS: BuildOptions = {
  format: 'cjs',
  // Then dynamic imports become calls of require(), which there is no need to set up.
  supported: { 'dynamic-import': false },
};

rmSync(DIST, { recursive: true, force: true });
const define = { PAGE_ASSETS: JSON.stringify(await bundlePage()) };
for (const unit of await divideSources(ROOT)) {
  const format: BuildOptions = unit.file.endsWith('.cjs') ? COMMONJS : { format: 'esm' };
  await buildUnit(ROOT, unit, { ...format, define, outfile: join(DIST, unit.file) });
}
await buildStart();
await buildTypes({ core: 'core', index: 'node/library' }, DIST);
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

/** Builds what loads the commands; it knows both files that a link needs. */
async function buildStart(): Promise<void> {
  const linker = readFileSync(join(DIST, 'linker.js'), 'latin1');
  const main = readFileSync(join(DIST, 'main.cjs'), 'latin1');
  const { size, object } = splitExports(linker);
  const id = createHash('sha256').update(linker).update(main).digest('hex').slice(0, 16);
  await build({
    ...COMMONJS,
    absWorkingDir: ROOT,
    entryPoints: ['src/cli/start.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20',
    minify: true,
    outfile: join(DIST, 'start.cjs'),
    logLevel: 'warning',
    define: {
      BUNDLE_ID: JSON.stringify(id),
      LINKER_SIZE: String(size),
      LINKER_EXPORTS: JSON.stringify(object),
      MAIN_SIZE: String(main.length),
    },
  });
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
