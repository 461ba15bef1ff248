/**
 * Makes the types of the library: tsc's declarations, those that an entry needs put into one file. What another entry
 * declares already is taken from there.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateDtsBundle } from 'dts-bundle-generator';

const CONFIG = fileURLToPath(new URL('tsconfig.types.json', import.meta.url));
const TSC = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));

/** What a file of types ends with: names that stand for others, and nothing else. */
const END = '\nexport {\n';

/**
 * @param entries modules under src/, without extension, by the name of their file: the first declares what the others do,
 *   and they more
 * @param folder gets NAME.d.ts
 */
export async function buildTypes(entries: Readonly<Record<string, string>>, folder: string): Promise<void> {
  const declarations = mkdtempSync(join(tmpdir(), 'tinyelf-types-'));
  try {
    await promisify(execFile)(TSC, ['-p', CONFIG, '--outDir', declarations]);
    const names = Object.keys(entries);
    const paths = names.map((name) => ({
      filePath: join(declarations, `${entries[name]}.d.ts`),
      // TypeScript 7 has checked them.
      output: { noBanner: true },
    }));
    const [first, ...others] = generateDtsBundle(paths, { preferredConfigPath: CONFIG });
    writeFileSync(join(folder, `${names[0]}.d.ts`), first!);
    for (const [i, text] of others.entries())
      writeFileSync(join(folder, `${names[i + 1]}.d.ts`), beyond(text, first!, `./${names[0]}.js`));
  } finally {
    rmSync(declarations, { recursive: true });
  }
}

/** Types that come after those of another file, from which all others are taken. @throws Error if it has others */
function beyond(text: string, first: string, path: string): string {
  const [common, end] = [first.slice(0, first.indexOf(END)), first.slice(first.indexOf(END))];
  if (!text.startsWith(common) || !text.endsWith(end)) throw new Error(`types differ from those of ${path}`);
  const own = text.slice(common.length, -end.length);
  const declared = common.matchAll(/^export (?:declare )?(?:class|function|interface|type) (\w+)/gm);
  const needed = [...declared]
    .map(([, name]) => name!)
    .filter((name) => new RegExp(`\\b${name}\\b`).test(own));
  return `import type { ${needed.join(', ')} } from '${path}';\n\nexport * from '${path}';\n${own}`;
}
