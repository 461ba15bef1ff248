/**
 * Which file of dist/ each module of the sources goes into: every module into one, and what else needs it loads that
 * file. Only src/node is there twice, for the commands and for the library, and what threads run is a file that stands
 * alone. Packages go where they are imported.
 */
import { basename, relative, resolve, sep } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { type NamedImport, readImports } from './imports.ts';

/** Some of the sources, which make a file. */
interface Part {
  /** Name of the file. */
  readonly file: string;
  /** Paths of modules from the root of the repository. */
  readonly modules: ReadonlySet<string>;
  /** Files that it loads for what they hold. */
  readonly uses: readonly Part[];
  readonly entry?: string | undefined;
}

/** A file of dist/. */
export interface Unit extends Part {
  /** What other files import from it, beside what its entry exports. */
  readonly imported: readonly NamedImport[];
  /** Names that it imports, by the files that it loads for them. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
}

/** Modules by path, with what they import. */
type Graph = Metafile['inputs'];

const COMMANDS = 'src/cli/main.ts';
const PRINT = 'src/cli/print.ts';
const CORE = 'src/core.ts';
const LIBRARY = 'src/node/library.ts';
const WORKER = 'src/node/packWorker.ts';

/** Names of modules that exist only here. */
const ALL_MODULES = 'all-modules';
const OTHER_FILE = 'other-file';

/** How all files are made. */
const OPTIONS: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'es2022',
  minify: true,
  // start.cjs reads files as Latin-1.
  charset: 'ascii',
  // It loads WebAssembly from beside itself.
  external: ['iced-x86'],
  logLevel: 'warning',
};

/** Divides the sources. @param root of the repository */
export async function divideSources(root: string): Promise<Unit[]> {
  const graph = await readGraph(root);
  const parts = divide(graph);
  const imports = await readImports(root, Object.keys(graph).filter(isSource));
  return parts.map((part) => ({
    ...part,
    imported: importedFrom(part, usersOf(part, parts), imports),
    imports: new Map(part.uses.map((used) => [used.file, namesOf(importedFrom(used, [part], imports))])),
  }));
}

/** Builds a file, given how it differs from others. */
export async function buildUnit(root: string, unit: Unit, options: BuildOptions): Promise<void> {
  await build({
    ...OPTIONS,
    absWorkingDir: root,
    ...entryOf(root, unit),
    plugins: [allModules(root, unit), loadFromUnits(root, unit)],
    ...options,
  });
}

/** What esbuild is to begin with. A name that two of the modules export which a file's exports come from is an error. */
function entryOf(root: string, { file, entry, imported }: Unit): BuildOptions {
  if (entry !== undefined && imported.length === 0) return { entryPoints: [entry] };
  const entries = entry === undefined ? '' : `export * from './${entry}';`;
  const contents = `export { ${namesOf(imported).join(', ')} } from '${ALL_MODULES}'; ${entries}`;
  return {
    stdin: { contents, resolveDir: root, sourcefile: file },
    // esbuild takes it from tsconfig.json for files only; ES modules are strict.
    ...(file.endsWith('.cjs') && { banner: { js: '"use strict";' } }),
  };
}

/** A module that exports all that the modules do which a file's exports come from. */
function allModules(root: string, { entry, imported }: Unit): Plugin {
  const paths = new Set([...imported.map(({ path }) => path), ...(entry === undefined ? [] : [entry])]);
  const contents = [...paths]
    .sort()
    .map((path) => `export * from './${path}';`)
    .join('\n');
  return {
    name: 'all-modules',
    setup({ onResolve, onLoad }) {
      const filter = new RegExp(`^${ALL_MODULES}$`);
      onResolve({ filter }, ({ path }) => ({ path, namespace: ALL_MODULES }));
      onLoad({ filter, namespace: ALL_MODULES }, () => ({ contents, resolveDir: root }));
    },
  };
}

async function readGraph(root: string): Promise<Graph> {
  const { metafile } = await build({
    ...OPTIONS,
    absWorkingDir: root,
    entryPoints: [COMMANDS, LIBRARY, WORKER],
    outdir: 'none',
    write: false,
    metafile: true,
  });
  return metafile.inputs;
}

function divide(graph: Graph): Part[] {
  const links = loadedWith(graph, COMMANDS);
  const linker = makePart('linker.js', [...links].filter(isPure), []);
  const core = makePart('core.js', loadedWith(graph, CORE), [linker], CORE);
  const library = makePart('index.js', loadedWith(graph, LIBRARY), [linker, core], LIBRARY);
  const main = makePart('main.cjs', links, [linker], COMMANDS);
  // Not one with what the other files share: many a link prints something, and is not to wait for that.
  const print = makePart('print.cjs', loadedWith(graph, PRINT), [linker, main], PRINT);
  const entries = importedOnDemand(graph).filter((path) => path !== PRINT);
  const common = inSeveral(entries.map((entry) => loadedWith(graph, entry)));
  const shared = makePart(
    'shared.cjs',
    [...common].filter((path) => !entries.includes(path)),
    [linker, main, print],
  );
  const parts = [linker, main, print, shared];
  for (const entry of usedFirst(graph, entries))
    parts.push(makePart(fileOnDemand(entry), loadedWith(graph, entry), parts, entry));
  // It starts sooner without the rest.
  const worker = makePart('packWorker.cjs', loadedWith(graph, WORKER), [], WORKER);
  return [core, library, worker, ...parts];
}

/** Modules in an order in which none comes before one that is loaded with it. */
function usedFirst(graph: Graph, entries: readonly string[]): string[] {
  return entries.toSorted((a, b) => loadedWith(graph, a).size - loadedWith(graph, b).size);
}

/** Whether a module knows neither the disk nor the command line. */
function isPure(path: string): boolean {
  return !/^src\/(cli|node)\//.test(path);
}

/** @param needed modules that the file needs: it holds those that no file does that it uses */
function makePart(file: string, needed: Iterable<string>, uses: readonly Part[], entry?: string): Part {
  const modules = [...needed].filter((path) => !uses.some((part) => part.modules.has(path)));
  return { file, modules: new Set(modules), uses: [...uses], entry };
}

/** A module and all that is loaded with it. */
function loadedWith(graph: Graph, entry: string): Set<string> {
  const loaded = new Set([entry]);
  for (const path of loaded) {
    for (const imported of importsOf(graph, path)) loaded.add(imported);
  }
  return loaded;
}

/** Modules of the sources that are loaded with a module. */
function importsOf(graph: Graph, path: string): string[] {
  const imports = graph[path]!.imports.filter(({ kind }) => kind !== 'dynamic-import');
  return imports.map((imported) => imported.path).filter(isSource);
}

/** Packages are not divided: a file has what its modules import of them, and need of that. */
function isSource(path: string): boolean {
  return path.startsWith('src/');
}

/** Modules that are imported when they are needed. */
function importedOnDemand(graph: Graph): string[] {
  const imports = Object.values(graph).flatMap((module) => module.imports);
  const found = imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path);
  return [...new Set(found)].filter(isSource).sort();
}

/** Name of the file of a module that is imported when it is needed. */
function fileOnDemand(path: string): string {
  return `${basename(path, '.ts')}.cjs`;
}

/** Modules that stand in more than one set. */
function inSeveral(sets: readonly ReadonlySet<string>[]): Set<string> {
  const all = sets.flatMap((set) => [...set]);
  return new Set(all.filter((path, i) => all.indexOf(path) !== i));
}

function usersOf(part: Part, parts: readonly Part[]): Part[] {
  return parts.filter(({ uses }) => uses.includes(part));
}

/** What files import from a file's modules. */
function importedFrom(
  part: Part,
  users: readonly Part[],
  imports: ReadonlyMap<string, readonly NamedImport[]>,
): NamedImport[] {
  const all = users.flatMap(({ modules }) => [...modules].flatMap((path) => imports.get(path) ?? []));
  return all.filter(({ path }) => part.modules.has(path));
}

function namesOf(imports: readonly NamedImport[]): string[] {
  return [...new Set(imports.flatMap(({ names }) => names))].sort();
}

/** Leads imports to the files that hold what is imported: by way of one module for each, which loads it once. */
function loadFromUnits(root: string, { uses, imports }: Unit): Plugin {
  return {
    name: 'units',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir, namespace }) => {
        if (namespace === OTHER_FILE) return { path, external: true };
        if (kind === 'dynamic-import') return { path: `./${fileOnDemand(path)}`, external: true };
        const module = relative(root, resolve(resolveDir, path)).split(sep).join('/');
        const holder = uses.find(({ modules }) => modules.has(module));
        if (!holder) return undefined;
        // What an entry exports may be asked for as a whole.
        if (holder.entry === module) return { path: `./${holder.file}`, external: true };
        return { path: holder.file, namespace: OTHER_FILE };
      });
      onLoad({ filter: /^/, namespace: OTHER_FILE }, ({ path }) => ({
        contents: `export { ${imports.get(path)!.join(', ')} } from './${path}';`,
      }));
    },
  };
}
