/**
 * The rules of symbols and sections, each by a small freestanding program that GNU ld and tinyelf link with the same
 * options: exit codes must be equal, and what the user is told must be there.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, LD_TINYELF, run, scratchFolder } from './run.ts';

const folder = scratchFolder();
const HAS_TOOLS = hasTool('gcc') && hasTool('ld');

/** `_start` exits with what `program()` returns. */
const START = `
int program(void);
__attribute__((naked, noreturn)) void _start(void) {
  asm("and $-16, %rsp; call program; mov %eax, %edi; mov $60, %eax; syscall");
}
`;

interface Case {
  readonly name: string;
  /** C by name; names that end in .s are assembly. */
  readonly sources: Readonly<Record<string, string>>;
  /** Options and inputs in order; \`a\` stands for the object of source \`a\`. Defaults to the sources. */
  readonly args?: readonly string[];
  /** Archives to make of objects first. */
  readonly archives?: Readonly<Record<string, readonly string[]>>;
  readonly exitCode: number;
  /** What tinyelf must print. */
  readonly output?: RegExp;
  /** Options for GNU ld alone. */
  readonly ld?: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'COMDAT groups: the first copy stays',
    sources: {
      one: 'int both(void); int program(void) { return both() + 10; }',
      'first.s': '.section .text.both,"axG",@progbits,both,comdat\n.weak both\nboth: mov $1,%eax\nret',
      'second.s': '.section .text.both,"axG",@progbits,both,comdat\n.weak both\nboth: mov $2,%eax\nret',
    },
    exitCode: 11,
  },
  {
    name: '.gnu.linkonce: the first copy stays',
    sources: {
      one: 'int both(void); int program(void) { return both() + 10; }',
      'first.s': '.section .gnu.linkonce.t.both,"ax"\n.weak both\nboth: mov $3,%eax\nret',
      'second.s': '.section .gnu.linkonce.t.both,"ax"\n.weak both\nboth: mov $4,%eax\nret',
    },
    exitCode: 13,
  },
  {
    name: 'weak undefined symbols are zero, also hidden ones',
    sources: {
      one: `extern int missing(void) __attribute__((weak)); extern int hidden(void) __attribute__((weak, visibility("hidden")));
            int program(void) { return missing ? 1 : hidden ? 2 : 5; }`,
    },
    exitCode: 5,
  },
  {
    name: 'protected, internal and hidden definitions',
    sources: {
      one: 'int a(void), b(void), c(void); int program(void) { return a() + b() + c(); }',
      two: `__attribute__((visibility("protected"))) int a(void) { return 1; }
            __attribute__((visibility("internal"))) int b(void) { return 2; }
            __attribute__((visibility("hidden"))) int c(void) { return 4; }`,
    },
    exitCode: 7,
  },
  {
    name: 'common symbols get the largest size and the strictest alignment',
    sources: {
      'one.s': '.comm shared,8,8\n.text\n.globl program\nprogram: lea shared(%rip),%rax\nand $63,%eax\nret',
      'two.s': '.comm shared,4096,64',
      'three.s': '.comm other,1,1\n.data\n.quad other,shared',
    },
    exitCode: 0,
  },
  {
    name: 'common symbols take the member that gives them a value',
    sources: {
      'one.s': '.comm shared,8,8\n.text\n.globl program\nprogram: mov shared(%rip),%eax\nret',
      'two.s': '.comm shared,16,16',
      three: 'long shared = 15;',
      four: 'long shared = 16;',
    },
    archives: { 'libtwo.a': ['two'], 'libthree.a': ['three'], 'libfour.a': ['four'] },
    args: ['one', 'libtwo.a', 'libthree.a', 'libfour.a'],
    exitCode: 15,
  },
  {
    name: 'common symbols of a member take another member of the same archive, which stands behind it',
    sources: {
      one: 'int get(void); int program(void) { return get(); }',
      'two.s': '.comm shared,8,8\n.text\n.globl get\nget: mov shared(%rip),%eax\nret',
      three: 'long shared = 17;',
    },
    archives: { 'libtwo.a': ['two', 'three'] },
    args: ['one', 'libtwo.a'],
    exitCode: 17,
  },
  {
    name: 'common symbols take no member that has a common symbol too',
    sources: {
      'one.s': '.comm shared,8,8\n.text\n.globl program\nprogram: mov shared(%rip),%eax\nret',
      'two.s': '.comm shared,16,16\n.globl _end_of_two\n.section .init_array,"aw"\n.quad undefined_in_two',
    },
    archives: { 'libtwo.a': ['two'] },
    args: ['one', 'libtwo.a'],
    exitCode: 0,
  },
  {
    name: 'GNU_UNIQUE symbols',
    sources: {
      one: 'extern int unique; int program(void) { return unique; }',
      'two.s': '.data\n.globl unique\n.type unique,@gnu_unique_object\n.size unique,4\nunique: .long 9',
    },
    exitCode: 9,
  },
  {
    name: '__start_X and __stop_X keep all sections X',
    sources: {
      one: `extern const int __start_numbers[], __stop_numbers[];
            int program(void) { int sum = 0; for (const int *n = __start_numbers; n < __stop_numbers; n++) sum += *n; return sum; }`,
      two: '__attribute__((section("numbers"))) static const int a = 3; __attribute__((section("numbers"))) static const int b = 4;',
      three: '__attribute__((section("numbers"), used)) static const int c = 50;',
    },
    args: ['--gc-sections', 'one', 'two', 'three'],
    exitCode: 50,
  },
  {
    name: 'SHF_GNU_RETAIN keeps a section that nothing refers to',
    sources: {
      one: `extern const char __start_kept[] __attribute__((weak)), __stop_kept[] __attribute__((weak));
            extern char _end[], __executable_start[]; int program(void) { return _end - __executable_start > 70000; }`,
      'two.s': '.section .data.retained,"awR",@progbits\n.zero 70000',
    },
    args: ['--gc-sections', 'one', 'two'],
    exitCode: 1,
  },
  {
    name: 'constructors by priority, .ctors among them and backwards',
    sources: {
      one: `extern void (*__init_array_start[])(void), (*__init_array_end[])(void); int order;
            int program(void) { for (void (**f)(void) = __init_array_start; f < __init_array_end; f++) (*f)(); return order; }`,
      two: `extern int order;
            __attribute__((constructor(300))) static void c(void) { order = order * 5 + 3; }
            __attribute__((constructor(200))) static void b(void) { order = order * 5 + 2; }`,
      'three.s': `.section .ctors,"aw"\n.quad e,d\n.section .ctors.65335,"aw"\n.quad a\n.text
        a: imul $5,order(%rip),%eax\nadd $1,%eax\nmov %eax,order(%rip)\nret
        d: imul $5,order(%rip),%eax\nadd $4,%eax\nmov %eax,order(%rip)\nret
        e: imul $5,order(%rip),%eax\nadd $1,%eax\nmov %eax,order(%rip)\nret`,
    },
    exitCode: 0,
  },
  {
    name: '--wrap',
    sources: {
      one: 'int call(int); int __real_call(int); int __wrap_call(int n) { return __real_call(n) + 20; } int program(void) { return call(1); }',
      two: 'int call(int n) { return n + 1; }',
    },
    args: ['--wrap=call', 'one', 'two'],
    exitCode: 22,
  },
  {
    name: '--defsym with a calculation',
    sources: {
      one: 'extern char size[], next[]; extern int table[]; int program(void) { return (long)size + (next == (char *)table + 4); }',
      two: 'int table[3];',
    },
    args: ['--defsym=size=(2+3)*4', '--defsym', 'next=table+4', 'one', 'two'],
    exitCode: 21,
  },
  {
    name: '--whole-archive takes every member',
    sources: {
      one: 'extern int hook __attribute__((weak)); int program(void) { return &hook ? hook : 1; }',
      two: 'int hook = 30;',
    },
    archives: { 'libtwo.a': ['two'] },
    args: ['one', '--whole-archive', 'libtwo.a', '--no-whole-archive'],
    exitCode: 30,
  },
  {
    name: 'weak references do not take members',
    sources: {
      one: 'extern int hook __attribute__((weak)); int program(void) { return &hook ? hook : 1; }',
      two: 'int hook = 30;',
    },
    archives: { 'libtwo.a': ['two'] },
    args: ['one', 'libtwo.a'],
    exitCode: 1,
  },
  {
    name: 'archives that need each other, in a group',
    sources: {
      one: 'int a(int); int program(void) { return a(3); }',
      two: 'int b(int); int a(int n) { return n ? b(n - 1) + 2 : 0; }',
      three: 'int a(int); int b(int n) { return n ? a(n - 1) + 3 : 0; }',
    },
    archives: { 'libtwo.a': ['two'], 'libthree.a': ['three'] },
    args: ['one', '--start-group', 'libtwo.a', 'libthree.a', '--end-group'],
    exitCode: 7,
  },
  {
    name: '--allow-multiple-definition takes the first',
    sources: {
      one: 'int twice(void) { return 6; } int program(void) { return twice(); }',
      two: 'int twice(void) { return 8; }',
    },
    args: ['--allow-multiple-definition', 'one', 'two'],
    exitCode: 6,
  },
  {
    name: '-z muldefs takes the first',
    sources: {
      one: 'int twice(void) { return 6; } __attribute__((noinline)) int again(void) { return twice(); } int program(void) { return again(); }',
      two: 'int twice(void) { return 8; }',
    },
    args: ['-z', 'muldefs', 'one', 'two'],
    exitCode: 6,
  },
  {
    name: '--unresolved-symbols=ignore-all',
    sources: {
      one: 'extern char missing; int program(void) { char *volatile p = &missing; return p == 0 ? 4 : 5; }',
    },
    args: ['--unresolved-symbols=ignore-all', 'one'],
    exitCode: 4,
  },
  {
    name: '--warn-unresolved-symbols',
    sources: {
      one: 'extern char missing; int program(void) { char *volatile p = &missing; return p == 0 ? 4 : 5; }',
    },
    args: ['--warn-unresolved-symbols', 'one'],
    exitCode: 4,
    output: /warning: undefined symbol: missing\n {2}>>> referenced by/,
  },
  {
    name: '.gnu.warning sections speak up where the symbol is used',
    sources: {
      one: 'int old(void); int program(void) { return old(); }',
      two: 'int old(void) { return 2; } __attribute__((section(".gnu.warning.old"), used)) static const char text[] = "old is out of date";',
    },
    exitCode: 2,
    output: /warning: old is out of date\n {2}>>> referenced by \S*one\.o:\(/,
  },
  {
    name: 'symbol versions: the default one is meant',
    sources: {
      one: 'int versioned(void); int program(void) { return versioned(); }',
      'two.s': `.text\n.globl new\n.globl old\nnew: mov $12,%eax\nret\nold: mov $11,%eax\nret
        .symver new,versioned@@V2\n.symver old,versioned@V1`,
    },
    exitCode: 12,
  },
  {
    name: 'symbol versions: the index of an archive has the default one, and the first archive counts',
    sources: {
      one: 'int versioned(void); int program(void) { return versioned(); }',
      'two.s': '.text\n.globl new\nnew: mov $13,%eax\nret\n.symver new,versioned@@V2',
      three: 'int versioned(void) { return 14; }',
    },
    archives: { 'libtwo.a': ['two'], 'libthree.a': ['three'] },
    args: ['one', 'libtwo.a', 'libthree.a'],
    exitCode: 13,
  },
  {
    name: 'symbol versions: a version that is not the default one is not in the index for those who want none',
    sources: {
      one: 'int versioned(void); int program(void) { return versioned(); }',
      'two.s': '.text\n.globl old\nold: mov $13,%eax\nret\n.symver old,versioned@V1',
      three: 'int versioned(void) { return 14; }',
    },
    archives: { 'libtwo.a': ['two'], 'libthree.a': ['three'] },
    args: ['one', 'libtwo.a', 'libthree.a'],
    exitCode: 14,
  },
  {
    name: 'symbol versions: the one that is named is meant, from an archive too',
    sources: {
      'one.s': '.globl program\nprogram: call first\nret\n.symver first,versioned@V1',
      'two.s': `.text\n.globl old\n.globl new\nold: mov $13,%eax\nret\nnew: mov $40,%eax\nret
        .symver old,versioned@V1\n.symver new,versioned@@V2`,
    },
    archives: { 'libtwo.a': ['two'] },
    args: ['one', 'libtwo.a'],
    exitCode: 13,
  },
  {
    name: 'symbol versions: of two names in one object the default version is meant',
    sources: {
      one: 'int versioned(void); int program(void) { return versioned(); }',
      'two.s': `.text\n.weak versioned\nversioned: mov $11,%eax\nret\n.weak new\nnew: mov $12,%eax\nret
        .symver new,versioned@@V2`,
    },
    exitCode: 12,
  },
  {
    name: '--trace-symbol lists definitions and references',
    sources: {
      one: 'int seen(void); int program(void) { return seen(); }',
      two: 'int seen(void) { return 1; }',
    },
    args: ['--trace-symbol=seen', 'one', 'two'],
    exitCode: 1,
    output: /one\.o: reference to seen\n\S*two\.o: definition of seen\n/,
  },
  {
    name: '--warn-common',
    sources: {
      'one.s': '.comm shared,4,4\n.text\n.globl program\nprogram: mov shared(%rip),%eax\nret',
      two: 'int shared = 3;',
    },
    args: ['--warn-common', 'one', 'two'],
    exitCode: 3,
    output: /warning: common symbol meets another definition: shared/,
  },
  {
    name: '--require-defined takes a member and keeps it',
    sources: {
      one: 'extern char _end[], __executable_start[]; int program(void) { return _end - __executable_start > 70000; }',
      two: 'char wanted[80000] = {1};',
    },
    archives: { 'libtwo.a': ['two'] },
    args: ['--gc-sections', '--require-defined=wanted', 'one', 'libtwo.a'],
    exitCode: 1,
  },
  {
    name: '-Ttext, -Tdata and --section-start put parts where they are asked',
    sources: {
      one: `int value = 1; int zero; int program(void);
            int program(void) { return ((long)&value == 0x700000) + 2 * ((long)&zero == 0x900000) + 4 * ((long)program >> 16 == 0x50); }`,
    },
    args: ['-Ttext=0x500000', '-Tdata', '700000', '--section-start=.bss=0x900000', 'one'],
    exitCode: 7,
  },
  {
    name: '--image-base',
    sources: {
      one: 'extern char __executable_start[]; int program(void) { return (long)__executable_start >> 16; }',
    },
    args: ['--image-base=0x120000', 'one'],
    exitCode: 0x12,
    ld: ['-Ttext-segment=0x120000'],
  },
  {
    name: 'SHF_LINK_ORDER sections live with what they describe',
    sources: {
      one: `int described(void); extern const char __start_notes[] __attribute__((weak));
            extern char _end[], __executable_start[]; int program(void) { return described() + (_end - __executable_start > 70000); }`,
      'two.s': `.section .text.described,"ax"\n.globl described\ndescribed: mov $4,%eax\nret
        .section .data.about,"awo",@progbits,.text.described\n.zero 70000`,
    },
    args: ['--gc-sections', 'one', 'two'],
    exitCode: 5,
  },
];

/** Compiles the sources of a case and gives its command line. */
function prepare({ sources, archives = {}, args }: Case, cwd: string): string[] {
  mkdirSync(cwd);
  const flags = [
    '-Os',
    '-ffreestanding',
    '-fno-pic',
    '-fno-asynchronous-unwind-tables',
    '-ffunction-sections',
    '-fdata-sections',
    '-w',
    '-c',
  ];
  const names = Object.entries({ ...sources, start: START }).map(([name, text]) => {
    const [base] = name.split('.');
    const file = name.endsWith('.s') ? name : `${name}.c`;
    writeFileSync(join(cwd, file), `${text}\n`);
    execFileSync('gcc', [...flags, file, '-o', `${base}.o`], { cwd });
    return base!;
  });
  for (const [archive, members] of Object.entries(archives)) {
    execFileSync('ar', ['rcsD', archive, ...members.map((member) => `${member}.o`)], { cwd });
  }
  const given = args ?? names.filter((name) => name !== 'start');
  return ['start', ...given].map((word) => (names.includes(word) ? `${word}.o` : word));
}

describe.skipIf(!HAS_TOOLS)('as GNU ld does it', () => {
  it.each(CASES.map((item, i) => [item.name, item, i] as const))('%s', (_, item, i) => {
    const cwd = join(folder, `${i}`);
    const args = prepare(item, cwd);
    const expected = item.ld
      ? [...item.ld, ...args.filter((word) => !word.startsWith('--image-base'))]
      : args;
    const peer = run('ld', [...expected, '-o', 'theirs'], { cwd });
    expect(peer.stderr).not.toMatch(/error/);
    const { code, stdout, stderr } = run(process.execPath, [LD_TINYELF, ...args, '-o', 'ours'], { cwd });
    expect({ code, errors: stderr.match(/.*error.*/)?.[0] }).toEqual({ code: 0, errors: undefined });
    if (item.output) expect(stdout.toString() + stderr).toMatch(item.output);
    else expect(stderr).toBe('');
    const theirs = run(join(cwd, 'theirs'), []).code;
    const ours = run(join(cwd, 'ours'), []).code;
    expect({ ours, theirs }).toEqual({ ours: theirs, theirs });
    if (item.exitCode > 0) expect(ours).toBe(item.exitCode);
  });
});
