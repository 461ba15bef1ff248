import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode } from '../../../src/x86/decode.ts';
import { createShortForm, Given, shorten } from '../../../src/x86/shorten.ts';
import { FIXTURES } from '../../programs.ts';
import { hasTool, run, scratchFolder } from '../../run.ts';
import { type Code, codeOf } from './code.ts';
import { findFault, isExecutable, shortened } from './compare.ts';
import { instructions } from './generate.ts';
import { buildOracle, execute, HAS_ORACLE, type Pair, toHex } from './oracle.ts';

const insn = createInstruction();
const out = createShortForm();
const folder = scratchFolder();
const SEED = Number(process.env.SHORTEN_SEED ?? 20240607);
/** Instructions to execute, for each kind of place. */
const COUNT = Number(process.env.SHORTEN_COUNT ?? 20_000);
const PLACES = [
  0,
  Given.carryDead,
  Given.signDead,
  Given.signDead | Given.parityDead,
  Given.flagsDead,
  Given.flagsDead | Given.plainMemory,
];

/** Bits of {@link Given} that do not contradict each other. */
const givens = fc.constantFrom(
  ...PLACES,
  Given.fixedImm,
  Given.fixedDisp,
  Given.fixedImm | Given.flagsDead,
  Given.fixedImm | Given.fixedDisp | Given.flagsDead | Given.plainMemory,
);

/** The first `count` pairs of random instructions that have a shorter form. */
function randomPairs(count: number, given: number): Pair[] {
  const pairs: Pair[] = [];
  for (let seed = SEED; pairs.length < count; seed++) {
    for (const bytes of fc.sample(instructions, { numRuns: 10_000, seed })) {
      const pair = shortened(bytes, given);
      if (pair && isExecutable(pair)) pairs.push(pair);
    }
  }
  return pairs.slice(0, count);
}

/** Objects and archives: those of the fixtures, and the C libraries of this machine's compilers. */
function compiledFiles(): string[] {
  const objects = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .map((name) => join(FIXTURES, name));
  const compilers = ['gcc', 'musl-gcc'].filter(hasTool);
  const libraries = compilers.map((compiler) => run(compiler, ['-print-file-name=libc.a']).stdout.toString());
  return [...objects, ...libraries.map((path) => path.trim()).filter(existsSync)].sort();
}

/** Pairs of the different instructions of compiled code, at most `count`, spread evenly. */
function compiledPairs(count: number, given: number): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const path of compiledFiles()) {
    for (const code of codeOf(readFileSync(path))) addCompiledPairs(code, given, pairs);
  }
  const step = Math.max(1, Math.floor(pairs.size / count));
  return [...pairs.values()].filter((_, i) => i % step === 0);
}

function addCompiledPairs({ bytes, fields }: Code, given: number, pairs: Map<string, Pair>): void {
  for (let at = 0; at < bytes.length; at += Math.max(insn.length, 1)) {
    if (decode(bytes, at, bytes.length, insn) === 0) return;
    const { length, dispOffset, immOffset } = insn;
    const code = bytes.slice(at, at + length);
    const key = toHex(code);
    if (pairs.has(key)) continue;
    const disp = dispOffset >= 0 && fields.has(at + dispOffset) ? Given.fixedDisp : 0;
    const imm = immOffset >= 0 && fields.has(at + immOffset) ? Given.fixedImm : 0;
    const pair = shortened(code, given | disp | imm);
    if (!pair) continue;
    expect(findFault(pair, given | disp | imm), key).toBeUndefined();
    if (isExecutable(pair)) pairs.set(key, pair);
  }
}

const { fixedDisp, fixedImm, nonNegativeImm, carryDead, signDead, parityDead, flagsDead, plainMemory } =
  Given;

/** Bytes of hexadecimal pairs. */
function hex(text: string): Uint8Array {
  return Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
}

describe('shorten', () => {
  it.each<[name: string, before: string, after: string, given?: number]>([
    ['mov rax, 5', '48 c7 c0 05 00 00 00', 'b8 05 00 00 00'],
    ['mov eax, 5 in C7', 'c7 c0 05 00 00 00', 'b8 05 00 00 00'],
    ['mov al, 5 in C6', 'c6 c0 05', 'b0 05'],
    ['mov eax, relocated', 'c7 c0 00 00 00 00', 'b8 00 00 00 00', fixedImm],
    ['mov rax, relocated, not negative', '48 c7 c0 00 00 00 00', 'b8 00 00 00 00', fixedImm | nonNegativeImm],
    ['movabs of 32 bits', '48 b8 ff ff ff ff 00 00 00 00', 'b8 ff ff ff ff'],
    ['movabs of a negative number', '49 b8 00 00 00 80 ff ff ff ff', '49 c7 c0 00 00 00 80'],
    ['mov r8d, 0', '41 b8 00 00 00 00', '45 31 c0', flagsDead],
    ['mov eax, -1', 'b8 ff ff ff ff', '83 c8 ff', flagsDead],
    ['mov rdi, -1', '48 c7 c7 ff ff ff ff', '48 83 cf ff', flagsDead],
    ['mov dword [rdi+4], 0', 'c7 47 04 00 00 00 00', '83 67 04 00', flagsDead | plainMemory],
    ['mov qword [rsp], -1', '48 c7 04 24 ff ff ff ff', '48 83 0c 24 ff', flagsDead | plainMemory],
    ['xor rax, rax', '48 31 c0', '31 c0'],
    ['movzx rax, cl', '48 0f b6 c1', '0f b6 c1'],
    ['and rax, 127', '48 83 e0 7f', '83 e0 7f'],
    ['and ecx, 255', '81 e1 ff 00 00 00', '0f b6 c9', flagsDead],
    ['and esi, 255', '81 e6 ff 00 00 00', '40 0f b6 f6', flagsDead],
    ['and ecx, 65535', '81 e1 ff ff 00 00', '0f b7 c9', flagsDead],
    ['and rax, -16', '48 83 e0 f0', '24 f0', flagsDead],
    ['and ecx, -2049', '81 e1 ff f7 ff ff', '0f ba f1 0b', flagsDead],
    ['lock or dword [rax], 1024', 'f0 81 08 00 04 00 00', 'f0 0f ba 28 0a', flagsDead],
    ['add ecx, 5', '81 c1 05 00 00 00', '83 c1 05'],
    ['add eax, relocated', '81 c0 00 00 00 00', '05 00 00 00 00', fixedImm],
    ['add ecx, 128', '81 c1 80 00 00 00', '83 e9 80', carryDead],
    ['sub ecx, 1', '83 e9 01', 'ff c9', carryDead],
    ['lock add [rdi], 1', 'f0 48 83 07 01', 'f0 48 ff 07', flagsDead],
    ['xor eax, -1', '83 f0 ff', 'f7 d0', flagsDead],
    ['cmp rcx, 0', '48 83 f9 00', '48 85 c9'],
    ['cmp al, 1 in 80', '80 f8 01', '3c 01'],
    ['test eax, 64', 'a9 40 00 00 00', 'a8 40'],
    ['test rsi, 64', '48 f7 c6 40 00 00 00', '40 f6 c6 40'],
    ['test ecx, 128', 'f7 c1 80 00 00 00', 'f6 c1 80', signDead],
    ['test ecx, 1024', 'f7 c1 00 04 00 00', 'f6 c5 04', parityDead],
    ['test edx, 256 with REX.R', '44 f7 c2 00 01 00 00', 'f6 c6 01', parityDead],
    ['test ecx, 32768', 'f7 c1 00 80 00 00', 'f6 c5 80', parityDead | signDead],
    ['bt rax, 5', '48 0f ba e0 05', '0f ba e0 05'],
    ['shl ecx, 1 in C1', 'c1 e1 01', 'd1 e1'],
    ['push 5 in 68', '68 05 00 00 00', '6a 05'],
    ['imul eax, ecx, 5 in 69', '69 c1 05 00 00 00', '6b c1 05'],
    ['xchg eax, ecx', '87 c8', '91'],
    ['movsxd rax, eax', '48 63 c0', '48 98'],
    ['movsx eax, ax', '0f bf c0', '98'],
    ['lea rax, [rsp]', '48 8d 04 24', '48 8b c4'],
    ['lea rax, [rax+rbx]', '48 8d 04 18', '48 01 d8', flagsDead],
    ['lea eax, [rax+1]', '8d 40 01', 'ff c0', flagsDead],
    ['lea rdx, [rdx*4]', '48 8d 14 95 00 00 00 00', '48 c1 e2 02', flagsDead],
    ['[rax+disp32] of a byte', '8b 80 08 00 00 00', '8b 40 08'],
    ['[rbp+rax+0]', '8b 44 05 00', '8b 04 28'],
    ['[rax*2+0]', '8b 04 45 00 00 00 00', '8b 04 00'],
    ['[rcx*1+relocated]', '8b 04 0d 00 00 00 00', '8b 81 00 00 00 00', fixedDisp],
    ['mov [rip+relocated], imm8', '48 81 05 00 00 00 00 05 00 00 00', '48 83 05 00 00 00 00 05', fixedDisp],
    ['movdqa', '66 0f 6f 07', '0f 28 07'],
    ['movsd [rdi], xmm0', 'f2 0f 11 07', '0f 13 07'],
    ['pxor', '66 44 0f ef c0', '44 0f 57 c0'],
    ['punpcklqdq', '66 0f 6c c1', '0f 16 c1'],
    ['pshufd of the same register', '66 0f 70 c0 4e', '0f c6 c0 4e'],
    ['vmovaps in VEX3', 'c4 e1 78 28 c1', 'c5 f8 28 c1'],
    ['push rax with REX.W', '48 50', '50'],
    ['jmp rax with REX.W', '48 ff e0', 'ff e0'],
    ['notrack jmp rax', '3e ff e0', 'ff e0'],
    ['bnd call [rax]', 'f2 ff 10', 'ff 10'],
    ['rep ret', 'f3 c3', 'c3'],
    ['nopw cs:[rax+rax+0]', '66 2e 0f 1f 84 00 00 00 00 00', '90'],
    ['mov eax, ecx with REX', '40 89 c8', '89 c8'],
    ['es mov eax, [rcx]', '26 8b 01', '8b 01'],
    ['cs mov eax, [rcx]', '2e 8b 01', '8b 01'],
    ['ss mov eax, [rcx]', '36 8b 01', '8b 01'],
    ['mov al, cl with REX', '40 88 c8', '88 c8'],
    ['and rcx, ~2048', '48 81 e1 ff f7 ff ff', '48 0f ba f1 0b', flagsDead],
    ['or rcx, 2048', '48 81 c9 00 08 00 00', '48 0f ba e9 0b', flagsDead],
    ['lea eax, [rcx+0]', '8d 41 00', '8b c1'],
  ])('%s', (_name, before, after, given = 0) => {
    const bytes = hex(before);
    decode(bytes, 0, bytes.length, insn);
    const length = shorten(bytes, 0, insn, given, out);
    expect(toHex(out.bytes.subarray(0, length))).toBe(after);
  });

  it.each<[name: string, before: string, given?: number]>([
    ['mov eax, eax', '89 c0', flagsDead],
    ['xchg eax, eax', '87 c0'],
    ['mov rax, relocated', '48 c7 c0 00 00 00 00', fixedImm | flagsDead],
    ['mov sil, 1', '40 b6 01', flagsDead],
    ['add eax, 1', '83 c0 01'],
    ['and rax, -16', '48 83 e0 f0'],
    ['or rax, -2147483648', '48 0d 00 00 00 80', flagsDead],
    ['test dword [rax], 1', 'f7 00 01 00 00 00', flagsDead],
    ['mov dword [rax], 0', 'c7 00 00 00 00 00', flagsDead],
    ['[rip+disp32] without a relocation', '48 81 05 00 00 00 00 05 00 00 00', flagsDead],
    ['[rax+relocated]', '8b 80 08 00 00 00', fixedDisp],
    ['[r12]', '41 8b 04 24'],
    ['vgatherdps [rax+xmm4]', 'c4 e2 69 92 04 20'],
    ['EVEX', '62 f1 7c 48 10 80 40 00 00 00'],
    ['movq mm0, [rdi]', '0f 6f 07'],
    ['pause', 'f3 90'],
    ['endbr64', 'f3 0f 1e fa'],
    ['xabort', 'c6 f8 05'],
    ['call rel32', '48 e8 00 00 00 00'],
    ['two segments', '64 2e 8b 80 08 00 00 00'],
    ['mov rax, cr0', '40 0f 20 c0'],
    ['mov cr0, rax', '40 0f 22 c0'],
    ['mov sil, al', '40 88 c6'],
    ['mov al, sil', '40 88 f0'],
    ['mov bpl, spl', '40 88 e5'],
    ['fs mov eax, [rcx]', '64 8b 01'],
    ['gs mov eax, [rcx]', '65 8b 01'],
    ['or rcx, -2147483648', '48 81 c9 00 00 00 80', flagsDead],
    ['bts rax, 5', '48 0f ba e8 05'],
    ['bt qword [rax], 5', '48 0f ba 20 05'],
    ['bt rax, 32', '48 0f ba e0 20'],
    ['lea rax, [rip+relocated]', '48 8d 05 00 00 00 00', fixedDisp | flagsDead],
  ])('leaves %s', (_name, before, given = 0) => {
    const bytes = hex(before);
    expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
    expect(shorten(bytes, 0, insn, given, out)).toBe(0);
  });

  it('gives shorter instructions that have no shorter form and access the same memory', () => {
    fc.assert(
      fc.property(instructions, givens, (bytes, given) => {
        const pair = shortened(bytes, given);
        const fault = pair && findFault(pair, given);
        expect(fault && `${toHex(pair!.original)} → ${toHex(pair!.short)} ${fault}`).toBeUndefined();
      }),
      { numRuns: COUNT, seed: SEED },
    );
  });

  it.skipIf(!HAS_ORACLE)('gives instructions that do the same', () => {
    const program = buildOracle(folder);
    for (const given of PLACES) {
      const pairs = randomPairs(COUNT / PLACES.length, given);
      const { differences, completed } = execute(program, pairs, 4, SEED);
      expect(differences).toEqual([]);
      expect(completed).toBeGreaterThan(pairs.length * 3);
    }
  });

  it.skipIf(!HAS_ORACLE)('gives instructions that do the same as those of compiled code', () => {
    const program = buildOracle(folder);
    for (const given of [0, Given.flagsDead | Given.plainMemory]) {
      const pairs = compiledPairs(COUNT, given);
      const { differences, completed } = execute(program, pairs, 4, SEED);
      expect(differences).toEqual([]);
      expect(completed).toBeGreaterThan(pairs.length * 3);
    }
  });
});
