/** What stands behind a system call that ends the program is dropped, unless something leads there. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { SHN_ABS, STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import { findExit } from '../../src/x86/exits.ts';
import { CODE, contents, DATA, linkFiles, placed, section, toHex } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';

const folder = scratchFolder();

const R_64 = 1;
const R_PC32 = 2;
const R_PLT32 = 4;
const R_32 = 10;

const EXIT = 'b8 3c 00 00 00 0f 05';
const EXIT_BY_STACK = '6a 3c 58 0f 05';
const TRAP = '0f 0b';

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
}

/** An object with `_start` in code of these bytes, and what else there is. */
function objectOf(
  text: string,
  sections: readonly SectionSpec[] = [],
  symbols: readonly SymbolSpec[] = [],
  more: Partial<SectionSpec> = {},
): Uint8Array {
  const start = section('.text._start', CODE, hex(text), more);
  return buildObject([start, ...sections], [...symbols, { name: '_start', section: '.text._start' }]);
}

/** What is left of the code of `_start`. */
function left(object: Uint8Array, options: Parameters<typeof linkFiles>[1] = {}): string {
  return toHex(contents(linkFiles({ 'a.o': object }, options), '.text._start'));
}

describe('behind an exit', () => {
  it.each([
    ['by a loaded number', EXIT],
    ['by a number from the stack', EXIT_BY_STACK],
    ['of all threads', 'b8 e7 00 00 00 0f 05'],
    ['with a code that is computed between', '6a 3c 58 31 ff ff c7 0f 05'],
    ['that a loop precedes', `ff cf 75 fc ${EXIT}`],
    ['that a call precedes that comes back', `e8 00 00 00 00 ${EXIT}`],
  ])('%s, code is dropped', (_name, code) => {
    expect(left(objectOf(code))).toBe(code);
    expect(left(objectOf(`${code} ${TRAP}`))).toBe(code);
    expect(left(objectOf(`${code} 90 90 c3`))).toBe(code);
    expect(findExit(hex(`${code} ${TRAP}`))?.end).toBe(hex(code).length);
  });

  it('relocations of what is dropped are not applied', () => {
    const relocations = [{ offset: 8, type: R_PLT32, symbol: 'panic', addend: -4 }];
    const panic = section('.text.panic', CODE, hex('31 c0 c3'));
    const object = objectOf(`${EXIT} e8 00 00 00 00`, [panic], [{ name: 'panic', section: '.text.panic' }], {
      relocations,
    });
    expect(left(object)).toBe(EXIT);
  });

  it('the program runs as before', () => {
    const code = 'bf 11 00 00 00';
    for (const header of ['plain', 'classic', 'auto']) {
      const { bytes } = linkFiles({ 'a.o': objectOf(`${code} ${EXIT} ${TRAP}`) }, { header });
      const path = join(folder, header);
      writeFileSync(path, bytes);
      chmodSync(path, 0o755);
      expect(run(path, []).code).toBe(17);
    }
  });
});

describe('code stays', () => {
  it.each([
    ['behind another system call', `b8 3d 00 00 00 0f 05 ${TRAP}`],
    ['behind a call of the wrong register', `b9 3c 00 00 00 0f 05 ${TRAP}`],
    ['where a branch leads behind the exit', `74 07 ${EXIT} 31 ff c3`],
    ['where a branch leads to the call, with another number', `b8 01 00 00 00 74 05 ${EXIT} ${TRAP}`],
    ['where a branch leads in between', `31 c0 74 07 ${'b8 3c 00 00 00'} 31 ff 0f 05 ${TRAP}`],
    ['where eax is written again', `b8 3c 00 00 00 ff c8 0f 05 ${TRAP}`],
    ['where a part of eax is written again', `b8 3c 00 00 00 b0 01 0f 05 ${TRAP}`],
    ['where a call may write eax', `b8 3c 00 00 00 e8 00 00 00 00 0f 05 ${TRAP}`],
    ['where another system call writes eax', `b8 27 00 00 00 0f 05 0f 05 ${TRAP}`],
    ['where the pushed number is not what is popped', `6a 3c 50 58 0f 05 ${TRAP}`],
    ['that is loaded by its distance', `48 8d 35 08 00 00 00 ${EXIT} ${TRAP} 68 69`],
    ['that is found from a return address', `e8 00 00 00 00 5e ${EXIT} 68 69`],
    ['that cannot be decoded before', `06 ${EXIT} ${TRAP}`],
  ])('%s', (_name, code) => {
    expect(left(objectOf(code))).toBe(code);
  });

  const text = `${EXIT} 31 ff c3`;
  const behind = { name: 'behind', section: '.text._start', value: 7 };

  it('where the entry lies behind the exit', () => {
    const object = objectOf(text, [], [behind]);
    expect(left(object)).toBe(EXIT);
    expect(left(object, { entry: 'behind' })).toBe(text);
  });

  it('where options name what lies there', () => {
    const object = objectOf(text, [], [behind]);
    expect(left(object, { undefinedSymbols: ['behind'] })).toBe(text);
    expect(left(object, { requiredSymbols: ['behind'] })).toBe(text);
    expect(left(object, { defsym: { other: 'behind + 1' } })).toBe(text);
  });

  it('where data holds the address of what lies there', () => {
    const table = section('.data', DATA, 8, { relocations: [{ offset: 0, type: R_64, symbol: 'behind' }] });
    const loads = { relocations: [{ offset: 3, type: R_PC32, symbol: 'table', addend: -4 }] };
    const code = `48 8d 05 00 00 00 00 ${text}`;
    const symbols = [
      { ...behind, value: 14 },
      { name: 'table', section: '.data' },
    ];
    const { size } = placed(linkFiles({ 'a.o': objectOf(code, [table], symbols, loads) }), '.text._start');
    expect(size).toBe(17);
  });

  it('where other code calls what lies there, by a symbol of its own or by its section', () => {
    const other = (symbol: string, addend: number) =>
      section('.text.other', CODE, hex('e8 00 00 00 00 c3'), {
        relocations: [{ offset: 1, type: R_PLT32, symbol, addend }],
      });
    const start = { relocations: [{ offset: 1, type: R_PLT32, symbol: 'other', addend: -4 }] };
    const code = `e8 00 00 00 00 ${text}`;
    const symbols = [
      { name: '.text._start', section: '.text._start', binding: STB_LOCAL, type: STT_SECTION },
      { ...behind, value: 12 },
      { name: 'other', section: '.text.other' },
    ];
    const sizeWith = (symbol: string, addend: number) =>
      placed(linkFiles({ 'a.o': objectOf(code, [other(symbol, addend)], symbols, start) }), '.text._start')
        .size;
    expect(sizeWith('behind', -4)).toBe(15);
    expect(sizeWith('.text._start', 12 - 4)).toBe(15);
    expect(sizeWith('.text._start', 5 - 4)).toBe(12);
  });

  it('where the system call can be reached with another number', () => {
    const other = section('.text.other', CODE, hex('e9 00 00 00 00'), {
      relocations: [{ offset: 1, type: R_PLT32, symbol: 'call', addend: -4 }],
    });
    const start = { relocations: [{ offset: 1, type: R_PLT32, symbol: 'other', addend: -4 }] };
    const symbols = [
      { name: 'call', section: '.text._start', value: 10 },
      { name: 'other', section: '.text.other' },
    ];
    const object = objectOf(`e8 00 00 00 00 ${text}`, [other], symbols, start);
    expect(placed(linkFiles({ 'a.o': object }), '.text._start').size).toBe(15);
  });

  it('where the number is relocated', () => {
    const start = { relocations: [{ offset: 1, type: R_32, symbol: 'number' }] };
    const object = objectOf(text, [], [{ name: 'number', section: SHN_ABS, value: 1 }], start);
    expect(placed(linkFiles({ 'a.o': object }), '.text._start').size).toBe(10);
  });

  it('where it is needed by what lies behind another exit that stays', () => {
    const call = (symbol: string) => ({
      relocations: [{ offset: 8, type: R_PLT32, symbol, addend: -4 }],
    });
    const symbols = [
      { name: 'here', section: '.text._start', value: 7 },
      { name: 'there', section: '.text.other', value: 7 },
      { name: 'other', section: '.text.other' },
    ];
    const other = section('.text.other', CODE, hex(`${EXIT} e8 00 00 00 00`), call('here'));
    const sizes = (options: Parameters<typeof linkFiles>[1]) => {
      const object = objectOf(`${EXIT} e8 00 00 00 00`, [other], symbols, call('there'));
      const result = linkFiles({ 'a.o': object }, { undefinedSymbols: ['other'], ...options });
      return ['.text._start', '.text.other'].map((name) => placed(result, name).size);
    };
    expect(sizes({})).toEqual([7, 7]);
    expect(sizes({ undefinedSymbols: ['other', 'here'] })).toEqual([12, 12]);
  });

  it('under --verbatim', () => {
    expect(left(objectOf(text), { verbatim: true })).toBe(text);
  });

  it('where sections belong together, as fragments of .init do', () => {
    const fragment = (bytes: string) => section('.init', CODE, hex(bytes));
    const build = (bytes: string) => buildObject([fragment(bytes)], [{ name: '_start', section: '.init' }]);
    const result = linkFiles({ 'a.o': build(text) });
    expect(placed(result, '.init').size).toBe(10);
  });
});
