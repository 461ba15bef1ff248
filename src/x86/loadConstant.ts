/**
 * The shortest instruction that gives a register a known number, where registers hold what is known of them. Each writes
 * the whole register or leaves what it does not write as it should be; none touches memory. Source: Intel SDM vol. 2.
 */
import { Register } from './effects.ts';
import { ALL_FLAGS, Flag } from './flags.ts';
import type { RegisterValues } from './registerValues.ts';

/** Bytes of the longest instruction that is written here. */
export const MAX_LOAD = 4;

const ALL_BUT_CARRY = ALL_FLAGS & ~Flag.carry;

/** What is asked for. */
let register = 0;
let low = 0;
let high = 0;
let known: RegisterValues;
let bytes: Uint8Array;

/**
 * Writes an instruction of at most `limit` bytes.
 * @param to the register
 * @param lowHalf the lower 32 bits of the number
 * @param highHalf the upper ones
 * @param values what registers hold before
 * @param liveFlags mask of `Flag`: those that must stay as they are
 * @param limit bytes
 * @param out gets the instruction, up to `MAX_LOAD` bytes
 * @returns its length; 0 if the register holds the number already, -1 if there is no such instruction
 */
export function loadConstant(
  to: number,
  lowHalf: number,
  highHalf: number,
  values: RegisterValues,
  liveFlags: number,
  limit: number,
  out: Uint8Array,
): number {
  register = to;
  low = lowHalf;
  high = highHalf;
  known = values;
  bytes = out;
  const isHighRight = values.isHighKnown(to) && values.high[to] === high;
  const isLowKnown = values.isLowKnown(to);
  if (isHighRight && isLowKnown && values.low[to] === low) return 0;
  if (limit < 1) return -1;
  if (high === 0 && signFill()) return 1;
  const rex = to >= 8 ? 1 : 0;
  if (limit < 2 + rex) return -1;
  if (isHighRight && isLowKnown && changeByte(limit)) return to < 4 ? 2 : 3;
  if (high === 0) {
    if (low === 0 && liveFlags === 0) return writeRegisters(0x31, to, to); // XOR r32, r32
    const length = copy(limit) || (isLowKnown ? changeAll(liveFlags) : 0);
    if (length > 0) return length;
  } else if (limit >= 3) {
    const from = findHolder();
    if (from >= 0) return writeWide(from);
  }
  if (high === 0 && limit >= 3) {
    const length = addDistance(limit);
    if (length > 0) return length;
  }
  return isHighRight && isLowKnown && limit >= 4 && rex === 0 && changeWord() ? 4 : -1;
}

/** CDQ: edx becomes 0 or -1 with eax's sign. */
function signFill(): boolean {
  if (register !== Register.rdx || !known.isLowKnown(Register.rax)) return false;
  if (low !== known.low[Register.rax]! >> 31) return false;
  bytes[0] = 0x99;
  return true;
}

/** MOV r8, imm8: only the lowest byte, or the one above it, is another. SPL to DIL and R8B to R15B need REX. */
function changeByte(limit: number): boolean {
  const difference = low ^ known.low[register]!;
  const isSecond = (difference & ~0xff00) === 0;
  if (register < 4) {
    if ((difference & ~0xff) !== 0 && !isSecond) return false;
    bytes[0] = 0xb0 | register | (isSecond ? 4 : 0);
    bytes[1] = isSecond ? low >> 8 : low;
    return true;
  }
  if ((difference & ~0xff) !== 0 || limit < 3) return false;
  bytes[0] = register < 8 ? 0x40 : 0x41;
  bytes[1] = 0xb0 | (register & 7);
  bytes[2] = low;
  return true;
}

/** MOV ax, imm16 */
function changeWord(): boolean {
  if (((low ^ known.low[register]!) & ~0xffff) !== 0) return false;
  bytes[0] = 0x66;
  bytes[1] = 0xb8 | register;
  bytes[2] = low;
  bytes[3] = low >> 8;
  return true;
}

/** MOV r32, r32 from a register that holds the number. @returns bytes, or 0 */
function copy(limit: number): number {
  const from = findHolder();
  if (from < 0 || (limit < 3 && (from | register) >= 8)) return 0;
  return writeRegisters(0x89, from, register); // MOV Ev, Gv
}

/** The first register that holds the number: of its upper half too unless that is 0, which MOV r32, r32 makes it. */
function findHolder(): number {
  for (let from = 0; from < 16; from++) {
    if (!known.isLowKnown(from) || known.low[from] !== low) continue;
    if (high === 0 || (known.isHighKnown(from) && known.high[from] === high)) return from;
  }
  return -1;
}

/** INC, DEC, NEG, NOT r32, as far as the flags that they write are dead. @returns bytes, or 0 */
function changeAll(liveFlags: number): number {
  const before = known.low[register]!;
  if ((liveFlags & ALL_BUT_CARRY) === 0) {
    if (((before + 1) | 0) === low) return writeRegisters(0xff, 0, register); // INC
    if (((before - 1) | 0) === low) return writeRegisters(0xff, 1, register); // DEC
  }
  if (~before === low) return writeRegisters(0xf7, 2, register); // NOT
  if (liveFlags === 0 && (-before | 0) === low) return writeRegisters(0xf7, 3, register); // NEG
  return 0;
}

/** LEA r32, [r64 + disp8] @returns bytes, or 0 */
function addDistance(limit: number): number {
  for (let from = 0; from < 16; from++) {
    if (!known.isLowKnown(from) || (from & 7) === 4) continue;
    const distance = (low - known.low[from]!) | 0;
    const hasRex = register >= 8 || from >= 8;
    if (distance < -128 || distance > 127 || limit < (hasRex ? 4 : 3)) continue;
    let length = 0;
    if (hasRex) bytes[length++] = 0x40 | (register >= 8 ? 4 : 0) | (from >= 8 ? 1 : 0);
    bytes[length++] = 0x8d;
    bytes[length++] = 0x40 | ((register & 7) << 3) | (from & 7);
    bytes[length++] = distance;
    return length;
  }
  return 0;
}

/** MOV r64, r64 */
function writeWide(from: number): number {
  bytes[0] = 0x48 | (from >= 8 ? 4 : 0) | (register >= 8 ? 1 : 0);
  bytes[1] = 0x89;
  bytes[2] = 0xc0 | ((from & 7) << 3) | (register & 7);
  return 3;
}

/** An instruction of 32 bits with two registers, or with one and an opcode extension in `reg`. @returns bytes */
function writeRegisters(opcode: number, reg: number, rm: number): number {
  let length = 0;
  if (reg >= 8 || rm >= 8) bytes[length++] = 0x40 | (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0);
  bytes[length++] = opcode;
  bytes[length++] = 0xc0 | ((reg & 7) << 3) | (rm & 7);
  return length;
}
