/** What instructions do to the status flags, compared with iced-x86. */
import {
  Code,
  type ConditionCode,
  Decoder,
  DecoderOptions,
  type Instruction as IcedInstruction,
} from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode, Encoding, type Instruction } from '../../src/x86/decode.ts';
import { ALL_FLAGS, Flag, flagEffectOf, flagsOfCondition, WRITTEN_SHIFT } from '../../src/x86/flags.ts';
import { toHex } from '../elf/make.ts';
import { fixtureInstructions } from './fixtureCode.ts';
import { flagsOf } from './icedFlags.ts';
import { allOpcodes, randomInstructions } from './instructions.ts';

interface FlagEffect {
  readonly read: number;
  readonly written: number;
}

/** @returns undefined where iced knows no such instruction */
function effectByIced(bytes: Uint8Array): FlagEffect | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const isKnown = instruction.code !== Code.INVALID && instruction.length === bytes.length;
  const effect = isKnown ? effectOf(instruction) : undefined;
  instruction.free();
  decoder.free();
  return effect;
}

function effectOf(instruction: IcedInstruction): FlagEffect {
  return {
    read: flagsOf(instruction.rflagsRead),
    // Written, cleared, set or undefined.
    written: flagsOf(instruction.rflagsModified),
  };
}

function ownEffect(bytes: Uint8Array, insn: Instruction): FlagEffect {
  const effect = flagEffectOf(bytes, 0, insn);
  return { read: effect & ALL_FLAGS, written: effect >> WRITTEN_SHIFT };
}

/**
 * Whether an instruction may leave the flags as they were, though iced says that it writes them: it repeats something
 * no times, or shifts by a number that is only known when it runs, or by nothing.
 */
function mayWriteNothing(
  bytes: Uint8Array,
  { opcode, map, prefixLength, immOffset, rex }: Instruction,
): boolean {
  const isRepeated = bytes.subarray(0, prefixLength).some((byte) => byte === 0xf2 || byte === 0xf3);
  if (map === 1) return [0xa4, 0xa5, 0xac, 0xad].includes(opcode); // SHLD, SHRD
  if (map !== 0) return false;
  if (opcode === 0xd2 || opcode === 0xd3) return true;
  const mask = (rex & 8) === 0 || opcode === 0xc0 ? 31 : 63;
  if (opcode === 0xc0 || opcode === 0xc1) return (bytes[immOffset]! & mask) === 0;
  return isRepeated && [0xa6, 0xa7, 0xae, 0xaf].includes(opcode); // CMPS, SCAS
}

/**
 * Whether an instruction is RCL or RCR of a byte or word by an immediate. Once all the way round, the carry flag is what
 * it was, which says no more than that it was read; the SDM leaves the overflow flag undefined then, iced unmodified.
 */
function turnsAround(bytes: Uint8Array, { opcode, map, modrmOffset, encoding }: Instruction): boolean {
  const isShift = encoding === Encoding.legacy && map === 0 && (opcode === 0xc0 || opcode === 0xc1);
  return isShift && (bytes[modrmOffset]! & 0x30) === 0x10;
}

/** What disagrees about an instruction, in words; '' for nothing. */
function complaint(bytes: Uint8Array, insn: Instruction): string {
  const expected = effectByIced(bytes);
  const own = ownEffect(bytes, insn);
  if (!expected) return '';
  const unread = expected.read & ~own.read;
  const modified = mayWriteNothing(bytes, insn) ? 0 : expected.written;
  const ignored = turnsAround(bytes, insn) ? Flag.carry | Flag.overflow : 0;
  const unwritten = own.written & ~(modified | ignored);
  // What writes none of those that it does not read leaves all as they were.
  const isMissed = expected.written !== 0 && own.written === 0 && own.read !== ALL_FLAGS;
  if (isMissed) return `${toHex(bytes)}: writes flags`;
  return unread === 0 && unwritten === 0
    ? ''
    : `${toHex(bytes)}: reads ${unread.toString(2)} besides, does not write ${unwritten.toString(2)}`;
}

/** Looks at every instruction. @returns what is wrong, how many there were, and of how many something is known */
function compare(instructions: Iterable<[Uint8Array, Instruction]>): {
  wrong: string[];
  count: number;
  known: number;
} {
  const wrong: string[] = [];
  let count = 0;
  let known = 0;
  for (const [bytes, insn] of instructions) {
    count++;
    const text = complaint(bytes, insn);
    if (text !== '') wrong.push(text);
    if (ownEffect(bytes, insn).read !== ALL_FLAGS) known++;
  }
  return { wrong: wrong.slice(0, 20), count, known };
}

describe('what is read and written', () => {
  it('agrees with iced-x86 for every opcode', () => {
    const { wrong, known } = compare(allOpcodes());
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(100_000);
  });

  it('agrees with iced-x86 for random instructions', () => {
    const { wrong, known } = compare(randomInstructions(200_000));
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(50_000);
  });

  it('agrees with iced-x86 for the code of the fixtures, and is known for most of it', () => {
    const { wrong, known, count } = compare(fixtureInstructions());
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(count * 0.6);
  });

  it.each<[string, number[], number, number]>([
    ['shl cl', [0xd3, 0xe0], ALL_FLAGS, 0],
    ['rcl cl', [0xd3, 0xd0], ALL_FLAGS, 0],
    ['shl 0', [0xc1, 0xe0, 0], ALL_FLAGS, 0],
    ['shl 32, which is 0', [0xc1, 0xe0, 32], ALL_FLAGS, 0],
    ['shl 32 of 64 bits', [0x48, 0xc1, 0xe0, 32], 0, ALL_FLAGS],
    ['shl 1', [0xd1, 0xe0], 0, ALL_FLAGS],
    ['rol 3', [0xc1, 0xc0, 3], 0, Flag.carry | Flag.overflow],
    ['inc', [0xff, 0xc0], 0, ALL_FLAGS & ~Flag.carry],
    ['adc', [0x11, 0xc0], Flag.carry, ALL_FLAGS],
    ['repe cmpsb', [0xf3, 0xa6], ALL_FLAGS, 0],
    ['bt', [0x0f, 0xa3, 0xc0], 0, ALL_FLAGS & ~Flag.zero],
    ['not', [0xf7, 0xd0], 0, 0],
    ['rep stosb', [0xf3, 0xaa], 0, 0],
    ['lahf', [0x9f], ALL_FLAGS, 0],
    ['ret', [0xc3], ALL_FLAGS, 0],
  ])('%s', (_name, code, read, written) => {
    const bytes = Uint8Array.from(code);
    const insn = createInstruction();
    expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
    expect(ownEffect(bytes, insn)).toEqual({ read, written });
  });
});

describe('conditions', () => {
  it('read what iced-x86 says of Jcc', () => {
    const conditions = new Set<ConditionCode>();
    for (let condition = 0; condition < 16; condition++) {
      const decoder = new Decoder(64, Uint8Array.of(0x70 | condition, 0), DecoderOptions.None);
      const instruction = decoder.decode();
      conditions.add(instruction.conditionCode);
      expect(flagsOfCondition(condition)).toBe(flagsOf(instruction.rflagsRead));
      instruction.free();
      decoder.free();
    }
    expect(conditions.size).toBe(16);
  });
});
