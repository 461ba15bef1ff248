/**
 * What an instruction reads and writes, for the part of the instruction set that start-up code, wrappers of system
 * calls and small functions are made of. Everything else counts as touching everything, so that nothing is moved
 * past it. Source: Intel SDM vol. 2, the operation and flags-affected paragraphs of each instruction.
 */
import { Encoding, Flow, type Instruction } from './decode.ts';

/** Bits 0 to 15 of a mask are the general registers in the order of their encoding: rax, rcx, rdx, rbx, rsp, … */
export const Register = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 } as const;
/** Bit of the status flags in a mask. */
export const FLAGS = 1 << 16;
/** Bit of memory in a mask. */
export const MEMORY = 1 << 17;
/** Every bit. */
export const EVERYTHING = (1 << 18) - 1;

/** Masks of registers, flags and memory. */
export interface Effects {
  readonly reads: number;
  readonly writes: number;
}

const BARRIER: Effects = { reads: EVERYTHING, writes: EVERYTHING };
const STACK = bit(Register.rsp);

/** @param at offset in `bytes` of the instruction that was decoded into `insn` */
export function effectsOf(bytes: Uint8Array, at: number, insn: Instruction): Effects {
  const isPlain = insn.encoding === Encoding.legacy && insn.map === 0 && insn.prefixes === 0;
  if (insn.flow !== Flow.none || !isPlain) return twoByteEffects(bytes, at, insn);
  const { opcode } = insn;
  if (opcode >= 0xb0) return moveImmediateEffects(bytes, at, insn);
  if (opcode >= 0x50 && opcode < 0x58) return effects(STACK | low(insn), STACK | MEMORY); // PUSH r
  if (opcode >= 0x58 && opcode < 0x60) return effects(STACK | MEMORY, STACK | low(insn)); // POP r
  if (opcode === 0x6a || opcode === 0x68) return effects(STACK, STACK | MEMORY); // PUSH imm
  if (opcode === 0x99) return effects(bit(Register.rax), bit(Register.rdx)); // CDQ, CQO
  if (opcode === 0x8d) return effects(addressRegisters(bytes, at, insn), registerField(bytes, at, insn)); // LEA
  if (opcode >= 0x80 && opcode <= 0x83) return group1Effects(bytes, at, insn);
  if (opcode >= 0x84 && opcode <= 0x8b) return moveEffects(bytes, at, insn);
  if (opcode < 0x40 && (opcode & 7) < 4) return arithmeticEffects(bytes, at, insn);
  return BARRIER;
}

/** MOVZX and MOVSX; no other instruction of the two-byte map is known here. */
function twoByteEffects(bytes: Uint8Array, at: number, insn: Instruction): Effects {
  const isMove = insn.encoding === Encoding.legacy && insn.map === 1 && (insn.opcode & 0xf6) === 0xb6;
  if (!isMove || insn.prefixes !== 0) return BARRIER;
  const source = operand(bytes, at, insn, insn.opcode & 1 ? 2 : 1);
  return effects(source.reads, registerField(bytes, at, insn));
}

/** B0 MOV r8, imm8; B8 MOV r, imm; C6 and C7 MOV r/m, imm; FE and FF: INC and DEC; F6 and F7: NOT and NEG. */
function moveImmediateEffects(bytes: Uint8Array, at: number, insn: Instruction): Effects {
  const { opcode } = insn;
  if (opcode >= 0xb8 && opcode < 0xc0) return effects(0, low(insn));
  if (opcode < 0xb8) {
    const register = byteRegister((opcode & 7) | (insn.rex & 1 ? 8 : 0), insn);
    return effects(register, register);
  }
  const extension = insn.modrmOffset < 0 ? -1 : (bytes[at + insn.modrmOffset]! >> 3) & 7;
  const width = opcode & 1 ? 4 : 1;
  const { reads, writes, partial } = operand(bytes, at, insn, width);
  if ((opcode & 0xfe) === 0xc6 && extension === 0)
    return effects(addressOnly(reads, writes) | partial, writes);
  // INC and DEC leave the carry flag alone.
  if ((opcode & 0xfe) === 0xfe && extension < 2) return effects(reads | FLAGS, writes | FLAGS);
  if ((opcode & 0xfe) === 0xf6 && extension === 2) return effects(reads, writes); // NOT
  if ((opcode & 0xfe) === 0xf6 && extension === 3) return effects(reads, writes | FLAGS); // NEG
  return BARRIER;
}

/** ADD, OR, ADC, SBB, AND, SUB, XOR, CMP with an immediate. */
function group1Effects(bytes: Uint8Array, at: number, insn: Instruction): Effects {
  if (insn.opcode === 0x82) return BARRIER;
  const extension = (bytes[at + insn.modrmOffset]! >> 3) & 7;
  const { reads, writes } = operand(bytes, at, insn, insn.opcode & 1 ? 4 : 1);
  const carry = extension === 2 || extension === 3 ? FLAGS : 0;
  return effects(reads | carry, (extension === 7 ? 0 : writes) | FLAGS);
}

/** 84, 85 TEST; 86, 87 XCHG, which locks; 88 to 8B MOV. */
function moveEffects(bytes: Uint8Array, at: number, insn: Instruction): Effects {
  const { opcode } = insn;
  const isByte = (opcode & 1) === 0;
  const rm = operand(bytes, at, insn, isByte ? 1 : 4);
  const reg = isByte ? byteRegister(fieldNumber(bytes, at, insn), insn) : registerField(bytes, at, insn);
  if (opcode < 0x86) return effects(rm.reads | reg, FLAGS);
  if (opcode < 0x88) return BARRIER;
  if (opcode >= 0x8a) return effects(rm.reads | (isByte ? reg : 0), reg);
  return effects(addressOnly(rm.reads, rm.writes) | rm.partial | reg, rm.writes);
}

/** ADD, OR, ADC, SBB, AND, SUB, XOR, CMP between a register and a register or memory. */
function arithmeticEffects(bytes: Uint8Array, at: number, insn: Instruction): Effects {
  const operation = insn.opcode >> 3;
  const isByte = (insn.opcode & 1) === 0;
  const rm = operand(bytes, at, insn, isByte ? 1 : 4);
  const reg = isByte ? byteRegister(fieldNumber(bytes, at, insn), insn) : registerField(bytes, at, insn);
  const isClearing = (operation === 5 || operation === 6) && rm.writes === reg && isRegister(bytes, at, insn);
  // SUB and XOR of a whole register with itself do not depend on what it holds.
  if (isClearing && !isByte) return effects(0, reg | FLAGS);
  const carry = operation === 2 || operation === 3 ? FLAGS : 0;
  const written = operation === 7 ? 0 : (insn.opcode & 2) === 0 ? rm.writes : reg;
  return effects(rm.reads | reg | carry, written | FLAGS);
}

/** The operand in ModRM.rm: what reading it reads, and what writing it writes. */
interface Operand {
  readonly reads: number;
  readonly writes: number;
  /** Registers of which a write leaves a part as it was. */
  readonly partial: number;
}

function operand(bytes: Uint8Array, at: number, insn: Instruction, width: number): Operand {
  const modrm = bytes[at + insn.modrmOffset]!;
  if (isRegister(bytes, at, insn)) {
    const number = (modrm & 7) | (insn.rex & 1 ? 8 : 0);
    const mask = width === 1 ? byteRegister(number, insn) : bit(number);
    return { reads: mask, writes: mask, partial: width === 1 ? mask : 0 };
  }
  const address = addressRegisters(bytes, at, insn);
  return { reads: address | MEMORY, writes: MEMORY, partial: 0 };
}

/** What writing an operand reads: the registers of its address, nothing for a register. */
function addressOnly(reads: number, writes: number): number {
  return writes === MEMORY ? reads & ~MEMORY : 0;
}

/** Registers that a memory operand's address is made of (SDM vol. 2, tables 2-2 and 2-3). */
export function addressRegisters(bytes: Uint8Array, at: number, insn: Instruction): number {
  const modrm = bytes[at + insn.modrmOffset]!;
  if (insn.ripRelative) return 0;
  if ((modrm & 7) !== 4) return bit((modrm & 7) | (insn.rex & 1 ? 8 : 0));
  const sib = bytes[at + insn.modrmOffset + 1]!;
  const index = ((sib >> 3) & 7) | (insn.rex & 2 ? 8 : 0);
  const hasBase = (sib & 7) !== 5 || modrm >> 6 !== 0;
  const base = hasBase ? bit((sib & 7) | (insn.rex & 1 ? 8 : 0)) : 0;
  return base | (index === 4 ? 0 : bit(index));
}

/** Whether the operand in ModRM.rm is a register. */
export function isRegister(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  return bytes[at + insn.modrmOffset]! >= 0xc0;
}

function fieldNumber(bytes: Uint8Array, at: number, insn: Instruction): number {
  return ((bytes[at + insn.modrmOffset]! >> 3) & 7) | (insn.rex & 4 ? 8 : 0);
}

function registerField(bytes: Uint8Array, at: number, insn: Instruction): number {
  return bit(fieldNumber(bytes, at, insn));
}

/** The bit of a byte register: without REX, numbers 4 to 7 are AH, CH, DH and BH. */
export function byteRegister(number: number, insn: Instruction): number {
  return bit(insn.rex === 0 && number >= 4 && number < 8 ? number - 4 : number);
}

/** The register in the low bits of the opcode. */
function low(insn: Instruction): number {
  return bit((insn.opcode & 7) | (insn.rex & 1 ? 8 : 0));
}

function bit(register: number): number {
  return 1 << register;
}

function effects(reads: number, writes: number): Effects {
  return { reads, writes };
}

/**
 * Whether two instructions can change places. Those that touch memory cannot, not even two that read it: another
 * thread could see the difference.
 */
export function areIndependent(a: Effects, b: Effects): boolean {
  if ((a.reads | a.writes) & (b.reads | b.writes) & MEMORY) return false;
  return (a.writes & (b.reads | b.writes)) === 0 && (a.reads & b.writes) === 0;
}

/** Whether the meaning of the instruction stays the same when a REX prefix with only R and X set precedes it. */
export function toleratesRex(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  // An instruction has no more than 15 bytes (SDM vol. 2, 2.3.11), of which three prefixes take three.
  if (insn.length > 12) return false;
  // A prefix that follows makes a REX prefix before it void (SDM vol. 2, 2.2.1).
  if (insn.prefixLength > 0 || insn.encoding !== Encoding.legacy) return insn.encoding === Encoding.legacy;
  const { opcode, map, flow } = insn;
  if (map === 1) return opcode === 0x05; // SYSCALL
  if (map !== 0) return false;
  if (flow === Flow.jmpRel || flow === Flow.callRel || flow === Flow.jccRel) return true;
  if (opcode === 0x6a || opcode === 0x68 || opcode === 0x99) return true;
  // PUSH, POP and MOV r, imm extend the register by REX.B only; byte registers 4 to 7 change their meaning.
  if ((opcode >= 0x50 && opcode < 0x60) || (opcode >= 0xb8 && opcode < 0xc0)) return true;
  if (opcode >= 0xb0 && opcode < 0xb4) return true;
  // Of an instruction group, REX.R extends nothing: the field is part of the opcode.
  const isGroup = opcode === 0x83 || opcode === 0x81 || opcode === 0xc7 || opcode === 0xff || opcode === 0xf7;
  return isGroup && isRegister(bytes, at, insn);
}
