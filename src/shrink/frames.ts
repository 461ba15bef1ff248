/**
 * Ends frames by LEAVE, which takes one byte: it does what `mov %rbp, %rsp; pop %rbp` do (SDM vol. 2, LEAVE). Compilers
 * that do not take it write `add $x, %rsp; pop %rbp; ret`.
 *
 * A function that begins with `push %rbp; mov %rsp, %rbp` and writes rbp nowhere else but at its ends has in rbp the
 * address of what it has pushed, right below its return address. What it pops in front of RET lies there too, or RET
 * would not return. So rbp is what rsp has to be in front of that POP. ADD writes flags, LEAVE does not.
 */
import { Flow } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { ALL_FLAGS } from '../x86/flags.ts';
import { WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';
import { isSystemCall } from './branches.ts';
import { type Code, Feature, Mark } from './code.ts';
import { endOfFunction } from './redZone.ts';

const ENTERED = Mark.entry | Mark.target | Mark.start | Mark.landingPad;
const WRITES_RBP = 1 << (Register.rbp + WRITTEN_REGISTERS_SHIFT);
const PUSH_RBP = 0x55;
const POP_RBP = 0x5d;
const LEAVE = [0xc9];

/** @param liveFlags those that are live before each instruction, as masks of `Flag` */
export function leaveFrames(code: Code, liveFlags: Uint8Array): void {
  const { count, marks, newLength } = code;
  for (let start = 0; start < count; start++) {
    if ((marks[start]! & Mark.function) === 0 || !isByte(code, start, PUSH_RBP)) continue;
    const end = endOfFunction(code, start);
    if (end < 0 || !keepsFrame(code, start, end)) continue;
    for (let i = start + 2; i + 1 < end; i++) {
      if (!isByte(code, i + 1, POP_RBP) || (marks[i + 1]! & ENTERED) !== 0) continue;
      if (!raisesStack(code, i) || (liveFlags[i + 1]! & ALL_FLAGS) !== 0) continue;
      code.replace(i, LEAVE, LEAVE.length);
      newLength[i + 1] = 0;
    }
  }
}

/** Whether a function sets up its frame at once and keeps it until RET. */
function keepsFrame(code: Code, start: number, end: number): boolean {
  const { flow, features, marks, registerEffect } = code;
  const setup = start + 1;
  if (setup >= end || (features[setup]! & Feature.setsFrame) === 0 || (marks[setup]! & ENTERED) !== 0)
    return false;
  for (let i = setup + 1; i < end; i++) {
    if (isByte(code, i, PUSH_RBP) || (flow[i] === Flow.system && !isSystemCall(code, i))) return false;
    if (flow[i] !== Flow.none || (registerEffect[i]! & WRITES_RBP) === 0) continue;
    if (!isByte(code, i, POP_RBP) || i + 1 >= end || flow[i + 1] !== Flow.ret) return false;
  }
  return true;
}

function isByte({ bytes, at, length }: Code, i: number, opcode: number): boolean {
  return length[i] === 1 && bytes[at[i]!] === opcode;
}

/** Whether an instruction is ADD rsp, imm8 or imm32. */
function raisesStack({ bytes, at, length, hasField, newLength }: Code, i: number): boolean {
  const start = at[i]!;
  const isAdd = bytes[start] === 0x48 && (bytes[start + 1] === 0x83 || bytes[start + 1] === 0x81);
  return isAdd && bytes[start + 2] === 0xc4 && length[i]! >= 4 && hasField[i] === 0 && newLength[i] !== 0;
}
