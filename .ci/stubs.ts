/**
 * Assembles the stubs of packing: for each NAME.asm in src/pack/stubs the object as NAME.ts beside it. Needs nasm and
 * strip.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const STUBS = fileURLToPath(new URL('../src/pack/stubs', import.meta.url));

/** Characters on a line. */
const WIDTH = 96;

/** Names of the stubs, without `.asm`. */
export function stubNames(): string[] {
  return readdirSync(STUBS)
    .filter((name) => name.endsWith('.asm'))
    .map((name) => basename(name, '.asm'))
    .sort();
}

/** Assembles a source file. Includes are found beside it. @returns the object */
export function assembleStub(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'tinyelf-stub-'));
  try {
    const output = join(folder, 'stub.o');
    // The object names its source: without folders, it is the same on every machine.
    execFileSync('nasm', ['-f', 'elf64', basename(source), '-o', output], { cwd: dirname(source) });
    // Labels within labels and constants, which are half of it, have names for the source alone.
    execFileSync('strip', ['--wildcard', '--strip-symbol=?*.*', '--strip-symbol=[A-Z]*', output]);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The source of the module for a stub. */
export function stubModule(name: string, object: Uint8Array): string {
  const digits = Buffer.from(object).toString('base64');
  const lines = digits.match(new RegExp(`.{1,${WIDTH}}`, 'g'))!;
  return [
    `/** The object of ${name}.asm, in base64. Written by \`npm run stubs\`. */`,
    `export const ${name.toUpperCase()}_STUB = \``,
    ...lines,
    '`;',
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of stubNames()) {
    const object = assembleStub(join(STUBS, `${name}.asm`));
    writeFileSync(join(STUBS, `${name}.ts`), stubModule(name, object));
  }
}
