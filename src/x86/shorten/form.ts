/**
 * An instruction taken apart into the fields of its encoding, for rewrites that change some of them (SDM vol. 2,
 * chapter 2).
 */
import { createInstruction, Encoding, type Instruction, Prefix } from '../decode.ts';

/** What is known about the place of an instruction; bits. */
export const Given = {
  /** The displacement has a relocation: its four bytes stay as they are; with another size, so does the instruction. */
  fixedDisp: 1,
  /** The immediate has a relocation: its four bytes stay as they are; with another size, so does the instruction. */
  fixedImm: 2,
  /** What the relocation puts into the four bytes of the immediate is in [0, 2^31). */
  nonNegativeImm: 4,
  /** CF, PF, AF, ZF, SF and OF are written again before they are read; implies carryDead and the like. */
  flagsDead: 8,
  /** Reading memory that is going to be overwritten has no side effect: it is no device's. */
  plainMemory: 16,
  /** CF and AF are written again before they are read. */
  carryDead: 32,
  /** SF is written again before it is read. */
  signDead: 64,
  /** PF is written again before it is read. */
  parityDead: 128,
} as const;

/** In place of a base or index register: there is none. */
export const NONE = -1;
/** In place of a base register: the address counts from the instruction's end. */
const RIP = -2;

/** The fields of an instruction. Register numbers are 0 to 15, with the bits of REX or VEX. */
export interface Form {
  /** Where the instruction was read, for the parts that are copied. */
  bytes: Uint8Array;
  at: number;
  insn: Instruction;
  /** Legacy prefixes to leave out, bits of {@link Prefix}. */
  dropped: number;
  /** With a REX prefix, byte registers 4 to 7 are SPL to DIL; without, AH to BH. */
  hasRex: boolean;
  /** REX.W or VEX.W */
  isWide: boolean;
  map: number;
  opcode: number;
  hasModrm: boolean;
  /** The operand of ModRM.rm is a register. */
  isRegister: boolean;
  /** ModRM.reg */
  reg: number;
  /** The register in ModRM.rm or, without ModRM, in the low bits of the opcode; or the base, or NONE, or RIP. */
  rm: number;
  /** Index of the address, or NONE. */
  index: number;
  /** Power of two the index is multiplied with, 0 to 3. */
  scale: number;
  disp: number;
  isDispFixed: boolean;
  /** Immediate of 1, 2 or 4 bytes, sign-extended. */
  imm: number;
  /** 0, 1, 2 or 4 bytes. */
  immSize: number;
  isImmFixed: boolean;
  /** Bytes at the end that are copied: immediates of other sizes, register numbers, opcode suffixes. */
  tailSize: number;
}

/** Returns a slot for {@link readForm}. */
export function createForm(): Form {
  return {
    bytes: new Uint8Array(),
    at: 0,
    insn: createInstruction(),
    dropped: 0,
    hasRex: false,
    isWide: false,
    map: 0,
    opcode: 0,
    hasModrm: false,
    isRegister: false,
    reg: 0,
    rm: 0,
    index: NONE,
    scale: 0,
    disp: 0,
    isDispFixed: false,
    imm: 0,
    immSize: 0,
    isImmFixed: false,
    tailSize: 0,
  };
}

/** Takes the legacy or VEX instruction at `at` apart. @param given bits of {@link Given} */
export function readForm(bytes: Uint8Array, at: number, insn: Instruction, given: number, form: Form): void {
  form.bytes = bytes;
  form.at = at;
  form.insn = insn;
  form.dropped = 0;
  form.map = insn.map;
  form.opcode = insn.opcode;
  form.isDispFixed = (given & Given.fixedDisp) !== 0;
  form.isImmFixed = (given & Given.fixedImm) !== 0;
  const extension = insn.encoding === Encoding.vex ? vexExtension(bytes, at, insn) : insn.rex;
  form.hasRex = insn.rex !== 0;
  form.isWide = (extension & 8) !== 0;
  const end = readOperand(form, extension);
  readTail(form, end);
}

/** R, X, B and W of the VEX prefix as in REX (SDM vol. 2, 2.3.5): R, X and B are inverted, C5 has only R. */
function vexExtension(bytes: Uint8Array, at: number, insn: Instruction): number {
  const prefix = at + insn.prefixLength;
  const inverted = ~bytes[prefix + 1]! >> 5;
  if (bytes[prefix] === 0xc5) return inverted & 4;
  return (inverted & 7) | ((bytes[prefix + 2]! >> 4) & 8);
}

/** Reads ModRM, SIB and displacement. Returns the offset of what follows them in the instruction. */
function readOperand(form: Form, extension: number): number {
  const { bytes, at, insn } = form;
  const base = (extension & 1) << 3;
  form.hasModrm = insn.modrmOffset >= 0;
  form.reg = (extension & 4) << 1;
  form.rm = base | (insn.opcode & 7);
  form.index = NONE;
  form.scale = 0;
  form.disp = 0;
  form.isRegister = true;
  if (!form.hasModrm) return insn.opcodeOffset + 1;
  const modrm = bytes[at + insn.modrmOffset]!;
  form.reg |= (modrm >> 3) & 7;
  form.rm = base | (modrm & 7);
  form.isRegister = modrm >= 0xc0;
  if (form.isRegister) return insn.modrmOffset + 1;
  return readAddress(form, modrm, extension);
}

/** {@link readOperand} for an operand in memory (SDM vol. 2, tables 2-2 and 2-3). */
function readAddress(form: Form, modrm: number, extension: number): number {
  const { bytes, at, insn } = form;
  let end = insn.modrmOffset + 1;
  if (insn.ripRelative) form.rm = RIP;
  else if ((modrm & 7) === 4) {
    const sib = bytes[at + end++]!;
    const index = ((sib >> 3) & 7) | ((extension & 2) << 2);
    if (index !== 4) {
      form.index = index;
      form.scale = sib >> 6;
    }
    const hasBase = (sib & 7) !== 5 || modrm >= 0x40;
    form.rm = hasBase ? (sib & 7) | ((extension & 1) << 3) : NONE;
  }
  form.disp = readSigned(bytes, at + end, insn.dispSize);
  return end + insn.dispSize;
}

/** Reads what follows the operand, from offset `start` of the instruction. */
function readTail(form: Form, start: number): void {
  const { bytes, at, insn } = form;
  const size = insn.length - start;
  const isNumber = size === insn.immSize && (size === 1 || size === 2 || size === 4);
  form.immSize = isNumber ? size : 0;
  form.tailSize = isNumber ? 0 : size;
  form.imm = isNumber ? readSigned(bytes, at + start, size) : 0;
}

/** A signed little-endian number of 0, 1, 2 or 4 bytes. */
function readSigned(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= bytes[at + i]! << (8 * i);
  return size === 0 ? 0 : (value << (32 - 8 * size)) >> (32 - 8 * size);
}

/** Whether a number is an 8-bit immediate or displacement, which is sign-extended. */
export function fitsByte(value: number): boolean {
  return value >= -128 && value <= 127;
}

/** Whether the operand size is 16 bits (SDM vol. 2, table 3-4). */
export function is16Bit(form: Form): boolean {
  return (form.insn.prefixes & ~form.dropped & Prefix.operandSize) !== 0 && !form.isWide;
}

/** Makes a 64-bit operation one of 32 bits, which also clears the upper half of a register it writes. */
export function dropWide(form: Form): void {
  if (!form.isWide) return;
  form.isWide = false;
  // REX.W outranks 66, which without it would mean 16 bits.
  form.dropped |= Prefix.operandSize;
}

/** Sets the opcode to one of the group `opcode /extension` with the operand in ModRM.rm as it is. */
export function setGroup(form: Form, opcode: number, extension: number): void {
  form.opcode = opcode;
  form.hasModrm = true;
  form.reg = extension;
}

/** Sets the opcode to one that has the register of ModRM.rm in its low bits. */
export function setLowRegister(form: Form, opcode: number): void {
  form.opcode = opcode | (form.rm & 7);
  form.hasModrm = false;
  form.reg = 0;
}

/** Sets an immediate of `size` bytes. */
export function setImmediate(form: Form, value: number, size: number): void {
  form.imm = value;
  form.immSize = size;
  form.tailSize = 0;
}
