/** Exceptions that come from instructions that fault: handlers of signals throw them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';

const folder = scratchFolder();

/** What faults becomes an exception. */
const PRELUDE = `
#include <csignal>
#include <cstdio>
#include <cstring>
static void handle(int) { throw 5; }
static void install() {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
}
`;

/** Throws from loads at ends that functions share: which function they are in decides where the exception is caught. */
const LOADS = `
static volatile struct { int a, b, c, d, e; } s;
#define END s.a = 6; s.b = 1; s.c = 2; s.d = 3; s.e = *p;
#define CATCHING(N, FIELD) __attribute__((noinline)) void N(int *p) { \\
  s.FIELD = 8; try { END } catch (int) { std::printf(#N "\\n"); return; } }
__attribute__((noinline)) void passing(int *p) { s.d = 77; END }
CATCHING(first, c)
CATCHING(second, b)
int main() {
  install();
  try { first(nullptr); second(nullptr); passing(nullptr); } catch (int) { std::printf("main\\n"); }
}
`;

/** Stores small numbers behind null pointers, in functions with and without a handler. */
const STORES = `
__attribute__((noinline)) static void touch() { asm volatile("" ::: "memory"); }
__attribute__((noinline)) void passing(long *p) { touch(); p[1] = 1; p[2] = 0; touch(); }
__attribute__((noinline)) void catching(long *p) {
  touch();
  try { p[3] = 2; p[4] = -1; } catch (int) { std::printf("catching\\n"); }
  touch();
}
int main() {
  install();
  catching(nullptr);
  try { passing(nullptr); } catch (int) { std::printf("main\\n"); }
}
`;

describe.skipIf(!hasTool('g++')).each([
  ['loads', LOADS, 'first\nsecond\nmain\n'],
  ['stores', STORES, 'catching\nmain\n'],
])('exceptions of %s', (name, source, output) => {
  it.each(['-O2', '-Os'])('are caught where they were: %s', (level) => {
    writeFileSync(join(folder, `${name}.cpp`), PRELUDE + source);
    const flags = ['-static', level, '-fnon-call-exceptions', `-B${DRIVER_DIR}`];
    const built = run('g++', [...flags, `${name}.cpp`, '-o', name], { cwd: folder });
    expect(built).toMatchObject({ code: 0 });
    const { code, stdout } = run(join(folder, name), []);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: output });
  });
});
