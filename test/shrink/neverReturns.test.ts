/** Functions that never return: what they save, and what calls them last. */
import { describe, expect, it } from 'vitest';
import type { SectionSpec } from '../../src/elf/build.ts';
import type { LinkResult } from '../../src/link.ts';
import { contents, linkFiles, placed, toHex } from '../elf/make.ts';
import { code, compiled, filler, functionSymbol, hex, pairs, R_PLT32, START } from './make.ts';

const call = (offset: number, symbol: string) => ({ offset, type: R_PLT32, symbol, addend: -4 });

/** Large enough for what small programs are left without. */
const LARGE = code('.text', `${filler(3000)} c3`);

const SIZES = new Map<string, number>();

/** A section with one function, which its symbol describes. */
function one(name: string, text: string, relocations: Parameters<typeof code>[2] = []): SectionSpec {
  SIZES.set(name, hex(text).length);
  return code(`.text.${name}`, text, relocations);
}

function linked(sections: readonly SectionSpec[], names: readonly string[]): LinkResult {
  const symbols = names.map((name) => functionSymbol(name, `.text.${name}`, 0, SIZES.get(name)));
  const object = compiled([LARGE, ...sections], [START, ...symbols]);
  return linkFiles({ 'a.o': object }, { outline: false, header: 'plain', undefinedSymbols: names });
}

describe('a function that never returns', () => {
  const body = (text: string) => toHex(contents(linked([one('f', text)], ['f']), '.text.f'));

  it.each([
    // push rbp, r15, r14, rbx; sub $16, rsp; 1: call *rax; jmp 1b
    ['saves nothing', '55 41 57 41 56 53 48 83 ec 10 ff d0 eb fc', '48 83 ec 30 ff d0 eb fc'],
    [
      'saves what SUB has no room for',
      '55 41 57 41 56 53 48 83 ec 70 ff d0 eb fc',
      '55 41 57 41 56 48 83 ec 78 ff d0 eb fc',
    ],
    // call *-8(rbp)
    [
      'keeps its frame',
      '55 48 89 e5 41 57 53 48 83 ec 18 ff 55 f8 eb fb',
      '55 54 5d 48 83 ec 28 ff 55 f8 eb fb',
    ],
    ['has no frame of no use', '55 48 89 e5 41 57 53 48 83 ec 18 ff d0 eb fc', '48 83 ec 30 ff d0 eb fc'],
    ['ends with UD2', '53 48 83 ec 20 ff d0 0f 0b', '48 83 ec 28 ff d0 0f 0b'],
  ])('%s', (_, before, after) => {
    expect(body(before)).toBe(pairs(after));
  });

  it.each([
    ['that returns', '53 48 83 ec 20 ff d0 74 fc 48 83 c4 20 5b c3'],
    ['that jumps by a register', '53 48 83 ec 20 ff d0 74 fc ff e1'],
    ['with something between', '53 50 48 83 ec 20 ff d0 eb fc'],
    ['in which something leads there', '53 48 83 ec 20 ff d0 eb f8'],
  ])('is none: one %s', (_, text) => {
    expect(body(text)).toMatch(/^53 /);
  });

  it('is none where nothing says how far it goes', () => {
    const text = '53 48 83 ec 20 ff d0 eb fc';
    const object = compiled([LARGE, code('.text.f', text)], [START, functionSymbol('f', '.text.f')]);
    expect(toHex(contents(linkFiles({ 'a.o': object }, { undefinedSymbols: ['f'] }), '.text.f'))).toBe(
      pairs(text),
    );
  });

  it('is none where it jumps to another section', () => {
    const sections = [one('f', '53 48 83 ec 20 ff d0 e9 .. .. .. ..', [call(8, 'g')]), one('g', 'ff d0 c3')];
    expect(toHex(contents(linked(sections, ['f', 'g']), '.text.f'))).toMatch(/^53 /);
  });
});

describe('a call of one', () => {
  /** push rax; 1: call *rax; jmp 1b */
  const NEVER = '50 ff d0 eb fc';
  const caller = (text: string) => one('f', text, [call(3, 'g')]);

  it('that comes last becomes a push, with the function behind it', () => {
    const result = linked([caller('ff d0 e8 .. .. .. ..'), one('g', NEVER)], ['f', 'g']);
    expect(toHex(contents(result, '.text.f'))).toBe(pairs('ff d0 50'));
    expect(placed(result, '.text.g').address).toBe(placed(result, '.text.f').address + 3);
  });

  it.each([
    ['returns', 'ff d0 c3'],
    ['reads its return address', '50 48 8b 44 24 08 ff d0 eb fc'],
    ['reads it by a frame pointer', '55 48 89 e5 48 8b 45 08 ff d0 eb fc'],
    ['copies the stack pointer', '50 48 89 e0 ff d0 eb fc'],
  ])('stays if the function %s', (_, text) => {
    const result = linked([caller('ff d0 e8 .. .. .. ..'), one('g', text)], ['f', 'g']);
    expect(contents(result, '.text.f').length).toBe(7);
  });

  it.each([
    ['on the stack', '48 83 ec 10 48 8b 44 24 08 ff d0 eb fc'],
    ['below its frame pointer', '55 48 89 e5 48 83 ec 10 48 8b 45 f8 ff d0 eb fc'],
    ['below its frame pointer, which is pushed and popped', '55 54 5d 48 83 ec 10 48 8b 45 f8 ff d0 eb fc'],
  ])('may lead to one that reads what it has itself %s', (_, text) => {
    const result = linked([caller('ff d0 e8 .. .. .. ..'), one('g', text)], ['f', 'g']);
    expect(contents(result, '.text.f').length).toBe(3);
  });

  it('serves for others of the same function', () => {
    // test eax; je 1f; push rcx; call g; 1: push rdx; call g
    const text = '85 c0 74 06 51 e8 .. .. .. .. 52 e8 .. .. .. ..';
    const result = linked([one('f', text, [call(6, 'g'), call(12, 'g')]), one('g', NEVER)], ['f', 'g']);
    expect(toHex(contents(result, '.text.f'))).toMatch(/^85 c0 74 06 51 e8 (.. ){4}52 eb f8$/);
  });

  it('is followed by nothing', () => {
    const sections = [one('f', '85 c0 74 08 51 e8 .. .. .. .. 53 51 52 c3', [call(6, 'g')]), one('g', NEVER)];
    expect(toHex(contents(linked(sections, ['f', 'g']), '.text.f'))).toMatch(
      /^85 c0 74 06 51 e8 (.. ){4}52 c3$/,
    );
  });
});
