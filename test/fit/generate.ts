/** Small random programs as source text: they print, compute, and exit with what they have computed. */
import { randomNumbers } from '../elf/make.ts';

type Random = (below: number) => number;

const START = `
typedef unsigned u;
static inline long call3(long n, long a, const void *b, long c) {
  long r;
  asm volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
__attribute__((noinline, used)) static u program(u seed);
__attribute__((naked, noreturn)) void _start(void) {
  asm("mov $7, %edi; and $-16, %rsp; call program; movzbl %al, %edi; mov $60, %eax; syscall");
}
`;

/** A freestanding C program of `_start` and up to five functions, with tables, texts, data and .bss. */
export function randomC(seed: number): string {
  const random = randomNumbers(seed * 2_654_435_761 + 1);
  const count = random(4);
  const parts = [START];
  for (let i = 0; i < 3; i++) parts.push(`static u g${i} = ${random(1000)};`);
  parts.push(`static u zero[${1 + random(9)}];`);
  parts.push(`static volatile unsigned char line[${8 + random(4)}];`);
  parts.push(
    `static const u table[4] = { ${[0, 0, 0, 0].map(() => random(random(2) === 0 ? 9 : 2 ** 31)).join()} };`,
  );
  for (let i = 0; i < count; i++) parts.push(cFunction(`f${i}`, i, random));
  const body = Array.from({ length: 1 + random(4) }, () => statement(count, 2, random)).join('\n  ');
  parts.push(`static u program(u seed) {
  u a = seed, b = ${random(100)}, i, j;
  (void)i; (void)j;
  ${body}
  return a ^ b ^ g0 ^ zero[0];
}`);
  return `${parts.join('\n')}\n`;
}

function cFunction(name: string, callable: number, random: Random): string {
  const body = Array.from({ length: 1 + random(3) }, () => statement(callable, 2, random)).join('\n  ');
  const attributes = random(4) === 0 ? '__attribute__((noinline, used))' : '__attribute__((noinline))';
  return `${attributes} static u ${name}(u a, u b) {
  u i, j;
  (void)i; (void)j;
  ${body}
  return ${expression(random)};
}`;
}

/** An unsigned expression of a, b, globals and numbers. */
function expression(random: Random): string {
  const leaf = () => ['a', 'b', 'g0', 'g1', `table[a & 3]`, `${random(300)}`, `zero[0]`][random(7)]!;
  const operator = ['+', '-', '*', '^', '&', '|'][random(6)]!;
  switch (random(5)) {
    case 0:
      return `(${leaf()} >> ${random(9)})`;
    case 1:
      return `(${leaf()} % ${2 + random(30)} ${operator} ${leaf()})`;
    case 2:
      return `(${leaf()} < ${leaf()} ? ${leaf()} : ${leaf()})`;
    default:
      return `(${leaf()} ${operator} ${leaf()})`;
  }
}

/** @param callable how many functions may be called @param depth how deep statements may nest */
function statement(callable: number, depth: number, random: Random): string {
  const inner = () => statement(callable, depth - 1, random);
  switch (random(depth > 0 ? 10 : 6)) {
    case 0:
      return `a = ${expression(random)};`;
    case 1:
      return `b ${['+', '^', '-'][random(3)]!}= ${expression(random)};`;
    case 2:
      return `g${random(3)} += ${expression(random)};`;
    case 3: {
      const text = ['one\\n', 'two words\\n', 'x', 'a longer text of words\\n', '!\\n'][random(5)]!;
      return `call3(1, 1, "${text}", sizeof "${text}" - 1);`;
    }
    case 4:
      return callable > 0 ? `b += f${random(callable)}(a, ${expression(random)});` : 'zero[0] += a;';
    case 5:
      return `line[0] = 'a' + (${expression(random)}) % 26; line[1] = '\\n'; call3(1, 1, (const void *)line, 2);`;
    case 6:
      return `if (${expression(random)} ${['>', '==', '&'][random(3)]!} ${random(50)}) { ${inner()} } else { ${inner()} }`;
    case 7: {
      const index = depth === 2 ? 'i' : 'j';
      return `for (${index} = 0; ${index} < ${1 + random(5)}; ${index}++) { a += ${index} * ${random(9)}; ${inner()} }`;
    }
    case 8: {
      const cases = Array.from(
        { length: 5 + random(4) },
        (_, i) => `case ${i}: ${statement(0, 0, random)} break;`,
      );
      return `switch (${expression(random)} % 9) { ${cases.join(' ')} }`;
    }
    default:
      return `zero[0] ^= ${expression(random)}; ${inner()}`;
  }
}

const WORDS = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r15'];
const HALVES = [
  'eax',
  'ebx',
  'ecx',
  'edx',
  'esi',
  'edi',
  'ebp',
  'r8d',
  'r9d',
  'r10d',
  'r11d',
  'r12d',
  'r15d',
];
const BYTES = ['al', 'bl', 'cl', 'dl', 'sil', 'dil', 'bpl', 'r8b', 'r9b', 'ah', 'bh', 'ch', 'dh'];

/**
 * Assembly that mixes independent instructions, short jumps, loops, calls and texts among code, and writes all
 * registers in the end: whatever changes places wrongly is seen.
 */
export function randomAssembly(seed: number): string {
  const random = randomNumbers(seed * 1_640_531_527 + 3);
  const lines = ['.intel_syntax noprefix', '.globl _start', '.section .text._start,"ax"', '_start:'];
  const hasData = random(2) === 0;
  const functions = random(3);
  let labels = 0;
  const straight = (count: number) =>
    Array.from({ length: 1 + random(count) }, () => operation(hasData, random));
  const block = (depth: number): string[] => {
    const label = `.L${labels++}`;
    switch (random(depth > 0 ? 7 : 2)) {
      case 2:
        return [
          `cmp ${WORDS[random(13)]}, ${random(99)}`,
          `j${['e', 'b', 'g', 's'][random(4)]} ${label}`,
          ...block(depth - 1),
          `${label}:`,
        ];
      case 3:
        return [
          'push r14',
          `mov r14d, ${1 + random(4)}`,
          `${label}:`,
          ...block(depth - 1),
          'dec r14d',
          `jne ${label}`,
          'pop r14',
        ];
      case 4:
        return functions > 0 ? [`call f${random(functions)}`] : straight(3);
      case 5:
        return [
          `jmp ${label}`,
          `${label}t: .ascii "text"`,
          `${label}:`,
          ...straight(4),
          ...write(`${label}t`, 4, random),
        ];
      default:
        return straight(7);
    }
  };
  for (let i = 0; i < 1 + random(4); i++) lines.push(...block(2));
  lines.push(...WORDS.map((register) => `push ${register}`));
  lines.push(
    'push 1',
    'pop rax',
    'push 1',
    'pop rdi',
    'mov rsi, rsp',
    `mov edx, ${8 * WORDS.length}`,
    'syscall',
  );
  lines.push(['mov eax, 60', 'push 60\npop rax', 'mov eax, 231'][random(3)]!, 'mov edi, [rsp]', 'syscall');
  if (random(2) === 0) lines.push('ud2');
  for (let i = 0; i < functions; i++) {
    if (random(2) === 0) lines.push(`.section .text.f${i},"ax"`);
    lines.push(`f${i}:`, ...straight(6), 'ret');
  }
  lines.push('.section .rodata.t,"a"', 'text: .ascii "some text\\n"');
  lines.push('.data', '.balign 8', 'memory: .quad 1, 2, 3');
  return `${lines.join('\n')}\n`;
}

/** A write of a text, behind which the registers it needs are as they were, but for rcx and r11. */
function write(text: string, size: number, random: Random): string[] {
  const saved = ['rax', 'rdi', 'rsi', 'rdx'];
  const load = random(2) === 0 ? `lea rsi, [rip+${text}]` : `mov esi, offset ${text}`;
  return [
    ...saved.map((register) => `push ${register}`),
    'mov eax, 1',
    'mov edi, eax',
    load,
    `mov edx, ${size}`,
    'syscall',
    ...saved.reverse().map((register) => `pop ${register}`),
    // Where code lies is not part of what a program prints.
    'xor ecx, ecx',
    'xor r11d, r11d',
  ];
}

function operation(hasData: boolean, random: Random): string {
  const number = random(13);
  const other = random(13);
  const names = random(3) === 0 ? HALVES : WORDS;
  const verb = ['add', 'sub', 'xor', 'and', 'or', 'adc', 'sbb', 'cmp', 'mov', 'test'][random(10)]!;
  const byte = BYTES[random(9)]!;
  switch (random(14)) {
    case 0:
      return `mov ${HALVES[number]}, ${random(2 ** 31)}`;
    case 1:
      return `xor ${HALVES[number]}, ${HALVES[number]}`;
    case 2:
      return `push ${random(120)}\npop ${WORDS[number]}`;
    case 3:
      return `lea ${WORDS[number]}, [${WORDS[other]}+${WORDS[random(13)]}*4+${random(300)}]`;
    case 4:
      return `mov ${BYTES[random(4)]}, ${BYTES[9 + random(4)]}`;
    case 5:
      return `mov ${byte}, ${random(256)}`;
    case 6:
      return `${['inc', 'dec', 'not', 'neg'][random(4)]} ${names[number]}`;
    case 7:
      return `${['movzx', 'movsx'][random(2)]} ${names[number]}, ${byte}`;
    case 8:
      return random(2) === 0 ? 'cdq' : 'cqo';
    case 9:
      return hasData
        ? `mov ${names[number]}, [rip+memory+${random(3) * 4}]`
        : `${verb} ${byte}, ${random(128)}`;
    case 10:
      return hasData ? `add [rip+memory+${random(3) * 4}], ${names[number]}` : `shl ${names[number]}, 3`;
    case 11:
      return `${verb} ${names[number]}, ${random(128)}`;
    case 12:
      return `setb ${byte}`;
    default:
      return `${verb} ${names[number]}, ${names[other]}`;
  }
}

/**
 * Assembly of start-up code without branches, as it is written for small programs: it prints texts and exits. It
 * may print from its code, ask for what it does not need, and move numbers between registers on the way.
 */
export function randomStart(seed: number): string {
  const random = randomNumbers(seed * 40_503 + 17);
  const lines = ['.intel_syntax noprefix', '.globl _start', '.section .text._start,"ax"', '_start:'];
  const texts = Array.from({ length: 1 + random(3) }, (_, i) => `text ${i}${'.'.repeat(random(9))}\\n`);
  const inCode = random(3) === 0;
  const isHelped = random(3) === 0;
  const hasPut = random(2) === 0;
  if (random(3) === 0) lines.push('and rsp, -16');
  texts.forEach((text, i) => {
    const size = text.length - 1;
    const loads = [
      [`mov esi, offset t${i}`, `mov rsi, offset t${i}`, ...(inCode ? [] : [`lea rsi, [rip+t${i}]`])],
      [`mov edx, ${size}`, `push ${size}\npop rdx`, `xor edx, edx\nmov dl, ${size}`],
      ['mov edi, 1', 'push 1\npop rdi', 'xor edi, edi\ninc edi', 'mov eax, 1\nmov edi, eax'],
      ['mov r8d, 5\nmov r9, r8', 'sub ebx, ebx\ndec ebx', 'xor r10d, r10d'],
    ].map((ways) => ways[random(ways.length)]!);
    // In any order, but for the number of the system call, which another way may overwrite.
    const order = loads.sort(() => random(3) - 1);
    const number = ['mov eax, 1', 'push 1\npop rax', 'xor eax, eax\nmov al, 1'][random(3)]!;
    lines.push(...order, ...(hasPut ? ['call put'] : [number, 'syscall']));
  });
  const code = random(90);
  const exits = [
    [`mov edi, ${code}`, `push ${code}\npop rdi`, `xor edi, edi\nmov dil, ${code}`][random(3)]!,
    ['mov eax, 60', 'push 60\npop rax', 'mov eax, 231'][random(3)]!,
  ];
  if (isHelped) lines.push(['call leave', 'jmp leave'][random(2)]!, '.section .text.leave,"ax"', 'leave:');
  lines.push(...exits, 'syscall', ...(random(2) === 0 ? ['ud2'] : []));
  if (hasPut)
    lines.push('.section .text.put,"ax"', 'put: push rbx', 'mov eax, 1', 'pop rbx', 'syscall', 'ret');
  if (!inCode) lines.push('.section .rodata.t,"a"');
  else if (random(2) === 0) lines.push('ret');
  texts.forEach((text, i) => {
    lines.push(`t${i}: .ascii "${text}"`);
  });
  return `${lines.join('\n')}\n`;
}
