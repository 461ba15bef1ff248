/** Single programs that shrinking code could change, compiled here, with and without shrunk code. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';

const folder = scratchFolder();

/** Compiles C and runs what is linked of it. @returns outputs without and with shrunk code, and how it ended */
function outcomes(source: string, flags: readonly string[], compiler = 'gcc', isStripped = false): unknown[] {
  writeFileSync(join(folder, 'main.c'), source);
  const must = (command: string, args: readonly string[]) =>
    expect(run(command, args, { cwd: folder })).toMatchObject({ code: 0 });
  must(compiler, ['-w', '-fno-pie', '-fno-asynchronous-unwind-tables', ...flags, '-c', 'main.c']);
  if (isStripped) must('strip', ['--strip-unneeded', 'main.o']);
  return ['none', 'safe'].map((mode) => {
    must('gcc', ['-static', `-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`, 'main.o', '-o', mode]);
    const { code, signal, stdout } = run('timeout', ['5', join(folder, mode)]);
    return { code, signal, stdout: stdout.toString().slice(0, 100) };
  });
}

const NOP_BEFORE_END = `
#include <stdio.h>
void first(int x, int y) { if (x) printf("%d\\n", y); }
void second(int x, int y) { puts("second"); if (x & 1) printf("%d\\n", y); }
int main(void) { for (int i = 0; i < 3; i++) { first(i, i * 5); second(i, i * 7); } return 0; }
`;

it.skipIf(!hasTool('gcc'))('a branch to a NOP in an end that is merged', () => {
  const [none, safe] = outcomes(NOP_BEFORE_END, ['-O0']);
  expect(safe).toEqual(none);
});

const ARRAY_BEHIND_TABLE = `
#include <stdio.h>
static const long array[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
__attribute__((noipa)) void show(long x) { printf("%ld\\n", x); }
__attribute__((noipa)) long more(long x) { return x + 1; }
__attribute__((noipa)) long choose(long x) {
  switch (x) {
  case 0: show(4); return 3;
  case 1: show(9); return 7;
  case 2: return more(3);
  case 3: show(77); break;
  case 4: return more(x) * 3;
  case 5: show(1); show(2); break;
  case 6: return 99;
  }
  return x;
}
__attribute__((noipa)) long at(long i) { return array[i - 1]; }
__attribute__((noipa)) long sum(long n) { long s = 0; for (long i = 1; i <= n; i++) s += array[i - 1] * more(i); return s; }
int main(void) { for (long i = -1; i < 9; i++) printf("%ld\\n", choose(i)); return printf("%ld %ld\\n", at(3), sum(5)) < 0; }
`;

it.skipIf(!hasTool('gcc')).each(['-O1', '-O2', '-Os'])(
  'an array behind the table of a switch, %s',
  (level) => {
    const [none, safe] = outcomes(ARRAY_BEHIND_TABLE, [level, '-fPIE']);
    expect(none).toMatchObject({ code: 0 });
    expect(safe).toEqual(none);
  },
);

const DISTANCES_THROUGH_THUNK = `
#include <stdio.h>
__attribute__((noinline)) int run(const unsigned char *p, int x) {
  static const int t[] = {&&add - &&base, &&triple - &&base, &&base - &&base};
next: goto *(&&base + t[*p++]);
add: x += 1000; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto next;
triple: x *= 3; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto next;
base: return x;
}
int main(void) { static const unsigned char code[] = {0, 1, 0, 1, 2}; printf("%d\\n", run(code, 1)); return 0; }
`;

it.skipIf(!hasTool('gcc')).each(['thunk', 'thunk-inline'])('a computed jump in a %s', (kind) => {
  const flags = ['-O1', '-fno-pie', '-fno-asynchronous-unwind-tables', `-mindirect-branch=${kind}`];
  const [none, safe] = outcomes(DISTANCES_THROUGH_THUNK, flags);
  expect(safe).toEqual(none);
});
const CASES: readonly (readonly [string, string, string, readonly string[], boolean])[] = [
  [
    'a label at the start of a function, from which a table of distances counts',
    'gcc',
    `
#include <stdio.h>
__attribute__((noinline)) unsigned long run(const unsigned char *p, unsigned long acc) {
  static const int t[] = {&&base - &&base, &&add - &&base, &&mul - &&base, &&end - &&base};
base:
  goto *(&&base + t[*p++]);
add: acc += 1000; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto base;
mul: acc *= 33; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto base;
end: return acc;
}
int main(void) { static const unsigned char code[] = {1, 2, 1, 0, 1, 2, 3}; printf("%lu\\n", run(code, 1)); return 0; }
`,
    ['-O1'],
    false,
  ],
  [
    'a table of distances from a label that only data refers to',
    'gcc',
    `
#include <stdio.h>
__attribute__((noinline)) unsigned long run(const unsigned char *p, unsigned long acc) {
  static const int t[] = {&&add - &&base, &&mul - &&base, &&end - &&base};
  static void *volatile from = &&base;
  if (acc == 77) goto base;
next:
  goto *((char *)from + t[*p++]);
base: acc += 5; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto next;
add: acc += 1000; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto next;
mul: acc *= 33; __asm__ volatile("nopw 0(%rax,%rax,1)"); goto next;
end: return acc;
}
int main(void) { static const unsigned char code[] = {0, 1, 0, 1, 2}; printf("%lu\\n", run(code, 1)); return 0; }
`,
    ['-O1'],
    false,
  ],
  [
    'a table of distances of functions, each from its own entry',
    'gcc',
    `
#include <stdio.h>
__attribute__((used, noinline)) int f0(int x) { return x + 1; }
__asm__(".text; .byte 0x0f,0x1f,0x40,0x00"); // nopl 0(%rax), four bytes
__attribute__((used, noinline)) int f1(int x) { return x * 3; }
__asm__(".text; .byte 0x0f,0x1f,0x40,0x00");
__attribute__((used, noinline)) int f2(int x) { return x - 9; }
__asm__(".section .rodata.rel,\\"a\\"; .balign 4; .globl tbl; tbl: .long f0-., f1-., f2-.; .text");
extern const int tbl[];
int main(void) { int v = 5; for (volatile int i = 0; i < 3; i++) { const int *p = tbl + i; v = ((int (*)(int))((char *)p + *p))(v); printf("%d\\n", v); } return 0; }
`,
    ['-O1'],
    false,
  ],
  [
    'data that refers to functions with the low bit set',
    'clang',
    `
#include <stdio.h>
#include <stdint.h>
static __attribute__((noinline)) int a(int x) { volatile int y = x; return y + 1; }
static __attribute__((noinline)) int b(int x) { volatile int y = x; return y * 3; }
static __attribute__((noinline)) int c(int x) { volatile int y = x; return y - 7; }
static char *const t[] = {(char *)a, (char *)b + 1, (char *)c + 1, (char *)b};
static char *const *volatile table = t;
int main(void) { int v = 4, tags = 0; for (int i = 0; i < 4; i++) { uintptr_t p = (uintptr_t)table[i]; tags = tags * 2 + (p & 1); v = ((int (*)(int))(p & ~(uintptr_t)1))(v); } printf("%d %d\\n", v, tags); return 0; }
`,
    ['-O0'],
    false,
  ],
  [
    'a stripped local function that is jumped to, with the red zone behind a frame pointer',
    'clang',
    `
#include <stdio.h>
static __attribute__((noinline)) unsigned long leaf(unsigned long a, unsigned long b) {
  volatile unsigned long v[6]; for (int i = 0; i < 6; i++) v[i] = a * i + b;
  unsigned long k = 0; for (int i = 5; i >= 0; i--) { k = k * 3 + v[i]; unsigned five = 5; __asm__ volatile("" : "+r"(five)); k += five; }
  return k;
}
__attribute__((noinline)) unsigned long g(unsigned long a, unsigned long b) { printf("g\\n"); return leaf(a, b + 3); }
int main(void) { printf("%lu\\n", g(4, 5)); return 0; }
`,
    ['-Os', '-fno-omit-frame-pointer'],
    true,
  ],
  [
    'one that alone has a frame',
    'clang',
    `
#include <stdio.h>
static __attribute__((noinline)) unsigned long leaf(unsigned long a, unsigned long b) {
  volatile unsigned long v[6]; for (int i = 0; i < 6; i++) v[i] = a * i + b;
  unsigned long k = __builtin_frame_address(0) != 0;
  for (int i = 5; i >= 0; i--) { k = k * 3 + v[i]; unsigned five = 5; __asm__ volatile("" : "+r"(five)); k += five; }
  return k;
}
__attribute__((noinline)) unsigned long g(unsigned long a, unsigned long b) { printf("g\\n"); return leaf(a, b + 3); }
int main(void) { printf("%lu\\n", g(4, 5)); return 0; }
`,
    ['-Os', '-fomit-frame-pointer'],
    true,
  ],
];

it.skipIf(!hasTool('gcc') || !hasTool('clang')).each(CASES)(
  '%s',
  (_, compiler, source, flags, isStripped) => {
    const [none, safe] = outcomes(source, flags, compiler, isStripped);
    expect(safe).toEqual(none);
  },
);
