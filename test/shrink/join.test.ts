/** Functions that run into the one that they would jump to. */
import { describe, expect, it } from 'vitest';
import type { SymbolSpec } from '../../src/elf/build.ts';
import { STT_GNU_IFUNC } from '../../src/elf/constants.ts';
import { contents, linkFiles, placed, section, toHex } from '../elf/make.ts';
import { code, compiled, filler, functionSymbol, hex, pairs, R_64, R_PLT32, START } from './make.ts';

/** Too large to be taken apart by instructions. */
const LARGE = filler(1100);

const call = (offset: number, symbol: string) => ({ offset, type: R_PLT32, symbol, addend: -4 });
const options = { header: 'plain' } as const;

describe('tail calls', () => {
  const start = code('.text', `e8 .. .. .. .. e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'a'), call(6, 'c')]);
  const a = code('.text.a', '83 c0 01 e9 .. .. .. ..', [call(4, 'b')]);
  const b = code('.text.b', '83 c0 02 e9 .. .. .. ..', [call(4, 'd')]);
  const c = code('.text.c', '83 c0 03 e9 .. .. .. ..', [call(4, 'b')]);
  const d = code('.text.d', '83 c0 04 c3');
  const symbols = ['a', 'b', 'c', 'd'].map((name) => functionSymbol(name, `.text.${name}`));
  const object = compiled([start, c, b, d, a], [START, ...symbols]);

  it('fall through, the first of those to a function, and chains of them', () => {
    const result = linkFiles({ 'a.o': object }, options);
    expect(toHex(contents(result, '.text.c'))).toBe(pairs('83 c0 03'));
    expect(toHex(contents(result, '.text.b'))).toBe(pairs('83 c0 02'));
    expect(contents(result, '.text.a').length).toBe(8);
    const [first, second, third] = ['.text.c', '.text.b', '.text.d'].map(
      (name) => placed(result, name).address,
    );
    expect(second).toBe(first! + 3);
    expect(third).toBe(second! + 3);
  });

  it('stay where a call comes last, and where the jump leads into the middle of a function', () => {
    const main = code('.text', `e8 .. .. .. .. e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'e'), call(6, 'g')]);
    const e = code('.text.e', '83 c0 05 e9 .. .. .. ..', [{ ...call(4, 'f'), addend: -1 }]);
    const f = code('.text.f', '83 c0 06 83 c0 07 c3');
    const g = code('.text.g', '83 c0 08 e8 .. .. .. .. 0f 0b', [call(4, 'f')]);
    const places = ['e', 'f', 'g'].map((name) => functionSymbol(name, `.text.${name}`));
    const object = compiled([main, e, f, g], [START, ...places]);
    const result = linkFiles({ 'a.o': object }, { ...options, undefinedSymbols: ['f'] });
    expect(contents(result, '.text.e').length).toBe(8);
    expect(toHex(contents(result, '.text.g').subarray(0, 4))).toBe(pairs('83 c0 08 e8'));
  });

  it.each<[string, Partial<SymbolSpec>, string]>([
    ['an indirect function', { type: STT_GNU_IFUNC }, '.text.b'],
    ['a function among bounds', {}, 'mine'],
  ])('stay where they lead to %s', (_, more, name) => {
    const main = code('.text', `e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'a')]);
    const target = { ...b, name };
    const bounds = section('.rodata', 2, new Uint8Array(9), {
      relocations: [{ offset: 0, type: R_64, symbol: '__start_mine' }],
    });
    const places = [START, functionSymbol('a', '.text.a'), { ...functionSymbol('b', name), ...more }];
    const object = compiled([main, a, target, d, bounds], [...places, functionSymbol('d', '.text.d')]);
    const undefinedSymbols = name === 'mine' ? ['__start_mine'] : [];
    const result = linkFiles({ 'a.o': object }, { ...options, undefinedSymbols });
    expect(contents(result, '.text.a').length).toBe(8);
  });

  it('stay in code that is not rewritten', () => {
    const result = linkFiles({ 'a.o': object }, { ...options, shrink: 'none' });
    expect(contents(result, '.text.c').length).toBe(8);
  });

  it('do not go round in a circle', () => {
    const e = code('.text.e', '83 c0 05 e9 .. .. .. ..', [call(4, 'f')]);
    const f = code('.text.f', '83 c0 06 e9 .. .. .. ..', [call(4, 'e')]);
    const main = code('.text', `e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'e')]);
    const places = [functionSymbol('e', '.text.e'), functionSymbol('f', '.text.f')];
    const result = linkFiles({ 'a.o': compiled([main, e, f], [START, ...places]) }, options);
    expect(contents(result, '.text.e').length + contents(result, '.text.f').length).toBe(3 + 8);
  });

  it('keep the even addresses of functions that data knows', () => {
    const main = code('.text', `e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'e')]);
    const e = code('.text.e', '83 c0 05 e9 .. .. .. ..', [call(4, 'f')]);
    const f = code('.text.f', '83 c0 06 c3', [], 16);
    const data = section('.data', 3, new Uint8Array(8), {
      addralign: 8,
      relocations: [{ offset: 0, type: R_64, symbol: 'f', addend: 0 }],
    });
    const places = [functionSymbol('e', '.text.e'), functionSymbol('f', '.text.f')];
    const object = compiled([main, e, f, data], [START, ...places, { name: 'd', section: '.data' }]);
    const result = linkFiles({ 'a.o': object }, { ...options, undefinedSymbols: ['d'] });
    expect(placed(result, '.text.f').address % 2).toBe(0);
    expect(contents(result, '.text.e').length).toBe(8);
  });

  it('fall through where the function has shared an end with another one in its section', () => {
    // Two functions with the same end, so far apart that shrinking the section by itself finds no short jump.
    const end = '89 43 08 5b 5d 41 5c c3';
    const text = `90 90 90 83 c0 03 ${end} ${filler(199)} c3 83 c0 04 ${end} 83 c0 05 e9 .. .. .. ..`;
    const g = 6 + 8 + 200;
    const symbols = [
      functionSymbol('f', '.text.f'),
      functionSymbol('between', '.text.f', 6 + 8),
      functionSymbol('g', '.text.f', g),
      functionSymbol('h', '.text.f', g + 11),
      functionSymbol('k', '.text.k'),
    ];
    const calls = ['f', 'between', 'g', 'h'].map((name, n) => call(5 * n + 1, name));
    const main = code('.text', `${'e8 .. .. .. .. '.repeat(4)} ${LARGE} 0f 0b`, calls);
    const f = code('.text.f', text, [call(g + 15, 'k')]);
    const object = compiled([main, f, code('.text.k', '83 c0 06 c3')], [START, ...symbols]);
    const shrunk = contents(linkFiles({ 'a.o': object }, options), '.text.f');
    // The jump to the first end, from behind it
    const jump = shrunk.length - 3 - 5;
    expect(toHex(shrunk.subarray(jump - 3, jump + 1))).toBe(pairs('83 c0 04 e9'));
    const view = new DataView(shrunk.buffer, shrunk.byteOffset);
    expect(jump + 5 + view.getInt32(jump + 1, true)).toBe(3);
  });

  it('that are all of a function stay: it keeps an address of its own', () => {
    const main = code('.text', `e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'e')]);
    const e = code('.text.e', 'e9 .. .. .. ..', [call(1, 'f')]);
    const f = code('.text.f', '83 c0 06 c3');
    const places = [functionSymbol('e', '.text.e'), functionSymbol('f', '.text.f')];
    const result = linkFiles({ 'a.o': compiled([main, e, f], [START, ...places]) }, options);
    expect(contents(result, '.text.e').length).toBe(5);
  });

  it('that are all of the last function of a section stay too', () => {
    const main = code('.text', `e8 .. .. .. .. e8 .. .. .. .. ${LARGE} 0f 0b`, [call(1, 'e'), call(6, 'e2')]);
    const e = code('.text.e', '83 c0 05 c3 e9 .. .. .. ..', [call(5, 'f')]);
    const f = code('.text.f', '83 c0 06 c3');
    const places = [functionSymbol('e', '.text.e'), functionSymbol('e2', '.text.e', 4)];
    const object = compiled([main, e, f], [START, ...places, functionSymbol('f', '.text.f')]);
    const result = linkFiles({ 'a.o': object }, options);
    expect(contents(result, '.text.e').length).toBe(9);
  });

  it('stand in sections in which functions share their ends', () => {
    // MOV [rbx+8], eax; MOV eax, [rbx+10h]; POP rbx; RET: 8 bytes.
    const end = '89 43 08 8b 43 10 5b c3';
    // `shrinkCode` compares the last ends that look alike; between the two that are the same are more of them.
    const others = Array.from({ length: 30 }, (_, n) => `83 c0 ${(0x10 + n).toString(16)} 5b c3`);
    // Before them stands what is dropped.
    const bodies = ['90 90 90 90 83 c0 03 c3', `83 c0 04 ${end}`, ...others, `83 c0 05 ${end}`, '83 c0 06'];
    const starts = bodies.map((_, n) => hex(bodies.slice(0, n).join(' ')).length);
    const size = hex(bodies.join(' ')).length;
    const functions = code('.text.e', `${bodies.join(' ')} e9 .. .. .. ..`, [call(size + 1, 'f')]);
    const names = starts.map((_, n) => `e${n}`);
    const main = code(
      '.text',
      `${'e8 .. .. .. .. '.repeat(names.length)} ${LARGE} 0f 0b`,
      names.map((name, n) => call(5 * n + 1, name)),
    );
    const symbols = names.map((name, n) => functionSymbol(name, '.text.e', starts[n]));
    const object = compiled(
      [main, functions, code('.text.f', '83 c0 07 c3')],
      [START, ...symbols, functionSymbol('f', '.text.f')],
    );
    const text = contents(linkFiles({ 'a.o': object }, options), '.text.e');
    expect(toHex(text.subarray(0, 15))).toBe(pairs(`83 c0 03 c3 83 c0 04 ${end}`));
    const last = 15 + 30 * 5;
    // ADD eax, 5; JMP to the end of the second one; ADD eax, 6, which runs into `f`
    expect(toHex(text.subarray(last, last + 4))).toBe(pairs('83 c0 05 e9'));
    expect(new DataView(text.buffer, text.byteOffset).getInt32(last + 4, true)).toBe(7 - (last + 8));
    expect(toHex(text.subarray(last + 8))).toBe(pairs('83 c0 06'));
  });
});
