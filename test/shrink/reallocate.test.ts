/** Registers that are given anew, and what functions save. */
import { describe, expect, it } from 'vitest';
import type { SectionSpec } from '../../src/elf/build.ts';
import { STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import type { LinkOptions } from '../../src/options.ts';
import { contents, linkFiles, RODATA, section, toHex } from '../elf/make.ts';
import { code, compiled, filler, functionSymbol, hex, pairs, R_32S, R_64, R_PLT32 } from './make.ts';

type Relocations = NonNullable<SectionSpec['relocations']>;

interface Made {
  readonly name: string;
  readonly text: string;
  readonly relocations: Relocations;
}

const call = (offset: number, symbol: string) => ({ offset, type: R_PLT32, symbol, addend: -4 });

/** A function; each `e8 .. .. .. ..` in it calls the next one of `called`. */
function fn(name: string, text: string, ...called: readonly string[]): Made {
  const bytes = text.split(/\s+/);
  const relocations: ReturnType<typeof call>[] = [];
  bytes.forEach((byte, at) => {
    const isCall = (byte === 'e8' || byte === 'e9') && bytes[at + 1] === '..';
    if (isCall) relocations.push(call(at + 1, called[relocations.length]!));
  });
  return { name, text, relocations };
}

/** Calls f and looks at eax; with less code, a program is left as it is. */
const LOOKS_AT_EAX = `e8 .. .. .. .. 31 d2 85 c0 75 f5 eb fe ${filler(3000)}`;
/** xor ebx, ebx; 1: call f; add everything but r8 to r15 to eax; test eax, eax; jne 1b */
const LOOKS_AT_MORE = `31 db 31 ed e8 .. .. .. .. 01 c8 01 d0 01 f0 01 f8 01 d8 01 e8 85 c0 75 eb eb fe ${filler(3000)}`;
/** Calls f again and again, whatever it returns. */
const LOOKS_AT_NOTHING = `e8 .. .. .. .. eb f9 ${filler(3000)}`;

/** What functions become in a program that starts with `start`. */
function made(
  functions: readonly Made[],
  options: Partial<LinkOptions> = {},
  start = LOOKS_AT_EAX,
): string[] {
  const all = [fn('_start', start, 'f'), ...functions];
  const sections = all.map(({ name, text, relocations }) => code(`.text.${name}`, text, relocations));
  const symbols = all.map(({ name, text }) => functionSymbol(name, `.text.${name}`, 0, hex(text).length));
  const result = linkFiles(
    { 'a.o': compiled(sections, symbols) },
    { outline: false, header: 'plain', icf: 'none', ...options },
  );
  return functions.map(({ name }) => toHex(contents(result, `.text.${name}`)));
}

/** What the function f becomes. */
function body(text: string, start?: string, options?: Partial<LinkOptions>): string {
  return made([fn('f', text)], options, start)[0]!;
}

describe('what a function holds', () => {
  it.each([
    // mov edi, r8d; add (rdi), r8d; lea 1(r8), eax
    ['goes where no prefix is needed', '41 89 f8 44 03 07 41 8d 40 01 c3', '89 f8 03 07 ff c0 c3'],
    // mov rdi, r8; add $8, r8; mov r8, rax
    ['goes where it need not be copied', '49 89 f8 49 83 c0 08 4c 89 c0 c3', '48 8d 47 08 c3'],
    // mov (rdi), r8d; mov (rsi), eax; add r8d, eax
    ['goes where nobody has anything', '44 8b 07 8b 06 44 01 c0 c3', '8b 0f 8b 06 01 c8 c3'],
    // push r12, rbx; mov edi, ebx; mov rsi, r12; incl (rsi); add ebx, eax; add r12, rax
    [
      'need not be in registers that are saved',
      '41 54 53 89 fb 49 89 f4 ff 06 01 d8 4c 01 e0 5b 41 5c c3',
      '89 fa 48 89 f1 ff 06 01 d0 48 01 c8 c3',
    ],
    // push r12; mov (rdi), r12; call *(rax); mov r12, rax
    [
      'goes where it is saved in fewer bytes',
      '41 54 4c 8b 27 ff 10 4c 89 e0 41 5c c3',
      '55 48 8b 1f ff 10 53 58 5d c3',
    ],
  ])('%s', (_, before, after) => {
    expect(body(before)).toBe(pairs(after));
  });

  it.each([
    ['callers look at everything else', '44 8b 07 8b 06 44 01 c0 c3', LOOKS_AT_MORE],
    // mov (rdi), r8d; mov r8d, (rsi)
    ['it has come with it, as far as is known', '44 03 07 44 89 06 c3', LOOKS_AT_MORE],
    // mov (rdi), r12; call *(rax); mov r12, rax
    ['what is called may read it', '4c 8b 17 ff 10 4c 89 d0 c3', undefined],
    // mov (rdi), r8d; mov r8d, eax; jmp *rcx
    ['nobody knows where it goes on', '44 8b 07 44 89 06 ff e1', undefined],
    // mov rax, (rsp): it returns elsewhere
    ['it does not return', '44 8b 07 44 89 06 48 89 04 24 c3', undefined],
  ])('stays where %s', (_, text, start) => {
    expect(body(text, start)).toBe(pairs(text));
  });

  it('stays where others may call the function', () => {
    const text = '44 8b 07 8b 06 44 01 c0 c3';
    expect(body(text, LOOKS_AT_EAX, { undefinedSymbols: ['f'] })).toBe(pairs(text));
  });

  it('stays in objects of assemblers, unless all code may be shrunk', () => {
    expect(body('44 8b 07 8b 06 44 01 c0 c3', LOOKS_AT_EAX, { shrink: 'none' })).toBe(
      pairs('44 8b 07 8b 06 44 01 c0 c3'),
    );
  });

  it('goes where calls leave it alone that are seen', () => {
    // f: mov (rdi), r8; call g; mov r8, rax. g: incl (rdi); xor edx, edx
    const [f] = made([fn('f', '4c 8b 07 e8 .. .. .. .. 4c 89 c0 c3', 'g'), fn('g', 'ff 07 31 d2 01 17 c3')]);
    expect(f).toMatch(/^48 8b 07 e8 .{11} c3$/);
  });

  it('is kept from what is called', () => {
    // f: mov (rdi), r8; call g; mov r8, rax. g writes rax, rcx, rdx, rsi and rdi, and leaves rbx.
    const [f] = made([
      fn('f', '4c 8b 07 e8 .. .. .. .. 4c 89 c0 c3', 'g'),
      fn('g', '31 c0 31 c9 31 d2 31 f6 31 ff 01 00 01 01 01 02 01 06 01 07 c3'),
    ]);
    expect(f).toMatch(/^48 8b 1f e8 .{11} 53 58 c3$/);
  });

  it('is kept from the function itself, if that calls itself', () => {
    // push rbx; mov edi, ebx; dec edi; js 1f; call f; add ebx, eax; 1: pop rbx; ret
    const text = '53 89 fb ff cf 78 07 e8 .. .. .. .. 01 d8 5b c3';
    const [f] = made([fn('f', text, 'f')]);
    expect(f).toBe(pairs('53 89 fb ff cf 78 07 e8 f4 ff ff ff 01 d8 5b c3'));
  });

  it('goes where calls within the section still lead where they led', () => {
    // f: mov (rdi), r8d; mov (rsi), eax; add r8d, eax; call g; ret. g: incl (rdi)
    const text = '44 8b 07 8b 06 44 01 c0 e8 .. .. .. .. c3 ff 07 c3';
    const symbols = [
      functionSymbol('_start', '.text._start', 0, hex(LOOKS_AT_EAX).length),
      functionSymbol('f', '.text.f', 0, 14),
      functionSymbol('g', '.text.f', 14, 3),
    ];
    const sections = [
      code('.text._start', LOOKS_AT_EAX, [call(1, 'f')]),
      code('.text.f', text, [call(9, 'g')]),
    ];
    const result = linkFiles({ 'a.o': compiled(sections, symbols) }, { outline: false, header: 'plain' });
    expect(toHex(contents(result, '.text.f'))).toBe(pairs('8b 0f 8b 06 01 c8 e8 01 00 00 00 c3 ff 07 c3'));
  });

  /** cmp $1, edi; ja 2f; mov (rsi), r8d; mov edi, edi; jmp *table(,rdi,8); 0: lea 1(r8), eax; ret; 1: lea 2(r8), eax; ret */
  function switching(start: string): string {
    const text = '83 ff 01 77 15 44 8b 06 89 ff ff 24 fd .. .. .. .. 41 8d 40 01 c3 41 8d 40 02 c3 31 c0 c3';
    const table = section('.rodata.t', RODATA, new Uint8Array(16), {
      addralign: 8,
      relocations: [17, 22].map((addend, n) => ({ offset: 8 * n, type: R_64, symbol: '.text.f', addend })),
    });
    const symbols = [
      functionSymbol('_start', '.text._start', 0, hex(start).length),
      functionSymbol('f', '.text.f', 0, hex(text).length),
      { name: 'table', section: '.rodata.t' },
      { name: '.text.f', section: '.text.f', type: STT_SECTION, bind: STB_LOCAL },
    ];
    const sections = [
      code('.text._start', start, [call(start.split(' ').indexOf('e8') + 1, 'f')]),
      code('.text.f', text, [{ offset: 13, type: R_32S, symbol: 'table', addend: 0 }]),
      table,
    ];
    const result = linkFiles({ 'a.o': compiled(sections, symbols) }, { outline: false, header: 'plain' });
    return toHex(contents(result, '.text.f'));
  }

  it('goes through the labels of a switch', () => {
    expect(switching(LOOKS_AT_EAX)).toMatch(/ ff c0 c3 83 c0 02 c3/);
  });

  it('leaves a switch what nobody needs at its labels, there or where functions return to', () => {
    // movzbl table(rdi), ecx; lea label(rcx), ecx; jmp *rcx
    expect(switching(LOOKS_AT_EAX)).toMatch(/ 89 ff 0f b6 8f (.. ){4}8d 89 (.. ){4}ff e1 /);
    // All others are looked at.
    expect(switching(LOOKS_AT_MORE)).toMatch(/ 89 ff 44 0f b6 87 (.. ){4}45 8d 80 (.. ){4}41 ff e0 /);
  });
});

describe('what a function saves', () => {
  it.each([
    ['goes where nobody reads it', '53 55 31 db ff d0 01 18 ff d0 5d 5b c3', '31 db ff d0 01 18 ff d0 c3'],
    ['stays if the stack would not be aligned', '53 31 db ff d0 01 18 5b c3', '53 31 ed ff d0 01 28 5b c3'],
    ['goes if nothing has to be aligned', '53 31 db ff 03 5b c3', '31 c9 ff 01 c3'],
    // push rbx; sub $16, rsp; call *rax; add $16, rsp; pop rbx
    [
      'becomes room',
      '53 48 83 ec 30 8b 1c 24 ff d0 01 18 48 83 c4 30 5b c3',
      '48 83 ec 38 8b 2c 24 ff d0 01 28 48 83 c4 38 c3',
    ],
    [
      'stays where SUB has no room for it',
      '53 48 83 ec 78 8b 1c 24 ff d0 01 18 48 83 c4 78 5b c3',
      '53 48 83 ec 78 8b 2c 24 ff d0 01 28 48 83 c4 78 5b c3',
    ],
    // push rbx, rbp; mov 24(rsp), eax; call *rax; pop rbp, rbx
    ['moves what callers have pushed', '53 55 8b 44 24 18 ff d0 5d 5b c3', '8b 44 24 08 ff d0 c3'],
    // push rbx, rbp; lea 24(rsp, rcx), rdi
    ['stays where a part of the stack is counted', '53 55 48 8d 7c 0c 18 ff d0 5d 5b c3', undefined],
    // push rbp; mov rsp, rbp; push rbx; push rax; mov rdi, -16(rbp); call *rax; pop rax; pop rbx; pop rbp
    [
      'stays where something counts from a frame',
      '55 48 89 e5 53 41 54 48 89 7d e8 ff d0 41 5c 5b 5d c3',
      '55 48 89 e5 53 53 48 89 7d e8 ff d0 5b 5b 5d c3',
    ],
    ['goes with a frame that nobody uses', '55 48 89 e5 53 ff d0 5b 5d c3', 'ff d0 c3'],
  ])('%s', (_, before, after = before) => {
    expect(body(before)).toBe(pairs(after));
  });

  it('stays where it does not change and callers have something in it: that is meant', () => {
    expect(body('53 55 ff d0 5d 5b c3', LOOKS_AT_MORE)).toBe(pairs('53 55 ff d0 5d 5b c3'));
  });

  it('stays where a caller reads it', () => {
    const text = '53 55 31 db 31 ed ff d0 01 18 01 28 5d 5b c3';
    expect(body(text, LOOKS_AT_MORE)).toBe(pairs(text));
    expect(body(text)).toBe(pairs('31 db 31 ed ff d0 01 18 01 28 c3'));
  });

  it('stays the same where what is called changes it', () => {
    // f: push r12; call g; mov (rdi), r12; call *rax; mov r12, rax; pop r12. g: push $5; pop r12; incl (rdi)
    const functions = [
      fn('f', '41 54 e8 .. .. .. .. 4c 8b 27 ff d0 4c 89 e0 41 5c c3', 'g'),
      fn('g', '6a 05 41 5c ff 07 c3'),
    ];
    // xor r12d, r12d; 1: call f; add r12d, eax; test eax, eax; jne 1b
    const start = `45 31 e4 e8 .. .. .. .. 44 01 e0 85 c0 75 f4 eb fe ${filler(3000)}`;
    const [f, g] = made(functions, {}, start);
    expect(f).toMatch(/^41 54 .* 41 5c c3$/);
    expect(g).toContain('41 5c');
  });

  it('is saved by the one or the other of two that call each other', () => {
    // f: push rbx, rbp; call g; pop rbp, rbx. g: push rbx, rbp; xor ebx, ebx; xor ebp, ebp; call *rax; add ebx, (rax) …
    const functions = [
      fn('f', '53 55 e8 .. .. .. .. 5d 5b c3', 'g'),
      fn('g', '53 55 31 db 31 ed ff d0 01 18 01 28 5d 5b c3'),
    ];
    const [f, g] = made(functions, {}, LOOKS_AT_MORE);
    const isSaved = [f!.startsWith('53 55'), g!.startsWith('53 55')];
    expect(isSaved.filter(Boolean)).toHaveLength(1);
  });

  it('is not what is pushed for what is called', () => {
    // f: mov (rdi), ebx; push rbx; call g; pop rcx. g: mov 8(rsp), eax
    const [f] = made([fn('f', '8b 1f 53 e8 .. .. .. .. 59 c3', 'g'), fn('g', '8b 44 24 08 c3')]);
    expect(f).toMatch(/^8b 1f 53 e8 .{11} 59 c3$/);
  });

  it('may be the frame pointer, for those who look for frames', () => {
    // f: a frame of no use; g: mov rbp, rax
    const functions = [
      fn('f', '55 48 89 e5 e8 .. .. .. .. 5d c3', 'g'),
      fn('g', '55 48 89 e5 48 8b 45 08 5d c3'),
    ];
    const [f] = made(functions);
    expect(f).toMatch(/^55 54 5d e8 .{11} 5d c3$/);
  });
});

describe('what nobody reads', () => {
  it('is not calculated', () => {
    // f: incl (rdi); xor eax, eax
    expect(body('ff 07 31 c0 c3', LOOKS_AT_NOTHING)).toBe(pairs('ff 07 c3'));
    expect(body('ff 07 31 c0 c3')).toBe(pairs('ff 07 31 c0 c3'));
  });

  it('may be flags that somebody reads', () => {
    // f: xor ecx, ecx; je 1f; incl (rdi); 1: ret
    expect(body('ff 07 29 c9 74 02 ff 07 c3', LOOKS_AT_NOTHING)).toMatch(/29 c9 74/);
  });
});
