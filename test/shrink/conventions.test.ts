/** Programs with functions that hand over more than arguments and results: registers that are given anew must not matter. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';

const folder = scratchFolder();

/**
 * @param assembly source of an object that comes with the program
 * @returns what programs print that are linked without and with shrunk code
 */
function outcomes(source: string, compiler: string, flags: readonly string[], assembly = ''): string[] {
  writeFileSync(join(folder, 'main.c'), source);
  writeFileSync(join(folder, 'more.s'), assembly);
  const must = (command: string, args: readonly string[]) => {
    const result = run(command, args, { cwd: folder });
    expect(result).toMatchObject({ code: 0 });
    return result.stdout.toString();
  };
  const target = compiler === 'clang' ? ['--target=x86_64-linux-musl', '-nostdinc', MUSL_HEADERS] : [];
  must(compiler, [...target, '-w', '-static', ...flags, '-c', 'main.c']);
  must('gcc', ['-c', 'more.s']);
  return ['none', 'safe'].map((mode) => {
    must('musl-gcc', ['-static', `-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`, 'main.o', 'more.o', '-o', mode]);
    return must('timeout', ['5', join(folder, mode)]);
  });
}

const MUSL_HEADERS = '-I/usr/include/x86_64-linux-musl';

/** Code that is worth while, with a switch. */
const COMMON = `
#include <stdio.h>
#define APART __attribute__((noipa))
#define OWN __attribute__((noinline))
APART long pick(long n) {
  switch (n) {
  case 0: return printf("none\\n");
  case 1: puts("one"); return 3;
  case 2: return 50;
  case 3: puts("three"); return 4;
  case 4: return 9 * printf("four\\n");
  case 5: return 321;
  default: return 0;
  }
}
`;

const LAST_CALL = `${COMMON}
static OWN long twice(long a, long b) { return a + 2 * b; }
static OWN long product(long a, long b) { return a * b; }
long (*table[])(long, long) = {twice, product};
APART long call(long n, long which) { return table[which](n + 1, n * 7); }
APART long add(long n, long m, char *from, long by) { return ((long (*)(long, long))(by + from))(n + m, n * 7); }
int main(int argc, char **argv) {
  long by = (char *)table[argc] - (char *)table[0];
  printf("%ld %ld\\n", call(5, argc - 1), call(6, argc));
  printf("%ld %ld\\n", add(5, 2, (char *)table[0], 0), add(6, 1, (char *)table[0], by));
  return pick(argc + 1) != 50;
}
`;

const COLD_LABELS = `${COMMON}
__attribute__((cold, noinline)) long fail(long a, long b, long c) { printf("%ld %ld %ld\\n", a, b, c); return 11; }
APART long choose(long n, long p, long q) {
  long sum = 3 * p + q, mix = p ^ q;
  switch (n) {
  case 0: return sum;
  case 1: return mix * 5;
  case 2: return fail(sum, mix, n) + p;
  case 3: return sum - mix;
  case 4: return fail(mix, p, q) + sum;
  case 5: return q;
  case 6: return p + 2 * sum;
  default: return mix;
  }
}
APART long coldest(long n, long p, long q) {
  long sum = 7 * p + q, mix = p - q;
  if (p & 1)
    switch (n) {
    case 0: return fail(sum, mix, 1) + p;
    case 1: return fail(mix, p, 2) + q;
    case 2: return fail(p, sum, 3) - q;
    case 3: return fail(q, mix, 4) + sum;
    case 4: return fail(sum, q, 5) - mix;
    case 5: return fail(p, q, 6) * p;
    }
  switch (q & 7) {
  case 0: return sum;
  case 1: return mix * 9;
  case 2: return sum - mix;
  case 3: return p;
  case 4: return q + sum * 2;
  case 5: return sum ^ mix;
  }
  return mix;
}
int main(int argc, char **argv) {
  for (long n = 0; n < 8; n++) printf("%ld\\n", choose(n * argc, argc + 5 + n, argc * 9));
  for (long n = 0; n < 16; n++) printf("%ld\\n", coldest(n / 2, n + argc, n * 5));
  return pick(argc + 1) != 50;
}
`;

const GLOBAL_REGISTERS = `${COMMON}
register long sum asm("r12");
register long *top asm("rbx");
APART void set(long n) { sum = n; }
APART void plus(long n) { sum += n; *top++ = sum; }
APART void times(long n) { sum *= n; *top++ = sum; }
void (*steps[])(long) = {set, plus, times};
long stack[64];
APART void go(const char *p) { sum = 2; for (; *p; p += 2) steps[*p - '0'](p[1] - '0'); }
APART void begin(long n, void (*step)(long)) { sum = n; step(3); }
int main(int argc, char **argv) {
  long *oldTop = top, oldSum = sum;
  top = stack;
  go("1327152204");
  long first = sum;
  begin(7, steps[argc]);
  long second = sum, count = top - stack;
  top = oldTop;
  sum = oldSum;
  printf("%ld %ld\\n", first, second);
  for (long n = 0; n < count; n++) printf("%ld\\n", stack[n]);
  return pick(argc + 1) != 50;
}
`;

const CONTEXT = `${COMMON}
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
OWN SWIFT long quiet(long n, SELF) { return n + *(long *)self; }
OWN SWIFT long loud(long n, SELF) { return printf("%ld\\n", n) + *(long *)self; }
SWIFT long (*table[])(long, SELF) = {quiet, loud};
OWN long call(long which, long n) { long more = n * 5; return table[which](n + 1, &more) + more; }
int main(int argc, char **argv) {
  printf("%ld %ld\\n", call(argc - 1, argc), call(argc, argc + 3));
  return pick(argc + 1) != 50;
}
`;

const STACK_ARGUMENT = `${COMMON}
long plus(long a, long b, long c, long d, long e, long f, long g);
long five(long n);
asm(".globl plus\\n.type plus,@function\\nplus: mov 8(%rsp), %rax\\nadd %rdi, %rax\\nret\\n.size plus,.-plus\\n"
    ".globl five\\n.type five,@function\\nfive: push %rbp\\nsub $16, %rsp\\nlea (%rdi,%rdi,4), %rbp\\npush %rbp\\n"
    "mov $7, %edi\\ncall plus\\npop %rbp\\nadd $16, %rsp\\npop %rbp\\nret\\n.size five,.-five\\n");
int main(int argc, char **argv) { printf("%ld %ld\\n", five(argc), five(argc + 6)); return pick(argc + 1) != 50; }
`;

const OTHER_STACK = `${COMMON}
long change(void **from, void *to, long given);
asm(".globl change\\n.type change,@function\\nchange: push %rbx\\npush %rbp\\npush %r12\\npush %r13\\npush %r14\\npush %r15\\n"
    "mov %rsp, (%rdi)\\nmov %rsi, %rsp\\npop %r15\\npop %r14\\npop %r13\\npop %r12\\npop %rbp\\npop %rbx\\n"
    "mov %rdx, %rax\\nmov %rdx, %rdi\\nret\\n.size change,.-change\\n");
static void *first, *second;
static long stack[4096] __attribute__((aligned(16)));
static void body(long sum) {
  printf("begin %ld\\n", sum);
  for (long n = 0;; n++) sum += change(&second, first, sum * 10 + n);
}
int main(int argc, char **argv) {
  long *top = stack + 4094;
  *--top = 0;
  *--top = (long)body;
  second = top - 6;
  for (long n = 0; n < 4; n++) printf("%ld\\n", change(&first, second, argc + 3 * n));
  return pick(argc + 1) != 50;
}
`;

const ROOTS_ON_STACK = `${COMMON}
static long *bottom, wanted, found, cells[10];
OWN static void scan(long *p) { for (; p < bottom; p++) if (*p == wanted) found++; }
OWN static void collect(void) { __builtin_unwind_init(); scan((long *)__builtin_frame_address(0) - 8); }
OWN static void allocate(void) { collect(); }
APART long use(long *from, long by) {
  long *place = from + by;
  wanted = ~(long)(place + 1);
  wanted = ~wanted;
  long *next = place + 1;
  allocate();
  return *next + (next - cells);
}
int main(int argc, char **argv) {
  long here[2];
  bottom = here;
  for (long n = 0; n < 10; n++) cells[n] = n * n;
  long result = use(cells, argc);
  printf("%ld %d\\n", result, found > 0);
  return pick(argc + 1) != 50;
}
`;

/** Programs in which `work` counts on what comes back, three times over. */
const WORK = `
OWN int add(int a, int b) { return a * 3 + b; }
OWN int work(int a, int b) { int s = 0; for (int i = 0; i < 3; i++) s += add(a + i, b ^ s); return s; }
int main(int argc, char **argv) {
  printf("%d\\n", work(argc, argc + 1));
  return pick(argc + 1) != 50;
}
`;

const RETURNS = COMMON + WORK;

const SHIFTED = `${COMMON}
int other(int);
int apply(int (*f)(int, int, int), int a, int b, int c);
asm(".section .text.apply,\\"ax\\"\\n.globl other\\nother: lea (%rdi,%rdi),%eax\\nret\\n.globl apply\\napply: push %rdi\\n"
    "mov %ecx,%edx\\nmov %esi,%edi\\nmov %edx,%esi\\nret\\n.text\\n");
int seed = 5;
__attribute__((naked, noinline)) long next(void) {
  asm("pop %rsi\\n\\tmov seed(%rip), %eax\\n\\tlea 1(%rax), %edx\\n\\tmov %edx, seed(%rip)\\n\\tpush %rsi\\n\\tmov $-7, %esi\\n\\tret");
}
static int one(int a, int b, int c) { return a * 100 + b * 10 + c; }
static int two(int a, int b, int c) { return a * 100 + b * 10 - c; }
int (*table[])(int, int, int) = {one, two};
OWN int work(int a, int b) {
  int s = 0;
  for (int i = 0; i < 2; i++) s += apply(table[i], a + i, b, a * 2 + i + b);
  return s;
}
OWN int count(int a, int b, int c, int d) {
  int s = 0;
  for (int i = 0; i < 3; i++) s = s * c + next() * a + (b ^ d);
  return s;
}
int main(int argc, char **argv) {
  printf("%d\\n", work(argc, argc + 1) + other(argc));
  printf("%d\\n", count(argc, argc + 1, argc + 2, argc * 30));
  return pick(argc + 1) != 50;
}
`;

const PRIVATE = `${COMMON}
OWN long scale_(long x, long y, char *odd) {
  register long r12 asm("r12") = y;
  char c;
  asm volatile("call scale" : "+b"(x), "=@ccc"(c) : "r"(r12) : "memory");
  *odd = c;
  return x;
}
OWN long work(long a, long b, long c) {
  long s = 0;
  char o;
  for (int i = 0; i < 3; i++) s += scale_(a + i, b ^ s, &o) * c, s ^= o;
  return s + a * b;
}
int main(int argc, char **argv) {
  printf("%ld\\n", work(argc, argc + 1, argc * 4));
  return pick(argc + 1) != 50;
}
`;
const PRIVATE_ASSEMBLY = `
.globl scale
.type scale,@function
scale: push %rax
lea (%rbx,%rbx,2),%rax
bt $0,%rbx
pushf
lea (%rax,%r12),%rbx
popf
pop %rax
ret
`;

const FOREIGN = `${COMMON}
OWN int sysv(int a, int b) { asm volatile("" ::: "rsi", "rdi", "xmm6"); return a * 3 - b; }
__attribute__((ms_abi, noinline)) int ms(int a, int b, int c) {
  int s = 0;
  for (int i = 0; i < 3; i++) s += sysv(a + i, b * s) * c;
  return s;
}
OWN int work(int a, int b, int c) {
  int s = 0;
  for (int i = 0; i < 3; i++) s = s * a + ms(a + i, b ^ s, c);
  return s + a * b;
}
int main(int argc, char **argv) {
  printf("%d\\n", work(argc, argc + 1, argc * 4));
  return pick(argc + 1) != 50;
}
`;

const FAULT = `#define _GNU_SOURCE
${COMMON}
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
static void caught(int number, siginfo_t *info, void *context) {
  greg_t *held = ((ucontext_t *)context)->uc_mcontext.gregs;
  printf("%lld %lld %lld\\n", held[REG_RAX], held[REG_RSI], held[REG_R9]);
  exit(pick(3) != 4);
}
OWN long stop(long a, long b) { register long c asm("r9") = a * 5; asm volatile("ud2" : : "a"(a + b), "r"(c)); return a; }
int main(int argc, char **argv) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, 0);
  return stop(argc + 3, argc * 7);
}
`;

const REGCALL = `${COMMON}
#define RC __attribute__((regcall))
int sink(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l);
RC OWN int one(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) {
  return sink(a, b, c, d, e, f, g, h, i, j, k, l) + 1;
}
RC OWN int two(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) {
  return sink(l, b, c, d, e, f, g, h, i, j, k, a);
}
int (RC *table[])(int, int, int, int, int, int, int, int, int, int, int, int) = {one, two};
OWN int work(int a, int b) {
  int s = 0;
  for (int i = 0; i < 2; i++) s += table[i](a, b, a + 1, b + 1, a * 3, b * 3, a * 4, b * 4, a - 1, b - 1, a * 7, b * 7);
  return s;
}
int main(int argc, char **argv) {
  printf("%d\\n", work(argc, argc + 1));
  return pick(argc + 1) != 50;
}
OWN int sink(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) {
  return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l;
}
`;

/** A program with a global register variable, which `used` gives its values. @param rest what uses it */
function withRegister(rest: string, used: string): string {
  return `register long shared asm("r12");
${COMMON}
${rest}
OWN void use(int n) { ${used} }
int main(int argc, char **argv) {
  long old = shared;
  use(argc);
  shared = old;
  return pick(argc + 1) != 50;
}
`;
}

const TOLD = 'OWN void tell(long n) { printf("%ld\\n", n); }';

const CALLED_BACK = withRegister(
  'OWN void tell(void) { printf("%ld\\n", shared); }\nvoid through(void);',
  'shared = n + 4; through(); shared += 37; through();',
);
const CALLED_BACK_ASSEMBLY = `
.globl through
through: sub $8,%rsp
call tell
add $8,%rsp
ret
`;

const BY_LABELS = withRegister(
  `${TOLD}
volatile long turns;
APART long interpret(int n) {
  void *volatile place = &&up;
  if (n & 1) place = &&down;
  goto *place;
up: turns++; return shared + n;
down: turns--; return shared * n - 1;
}`,
  'shared = n + 5; tell(interpret(n)); shared = n + 8; tell(interpret(n + 1));',
);

const HANDLERS = withRegister(
  `${TOLD}
void plus(void), twice(void);
void (*handlers[])(void) = {plus, twice};`,
  'shared = n + 5; handlers[n & 1](); shared = n + 9; handlers[n - 1]();',
);
const HANDLERS_ASSEMBLY = `
.globl plus, twice
.type plus,@function
.type twice,@function
plus: lea 100(%r12),%rdi
jmp tell
twice: lea (%r12,%r12),%rdi
jmp tell
`;

const FROM_STACK = withRegister(
  `${TOLD}
OWN void set(int a, int b, int c, int d, int e, int f, long n) { shared = n; }
void (*volatile setter)() = set;`,
  'shared = n; setter(1, 2, 3, 4, 5, 6, (long)n + 41); tell(shared);',
);

const READ_SLOTS = `${COMMON}
OWN void show(long *frame) { printf("%ld\\n", frame[0]); frame[0] += 2; }
__attribute__((naked, noinline)) void put(int c) {
  asm("push %rdi\\n\\tmov %rsp,%rsi\\n\\tmov $1,%edi\\n\\tmov $1,%edx\\n\\tmov $1,%eax\\n\\tsyscall\\n\\tpop %rdi\\n\\tret");
}
OWN void dumped(long n) {
  asm volatile("call dump" : : "b"(n * 11) : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}
int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IONBF, 0);
  put('A' + argc);
  put('\\n');
  dumped(argc);
  return pick(argc + 1) != 50;
}
`;
const READ_SLOTS_ASSEMBLY = `
.globl dump
.type dump,@function
dump: push %rbx
mov %rsp,%rdi
call show
pop %rbx
ret
`;

const FRAMES = `${COMMON}
int walk(void);
OWN int third(int n) { int found = walk(); asm volatile(""); return found + n - n; }
OWN int second(int n) { int found = third(n * 3); asm volatile(""); return found + n * 0; }
OWN int first(int n) { int found = second(n + 1); asm volatile(""); return found; }
int main(int argc, char **argv) { printf("%d\\n", first(argc)); return pick(argc + 1) != 50; }
`;
const FRAMES_ASSEMBLY = `
.globl walk
.type walk,@function
walk: xor %eax,%eax
mov %rbp,%rdx
1: cmp %rsp,%rdx
jb 2f
inc %eax
cmp $4,%eax
jae 2f
mov (%rdx),%rdx
jmp 1b
2: ret
`;

const HIGH_BYTES = `${COMMON}
char bytes[300];
OWN long store(char *to, long n) {
  long sum = 0;
  for (long i = 1; i < n; i++) {
    unsigned long word = i * 0x1234567 + n;
    asm volatile("mov %%dh, (%%rdx,%1)" : : "d"(word & 0xff00), "S"(to - (word & 0xff00) + i) : "memory");
    sum += word;
  }
  return sum;
}
int main(int argc, char **argv) {
  long sum = store(bytes, argc + 200);
  for (int i = 0; i < 300; i++) sum = sum * 31 + bytes[i];
  printf("%ld\\n", sum);
  return pick(argc + 1) != 50;
}
`;

/** A function called through a pointer that returns several words. */
function severalResults(convention: string, fields: readonly string[]): string {
  return `${COMMON}
typedef struct { long ${fields.join(', ')}; } Result;
__attribute__((${convention})) OWN Result make(long x, long y) {
  return (Result){${['x', 'y', 'x * y', 'x - y * 3', 'x ^ y', 'y * 9'].slice(0, fields.length).join(', ')}};
}
Result (__attribute__((${convention})) *volatile maker)(long, long) = make;
int main(int argc, char **argv) {
  Result result = maker(argc + 4, argc + 9);
  ${fields.map((field) => `printf("%ld\\n", result.${field});`).join('\n  ')}
  return pick(argc + 1) != 50;
}
`;
}

const REFUSED_REGCALL = `${COMMON}
volatile long turns;
__attribute__((regcall)) OWN long many(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,
                                       long k, int n) {
  void *volatile place = &&sum;
  if (n & 1) place = &&difference;
  goto *place;
sum: turns = 3; return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10 + k * 11;
difference: return a - b * 2 + c * 3 - d * 4 + e * 5 - f * 6 + g * 7 - h * 8 + i * 9 - j * 10 + k * 11;
}
int main(int argc, char **argv) {
  long n = argc;
  for (int q = 0; q < 2; q++)
    printf("%ld\\n", many(n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, n + q));
  return pick(argc + 1) != 50;
}
`;

const LEVELS = [['-O1'], ['-O2'], ['-Os'], ['-O2', '-fno-pie'], ['-O2', '-fno-schedule-insns2', '-fno-pie']];

describe.skipIf(!hasTool('musl-gcc'))('musl-gcc', () => {
  it.each([
    ['a call through a table that comes last, beside a switch', LAST_CALL],
    ['labels of a switch in the cold part of a function', COLD_LABELS],
    ['global register variables', GLOBAL_REGISTERS],
    ['an argument that lies where a register seems to be saved', STACK_ARGUMENT],
    ['functions that go on on another stack', OTHER_STACK],
    ['a collector of garbage that looks for registers on the stack', ROOTS_ON_STACK],
  ])('%s', (_, source) => {
    for (const flags of LEVELS) {
      const [none, safe] = outcomes(source, 'musl-gcc', flags);
      expect({ flags, is: safe }).toEqual({ flags, is: none });
    }
  });
});

/** Without positions that could change, nor tables that say where registers are saved. */
const BARE = ['-fno-pie', '-fno-asynchronous-unwind-tables', '-ffunction-sections'];
const BARE_LEVELS = [
  ['-Os', ...BARE],
  ['-O2', '-mno-red-zone', ...BARE],
];

describe.skipIf(!hasTool('musl-gcc'))('musl-gcc, with what assembler does besides', () => {
  it.each([
    ['thunks that functions return by', RETURNS, ['-mfunction-return=thunk'], ''],
    ['as many thunks as returns', RETURNS, ['-mfunction-return=thunk-inline'], ''],
    ['calls by PUSH and RET, and what takes its return address for a while', SHIFTED, [], ''],
    ['an assembler that takes and returns registers of its own', PRIVATE, [], PRIVATE_ASSEMBLY],
    ['functions of libgcc that save registers for others', FOREIGN, ['-O1', '-mcall-ms2sysv-xlogues'], ''],
    ['a handler of signals that looks at registers', FAULT, [], ''],
    ['an assembler that calls what uses a global register variable', CALLED_BACK, [], CALLED_BACK_ASSEMBLY],
    ['labels as values beside a global register variable', BY_LABELS, [], ''],
    ['handlers of an assembler with a global register variable', HANDLERS, [], HANDLERS_ASSEMBLY],
    ['a global register variable that is set from the stack', FROM_STACK, [], ''],
    ['what is pushed to be read', READ_SLOTS, [], READ_SLOTS_ASSEMBLY],
    ['an assembler that follows frames', FRAMES, ['-fno-omit-frame-pointer'], FRAMES_ASSEMBLY],
    ['high bytes that are stored', HIGH_BYTES, [], ''],
  ])('%s', (_, source, more, assembly) => {
    for (const level of BARE_LEVELS) {
      const flags = [...level, ...more];
      const [none, safe] = outcomes(source, 'musl-gcc', flags, assembly);
      expect({ flags, is: safe }).toEqual({ flags, is: none });
    }
  });
});

it.skipIf(!hasTool('clang') || !hasTool('musl-gcc')).each([
  ['a context in a register that is preserved', CONTEXT, LEVELS.slice(0, 4)],
  ['arguments in registers that are preserved', REGCALL, BARE_LEVELS],
  ['such arguments of a function with labels as values', REFUSED_REGCALL, BARE_LEVELS],
  ['six words as a result', severalResults('regcall', ['a', 'b', 'c', 'd', 'e', 'f']), BARE_LEVELS],
  ['four words as a result', severalResults('swiftcall', ['a', 'b', 'c', 'd']), BARE_LEVELS],
])('clang: %s', (_, source, levels) => {
  for (const flags of levels) {
    const [none, safe] = outcomes(source, 'clang', flags);
    expect({ flags, is: safe }).toEqual({ flags, is: none });
  }
});
