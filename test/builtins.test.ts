/** The built-in memory functions are what their assembly source says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MEMORY_FUNCTIONS, memoryObjects } from '../src/builtins/mem.ts';
import { sourceOf } from '../src/contents.ts';
import { readU64 } from '../src/elf/bytes.ts';
import { symbolName, symbolOffset, symbolSection } from '../src/elf/object.ts';
import { Program } from '../src/program.ts';
import { functionObject, linkFiles, liveSections, toHex } from './elf/make.ts';
import { hasTool, run, scratchFolder } from './run.ts';

const SOURCE = fileURLToPath(new URL('../src/builtins/mem.asm', import.meta.url));

/** The bytes of each global function of an object: those of its section. */
function functionsOf(bytes: Uint8Array): Record<string, string> {
  const program = new Program([]);
  const object = program.addObject('object', sourceOf(bytes), 0);
  const functions: Record<string, string> = {};
  for (let index = object.symbols.firstGlobal; index < object.symbols.count; index++) {
    const name = symbolName(object, index);
    if (name === '') continue;
    const section = program.rowOf(object, symbolSection(object, index));
    expect(program.sectionName(section)).toBe(`.text.${name}`);
    expect(readU64(bytes, symbolOffset(object, index) + 8)).toBe(0);
    expect(program.sections.addralign[section]).toBe(1);
    expect(program.sections.relocationCount[section]).toBe(0);
    functions[name] = toHex(program.sectionBytes(section));
  }
  return functions;
}

describe('--builtins=mem', () => {
  const folder = scratchFolder();
  const isMissing = !hasTool('nasm');

  it.skipIf(isMissing)('has the bytes of mem.asm', () => {
    const output = join(folder, 'mem.o');
    const { code, stderr } = run('nasm', ['-f', 'elf64', SOURCE, '-o', output]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const expected = Object.fromEntries(
      Object.entries(MEMORY_FUNCTIONS).map(([name, bytes]) => [name, toHex(Uint8Array.from(bytes))]),
    );
    expect(functionsOf(new Uint8Array(readFileSync(output)))).toEqual(expected);
  });

  it('comes as one object for each function', () => {
    const functions = Object.assign({}, ...memoryObjects().map(({ bytes }) => functionsOf(bytes)));
    expect(Object.keys(functions).sort()).toEqual([
      'bcmp',
      'memcmp',
      'memcpy',
      'memmove',
      'memset',
      'strlen',
    ]);
    for (const [name, bytes] of Object.entries(MEMORY_FUNCTIONS)) {
      expect(functions[name]).toBe(toHex(Uint8Array.from(bytes)));
    }
  });

  it('gives a program only what it calls and does not define', () => {
    const main = functionObject('_start', ['memcpy', 'strlen', 'memset']);
    const own = functionObject('memset');
    const result = linkFiles({ 'main.o': main, 'own.o': own }, { builtins: 'mem', gcSections: false });
    const objects = liveSections(result).map(({ object }) => object);
    expect(objects.sort()).toEqual(['<builtins>(memcpy.o)', '<builtins>(strlen.o)', 'main.o', 'own.o']);
  });
});
