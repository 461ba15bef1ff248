/**
 * Leaves out what a function saves that never returns: nobody gets the registers back. PUSH of registers and SUB of the
 * stack pointer behind them become SUB of as much, so that everything on the stack lies where it was.
 *
 * Not where unwind tables describe the function, for they may tell where the registers are. What is pushed in front of
 * the frame pointer stays, which points there.
 */
import { type Code, Feature, Mark } from './code.ts';

const ENTERED = Mark.entry | Mark.target | Mark.start;
/** The largest number that SUB takes as a byte. */
const MOST = 127;
const SLOT = 8;

/** @param code all of it one function, and without unwind tables */
export function dropSaves(code: Code): void {
  const { count, marks, newLength } = code;
  const pushes: number[] = [];
  let i = 0;
  for (; i < count && (i === 0 || (marks[i]! & ENTERED) === 0); i++) {
    if (newLength[i] === 0) continue;
    if (isSave(code, i)) pushes.push(i);
    else if (isFrame(code, i)) pushes.length = 0;
    else break;
  }
  if (i >= count || (marks[i]! & ENTERED) !== 0) return;
  const { bytes, at, length } = code;
  const isRoom = bytes[at[i]!] === 0x48 && bytes[at[i]! + 1] === 0x83 && bytes[at[i]! + 2] === 0xec; // SUB rsp, imm8
  if (!isRoom || length[i] !== 4) return;
  let room = bytes[at[i]! + 3]!;
  // One that is followed by others stays, or those would lie elsewhere.
  while (pushes.length > 0 && room + SLOT <= MOST) {
    newLength[pushes.pop()!] = 0;
    room += SLOT;
  }
  code.replace(i, [0x48, 0x83, 0xec, room], 4);
}

/** PUSH of a register that callees save: rbx, rbp, r12 to r15 (psABI, 3.2.1). */
function isSave({ bytes, at, length }: Code, i: number): boolean {
  const start = at[i]!;
  if (length[i] === 1) return bytes[start] === 0x53 || bytes[start] === 0x55;
  return length[i] === 2 && bytes[start] === 0x41 && bytes[start + 1]! >= 0x54 && bytes[start + 1]! <= 0x57;
}

/** MOV rbp, rsp */
function isFrame({ features }: Code, i: number): boolean {
  return (features[i]! & Feature.setsFrame) !== 0;
}
