/** Which instructions may change places, and what becomes of them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import type { PackInput } from '../../src/pack/method.ts';
import { Rows } from '../../src/pack/rows.ts';
import { type LinkedImage, linkImage, type Manner } from '../../src/packed/linkImage.ts';
import { RODATA, section } from '../elf/make.ts';
import { linkWords, recordWords } from '../linkWords.ts';
import { filesOf, fixturePrograms } from '../programs.ts';
import { hasTool, run, scratchFolder } from '../run.ts';
import { code, compiled, functionSymbol, hex, START } from '../shrink/make.ts';
import { ROOM } from './linkStored.ts';
import { linkMoved, randomOrder } from './moved.ts';

const folder = scratchFolder();

/** Rows of code of which nothing else is known. */
function rowsOf(text: string): Rows {
  const bytes = hex(text);
  return new Rows({ bytes, runs: [[0, bytes.length]] });
}

/** Whether the first instruction of some may change places with the second. */
function mayChange(text: string): boolean {
  const rows = rowsOf(text);
  return rows.count > 1 && rows.move(rows.order, 0, 1);
}

describe('two instructions', () => {
  it.each([
    ['of other registers', '89 c8 ; mov eax, ecx\n 89 d3 ; mov ebx, edx'],
    ['that read the same', '89 c8 ; mov eax, ecx\n 89 cb ; mov ebx, ecx'],
    ['of which one uses memory', '8b 07 ; mov eax, [rdi]\n 89 cb ; mov ebx, ecx'],
    ['of which one moves the stack pointer', '50 ; push rax\n 89 cb ; mov ebx, ecx'],
    ['of which one is of SSE', '0f 28 c1 ; movaps xmm0, xmm1\n 01 cb ; add ebx, ecx'],
    [
      'whose flags are written again behind them',
      '01 c8 ; add eax, ecx\n 01 d3 ; add ebx, edx\n 85 c9 ; test ecx, ecx',
    ],
    ['of which one leaves flags alone', '01 c8 ; add eax, ecx\n 89 d3 ; mov ebx, edx'],
  ])('%s may change places', (_, text) => expect(mayChange(text)).toBe(true));

  it.each([
    ['one of which reads what the other writes', '89 c8 ; mov eax, ecx\n 89 c3 ; mov ebx, eax'],
    ['one of which writes what the other reads', '89 c8 ; mov eax, ecx\n 89 d1 ; mov ecx, edx'],
    ['that write the same', '89 c8 ; mov eax, ecx\n 89 d0 ; mov eax, edx'],
    ['that write parts of the same', 'b0 01 ; mov al, 1\n b4 02 ; mov ah, 2'],
    ['that both read memory, which others may write', '8b 07 ; mov eax, [rdi]\n 8b 1e ; mov ebx, [rsi]'],
    ['that both use the stack', '50 ; push rax\n 51 ; push rcx'],
    [
      'one of which moves the stack pointer over what the other uses',
      '48 83 ec 40 ; sub rsp, 64\n 89 4d c0 ; mov [rbp-64], ecx',
    ],
    ['that are both of SSE', '0f 58 c1 ; addps xmm0, xmm1\n 0f 58 d3 ; addps xmm2, xmm3'],
    ['whose flags are of use at the end', '01 c8 ; add eax, ecx\n 01 d3 ; add ebx, edx'],
    [
      'whose flags are read behind them',
      '01 c8 ; add eax, ecx\n 01 d3 ; add ebx, edx\n 0f 94 c1 ; sete cl\n 85 c9 ; test ecx, ecx',
    ],
    ['of whose flags one is left over', '01 c8 ; add eax, ecx\n 01 d3 ; add ebx, edx\n ff c1 ; inc ecx'],
    ['one of which reads the flags of the other', '01 c8 ; add eax, ecx\n 0f 92 c1 ; setb cl'],
    [
      'one of which may leave flags alone',
      'd3 e0 ; shl eax, cl\n 01 d3 ; add ebx, edx\n 85 c9 ; test ecx, ecx',
    ],
    ['one of which nothing is moved past', '0f a2 ; cpuid\n 89 ee ; mov esi, ebp'],
  ])('%s may not', (_, text) => expect(mayChange(text)).toBe(false));
});

describe('what is moved', () => {
  const rows = rowsOf(`
    8b 05 10 00 00 00 ; mov eax, [rip+16]
    89 cb             ; mov ebx, ecx
    48 89 d6          ; mov rsi, rdx
    89 c2             ; mov edx, eax
  `);

  it('refers to the same place', () => {
    const { order } = rows;
    expect(rows.move(order, 0, 2)).toBe(true);
    expect([...order]).toEqual([1, 2, 0, 3]);
    expect(rows.write(order)).toEqual(hex('89 cb 48 89 d6 8b 05 0b 00 00 00 89 c2'));
    expect([0, 1, 2, 3].map((place) => rows.startOf(order, place))).toEqual([0, 2, 5, 11]);
    expect(rows.endOf(order, 2)).toBe(11);
  });

  it('stays where it is if something is in the way', () => {
    const { order } = rows;
    expect(rows.move(order, 0, 3)).toBe(false);
    expect(rows.move(order, 3, 0)).toBe(false);
    expect(order).toEqual(rows.order);
  });

  it('does not leave its row', () => {
    const bytes = hex('89 c8 89 d3 0f a2 89 ee 89 c7'); // with CPUID in the middle
    const other = new Rows({
      bytes,
      runs: [
        [6, 10],
        [0, 6],
      ],
    });
    expect(other.count).toBe(4);
    expect(other.move(other.order, 1, 2)).toBe(false);
    expect(other.move(other.order, 0, 1)).toBe(true);
    expect(other.move(other.order, 3, 4)).toBe(false);
  });
});

function imageOf(
  object: Uint8Array,
  options: Partial<LinkOptions> = {},
  manner: Manner = 'repetitive',
): LinkedImage {
  const files = new Map([['main.o', object]]);
  const inputs = [{ kind: 'file', path: 'main.o' }] as const;
  return linkImage(files, { ...DEFAULT_OPTIONS, inputs, ...options }, ROOM, manner, {});
}

/** The code of each run, in hexadecimal. */
function runsOf({ input }: LinkedImage): string[] {
  const { bytes, runs } = input;
  return runs!.map(([start, end]) => Buffer.from(bytes.subarray(start, end)).toString('hex'));
}

describe('runs', () => {
  const object = compiled(
    [
      code('.text', 'e8 .. .. .. .. c3', [{ offset: 1, type: 4, symbol: 'work', addend: -4 }]),
      code(
        '.text.work',
        `48 01 d8    ; add rax, rbx
         48 01 f1    ; add rcx, rsi
         48 01 fa    ; add rdx, rdi, to which the branch leads
         48 01 f7    ; add rdi, rsi
         75 f8       ; jne
         e8 .. .. .. .. ; call other
         48 29 d8    ; sub rax, rbx
         48 29 f1    ; sub rcx, rsi
         48 29 fa    ; sub rdx, rdi
         48 29 f7    ; sub rdi, rsi
         c3`,
        [{ offset: 15, type: 4, symbol: 'other', addend: -4 }],
      ),
      code('.text.other', '4c 01 c0 4c 01 c9 c3'),
    ],
    [START, functionSymbol('work', '.text.work'), functionSymbol('other', '.text.other')],
  );

  it('begin where something leads to, and end where control may leave', () => {
    expect(runsOf(imageOf(object)).toSorted()).toEqual(
      ['4801d84801f1', '4801fa4801f7', '4829d84829f14829fa4829f7', '4c01c04c01c9'].toSorted(),
    );
  });

  it('do not begin with what something knows the address of, nor end in front of it', () => {
    const cases = compiled(
      [
        code('.text', 'e8 .. .. .. .. c3', [{ offset: 1, type: 4, symbol: 'work', addend: -4 }]),
        code(
          '.text.work',
          `ff 24 c5 .. .. .. .. ; jmp [rax * 8 + table]
           48 01 d8             ; add rax, rbx
           48 01 f1             ; add rcx, rsi
           48 01 fa             ; add rdx, rdi
           48 29 d8             ; sub rax, rbx, to which the table leads too
           48 29 f1             ; sub rcx, rsi
           48 29 fa             ; sub rdx, rdi
           c3`,
          [{ offset: 3, type: 11, symbol: 'table' }],
        ),
        section('.rodata', RODATA, 16, {
          relocations: [7, 16].map((addend, n) => ({ offset: 8 * n, type: 1, symbol: '.text.work', addend })),
          addralign: 8,
        }),
      ],
      [
        START,
        functionSymbol('work', '.text.work'),
        { name: '.text.work', section: '.text.work', binding: STB_LOCAL, type: STT_SECTION },
        { name: 'table', section: '.rodata', binding: STB_LOCAL },
      ],
    );
    expect(runsOf(imageOf(cases))).toEqual(['4829f14829fa']);
  });

  it('are those of the code as it is there, wherever sections lie', () => {
    const { input } = imageOf(object);
    const { first, arrange } = input.arrangements!();
    const turned = arrange(first.map((sequence) => sequence.toReversed()));
    expect(turned.runs).not.toEqual(input.runs);
    const code = ({ bytes, runs }: PackInput) =>
      runs!.map(([start, end]) => bytes.subarray(start, end).toString()).toSorted();
    expect(code(turned)).toEqual(code(input));
  });

  it('are not in code that stays as it is, nor where functions have been made of repeated code', () => {
    expect(runsOf(imageOf(object, { shrink: 'none' }))).toEqual([]);
    expect(runsOf(imageOf(object, {}, 'plain'))).toEqual([]);
  });

  it.skipIf(!hasTool('g++'))('are not in functions with landing pads, nor where unwind tables change', () => {
    writeFileSync(join(folder, 'pads.cpp'), PADS);
    const compile = ['-O2', '-ffunction-sections', '-c', 'pads.cpp', '-o', 'pads.o'];
    expect(run('g++', compile, { cwd: folder })).toMatchObject({ code: 0 });
    const words = recordWords('g++', ['-static', 'pads.o', '-o', 'pads'], folder);
    let image: LinkedImage | undefined;
    linkWords(words, folder, 'pads', (files, options) => {
      image = linkImage(files, options, ROOM, 'repetitive', {});
      return new Uint8Array();
    });
    const { input, link: linked } = image!;
    /** Offsets of runs in the section of a function. */
    const runsIn = (name: string) => {
      const { address, size } = linked.map().sections.find((section) => section.name === `.text.${name}`)!;
      const start = address - input.address;
      return input
        .runs!.filter(([from]) => from >= start && from < start + size)
        .map(([from]) => from - start);
    };
    expect(runsIn('catches')).toEqual([]);
    const plain = runsIn('saves');
    expect(plain.length).toBeGreaterThan(0);
    // It begins with PUSH, behind which the tables say something else.
    expect(plain).not.toContain(0);
  });
});

const PADS = `
  #include <cstdio>
  extern "C" {
  __attribute__((noinline)) int throws(int n) { if (n > 1) throw n; return n; }
  __attribute__((noinline)) int catches(int a, int b, int c) {
    try { return throws(a) + b * c; } catch (int n) { return n + a * b - c; }
  }
  __attribute__((noinline)) long saves(long a, long b, long c, long *d) {
    long sum = a * b + c; throws(1); d[0] = sum ^ a; d[1] = sum + b; d[2] = c - a; return a + b - c;
  }
  }
  int main(int argc, char **) { long d[3]; std::printf("%d %ld\\n", catches(argc + 1, 2, 3), saves(argc, 2, 3, d)); }
`;

const programs = fixturePrograms()
  .filter(({ flags, inputs }) => flags.length === 0 && inputs.every((input) => input.endsWith('.o')))
  .map((program) => [program.id, program] as const);

describe.skipIf(!hasTool('nasm'))('with instructions in any order', () => {
  it.each(programs)('%s does what it does', (_, program) => {
    const { files, options } = filesOf(program);
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const path = join(folder, 'program');
        writeFileSync(path, linkMoved(files, options, seed), { mode: 0o755 });
        const { stdout, ...rest } = run(path, program.args);
        const { exitCode: code } = program;
        expect({ ...rest, stdout: stdout.toString() }).toMatchObject({ code, stdout: program.stdout });
      }),
      { numRuns: 3 },
    );
  });

  it('a good part of them can be moved', () => {
    const program = fixturePrograms().find(({ id }) => id === 'c-programs/calculator')!;
    const { files, options } = filesOf(program);
    const { input } = linkImage(files, options, ROOM, 'repetitive', {});
    const moved = randomOrder(input, 1).filter((insn, place) => insn !== place);
    expect(moved.length).toBeGreaterThan(new Rows(input).count / 5);
  });
});
