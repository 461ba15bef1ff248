/** Makes the types of the library: tsc's declarations, those that an entry needs put into one file. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateDtsBundle } from 'dts-bundle-generator';

const CONFIG = fileURLToPath(new URL('tsconfig.types.json', import.meta.url));
const TSC = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));

/** @param entries modules under src/, without extension, by the name of their file @param folder gets NAME.d.ts */
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
    for (const [i, text] of generateDtsBundle(paths, { preferredConfigPath: CONFIG }).entries()) {
      writeFileSync(join(folder, `${names[i]}.d.ts`), text);
    }
  } finally {
    rmSync(declarations, { recursive: true });
  }
}
