/**
 * What PUSH and POP do in fewer bytes. The stack is written to below its pointer, which no signal handler minds, but the
 * function may: see `leavesRedZone`. What lies between two places that can be entered from elsewhere is part of one
 * function.
 *
 * - MOV r32, imm32 with a number from 0 to 127 takes five bytes, PUSH imm8 and POP r64 three. Both leave the number in
 *   the register, with zeros above it.
 * - MOV r64, imm64 takes ten bytes; a number from -128 to 127 that is pushed, popped and rotated or shifted seven or eight.
 * - MOV r64, r64 of the first eight registers takes three bytes, PUSH and POP two. PUSH rsp pushes what rsp was before,
 *   and POP rsp leaves what has been popped (SDM vol. 2, PUSH and POP).
 * - MOV m64, imm32 with a number from -128 to 127 takes two or three bytes more than PUSH imm8 and POP m64, which stores
 *   the same eight bytes at once. An address counts from what rsp is behind POP, which is what it was before PUSH. Where
 *   POP faults, rsp still is what PUSH has made it. Unwind tables do not say so, and a handler of the signal may throw an
 *   exception, as Ada's does: where that can be, this is done only for what lies on the stack.
 * - SUB rsp, 8 makes room of which nobody knows what it holds, and takes four bytes; PUSH of any register takes one.
 * - ADD rsp, 8 in front of POP r64 takes four bytes; a POP of the same register, which gets another value at once, one.
 *
 * PUSH and POP leave the flags alone, which ADD, SUB, ROR and SHR do not.
 */
import { readI32 } from '../elf/bytes.ts';
import { ALL_FLAGS } from '../x86/flags.ts';
import type { Code } from './code.ts';
import { endOfPart, leavesRedZone } from './redZone.ts';

const REX_B = 0x41;
const REX_W = 0x48;
const PUSH = 0x50;
const POP = 0x58;
const RSP = 4;
/** ModRM without ModRM.reg. */
const RIP_RELATIVE = 5;

/** ModRM.rm with a SIB byte behind it, and that byte for an address that counts from rsp alone. */
const SIB = 4;
const STACK_TOP = 0x24;

/** Bytes that a PUSH and a POP are for. */
const SLOT = 8;
/** Bytes of MOV r64, imm64. */
const WIDE_SIZE = 10;
/** ModRM.reg of shifts. */
const ROR = 1;
const SHR = 5;

/**
 * @param liveFlags those that are live before each instruction, as masks of `Flag`
 * @param isPacked whether the program is going to be packed: then they stand for constants alone, since MOV, which is
 *   everywhere, costs a packer less than two bytes that are not
 * @param mayThrow whether an exception may come from an instruction that faults
 */
export function pushAndPop(code: Code, liveFlags: Uint8Array, isPacked: boolean, mayThrow: boolean): void {
  for (let start = 0; start < code.count; ) {
    const end = endOfPart(code, start);
    if (leavesRedZone(code, start, end)) rewrite(code, start, end, liveFlags, isPacked, mayThrow);
    start = end;
  }
}

const out = new Uint8Array(16);

function rewrite(
  code: Code,
  start: number,
  end: number,
  liveFlags: Uint8Array,
  isPacked: boolean,
  mayThrow: boolean,
): void {
  const { newLength, hasField } = code;
  for (let i = start; i < end; i++) {
    const size = newLength[i]!;
    const isConstant = size === 5 || size === 6;
    if (hasField[i] === 1 || size < 3 || (isPacked && !isConstant)) continue;
    const source = code.sourceOf(i);
    const from = code.startOf(i);
    let length: number;
    if (isConstant) length = pushConstant(source, from, size);
    else if (size === WIDE_SIZE) length = (liveFlags[i + 1]! & ALL_FLAGS) === 0 ? pushWide(source, from) : 0;
    else if (size > 6) length = pushStored(source, from, size, mayThrow);
    else if (size === 3) length = pushRegister(source, from);
    else if ((liveFlags[i + 1]! & ALL_FLAGS) !== 0) continue;
    else length = pushRoom(source, from) || popRoom(code, source, from, i + 1);
    if (length > 0) code.replace(i, out, length);
  }
}

/** @returns bytes written to `out`, or 0 if it is another instruction, as those below do */
function pushConstant(source: Uint8Array, from: number, size: number): number {
  const isHigh = size === 6;
  if (isHigh && source[from] !== REX_B) return 0;
  const opcode = source[from + (isHigh ? 1 : 0)]!;
  if ((opcode & 0xf8) !== 0xb8) return 0; // MOV r32, imm32
  const value = from + size - 4;
  if (source[value]! > 127 || (source[value + 1]! | source[value + 2]! | source[value + 3]!) !== 0) return 0;
  out[0] = 0x6a; // PUSH imm8
  out[1] = source[value]!;
  let length = 2;
  if (isHigh) out[length++] = REX_B;
  out[length++] = POP | (opcode & 7);
  return length;
}

/** REX.W B8 MOV r64, imm64 */
function pushWide(source: Uint8Array, from: number): number {
  const rex = source[from]!;
  const register = source[from + 1]! & 7;
  if ((rex & 0xfe) !== REX_W || (source[from + 1]! & 0xf8) !== 0xb8) return 0;
  const low = readI32(source, from + 2);
  const high = readI32(source, from + 6);
  for (let count = 1; count < 64; count++) {
    const top = rotatedHigh(low, high, count);
    const number = rotatedHigh(high, low, count);
    // -1 without its upper bits is no rotation of a small number.
    const isShifted =
      count < 32 ? low === -1 && high === -1 >>> count : high === 0 && low === -1 >>> (count - 32);
    if (!isShifted && (top !== number >> 31 || number < -128 || number > 127)) continue;
    return writeTurned(rex & 1, register, isShifted ? -1 : number, isShifted ? SHR : ROR, count);
  }
  return 0;
}

/** The upper half of a number that is rotated to the left, or the lower half, if the halves are exchanged. */
function rotatedHigh(low: number, high: number, count: number): number {
  const [first, second] = count < 32 ? [high, low] : [low, high];
  const bits = count & 31;
  return bits === 0 ? first : (first << bits) | (second >>> (32 - bits));
}

/** PUSH imm8; POP r64; ROR or SHR r64, count */
function writeTurned(
  rexB: number,
  register: number,
  number: number,
  operation: number,
  count: number,
): number {
  let length = 0;
  out[length++] = 0x6a;
  out[length++] = number;
  if (rexB !== 0) out[length++] = REX_B;
  out[length++] = POP | register;
  out[length++] = REX_W | rexB;
  out[length++] = count === 1 ? 0xd1 : 0xc1;
  out[length++] = 0xc0 | (operation << 3) | register;
  if (count > 1) out[length++] = count;
  return length;
}

function pushRegister(source: Uint8Array, from: number): number {
  const opcode = source[from + 1]!;
  const modrm = source[from + 2]!;
  const isMove = source[from] === REX_W && (opcode === 0x89 || opcode === 0x8b) && modrm >= 0xc0;
  if (!isMove) return 0;
  const reg = (modrm >> 3) & 7;
  const rm = modrm & 7;
  out[0] = PUSH | (opcode === 0x89 ? reg : rm);
  out[1] = POP | (opcode === 0x89 ? rm : reg);
  return 2;
}

/** REX.W C7 /0 MOV m64, imm32 @param onStack only if it is stored there */
function pushStored(source: Uint8Array, from: number, size: number, onStack: boolean): number {
  const rex = source[from]!;
  const modrm = source[from + 2]!;
  const isStore = (rex & 0xfc) === REX_W && source[from + 1] === 0xc7 && modrm < 0xc0;
  if (!isStore || (modrm & 0xc7) === RIP_RELATIVE) return 0;
  if (onStack && !((modrm & 7) === SIB && rex === REX_W && source[from + 3] === STACK_TOP)) return 0;
  const imm = from + size - 4;
  const number = source[imm]!;
  const sign = number < 0x80 ? 0 : 0xff;
  if (source[imm + 1] !== sign || source[imm + 2] !== sign || source[imm + 3] !== sign) return 0;
  out[0] = 0x6a; // PUSH imm8
  out[1] = number;
  let length = 2;
  if (rex !== REX_W) out[length++] = rex & ~8;
  out[length++] = 0x8f; // POP m64
  for (let at = from + 2; at < imm; at++) out[length++] = source[at]!;
  return length;
}

/** SUB rsp, imm8 */
function pushRoom(source: Uint8Array, from: number): number {
  if (source[from] !== REX_W || source[from + 1] !== 0x83 || source[from + 2] !== 0xec) return 0;
  return repeat(PUSH, source[from + 3]!);
}

/** ADD rsp, imm8 @param next the instruction behind it */
function popRoom(code: Code, source: Uint8Array, from: number, next: number): number {
  if (source[from] !== REX_W || source[from + 1] !== 0x83 || source[from + 2] !== 0xc4) return 0;
  const { count, length, newLength, bytes, at } = code;
  if (next >= count || length[next] !== 1 || newLength[next] !== 1) return 0;
  const opcode = bytes[at[next]!]!;
  return (opcode & 0xf8) === POP && (opcode & 7) !== RSP ? repeat(opcode, source[from + 3]!) : 0;
}

/** @param room bytes on the stack */
function repeat(opcode: number, room: number): number {
  if (room % SLOT !== 0 || room === 0 || room >= 4 * SLOT) return 0;
  out.fill(opcode);
  return room / SLOT;
}
