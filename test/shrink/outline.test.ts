/** Sequences of instructions that become functions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contents, linkFiles, placed, section, toHex } from '../elf/make.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';
import { code, compiled, functionSymbol, hex, pairs, R_PC32, R_PLT32, START } from './make.ts';

/** Calls `f` with what it gets, so that functions have no red zone; returns what stands between. */
const FUNCTIONS = ['f1', 'f2', 'f3', 'f4', 'f5', 'f6'];

type Relocations = Parameters<typeof code>[2];

/**
 * An object in which each of six functions calls another one, and has the same instructions before or behind that, or
 * behind it those of its number.
 * @param relocations of those instructions, at their offsets
 */
function repeated(
  before: string,
  behind: string | ((n: number) => string),
  relocations: Relocations = [],
): Uint8Array {
  const call = hex(before).length;
  const shift = before === '' ? 5 : 0;
  const textOf = (n: number) => (typeof behind === 'string' ? behind : behind(n));
  const sections = FUNCTIONS.map((name, n) =>
    // XOR eax, n: no two functions are the same.
    code(`.text.${name}`, `${before} e8 .. .. .. .. ${textOf(n)} 83 f0 0${n} c3`, [
      ...(relocations ?? []).map((row) => ({ ...row, offset: row.offset + shift })),
      { offset: call + 1, type: R_PLT32, symbol: 'g', addend: -4 },
    ]),
  );
  const calls = FUNCTIONS.map((symbol, n) => ({ offset: 5 * n + 1, type: R_PLT32, symbol, addend: -4 }));
  const start = code('.text', `${'e8 .. .. .. .. '.repeat(FUNCTIONS.length)} 0f 0b`, calls);
  const leaf = code('.text.g', '0f a2 c3'); // CPUID
  const data = section('.data', 3, new Uint8Array(64).fill(1), { addralign: 8 });
  const symbols = FUNCTIONS.map((name) => functionSymbol(name, `.text.${name}`));
  const places = [functionSymbol('g', '.text.g'), { name: 'd', section: '.data' }];
  return compiled([start, ...sections, leaf, data], [START, ...symbols, ...places]);
}

const outlinedOf = (object: Uint8Array) => {
  const result = linkFiles({ 'a.o': object }, { header: 'plain' });
  const isThere = result.map().sections.some(({ name }) => name === '.text.outlined');
  return isThere ? toHex(contents(result, '.text.outlined')) : '';
};

/** LEA rax, [rdi+rsi*4+12h]; IMUL rax, rsi; ADD rax, rdx: 12 bytes. */
const WORK = '48 8d 44 b7 12 48 0f af c6 48 01 d0';

describe('sequences that become functions', () => {
  it('end with RET, and are called', () => {
    const result = linkFiles({ 'a.o': repeated('', WORK) }, { header: 'plain' });
    expect(toHex(contents(result, '.text.outlined'))).toBe(pairs(`${WORK} c3`));
    const from = placed(result, '.text.f2');
    const to = placed(result, '.text.outlined');
    const text = contents(result, '.text.f2');
    const view = new DataView(text.buffer, text.byteOffset);
    expect(text[5]).toBe(0xe8);
    expect(from.address + 10 + view.getInt32(6, true)).toBe(to.address);
    expect(toHex(text.subarray(10))).toBe(pairs('83 f0 01 c3'));
  });

  it('end with a jump where they ended with a call', () => {
    const result = linkFiles({ 'a.o': repeated(WORK, '') }, { header: 'plain' });
    const text = contents(result, '.text.outlined');
    expect(toHex(text.subarray(0, 13))).toBe(pairs(`${WORK} e9`));
    const view = new DataView(text.buffer, text.byteOffset);
    const at = placed(result, '.text.outlined').address + 17;
    expect(at + view.getInt32(13, true)).toBe(placed(result, '.text.g').address);
    expect(contents(result, '.text.f1').length).toBe(5 + 4);
  });

  it('run into a function that others call, where more is the same in front of it', () => {
    // ADD rdi, 11h in front of it in three of six: all of it in fewer bytes than two functions of their own.
    const more = '48 83 c7 11';
    const object = repeated('', (n) => (n % 2 === 0 ? `${more} ${WORK}` : WORK));
    const result = linkFiles({ 'a.o': object }, { header: 'plain' });
    const home = placed(result, '.text.outlined').address;
    const text = contents(result, '.text.outlined');
    const view = new DataView(text.buffer, text.byteOffset);
    expect(toHex(text.subarray(0, 18))).toBe(pairs(`${WORK} c3 ${more} e9`));
    expect(view.getInt32(18, true)).toBe(-22);
    expect(text.length).toBe(22);
    for (const [n, target] of [13, 0, 13, 0, 13, 0].entries()) {
      const { address } = placed(result, `.text.f${n + 1}`);
      const code = contents(result, `.text.f${n + 1}`);
      expect(code.length).toBe(5 + 5 + 4);
      expect(address + 10 + new DataView(code.buffer, code.byteOffset).getInt32(6, true)).toBe(home + target);
    }
  });

  it('are found in ends that others jump to', () => {
    // Two ends, of six functions each, begin alike.
    const ends = [`${WORK} 31 d2 c3`, `${WORK} 31 c9 c3`];
    const names = Array.from({ length: 12 }, (_, n) => `h${n}`);
    const sections = names.map((name, n) =>
      code(`.text.${name}`, `83 f0 2${n.toString(16)} e8 .. .. .. .. ${ends[n < 6 ? 0 : 1]}`, [
        { offset: 4, type: R_PLT32, symbol: 'k', addend: -4 },
      ]),
    );
    const calls = names.map((symbol, n) => ({ offset: 5 * n + 1, type: R_PLT32, symbol, addend: -4 }));
    const start = code('.text', `${'e8 .. .. .. .. '.repeat(names.length)} 0f 0b`, calls);
    const leaf = code('.text.k', '0f a2 c3'); // CPUID
    const symbols = names.map((name) => functionSymbol(name, `.text.${name}`));
    const object = compiled([start, ...sections, leaf], [START, ...symbols, functionSymbol('k', '.text.k')]);
    const result = linkFiles({ 'a.o': object }, { header: 'plain' });
    expect(toHex(contents(result, '.text.outlined'))).toBe(pairs(`${WORK} c3`));
    const lengths = names.map((name) => contents(result, `.text.${name}`).length);
    const six = [3 + 5 + 5 + 3, 8, 8, 8, 8, 8];
    expect(lengths).toEqual([...six, ...six]);
  });

  it('take their relocations along', () => {
    // MOV eax, [rip+d]; IMUL rax, rsi; ADD rax, rdx
    const object = repeated('', '8b 05 .. .. .. .. 48 0f af c6 48 01 d0', [
      { offset: 2, type: R_PC32, symbol: 'd', addend: 4 - 4 },
    ]);
    const result = linkFiles({ 'a.o': object }, { header: 'plain' });
    const text = contents(result, '.text.outlined');
    const at = placed(result, '.text.outlined').address;
    const view = new DataView(text.buffer, text.byteOffset);
    expect(at + 6 + view.getInt32(2, true)).toBe(placed(result, '.data').address + 4);
  });

  it('leave functions at even addresses that code of their section takes without a relocation', () => {
    // lea rbx, [rip+f]; call g; …; cwde; ret; f: add eax, 5; ret
    const text = `48 8d 1d 13 00 00 00 e8 .. .. .. .. ${WORK} 98 c3 83 c0 05 c3`;
    const calls = [{ offset: 8, type: R_PLT32, symbol: 'g', addend: -4 }];
    const places = [functionSymbol('h', '.text.h'), functionSymbol('f', '.text.h', 26), { name: 'g' }];
    const files = { 'a.o': repeated('', WORK), 'b.o': compiled([code('.text.h', text, calls, 16)], places) };
    const result = linkFiles(files, { header: 'plain', undefinedSymbols: ['h'] });
    const { length } = contents(result, '.text.h');
    // A call stands for the work, so that an odd number of bytes is gone.
    expect(length).toBeLessThan(30 - 12 + 5 + 2);
    expect((placed(result, '.text.h').address + length - 4) % 2).toBe(0);
  });

  it('find what lies on the stack behind the return address', () => {
    // ADD rdx, [rsp]; ADD rdx, [rsp+10h]; MOV [rsp+78h], rdx; MOV [rsp+80h], rdx; MOV dword [rsp+8], 1
    const before =
      '48 03 14 24 48 03 54 24 10 48 89 54 24 78 48 89 94 24 80 00 00 00 c7 44 24 08 01 00 00 00';
    const behind =
      '48 03 54 24 08 48 03 54 24 18 48 89 94 24 80 00 00 00 48 89 94 24 88 00 00 00 c7 44 24 10 01 00 00 00 c3';
    expect(outlinedOf(repeated('', before))).toBe(pairs(behind));
  });

  it('have PUSH and POP in them that follow each other', () => {
    // push 5; pop rsi; push rax; pop rdi; push r12; pop r9; push 0; pop [rbx+8]
    const values = '6a 05 5e 50 5f 41 54 41 59 6a 00 8f 43 08';
    expect(outlinedOf(repeated('', `${values} ${WORK}`))).toBe(pairs(`${values} ${WORK} c3`));
  });

  it.each([
    ['rsp is pushed', '54 5f'],
    ['rsp is popped', '50 5c'],
    ['what is popped lies on the stack', '6a 00 8f 44 24 08'],
    ['something comes between', '50 89 c1 5f'], // mov ecx, eax
  ])('have none in them where %s', (_, text) => {
    expect(outlinedOf(repeated('', `${text} ${WORK}`))).toBe(pairs(`${WORK} c3`));
  });

  it('do not begin with the POP', () => {
    const object = repeated('', (n) => `${(0x50 + n).toString(16)} 5f ${WORK}`);
    expect(outlinedOf(object)).toBe(pairs(`${WORK} c3`));
  });

  it.each([
    ['PUSH and POP', '50 48 8d 44 b7 12 48 0f af c6 58', /50|58/],
    ['SYSCALL', '48 8d 44 b7 12 48 0f af c6 0f 05', /0f ?05/],
    ['MOV rbp, rsp', '48 89 e5 48 8d 44 24 10', /89 ?e5/],
    ['LEAVE', 'c9 c9 c9 c9 c9 c9 c9 c9 c9', /c9/],
    ['VMOVQ xmm0, rsp', 'c4 e1 f9 6e c4 48 8d 44 b7 12 48 0f af c6', /6e ?c4/],
    ['VPINSRQ xmm0, xmm0, rsp, 1', 'c4 e3 f9 22 c4 01 48 8d 44 b7 12 48 0f af c6', /22 ?c4/],
    ['XCHG rax, rsp', '48 94 48 94 48 94 48 94 48 94', /94/],
    ['SUB rsp, 28h', '48 83 ec 28 48 83 ec 28 48 83 ec 28', /83 ?ec/],
  ])('have no %s in them', (_, text, forbidden) => {
    expect(outlinedOf(repeated('', text))).not.toMatch(forbidden);
  });

  it('are not taken out of functions that may use the red zone', () => {
    // MOV [rsp-8], rax
    expect(outlinedOf(repeated('', `48 89 44 24 f8 ${WORK}`))).toBe('');
  });

  it.each([
    ['not below the frame before the stack pointer is as low', '55 48 89 e5', '48 83 ec 50', false],
    ['below the frame once it is', '55 48 89 e5 48 83 ec 50', '', true],
    ['not where it is not low enough', '55 48 89 e5 53 48 83 ec 08', '', false],
  ])('are taken, where functions save registers by MOV, %s', (_, before, behind, isTaken) => {
    // MOV [rbp-28h], rbx; MOV [rbp-20h], r12; MOV [rbp-18h], r13
    const saved = '48 89 5d d8 4c 89 65 e0 4c 89 6d e8';
    const outlined = outlinedOf(repeated(`${before} ${saved} ${behind}`, 'c9'));
    expect(outlined.includes(pairs(saved))).toBe(isTaken);
  });

  it('are not taken out of a function that stands for one that is read as data', () => {
    // The first of them besides, by another name: MOV eax, [rip+twin+5]
    const reader = code('.text.read', 'e8 .. .. .. .. 8b 05 .. .. .. .. c3', [
      { offset: 1, type: R_PLT32, symbol: 'twin', addend: -4 },
      { offset: 7, type: R_PC32, symbol: 'twin', addend: 5 - 4 },
    ]);
    const twin = code('.text.twin', `e8 .. .. .. .. ${WORK} 83 f0 00 c3`, [
      { offset: 1, type: R_PLT32, symbol: 'g', addend: -4 },
    ]);
    const symbols = [functionSymbol('read', '.text.read'), functionSymbol('twin', '.text.twin')];
    const files = { 'a.o': repeated('', WORK), 'b.o': compiled([reader, twin], symbols) };
    const lengthOf = (undefinedSymbols: string[]) =>
      contents(linkFiles(files, { header: 'plain', icf: 'all', undefinedSymbols }), '.text.f1').length;
    expect(lengthOf([])).toBe(5 + 5 + 4);
    expect(lengthOf(['read'])).toBe(5 + 12 + 4);
  });

  it('are not made in linker scripts, which have no place for them, nor without shrinking', () => {
    const object = repeated('', WORK);
    const names = (options: Parameters<typeof linkFiles>[1]) =>
      linkFiles({ 'a.o': object }, options)
        .map()
        .sections.map(({ name }) => name);
    expect(names({ shrink: 'none' })).not.toContain('.text.outlined');
    expect(names({ verbatim: true })).not.toContain('.text.outlined');
    expect(names({})).toContain('.text.outlined');
  });
});

const folder = scratchFolder();

/**
 * Faults in the middle of a sequence that six functions share; the handler counts the frames that unwind tables lead
 * through, up to the one that called.
 */
const FAULT = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unwind.h>
int n;
_Unwind_Reason_Code count(struct _Unwind_Context *c, void *p) { n++; return _URC_NO_REASON; }
void handler(int s) { _Unwind_Backtrace(count, 0); printf("%d\\n", n); exit(0); }
volatile long a = 3, b = 4, c = 5, *q;
__attribute__((noinline)) void use(long x) { __asm__ volatile("" :: "r"(x)); }
#define WORK long x = a * b + c; c = x; b = *q; a = b * c + x; c = a + x; use(x + a);
#define F(N) __attribute__((noinline)) void f##N(void) { use(N); WORK use(x + N); }
F(1) F(2) F(3) F(4) F(5) F(6)
int main(int argc, char **argv) {
  signal(SIGSEGV, handler);
  long d = 7;
  if (argc < 2) q = &d;
  f1(); f2(); f3(); f4(); f5();
  q = 0;
  f6();
}
`;

it.skipIf(!hasTool('gcc'))('unwind tables describe the functions that were made', () => {
  writeFileSync(join(folder, 'fault.c'), FAULT);
  const build = (mode: string) => {
    const link = [
      '-static',
      '-O2',
      '-fexceptions',
      `-B${DRIVER_DIR}`,
      `-Wl,--shrink=${mode}`,
      `-Wl,-Map=${mode}.map`,
    ];
    expect(run('gcc', [...link, 'fault.c', '-o', mode], { cwd: folder })).toMatchObject({ code: 0 });
    return run('timeout', ['5', join(folder, mode)]);
  };
  const none = build('none');
  const frames = Number(none.stdout.toString());
  expect(frames).toBeGreaterThan(4);
  // The function that was made is one more.
  expect(build('safe').stdout.toString()).toBe(`${frames + 1}\n`);
  expect(run('grep', ['outlined', 'safe.map'], { cwd: folder }).stdout.toString()).toContain(
    '.text.outlined',
  );
});
