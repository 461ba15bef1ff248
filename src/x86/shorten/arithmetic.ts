/** Shorter forms of arithmetic with an immediate. Flags are those of SDM vol. 1, appendix A. */

import { Prefix } from '../decode.ts';
import { dropWide, type Form, fitsByte, Given, is16Bit, setGroup, setImmediate } from './form.ts';

/** Extensions in ModRM.reg of group 1: 80, 81 and 83. */
const Operation = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

const CARRY_DEAD = Given.carryDead | Given.flagsDead;
const SIGN_DEAD = Given.signDead | Given.flagsDead;
const PARITY_DEAD = Given.parityDead | Given.flagsDead;

/** ADD, OR, ADC, SBB, AND, SUB, XOR and CMP with an immediate: 80, 81, 83 and with AL or rAX, 04, 05, 0C, 0D … */
export function shortenArithmetic(form: Form, given: number): void {
  normalize(form);
  narrowAnd(form, given);
  if (!form.isImmFixed) {
    if (compareZero(form)) return;
    if (given & CARRY_DEAD && shortenWithoutCarry(form)) return;
    if (given & Given.flagsDead && shortenWithoutFlags(form)) return;
  }
  encode(form);
}

/** Makes the instruction 80 /operation ib or 81 /operation with an immediate of the operand's size. */
function normalize(form: Form): void {
  if (form.opcode < 0x40) {
    const operation = form.opcode >> 3;
    form.isRegister = true;
    form.rm = 0;
    setGroup(form, 0x80 | (form.opcode & 1), operation);
  }
  form.reg &= 7;
  if (form.opcode !== 0x83) return;
  form.opcode = 0x81;
  form.immSize = is16Bit(form) ? 2 : 4;
}

/** The shortest of 83 with a sign-extended byte, the forms for AL and rAX, and 80 or 81. */
function encode(form: Form): void {
  if (form.opcode === 0x81 && !form.isImmFixed && fitsByte(form.imm)) {
    form.opcode = 0x83;
    form.immSize = 1;
  } else if (form.isRegister && form.rm === 0) {
    form.opcode = (form.reg << 3) | 4 | (form.opcode & 1);
    form.hasModrm = false;
    form.reg = 0;
  }
}

/**
 * AND r64 with a non-negative immediate → AND r32. Bits 31 to 63 of the result are 0 either way, so that SF is 0; ZF
 * and PF come from the same bits, CF and OF are 0, AF is undefined.
 */
function narrowAnd(form: Form, given: number): void {
  const isWideAnd = form.isWide && form.reg === Operation.and && form.isRegister && form.opcode === 0x81;
  if (isWideAnd && isNonNegative(form, given)) dropWide(form);
}

/** Whether the immediate is known to be in [0, 2^31). */
export function isNonNegative(form: Form, given: number): boolean {
  return form.isImmFixed ? (given & Given.nonNegativeImm) !== 0 : form.imm >= 0;
}

/**
 * CMP r, 0 → TEST r, r. Subtracting 0 and r AND r both give r, with CF and OF 0. CMP clears AF, which TEST leaves
 * undefined; only LAHF and PUSHF show it in 64-bit mode, where the instructions that adjust by it do not exist.
 */
function compareZero(form: Form): boolean {
  if (form.reg !== Operation.cmp || !form.isRegister || form.imm !== 0) return false;
  form.opcode = 0x84 | (form.opcode & 1); // TEST
  form.reg = form.rm;
  form.immSize = 0;
  return true;
}

/** Rewrites that change CF and AF and no other flag. Returns whether the instruction has left group 1. */
function shortenWithoutCarry(form: Form): boolean {
  negate128(form);
  return increment(form);
}

/** Rewrites that change flags. Returns whether the instruction has left group 1. */
function shortenWithoutFlags(form: Form): boolean {
  return complement(form) || zeroExtend(form) || narrowLogic(form) || singleBit(form);
}

/**
 * ADD 128 → SUB -128 and SUB 128 → ADD -128: the immediate then is a byte. It is the same sum, of which OF, SF, ZF and
 * PF tell; AF is 0, since the lowest four bits of the immediate are; CF is inverted.
 */
function negate128(form: Form): void {
  const isSum = form.reg === Operation.add || form.reg === Operation.sub;
  if (!isSum || form.imm !== 128) return;
  form.reg ^= Operation.add ^ Operation.sub;
  form.imm = -128;
}

/** ADD 1, SUB -1 → INC; SUB 1, ADD -1 → DEC. They leave CF as it was, and set OF, SF, ZF and PF alike. */
function increment(form: Form): boolean {
  const isSum = form.reg === Operation.add || form.reg === Operation.sub;
  if (!isSum || (form.imm !== 1 && form.imm !== -1)) return false;
  const isIncrement = (form.reg === Operation.add) === (form.imm === 1);
  setGroup(form, 0xfe | (form.opcode & 1), isIncrement ? 0 : 1); // INC, DEC
  form.immSize = 0;
  return true;
}

/** XOR -1 → NOT, which leaves the flags as they were. */
function complement(form: Form): boolean {
  if (form.reg !== Operation.xor || form.imm !== -1) return false;
  setGroup(form, 0xf6 | (form.opcode & 1), 2); // NOT
  form.immSize = 0;
  return true;
}

/** AND r32, 255 → MOVZX r32, r8; AND r32, 65535 → MOVZX r32, r16. Both clear the upper half; r64 is r32 by now. */
function zeroExtend(form: Form): boolean {
  const isAnd = form.reg === Operation.and && form.isRegister && form.opcode === 0x81;
  if (!isAnd || form.isWide || is16Bit(form) || (form.imm !== 0xff && form.imm !== 0xffff)) return false;
  form.map = 1;
  form.opcode = form.imm === 0xff ? 0xb6 : 0xb7; // MOVZX Gv, Eb; MOVZX Gv, Ew
  form.reg = form.rm;
  form.hasRex = true;
  form.immSize = 0;
  return true;
}

/**
 * AND, OR or XOR of a 64- or 16-bit register that changes no bit but those of the lowest byte → the same of r8, which
 * leaves the other bytes as they are. Of 32 bits, the operation would clear the upper half, which this does not.
 */
function narrowLogic(form: Form): boolean {
  const keepsUpper = form.isRegister && form.opcode === 0x81 && (form.isWide || is16Bit(form));
  if (!keepsUpper) return false;
  const isByte =
    form.reg === Operation.and
      ? form.imm >= -256 && form.imm < 0
      : (form.reg === Operation.or || form.reg === Operation.xor) && form.imm >= 0 && form.imm < 256;
  if (!isByte) return false;
  form.opcode = 0x80;
  form.isWide = false;
  form.dropped |= Prefix.operandSize;
  form.hasRex = true;
  setImmediate(form, (form.imm << 24) >> 24, 1);
  if (!complement(form)) encode(form);
  return true;
}

/**
 * OR, XOR or AND that sets, flips or clears one bit → BTS, BTC, BTR with its number, in a byte. With an immediate, they
 * access no other memory than the operand (SDM vol. 2, BTS). CF is the bit as it was.
 */
function singleBit(form: Form): boolean {
  if (form.opcode !== 0x81 || is16Bit(form) || fitsByte(form.imm)) return false;
  const extension = bitExtension(form.reg);
  const mask = form.reg === Operation.and ? ~form.imm : form.imm;
  // Sign-extended to 64 bits, a negative mask has many bits.
  if (extension < 0 || (mask & (mask - 1)) !== 0 || (form.isWide && mask < 0)) return false;
  form.map = 1;
  setGroup(form, 0xba, extension); // group 8
  setImmediate(form, 31 - Math.clz32(mask), 1);
  return true;
}

/** The member of group 8, BTS, BTR or BTC, for a member of group 1; -1 if there is none. */
function bitExtension(operation: number): number {
  if (operation === Operation.or) return 5;
  if (operation === Operation.and) return 6;
  return operation === Operation.xor ? 7 : -1;
}

/** Opcodes of {@link shortenSameRegister} are SUB, XOR and CMP. */
export function shortenSameRegister(form: Form): void {
  // Of a register and itself, all give 0 in any width, with ZF and PF set and the other flags 0 (AF undefined after
  // XOR). Written to r32, it clears the upper half.
  if (form.isRegister && form.reg === form.rm) dropWide(form);
}

/** TEST with an immediate: F6, F7 and with AL or rAX, A8, A9. CF and OF are 0, AF is undefined in any width. */
export function shortenTest(form: Form, given: number): void {
  if (form.opcode < 0xf6) {
    form.rm = 0;
    setGroup(form, 0xf6 | (form.opcode & 1), 0);
  }
  if ((form.reg & 7) !== 0 || !form.isRegister) return;
  form.reg = 0; // with REX.R, which means nothing here, AH would become SPL
  if (form.opcode === 0xf7) narrowTest(form, given);
  if (form.rm !== 0) return;
  form.opcode = 0xa8 | (form.opcode & 1); // TEST AL, Ib; TEST rAX, Iz
  form.hasModrm = false;
}

/** TEST of a register → of 32 bits of it, or of the byte that has all bits of the immediate. ZF stays the same. */
function narrowTest(form: Form, given: number): void {
  // SF is 0 either way, for the immediate's sign bit is; PF is that of the same byte.
  if (isNonNegative(form, given)) dropWide(form);
  if (form.isImmFixed) return;
  // A word is sign-extended here.
  const mask = is16Bit(form) ? form.imm & 0xffff : form.imm;
  if ((mask & ~0xff) === 0) {
    if ((mask & 0x80) === 0 || given & SIGN_DEAD) testByte(form, mask);
  } else if ((mask & ~0xff00) === 0 && form.rm < 4 && given & PARITY_DEAD) {
    if ((mask & 0x8000) === 0 || given & SIGN_DEAD) testHighByte(form, mask);
  }
}

/** TEST r8: the lowest byte, SPL to DIL with REX. */
function testByte(form: Form, mask: number): void {
  form.opcode = 0xf6;
  form.isWide = false;
  form.dropped |= Prefix.operandSize;
  form.hasRex = true;
  setImmediate(form, mask, 1);
}

/** TEST of AH, CH, DH or BH, which have the numbers 4 to 7 without REX. PF of the whole register would be 1. */
function testHighByte(form: Form, mask: number): void {
  testByte(form, mask >> 8);
  form.hasRex = false;
  form.rm += 4;
}

/** ROL .. SAR with a count of 1 in a byte, C0 and C1 → D0 and D1: the same operation and the same flags. */
export function shortenShift(form: Form): void {
  if (form.imm !== 1 || form.isImmFixed) return;
  form.opcode += 0x10;
  form.immSize = 0;
}

/** PUSH imm and IMUL r, r/m, imm: 68 and 69 with an immediate that fits → 6A and 6B, which sign-extend a byte. */
export function shortenImmediate(form: Form): void {
  if (form.isImmFixed || !fitsByte(form.imm)) return;
  form.opcode |= 2;
  form.immSize = 1;
}

/**
 * BT r64, n with n < 32 → BT r32: CF is the same bit. ZF is unaffected, the other flags are undefined either way.
 */
export function shortenBitTest(form: Form): void {
  const isBitTest = (form.reg & 7) === 4 && form.isRegister;
  if (isBitTest && !form.isImmFixed && form.imm >= 0 && form.imm < 32) dropWide(form);
}
