/**
 * Random code that calculates with registers, constants above all, leaves the same in all registers whether it is
 * shrunk or not: as functions that begin with random registers, and as the start of a program.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject } from '../../src/elf/build.ts';
import type { LinkOptions } from '../../src/options.ts';
import { CODE, DATA, linkFiles, randomNumbers, section, toHex } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';
import { Assembler, registers } from './assembler.ts';
import { COMMENT, functionSymbol, R_32S, R_PLT32 } from './make.ts';

type Random = (below: number) => number;

/** All but rsp, and r15, which counts rounds of loops. */
const REGISTERS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] as const;
const STATE_SIZE = 8 * REGISTERS.length;
const FUNCTIONS = 40;
/** Functions begin with so many states each. */
const STATES = 3;
/** Rounds of all loops of a function together. */
const MAX_ROUNDS = 20;

/** Close to each other, and where encodings change. */
const NUMBERS = [0, 0, 1, 2, 3, 5, -1, -2, 127, 128, 255, 256, 0x1234, 0x12345678, 0x12345679, -0x80000000];

/** Halves of numbers that small ones become when they are turned, and others. */
const HALVES = [0, 0, 0, -1, -1, 1, 0x7fffffff, -0x80000000, -16, 0x00ffffff, 0x12345678];

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)]!;
}

/** Constants. */
function load(out: Assembler, random: Random): void {
  const reg = pick(random, REGISTERS);
  const low = reg & 7;
  const rex = reg > 7 ? [0x41] : [];
  switch (random(7)) {
    case 6: // MOV r64, imm64
      out.emit(0x48 | (reg >> 3), 0xb8 | low);
      out.word(pick(random, HALVES));
      out.word(pick(random, HALVES));
      break;
    case 0: // PUSH imm8; POP r64
      out.emit(0x6a, random(4) * 85, ...rex, 0x58 | low);
      break;
    case 1: // MOV r8, imm8: AH to BH without REX
      out.emit(
        ...(random(2) === 0 ? [0x40 | (reg >> 3)] : []),
        0xb0 | (reg & (reg > 7 ? 3 : 7)),
        random(256),
      );
      break;
    case 2: // MOV r64, imm32
      registers(out, true, [0xc7], 0, reg);
      out.word(pick(random, NUMBERS));
      break;
    case 3: // XOR r32, r32
      registers(out, false, [0x31], reg, reg);
      break;
    default: // MOV r32, imm32
      out.emit(...rex, 0xb8 | low);
      out.word(pick(random, NUMBERS));
  }
}

/** Operations that leave all flags as they were. */
function move(out: Assembler, random: Random): void {
  const [to, from] = [pick(random, REGISTERS), pick(random, REGISTERS)];
  const isWide = random(2) === 0;
  switch (random(9)) {
    case 0: // MOVZX, MOVSX
      registers(out, isWide, [0x0f, pick(random, [0xb6, 0xb7, 0xbe, 0xbf])], to, from);
      break;
    case 1: // LEA r, [r + disp8]
      if ((from & 7) === 4) break;
      out.emit(
        0x40 | (isWide ? 8 : 0) | ((to & 8) >> 1) | (from >> 3),
        0x8d,
        0x40 | ((to & 7) << 3) | (from & 7),
      );
      out.emit(pick(random, NUMBERS));
      break;
    case 2: // LEA r, [r + r*4]
      if ((from & 7) === 5) break;
      out.emit(0x40 | (isWide ? 8 : 0) | ((to & 8) >> 1) | (from >> 3), 0x8d, 0x04 | ((to & 7) << 3));
      out.emit(0x80 | (random(4) << 3) | (from & 7));
      break;
    case 3: // CDQ, CQO, CWDE, CDQE
      out.emit(...(isWide ? [0x48] : []), pick(random, [0x98, 0x99]));
      break;
    case 4: // MOVSXD, XCHG
      registers(out, isWide, [pick(random, [0x63, 0x87])], to, from);
      break;
    case 5: // NOT
      registers(out, isWide, [0xf7], 2, to);
      break;
    case 6: // MOV r32, r32 of one register
      registers(out, false, [0x89], to, to);
      break;
    default: // MOV
      registers(out, isWide, [pick(random, [0x89, 0x8b])], to, from);
  }
}

/** Operations that define all flags but the adjust flag. */
function calculate(out: Assembler, random: Random): void {
  const [to, from] = [pick(random, REGISTERS), pick(random, REGISTERS)];
  const isWide = random(2) === 0;
  const operation = random(8);
  switch (random(8)) {
    case 7: // TEST r, imm32
      registers(out, isWide, [0xf7], 0, to);
      out.word(random(4) === 0 ? pick(random, NUMBERS) : 1 << random(32));
      break;
    case 0: // ADD … CMP r, imm32
      registers(out, isWide, [0x81], operation, to);
      out.word(pick(random, NUMBERS));
      break;
    case 1: // ADD … CMP r, imm8
      registers(out, isWide, [0x83], operation, to);
      out.emit(pick(random, NUMBERS));
      break;
    case 2: // ADD … CMP rAX, imm32
      out.emit(...(isWide ? [0x48] : []), (operation << 3) | 5);
      out.word(pick(random, NUMBERS));
      break;
    case 3: // TEST r, r
      registers(out, isWide, [0x85], to, to);
      break;
    case 4: // NEG
      registers(out, isWide, [0xf7], 3, to);
      break;
    case 5: // INC, DEC behind CLC
      out.emit(0xf8);
      registers(out, isWide, [0xff], random(2), to);
      break;
    default: // ADD … CMP r, r
      registers(out, isWide, [(operation << 3) | pick(random, [1, 3])], to, from);
  }
}

/** Operations behind which not all flags are defined. */
function shift(out: Assembler, random: Random): void {
  const to = pick(random, REGISTERS);
  const isWide = random(2) === 0;
  switch (random(4)) {
    case 0: // MUL
      registers(out, isWide, [0xf7], 4, to);
      break;
    case 1: // SHL, SHR, SAR by 1
      registers(out, isWide, [0xd1], pick(random, [4, 5, 7]), to);
      break;
    default: // SHL, SHR, SAR
      registers(out, isWide, [0xc1], pick(random, [4, 5, 7]), to);
      out.emit(random(64));
  }
}

/** SETcc, CMOVcc */
function readFlags(out: Assembler, random: Random): void {
  const to = pick(random, REGISTERS);
  calculate(out, random);
  if (random(2) === 0) registers(out, true, [0x0f, 0x90 | random(16)], 0, to);
  else registers(out, random(2) === 0, [0x0f, 0x40 | random(16)], to, pick(random, REGISTERS));
}

/** Writes code with branches. @param name the start of its labels @param hasLoops whether r15 may be used to count */
function writeBody(out: Assembler, random: Random, name: string, hasLoops: boolean): void {
  const items = 40;
  for (let item = 0; item < items; item++) {
    out.label(`${name}.${item}`);
    const kind = random(16);
    if (kind < 5) load(out, random);
    else if (kind < 8) move(out, random);
    else if (kind < 11) calculate(out, random);
    else if (kind === 11) shift(out, random);
    else if (kind === 12) readFlags(out, random);
    else if (kind < 15 || !hasLoops) {
      calculate(out, random);
      out.emit(0x0f, 0x80 | pick(random, [4, 5, 4, 5, random(16)])); // Jcc rel32, JE and JNE above all
      out.branch(`${name}.${item + 1 + random(items - item)}`, 4);
    } else {
      out.emit(0x41, 0xff, 0xcf, 0x0f, 0x88); // DEC r15d; JS rel32
      out.branch(`${name}.${items}`, 4);
      out.emit(0xe9); // JMP rel32
      out.branch(`${name}.${random(items)}`, 4);
    }
  }
  out.label(`${name}.${items}`);
}

/** Moves all registers to or from a place in `states`. */
function transfer(out: Assembler, opcode: 0x89 | 0x8b, state: number): void {
  REGISTERS.forEach((reg, i) => {
    out.emit(0x48 | ((reg & 8) >> 1), opcode, 0x04 | ((reg & 7) << 3), 0x25); // MOV between r64 and [disp32]
    out.field(R_32S, 'states', STATE_SIZE * state + 8 * i);
  });
}

/** A program that writes the registers as functions, and its own start, leave them. */
function randomObject(seed: number): Uint8Array {
  const random = randomNumbers(seed);
  const out = new Assembler();
  const count = 1 + FUNCTIONS * STATES;
  writeBody(out, random, 'start', false);
  transfer(out, 0x89, 0);
  for (let state = 1; state < count; state++) {
    transfer(out, 0x8b, state);
    out.emit(0x41, 0xbf); // MOV r15d, imm32
    out.word(MAX_ROUNDS);
    out.emit(0xe8); // CALL
    out.field(R_PLT32, `f${state % FUNCTIONS}`, -4);
    transfer(out, 0x89, state);
  }
  out.emit(0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0xba); // write(1, states, …)
  out.word(STATE_SIZE * count);
  out.emit(0xbe);
  out.field(R_32S, 'states');
  out.emit(0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05); // exit(0)
  const functions = new Assembler();
  const symbols = Array.from({ length: FUNCTIONS }, (_, i) => {
    functions.label(`f${i}`);
    functions.emit(0xf8); // CLC: flags do not live across calls
    writeBody(functions, random, `f${i}`, true);
    functions.emit(0xc3);
    return functionSymbol(`f${i}`, '.text.f', functions.offsetOf(`f${i}`));
  });
  const states = Uint8Array.from({ length: STATE_SIZE * count }, () => random(256));
  return buildObject(
    [
      section('.text', CODE, out.finish(), { relocations: out.relocations }),
      section('.text.f', CODE, functions.finish()),
      section('.data', DATA, states),
      COMMENT,
    ],
    [functionSymbol('_start', '.text'), ...symbols, { name: 'states', section: '.data' }],
  );
}

const folder = scratchFolder();

/** Links and runs. @returns the states that are left, and bytes of the executable */
function statesOf(object: Uint8Array, options: Partial<LinkOptions>): { states: string[]; size: number } {
  const { bytes } = linkFiles({ 'a.o': object }, options);
  const path = join(folder, 'program');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  const { code, signal, stdout } = run(path, []);
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  const states = Array.from({ length: stdout.length / STATE_SIZE }, (_, i) =>
    toHex(stdout.subarray(i * STATE_SIZE, (i + 1) * STATE_SIZE)),
  );
  return { states, size: bytes.length };
}

const FIRST = Number(process.env.REGISTERS_SEED ?? 0x51ab3);
const COUNT = Number(process.env.REGISTERS_COUNT ?? 12);

describe('registers', () => {
  it.each(Array.from({ length: COUNT }, (_, i) => FIRST + 7919 * i))('are the same, seed %i', (seed) => {
    const object = randomObject(seed);
    const plain = statesOf(object, { shrink: 'none', icf: 'none' });
    expect(plain.states).toHaveLength(1 + FUNCTIONS * STATES);
    for (const shrink of ['safe', 'all'] as const) {
      const { states, size } = statesOf(object, { shrink });
      expect(states).toEqual(plain.states);
      expect(size).toBeLessThan(plain.size);
    }
  });
});
