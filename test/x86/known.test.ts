/**
 * Of which instructions something is known. Other tests compare what is said of them with iced-x86; an instruction of
 * which too little is said makes no program wrong, only larger. So the tables here are exact.
 */
import { describe, expect, it } from 'vitest';
import { clearsUpperHalves, isCalculation } from '../../src/x86/calculate.ts';
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';
import { EVERYTHING, effectsOf, toleratesRex } from '../../src/x86/effects.ts';
import { ALL_FLAGS, flagEffectOf, WRITTEN_SHIFT } from '../../src/x86/flags.ts';
import { registerEffectOf } from '../../src/x86/registers.ts';
import { StackUse, stackUseOf } from '../../src/x86/stack.ts';
import { listOpcodes } from './opcodeText.ts';

const TWO_BYTES = 0x0f;
const LOCK = 0xf0;
const REPEAT = 0xf3;
const OPERAND_SIZE = 0x66;
const REX_B = 0x41;
const REX_R = 0x44;
const REX_W = 0x48;

describe('flags', () => {
  const letters = (mask: number) => [...'cpazso'].filter((_, i) => (mask >> i) & 1).join('');
  const effect = (bytes: Uint8Array, insn: Instruction) => {
    const both = flagEffectOf(bytes, 0, insn);
    return both === ALL_FLAGS
      ? ''
      : `reads ${letters(both & ALL_FLAGS)}, writes ${letters(both >> WRITTEN_SHIFT)}`;
  };

  it('of the one-byte map', () => {
    expect(listOpcodes([], effect)).toEqual({
      'reads , writes ': '50-5f 63 68 6a 86-8b 8d 90-99 a4-a5 aa-ab b0-bf c6-c7 c9 f6-f7/2 ff/6',
      'reads , writes cpazso':
        '00-05 08-0d 20-25 28-2d 30-35 38-3d 69 6b 80-81/014567 83/014567 84-85 a8-a9 c0-c1/4567 d0-d1/4567 f6-f7/0134567',
      'reads c, writes cpazso': '10-15 18-1d 80-81/23 83/23',
      'reads , writes co': 'c0-c1/01 d0-d1/01',
      'reads c, writes co': 'c0-c1/23 d0-d1/23',
      'reads , writes pazso': 'fe ff/01',
    });
  });

  it('of the two-byte map', () => {
    expect(listOpcodes([TWO_BYTES], effect)).toEqual({
      'reads , writes ':
        '10-17 1f 28-2d 51-6b 6e-76 7e-7f b6-b7 be-bf c2 c4-c6 c8-cf d1-d5 d7-e5 e7-ef f1-fe',
      'reads , writes cpazso': '2e-2f af-b1 c0-c1',
      'reads , writes cpaso': 'a3 ab b3 ba-bb',
      'reads o, writes ': '40-41 90-91',
      'reads c, writes ': '42-43 92-93',
      'reads z, writes ': '44-45 94-95',
      'reads cz, writes ': '46-47 96-97',
      'reads s, writes ': '48-49 98-99',
      'reads p, writes ': '4a-4b 9a-9b',
      'reads so, writes ': '4c-4d 9c-9d',
      'reads zso, writes ': '4e-4f 9e-9f',
    });
    expect(listOpcodes([LOCK, TWO_BYTES], effect)).toEqual({
      'reads , writes cpaso': 'ab b3 ba-bb',
      'reads , writes cpazso': 'b0-b1 c0-c1',
    });
  });
});

describe('reads and writes', () => {
  const known = (bytes: Uint8Array, insn: Instruction) =>
    effectsOf(bytes, 0, insn).writes === EVERYTHING ? '' : 'known';
  const ONE_BYTE =
    '00-03 08-0b 10-13 18-1b 20-23 28-2b 30-33 38-3b 50-5f 68 6a 80-81 83-85 88-8b 8d 99 b0-bf c6-c7 f6-f7/23 fe ff/01';

  it.each([[[]], [[REX_B]], [[REX_R]], [[REX_W]]])('of the one-byte map behind %j', (prefixes) => {
    expect(listOpcodes(prefixes, known)).toEqual({ known: ONE_BYTE });
  });

  it('of moves in the two-byte map', () => {
    expect(listOpcodes([TWO_BYTES], known)).toEqual({ known: 'b6-b7 be-bf' });
  });

  it.each([[[OPERAND_SIZE]], [[OPERAND_SIZE, TWO_BYTES]], [[REPEAT]]])('of nothing behind %j', (prefixes) => {
    expect(listOpcodes(prefixes, known)).toEqual({});
  });
});

describe('registers', () => {
  const UNKNOWN = -1;
  const known = (bytes: Uint8Array, insn: Instruction) =>
    registerEffectOf(bytes, 0, insn) === UNKNOWN ? '' : 'known';

  it.each<[readonly number[], string]>([
    [
      [],
      '00-05 08-0d 10-15 18-1d 20-25 28-2d 30-35 38-3d 50-5f 63 68-6b 80-81 83-8b 8d 8f-99 a4-c1 c6-c7 c9 d0-d3 d8-de dfm f5-f9 fc-fe ff/016',
    ],
    [
      [TWO_BYTES],
      '10-18 1f 28-2f 31 40-6b 6e-77 7e-7f 90-9f a2-a5 ab-ad ae/567r/0123m af-b1 b3 b6-b7 ba-c6 c7/1m c8-cf d1-d5 d7-e5 e7-ef f1-fe',
    ],
    [
      [OPERAND_SIZE, TWO_BYTES],
      '10-18 1f 28-2f 31 40-51 54-76 7c-7f 90-9f a2-a5 ab-ad af-b1 b3 b6-b7 ba-c2 c4-c6 c7/1m c8-ef f1-fe',
    ],
    [
      [REPEAT, TWO_BYTES],
      '10-12 16 18 1f 2a-2d 31 40-4f 51-53 58-5f 6f-70 7e-7f 90-9f a2-a5 ab-ad af-b1 b3 b6-b8 ba-c2 c7/1m c8-cf d6 e6',
    ],
  ])('behind %j', (prefixes, expected) => {
    expect(listOpcodes(prefixes, known)).toEqual({ known: expected });
  });
});

describe('a REX prefix changes nothing', () => {
  const tolerant = (bytes: Uint8Array, insn: Instruction) => (toleratesRex(bytes, 0, insn) ? 'tolerant' : '');

  it('but registers of operands', () => {
    expect(listOpcodes([], tolerant)).toEqual({
      tolerant: '50-5f 68 6a 70-7f 81r 83r 99 b0-b3 b8-bf c7/0r e0-e3 e8-e9 eb f7r ff/01246r',
    });
    expect(listOpcodes([TWO_BYTES], tolerant)).toEqual({ tolerant: '05' });
  });

  it('before another prefix, in 15 bytes at most', () => {
    const tolerates = (...bytes: number[]) => {
      const insn = createInstruction();
      expect(decode(Uint8Array.from(bytes), 0, bytes.length, insn)).toBe(bytes.length);
      return toleratesRex(Uint8Array.from(bytes), 0, insn);
    };
    expect(tolerates(REX_W, 0x89, 0xc0)).toBe(true);
    expect(tolerates(0x89, 0xc0)).toBe(false);
    expect(tolerates(0xc5, 0xf8, 0x77)).toBe(false); // VZEROUPPER
    // MOV with a displacement and an immediate of four bytes each, and more prefixes.
    const long = [0xc7, 0x84, 0x08, 1, 2, 3, 4, 5, 6, 7, 8];
    expect(tolerates(REX_W, ...long)).toBe(true);
    expect(tolerates(OPERAND_SIZE, REX_W, ...long)).toBe(false);
  });
});

describe('the stack pointer', () => {
  const NAMES = ['', 'operand', 'other'];
  const use = (bytes: Uint8Array, insn: Instruction) => NAMES[stackUseOf(bytes, 0, insn)]!;
  const useOf = (text: string) => {
    const bytes = Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
    const insn = createInstruction();
    expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
    return stackUseOf(bytes, 0, insn);
  };

  it('is used or may be, in the one-byte map', () => {
    // 94 and bc name it in the opcode, /4 in ModRM.reg.
    expect(listOpcodes([], use)).toEqual({
      other:
        '00-03/4 08-0b/4 10-13/4 18-1b/4 20-23/4 28-2b/4 30-33/4 38-3b/4 50-5f 63/4 68 69/4 6a 6b/4 84-8c/4 8d/4m 8e/4 8f 94 9c-9d bc c8-c9 d8-d9/4 da/4m db/4r dc-de/4 df/4m ff/6',
    });
    // It is r12 then.
    expect(listOpcodes([REX_R], use)).toEqual({ other: '50-5f 68 6a 8f 94 9c-9d bc c8-c9 ff/6' });
    expect(listOpcodes([REX_B], use).other).not.toMatch(/94|bc/);
  });

  it('is used or may be, in the two-byte map', () => {
    expect(listOpcodes([REX_R, TWO_BYTES], use)).toEqual({ other: 'a0-a1 a8-a9' });
    expect(listOpcodes([TWO_BYTES], use).other).toMatch(/^00-03\/4 .* 40-4f\/4 .* a0-a1 .* a8-a9 /);
  });

  it.each<[string, string, StackUse]>([
    ['add eax, [rsp]', '03 04 24', StackUse.operand],
    ['mov [rsp + 8], ecx', '89 4c 24 08', StackUse.operand],
    ['mov [rsp + 256], ecx', '89 8c 24 00 01 00 00', StackUse.operand],
    ['movaps xmm0, [rsp]', '0f 28 04 24', StackUse.operand],
    ['add eax, [r12]', '41 03 04 24', StackUse.none],
    ['add eax, [rax + rcx]', '03 04 08', StackUse.none],
    ['add eax, esp', '01 e0', StackUse.other],
    ['add esp, [rsp]', '03 24 24', StackUse.other],
    ['add eax, r12d', '44 01 e0', StackUse.none],
    ['add r12d, eax', '41 01 c4', StackUse.none],
    ['sub rsp, 8', '48 83 ec 08', StackUse.other],
    ['and dword [rax], 8', '83 20 08', StackUse.none],
    ['neg dword [rsp]', 'f7 1c 24', StackUse.operand],
    ['push qword [rax]', 'ff 30', StackUse.other],
    ['mov dword [rsp], 1', 'c7 04 24 01 00 00 00', StackUse.operand],
    ['shl dword [rsp], 3', 'c1 24 24 03', StackUse.operand],
    ['cpuid', '0f a2', StackUse.none],
    ['vmovaps ymm0, [rsp]', 'c5 fc 28 04 24', StackUse.other],
    ['vmovaps ymm0, [rax + rcx]', 'c5 fc 28 04 08', StackUse.none],
    ['vmovaps ymm0, [rax]', 'c5 fc 28 00', StackUse.none],
    ['vmovaps ymm4, ymm0', 'c5 fc 28 e0', StackUse.other],
    ['andn eax, ecx, edx', 'c4 e2 70 f2 c2', StackUse.other],
    ['rorx eax, ecx, 1', 'c4 e3 7b f0 c1 01', StackUse.other],
    ['vpshufb xmm0, xmm0, xmm1', 'c4 e2 79 00 c1', StackUse.none],
    ['vpalignr xmm0, xmm0, xmm1, 1', 'c4 e3 79 0f c1 01', StackUse.none],
    ['vmovaps zmm0, [rax]', '62 f1 7c 48 28 00', StackUse.other],
  ])('%s', (_, text, expected) => {
    expect(useOf(text)).toBe(expected);
  });
});

describe('calculations', () => {
  const calculates = (bytes: Uint8Array, insn: Instruction) => (isCalculation(bytes, 0, insn) ? 'known' : '');
  const ONE_BYTE =
    '01r 03r 05 09r 0br 0d 21r 23r 25 29r 2br 2d 31r 33r 35 39r 3br 3d 63r 81/014567r 83/014567r 85r 89r 8br 8d 98-99 b0-bf c1/4567r c7/0r d1/4567r f7/23r ff/01r';

  it.each([[[]], [[REX_W]]])('behind %j', (prefixes) => {
    expect(listOpcodes(prefixes, calculates)).toEqual({ known: ONE_BYTE });
    expect(listOpcodes([...prefixes, TWO_BYTES], calculates)).toEqual({ known: 'b6-b7r be-bfr' });
  });

  it.each([[[OPERAND_SIZE]], [[REPEAT, TWO_BYTES]], [[REX_W, REX_W]]])('not behind %j', (prefixes) => {
    expect(listOpcodes(prefixes, calculates)).toEqual({});
  });

  it('clear upper halves', () => {
    const clears = (bytes: Uint8Array, insn: Instruction) =>
      clearsUpperHalves(bytes, 0, insn) ? 'clears' : '';
    expect(listOpcodes([], clears)).toEqual({
      clears:
        '01r 03 05 09r 0b 0d 11r 13 15 19r 1b 1d 21r 23 25 29r 2b 2d 31r 33 35 39r 3b 3d 69 6b 81r 83r 89r 8b 8d 98-99 b8-bf c1r c7/0r d1r f7 ff/01r',
    });
    expect(listOpcodes([TWO_BYTES], clears)).toEqual({ clears: '40-4f af b6-b7 be-bf c8-cf' });
    expect(listOpcodes([REPEAT, TWO_BYTES], clears)).toEqual({ clears: '40-4f af b6-b8 be-bf c8-cf' });
    expect(listOpcodes([REX_W], clears)).toEqual({});
    expect(listOpcodes([OPERAND_SIZE], clears)).toEqual({});
  });
});
