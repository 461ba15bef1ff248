/** Other registers in operands: what iced-x86 says of the instruction with the one holds of that with the other. */
import { Code, Decoder, DecoderOptions, InstructionInfoFactory, Register } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode } from '../../src/x86/decode.ts';
import { renameRegister } from '../../src/x86/renameRegister.ts';
import { randomNumbers, toHex } from '../elf/make.ts';
import { hex } from '../shrink/make.ts';
import { generalRegister, READS, WRITES } from './icedRegisters.ts';
import { randomInstructions } from './instructions.ts';

const infos = new InstructionInfoFactory();

interface Meaning {
  readonly code: Code;
  readonly reads: number;
  readonly writes: number;
  readonly text: string;
  /** What its operands are made of. */
  readonly registers: readonly Register[];
}

/** What iced knows of an instruction, but for the numbers of registers. */
function meaningOf(bytes: Uint8Array): Meaning {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const info = infos.info(instruction);
  let reads = 0;
  let writes = 0;
  for (const used of info.usedRegisters()) {
    const register = generalRegister(used.register);
    if (register && READS.has(used.access)) reads |= 1 << register.number;
    if (register && WRITES.has(used.access)) writes |= 1 << register.number;
    used.free();
  }
  const { code, memoryDisplacement, memoryIndexScale, rflagsRead, rflagsModified } = instruction;
  const text = `${memoryDisplacement} ${memoryIndexScale} ${rflagsRead} ${rflagsModified} ${instruction.length}`;
  const registers = [instruction.memoryBase, instruction.memoryIndex];
  for (let n = 0; n < instruction.opCount; n++) registers.push(instruction.opRegister(n));
  info.free();
  instruction.free();
  decoder.free();
  return { code, reads, writes, text, registers };
}

/** The register of another number that is as wide, if it is part of `from`; AH, CH, DH and BH have none. */
function exchanged(register: Register, from: number, to: number): Register {
  const isHigh = register >= Register.AH && register <= Register.BH;
  if (isHigh || generalRegister(register)?.number !== from) return register;
  const isByte = register <= Register.R15L;
  if (isByte) return to < 4 ? Register.AL + to : Register.SPL + to - 4;
  return register - from + to;
}

function replaced(mask: number, from: number, to: number): number {
  return ((mask >> from) & 1) === 1 ? (mask & ~(1 << from)) | (1 << to) : mask;
}

describe('another register', () => {
  it('leaves everything else as it was', () => {
    const random = randomNumbers(77);
    let count = 0;
    for (const [bytes, insn] of randomInstructions(150_000)) {
      const from = random(16);
      const to = random(16);
      const before = meaningOf(bytes);
      const uses = before.reads | before.writes;
      // What is there already is told apart by those who ask.
      if (before.code === Code.INVALID || ((uses >> from) & 1) === 0 || ((uses >> to) & 1) === 1) continue;
      const other = Uint8Array.from(bytes);
      if (!renameRegister(other, 0, insn, from, to)) {
        expect(toHex(other)).toBe(toHex(bytes));
        continue;
      }
      count++;
      const after = meaningOf(other);
      const expected = {
        ...before,
        reads: replaced(before.reads, from, to),
        writes: replaced(before.writes, from, to),
        registers: before.registers.map((register) => exchanged(register, from, to)),
      };
      expect({ ...after, bytes: toHex(bytes) }).toEqual({ ...expected, bytes: toHex(bytes) });
    }
    expect(count).toBeGreaterThan(2000);
  });

  const renamed = (text: string, from: number, to: number) => {
    const bytes = hex(text);
    const insn = createInstruction();
    decode(bytes, 0, bytes.length, insn);
    return renameRegister(bytes, 0, insn, from, to) ? toHex(bytes) : 'no';
  };

  it.each([
    ['in ModRM', '4d 89 c1', 8, 7, '49 89 f9'], // mov r8, r9
    ['in both fields', '4d 31 c0', 8, 1, '48 31 c9'], // xor r8, r8
    ['as base', '4d 8b 40 08', 8, 2, '48 8b 52 08'], // mov 8(r8), r8
    ['as base behind SIB', '49 8b 04 24', 12, 3, '48 8b 04 23'], // mov (r12), rax
    ['as index', '4a 8b 04 21', 12, 3, '48 8b 04 19'], // mov (rcx,r12), rax
    ['in the opcode', '41 54', 12, 5, '40 55'], // push r12
    ['as a byte', '45 8a 00', 8, 6, '40 8a 36'], // mov (r8), r8b
    ['beside a high byte of that number', '88 34 32', 6, 0, '88 34 02'], // mov dh, (rdx,rsi)
  ])('%s', (_, before, from, to, after) => {
    expect(renamed(before, from, to)).toBe(toHex(hex(after)));
  });

  it.each([
    ['that is not named', '48 f7 e1', 0, 3], // mul rcx
    ['without REX', '89 c8', 1, 9], // mov ecx, eax
    ['as base without displacement', '49 8b 00', 8, 5], // mov (r8), rax
    ['as base without SIB', '49 8b 40 08', 8, 12],
    ['of which a high byte is named', '88 e5', 0, 3], // mov ah, ch
    ['of which a high byte is named besides', '88 34 32', 2, 0], // mov dh, (rdx,rsi)
    ['of which there is no such byte', '88 c8', 0, 7], // mov cl, al
    ['that CL stands for', 'd3 e0', 1, 2], // shl cl, eax
    ['in VEX', 'c4 e2 f8 f2 c1', 1, 2], // andn rcx, rax, rax
  ])('is refused where it is one %s', (_, before, from, to) => {
    expect(renamed(before, from, to)).toBe('no');
  });
});
