/** The walls between the parts of the source tree, checked against the imports that esbuild finds. */
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
let imports: { from: string; to: string; isDynamic: boolean }[] = [];

beforeAll(async () => {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/**/*.ts'],
    bundle: true,
    write: false,
    outdir: 'none',
    platform: 'node',
    format: 'esm',
    packages: 'external',
    metafile: true,
  });
  imports = listImports(metafile);
});

function listImports({ inputs }: Metafile): typeof imports {
  return Object.entries(inputs).flatMap(([from, input]) =>
    input.imports.map(({ path, kind }) => ({ from, to: path, isDynamic: kind === 'dynamic-import' })),
  );
}

/** What is loaded with a file: all that it imports, but for what is imported when it is needed. */
function loadedWith(file: string): Set<string> {
  const loaded = new Set([file]);
  for (const from of loaded) {
    for (const { to, isDynamic } of imports.filter((other) => other.from === from)) {
      if (!isDynamic) loaded.add(to);
    }
  }
  return loaded;
}

/** Imports from files under one folder that satisfy a condition, as text. */
function offending(folder: string, condition: (to: string) => boolean): string[] {
  return imports
    .filter(({ from, to }) => from.startsWith(folder) && condition(to))
    .map(({ from, to }) => `${from} imports ${to}`);
}

const isPackage = (to: string) => !to.startsWith('src/');
const isNodeModule = (to: string) => to.startsWith('node:') || builtinModules.includes(to);
const under =
  (...folders: string[]) =>
  (to: string) =>
    folders.some((folder) => to.startsWith(`src/${folder}/`));

describe('imports', () => {
  it('are found at all', () => {
    expect(imports).toContainEqual({
      from: 'src/link.ts',
      to: 'src/passes/relocate.ts',
      isDynamic: false,
    });
    expect(imports).toContainEqual({ from: 'src/node/files.ts', to: 'node:fs', isDynamic: false });
  });

  it('of node: modules stand only in src/node and src/cli', () => {
    const outside = offending('src/', isNodeModule).filter((text) => !/^src\/(node|cli)\//.test(text));
    expect(outside).toEqual([]);
  });

  it('are of nothing that runs programs or opens connections', () => {
    const forbidden =
      /^(node:)?(child_process|cluster|dgram|dns|http|http2|https|inspector|net|tls|worker_threads)$/;
    // Threads run a file of the build, and nothing that an input or an option names.
    expect(offending('src/', (to) => forbidden.test(to))).toEqual([
      'src/node/packThreads.ts imports node:worker_threads',
      'src/node/packWorker.ts imports node:worker_threads',
    ]);
  });

  it('of packages stand only in src/cli, but for what describes the shape of a map and draws in browsers', () => {
    const outside = offending('src/', (to) => isPackage(to) && !isNodeModule(to));
    expect(outside.filter((text) => !text.startsWith('src/cli/'))).toEqual([
      'src/explain/readMap.ts imports valibot',
      // The build makes one text of the page's script and what it imports: no file of Node's ever loads it.
      'src/report/page/treemap.ts imports d3-hierarchy',
    ]);
  });

  it('of the disassembler are dynamic: a report without code does not load it', () => {
    const disassembler = imports.filter(({ to }) => to === 'iced-x86');
    expect(disassembler).toEqual([{ from: 'src/cli/disassembler.ts', to: 'iced-x86', isDynamic: true }]);
  });

  it('lead from the page of reports to nothing but itself and the shape of its data, and to it from nowhere', () => {
    const isPage = under('report/page');
    const strange = (to: string) => !isPackage(to) && !isPage(to) && to !== 'src/report/html/pageData.ts';
    expect(offending('src/report/page/', strange)).toEqual([]);
    expect(offending('src/', isPage).filter((text) => !text.startsWith('src/report/page/'))).toEqual([]);
  });

  it('lead from a link to no package and no report before there is something to say', () => {
    const loaded = [...loadedWith('src/cli/main.ts')];
    expect(loaded).toContain('src/passes/relocate.ts');
    expect(loaded.filter(under('report'))).toEqual([]);
    expect(loaded.filter((to) => isPackage(to) && !isNodeModule(to))).toEqual([]);
  });

  it('lead from no pass to another', () => {
    expect(offending('src/passes/', under('passes'))).toEqual([]);
  });

  it('lead from file formats, instruction set and header to nothing that links', () => {
    const linking = (to: string) =>
      under('passes', 'cli', 'node', 'report', 'explain', 'builtins')(to) ||
      ['src/link.ts', 'src/program.ts', 'src/options.ts', 'src/results.ts'].includes(to);
    for (const folder of ['src/elf/', 'src/x86/', 'src/header/', 'src/pack/']) {
      expect(offending(folder, linking)).toEqual([]);
    }
  });

  it('lead from the instruction set and the demangler to nothing but themselves', () => {
    expect(offending('src/x86/', (to) => !under('x86')(to))).toEqual([]);
    expect(offending('src/explain/demangle/', (to) => !under('explain/demangle')(to))).toEqual([]);
  });

  it('lead from nowhere but the command line to the command line and to the disk', () => {
    const outside = offending('src/', under('cli', 'node')).filter(
      (text) => !/^src\/(node|cli)\//.test(text),
    );
    expect(outside).toEqual([]);
    expect(offending('src/node/', under('cli'))).toEqual([]);
  });
});

describe('imports of the playground', () => {
  /** What of the command line's knows nothing of Node. */
  const SHARED = ['src/cli/disassembler.ts', 'src/cli/linkArgv.ts', 'src/cli/values.ts'];
  let loaded: string[] = [];

  beforeAll(async () => {
    const { metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: ['examples/playground/page/main.ts', 'examples/playground/worker/main.ts'],
      bundle: true,
      write: false,
      outdir: 'none',
      platform: 'neutral',
      format: 'esm',
      external: ['node:*', 'iced-x86'],
      metafile: true,
    });
    loaded = listImports(metafile).map(({ to }) => to);
  });

  it('lead to the library and to what needs no Node', () => {
    expect(loaded).toContain('src/core.ts');
    expect(loaded.filter(under('node'))).toEqual([]);
    expect([...new Set(loaded.filter(under('cli')))].sort()).toEqual(SHARED);
    const packages = loaded.filter((to) => isPackage(to) && !to.startsWith('examples/'));
    expect(packages).toEqual(['iced-x86']);
  });
});
