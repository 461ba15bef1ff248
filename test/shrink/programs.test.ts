/** Programs at random do the same whether they are shrunk or not: each is run both ways, and what it leaves compared. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildObject, type SectionSpec, type SymbolSpec } from '../../src/elf/build.ts';
import { STB_LOCAL, STT_SECTION } from '../../src/elf/constants.ts';
import type { LinkOptions } from '../../src/options.ts';
import { bss, CODE, linkFiles, RODATA, randomNumbers, section, toHex } from '../elf/make.ts';
import { run, scratchFolder } from '../run.ts';
import { Assembler, registers } from './assembler.ts';
import { COMMENT, functionSymbol, R_32, R_32S, R_64, R_PC32, R_PLT32 } from './make.ts';

type Random = (below: number) => number;

const R_GOTPCRELX = 41;
const R_REX_GOTPCRELX = 42;

/** Bytes of `state`, what functions read and write; rbx points to it. */
const STATE_SIZE = 256;
/** Steps after which the program ends, wherever it is; in memory behind the state. */
const MAX_STEPS = 20_000;
const STEPS = STATE_SIZE;

/** Registers that functions calculate with, and need not preserve. Addresses are only in others: rsp, rbx, r14 and r15. */
const REGISTERS = [0, 1, 2, 6, 7, 8, 9, 10, 11] as const;
/** Those of which nobody knows what they hold behind a call through a pointer, as it has no results there (psABI, 3.2). */
const LOST = [6, 7, 8, 9, 10, 11] as const;
/** Numbers near which encodings change. */
const NUMBERS = [
  0, 1, -1, 2, 127, 128, -128, -129, 255, 256, 0x7fff, 0xffff, 0x7fffffff, -0x80000000,
] as const;

/** The same with a place in `state`, of which the displacement has one or four bytes. */
function memory(out: Assembler, random: Random, isWide: boolean, opcode: number, reg: number): void {
  const rex = (isWide ? 8 : 0) | ((reg & 8) >> 1);
  const place = 8 * random(STATE_SIZE / 8);
  const isShort = place < 128 && random(2) === 0;
  out.emit(...(rex === 0 ? [] : [0x40 | rex]), opcode, (isShort ? 0x43 : 0x83) | ((reg & 7) << 3));
  if (isShort) out.emit(place);
  else out.word(place);
}

/** Instructions that leave the flags alone. */
function move(out: Assembler, random: Random): void {
  const reg = REGISTERS[random(REGISTERS.length)]!;
  const rm = REGISTERS[random(REGISTERS.length)]!;
  const isWide = random(2) === 0;
  switch (random(7)) {
    case 0: // MOV r32, imm32
    case 1:
      out.emit(...(reg > 7 ? [0x41] : []), 0xb8 | (reg & 7));
      out.word(random(2) === 0 ? random(129) : numberFrom(random));
      break;
    case 2: // MOV r/m, imm32
      registers(out, isWide, [0xc7], 0, reg);
      out.word(numberFrom(random));
      break;
    case 3: // MOV r, r/m
      registers(out, isWide, [0x8b], reg, rm);
      break;
    case 4:
      memory(out, random, isWide, 0x8b, reg);
      break;
    case 5:
      memory(out, random, isWide, 0x89, reg);
      break;
    default: // NOP, ENDBR64
      out.emit(...[[0x90], [0x0f, 0x1f, 0x40, 0], [0xf3, 0x0f, 0x1e, 0xfa]][random(3)]!);
      break;
  }
}

function numberFrom(random: Random): number {
  return random(3) > 0 ? NUMBERS[random(NUMBERS.length)]! : random(2 ** 31);
}

/** Instructions that define all flags but the adjust flag, which no condition reads. */
function calculate(out: Assembler, random: Random): void {
  const reg = REGISTERS[random(REGISTERS.length)]!;
  const rm = REGISTERS[random(REGISTERS.length)]!;
  const isWide = random(2) === 0;
  const operation = random(8);
  switch (random(7)) {
    case 0: // ADD, OR, ADC, SBB, AND, SUB, XOR, CMP r/m, imm32
      registers(out, isWide, [0x81], operation, reg);
      out.word(numberFrom(random));
      break;
    case 1: // the same with imm8
      registers(out, isWide, [0x83], operation, reg);
      out.emit(numberFrom(random));
      break;
    case 2: // the same of two registers
      registers(out, isWide, [(operation << 3) | 1], reg, rm);
      break;
    case 3: // XOR, SUB, TEST of a register and itself
      registers(out, isWide, [[0x31, 0x29, 0x85][random(3)]!], reg, reg);
      break;
    case 4: // TEST r/m, imm32
      registers(out, isWide, [0xf7], 0, reg);
      out.word(numberFrom(random));
      break;
    case 5: // NEG
      registers(out, isWide, [0xf7], 3, reg);
      break;
    default: // INC and DEC, behind one that defines the carry flag
      registers(out, isWide, [0x85], reg, rm);
      registers(out, isWide, [0xff], random(2), reg);
      break;
  }
}

/** Instructions behind which flags other than carry may not be defined. */
function shift(out: Assembler, random: Random): void {
  const reg = REGISTERS[random(REGISTERS.length)]!;
  const isWide = random(2) === 0;
  const extension = [0, 1, 2, 3, 4, 5, 7][random(7)]!;
  switch (random(4)) {
    case 0: // ROL … SAR r, imm8
      registers(out, isWide, [0xc1], extension, reg);
      out.emit(random(70));
      break;
    case 1: // ROL … SAR r, cl
      registers(out, isWide, [0xd3], extension, reg);
      break;
    case 2: // MUL, IMUL
      registers(out, isWide, [0xf7], 4 + random(2), reg);
      break;
    default: // NOT
      registers(out, isWide, [0xf7], 2, reg);
      break;
  }
}

/** Makes the flags known that a condition reads. @returns the condition */
function condition(out: Assembler, random: Random): number {
  if (random(4) === 0) return 2 | random(2); // carry: always defined
  calculate(out, random);
  for (let i = random(3); i > 0; i--) move(out, random);
  return random(16);
}

/** SETcc, CMOVcc, ADC. */
function readFlags(out: Assembler, random: Random): void {
  const reg = REGISTERS[random(REGISTERS.length)]!;
  const tested = condition(out, random);
  if (random(2) === 0) registers(out, true, [0x0f, 0x90 | tested], 0, reg);
  else registers(out, random(2) === 0, [0x0f, 0x40 | tested], reg, REGISTERS[random(REGISTERS.length)]!);
}

/** What all functions of a program know. */
interface Plan {
  readonly random: Random;
  /** Names of functions that may be called. */
  readonly functions: readonly string[];
  /** Ends of functions, which many share, as lists of instructions. */
  readonly epilogues: readonly (readonly (readonly number[])[])[];
  /** Tables that functions jump or call through. */
  readonly tables: SectionSpec[];
  readonly symbols: SymbolSpec[];
}

/** Counts a step; the program ends if there were too many. */
function step(out: Assembler): void {
  out.emit(0x83, 0xab); // SUB dword [rbx+disp32], 1
  out.word(STEPS);
  out.emit(1, 0x0f, 0x88); // JS rel32
  out.field(R_PLT32, 'done', -4);
}

/** Calls a function in one of many ways. Flags are known afterwards. */
function call(out: Assembler, { random, functions }: Plan): void {
  const name = functions[random(functions.length)]!;
  const way = random(6);
  switch (way) {
    case 0: // LEA r15, [rip+x]; CALL r15
      out.emit(0x4c, 0x8d, 0x3d);
      out.field(R_PC32, name, -4);
      out.emit(0x41, 0xff, 0xd7);
      break;
    case 1: // MOV r15, imm32; CALL r15
      out.emit(0x49, 0xc7, 0xc7);
      out.field(R_32S, name);
      out.emit(0x41, 0xff, 0xd7);
      break;
    case 2: // MOV r15d, imm32; CALL r15
      out.emit(0x41, 0xbf);
      out.field(R_32, name);
      out.emit(0x41, 0xff, 0xd7);
      break;
    case 3: // CALL [rip+slot]
      out.emit(0xff, 0x15);
      out.field(R_GOTPCRELX, name, -4);
      break;
    case 4: // MOV r15, [rip+slot]; CALL r15
      out.emit(0x4c, 0x8b, 0x3d);
      out.field(R_REX_GOTPCRELX, name, -4);
      out.emit(0x41, 0xff, 0xd7);
      break;
    default:
      out.emit(0xe8);
      out.field(R_PLT32, name, -4);
  }
  if (way < 5) for (const reg of LOST) out.emit(...loadState(reg));
  out.emit(0x85, 0xc0); // TEST eax, eax
}

/** MOV r, [rbx+8*r] */
function loadState(reg: number): readonly number[] {
  return [reg > 7 ? 0x4c : 0x48, 0x8b, 0x43 | ((reg & 7) << 3), 8 * reg];
}

/** A value that goes to the red zone and comes back. */
function redZone(out: Assembler, random: Random): void {
  const place = -8 - 8 * random(15);
  out.emit(0x48, 0x89, 0x44, 0x24, place); // MOV [rsp-x], rax
  for (let i = random(4); i > 0; i--) move(out, random);
  out.emit(0x48, 0x8b, 0x4c, 0x24, place); // MOV rcx, [rsp-x]
}

/** Jumps through a table of distances or of addresses to one of the labels. */
function jumpThroughTable(out: Assembler, plan: Plan, home: string, labels: readonly string[]): () => void {
  const { random, tables, symbols } = plan;
  const name = `.rodata.table${tables.length}`;
  const isRelative = random(2) === 0;
  symbols.push({ name, section: name, binding: STB_LOCAL });
  out.emit(0x89, 0xc5, 0x83, 0xe5, 3); // MOV ebp, eax; AND ebp, 3
  if (isRelative) {
    out.emit(0x4c, 0x8d, 0x3d); // LEA r15, [rip+table]
    out.field(R_PC32, name, -4);
    out.emit(0x4d, 0x63, 0x34, 0xaf, 0x4d, 0x01, 0xfe, 0x41, 0xff, 0xe6); // MOVSXD r14, [r15+rbp*4]; ADD r14, r15; JMP r14
  } else {
    out.emit(0xff, 0x24, 0xed); // JMP [table+rbp*8]
    out.field(R_32S, name);
  }
  const targets = Array.from({ length: 4 }, () => labels[random(labels.length)]!);
  const slot = tables.length;
  tables.push(section(name, RODATA, 0));
  return () => {
    const relocations = targets.map((label, i) => {
      const place = out.offsetOf(label);
      return isRelative
        ? { offset: 4 * i, type: R_PC32, symbol: home, addend: place + 4 * i }
        : { offset: 8 * i, type: R_64, symbol: home, addend: place };
    });
    tables[slot] = section(name, RODATA, isRelative ? 16 : 32, { relocations });
  };
}

/** Writes a function. @returns what is to be done when its section is written */
function writeFunction(out: Assembler, plan: Plan, name: string, home: string): (() => void)[] {
  const { random, epilogues } = plan;
  const isLeaf = random(3) === 0;
  const labels = Array.from({ length: 1 + random(4) }, (_, i) => `${name}.${i}`);
  const later: (() => void)[] = [];
  const end = (label?: string) => {
    const instructions = epilogues[random(epilogues.length)]!;
    const labelled = 1 + random(instructions.length - 1);
    instructions.forEach((bytes, i) => {
      if (label !== undefined && i === labelled) {
        out.label(label);
        if (random(2) === 0) out.emit(0x90);
      }
      out.emit(...bytes);
    });
  };
  if (random(2) === 0) out.emit(0xf3, 0x0f, 0x1e, 0xfa);
  out.label(name);
  step(out);
  const places = labels.map(() => random(24));
  for (let item = 0; item < 24; item++) {
    labels.forEach((label, i) => {
      if (places[i] !== item) return;
      // The place may begin with what is left out.
      out.label(label);
      if (random(3) === 0) out.emit(0x90);
      step(out);
    });
    const over = `${name}.over${item}`;
    switch (random(15)) {
      case 0:
        out.emit(0x0f, 0x80 | condition(out, random)); // Jcc rel32
        out.branch(labels[random(labels.length)]!, 4);
        break;
      case 1:
        out.emit(0x70 | condition(out, random)); // Jcc rel8 over a jump or an end
        out.branch(over, 1);
        if (random(2) === 0) end();
        else {
          out.emit(0xe9);
          out.branch(labels[random(labels.length)]!, 4);
        }
        out.label(over);
        break;
      case 14:
        out.emit(0x70 | condition(out, random)); // Jcc rel8 into an end
        out.branch(over, 1);
        calculate(out, random);
        end(over);
        break;
      case 2:
        calculate(out, random); // Instructions before it may leave the zero flag undefined.
        out.emit([0xe3, 0xe2, 0xe1][random(3)]!); // JRCXZ, LOOP, LOOPE
        out.branch(over, 1);
        move(out, random);
        out.label(over);
        break;
      case 3:
        if (random(3) > 0) break;
        out.emit(0xe9); // What follows is reached by labels only, or not at all.
        out.branch(labels[random(labels.length)]!, 4);
        break;
      case 4:
        if (random(3) === 0) later.push(jumpThroughTable(out, plan, home, labels));
        break;
      case 5:
      case 6:
        if (isLeaf) redZone(out, random);
        else call(out, plan);
        break;
      case 7:
        readFlags(out, random);
        break;
      case 8:
        shift(out, random);
        break;
      case 9:
      case 10:
        calculate(out, random);
        break;
      default:
        move(out, random);
    }
  }
  end();
  return later;
}

/** Programs in one executable, each of which leaves its state on standard output. */
const PROGRAMS = 20;
const SECTIONS = 4;
const FUNCTIONS = 3 * PROGRAMS;

function writeStart(): SectionSpec {
  const out = new Assembler();
  out.emit(0x48, 0x8d, 0x1d); // LEA rbx, [rip+state]
  out.field(R_PC32, 'state', -4);
  for (let program = 0; program < PROGRAMS; program++) {
    out.emit(0x48, 0x8d, 0x35); // LEA rsi, [rip+x]
    out.field(R_PC32, 'initial', STATE_SIZE * program - 4);
    out.emit(0x48, 0x89, 0xdf, 0xb9); // MOV rdi, rbx; MOV ecx, imm32
    out.word(STATE_SIZE);
    out.emit(0xf3, 0xa4); // REP MOVSB
    for (const reg of REGISTERS) out.emit(...loadState(reg));
    out.emit(0xc7, 0x83); // MOV dword [rbx+disp32], imm32
    out.word(STEPS);
    out.word(MAX_STEPS);
    out.emit(0x4c, 0x8d, 0x3d); // LEA r15, [rip+f]
    out.field(R_PC32, `f${program}`, -4);
    out.emit(0xe8); // CALL
    out.field(R_PLT32, 'enter', -4);
    // write(1, state, STATE_SIZE)
    out.emit(0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x89, 0xde, 0xba);
    out.word(STATE_SIZE);
    out.emit(0x0f, 0x05);
  }
  out.emit(0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05); // exit(0)
  return section('.text', CODE, out.finish(), { relocations: out.relocations });
}

/** Calls r15 so that what it calls can be left from anywhere. */
function writeEnter(): readonly SectionSpec[] {
  const enter = new Assembler();
  enter.emit(0x48, 0x89, 0xa3); // MOV [rbx+disp32], rsp
  enter.word(STEPS + 8);
  enter.emit(0x41, 0xff, 0xd7, 0xc3); // CALL r15; RET
  const done = new Assembler();
  done.emit(0x48, 0x8b, 0xa3); // MOV rsp, [rbx+disp32]
  done.word(STEPS + 8);
  done.emit(0xc3);
  return [section('.text.enter', CODE, enter.finish()), section('.text.done', CODE, done.finish())];
}

/** An object with many programs. */
function randomObject(seed: number): Uint8Array {
  const random = randomNumbers(seed);
  const functions = Array.from({ length: FUNCTIONS }, (_, i) => `f${i}`);
  const epilogues = Array.from({ length: 3 }, () => {
    const instructions = Array.from({ length: 2 + random(3) }, () => {
      const out = new Assembler();
      move(out, random);
      return out.bytes;
    });
    return [...instructions, [0xc3]];
  });
  const symbols: SymbolSpec[] = [
    functionSymbol('_start', '.text'),
    functionSymbol('enter', '.text.enter'),
    functionSymbol('done', '.text.done'),
    { name: 'state', section: '.bss' },
    { name: 'initial', section: '.rodata' },
  ];
  const plan: Plan = { random, functions, epilogues, tables: [], symbols };
  const initial = Uint8Array.from({ length: PROGRAMS * STATE_SIZE }, () => random(256));
  const sections = [writeStart(), ...writeEnter(), section('.rodata', RODATA, initial)];
  for (let number = 0; number < SECTIONS; number++) {
    const name = `.text.${number}`;
    symbols.push({ name, section: name, binding: STB_LOCAL, type: STT_SECTION });
    const out = new Assembler();
    const later: (() => void)[] = [];
    for (let i = number; i < FUNCTIONS; i += SECTIONS) {
      later.push(...writeFunction(out, plan, functions[i]!, name));
      symbols.push(functionSymbol(functions[i]!, name, out.offsetOf(functions[i]!)));
    }
    for (const action of later) action();
    sections.push(section(name, CODE, out.finish(), { relocations: out.relocations, addralign: 16 }));
  }
  return buildObject([...sections, ...plan.tables, bss('.bss', STEPS + 16, 8), COMMENT], symbols);
}

const folder = scratchFolder();

/** Links and runs. @returns the states of the programs, and bytes of the executable */
function statesOf(object: Uint8Array, options: Partial<LinkOptions>): { states: string[]; size: number } {
  const { bytes } = linkFiles({ 'a.o': object }, options);
  const path = join(folder, 'program');
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  const { code, signal, stdout } = run(path, []);
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  const states = Array.from({ length: PROGRAMS }, (_, i) =>
    toHex(stdout.subarray(i * STATE_SIZE, (i + 1) * STATE_SIZE)),
  );
  return { states, size: bytes.length };
}

describe('random programs', () => {
  const variants: readonly Partial<LinkOptions>[] = [
    { shrink: 'safe' },
    { shrink: 'all', icf: 'all', header: 'auto' },
  ];

  it.each(Array.from({ length: 10 }, (_, i) => 0x2f6e2b1 + 7919 * i))('from seed %i do the same', (seed) => {
    const object = randomObject(seed);
    const plain = statesOf(object, { shrink: 'none', icf: 'none' });
    expect(new Set(plain.states).size).toBe(PROGRAMS);
    for (const options of variants) {
      const { states, size } = statesOf(object, options);
      expect(states).toEqual(plain.states);
      expect(size).toBeLessThan(plain.size);
    }
  });
});
