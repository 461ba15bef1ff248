/** What instructions do to the general registers, compared with iced-x86. */
import { Code, Decoder, DecoderOptions, InstructionInfoFactory, OpAccess } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';
import { ALL_REGISTERS, registerEffectOf, WRITTEN_REGISTERS_SHIFT } from '../../src/x86/registers.ts';
import { toHex } from '../elf/make.ts';
import { fixtureInstructions } from './fixtureCode.ts';
import { generalRegister, READS, WRITES } from './icedRegisters.ts';
import { allOpcodes, randomInstructions } from './instructions.ts';

interface RegisterEffect {
  readonly reads: number;
  readonly writes: number;
}

const infos = new InstructionInfoFactory();

/** @returns undefined where iced knows no such instruction */
function effectByIced(bytes: Uint8Array): RegisterEffect | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const isKnown = instruction.code !== Code.INVALID && instruction.length === bytes.length;
  let reads = 0;
  let writes = 0;
  if (isKnown) {
    const info = infos.info(instruction);
    for (const used of info.usedRegisters()) {
      const register = generalRegister(used.register);
      if (register) {
        const bit = 1 << register.number;
        const isWritten = WRITES.has(used.access);
        if (isWritten) writes |= bit;
        // What is left of a register in parts, or altogether, is read.
        const isKept = register.isPart || used.access === OpAccess.CondWrite;
        if (READS.has(used.access) || (isWritten && isKept)) reads |= bit;
      }
      used.free();
    }
    info.free();
  }
  instruction.free();
  decoder.free();
  return isKnown ? { reads, writes } : undefined;
}

function ownEffect(bytes: Uint8Array, insn: Instruction): RegisterEffect {
  const effect = registerEffectOf(bytes, 0, insn);
  return { reads: effect & ALL_REGISTERS, writes: effect >>> WRITTEN_REGISTERS_SHIFT };
}

function isListed({ reads, writes }: RegisterEffect): boolean {
  return reads !== ALL_REGISTERS || writes !== ALL_REGISTERS;
}

/**
 * Opcodes of the two maps that are said to read more than they do in some form, which costs next to nothing: SUB and
 * XOR of a register with itself, XCHG as PAUSE, TEST with a prefix that it ignores, LODS, LEAVE; PREFETCH, NOP, and
 * TZCNT and LZCNT, which are BSF and BSR where they are not known.
 */
const CAUTIOUS: readonly (readonly number[])[] = [
  [0x29, 0x2b, 0x31, 0x33, 0x90, 0xa8, 0xa9, 0xad, 0xc9],
  [0x18, 0x1f, 0xbc, 0xbd],
];

/**
 * What is wrong about an instruction, in words; '' for nothing. One that is listed has to write just what iced says, but
 * for registers that it says it reads as well: a write that is not sure is no write when it comes to what is dead.
 */
function complaint(bytes: Uint8Array, insn: Instruction): string {
  const own = ownEffect(bytes, insn);
  const expected = effectByIced(bytes);
  if (!expected || !isListed(own)) return '';
  const unread = expected.reads & ~own.reads;
  const unwritten = expected.writes & ~own.writes;
  const invented = own.writes & ~expected.writes & ~own.reads;
  const isCautious = CAUTIOUS[insn.map]!.includes(insn.opcode);
  const inventedReads = isCautious ? 0 : own.reads & ~expected.reads;
  if (inventedReads !== 0) return `${toHex(bytes)}: does not read ${inventedReads.toString(16)}`;
  return (unread | unwritten | invented) === 0
    ? ''
    : `${toHex(bytes)}: reads ${unread.toString(16)} too, writes ${unwritten.toString(16)}, not ${invented.toString(16)}`;
}

function compare(instructions: Iterable<[Uint8Array, Instruction]>) {
  const wrong: string[] = [];
  let count = 0;
  let known = 0;
  for (const [bytes, insn] of instructions) {
    count++;
    const text = complaint(bytes, insn);
    if (text !== '') wrong.push(text);
    if (isListed(ownEffect(bytes, insn))) known++;
  }
  return { wrong: wrong.slice(0, 20), count, known };
}

describe('what is read and written', () => {
  it('agrees with iced-x86 for every opcode', () => {
    const { wrong, known } = compare(allOpcodes());
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(400_000);
  });

  it('agrees with iced-x86 for random instructions', () => {
    const { wrong, known } = compare(randomInstructions(200_000));
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(80_000);
  });

  it('agrees with iced-x86 for the code of the fixtures, and is known for most of it', () => {
    const { wrong, known, count } = compare(fixtureInstructions());
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(count * 0.75);
  });
});

describe('registers', () => {
  it.each<[string, number[], number, number]>([
    ['mov eax, ecx', [0x89, 0xc8], 0b10, 0b1],
    ['mov ax, cx', [0x66, 0x89, 0xc8], 0b11, 0b1],
    ['mov al, 5', [0xb0, 5], 0b1, 0b1],
    ['mov ah, 5', [0xb4, 5], 0b1, 0b1],
    ['mov spl, 5', [0x40, 0xb4, 5], 0x10, 0x10],
    ['mov rax, [rcx+rdx*4]', [0x48, 0x8b, 0x04, 0x91], 0b110, 0b1],
    ['mov [rcx], rax', [0x48, 0x89, 0x01], 0b11, 0],
    ['cmove eax, ecx', [0x0f, 0x44, 0xc1], 0b11, 0b1],
    ['xchg r8, rax', [0x49, 0x90], 0x101, 0x101],
    ['nop', [0x90], 0, 0],
    ['cdq', [0x99], 0b1, 0b100],
    ['cwd', [0x66, 0x99], 0b101, 0b100],
    ['mul ecx', [0xf7, 0xe1], 0b11, 0b101],
    ['mul cl', [0xf6, 0xe1], 0b11, 0b1],
    ['rep movsb', [0xf3, 0xa4], 0xc2, 0xc2],
    ['pop rdi', [0x5f], 0x10, 0x90],
    ['sete cl', [0x0f, 0x94, 0xc1], 0b10, 0b10],
    ['movd eax, xmm0', [0x66, 0x0f, 0x7e, 0xc0], 0, 0b1],
    ['movq xmm0, xmm1', [0xf3, 0x0f, 0x7e, 0xc1], 0, 0],
    ['syscall', [0x0f, 0x05], ALL_REGISTERS, ALL_REGISTERS],
    ['ret', [0xc3], ALL_REGISTERS, ALL_REGISTERS],
  ])('%s', (_name, code, reads, writes) => {
    const bytes = Uint8Array.from(code);
    const insn = createInstruction();
    expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
    expect(ownEffect(bytes, insn)).toEqual({ reads, writes });
  });
});
