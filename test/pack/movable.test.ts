/** What is known of instructions that may be moved, compared with iced-x86: nothing of what they do may be missing. */
import {
  Code,
  Decoder,
  DecoderOptions,
  FlowControl,
  type Instruction as IcedInstruction,
  InstructionInfoFactory,
  OpAccess,
  Register,
} from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { movableEffects } from '../../src/pack/movable.ts';
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';
import { areIndependent, type Effects, MEMORY } from '../../src/x86/effects.ts';
import { ALL_FLAGS, flagEffectOf, WRITTEN_SHIFT } from '../../src/x86/flags.ts';
import { toHex } from '../elf/make.ts';
import { fixtureInstructions } from '../x86/fixtureCode.ts';
import { flagsOf, STATUS_FLAGS } from '../x86/icedFlags.ts';
import { generalRegister, READS, WRITES } from '../x86/icedRegisters.ts';
import { allOpcodes, randomInstructions } from '../x86/instructions.ts';

const infos = new InstructionInfoFactory();

/** What an instruction uses besides general registers, by iced. */
interface Used extends Effects {
  readonly usesMemory: boolean;
  readonly usesVectors: boolean;
}

function usedBy(instruction: IcedInstruction): Used {
  const info = infos.info(instruction);
  let reads = 0;
  let writes = 0;
  let usesVectors = false;
  for (const used of info.usedRegisters()) {
    const register = generalRegister(used.register);
    if (register && READS.has(used.access)) reads |= 1 << register.number;
    if (register && WRITES.has(used.access)) writes |= 1 << register.number;
    usesVectors ||= !register && used.register >= Register.XMM0;
    used.free();
  }
  let usesMemory = instruction.isStackInstruction;
  for (const used of info.usedMemory()) {
    usesMemory ||= used.access !== OpAccess.NoMemAccess && used.access !== OpAccess.None;
    used.free();
  }
  info.free();
  return { reads, writes, usesMemory, usesVectors };
}

/** What is not known of an instruction, in words; '' for nothing. */
function complaint(bytes: Uint8Array, insn: Instruction, own: Effects): string {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const problems: string[] = [];
  if (instruction.code !== Code.INVALID && instruction.length === bytes.length) {
    const used = usedBy(instruction);
    const flags = flagEffectOf(bytes, 0, insn);
    const readFlags = flags & ALL_FLAGS;
    const writtenFlags = readFlags === ALL_FLAGS ? ALL_FLAGS : flags >> WRITTEN_SHIFT;
    const { rflagsRead, rflagsModified, flowControl, isPrivileged } = instruction;
    if (flowControl !== FlowControl.Next || isPrivileged) problems.push('may go elsewhere');
    if ((used.reads & ~own.reads) !== 0) problems.push('reads other registers');
    if ((used.writes & ~own.writes) !== 0) problems.push('writes other registers');
    if (used.usesMemory && (own.reads & own.writes & MEMORY) === 0) problems.push('uses memory');
    if (used.usesVectors && areIndependent(own, movableEffects(MULTIPLY, 0, MULTIPLY_INSN)!))
      problems.push('uses vector registers');
    if ((flagsOf(rflagsRead) & ~readFlags) !== 0) problems.push('reads other flags');
    if ((flagsOf(rflagsModified) & ~writtenFlags) !== 0) problems.push('writes other flags');
    if (((rflagsRead | rflagsModified) & ~STATUS_FLAGS) !== 0) problems.push('has to do with system flags');
  }
  instruction.free();
  decoder.free();
  return problems.length === 0 ? '' : `${toHex(bytes)}: ${problems.join(', ')}`;
}

const MULTIPLY = Uint8Array.of(0x0f, 0x59, 0xc1); // MULPS xmm0, xmm1
const MULTIPLY_INSN = decoded(MULTIPLY);

function decoded(bytes: Uint8Array): Instruction {
  const insn = createInstruction();
  expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
  return insn;
}

function compare(instructions: Iterable<[Uint8Array, Instruction]>) {
  const wrong: string[] = [];
  let count = 0;
  let movable = 0;
  for (const [bytes, insn] of instructions) {
    count++;
    const own = movableEffects(bytes, 0, insn);
    if (!own) continue;
    movable++;
    const text = complaint(bytes, insn, own);
    if (text !== '') wrong.push(text);
  }
  return { wrong: wrong.slice(0, 20), count, movable };
}

describe('what is known of instructions that may be moved', () => {
  it('is all that iced-x86 says of every opcode', () => {
    const { wrong, movable } = compare(allOpcodes());
    expect(wrong).toEqual([]);
    expect(movable).toBeGreaterThan(200_000);
  });

  it('is all that iced-x86 says of random instructions', () => {
    const { wrong, movable } = compare(randomInstructions(200_000));
    expect(wrong).toEqual([]);
    expect(movable).toBeGreaterThan(40_000);
  });

  it('is all that iced-x86 says of the code of the fixtures, of which it is half', () => {
    const { wrong, movable, count } = compare(fixtureInstructions());
    expect(wrong).toEqual([]);
    expect(movable).toBeGreaterThan(count * 0.5);
  });
});

it.each<[string, number[]]>([
  ['syscall', [0x0f, 0x05]],
  ['cpuid', [0x0f, 0xa2]],
  ['rdtsc', [0x0f, 0x31]],
  ['mfence', [0x0f, 0xae, 0xf0]],
  ['lock add [rax], ecx', [0xf0, 0x01, 0x08]],
  ['xchg [rax], ecx', [0x87, 0x08]],
  ['mov eax, fs:[0]', [0x64, 0x8b, 0x04, 0x25, 0, 0, 0, 0]],
  ['rep movsb', [0xf3, 0xa4]],
  ['std', [0xfd]],
  ['div ecx', [0xf7, 0xf1]],
  ['fld1', [0xd9, 0xe8]],
  ['emms', [0x0f, 0x77]],
  ['endbr64', [0xf3, 0x0f, 0x1e, 0xfa]],
  ['pushfq', [0x9c]],
  ['call rax', [0xff, 0xd0]],
  ['vaddps xmm0, xmm1, xmm2', [0xc5, 0xf0, 0x58, 0xc2]],
])('nothing is moved past %s', (_name, code) => {
  const bytes = Uint8Array.from(code);
  expect(movableEffects(bytes, 0, decoded(bytes))).toBeUndefined();
});
