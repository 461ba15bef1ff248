/**
 * Adds up in one instruction what two that follow each other add up: `lea (%rax,%rbp), %rsi; add $-20, %rsi` is
 * `lea -20(%rax,%rbp), %rsi`, and `mov %rcx, %r8; add $3, %r8` is `lea 3(%rcx), %r8`.
 *
 * Each of the two leaves in one and the same register a sum of at most two registers, one of them multiplied by a power
 * of two, and a number. What the second one says of that register is said of the first sum instead. LEA calculates
 * modulo 2^64 and keeps as many bits as the second instruction did; of 32 bits, the lower half of a sum depends on
 * nothing but lower halves. It writes no flags: those of both have to be dead.
 */
import { readI32 } from '../elf/bytes.ts';
import { createInstruction, decode, Encoding, type Instruction } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { signed } from '../x86/exits.ts';
import { ALL_FLAGS } from '../x86/flags.ts';
import { type Code, Feature, Mark, NO_TARGET } from './code.ts';

/** Nothing may lead between the two, and unwind tables say nothing of that place. */
const ENTERED =
  Mark.entry | Mark.target | Mark.function | Mark.start | Mark.landingPad | Mark.even | Mark.described;
const NONE = -1;
const REX_W = 8;

/** What an instruction leaves in a register: base + (index << scale) + number, in 64 bits or the lower 32. */
interface Sum {
  register: number;
  isWide: boolean;
  base: number;
  index: number;
  scale: number;
  number: number;
}

const first: Sum = { register: 0, isWide: false, base: 0, index: 0, scale: 0, number: 0 };
const second: Sum = { ...first };
const insn = createInstruction();
const out = new Uint8Array(16);

/** @param liveFlags those that are live before each instruction, as masks of `Flag` */
export function joinSums(code: Code, liveFlags: Uint8Array): void {
  const { count, newLength, marks } = code;
  let i = 0;
  while (i < count) {
    let next = i + 1;
    if (newLength[i] !== 0 && readSum(code, i, first)) {
      while (next < count && newLength[next] === 0 && (marks[next]! & ENTERED) === 0) next++;
      if (next < count && (marks[next]! & ENTERED) === 0 && join(code, i, next, liveFlags)) continue;
    }
    i = next;
  }
}

/** @returns whether the second is now part of the first */
function join(code: Code, i: number, next: number, liveFlags: Uint8Array): boolean {
  if ((liveFlags[next + 1]! & ALL_FLAGS) !== 0 || !readSum(code, next, second)) return false;
  const isKept = second.register === first.register && (first.isWide || !second.isWide);
  if (!isKept || !substitute()) return false;
  const length = writeLea();
  if (length >= code.newLength[i]! + code.newLength[next]!) return false;
  code.replace(i, out, length);
  code.newLength[next] = 0;
  return true;
}

/** Puts the first sum in the place of its register in the second one, as the new first. @returns whether that fits */
function substitute(): boolean {
  const { register } = first;
  first.isWide = second.isWide;
  if (second.base !== register) {
    if (second.index !== register) return false;
    // The other one is a base, what there is becomes the index.
    if (second.scale > 0 && !multiply()) return false;
    return add(second.base, 0) && addNumber(second.number);
  }
  if (second.index === register) return false;
  return add(second.index, second.scale) && addNumber(second.number);
}

/** Multiplies the first sum as the second one does. */
function multiply(): boolean {
  if (first.index !== NONE || first.base === Register.rsp) return false;
  first.index = first.base;
  first.base = NONE;
  first.scale = second.scale;
  const number = first.number * 2 ** second.scale;
  first.number = 0;
  return addNumber(number);
}

/** Adds a register to the first sum. */
function add(register: number, scale: number): boolean {
  if (register === NONE) return true;
  if (first.base === NONE && scale === 0) first.base = register;
  else if (first.index === NONE && register !== Register.rsp) {
    first.index = register;
    first.scale = scale;
  } else return false;
  return true;
}

function addNumber(number: number): boolean {
  first.number += number;
  return first.number === (first.number | 0);
}

/** Reads what an instruction leaves, if it is such a sum. */
function readSum(code: Code, i: number, sum: Sum): boolean {
  const { hasField, newLength, target, features } = code;
  if ((features[i]! & Feature.calculation) === 0 || hasField[i] === 1 || target[i] !== NO_TARGET)
    return false;
  if (newLength[i]! < 2) return false;
  const source = code.sourceOf(i);
  const start = code.startOf(i);
  decode(source, start, start + newLength[i]!, insn);
  const { encoding, map, prefixes, rex, prefixLength } = insn;
  if (encoding !== Encoding.legacy || map !== 0 || prefixes !== 0 || prefixLength > 1) return false;
  sum.isWide = (rex & REX_W) !== 0;
  sum.base = NONE;
  sum.index = NONE;
  sum.scale = 0;
  sum.number = 0;
  const isSum = insn.modrmOffset >= 0 ? readModrm(source, start, sum) : readShort(source, start, sum);
  return isSum && sum.register !== Register.rsp;
}

/** ADD eax, imm32; SUB eax, imm32 */
function readShort(source: Uint8Array, start: number, sum: Sum): boolean {
  if (insn.opcode !== 0x05 && insn.opcode !== 0x2d) return false;
  sum.register = Register.rax;
  return setNumber(sum, insn.opcode === 0x05 ? 0 : 5, readI32(source, start + insn.immOffset));
}

function readModrm(source: Uint8Array, start: number, sum: Sum): boolean {
  const { opcode, rex } = insn;
  const modrm = source[start + insn.modrmOffset]!;
  const extension = (modrm >> 3) & 7;
  const reg = extension | ((rex & 4) << 1);
  if (opcode === 0x8d) return !insn.ripRelative && readAddress(source, start, insn, reg, sum);
  if (modrm < 0xc0) return false;
  const rm = (modrm & 7) | ((rex & 1) << 3);
  sum.register = rm;
  switch (opcode) {
    case 0x01: // ADD Ev, Gv
    case 0x03: // ADD Gv, Ev
      sum.register = opcode === 0x01 ? rm : reg;
      sum.base = sum.register;
      sum.index = opcode === 0x01 ? reg : rm;
      // No index can be rsp.
      if (sum.index === Register.rsp) [sum.base, sum.index] = [sum.index, sum.base];
      return true;
    case 0x89: // MOV Ev, Gv
    case 0x8b: // MOV Gv, Ev
      sum.register = opcode === 0x89 ? rm : reg;
      sum.base = opcode === 0x89 ? reg : rm;
      return true;
    case 0x81:
    case 0x83:
      return setNumber(sum, extension, signed(source, start + insn.immOffset, insn.immSize));
    case 0xc1: // SHL
      sum.index = rm;
      sum.scale = source[start + insn.immOffset]!;
      return extension === 4 && sum.scale > 0 && sum.scale < 4 && rm !== Register.rsp;
    case 0xff: // INC, DEC
      return extension < 2 && setNumber(sum, extension === 0 ? 0 : 5, 1);
    default:
      return false;
  }
}

/** ADD and SUB of a number. @param operation that of group 1 */
function setNumber(sum: Sum, operation: number, number: number): boolean {
  sum.base = sum.register;
  sum.number = operation === 0 ? number : -number;
  return (operation === 0 || operation === 5) && sum.number === (sum.number | 0);
}

/** LEA */
function readAddress(
  source: Uint8Array,
  start: number,
  { modrmOffset, rex, dispOffset, dispSize }: Instruction,
  reg: number,
  sum: Sum,
): boolean {
  const modrm = source[start + modrmOffset]!;
  if (modrm >= 0xc0) return false;
  sum.register = reg;
  if (dispSize > 0) sum.number = signed(source, start + dispOffset, dispSize);
  if ((modrm & 7) !== 4) {
    sum.base = (modrm & 7) | ((rex & 1) << 3);
    return true;
  }
  const sib = source[start + modrmOffset + 1]!;
  const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
  if (index !== 4) {
    sum.index = index;
    sum.scale = sib >> 6;
  }
  if ((sib & 7) !== 5 || modrm >= 0x40) sum.base = (sib & 7) | ((rex & 1) << 3);
  return true;
}

/** Writes LEA of the first sum. @returns its bytes */
function writeLea(): number {
  const { register, isWide, number } = first;
  let { base, index, scale } = first;
  if (base === NONE && scale <= 1) {
    base = index;
    if (scale === 0) index = NONE;
    scale = 0;
  }
  // A base with the low bits of rbp takes a displacement, even of 0.
  if (index !== NONE && scale === 0 && number === 0 && (base & 7) === 5 && (index & 7) !== 5 && base !== 4)
    [base, index] = [index, base];
  let length = 0;
  const rex = 0x40 | (isWide ? 8 : 0) | ((register & 8) >> 1) | (index > 7 ? 2 : 0) | (base > 7 ? 1 : 0);
  if (rex !== 0x40) out[length++] = rex;
  out[length++] = 0x8d;
  const isSmall = number >= -128 && number < 128;
  const mod = base === NONE || (number === 0 && (base & 7) !== 5) ? 0 : isSmall ? 1 : 2;
  const hasSib = index !== NONE || base === NONE || (base & 7) === 4;
  out[length++] = (mod << 6) | ((register & 7) << 3) | (hasSib ? 4 : base & 7);
  if (hasSib)
    out[length++] = (scale << 6) | ((index === NONE ? 4 : index & 7) << 3) | (base === NONE ? 5 : base & 7);
  const size = base === NONE || mod === 2 ? 4 : mod;
  for (let k = 0; k < size; k++) out[length++] = number >> (8 * k);
  return length;
}
