/** Identical ends of blocks, of which one stays. */
import { describe, expect, it } from 'vitest';
import { readU32 } from '../../src/elf/bytes.ts';
import { STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import { contents, DATA, linkFiles, section, toHex } from '../elf/make.ts';
import {
  addressOf,
  code,
  compiled,
  functionSymbol,
  linkedText,
  pairs,
  R_32,
  R_64,
  R_PC32,
  R_PLT32,
  START,
  shrunk,
} from './make.ts';

/** mov $0x11111111, %eax; mov $0x22222222, %ebx; jmp *%rax: 12 bytes */
const TAIL = 'b8 11 11 11 11 bb 22 22 22 22 ff e0';

describe('identical ends', () => {
  it('become one, to which the second jumps', () => {
    // je 1f; push rax; tail; 1: push rcx; tail
    expect(shrunk(`74 0d 50 ${TAIL} 51 ${TAIL}`)).toBe(pairs(`74 0d 50 ${TAIL} 51 eb f1`));
  });

  it('end with ret, ud2, or jumps to one and the same place', () => {
    for (const end of ['c3', '0f 0b']) {
      const tail = `b8 11 11 11 11 ${end}`;
      const distance = pairs(tail).split(' ').length + 1;
      const text = `74 0${distance.toString(16)} 50 ${tail} 51 ${tail}`;
      const jump = (256 - distance - 2).toString(16);
      expect(shrunk(text)).toBe(pairs(`74 0${distance.toString(16)} 50 ${tail} 51 eb ${jump}`));
    }
    // je 1f; jne 3f; push; mov; jmp 2f; 1: push; mov; jmp 2f; 3: pop; ret; 2: push; push; pop; ret
    const text = '74 0a 75 10 50 b8 11 11 11 11 eb 0a 51 b8 11 11 11 11 eb 02 5a c3 52 53 5f c3';
    expect(shrunk(text)).toBe(pairs('74 0a 75 0b 50 b8 11 11 11 11 eb 05 51 eb f6 5a c3 52 53 5f c3'));
  });

  it('are more than the jump', () => {
    expect(shrunk('74 03 50 58 c3 51 58 c3')).toBe(pairs('74 03 50 58 c3 51 58 c3'));
    expect(shrunk('74 04 50 5f 58 c3 51 5f 58 c3')).toBe(pairs('74 04 50 5f 58 c3 51 eb fa'));
  });

  it('are equal to the last byte, and have the same targets', () => {
    for (const other of ['b8 11 11 11 12', 'b9 11 11 11 11', '41 b8 11 11 11']) {
      const rest = other.startsWith('41') ? `${other} 11` : other;
      expect(shrunk(`74 07 50 b8 11 11 11 11 c3 51 ${rest} c3`)).toBe(
        pairs(`74 07 50 b8 11 11 11 11 c3 51 ${rest} c3`),
      );
    }
    // Calls of two functions behind; each loads another address.
    const text = `74 0a 50 48 8d 05 0d 00 00 00 ff e0 51 48 8d 05 04 00 00 00 ff e0`;
    expect(shrunk(`${text} 50 c3 51 c3`)).toBe(pairs(`${text} 50 c3 51 c3`));
  });

  it('have relocations to the same place', () => {
    const text = '74 07 50 b8 .. .. .. .. c3 51 b8 .. .. .. .. c3';
    const withAddends = (first: number, second: number) => {
      const relocations = [
        { offset: 4, type: R_32, symbol: 'd', addend: first },
        { offset: 11, type: R_32, symbol: 'd', addend: second },
      ];
      const data = section('.data', DATA, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      return compiled([code('.text', text, relocations), data], [START, { name: 'd', section: '.data' }]);
    };
    expect(linkedText(withAddends(4, 4)).endsWith('c3 51 eb f7')).toBe(true);
    expect(linkedText(withAddends(4, 5)).split(' ')).toHaveLength(16);
  });

  it('may be found more than once', () => {
    // je 1f; je 2f; push; tail; 1: push; tail; 2: push; tail
    const text = `74 0f 75 1a 50 ${TAIL} 51 ${TAIL} 52 ${TAIL}`;
    expect(shrunk(text)).toBe(pairs(`74 0f 75 10 50 ${TAIL} 51 eb f1 52 eb ee`));
  });

  it('may be whole functions', () => {
    const object = compiled(
      [code('.text', `50 c3 ${TAIL} ${TAIL}`)],
      [START, functionSymbol('f', '.text', 2), functionSymbol('g', '.text', 14)],
    );
    const options = { undefinedSymbols: ['f', 'g'] };
    expect(linkedText(object, options)).toBe(pairs(`50 c3 ${TAIL} eb f2`));
  });

  it('do not take the instruction before into account where that does not go on there', () => {
    // Functions that end, in front of functions that end: the two ends are not one.
    const functions = `50 51 52 c3 ${TAIL} 50 51 52 c3 ${TAIL}`;
    const symbols = [0, 4, 16, 20].map((value, i) => functionSymbol(`f${i}`, '.text', value));
    const object = compiled([code('.text', functions)], [START, ...symbols]);
    expect(linkedText(object, { undefinedSymbols: ['f0', 'f1', 'f2', 'f3'] })).toBe(
      pairs(`50 51 52 c3 ${TAIL} eb ee eb f0`),
    );
  });
});

describe('what leads into an end', () => {
  it('finds it from the start of what is merged', () => {
    // je to the second mov of the second tail: the jump stands there, and what is before it stays.
    expect(shrunk(`74 14 75 0c ${TAIL} 51 ${TAIL}`)).toBe(
      pairs(`74 14 75 0c ${TAIL} 51 b8 11 11 11 11 eb f1`),
    );
  });

  it('may lead into the one that stays', () => {
    // je to the second mov of the first tail
    expect(shrunk(`74 07 75 0c ${TAIL} 51 ${TAIL}`)).toBe(pairs(`74 07 75 0c ${TAIL} 51 eb f1`));
  });

  it('may do so at an instruction that is left out', () => {
    // je to a NOP, and to ENDBR64, between the two instructions of the second tail
    for (const nop of ['90', 'f3 0f 1e fa']) {
      const second = `b8 11 11 11 11 ${nop} bb 22 22 22 22 ff e0`;
      expect(shrunk(`74 14 75 0c ${TAIL} 51 ${second}`)).toBe(
        pairs(`74 14 75 0c ${TAIL} 51 b8 11 11 11 11 eb f1`),
      );
    }
  });

  it('may be calls of a function that begins with an instruction that is left out', () => {
    // call g; je 1f; push; call never; push; mov; ret; 1: push; call never; g: endbr64; push; mov; ret
    const end = '51 b8 11 11 11 11 c3';
    const text = `e8 .. .. .. .. 74 0d 50 e8 .. .. .. .. ${end} 52 e8 .. .. .. .. f3 0f 1e fa ${end}`;
    const calls = ['g', 'never', 'never'];
    const relocations = [1, 9, 22].map((offset, i) => ({
      offset,
      type: R_PLT32,
      symbol: calls[i]!,
      addend: -4,
    }));
    const object = compiled(
      [code('.text', text, relocations), code('.text.never', '0f 0b')],
      [START, functionSymbol('g', '.text', 26), functionSymbol('never', '.text.never')],
    );
    expect(linkedText(object)).toBe(
      pairs(`e8 15 00 00 00 74 0d 50 e8 0f 00 00 00 ${end} 52 e8 02 00 00 00 eb f1`),
    );
  });

  it('may be an address in data', () => {
    // mov table(rip), rcx; jmp *rcx; tails, of which the table names the second mov of the second one
    const text = `48 8b 0d .. .. .. .. 74 0d 50 ${TAIL} 51 ${TAIL}`;
    const loads = [{ offset: 3, type: R_PC32, symbol: 'table', addend: -4 }];
    const entry = [0, 8].map((offset) => ({ offset, type: R_64, symbol: '.text', addend: 28 }));
    const object = compiled(
      [code('.text', text, loads), section('.data', DATA, 16, { relocations: entry })],
      [
        START,
        { name: '.text', section: '.text', binding: STB_LOCAL, type: STT_SECTION },
        { name: 'table', section: '.data' },
      ],
    );
    const result = linkFiles({ 'a.o': object });
    expect(toHex(contents(result, '.text')).slice(21)).toBe(
      pairs(`74 0d 50 ${TAIL} 51 b8 11 11 11 11 eb f1`),
    );
    expect(readU32(contents(result, '.data'), 0)).toBe(addressOf(result, '_start') + 28);
  });
});

describe('calls in ends', () => {
  const text = '74 0b 50 e8 .. .. .. .. 5f 5e 5d 58 c3 51 e8 .. .. .. .. 5f 5e 5d 58 c3';
  const relocations = [4, 15].map((offset) => ({ offset, type: R_PLT32, symbol: 'f', addend: -4 }));

  it('are merged too', () => {
    const object = compiled(
      [code('.text', text, relocations), code('.text.f', 'c3')],
      [START, functionSymbol('f', '.text.f')],
    );
    expect(linkedText(object)).toMatch(/^74 0b 50 e8 (.. ){4}5f 5e 5d 58 c3 51 eb f3$/);
  });

  it('to different functions are not', () => {
    const other = [relocations[0]!, { ...relocations[1]!, symbol: 'g' }];
    const object = compiled(
      [code('.text', text, other), code('.text.f', 'c3'), code('.text.g', '51 c3')],
      [START, functionSymbol('f', '.text.f'), functionSymbol('g', '.text.g')],
    );
    expect(linkedText(object)).toMatch(/^74 0b 50 e8 (.. ){4}5f 5e 5d 58 c3 51 e8 (.. ){4}eb f3$/);
  });
});

describe('the LOCK prefix as an instruction of its own', () => {
  // je over the prefix; lock xadd eax, (rdi); pop; pop; ret
  const locked = '74 01 f0 0f c1 07 5e 5d 58 c3';

  it('stays what it is, and is jumped over', () => {
    expect(shrunk(`50 90 ${locked}`)).toBe(pairs(`50 ${locked}`));
  });

  it('stays before its instruction when ends are merged', () => {
    // jc 1f; ...; 1: push; ...
    expect(shrunk(`72 0b 50 ${locked} 51 ${locked}`)).toBe(
      pairs(`72 0b 50 ${locked} 51 74 01 f0 0f c1 07 eb f3`),
    );
  });

  it('keeps the form of its instruction', () => {
    // je over the prefix; lock add $1, 0(rdi) with a displacement of 4 bytes
    const text = '74 01 f0 83 87 00 00 00 00 01 c3';
    expect(shrunk(text)).toBe(pairs(text));
  });
});
