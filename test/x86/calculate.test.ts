/** Which instructions calculate and which clear the upper halves of registers, compared with iced-x86. */
import { Code, Decoder, DecoderOptions, InstructionInfoFactory, OpKind, Register } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { clearsUpperHalves, isCalculation } from '../../src/x86/calculate.ts';
import type { Instruction } from '../../src/x86/decode.ts';
import { toHex } from '../elf/make.ts';
import { generalRegister, WRITES } from './icedRegisters.ts';
import { allOpcodes, randomInstructions } from './instructions.ts';

const infos = new InstructionInfoFactory();

/** What iced says of an instruction; undefined where it knows none. */
function byIced(bytes: Uint8Array): { isPure: boolean; isCleared: boolean } | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const isKnown = instruction.code !== Code.INVALID && instruction.length === bytes.length;
  let isPure = true;
  let isCleared = true;
  if (isKnown) {
    const info = infos.info(instruction);
    for (const used of info.usedRegisters()) {
      if (!generalRegister(used.register)) isPure = false;
      used.free();
    }
    for (const used of info.usedMemory()) {
      isPure = false;
      used.free();
    }
    // Of the operands: of registers that are implied iced names the whole.
    for (let i = 0; i < instruction.opCount; i++) {
      const register = instruction.opRegister(i);
      const general = instruction.opKind(i) === OpKind.Register ? generalRegister(register) : undefined;
      const is32Bit = register >= Register.EAX && register <= Register.R15D;
      if (general && general.number !== 4 && WRITES.has(info.opAccess(i)) && !is32Bit) isCleared = false;
    }
    info.free();
  }
  instruction.free();
  decoder.free();
  return isKnown ? { isPure, isCleared } : undefined;
}

function compare(instructions: Iterable<[Uint8Array, Instruction]>) {
  const wrong: string[] = [];
  let pure = 0;
  let cleared = 0;
  for (const [bytes, insn] of instructions) {
    const own = { isPure: isCalculation(bytes, 0, insn), isCleared: clearsUpperHalves(bytes, 0, insn) };
    if (own.isPure) pure++;
    if (own.isCleared) cleared++;
    if (!own.isPure && !own.isCleared) continue;
    const expected = byIced(bytes);
    if (!expected) continue;
    if (own.isPure && !expected.isPure) wrong.push(`${toHex(bytes)}: does more than calculate`);
    if (own.isCleared && !expected.isCleared) wrong.push(`${toHex(bytes)}: leaves an upper half`);
  }
  return { wrong: wrong.slice(0, 20), pure, cleared };
}

describe('calculations, and upper halves', () => {
  it('agree with iced-x86 for every opcode', () => {
    const { wrong, pure, cleared } = compare(allOpcodes());
    expect(wrong).toEqual([]);
    expect(pure).toBeGreaterThan(5_000);
    expect(cleared).toBeGreaterThan(20_000);
  });

  it('agree with iced-x86 for random instructions', () => {
    const { wrong, pure, cleared } = compare(randomInstructions(200_000));
    expect(wrong).toEqual([]);
    expect(pure).toBeGreaterThan(1_000);
    expect(cleared).toBeGreaterThan(5_000);
  });
});
