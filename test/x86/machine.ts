/** A model of what instructions do to registers, in exact arithmetic. */
import { RegisterValues } from '../../src/x86/registerValues.ts';

export type Random = (below: number) => number;
export const RSP = 4;

/** A processor of which only the general registers and the zero flag are of interest. */
export class Machine {
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

  /** Executes one instruction that calculates, or MOV r16, imm16. Source: SDM vol. 2, the operation of each. */
  execute(bytes: Uint8Array): void {
    if (bytes[0] === 0x66) {
      this.write(bytes[1]! & 7, 16, BigInt(bytes[2]! | (bytes[3]! << 8))); // MOV r16, imm16
      return;
    }
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
export function randomHalf(random: Random): number {
  const edges = [0, 1, -1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, -0x80000000, -0x80, 0xff00];
  return random(2) === 0 ? edges[random(edges.length)]! : random(2 ** 32) | 0;
}

/** All registers but rsp known, those in the masks excepted. */
export function valuesOf(
  registers: readonly bigint[],
  unknownLows: number,
  unknownHighs: number,
): RegisterValues {
  const values = new RegisterValues();
  registers.forEach((value, number) => {
    if (((unknownLows >> number) & 1) === 0) values.setLow(number, Number(BigInt.asIntN(32, value)));
    if (((unknownHighs >> number) & 1) === 0) values.setHigh(number, Number(BigInt.asIntN(32, value >> 32n)));
  });
  return values;
}

export function randomRegisters(random: Random): bigint[] {
  return Array.from({ length: 16 }, () => {
    const high = random(3) === 0 ? 0 : randomHalf(random);
    return (BigInt(high >>> 0) << 32n) | BigInt(randomHalf(random) >>> 0);
  });
}
