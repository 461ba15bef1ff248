/** Rewrites by what registers hold, and where nothing is known of them. */
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import {
  CALLED,
  code,
  compiled,
  functionSymbol,
  linkedText,
  pairs,
  R_32,
  R_PLT32,
  START,
  shrunk,
} from './make.ts';

/** Keeps a register, or several, and the flags alive: jo over push. */
const READ_FLAGS = '70 01 50';

/** Expects code to become other code, or to stay. */
function expectShrunk(before: string, after = before): void {
  expect(shrunk(before)).toBe(pairs(after));
}

describe('the start of a program', () => {
  const started = (text: string, options = {}) => linkedText(compiled([code('.text', text)]), { ...options });

  it('finds 0 in all registers but rsp', () => {
    // xor ebp, ebp; mov $1, eax; mov $1, edi; mov rax, rsi; syscall; ud2
    expect(started('31 ed b8 01 00 00 00 ba 0e 00 00 00 48 89 c6 0f 05 0f 0b')).toBe(
      pairs('b0 01 b2 0e 89 c6 0f 05 0f 0b'),
    );
    expect(started('6a 3c 58 31 ff 0f 05 0f 0b')).toBe(pairs('b0 3c 0f 05'));
    expect(started('48 31 e4 50 c3')).toBe(pairs('31 e4 50 c3'));
  });

  it('finds flags as they were', () => {
    expect(started(`31 c0 ${READ_FLAGS} 58 c3`)).toBe(pairs(`31 c0 ${READ_FLAGS} 58 c3`));
  });

  it('may find anything on other systems', () => {
    expect(started('31 ed 6a 3c 58 0f 05 50 c3', { compatibility: 'portable' })).toBe(
      pairs('31 ed 6a 3c 58 0f 05'),
    );
  });

  it('is not known where more than the kernel leads there', () => {
    const text = '31 ed 50 c3';
    expect(started(text, CALLED)).toBe(pairs(text));
    expect(started(text, { gcSections: false })).toBe(pairs(text));
    // A branch back to it, a call, and a call from another section.
    expect(started('31 ed 50 eb fb')).toBe(pairs('31 ed 50 eb fb'));
    expect(started('31 ed 50 e8 f8 ff ff ff c3')).toBe(pairs('31 ed 50 e8 f8 ff ff ff c3'));
    const calling = compiled(
      [
        code('.text', '31 ed 50 e8 .. .. .. .. c3', [{ offset: 4, type: R_PLT32, symbol: 'f', addend: -4 }]),
        code('.text.f', 'e8 .. .. .. .. c3', [{ offset: 1, type: R_PLT32, symbol: '_start', addend: -4 }]),
      ],
      [START, functionSymbol('f', '.text.f')],
    );
    expect(linkedText(calling)).toMatch(/^31 ed 50 e8/);
  });

  it('may lie behind other code, but not be run into', () => {
    const behind = (before: string) =>
      linkedText(
        compiled(
          [code('.text', `${before} 31 ed 50 c3`)],
          [functionSymbol('f', '.text'), functionSymbol('_start', '.text', 2)],
        ),
        { undefinedSymbols: ['f'] },
      );
    expect(behind('59 c3')).toBe(pairs('59 c3 50 c3'));
    expect(behind('59 58')).toBe(pairs('59 58 31 ed 50 c3'));
  });

  it('is that of assemblers code too', () => {
    const object = buildObject([code('.text', '31 ed b0 3c 0f 05 eb fe')], [START]);
    // Flags may live anywhere there, but not across XOR.
    expect(linkedText(object, { shrink: 'all' })).toBe(pairs('31 ed b0 3c 0f 05 eb fe'));
    const moving = buildObject([code('.text', 'bf 00 00 00 00 b0 3c 0f 05 eb fe')], [START]);
    expect(linkedText(moving, { shrink: 'all' })).toBe(pairs('b0 3c 0f 05 eb fe'));
  });
});

describe('numbers', () => {
  it('are not loaded again', () => {
    expectShrunk('b8 44 33 22 11 50 b8 44 33 22 11 c3', 'b8 44 33 22 11 50 c3');
    expectShrunk('31 c0 50 31 c0 c3', '31 c0 50 c3');
    expectShrunk('48 c7 c0 fe ff ff ff 50 48 c7 c0 fe ff ff ff c3', '48 c7 c0 fe ff ff ff 50 c3');
  });

  it('change a byte of the register', () => {
    expectShrunk('b8 00 10 00 00 50 b8 34 10 00 00 c3', 'b8 00 10 00 00 50 b0 34 c3');
    expectShrunk('b8 00 10 00 00 50 b8 00 20 00 00 c3', 'b8 00 10 00 00 50 b4 20 c3');
    expectShrunk('bf 00 10 00 00 57 bf 34 10 00 00 c3', 'bf 00 10 00 00 57 40 b7 34 c3');
    expectShrunk('41 b8 00 10 00 00 41 50 41 b8 34 10 00 00 c3', '41 b8 00 10 00 00 41 50 41 b0 34 c3');
    // Of edi the second byte has no name, but both bytes have.
    expectShrunk('bf 00 10 00 00 57 bf 00 20 00 00 c3', 'bf 00 10 00 00 57 66 bf 00 20 c3');
  });

  it('change a word of the register', () => {
    expectShrunk('b8 11 11 00 00 50 b8 33 33 00 00 c3', 'b8 11 11 00 00 50 66 b8 33 33 c3');
  });

  it('are one more, one less, the complement, the negative', () => {
    const from = 'b9 ff 00 00 00 51';
    expectShrunk(`${from} b9 00 01 00 00 c3`, `${from} ff c1 c3`);
    expectShrunk('b9 00 01 00 00 51 b9 ff 00 00 00 c3', 'b9 00 01 00 00 51 ff c9 c3');
    expectShrunk(`${from} b9 00 ff ff ff c3`, `${from} f7 d1 c3`);
    expectShrunk(`${from} b9 01 ff ff ff c3`, `${from} f7 d9 c3`);
    // With the flags alive only NOT is left.
    for (const number of ['00 01 00 00', '01 ff ff ff']) {
      expect(shrunk(`${from} b9 ${number} ${READ_FLAGS} c3`)).not.toMatch(/ff c1|f7 d9/);
    }
    expectShrunk(`${from} b9 00 ff ff ff ${READ_FLAGS} c3`, `${from} f7 d1 ${READ_FLAGS} c3`);
  });

  it('are in another register', () => {
    expectShrunk('b9 44 33 22 11 50 b8 44 33 22 11 c3', 'b9 44 33 22 11 50 89 c8 c3');
    expectShrunk('41 b9 44 33 22 11 50 b8 44 33 22 11 c3', '41 b9 44 33 22 11 50 44 89 c8 c3');
    // 64 bits of both
    const wide = '48 b8 44 33 22 11 44 33 22 11';
    expectShrunk(`${wide} 50 48 b9 44 33 22 11 44 33 22 11 c3`, `${wide} 50 48 89 c1 c3`);
  });

  it('are near that of another register', () => {
    expectShrunk('b9 44 33 22 11 50 b8 34 33 22 11 c3', 'b9 44 33 22 11 50 8d 41 f0 c3');
    expectShrunk('b9 44 33 22 11 50 b8 34 32 22 11 c3');
  });

  it('are the sign of eax', () => {
    expectShrunk('b8 44 33 22 11 50 31 d2 c3', 'b8 44 33 22 11 50 99 c3');
    expectShrunk('b8 44 33 22 91 50 31 d2 c3');
    expectShrunk('b8 44 33 22 91 50 ba ff ff ff ff c3', 'b8 44 33 22 91 50 99 c3');
  });

  it('are calculated', () => {
    // mov $7, eax; lea (rax, rax, 4), ecx; push; mov $35, edx
    const text = 'b8 07 00 00 00 8d 0c 80 50';
    expectShrunk(`${text} ba 23 00 00 00 c3`, `${text} 89 ca c3`);
    expectShrunk('6a 07 58 50 83 c0 79 59 c3', '6a 07 58 50 b0 80 59 c3');
  });

  it('stay where the other half of the register is not known', () => {
    // test eax, eax; jne; xor eax, eax: the upper half may be anything
    expectShrunk('85 c0 75 03 31 c0 c3 50 c3');
    // add $0, eax: makes it 0
    expectShrunk('01 c8 85 c0 75 03 31 c0 c3 50 c3', '01 c8 85 c0 75 01 c3 50 c3');
  });

  it('stay where a relocation fills them in', () => {
    const text = 'b8 00 00 00 00 50 b8 .. .. .. .. c3';
    const object = compiled(
      [code('.text', text, [{ offset: 7, type: R_32, symbol: 'd' }]), code('.text.d', 'c3')],
      [START, functionSymbol('d', '.text.d')],
    );
    expect(linkedText(object, CALLED)).toMatch(/^31 c0 50 b8 /);
  });

  it('are pushed and popped, unless something lies below the stack', () => {
    expectShrunk('6a 05 58 50 6a 06 58 c3', '6a 05 58 50 b0 06 c3');
    expectShrunk('6a 05 58 50 6a 05 58 c3', '6a 05 58 50 c3');
    const redZone = '48 89 4c 24 f8';
    expectShrunk(`${redZone} 6a 05 58 50 6a 06 58 c3`);
  });

  it('are not those of a pop that something leads to', () => {
    // je to pop
    expectShrunk('6a 05 58 50 74 02 6a 06 58 c3');
  });
});

describe('branches', () => {
  it('on equality tell what was compared', () => {
    // test rax, rax; jne; xor eax, eax
    expectShrunk('48 85 c0 75 03 31 c0 c3 50 c3', '48 85 c0 75 01 c3 50 c3');
    expectShrunk('48 85 c0 74 02 50 c3 31 c0 51 c3', '48 85 c0 74 02 50 c3 51 c3');
    // cmp $5, rcx; je; mov $5, ecx
    expectShrunk('48 83 f9 05 75 06 b9 05 00 00 00 c3 50 c3', '48 83 f9 05 75 01 c3 50 c3');
    // sub rcx, rax leaves 0
    expectShrunk('48 29 c8 75 03 31 c0 c3 50 c3', '48 29 c8 75 01 c3 50 c3');
  });

  it('tell nothing where they are taken the other way, or on other conditions', () => {
    expectShrunk('48 85 c0 74 03 31 c0 c3 50 c3');
    expectShrunk('48 85 c0 78 03 31 c0 c3 50 c3');
  });

  it('tell nothing of what has changed in between', () => {
    // mov rcx, rax; movaps; add changes the flags
    expectShrunk('48 85 c0 48 89 c8 75 03 31 c0 c3 50 c3');
    expectShrunk('48 85 c0 74 01 50 48 01 d1 75 03 31 c0 c3 50 c3');
    expectShrunk('48 85 c0 c5 f8 77 75 03 31 c0 c3 50 c3');
    // sub rcx, rax; shr 32, rdx or by cl; xor eax, eax
    expectShrunk('48 29 c8 48 c1 ea 20 75 03 31 c0 c3 50 c3');
    expectShrunk('48 29 c8 48 d3 ea 75 03 31 c0 c3 50 c3');
  });

  it('meet with what both know', () => {
    const load = (number: string) => `b8 ${number}`;
    // je 1f; mov x, eax; jmp 2f; 1: mov y, eax; 2: push; mov x, eax
    const meeting = (first: string, second: string) =>
      `74 07 ${load(first)} eb 05 ${load(second)} 50 ${load(first)} c3`;
    expect(shrunk(meeting('44 33 22 11', '44 33 22 11'))).toMatch(/50 c3$/);
    expectShrunk(meeting('44 33 22 11', '44 33 22 21'));
  });

  it('back to a place may bring anything', () => {
    // mov $x, eax; 1: push; mov $x, eax; inc; jne 1b
    expectShrunk('b8 44 33 22 11 50 b8 44 33 22 11 ff c0 75 f6 c3');
  });

  it('that do more tell nothing', () => {
    // mov $0, ecx; loop 1f; 1: mov $0, ecx
    expectShrunk('b9 44 33 22 11 e2 01 50 b9 44 33 22 11 c3');
    expectShrunk('b9 44 33 22 11 e3 01 50 b9 44 33 22 11 c3');
  });
});

describe('nothing is known', () => {
  const load = 'b8 44 33 22 11';

  it('behind calls, whatever they should preserve', () => {
    for (const register of ['b8', 'bb', 'bd', '41 bc']) {
      expectShrunk(`${register} 44 33 22 11 ff d2 ${register} 44 33 22 11 c3`);
    }
  });

  it('of rax, rcx and r11 behind system calls', () => {
    for (const register of ['b8', 'b9', '41 bb'])
      expectShrunk(`${register} 44 33 22 11 0f 05 ${register} 44 33 22 11 c3`);
    for (const register of ['bf', 'ba', '41 ba'])
      expectShrunk(
        `${register} 44 33 22 11 0f 05 ${register} 44 33 22 11 c3`,
        `${register} 44 33 22 11 0f 05 c3`,
      );
    // int $0x80
    expectShrunk('bf 44 33 22 11 cd 80 bf 44 33 22 11 c3');
  });

  it('at functions and at what is called', () => {
    const object = compiled(
      [code('.text', `${load} 50 ${load} c3`)],
      [START, functionSymbol('f', '.text', 6)],
    );
    const options = { undefinedSymbols: ['_start', 'f'] };
    expect(linkedText(object, options)).toBe(pairs(`${load} 50 ${load} c3`));
    // call 1f; mov; push; 1: mov
    expectShrunk(`e8 06 00 00 00 ${load} 50 ${load} c3`);
  });

  it('of what is written in part, or perhaps', () => {
    for (const write of [
      '88 c8',
      '66 89 c8',
      '0f 44 c1',
      '0f 94 c0',
      '48 0f b1 11',
      '0f bc c1',
      '91',
      'f7 e1',
      '0f c8',
    ]) {
      expectShrunk(`${load} ${write} ${load} c3`.replace(load, `${load} 50`));
    }
  });

  it('of the upper half of what is read from memory', () => {
    // mov (rcx), rax; mov rax, rdx; mov (rcx), eax; mov rax, rdx
    expectShrunk('48 8b 01 48 89 c2 c3');
    expectShrunk('8b 01 48 89 c2 c3', '8b 01 89 c2 c3');
  });
});

describe('operations of 64 bits', () => {
  const narrow = '8b 01 8b 11'; // mov (rcx), eax; mov (rcx), edx

  it('have 32 where the upper halves are 0', () => {
    expectShrunk(`${narrow} 48 85 c0 74 01 50 c3`, `${narrow} 85 c0 74 01 50 c3`);
    expectShrunk(`${narrow} 48 39 d0 72 01 50 c3`, `${narrow} 39 d0 72 01 50 c3`);
    expectShrunk(`${narrow} 48 83 f8 05 77 01 50 c3`, `${narrow} 83 f8 05 77 01 50 c3`);
    expectShrunk(`${narrow} 48 09 d0 c3`, `${narrow} 09 d0 c3`);
    expectShrunk(`${narrow} 48 c1 e8 05 c3`, `${narrow} c1 e8 05 c3`);
    expectShrunk(`${narrow} 89 c0 c3`, `${narrow} c3`);
  });

  it('stay where somebody reads the sign', () => {
    expectShrunk(`${narrow} 48 85 c0 78 01 50 c3`);
    expectShrunk(`${narrow} 48 39 d0 7c 01 50 c3`);
    expectShrunk(`${narrow} 48 83 f8 fb 77 01 50 c3`);
  });

  it('stay where something may come from or go into the upper half', () => {
    for (const operation of ['48 01 d0', '48 29 d0', '48 f7 d0', '48 d1 e0', '48 c1 e8 25']) {
      expectShrunk(`${narrow} ${operation} c3`);
    }
    expectShrunk(`${narrow} 48 39 f0 72 01 50 c3`);
  });
});

describe('stores to registers', () => {
  it('that nobody reads go', () => {
    // mov ecx, eax; pop rax
    expectShrunk('89 c8 58 c3', '58 c3');
    expectShrunk('8d 41 05 01 d0 58 c3', '58 c3');
    // on both ways
    expectShrunk('89 c8 74 02 58 c3 59 58 c3', '74 02 58 c3 59 58 c3');
  });

  it('stay where they may be read', () => {
    expectShrunk('89 c8 ff d1 58 c3');
    expectShrunk('89 c8 74 02 58 c3 50 58 c3');
    expectShrunk('89 c8 c3');
    expectShrunk('89 c8 0f 05 58 c3');
    expectShrunk('89 c8 0f 0b');
    // in part
    expectShrunk('89 c8 b0 05 c3');
    expectShrunk('89 c8 0f 44 c1 c3');
    // through a table or another section
    expectShrunk('89 c8 ff e1');
  });

  it('stay if they do more', () => {
    // loads, which may fault; flags
    expectShrunk('8b 01 58 c3');
    expectShrunk(`29 c8 58 ${READ_FLAGS} c3`);
  });

  it('stay of the stack pointer and the frame pointer', () => {
    expectShrunk('55 48 89 e5 5d c3');
    expectShrunk('48 89 ec 48 89 cc c3');
  });
});
