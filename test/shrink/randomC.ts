/**
 * Random programs in C that print what they calculate. A function calls those before it only, or itself, and each call
 * takes of an amount of fuel, so that all end.
 */
import type { Callee } from './cExpressions.ts';
import { type MadeFunction, randomFunction } from './cFunctions.ts';
import { Random } from './random.ts';

/** A file of a generated program. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

const HEADER = `
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef signed char s8; typedef unsigned char u8; typedef short s16; typedef unsigned short u16;
typedef int s32; typedef unsigned u32; typedef long s64; typedef unsigned long u64;
typedef unsigned __int128 u128; typedef __int128 i128;
struct pair { u64 x, y; }; struct big { u64 v[5]; }; struct mixed { double d; int n; };
#define EXPECT(x, y) __builtin_expect(!!(x), y)
extern u64 sum, fuel;
u64 hash(const char *s); void mix(u64 x); void escape(void *p); void die(int code) __attribute__((noreturn));
static inline u64 bits(double d) { u64 x; if (d != d) return 1; memcpy(&x, &d, 8); return x; }
`;

const HELPERS = `
u64 sum = 1, fuel;
u64 hash(const char *s) { u64 h = 5381; while (*s) h = h * 33 + (u8)*s++; return h; }
void mix(u64 x) { sum = (sum ^ x) * 0x100000001b3ull; sum ^= sum >> 29; }
void escape(void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }
void die(int code) { printf("died of %d\\n", code); exit(code); }
`;

const ATTRIBUTES = [
  '',
  '',
  'noinline',
  'noinline',
  'noinline, cold',
  'hot',
  'aligned(64)',
  'noinline, aligned(1)',
  'weak',
];
const MOST_FILES = 3;

/** @param size functions that there are at most */
export function randomC(seed: number, size = 20): SourceFile[] {
  const random = new Random(seed);
  const fileCount = random.oneIn(2) ? 1 : random.int(2, MOST_FILES);
  const bodies: string[][] = Array.from({ length: fileCount }, () => []);
  const made: (MadeFunction & Callee)[] = [];
  for (let k = random.int(4, size); k > 0; k--) {
    const file = random.int(0, fileCount - 1);
    const fn = makeFunction(random, made, file);
    made.push(fn);
    bodies[file]!.push(fn.text);
  }
  const shared = made.filter(({ file }) => file === undefined).map(({ head }) => `${head};`);
  const main = writeMain(
    random,
    made.filter(({ file }) => file === undefined || file === 0),
  );
  return bodies.map((texts, k) => {
    const own = k === 0 ? [HELPERS, ...texts, main] : texts;
    return { name: `part${k}.c`, text: [HEADER, ...shared, ...own, ''].join('\n') };
  });
}

function makeFunction(random: Random, made: readonly Callee[], file: number): MadeFunction & Callee {
  const name = `f${made.length}`;
  const isStatic = random.oneIn(2);
  const attribute = random.pick(ATTRIBUTES);
  const isWeak = attribute === 'weak';
  const prefix = `${isStatic && !isWeak ? 'static ' : ''}${attribute && `__attribute__((${attribute})) `}`;
  const callees = made.filter((callee) => callee.file === undefined || callee.file === file);
  const fn = randomFunction({ random, name, callees, prefix });
  return { ...fn, name, file: isStatic && !isWeak ? file : undefined };
}

function writeMain(random: Random, functions: readonly Callee[]): string {
  const calls = functions.flatMap(({ name, call }) =>
    random.list(random.int(1, 3), () => {
      const [a, b] = [random.bits() % random.pick([8, 300, 2 ** 31]), random.int(0, 200)];
      return `fuel = 400; mix(${call(`${a}ull + zero`, `${b}ull`)}); printf("${name} %lx\\n", sum);`;
    }),
  );
  return `static volatile u64 zero;\nint main(void) {\n${calls.join('\n')}\nreturn (int)(sum & 63);\n}`;
}
