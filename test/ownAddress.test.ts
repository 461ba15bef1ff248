/** Assembly that finds data around it by where it lies, without a relocation: it does what it does when ld links it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasTool, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();

const EXIT = 'mov $60, %eax; xor %edi, %edi; syscall';
const WRITE = 'mov $1, %eax; mov %eax, %edi; syscall';

const PROGRAMS: Readonly<Record<string, string>> = {
  'numbers behind calls': `
_start: call take; .long 40; call take; .long 2; mov %ebp, %edi; mov $60, %eax; syscall
take: push %rbx; mov 8(%rsp), %rbx; add (%rbx), %ebp; addq $4, 8(%rsp); pop %rbx; ret`,
  'text behind a call of another section': `
_start: call show; .asciz "text\\n"; ${EXIT}
.section .text.show, "ax"
show: push %rbp; mov %rsp, %rbp; mov 8(%rbp), %rsi; xor %edx, %edx
1: inc %edx; cmpb $0, (%rsi, %rdx); jne 1b
lea 1(%rsi, %rdx), %rax; mov %rax, 8(%rbp); ${WRITE}; pop %rbp; ret`,
  'text behind the end, by a function that says where it was called': `
_start: call here; 1: lea text - 1b(%rax), %rsi; mov $5, %edx; ${WRITE}; ${EXIT}
text: .ascii "text\\n"
.section .text.here, "ax"
here: mov (%rsp), %rax; ret`,
  'text behind the end, by what a system call leaves': `
_start: mov $39, %eax; syscall; 1: lea text - 1b(%rcx), %rsi; mov $5, %edx; ${WRITE}; ${EXIT}
text: .ascii "text\\n"`,
  'text behind the end, by the x87 unit': `
_start: 1: fldz; fnstenv -100(%rsp); mov -88(%rsp), %esi; add $text - 1b, %esi; mov $5, %edx; ${WRITE}; ${EXIT}
text: .ascii "text\\n"`,
  'a return address that is taken behind a jump': `
_start: mov $7, %edi; test %edi, %edi; call 1f; .ascii "text\\n"
1: jnz 2f; nop; 2: jmp 3f; ${EXIT}; 3: pop %rsi; mov $5, %edx; ${WRITE}; ${EXIT}`,
};

const OPTIONS = [
  [],
  ['--shrink=none'],
  ['--shrink=all'],
  ['--shrink=all', '--header=classic'],
  ['--compat=portable'],
];

it.skipIf(!hasTool('as')).each(Object.entries(PROGRAMS))('%s', (_, text) => {
  const [source, object, theirs, ours] = ['a.s', 'a.o', 'theirs', 'ours'].map((name) => join(folder, name));
  writeFileSync(source!, `.globl _start\n${text.trim()}\n`);
  expect(run('as', [source!, '-o', object!])).toMatchObject({ code: 0 });
  expect(run('ld', [object!, '-o', theirs!])).toMatchObject({ code: 0 });
  const outcome = (path: string) => {
    const { code, signal, stdout } = run(path, []);
    return { code, signal, stdout: stdout.toString() };
  };
  const expected = outcome(theirs!);
  expect(expected.stdout === 'text\n' || expected.code === 42).toBe(true);
  for (const options of OPTIONS) {
    expect(tinyelf(['link', object!, '-o', ours!, ...options])).toMatchObject({ code: 0 });
    expect(outcome(ours!), options.join(' ')).toEqual(expected);
  }
});
