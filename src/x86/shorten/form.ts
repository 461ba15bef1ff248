/**
 * An instruction taken apart into the fields of its encoding, for rewrites that change some of them, and put
 * together again in the fewest bytes (SDM vol. 2, chapter 2).
 */
import { createInstruction, Encoding, type Instruction, Prefix, prefixBit } from '../decode.ts';

/** What is known about the place of an instruction; bits. */
export const Given = {
  /** The displacement has a relocation: its four bytes stay as they are. */
  fixedDisp: 1,
  /** The immediate has a relocation: its bytes stay as they are. */
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
export const RIP = -2;

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

/** A shorter instruction; a slot to reuse. Offsets and lengths are in bytes. */
export interface ShortForm {
  readonly bytes: Uint8Array;
  length: number;
  /** Where the displacement is now; -1 if there is none. */
  dispOffset: number;
  /** Where the immediate is now; -1 if there is none. */
  immOffset: number;
}

/** Returns a slot for {@link ShortForm}. */
export function createShortForm(): ShortForm {
  return { bytes: new Uint8Array(16), length: 0, dispOffset: -1, immOffset: -1 };
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

/** Writes the fields in the fewest bytes and returns their number. */
export function writeForm(form: Form, out: ShortForm): number {
  const target = out.bytes;
  let next = writePrefixes(form, target);
  next = form.insn.encoding === Encoding.vex ? writeVex(form, target, next) : writeEscape(form, target, next);
  target[next++] = form.opcode;
  out.dispOffset = -1;
  if (form.hasModrm) next = writeOperand(form, out, next);
  out.immOffset = form.immSize > 0 || (form.tailSize > 0 && form.insn.immSize > 0) ? next : -1;
  const tail = form.at + form.insn.length - form.tailSize;
  for (let i = 0; i < form.tailSize; i++) target[next++] = form.bytes[tail + i]!;
  out.length = writeNumber(target, next, form.imm, form.immSize);
  return out.length;
}

/**
 * Copies the legacy prefixes that are not left out. ES, CS, SS and DS overrides have no effect in 64-bit mode (SDM
 * vol. 2, 2.1.1 and 2.2.1), and those that tell which way a branch goes or that it is not tracked (3E) only matter to
 * speed and to indirect branch tracking of the branch's target.
 */
function writePrefixes({ bytes, at, insn, dropped }: Form, target: Uint8Array): number {
  let next = 0;
  for (let i = 0; i < insn.prefixLength; i++) {
    const byte = bytes[at + i]!;
    const prefix = prefixBit(byte);
    // REX comes last and is written anew; one that is not last has no effect.
    if (prefix !== 0 && (prefix & dropped) === 0 && !isNullSegment(byte)) target[next++] = byte;
  }
  return next;
}

/** Whether a byte is the override of a segment whose base is always 0: ES, CS, SS, DS. */
export function isNullSegment(prefix: number): boolean {
  return prefix === 0x26 || prefix === 0x2e || prefix === 0x36 || prefix === 0x3e;
}

/** The bits of REX that the fields need. */
function extensionOf(form: Form): number {
  const base = form.rm >= 8 ? 1 : 0;
  const index = form.index >= 8 ? 2 : 0;
  const reg = form.reg >= 8 ? 4 : 0;
  return base | index | reg | (form.isWide ? 8 : 0);
}

/** Writes REX, if it is needed, and the bytes before the opcode. */
function writeEscape(form: Form, target: Uint8Array, next: number): number {
  const extension = extensionOf(form);
  if (extension !== 0 || (form.hasRex && hasNewByteRegister(form))) target[next++] = 0x40 | extension;
  if (form.map > 0) target[next++] = 0x0f;
  if (form.map === 2) target[next++] = 0x38;
  if (form.map === 3) target[next++] = 0x3a;
  return next;
}

/** Writes the VEX prefix: C5 if it has the bits, which are R, vvvv, L and pp with map 0F (SDM vol. 2, 2.3.5). */
function writeVex(form: Form, target: Uint8Array, next: number): number {
  const prefix = form.at + form.insn.prefixLength;
  const last = form.bytes[prefix + (form.bytes[prefix] === 0xc5 ? 1 : 2)]! & 0x7f;
  const extension = extensionOf(form);
  if (form.map === 1 && (extension & 0b1011) === 0) {
    target[next++] = 0xc5;
    target[next++] = last | (extension & 4 ? 0 : 0x80);
    return next;
  }
  target[next++] = 0xc4;
  target[next++] = ((~extension & 7) << 5) | form.map;
  target[next++] = last | (form.isWide ? 0x80 : 0);
  return next;
}

const BYTE_RM = 1;
const BYTE_REG = 2;

/** Whether the instruction names SPL, BPL, SIL or DIL, which only REX tells from AH, CH, DH and BH. */
function hasNewByteRegister(form: Form): boolean {
  const operands = byteOperands(form.map, form.opcode);
  const isRmNew = form.isRegister && form.rm >= 4 && form.rm < 8;
  const isRegNew = form.reg >= 4 && form.reg < 8;
  return ((operands & BYTE_RM) !== 0 && isRmNew) || ((operands & BYTE_REG) !== 0 && isRegNew);
}

/** Which operands are byte registers (SDM vol. 2, appendix A.3: Eb and Gb). */
function byteOperands(map: number, opcode: number): number {
  if (map > 1) return BYTE_RM | BYTE_REG; // CRC32 has Eb; the others do not, but keep REX
  return map === 0 ? byteOperandsOfMap0(opcode) : byteOperandsOfMap1(opcode);
}

function byteOperandsOfMap0(opcode: number): number {
  if (opcode < 0x40) return (opcode & 5) === 0 ? BYTE_RM | BYTE_REG : 0; // ADD .. CMP Eb, Gb and Gb, Eb
  if (opcode >= 0xb0 && opcode < 0xb8) return BYTE_RM; // MOV r8, Ib
  switch (opcode) {
    case 0x84: // TEST Eb, Gb
    case 0x86: // XCHG Eb, Gb
    case 0x88: // MOV Eb, Gb
    case 0x8a: // MOV Gb, Eb
      return BYTE_RM | BYTE_REG;
    case 0x80: // group 1 Eb, Ib
    case 0xc0: // group 2 Eb, Ib
    case 0xc6: // MOV Eb, Ib
    case 0xd0: // group 2 Eb, 1
    case 0xd2: // group 2 Eb, CL
    case 0xf6: // group 3 Eb
    case 0xfe: // INC and DEC Eb
      return BYTE_RM;
    default:
      return 0;
  }
}

function byteOperandsOfMap1(opcode: number): number {
  if ((opcode & 0xf0) === 0x90) return BYTE_RM; // SETcc Eb
  if (opcode === 0xb0 || opcode === 0xc0) return BYTE_RM | BYTE_REG; // CMPXCHG, XADD Eb, Gb
  return opcode === 0xb6 || opcode === 0xbe ? BYTE_RM : 0; // MOVZX, MOVSX Gv, Eb
}

/** Writes ModRM, SIB and displacement. */
function writeOperand(form: Form, out: ShortForm, next: number): number {
  const target = out.bytes;
  const reg = (form.reg & 7) << 3;
  if (form.isRegister) {
    target[next++] = 0xc0 | reg | (form.rm & 7);
    return next;
  }
  const size = displacementSize(form);
  // Without base and relative to RIP, four bytes of displacement go with mod 0.
  const mod = form.rm < 0 || size === 0 ? 0 : size === 1 ? 0x40 : 0x80;
  const base = form.rm < 0 ? 5 : form.rm & 7;
  const hasSib = form.index !== NONE || base === 4 || form.rm === NONE;
  target[next++] = mod | reg | (hasSib ? 4 : base);
  if (hasSib) target[next++] = (form.scale << 6) | ((form.index === NONE ? 4 : form.index & 7) << 3) | base;
  if (size > 0) out.dispOffset = next;
  return writeNumber(target, next, form.disp, size);
}

/** Bytes the displacement takes: RBP and R13 as base are not without. */
function displacementSize({ rm, disp, isDispFixed }: Form): number {
  if (rm < 0 || isDispFixed) return 4;
  if (disp === 0 && (rm & 7) !== 5) return 0;
  return fitsByte(disp) ? 1 : 4;
}

function writeNumber(target: Uint8Array, next: number, value: number, size: number): number {
  for (let i = 0; i < size; i++) target[next++] = value >> (8 * i);
  return next;
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
