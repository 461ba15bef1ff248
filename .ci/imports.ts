/** What modules of the sources import from each other, name by name; esbuild only lists the modules. */
import { normalize, relative } from 'node:path';
import { dirname, join } from 'node:path/posix';
import { build } from 'esbuild';

/** Names that a module imports. */
export interface NamedImport {
  /** Path of the module that exports them, from the root of the repository. */
  readonly path: string;
  readonly names: readonly string[];
}

/** An import from another module of the sources, as esbuild prints it. */
const STATEMENT = /^import \{([^{}]*)\} from "(\.[^"]*)";$/gm;

/** One that does not say which names. */
const NAMELESS = /^import (?!\{)[^"]*"\.[^"]*";$/m;

/**
 * Reads modules. Types are gone, and so is what a module imports and does not use.
 * @param root of the repository
 * @param paths of modules, from there
 * @throws Error for an import from the sources that is not by name
 */
export async function readImports(
  root: string,
  paths: readonly string[],
): Promise<Map<string, NamedImport[]>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [...paths],
    outdir: root,
    outbase: root,
    format: 'esm',
    write: false,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(root, path), text]));
  return new Map(paths.map((path) => [path, importsIn(texts.get(outputOf(path))!, path)]));
}

/** Where esbuild would write what it makes of a module. */
function outputOf(path: string): string {
  return normalize(path).replace(/ts$/, 'js');
}

function importsIn(text: string, module: string): NamedImport[] {
  const nameless = NAMELESS.exec(text);
  if (nameless) throw new Error(`${module}: ${nameless[0]}: only names can be imported from another file`);
  const found = [...text.matchAll(STATEMENT)];
  return found.map(([, names, path]) => ({
    path: join(dirname(module), path!),
    names: importedNames(names!),
  }));
}

/** The names that a list such as `a, b as c` takes from the other module. */
function importedNames(list: string): string[] {
  return list.split(',').map((item) => item.trim().split(' as ')[0]!);
}
