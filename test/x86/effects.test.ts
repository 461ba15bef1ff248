/** What instructions read and write, and which of them REX prefixes leave as they are, compared with iced-x86. */
import {
  Code,
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  type Instruction as IcedInstruction,
  InstructionInfoFactory,
  OpAccess,
  Register,
  RflagsBits,
} from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { createInstruction, decode, type Instruction } from '../../src/x86/decode.ts';
import {
  areIndependent,
  type Effects,
  EVERYTHING,
  effectsOf,
  FLAGS,
  MEMORY,
  toleratesRex,
} from '../../src/x86/effects.ts';
import { concat, randomNumbers, toHex } from '../elf/make.ts';
import { fixtureInstructions } from './fixtureCode.ts';
import { generalRegister, READS, WRITES } from './icedRegisters.ts';

const ALL_FLAGS =
  RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF;

const infos = new InstructionInfoFactory();
const formatter = new Formatter(FormatterSyntax.Nasm);

/** What iced says an instruction touches, in this linker's masks; undefined if that is more than they can say. */
function effectsByIced(instruction: IcedInstruction): Effects | undefined {
  const info = infos.info(instruction);
  const { rflagsModified } = instruction;
  // Those that are left alone among others go on.
  const isPart = rflagsModified !== 0 && (rflagsModified & ALL_FLAGS) !== ALL_FLAGS;
  let reads = instruction.rflagsRead !== 0 || isPart ? FLAGS : 0;
  let writes = rflagsModified !== 0 ? FLAGS : 0;
  let isKnown = true;
  for (const used of info.usedRegisters()) {
    const register = generalRegister(used.register);
    if (register) {
      const bit = 1 << register.number;
      if (READS.has(used.access)) reads |= bit;
      if (WRITES.has(used.access)) writes |= bit;
      const isKept = register.isPart || used.access === OpAccess.CondWrite;
      if (WRITES.has(used.access) && isKept) reads |= bit;
    } else if (READS.has(used.access) && used.register >= Register.ES && used.register <= Register.DS) {
      // Segments that begin at 0, whatever is in their registers.
    } else isKnown = false;
    used.free();
  }
  for (const used of info.usedMemory()) {
    if (READS.has(used.access)) reads |= MEMORY;
    if (WRITES.has(used.access)) writes |= MEMORY;
    used.free();
  }
  info.free();
  return isKnown ? { reads, writes } : undefined;
}

/** Decodes the first instruction of `bytes` by iced and has it looked at; undefined if it is none. */
function withIced<T>(
  bytes: Uint8Array,
  address: bigint,
  look: (instruction: IcedInstruction) => T,
): T | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = address;
  const instruction = decoder.decode();
  const result = instruction.code === Code.INVALID ? undefined : look(instruction);
  instruction.free();
  decoder.free();
  return result;
}

/** What disagrees with iced about an instruction, in words; '' for nothing. */
function complaint(bytes: Uint8Array, insn: Instruction): string {
  const own = effectsOf(bytes, 0, insn);
  if (own.reads === EVERYTHING && own.writes === EVERYTHING) return '';
  const expected = withIced(bytes, 0n, effectsByIced);
  if (!expected) return `touches more than can be said: ${toHex(bytes)}`;
  if (own.reads === expected.reads && own.writes === expected.writes) return '';
  const [is, should] = [own, expected].map(
    ({ reads, writes }) => `reads ${reads.toString(16)}, writes ${writes.toString(16)}`,
  );
  return `${is}, should be ${should}: ${toHex(bytes)}`;
}

const IDENT = Uint8Array.of(0x45, 0x4c, 0x46);

/** What changes about an instruction when the last bytes of the ELF magic stand before it; '' for nothing. */
function changeByRex(bytes: Uint8Array): string {
  const told = (instruction: IcedInstruction) => formatter.format(instruction);
  const alone = withIced(bytes, 3n, told);
  const prefixed = withIced(concat(IDENT, bytes), 0n, (instruction) =>
    instruction.length === bytes.length + 3 ? told(instruction) : `${instruction.length} bytes`,
  );
  return alone === prefixed ? '' : `${toHex(bytes)}: ${alone} becomes ${prefixed}`;
}

/** Random instructions, most of them of the one-byte map, each without what follows it. */
function* randomInstructions(count: number, seed: number): Generator<[Uint8Array, Instruction]> {
  const random = randomNumbers(seed);
  const insn = createInstruction();
  const prefixes = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64];
  for (let i = 0; i < count; i++) {
    const bytes = Uint8Array.from({ length: 16 }, () => random(256));
    let at = 0;
    while (random(12) === 0) bytes[at++] = prefixes[random(prefixes.length)]!;
    if (random(2) === 0) bytes[at++] = 0x40 | random(16);
    if (random(8) === 0) bytes[at++] = 0x0f;
    // Registers as often as memory.
    if (random(2) === 0) bytes[at + 1]! |= 0xc0;
    if (decode(bytes, 0, bytes.length, insn) > 0) yield [bytes.slice(0, insn.length), insn];
  }
}

/** Looks at every instruction. @returns how many were understood, how many tolerate REX, and what is wrong */
function compare(instructions: Iterable<[Uint8Array, Instruction]>) {
  const wrong: string[] = [];
  let understood = 0;
  let tolerant = 0;
  for (const [bytes, insn] of instructions) {
    const { writes } = effectsOf(bytes, 0, insn);
    if (writes !== EVERYTHING) understood++;
    const complaints = [complaint(bytes, insn)];
    if (toleratesRex(bytes, 0, insn)) {
      tolerant++;
      complaints.push(changeByRex(bytes));
    }
    wrong.push(...complaints.filter((text) => text !== ''));
  }
  return { wrong: wrong.slice(0, 20), understood, tolerant };
}

describe('reads, writes and tolerance of REX prefixes', () => {
  it('are those of iced-x86 for random instructions', () => {
    const { wrong, understood, tolerant } = compare(randomInstructions(300_000, 0x2545f491));
    expect(wrong).toEqual([]);
    expect(understood).toBeGreaterThan(50_000);
    expect(tolerant).toBeGreaterThan(50_000);
  });

  it('are those of iced-x86 for the code of the fixtures', () => {
    const { wrong, understood, tolerant } = compare(fixtureInstructions());
    expect(wrong).toEqual([]);
    expect(understood).toBeGreaterThan(2000);
    expect(tolerant).toBeGreaterThan(2000);
  });

  it('are known for what start-up code is made of', () => {
    const known = [
      '6a 3c',
      '58',
      '31 ff',
      '48 89 c7',
      'b8 01 00 00 00',
      '48 8d 35 00 00 00 00',
      '48 83 e4 f0',
    ];
    for (const text of known) {
      const bytes = Uint8Array.from(text.split(' '), (pair) => Number.parseInt(pair, 16));
      const insn = createInstruction();
      expect(decode(bytes, 0, bytes.length, insn)).toBe(bytes.length);
      expect(effectsOf(bytes, 0, insn).writes, text).not.toBe(EVERYTHING);
    }
  });
});

describe('independent instructions', () => {
  const all = [...randomInstructions(4000, 7)].map(([bytes]) => bytes);
  const effects = all.map((bytes) => {
    const insn = createInstruction();
    decode(bytes, 0, bytes.length, insn);
    return effectsOf(bytes, 0, insn);
  });

  it('neither write what the other touches nor both touch memory, in either order', () => {
    let count = 0;
    for (let i = 1; i < effects.length; i++) {
      const [a, b] = [effects[i - 1]!, effects[i]!];
      expect(areIndependent(a, b)).toBe(areIndependent(b, a));
      if (!areIndependent(a, b)) continue;
      count++;
      expect(a.writes & (b.reads | b.writes)).toBe(0);
      expect(b.writes & (a.reads | a.writes)).toBe(0);
      expect((a.reads | a.writes) & (b.reads | b.writes) & MEMORY).toBe(0);
    }
    expect(count).toBeGreaterThan(20);
  });
});
