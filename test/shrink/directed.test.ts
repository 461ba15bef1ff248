/** Single programs that shrinking code could change, compiled here, with and without shrunk code. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from '../run.ts';
import { DRIVER_DIR } from './differential.ts';

const folder = scratchFolder();

/** Compiles C and runs what is linked of it. @returns outputs without and with shrunk code, and how it ended */
function outcomes(source: string, flags: readonly string[], isStripped = false): unknown[] {
  writeFileSync(join(folder, 'main.c'), source);
  const must = (command: string, args: readonly string[]) =>
    expect(run(command, args, { cwd: folder })).toMatchObject({ code: 0 });
  must('gcc', ['-w', ...flags, '-c', 'main.c']);
  if (isStripped) must('strip', ['--strip-unneeded', 'main.o']);
  return ['none', 'safe'].map((mode) => {
    must('gcc', ['-static', `-B${DRIVER_DIR}`, `-Wl,--shrink=${mode}`, 'main.o', '-o', mode]);
    const { code, signal, stdout } = run(join(folder, mode), [], { timeout: 10_000 });
    return { code, signal, stdout: stdout.toString() };
  });
}

const NOP_BEFORE_END = `
#include <stdio.h>
void first(int x, int y) { if (x) printf("%d\\n", y); }
void second(int x, int y) { puts("second"); if (x & 1) printf("%d\\n", y); }
int main(void) { for (int i = 0; i < 3; i++) { first(i, i * 5); second(i, i * 7); } return 0; }
`;

it.skipIf(!hasTool('gcc'))('a branch to a NOP in an end that is merged', () => {
  const [none, safe] = outcomes(NOP_BEFORE_END, ['-O0', '-fno-pie', '-fno-asynchronous-unwind-tables']);
  expect(safe).toEqual(none);
});

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
