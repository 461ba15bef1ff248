/**
 * Calculates what simple instructions leave in a register, from what is known of those that they read. They are moves
 * and arithmetic between registers and with immediates, without prefixes but REX, that touch no memory: leaving
 * such an instruction out changes nothing but the register and the flags.
 * Source: Intel SDM vol. 2, the operation of each instruction.
 */
import { Encoding, Flow, type Instruction, Prefix } from './decode.ts';
import { isRegister, Register } from './effects.ts';
import type { RegisterValues } from './registerValues.ts';

const REX_W = 8;

/** Operations in the opcode, or in ModRM.reg of group 1. */
const Operation = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

/** Opcodes of the one-byte map that `calculate` knows, whatever ModRM.reg says. */
const isSimple = new Uint8Array(256);
for (const operation of Object.values(Operation)) {
  for (const form of [1, 3, 5]) isSimple[(operation << 3) | form] = 1; // Ev, Gv; Gv, Ev; rAX, Iz
}
isSimple.fill(1, 0xb0, 0xc0); // MOV
for (const opcode of [0x63, 0x85, 0x89, 0x8b, 0x8d, 0x98, 0x99]) isSimple[opcode] = 1;

/** Whether an instruction is one that `calculate` knows. @param at its offset in `bytes` */
export function isCalculation(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  const { opcode, map, flow, encoding, prefixes, modrmOffset } = insn;
  if (encoding !== Encoding.legacy || flow !== Flow.none || prefixes !== 0) return false;
  // Several REX prefixes: the last one counts.
  if (insn.prefixLength > 1) return false;
  const isLea = map === 0 && opcode === 0x8d;
  if (modrmOffset >= 0 && (isLea ? insn.ripRelative : !isRegister(bytes, at, insn))) return false;
  if (map === 1) return (opcode & 0xf6) === 0xb6; // MOVZX, MOVSX
  if (map !== 0) return false;
  if (isSimple[opcode] === 1) return true;
  const extension = modrmOffset < 0 ? 0 : (bytes[at + modrmOffset]! >> 3) & 7;
  switch (opcode) {
    case 0x81:
    case 0x83:
      return extension !== 2 && extension !== 3; // all but ADC and SBB
    case 0xc1:
      return extension >= 4 && (bytes[at + insn.immOffset]! & 31) !== 0; // SHL, SHR, SAR
    case 0xd1:
      return extension >= 4;
    case 0xc7:
      return extension === 0; // MOV
    case 0xf7:
      return extension === 2 || extension === 3; // NOT, NEG
    case 0xff:
      return extension < 2; // INC, DEC
    default:
      return false;
  }
}

/** Whether an instruction leaves zeros in the upper halves of all registers that it writes, but for the stack pointer. */
export function clearsUpperHalves(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  const { opcode, map, encoding, prefixes, rex } = insn;
  if (encoding !== Encoding.legacy || map > 1 || (rex & REX_W) !== 0) return false;
  if ((prefixes & Prefix.operandSize) !== 0) return false;
  if (map === 1) {
    const isMove = (opcode & 0xf6) === 0xb6 || (opcode & 0xf0) === 0x40; // MOVZX, MOVSX; CMOVcc
    return isMove || opcode === 0xaf || opcode === 0xb8 || (opcode & 0xf8) === 0xc8; // IMUL, POPCNT, BSWAP
  }
  if (opcode < 0x40) return (opcode & 7) === 3 || (opcode & 7) === 5 || isWordOrMore(opcode, bytes, at, insn);
  switch (opcode) {
    case 0x69: // IMUL
    case 0x6b:
    case 0x8b: // MOV
    case 0x8d: // LEA
    case 0x98: // CWDE
    case 0x99: // CDQ
      return true;
    case 0x81: // ADD … CMP with an immediate
    case 0x83:
    case 0x89: // MOV
    case 0xc7:
    case 0xf7: // NOT … IDIV
      return isRegister(bytes, at, insn) || opcode === 0xf7;
    case 0xc1: // ROL … SAR
      return isRegister(bytes, at, insn) && (bytes[at + insn.immOffset]! & 31) !== 0;
    case 0xd1:
      return isRegister(bytes, at, insn);
    case 0xff: // INC, DEC
      return isRegister(bytes, at, insn) && ((bytes[at + insn.modrmOffset]! >> 3) & 7) < 2;
    default:
      return opcode >= 0xb8 && opcode <= 0xbf; // MOV
  }
}

/** ADD … CMP Ev, Gv of a register. */
function isWordOrMore(opcode: number, bytes: Uint8Array, at: number, insn: Instruction): boolean {
  return (opcode & 7) === 1 && isRegister(bytes, at, insn);
}

/** What `calculate` finds out; a slot to reuse. */
export interface Outcome {
  /** The register that is written, or -1. */
  register: number;
  isLowKnown: boolean;
  low: number;
  isHighKnown: boolean;
  high: number;
  /** The zero flag tells afterwards whether this register, or -1, holds what `comparedLow` and `comparedHigh` say. */
  compared: number;
  comparedLow: number;
  /** Counts only if `isWide`. */
  comparedHigh: number;
  isWide: boolean;
}

/** Returns a slot for {@link calculate}. */
export function createOutcome(): Outcome {
  return {
    register: -1,
    isLowKnown: false,
    low: 0,
    isHighKnown: false,
    high: 0,
    compared: -1,
    comparedLow: 0,
    comparedHigh: 0,
    isWide: false,
  };
}

/** Fields of the instruction that is being looked at. */
let rex = 0;
let reg = 0;
let rm = 0;

/**
 * Calculates one instruction of which `isCalculation` holds.
 * @param values what registers hold before it
 */
export function calculate(bytes: Uint8Array, at: number, values: RegisterValues, out: Outcome): void {
  let next = at;
  rex = (bytes[next]! & 0xf0) === 0x40 ? bytes[next++]! : 0;
  let opcode = bytes[next++]!;
  const isTwoByte = opcode === 0x0f;
  if (isTwoByte) opcode = bytes[next++]!;
  const modrm = bytes[next]!;
  reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  rm = (modrm & 7) | ((rex & 1) << 3);
  out.register = -1;
  out.compared = -1;
  out.isWide = (rex & REX_W) !== 0;
  out.isLowKnown = false;
  // Overwritten by what operates on 64 bits or on a part of the register.
  out.isHighKnown = !out.isWide;
  out.high = 0;
  if (isTwoByte) extend(opcode, values, out);
  else if (opcode < 0x40) arithmetic(opcode, bytes, next, values, out);
  else if (opcode >= 0xb0 && opcode < 0xc0) moveImmediate(opcode, bytes, next, values, out);
  else calculateOther(opcode, bytes, next, values, out);
}

/** @param next offset of ModRM, or of the immediate where there is none */
function calculateOther(
  opcode: number,
  bytes: Uint8Array,
  next: number,
  values: RegisterValues,
  out: Outcome,
): void {
  switch (opcode) {
    case 0x63: // MOVSXD
      move(reg, rm, values, out);
      if (out.isWide) signExtend(out);
      break;
    case 0x81:
      withImmediate(reg & 7, rm, readInt32(bytes, next + 1), values, out);
      break;
    case 0x83:
      withImmediate(reg & 7, rm, signedByte(bytes[next + 1]!), values, out);
      break;
    case 0x85: // TEST
      if (reg === rm) compare(rm, 0, 0, out);
      break;
    case 0x89: // MOV
      move(rm, reg, values, out);
      break;
    case 0x8b:
      move(reg, rm, values, out);
      break;
    case 0x8d:
      loadAddress(bytes, next, values, out);
      break;
    case 0x98: // CWDE, CDQE
      move(Register.rax, Register.rax, values, out);
      if (out.isWide) signExtend(out);
      else out.low = (out.low << 16) >> 16;
      break;
    case 0x99:
      fillWithSign(values, out);
      break;
    case 0xc1:
      shift(bytes[next + 1]!, values, out);
      break;
    case 0xc7: // MOV
      setConstant(rm, readInt32(bytes, next + 1), out);
      break;
    case 0xd1:
      shift(1, values, out);
      break;
    case 0xf7: // NOT, NEG
      if ((reg & 7) === 2) complement(values, out);
      else negate(values, out);
      break;
    case 0xff: // INC, DEC
      withImmediate(Operation.add, rm, (reg & 7) === 0 ? 1 : -1, values, out);
      break;
  }
}

/** ADD … CMP of two registers, or of rAX and an immediate. */
function arithmetic(
  opcode: number,
  bytes: Uint8Array,
  next: number,
  values: RegisterValues,
  out: Outcome,
): void {
  const operation = opcode >> 3;
  const form = opcode & 7;
  if (form === 5) withImmediate(operation, Register.rax, readInt32(bytes, next), values, out);
  else if (form === 1) withRegister(operation, rm, reg, values, out);
  else withRegister(operation, reg, rm, values, out);
}

function withRegister(
  operation: number,
  to: number,
  from: number,
  values: RegisterValues,
  out: Outcome,
): void {
  const isClearing = to === from && (operation === Operation.sub || operation === Operation.xor);
  if (operation === Operation.cmp) {
    if (isKnown(from, values, out.isWide)) compare(to, values.low[from]!, values.high[from]!, out);
    else if (isKnown(to, values, out.isWide)) compare(from, values.low[to]!, values.high[to]!, out);
    return;
  }
  compare(to, 0, 0, out);
  out.register = to;
  if (isClearing) {
    setConstant(to, 0, out);
    return;
  }
  const isLowKnown = values.isLowKnown(from);
  const isHighKnown = values.isHighKnown(from);
  combine(operation, values, out, isLowKnown, values.low[from]!, isHighKnown, values.high[from]!);
}

function withImmediate(
  operation: number,
  to: number,
  value: number,
  values: RegisterValues,
  out: Outcome,
): void {
  if (operation === Operation.cmp) {
    compare(to, value, value >> 31, out);
    return;
  }
  compare(to, 0, 0, out);
  out.register = to;
  if (operation === Operation.or && value === -1) setConstant(to, -1, out);
  else if (operation === Operation.and && value === 0) setConstant(to, 0, out);
  else combine(operation, values, out, true, value, true, value >> 31);
}

/** What `operation` makes of `out.register` and of another operand, the halves of which may be known. */
function combine(
  operation: number,
  values: RegisterValues,
  out: Outcome,
  isLowKnown: boolean,
  low: number,
  isHighKnown: boolean,
  high: number,
): void {
  const to = out.register;
  const areLowsKnown = isLowKnown && values.isLowKnown(to);
  const ownLow = values.low[to]!;
  out.isLowKnown = areLowsKnown;
  if (areLowsKnown) out.low = combineHalves(operation, ownLow, low);
  if (!out.isWide) return;
  const isSum = operation === Operation.add || operation === Operation.sub;
  const areHighsKnown = isHighKnown && values.isHighKnown(to);
  if (isSum) {
    out.isHighKnown = areHighsKnown && areLowsKnown;
    out.high = combineHalves(operation, values.high[to]!, high) + carryOf(operation, ownLow, low);
    out.high |= 0;
  } else {
    const isMasked = operation === Operation.and && ((isHighKnown && high === 0) || values.isNarrow(to));
    out.isHighKnown = areHighsKnown || isMasked;
    out.high = isMasked ? 0 : combineHalves(operation, values.high[to]!, high);
  }
}

function combineHalves(operation: number, a: number, b: number): number {
  switch (operation) {
    case Operation.add:
      return (a + b) | 0;
    case Operation.sub:
      return (a - b) | 0;
    case Operation.and:
      return a & b;
    case Operation.or:
      return a | b;
    default:
      return a ^ b;
  }
}

/** What a sum of the lower halves adds to the one of the upper halves. */
function carryOf(operation: number, a: number, b: number): number {
  if (operation === Operation.add) return (a >>> 0) + (b >>> 0) >= 2 ** 32 ? 1 : 0;
  return a >>> 0 < b >>> 0 ? -1 : 0;
}

function complement(values: RegisterValues, out: Outcome): void {
  move(rm, rm, values, out);
  out.low = ~out.low;
  if (out.isWide) out.high = ~out.high;
}

function negate(values: RegisterValues, out: Outcome): void {
  compare(rm, 0, 0, out);
  const { isWide } = out;
  move(rm, rm, values, out);
  if (isWide) {
    out.isHighKnown &&= out.isLowKnown;
    out.high = (-out.high - (out.low !== 0 ? 1 : 0)) | 0;
  }
  out.low = -out.low | 0;
}

/** SHL, SHR, SAR by a number that is not 0; of 64 bits only what is left of an upper half that is 0. */
function shift(count: number, values: RegisterValues, out: Outcome): void {
  compare(rm, 0, 0, out);
  out.register = rm;
  if (out.isWide) {
    out.isHighKnown = (reg & 7) === 5 && values.isNarrow(rm);
    return;
  }
  out.isLowKnown = values.isLowKnown(rm);
  const value = values.low[rm]!;
  const by = count & 31;
  if ((reg & 7) === 5) out.low = (value >>> by) | 0;
  else out.low = (reg & 7) === 7 ? value >> by : value << by;
}

function move(to: number, from: number, values: RegisterValues, out: Outcome): void {
  out.register = to;
  out.isLowKnown = values.isLowKnown(from);
  out.low = values.low[from]!;
  if (!out.isWide) return;
  out.isHighKnown = values.isHighKnown(from);
  out.high = values.high[from]!;
}

/** A number that is sign-extended where the operation has 64 bits. */
function setConstant(to: number, value: number, out: Outcome): void {
  out.register = to;
  out.isLowKnown = true;
  out.low = value;
  out.isHighKnown = true;
  out.high = out.isWide ? value >> 31 : 0;
}

/** B0 MOV r8, imm8; B8 MOV r, imm */
function moveImmediate(
  opcode: number,
  bytes: Uint8Array,
  next: number,
  values: RegisterValues,
  out: Outcome,
): void {
  const to = (opcode & 7) | ((rex & 1) << 3);
  if (opcode < 0xb8) moveByte(to, bytes[next]!, values, out);
  else {
    out.register = to;
    out.isLowKnown = true;
    out.low = readInt32(bytes, next);
    out.isHighKnown = true;
    out.high = out.isWide ? readInt32(bytes, next + 4) : 0;
  }
}

function moveByte(number: number, value: number, values: RegisterValues, out: Outcome): void {
  const isHighByte = rex === 0 && number >= 4;
  const to = isHighByte ? number - 4 : number;
  out.isWide = true;
  move(to, to, values, out);
  out.low = isHighByte ? (out.low & ~0xff00) | (value << 8) : (out.low & ~0xff) | value;
}

/** LEA; of 64 bits only a base and a displacement. */
function loadAddress(bytes: Uint8Array, next: number, values: RegisterValues, out: Outcome): void {
  const modrm = bytes[next]!;
  const mod = modrm >> 6;
  out.register = reg;
  let at = next + 1;
  let base = rm;
  let index = -1;
  let scale = 0;
  if ((modrm & 7) === 4) {
    const sib = bytes[at++]!;
    base = (sib & 7) | ((rex & 1) << 3);
    if ((sib & 7) === 5 && mod === 0) base = -1;
    index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index === 4) index = -1;
    scale = sib >> 6;
  }
  const isWord = mod === 2 || (mod === 0 && base < 0);
  const disp = isWord ? readInt32(bytes, at) : mod === 1 ? signedByte(bytes[at]!) : 0;
  out.isLowKnown = (base < 0 || values.isLowKnown(base)) && (index < 0 || values.isLowKnown(index));
  if (out.isLowKnown) {
    const multiple = index < 0 ? 0 : values.low[index]! << scale;
    out.low = ((base < 0 ? 0 : values.low[base]!) + multiple + disp) | 0;
  }
  if (!out.isWide) return;
  out.isHighKnown = index < 0 && base >= 0 && out.isLowKnown && values.isHighKnown(base);
  if (!out.isHighKnown) return;
  out.high = (values.high[base]! + (disp >> 31) + carryOf(Operation.add, values.low[base]!, disp)) | 0;
}

/** MOVZX and MOVSX of a byte or a word. */
function extend(opcode: number, values: RegisterValues, out: Outcome): void {
  out.register = reg;
  const isByte = (opcode & 1) === 0;
  const isHighByte = isByte && rex === 0 && rm >= 4;
  const from = isHighByte ? rm - 4 : rm;
  const isSigned = opcode >= 0xbe;
  out.isLowKnown = values.isLowKnown(from);
  const value = values.low[from]! >> (isHighByte ? 8 : 0);
  if (isSigned) out.low = isByte ? signedByte(value) : (value << 16) >> 16;
  else out.low = value & (isByte ? 0xff : 0xffff);
  if (!out.isWide) return;
  out.isHighKnown = !isSigned || out.isLowKnown;
  out.high = isSigned ? out.low >> 31 : 0;
}

/** CDQ, CQO */
function fillWithSign(values: RegisterValues, out: Outcome): void {
  const half = out.isWide ? values.high : values.low;
  const isKnownSign = out.isWide ? values.isHighKnown(Register.rax) : values.isLowKnown(Register.rax);
  const { isWide } = out;
  out.register = Register.rdx;
  out.isLowKnown = isKnownSign;
  out.low = half[Register.rax]! >> 31;
  if (!isWide) return;
  out.isHighKnown = isKnownSign;
  out.high = out.low;
}

/** Notes that the zero flag tells whether a register holds a number. */
function compare(register: number, low: number, high: number, out: Outcome): void {
  out.compared = register;
  out.comparedLow = low;
  out.comparedHigh = high;
}

function signExtend(out: Outcome): void {
  out.isHighKnown = out.isLowKnown;
  out.high = out.low >> 31;
}

function isKnown(register: number, values: RegisterValues, isWide: boolean): boolean {
  return values.isLowKnown(register) && (!isWide || values.isHighKnown(register));
}

function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function signedByte(value: number): number {
  return (value << 24) >> 24;
}
