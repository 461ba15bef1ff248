/** Exceptions that come from instructions that fault: handlers of signals throw them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';

const folder = scratchFolder();

/** Stores small numbers behind null pointers, in functions with and without a handler. */
const CPP = `
#include <csignal>
#include <cstdio>
#include <cstring>
static void handle(int) { throw 5; }
__attribute__((noinline)) static void touch() { asm volatile("" ::: "memory"); }
__attribute__((noinline)) void passing(long *p) { touch(); p[1] = 1; p[2] = 0; touch(); }
__attribute__((noinline)) void catching(long *p) {
  touch();
  try { p[3] = 2; p[4] = -1; } catch (int) { std::printf("catching\\n"); }
  touch();
}
int main() {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
  catching(nullptr);
  try { passing(nullptr); } catch (int) { std::printf("main\\n"); }
}
`;

describe.skipIf(!hasTool('g++'))('exceptions of stores', () => {
  it.each(['-O2', '-Os'])('are caught where they were: %s', (level) => {
    writeFileSync(join(folder, 'stores.cpp'), CPP);
    const flags = ['-static', level, '-fnon-call-exceptions', `-B${DRIVER_DIR}`];
    const built = run('g++', [...flags, 'stores.cpp', '-o', 'stores'], { cwd: folder });
    expect(built).toMatchObject({ code: 0 });
    const { code, stdout } = run(join(folder, 'stores'), []);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: 'catching\nmain\n' });
  });
});
