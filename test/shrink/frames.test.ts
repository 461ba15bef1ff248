/** Frames that LEAVE ends, and functions that are known to be one. */
import { describe, expect, it } from 'vitest';
import { CALLED, code, compiled, functionSymbol, hex, linkedText, pairs } from './make.ts';

/** What a function becomes whose symbol says where it ends. @param size bytes of it, or all */
function shrunk(text: string, size = hex(text).length): string {
  return linkedText(compiled([code('.text', text)], [functionSymbol('_start', '.text', 0, size)]), CALLED);
}

/** push rbp; mov rsp, rbp */
const FRAME = '55 48 89 e5';

describe('a frame', () => {
  it.each([
    ['add $32, rsp; pop rbp', '48 83 ec 20 50 58 48 83 c4 20 5d c3', '48 83 ec 20 50 58 c9 c3'],
    [
      'add $256, rsp; pop rbp',
      '48 81 ec 00 01 00 00 50 58 48 81 c4 00 01 00 00 5d c3',
      '48 81 ec 00 01 00 00 50 58 c9 c3',
    ],
    [
      'two ends',
      '48 83 ec 20 74 06 48 83 c4 20 5d c3 50 58 48 83 c4 20 5d c3',
      '48 83 ec 20 74 02 c9 c3 50 58 c9 c3',
    ],
  ])('ends by LEAVE: %s', (_, before, after) => {
    expect(shrunk(`${FRAME} ${before}`)).toBe(pairs(`${FRAME} ${after}`));
  });

  it.each([
    ['where rbp is calculated with', '48 83 ec 20 48 01 cd 50 58 48 83 c4 20 5d c3'],
    ['where rbp is pushed again', '48 83 ec 20 55 48 83 c4 28 5d c3'],
    ['where it goes on without a frame', '5d 50 58 48 83 c4 20 5d c3'],
    ['where flags are returned', '48 83 ec 20 48 83 c4 20 5d 70 01 50 c3'],
    ['where something leads to the pop', '48 83 ec 20 74 05 50 48 83 c4 20 5d c3'],
  ])('stays: %s', (_, text) => {
    expect(shrunk(`${FRAME} ${text}`)).toBe(pairs(`${FRAME} ${text}`));
  });

  it('stays where nothing says how far the function goes, or where it begins otherwise', () => {
    const body = '48 83 ec 20 50 58 48 83 c4 20 5d c3';
    const text = `${FRAME} ${body}`;
    expect(shrunk(text, 0)).toBe(pairs(text));
    expect(shrunk(text, hex(text).length - 1)).toBe(pairs(text));
    const other = `53 ${text}`;
    expect(shrunk(other)).toBe(pairs(other));
  });
});

describe('a whole function', () => {
  // push rbp; mov rsp, rbp; sub $32, rsp; mov rdi, -8(rbp); jmp 1f; 1: mov $5, edi; call 2f; 2: leave; ret
  const text = `${FRAME} 48 83 ec 20 48 89 7d f8 74 02 eb 01 50 bf 05 00 00 00 ff d0 c9 c3`;
  const pushed = '55 54 5d 48 83 ec 20 48 89 7d f8 74 02 eb 01 50 6a 05 5f ff d0 c9 c3';

  it('may push and pop behind jumps, if it is known to be one', () => {
    expect(shrunk(text)).toBe(pairs(pushed));
  });

  it('may end with NOPs', () => {
    expect(shrunk(`${text} 0f 1f 00`, hex(text).length)).toBe(pairs(pushed));
  });

  it('may be two otherwise, of which one has a red zone', () => {
    const other = `${FRAME} 48 83 ec 20 48 89 7d f8 74 01 c3 50 bf 05 00 00 00 ff d0 58 c3`;
    expect(shrunk(other, 0)).toContain('bf 05 00 00 00');
    expect(shrunk(other, 4)).toContain('bf 05 00 00 00');
    expect(shrunk(other)).toContain('6a 05 5f');
  });
});
