/** Ends of functions that several of them share. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FrameStates } from '../../src/elf/frameStates.ts';
import { contents, linkFiles, placed, toHex } from '../elf/make.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';
import { code, compiled, filler, functionSymbol, hex, pairs, R_PLT32, START } from './make.ts';

const LARGE = filler(1100);
const options = { header: 'plain' } as const;

/** Two functions, and one that calls them. */
function two(first: string, second: string) {
  const calls = ['f', 'g'].map((symbol, n) => ({ offset: 5 * n + 1, type: R_PLT32, symbol, addend: -4 }));
  const start = code('.text', `e8 .. .. .. .. e8 .. .. .. .. ${LARGE} 0f 0b`, calls);
  const symbols = [functionSymbol('f', '.text.f'), functionSymbol('g', '.text.g')];
  const object = compiled([start, code('.text.f', first), code('.text.g', second)], [START, ...symbols]);
  return linkFiles({ 'a.o': object }, options);
}

/** MOV [rbx+8], eax; POP rbx; POP rbp; POP r12; RET: 8 bytes. */
const END = '89 43 08 5b 5d 41 5c c3';

describe('ends of functions', () => {
  it('that are the same stand once', () => {
    const result = two(`83 c0 03 ${END}`, `83 c0 04 ${END}`);
    expect(toHex(contents(result, '.text.f'))).toBe(pairs(`83 c0 03 ${END}`));
    const text = contents(result, '.text.g');
    expect(text.length).toBe(8);
    expect(text[3]).toBe(0xe9); // JMP rel32
    const view = new DataView(text.buffer, text.byteOffset);
    const target = placed(result, '.text.g').address + 8 + view.getInt32(4, true);
    expect(target).toBe(placed(result, '.text.f').address + 3);
  });

  it('may be jumps to what registers say', () => {
    // JMP rax; JMP [rax+8], behind the same
    for (const jump of ['ff e0', 'ff 60 08']) {
      const end = `89 43 08 5b 5d 41 5c ${jump}`;
      const result = two(`83 c0 03 ${end}`, `83 c0 04 ${end}`);
      expect(toHex(contents(result, '.text.f'))).toBe(pairs(`83 c0 03 ${end}`));
      expect(contents(result, '.text.g').length).toBe(8);
    }
  });

  it('stay where a jump would take as many bytes', () => {
    const result = two('83 c0 03 5b 5d 41 5c c3', '83 c0 04 5b 5d 41 5c c3');
    expect(contents(result, '.text.g').length).toBe(8);
  });

  it('begin where something leads into them', () => {
    // TEST eax, eax; JE to the POP rbx; ADD eax, 3; then the end
    const result = two(`83 c0 03 ${END}`, `85 c0 74 03 89 43 08 5b 5d 41 5c c3`);
    expect(contents(result, '.text.g').length).toBe(12);
  });

  it('have no branches of their own function in them', () => {
    // DEC ecx; JNE to itself
    const loop = 'ff c9 75 fc 89 43 08 c3';
    const result = two(`83 c0 03 ${loop}`, `83 c0 04 ${loop}`);
    expect(contents(result, '.text.g').length).toBe(11);
  });
});

describe('states of frames', () => {
  const follow = (text: string, states = new FrameStates()) => {
    const found: number[] = [];
    const cie = hex('0c 07 08 90 01');
    states.begin(cie, 0, cie.length);
    const bytes = hex(text);
    states.follow(bytes, 0, bytes.length, (location, state) => found.push(location, state));
    return found;
  };

  it('are numbered, equal ones equally', () => {
    // advance 1; def_cfa_offset 16; offset rbx 2; advance 2; def_cfa_offset 8; restore rbx
    expect(follow('41 0e 10 83 02 42 0e 08 c3')).toEqual([0, 1, 1, 2, 3, 1]);
  });

  it('tell saved registers apart', () => {
    // offset rbx 2, or rbp 2, or rbx 3
    const states = new FrameStates();
    const last = ['83 02', '86 02', '83 03', '83 02'].map((text) => follow(text, states).at(-1));
    expect(new Set(last).size).toBe(3);
    expect(last[3]).toBe(last[0]);
  });

  it('are remembered and restored', () => {
    // offset rbx 2; remember; advance 4; def_cfa_offset 32; advance 4; restore
    expect(follow('83 02 0a 44 0e 20 44 0b')).toEqual([0, 1, 4, 2, 8, 1]);
  });

  it('know the forms of definitions of the frame', () => {
    const states = new FrameStates();
    const [plain] = follow('', states).slice(-1);
    // def_cfa rsp 8 says what the CIE says; def_cfa_register rbp does not, nor does an expression
    expect(follow('0c 07 08', states).at(-1)).toBe(plain);
    expect(follow('0e 10 0e 08', states).at(-1)).toBe(plain);
    expect(follow('0d 06', states).at(-1)).not.toBe(plain);
    expect(follow('0f 02 77 08', states).at(-1)).not.toBe(plain);
    expect(follow('2e 10', states).at(-1)).toBe(plain);
  });
});

const folder = scratchFolder();

/** Throws from functions whose ends are the same, with and without the same registers saved. */
const THROWING = `
#include <cstdio>
#include <stdexcept>
volatile int v = 3;
__attribute__((noinline)) int use(int x) { if (x % 7 == 5) throw std::runtime_error("seven"); return x * v; }
struct Counted { static int n; ~Counted() { n++; } };
int Counted::n;
#define F(N, A) __attribute__((noinline)) int f##N(int a, int b) { \\
  Counted c; int s = N; for (int i = 0; i < a; i++) { s += use(i + N) A; } v = b + s; return s + use(b); }
F(1, ) F(2, * a) F(3, * a + b) F(4, ) F(5, + b) F(6, * b)
int main() {
  int (*fs[])(int, int) = {f1, f2, f3, f4, f5, f6};
  for (int round = 0; round < 6; round++) {
    try { std::printf("%d\\n", fs[round](round * 2, round)); } catch (std::exception &e) { std::printf("%s\\n", e.what()); }
    v = 3;
  }
  std::printf("%d\\n", Counted::n);
}
`;

it.skipIf(!hasTool('g++')).each(['-O1', '-O2', '-Os'])(
  'exceptions pass functions with shared ends: %s',
  (level) => {
    writeFileSync(join(folder, 'throwing.cpp'), THROWING);
    const outputs = ['none', 'safe'].map((mode) => {
      const words = ['-static', level, `-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`, 'throwing.cpp', '-o', mode];
      expect(run('g++', words, { cwd: folder })).toMatchObject({ code: 0 });
      return run('timeout', ['5', join(folder, mode)]);
    });
    expect(outputs[0]!.stdout.toString()).toMatch(/seven[\s\S]*6\n$/);
    expect(outputs[1]).toEqual(outputs[0]);
  },
);

/** Calls by pointers to members of local functions: the low bit of such a pointer says that the function is virtual. */
const MEMBERS = `
#include <cstdio>
namespace {
struct S {
  int v;
  __attribute__((noinline)) int one(int x) { return x + v; }
  __attribute__((noinline)) int two(int x) { return x - v; }
  __attribute__((noinline)) int three(int x) { return x * (v + 6); }
};
}
typedef int (S::*P)(int);
__attribute__((noinline)) int call(S &s, int x, P p) { return (s.*p)(x); }
__attribute__((noinline)) int all(S &s) { return call(s, 100, &S::one) * 7 + call(s, 100, &S::two) * 3 + call(s, 9, &S::three); }
int main(int count, char **) { S s{count}; std::printf("%d\\n", all(s)); }
`;

describe.each(['g++', 'clang++'])('pointers to members, by %s', (compiler) => {
  it.skipIf(!hasTool(compiler)).each(['-O0', '-O2', '-Os'])('lead to functions: %s', (level) => {
    writeFileSync(join(folder, 'members.cpp'), MEMBERS);
    for (const mode of ['none', 'safe', 'all']) {
      const words = ['-static', level, `-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`, 'members.cpp', '-o', mode];
      expect(run(compiler, words, { cwd: folder })).toMatchObject({ code: 0 });
      const { code, stdout } = run(join(folder, mode), []);
      expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: '1067\n' });
    }
  });
});
