/** The fields of an instruction put together again in the fewest bytes (SDM vol. 2, chapter 2). */
import { Encoding, prefixBit } from '../decode.ts';
import { type Form, fitsByte, NONE } from './form.ts';

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
function isNullSegment(prefix: number): boolean {
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
