/** What instructions leave in registers, compared with the same in exact arithmetic on all that is known. */
import { describe, expect, it } from 'vitest';
import { calculate, createOutcome, isCalculation } from '../../src/x86/calculate.ts';
import { createInstruction, decode } from '../../src/x86/decode.ts';
import { randomNumbers, toHex } from '../elf/make.ts';
import { Machine, type Random, RSP, randomHalf, randomRegisters, valuesOf } from './machine.ts';

const OPCODES = [
  ...[0, 1, 4, 5, 6, 7].flatMap((operation) => [1, 3, 5].map((form) => (operation << 3) | form)),
  ...[0x63, 0x81, 0x83, 0x85, 0x89, 0x8b, 0x8d, 0x8d, 0x98, 0x99, 0xc1, 0xd1, 0xc7, 0xf7, 0xff],
  ...[0xb0, 0xb3, 0xb4, 0xb7, 0xb8, 0xbf, 0xfb6, 0xfb7, 0xfbe, 0xfbf],
];

/** An instruction that calculates, with any registers. */
function randomCalculation(random: Random): Uint8Array {
  const insn = createInstruction();
  for (;;) {
    const opcode = OPCODES[random(OPCODES.length)]!;
    const rex = random(3) > 0 ? [0x40 | random(16)] : [];
    const code = opcode > 0xff ? [0x0f, opcode & 0xff] : [opcode];
    const rest = Array.from({ length: 12 }, () => (random(4) === 0 ? [0, 0xff][random(2)]! : random(256)));
    if (opcode !== 0x8d) rest[0]! |= 0xc0;
    const bytes = Uint8Array.of(...rex, ...code, ...rest);
    if (decode(bytes, 0, bytes.length, insn) > 0 && isCalculation(bytes, 0, insn)) return bytes;
  }
}

/** Registers of which each unknown half is another one. */
function varied(registers: readonly bigint[], lows: number, highs: number, random: Random): bigint[] {
  return registers.map((value, number) => {
    const low = ((lows | (1 << RSP)) >> number) & 1 ? BigInt(randomHalf(random) >>> 0) : value & 0xffffffffn;
    const high = ((highs | (1 << RSP)) >> number) & 1 ? BigInt(randomHalf(random) >>> 0) : value >> 32n;
    return (high << 32n) | low;
  });
}

const out = createOutcome();

/** What is wrong about an instruction on a machine with these registers, in words; '' for nothing. */
function complaint(bytes: Uint8Array, registers: readonly bigint[]): string {
  const machine = new Machine(registers);
  machine.execute(bytes);
  const isElsewhere = machine.registers.some(
    (value, number) => number !== out.register && value !== registers[number],
  );
  if (isElsewhere) return 'writes another register';
  const value = machine.registers[out.register] ?? 0n;
  if (out.register >= 0 && out.isLowKnown && BigInt.asIntN(32, value) !== BigInt(out.low)) return 'low half';
  if (out.register >= 0 && out.isHighKnown && BigInt.asIntN(32, value >> 32n) !== BigInt(out.high))
    return 'high half';
  if (out.compared < 0) return '';
  const expected = (BigInt(out.comparedHigh) << 32n) | BigInt(out.comparedLow >>> 0);
  const bits = out.isWide ? 64 : 32;
  const isEqual = machine.read(out.compared, bits) === BigInt.asUintN(bits, expected);
  return machine.isZero === isEqual ? '' : 'zero flag';
}

describe('a calculated register', () => {
  it('holds what exact arithmetic says, whatever is in the registers that are not known', () => {
    const random = randomNumbers(0x51f15e);
    const wrong: string[] = [];
    let compared = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = randomCalculation(random);
      const registers = randomRegisters(random);
      const isSparse = random(2) === 0;
      const lows = isSparse ? random(0x10000) : 0;
      const highs = isSparse ? random(0x10000) : 0;
      calculate(bytes, 0, valuesOf(registers, lows, highs), out);
      if (out.compared >= 0) compared++;
      const text = complaint(bytes, varied(registers, lows, highs, random));
      if (text !== '') wrong.push(`${toHex(bytes)}: ${text}`);
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(5_000);
  });

  it('is known where all registers are, but for shifts of 64 bits, sums of three and the stack pointer', () => {
    const random = randomNumbers(0x7e57);
    const unknown = new Map<string, number>();
    let known = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = randomCalculation(random);
      calculate(bytes, 0, valuesOf(randomRegisters(random), 0, 0), out);
      if (out.register < 0) continue;
      if (out.isLowKnown && out.isHighKnown) {
        known++;
        continue;
      }
      const rex = (bytes[0]! & 0xf0) === 0x40 ? 1 : 0;
      const opcode = bytes[rex]!;
      const isShift = (opcode === 0xc1 || opcode === 0xd1) && out.isWide;
      const isSum = opcode === 0x8d && out.isWide && out.isLowKnown;
      if (isShift || isSum || namesStackPointer(bytes, rex)) continue;
      unknown.set(toHex(bytes), out.register);
    }
    expect([...unknown]).toEqual([]);
    expect(known).toBeGreaterThan(12_000);
  });

  it('is known by half where only that is', () => {
    const said = (text: string, lows: number, highs: number) => {
      const registers = Array.from({ length: 16 }, (_, i) => BigInt(i));
      const bytes = Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
      calculate(bytes, 0, valuesOf(registers, lows, highs), out);
      return [out.isLowKnown, out.isHighKnown];
    };
    const RAX = 1;
    const RCX = 2;
    expect(said('48 01 c8', RAX, 0)).toEqual([false, false]); // add rax, rcx: what is carried is not known
    expect(said('48 01 c8', 0, RAX)).toEqual([true, false]);
    expect(said('48 09 c8', RAX, 0)).toEqual([false, true]); // or rax, rcx
    expect(said('48 09 c8', 0, RCX)).toEqual([true, false]);
    expect(said('48 21 c8', 0, RCX)).toEqual([true, true]); // and rax, rcx: rax is narrow
    expect(said('48 21 c8', 0, RAX)).toEqual([true, true]);
    expect(said('48 21 c8', 0, RAX | RCX)).toEqual([true, false]);
    expect(said('48 83 e0 01', RAX, RAX)).toEqual([false, true]); // and rax, 1
    expect(said('48 83 c8 ff', RAX, RAX)).toEqual([true, true]); // or rax, -1
    expect(said('48 83 e0 00', RAX, RAX)).toEqual([true, true]); // and rax, 0
    expect(said('48 31 c0', RAX, RAX)).toEqual([true, true]); // xor rax, rax
    expect(said('48 29 c0', RAX, RAX)).toEqual([true, true]); // sub rax, rax
    expect(said('48 01 c0', RAX, RAX)).toEqual([false, false]);
    expect(said('48 f7 d8', RAX, 0)).toEqual([false, false]); // neg rax
    expect(said('48 c1 e8 04', 0, 0)).toEqual([false, true]); // shr rax, 4 leaves a narrow one narrow
    expect(said('48 c1 e8 04', 0, RAX)).toEqual([false, false]);
    expect(said('48 c1 e0 04', 0, 0)).toEqual([false, false]);
    expect(said('48 0f b6 c8', RAX, RAX)).toEqual([false, true]); // movzx rcx, al
    expect(said('48 0f be c8', RAX, RAX)).toEqual([false, false]); // movsx rcx, al
    expect(said('48 63 c8', 0, RAX)).toEqual([true, true]); // movsxd rcx, eax
    expect(said('48 99', RAX, 0)).toEqual([true, true]); // cqo: the sign is in the upper half
    expect(said('48 99', 0, RAX)).toEqual([false, false]);
    expect(said('99', 0, RAX)).toEqual([true, true]); // cdq
    expect(said('48 8d 41 01', 0, RCX)).toEqual([true, false]); // lea rax, [rcx + 1]
  });
});

/** Whether rsp may be one of the operands, ah, ch, dh and bh being read or not. */
function namesStackPointer(bytes: Uint8Array, rex: number): boolean {
  const prefix = rex === 0 ? 0 : bytes[0]!;
  const opcode = bytes[rex]!;
  if (opcode >= 0xb0 && opcode < 0xc0) return ((opcode & 7) | ((prefix & 1) << 3)) === RSP;
  const modrm = bytes[rex + (opcode === 0x0f ? 2 : 1)]!;
  const rm = (modrm & 7) | ((prefix & 1) << 3);
  const reg = ((modrm >> 3) & 7) | ((prefix & 4) << 1);
  return rm === RSP || reg === RSP;
}
