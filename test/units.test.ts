/** How the build divides the sources into files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { splitExports } from '../.ci/exports.ts';
import { readImports } from '../.ci/imports.ts';
import { buildUnit, divideSources, type Unit } from '../.ci/units.ts';
import { FIXTURES } from './programs.ts';
import { scratchFolder } from './run.ts';

const folder = scratchFolder();
let units: readonly Unit[] = [];

beforeAll(async () => {
  units = await divideSources(join(FIXTURES, '..'));
});

const unit = (file: string) => units.find((other) => other.file === file)!;

describe('the files of the build', () => {
  // A library that packs has to have what packs at hand, and a command has it in a file that no plain link loads.
  it('hold each module once, but for src/node, what packs and what threads run', () => {
    const all = units.filter(({ file }) => file !== 'packWorker.cjs').flatMap(({ modules }) => [...modules]);
    const repeated = all.filter((path, i) => all.indexOf(path) !== i);
    expect(all).toContain('src/explain/readMap.ts');
    expect(repeated.filter((path) => !/^src\/(node|pack|packed)\//.test(path))).toEqual([]);
    const isOfNode = (path: string) => path.startsWith('src/node/');
    expect(repeated.filter((path) => isOfNode(path) && !unit('index.js').modules.has(path))).toEqual([]);
  });

  it('have the linker without disk and command line', () => {
    const { modules } = unit('linker.js');
    expect(modules).toContain('src/passes/relocate.ts');
    expect([...modules].filter((path) => !/^src\/(?!cli\/|node\/)/.test(path))).toEqual([]);
  });

  it('have what threads run in a file that loads no other, and little of it', () => {
    const { modules, uses } = unit('packWorker.cjs');
    expect(uses).toEqual([]);
    expect(modules).toContain('src/pack/cm/measure.ts');
    expect([...modules].filter((path) => !/^src\/(pack\/cm|node)\//.test(path))).toEqual([]);
  });

  it('load nothing of what messages take for a message', () => {
    expect(unit('print.cjs').uses.map(({ file }) => file)).toEqual(['linker.js', 'main.cjs']);
  });

  it('may not have two exports of one name', async () => {
    for (const name of ['a', 'b']) writeFileSync(join(folder, `${name}.ts`), 'export const same = 1;');
    const imported = ['a.ts', 'b.ts'].map((path) => ({ path, names: ['same'] }));
    const clashing = { file: 'c.js', modules: new Set<string>(), uses: [], imported, imports: new Map() };
    await expect(buildUnit(folder, clashing, { write: false, logLevel: 'silent' })).rejects.toThrow(
      'Ambiguous import "same"',
    );
  });
});

describe('imports', () => {
  const read = async (text: string) => {
    mkdirSync(join(folder, 'src'), { recursive: true });
    writeFileSync(join(folder, 'src/module.ts'), text);
    return (await readImports(folder, ['src/module.ts'])).get('src/module.ts');
  };

  it('are read by name, types left out', async () => {
    const text = `import { a, type T, b as c, unused } from './x/y.ts';
      import { join } from 'node:path';
      export { d as default } from '../z.ts';
      export const all: T = [a, c, join];`;
    expect(await read(text)).toEqual([
      { path: 'src/x/y.ts', names: ['a', 'b'] },
      { path: 'z.ts', names: ['d'] },
    ]);
  });

  it.each(["import * as x from './x.ts';", "import x from './x.ts';"])('are not %s', async (statement) => {
    await expect(read(`${statement} export const y = x;`)).rejects.toThrow('src/module.ts: import');
  });
});

describe('exports', () => {
  it('are split from code', () => {
    const code = 'var a=1,b=2;';
    const { size, object } = splitExports(`${code}export{a as first,b};\n`);
    expect({ size, object }).toEqual({ size: code.length, object: '{first:a,b:b}' });
  });

  it('must stand at the end', () => {
    expect(() => splitExports('export{a};var a=1;')).toThrow('a module that ends with its exports');
  });
});
