/** Code that is left out, and branches: which get shorter, which longer, and where they lead then. */
import { describe, expect, it } from 'vitest';
import { code, compiled, filler, functionSymbol, linkedText, pairs, R_PLT32, START, shrunk } from './make.ts';

describe('instructions that do nothing', () => {
  it.each([
    ['nop', '90'],
    ['nopw', '66 90'],
    ['nopl (rax)', '0f 1f 00'],
    ['nopl 0(rax,rax)', '0f 1f 44 00 00'],
    ['cs nopw 0(rax,rax)', '66 2e 0f 1f 84 00 00 00 00 00'],
    ['data16 cs nopw', '66 66 2e 0f 1f 84 00 00 00 00 00'],
    ['endbr64', 'f3 0f 1e fa'],
    ['lea 0(rsi), rsi with a displacement of 4 bytes', '48 8d b6 00 00 00 00'],
    ['lea 0(rdi), rdi with a displacement of 1 byte', '48 8d 7f 00'],
    ['lea 0(r12+rsp) is no such thing, but lea 0(r13), r13', '4d 8d 6d 00'],
  ])('%s is left out', (_name, nop) => {
    expect(shrunk(`50 ${nop} 58 c3`)).toBe(pairs('50 58 c3'));
  });

  it.each([
    ['pause', 'f3 90'],
    ['xchg r8, rax', '49 90'],
    ['endbr32', 'f3 0f 1e fb'],
    ['nop /1, a hint', '0f 1f 08'],
    ['lea 8(rsi), rsi', '48 8d 76 08'],
    ['lea 0(rsi), rdi', '48 8d 7e 00'],
  ])('%s is none of them', (_name, text) => {
    expect(shrunk(`50 ${text} 58 c3`).startsWith('50 58')).toBe(false);
  });

  it('lea 0(esi), esi is none of them: it clears the upper half', () => {
    expect(shrunk('50 8d 76 00 58 c3')).not.toBe(pairs('50 58 c3'));
  });

  it('stay in code of assemblers, and with --shrink=none and --verbatim', () => {
    const text = '50 90 c3';
    expect(shrunk(text, [], { shrink: 'none' })).toBe(pairs(text));
    expect(shrunk(text, [], { verbatim: true })).toBe(pairs(text));
  });
});

describe('code that nothing leads to', () => {
  it('is left out behind ret, jmp, indirect jmp and ud2', () => {
    expect(shrunk('50 c3 51 52')).toBe(pairs('50 c3'));
    expect(shrunk('ff e0 51 52')).toBe(pairs('ff e0'));
    expect(shrunk('50 0f 0b 51 52')).toBe(pairs('50 0f 0b'));
    expect(shrunk('50 eb 01 51 c3')).toBe(pairs('50 c3'));
  });

  it('is kept behind calls and system calls, which may return', () => {
    expect(shrunk('ff d0 51 c3')).toBe(pairs('ff d0 51 c3'));
    expect(shrunk('0f 05 51 c3')).toBe(pairs('0f 05 51 c3'));
  });

  it('is kept where a branch or a call leads to it', () => {
    // je 1f; ret; 1: push rcx; call 2f; ret; push rcx; 2: push rdx; ret
    const text = '74 01 c3 51 e8 02 00 00 00 c3 51 52 c3';
    expect(shrunk(text)).toBe(pairs('74 01 c3 51 e8 01 00 00 00 c3 52 c3'));
  });

  it('is a function that nobody calls, if sections that nothing reaches are dropped', () => {
    const object = compiled([code('.text', '50 c3 51 c3')], [START, functionSymbol('unused', '.text', 2)]);
    expect(linkedText(object)).toBe(pairs('50 c3'));
    expect(linkedText(object, { gcSections: false })).toBe(pairs('50 c3 51 c3'));
    expect(linkedText(object, { undefinedSymbols: ['unused'] })).toBe(pairs('50 c3 51 c3'));
    expect(linkedText(object, { entry: 'unused' })).toBe(pairs('51 c3'));
  });

  it('has no relocations', () => {
    const relocations = [{ offset: 3, type: R_PLT32, symbol: 'far', addend: -4 }];
    const text = '50 c3 e8 .. .. .. .. c3';
    const far = code('.text.far', 'c3');
    const object = compiled(
      [code('.text', text, relocations), far],
      [START, functionSymbol('far', '.text.far')],
    );
    expect(linkedText(object)).toBe(pairs('50 c3'));
  });
});

describe('the length of a branch', () => {
  // E9 rel32 over instructions, and the same with Jcc.
  const forward = (opcode: string, distance: number) =>
    shrunk(`${opcode} ${word(distance)} ${filler(distance - 1)} c3 58 c3`, []);
  const word = (value: number) =>
    [0, 8, 16, 24].map((shift) => ((value >> shift) & 255).toString(16).padStart(2, '0')).join(' ');

  it('is two bytes up to a distance of 127', () => {
    expect(forward('0f 84', 127)).toBe(pairs(`74 7f ${filler(126)} c3 58 c3`));
    expect(forward('0f 84', 128)).toBe(pairs(`0f 84 80 00 00 00 ${filler(127)} c3 58 c3`));
  });

  it('is two bytes down to a distance of -128', () => {
    const backward = (distance: number, size: number) =>
      shrunk(`${filler(-distance - 2)} 0f 85 ${word(distance + 2 - size)} c3`);
    expect(backward(-128, 6)).toBe(pairs(`${filler(126)} 75 80 c3`));
    expect(backward(-129, 6)).toBe(pairs(`${filler(127)} 0f 85 ${word(-133)} c3`));
  });

  it('is the same for jmp', () => {
    // je 1f, so that what jmp passes over is reached: 74 05 e9 distance ...
    const over = (distance: number) => `74 05 e9 ${word(distance)} ${filler(distance - 1)} c3 58 c3`;
    expect(shrunk(over(127))).toBe(pairs(`74 02 eb 7f ${filler(126)} c3 58 c3`));
    expect(shrunk(over(128))).toBe(pairs(`74 05 e9 ${word(128)} ${filler(127)} c3 58 c3`));
  });

  it('may depend on that of others', () => {
    // The first reaches only if the second is short.
    const text = `0f 84 ${word(131)} 0f 85 ${word(5)} ${filler(124)} c3 58 c3`;
    expect(shrunk(text)).toBe(pairs(`74 7f 75 05 ${filler(124)} c3 58 c3`));
    // The second cannot be short, so neither can the first.
    const far = `0f 84 ${word(131)} 0f 85 ${word(300)} ${filler(124)} c3 ${filler(175)} 58 c3`;
    expect(shrunk(far)).toBe(pairs(far));
  });

  it('follows from what is left between', () => {
    expect(shrunk(`0f 84 ${word(200)} ${'90 '.repeat(150)} ${filler(49)} c3 58 c3`)).toBe(
      pairs(`74 32 ${filler(49)} c3 58 c3`),
    );
  });

  it('is that of a short one whose target comes nearer', () => {
    // 1: push; nop; nop; je 2f; nop; nop; 2: jne 1b; ret
    expect(shrunk('50 90 90 74 02 90 90 75 f7 c3')).toBe(pairs('50 75 fd c3'));
  });

  it('stays for loop, jrcxz and calls', () => {
    expect(shrunk('50 90 e2 fc e3 03 90 90 51 58 c3')).toBe(pairs('50 e2 fd e3 01 51 58 c3'));
    expect(shrunk('e8 02 00 00 00 90 c3 90 51 c3')).toBe(pairs('e8 01 00 00 00 c3 51 c3'));
  });

  it('loses hints', () => {
    expect(shrunk('2e 74 02 50 50 c3')).toBe(pairs('74 02 50 50 c3'));
    expect(shrunk('3e 0f 84 02 00 00 00 50 50 c3')).toBe(pairs('74 02 50 50 c3'));
  });

  it('is that of a branch to a symbol of the same section', () => {
    const relocations = [{ offset: 2, type: R_PLT32, symbol: 'f', addend: -4 }];
    const object = compiled(
      [code('.text', '0f 84 .. .. .. .. 50 c3 51 c3', relocations)],
      [START, functionSymbol('f', '.text', 8)],
    );
    expect(linkedText(object)).toBe(pairs('74 02 50 c3 51 c3'));
  });
});

describe('jumps to the next instruction', () => {
  it('are left out, conditional ones too', () => {
    expect(shrunk('50 eb 00 58 c3')).toBe(pairs('50 58 c3'));
    expect(shrunk('50 e9 00 00 00 00 58 c3')).toBe(pairs('50 58 c3'));
    expect(shrunk('50 74 00 58 c3')).toBe(pairs('50 58 c3'));
    expect(shrunk('50 74 02 eb 00 58 c3')).toBe(pairs('50 58 c3'));
  });

  it('are left out if nothing but NOPs and dead code lies between', () => {
    expect(shrunk('50 eb 03 90 90 90 58 c3')).toBe(pairs('50 58 c3'));
    expect(shrunk('50 eb 03 51 52 53 58 c3')).toBe(pairs('50 58 c3'));
  });

  it('stay if they do more: loop, and calls', () => {
    expect(shrunk('50 e2 00 58 c3')).toBe(pairs('50 e2 00 58 c3'));
    expect(shrunk('50 e8 00 00 00 00 90 58 c3')).toContain('e8');
  });
});

describe('jumps to jumps', () => {
  it('lead where those lead', () => {
    // je 1f; push; ret; 1: jmp 2f; 3: pop; ret; 2: jmp 3b
    expect(shrunk('74 02 50 c3 eb 02 58 c3 eb fc')).toBe(pairs('74 02 50 c3 58 c3'));
  });

  it('end in circles, which stay', () => {
    expect(shrunk('eb fe')).toBe(pairs('eb fe'));
    expect(shrunk('74 02 50 c3 eb fe')).toBe(pairs('74 02 50 c3 eb fe'));
    // 1: jmp 2f; 2: jmp 1b
    expect(shrunk('eb 00 eb fc')).toMatch(/^eb f[ce]$/);
    // je 3f; 1: jmp 2f; 3: ret; 2: jmp 1b
    expect(shrunk('74 02 eb 01 c3 eb fb')).toMatch(/^74 0[0-9] eb fe c3$|^74 02 eb 01 c3 eb fb$/);
  });

  it('do not get longer for that', () => {
    // je 1f; ret; 1: jmp 200 bytes on: the latter is left out, since nothing lies between in the end
    expect(shrunk(`74 01 c3 e9 c8 00 00 00 ${filler(200)} 58 c3`)).toBe(pairs('74 01 c3 58 c3'));
    // je 1f; je 2f; ret; 1: jmp 2f; 200 bytes; 2: pop; ret. The first stays short.
    const text = `74 07 0f 84 ce 00 00 00 c3 e9 c8 00 00 00 74 00 ${filler(198)} 58 c3`;
    expect(shrunk(text).startsWith('74')).toBe(true);
  });
});
