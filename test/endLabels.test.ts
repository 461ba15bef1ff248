/** Sections of one object that lie one behind the other because an empty one has the label at which they end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();

/** Adds up what lies between two labels. Each number is in a section of its own, among others that are larger. */
const SUM = `
.globl _start
_start:
  lea first(%rip), %rsi
  lea last(%rip), %rdi
  xor %eax, %eax
1: cmp %rdi, %rsi
  jae 2f
  add (%rsi), %rax
  add $8, %rsi
  jmp 1b
2: mov %eax, %edi
  lea second(%rip), %rdx
  lea third(%rip), %rdx
  movzbl other+32(%rip), %eax
  add %eax, %edi
  mov $60, %eax
  syscall
.section .data.a, "aw"
.balign 8
first: .quad 1
.section .data.b, "aw"
.balign 8
second: .quad 2
.section .data.c, "aw"
.balign 8
third: .quad 4
.section .data.z, "aw"
.balign 8
last:
.section .data.other, "aw"
.balign 32
other: .fill 32, 1, 9
.byte 100
`;

describe.skipIf(!hasTool('as') || !hasTool('ld'))('data in front of a label', () => {
  it.each([
    [],
    ['--shrink=all'],
    ['--segments=split'],
    ['--header=plain'],
    ['--no-gc-sections'],
    ['--verbatim'],
  ])('lie as with GNU ld: %s', (...options) => {
    const [source, object, output] = ['sum.s', 'sum.o', 'sum'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, SUM);
    expect(run('as', [source, '-o', object])).toMatchObject({ code: 0, stderr: '' });
    expect(run('ld', [object, '-o', output]).code).toBe(0);
    const expected = run(output, []).code;
    expect(expected).toBe(107);
    expect(tinyelf(['link', object, '-o', output, ...options])).toMatchObject({ code: 0, stderr: '' });
    expect(run(output, []).code).toBe(expected);
  });
});
