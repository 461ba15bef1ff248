/** Shorter forms of moves between general registers, of constants and of addresses. They affect no flags. */
import { Prefix } from '../decode.ts';
import { isNonNegative, shortenArithmetic } from './arithmetic.ts';
import { dropWide, type Form, Given, is16Bit, NONE, setGroup, setImmediate, setLowRegister } from './form.ts';

/** MOV of an immediate: B8 to BF, C6, C7. */
export function shortenMoveImmediate(form: Form, given: number): void {
  if (form.opcode >= 0xc0) {
    if ((form.reg & 7) !== 0) return; // XABORT
  } else if (form.tailSize === 8) {
    if (form.isImmFixed || !narrowImmediate64(form)) return;
  }
  if (form.opcode < 0xc0) setGroup(form, 0xc7, 0);
  if (!form.isRegister) shortenMoveToMemory(form, given);
  else if (form.opcode === 0xc7) shortenMoveToRegister(form, given);
  else setLowRegister(form, 0xb0); // MOV r8, Ib
}

/** MOV r64, imm64 → MOV r64, imm32 if that is the same number, zero- or sign-extended. Returns whether it is. */
function narrowImmediate64(form: Form): boolean {
  const { bytes, at, insn } = form;
  const low = readInt32(bytes, at + insn.immOffset);
  const high = readInt32(bytes, at + insn.immOffset + 4);
  if (high === 0) dropWide(form);
  else if (high !== -1 || low >= 0) return false;
  setImmediate(form, low, 4);
  return true;
}

function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** C7 with a register. */
function shortenMoveToRegister(form: Form, given: number): void {
  // Zero-extended from 32 bits, a non-negative number is the same as sign-extended.
  if (isNonNegative(form, given)) dropWide(form);
  if (given & Given.flagsDead && !form.isImmFixed && shortenConstant(form)) return;
  if (!form.isWide) setLowRegister(form, 0xb8); // MOV r, Iv
}

/** MOV r, 0 → XOR r, r; MOV r, -1 → OR r, -1. Both write all of what MOV writes, and flags. */
function shortenConstant(form: Form): boolean {
  if (form.imm === 0) {
    setGroup(form, 0x31, form.rm); // XOR Ev, Gv
    form.immSize = 0;
    return true;
  }
  return setAllBits(form);
}

function setAllBits(form: Form): boolean {
  if (form.imm !== -1) return false;
  setGroup(form, 0x83, 1); // OR Ev, Ib
  form.immSize = 1;
  return true;
}

/**
 * MOV m, 0 → AND m, 0; MOV m, -1 → OR m, -1. The store is the same whatever the load before it finds, so that no other
 * thread can see a difference in memory; but there is a load.
 */
function shortenMoveToMemory(form: Form, given: number): void {
  const needed = Given.flagsDead | Given.plainMemory;
  if (form.opcode !== 0xc7 || (given & needed) !== needed || form.isImmFixed) return;
  if (setAllBits(form) || form.imm !== 0) return;
  setGroup(form, 0x83, 4); // AND Ev, Ib
  form.immSize = 1;
}

/**
 * LEA that takes the address of a register alone → MOV; with the flags dead, LEA that only adds to its register → ADD,
 * or multiplies it → SHL. 32-bit LEA takes the low half of the sum (SDM vol. 2, LEA), as 32-bit ADD and SHL compute
 * it. With 67 or 66 nothing is done.
 */
export function shortenLea(form: Form, given: number): void {
  if (form.insn.prefixes & (Prefix.addressSize | Prefix.operandSize) || form.isDispFixed) return;
  if (form.index === NONE) shortenLeaOfBase(form, given);
  else if (given & Given.flagsDead && form.disp === 0) shortenLeaOfIndex(form);
}

/** LEA r, [r2 + disp] */
function shortenLeaOfBase(form: Form, given: number): void {
  if (form.rm < 0) return;
  if (form.disp === 0) {
    form.opcode = 0x8b; // MOV Gv, Ev
    form.isRegister = true;
  } else if (given & Given.flagsDead && form.rm === form.reg) {
    form.isRegister = true;
    setGroup(form, 0x81, 0); // ADD Ev, Iz
    setImmediate(form, form.disp, 4);
    shortenArithmetic(form, given);
  }
}

/** LEA r, [r + r2] → ADD r, r2; LEA r, [r*4] → SHL r, 2; LEA r, [r*8] → SHL r, 3. */
function shortenLeaOfIndex(form: Form): void {
  const { reg, rm, index, scale } = form;
  const isSum = scale === 0 && (rm === reg || index === reg);
  const isProduct = rm === NONE && index === reg;
  if (!isSum && !isProduct) return;
  form.isRegister = true;
  form.rm = reg;
  form.index = NONE;
  if (isSum)
    setGroup(form, 0x01, rm === reg ? index : rm); // ADD Ev, Gv
  else {
    setGroup(form, 0xc1, 4); // SHL Ev, Ib
    setImmediate(form, scale, 1);
  }
}

/** XCHG with rAX, 87 → 90 to 97. XCHG EAX, EAX clears the upper half, while 90 is NOP. */
export function shortenExchange(form: Form): void {
  if (!form.isRegister || form.rm === form.reg || (form.rm !== 0 && form.reg !== 0)) return;
  form.rm |= form.reg;
  setLowRegister(form, 0x90); // XCHG r, rAX
}

/** MOVSXD RAX, EAX → CDQE. */
export function shortenSignExtension(form: Form): void {
  const isOfRax = form.isRegister && form.reg === 0 && form.rm === 0;
  if (!isOfRax || !form.isWide || form.insn.prefixes & Prefix.operandSize) return;
  form.opcode = 0x98; // CDQE
  form.hasModrm = false;
}

/** MOVSX EAX, AX → CWDE; MOVSX AX, AL → CBW. */
export function shortenMovsx(form: Form): void {
  const isOfRax = form.isRegister && form.reg === 0 && form.rm === 0 && !form.isWide;
  if (!isOfRax || is16Bit(form) !== (form.opcode === 0xbe)) return;
  form.map = 0;
  form.opcode = 0x98; // CWDE, CBW
  form.hasModrm = false;
}

/** MOVZX r64 → MOVZX r32, which clears the upper half as well. */
export function shortenMovzx(form: Form): void {
  dropWide(form);
}
