/** Instructions that give a register a known number: executed in exact arithmetic, and the ones that are chosen. */
import { describe, expect, it } from 'vitest';
import { createInstruction, decode } from '../../src/x86/decode.ts';
import { ALL_FLAGS, Flag, flagEffectOf, WRITTEN_SHIFT } from '../../src/x86/flags.ts';
import { loadConstant, MAX_LOAD } from '../../src/x86/loadConstant.ts';
import { RegisterValues } from '../../src/x86/registerValues.ts';
import { randomNumbers, toHex } from '../elf/make.ts';
import { Machine, type Random, RSP, randomHalf, randomRegisters, valuesOf } from './machine.ts';

const NOT_CARRY = ALL_FLAGS & ~Flag.carry;

/** A number that is easily made of what registers hold, or any other. */
function randomTarget(random: Random, registers: readonly bigint[], to: number): [low: number, high: number] {
  const from = registers[random(3) === 0 ? to : random(16)]!;
  const deltas = [
    0n,
    1n,
    -1n,
    5n,
    -128n,
    127n,
    128n,
    -129n,
    0x100n,
    0x1234n,
    0x10000n,
    BigInt(randomHalf(random)),
  ];
  const made = [from + deltas[random(deltas.length)]!, ~from, -from, from ^ 0xffn, from ^ 0xab00n, 0n][
    random(6)
  ]!;
  const high = random(3) === 0 ? 0n : made >> 32n;
  return [Number(BigInt.asIntN(32, made)), Number(BigInt.asIntN(32, high))];
}

it('leaves the number in the register, and everything else as it was', () => {
  const random = randomNumbers(0x10ad);
  const insn = createInstruction();
  const out = new Uint8Array(16);
  const lengths = [0, 0, 0, 0, 0];
  const wrong: string[] = [];
  for (let i = 0; i < 30_000; i++) {
    const registers = randomRegisters(random);
    const values = valuesOf(registers, random(2) * random(0x10000), random(2) * random(0x10000));
    const to = random(16);
    if (to === RSP) continue;
    const [low, high] = randomTarget(random, registers, to);
    const liveFlags = [0, ALL_FLAGS, Flag.carry, NOT_CARRY, Flag.zero][random(5)]!;
    const limit = random(6);
    const length = loadConstant(to, low, high, values, liveFlags, limit, out);
    if (length < 0) continue;
    lengths[length]!++;
    const bytes = out.slice(0, length);
    const machine = new Machine(registers);
    if (length > 0) {
      // What follows is another instruction.
      machine.execute(Uint8Array.of(...bytes, ...new Array(8).fill(0xcc)));
      if (decode(bytes, 0, length, insn) !== length) wrong.push(`${toHex(bytes)}: another length`);
      const written = flagEffectOf(bytes, 0, insn) >> WRITTEN_SHIFT;
      if ((written & liveFlags) !== 0) wrong.push(`${toHex(bytes)}: writes live flags`);
    }
    const expected = registers.with(to, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    if (length > Math.min(limit, MAX_LOAD)) wrong.push(`${toHex(bytes)}: more than ${limit} bytes`);
    if (machine.registers.some((value, number) => value !== expected[number]))
      wrong.push(`${toHex(bytes)}: register ${to} is to be ${high}:${low}`);
  }
  expect(wrong).toEqual([]);
  for (const count of lengths) expect(count).toBeGreaterThan(100);
});

describe('chooses', () => {
  /** Registers whose numbers are known, each as the lower and the upper half. */
  type Known = Readonly<Record<number, readonly [low: number, high?: number]>>;

  function chosen(
    to: number,
    target: readonly [number, number?],
    known: Known,
    liveFlags: number,
    limit = 4,
  ): string {
    const values = new RegisterValues();
    for (const [register, [low, high]] of Object.entries(known)) {
      values.setLow(Number(register), low);
      if (high !== undefined) values.setHigh(Number(register), high);
    }
    const out = new Uint8Array(MAX_LOAD);
    const length = loadConstant(to, target[0], target[1] ?? 0, values, liveFlags, limit, out);
    return length < 0 ? 'none' : toHex(out.subarray(0, length));
  }

  it.each<[string, number, readonly [number, number?], Known, number, string]>([
    ['nothing for what is there', 1, [5], { 1: [5, 0] }, ALL_FLAGS, ''],
    ['nothing for what is there in 64 bits', 1, [5, 7], { 1: [5, 7] }, ALL_FLAGS, ''],
    ['cdq', 2, [0], { 0: [5] }, ALL_FLAGS, '99'],
    ['cdq for -1', 2, [-1], { 0: [-5] }, ALL_FLAGS, '99'],
    ['xor', 1, [0], {}, 0, '31 c9'],
    ['xor of r9', 9, [0], {}, 0, '45 31 c9'],
    ['no xor where flags live', 1, [0], {}, Flag.zero, 'none'],
    ['the low byte', 1, [0x1234], { 1: [0x1256, 0] }, ALL_FLAGS, 'b1 34'],
    ['the second byte', 1, [0x1234], { 1: [0x5634, 0] }, ALL_FLAGS, 'b5 12'],
    ['the low byte of rsi', 6, [0x1234], { 6: [0x1256, 0] }, ALL_FLAGS, '40 b6 34'],
    ['the low byte of r9', 9, [0x1234], { 9: [0x1256, 0] }, ALL_FLAGS, '41 b1 34'],
    ['the low word', 1, [0x1234], { 1: [0x5678, 0] }, ALL_FLAGS, '66 b9 34 12'],
    ['no low word of r9', 9, [0x1234], { 9: [0x5678, 0] }, ALL_FLAGS, 'none'],
    ['a copy', 1, [5], { 3: [5] }, ALL_FLAGS, '89 d9'],
    ['a copy of r9', 1, [5], { 9: [5] }, ALL_FLAGS, '44 89 c9'],
    ['a copy to r9', 9, [5], { 1: [5] }, ALL_FLAGS, '41 89 c9'],
    ['a copy of 64 bits', 1, [5, 6], { 3: [5, 6] }, ALL_FLAGS, '48 89 d9'],
    ['a copy of 64 bits of r9', 1, [5, 6], { 9: [5, 6] }, ALL_FLAGS, '4c 89 c9'],
    ['a copy of 64 bits to r9', 9, [5, 6], { 1: [5, 6] }, ALL_FLAGS, '49 89 c9'],
    ['no copy of another upper half', 1, [5, 6], { 3: [5, 7] }, ALL_FLAGS, 'none'],
    ['inc', 1, [0x1000], { 1: [0xfff] }, 0, 'ff c1'],
    ['inc where the carry flag lives', 1, [0x1000], { 1: [0xfff] }, Flag.carry, 'ff c1'],
    ['dec', 1, [-1], { 1: [0] }, 0, 'ff c9'],
    ['dec of r9', 9, [0xfff], { 9: [0x1000] }, 0, '41 ff c9'],
    ['not', 1, [-0x12345678], { 1: [0x12345677] }, ALL_FLAGS, 'f7 d1'],
    ['neg', 1, [-0x12345678], { 1: [0x12345678] }, 0, 'f7 d9'],
    ['no neg where the carry flag lives', 1, [-0x12345678], { 1: [0x12345678] }, Flag.carry, 'none'],
    ['a distance', 1, [0x1000], { 3: [0xff0] }, ALL_FLAGS, '8d 4b 10'],
    ['the longest distances', 1, [0x107f], { 3: [0x1000] }, ALL_FLAGS, '8d 4b 7f'],
    ['the longest distances back', 1, [0xf80], { 3: [0x1000] }, ALL_FLAGS, '8d 4b 80'],
    ['no distance beyond', 1, [0x1080], { 3: [0x1000] }, ALL_FLAGS, 'none'],
    ['no distance beyond back', 1, [0xf7f], { 3: [0x1000] }, ALL_FLAGS, 'none'],
    ['a distance from r9', 1, [0x1000], { 9: [0xff0] }, ALL_FLAGS, '41 8d 49 10'],
    ['a distance of r9', 9, [0x1000], { 1: [0xff0] }, ALL_FLAGS, '44 8d 49 10'],
    ['no distance from r12', 1, [0x1000], { 12: [0xff0] }, ALL_FLAGS, 'none'],
    ['no distance in 64 bits', 1, [0x1000, 1], { 3: [0xff0, 1] }, ALL_FLAGS, 'none'],
  ])('%s', (_, to, target, known, liveFlags, expected) => {
    expect(chosen(to, target, known, liveFlags)).toBe(expected);
  });

  it('what has no more bytes than there is room for', () => {
    const limits = (to: number, target: readonly [number, number?], known: Known) =>
      [0, 1, 2, 3, 4].map((limit) => (chosen(to, target, known, 0, limit) === 'none' ? '-' : limit)).join('');
    expect(limits(1, [5], { 1: [5, 0] })).toBe('01234');
    expect(limits(2, [0], { 0: [5] })).toBe('-1234');
    expect(limits(1, [0], {})).toBe('--234');
    expect(limits(9, [0], {})).toBe('---34');
    expect(limits(6, [0x1234], { 6: [0x1256, 0] })).toBe('---34');
    expect(limits(1, [5], { 9: [5] })).toBe('---34');
    expect(limits(1, [5, 6], { 3: [5, 6] })).toBe('---34');
    expect(limits(1, [0x1000], { 3: [0xff0] })).toBe('---34');
    expect(limits(1, [0x1000], { 9: [0xff0] })).toBe('----4');
    expect(limits(1, [0x1234], { 1: [0x5678, 0] })).toBe('----4');
  });
});
