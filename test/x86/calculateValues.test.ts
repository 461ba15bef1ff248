/** What instructions leave in registers, compared with the same in exact arithmetic on all that is known. */
import { describe, expect, it } from 'vitest';
import { calculate, createOutcome, isCalculation } from '../../src/x86/calculate.ts';
import { createInstruction, decode } from '../../src/x86/decode.ts';
import { RegisterValues } from '../../src/x86/registerValues.ts';
import { randomNumbers, toHex } from '../elf/make.ts';

type Random = (below: number) => number;
const RSP = 4;

/** A processor of which only the general registers and the zero flag are of interest. */
class Machine {
  readonly registers: bigint[];
  isZero: boolean | undefined;

  constructor(registers: readonly bigint[]) {
    this.registers = [...registers];
  }

  read(number: number, bits: number): bigint {
    return BigInt.asUintN(bits, this.registers[number]!);
  }

  write(number: number, bits: number, value: bigint): void {
    const kept = bits < 32 ? this.registers[number]! & ~((1n << BigInt(bits)) - 1n) : 0n;
    this.registers[number] = kept | BigInt.asUintN(bits, value);
  }

  /** Reads an 8-bit register: without REX, 4 to 7 are AH, CH, DH and BH. */
  readByte(number: number, hasRex: boolean): bigint {
    return hasRex || number < 4 ? this.read(number, 8) : this.read(number - 4, 16) >> 8n;
  }

  /** Executes one instruction that calculates. Source: SDM vol. 2, the operation of each. */
  execute(bytes: Uint8Array): void {
    let at = 0;
    const rex = (bytes[0]! & 0xf0) === 0x40 ? bytes[at++]! : 0;
    const bits = rex & 8 ? 64 : 32;
    let opcode = bytes[at++]!;
    if (opcode === 0x0f) opcode = 0xf00 | bytes[at++]!;
    const modrm = bytes[at]!;
    const field = (modrm >> 3) & 7;
    const reg = field | ((rex & 4) << 1);
    const rm = (modrm & 7) | ((rex & 1) << 3);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const int32 = (offset: number) => BigInt(view.getInt32(offset, true));
    const int8 = (offset: number) => BigInt(view.getInt8(offset));
    const operate = (operation: number, to: number, value: bigint) => {
      const own = this.read(to, bits);
      const results = [own + value, own | value, 0n, 0n, own & value, own - value, own ^ value, own - value];
      const result = BigInt.asUintN(bits, results[operation]!);
      this.isZero = result === 0n;
      if (operation !== 7) this.write(to, bits, result);
    };
    if (opcode < 0x40) {
      const form = opcode & 7;
      const operands = [[], [rm, this.read(reg, bits)], [], [reg, this.read(rm, bits)], [], [0, 0n]][form]!;
      operate(opcode >> 3, Number(operands[0]), form === 5 ? int32(at) : BigInt(operands[1]!));
    } else if (opcode === 0x63) this.write(reg, bits, BigInt.asIntN(32, this.read(rm, 32)));
    else if (opcode === 0x81) operate(field, rm, int32(at + 1));
    else if (opcode === 0x83) operate(field, rm, int8(at + 1));
    else if (opcode === 0x85) this.isZero = (this.read(rm, bits) & this.read(reg, bits)) === 0n;
    else if (opcode === 0x89) this.write(rm, bits, this.read(reg, bits));
    else if (opcode === 0x8b) this.write(reg, bits, this.read(rm, bits));
    else if (opcode === 0x8d) this.write(reg, bits, this.#address(bytes, at, rex, int32, int8));
    else if (opcode === 0x98) this.write(0, bits, BigInt.asIntN(bits / 2, this.read(0, bits / 2)));
    else if (opcode === 0x99) this.write(2, bits, BigInt.asIntN(bits, this.read(0, bits)) < 0n ? -1n : 0n);
    else if (opcode >= 0xb8 && opcode < 0xc0) {
      const value = bits === 64 ? view.getBigInt64(at, true) : int32(at);
      this.write((opcode & 7) | ((rex & 1) << 3), bits, value);
    } else if (opcode >= 0xb0 && opcode < 0xb8) this.#moveByte(opcode, rex, int8(at));
    else if (opcode === 0xc1) this.#shift(field, rm, bits, bytes[at + 1]!);
    else if (opcode === 0xd1) this.#shift(field, rm, bits, 1);
    else if (opcode === 0xc7) this.write(rm, bits, int32(at + 1));
    else if (opcode === 0xf7 && field === 2) this.write(rm, bits, ~this.read(rm, bits));
    else if (opcode === 0xf7) {
      this.write(rm, bits, -this.read(rm, bits));
      this.isZero = this.read(rm, bits) === 0n;
    } else if (opcode === 0xff) operate(0, rm, field === 0 ? 1n : -1n);
    else {
      const width = opcode & 1 ? 16 : 8;
      const value = width === 8 ? this.readByte(rm, rex !== 0) : this.read(rm, 16);
      this.write(reg, bits, opcode >= 0xfbe ? BigInt.asIntN(width, value) : value);
    }
  }

  #moveByte(opcode: number, rex: number, value: bigint): void {
    const number = (opcode & 7) | ((rex & 1) << 3);
    if (rex !== 0 || number < 4) this.write(number, 8, value);
    else this.write(number - 4, 16, (BigInt.asUintN(8, value) << 8n) | this.read(number - 4, 8));
  }

  #shift(field: number, rm: number, bits: number, by: number): void {
    const count = BigInt(by & (bits - 1));
    const value = this.read(rm, bits);
    const signed = BigInt.asIntN(bits, value) >> count;
    this.write(rm, bits, field === 5 ? value >> count : field === 7 ? signed : value << count);
    this.isZero = this.read(rm, bits) === 0n;
  }

  #address(
    bytes: Uint8Array,
    modrmAt: number,
    rex: number,
    int32: (at: number) => bigint,
    int8: (at: number) => bigint,
  ): bigint {
    const modrm = bytes[modrmAt]!;
    const mod = modrm >> 6;
    let at = modrmAt + 1;
    let sum = 0n;
    let hasBase = true;
    if ((modrm & 7) === 4) {
      const sib = bytes[at++]!;
      hasBase = (sib & 7) !== 5 || mod !== 0;
      const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (hasBase) sum += this.read((sib & 7) | ((rex & 1) << 3), 64);
      if (index !== 4) sum += this.read(index, 64) << BigInt(sib >> 6);
    } else sum += this.read((modrm & 7) | ((rex & 1) << 3), 64);
    if (mod === 1) return sum + int8(at);
    return mod === 2 || !hasBase ? sum + int32(at) : sum;
  }
}

/** Numbers near the ends of ranges and any others. */
function randomHalf(random: Random): number {
  const edges = [0, 1, -1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, -0x80000000, -0x80, 0xff00];
  return random(2) === 0 ? edges[random(edges.length)]! : random(2 ** 32) | 0;
}

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

/** All registers but rsp known, those in the masks excepted. */
function valuesOf(registers: readonly bigint[], unknownLows: number, unknownHighs: number): RegisterValues {
  const values = new RegisterValues();
  registers.forEach((value, number) => {
    if (((unknownLows >> number) & 1) === 0) values.setLow(number, Number(BigInt.asIntN(32, value)));
    if (((unknownHighs >> number) & 1) === 0) values.setHigh(number, Number(BigInt.asIntN(32, value >> 32n)));
  });
  return values;
}

function randomRegisters(random: Random): bigint[] {
  return Array.from({ length: 16 }, () => {
    const high = random(3) === 0 ? 0 : randomHalf(random);
    return (BigInt(high >>> 0) << 32n) | BigInt(randomHalf(random) >>> 0);
  });
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
