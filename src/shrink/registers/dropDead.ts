/**
 * Leaves out what only writes registers that nobody reads any more, in this function or another.
 *
 * A frame pointer goes as well, where its function does not use it, unless something in the program may follow frames: it
 * copies the frame pointer, or reads what is saved there.
 */
import { createInstruction, decode, Encoding } from '../../x86/decode.ts';
import { addressRegisters, isRegister, Register } from '../../x86/effects.ts';
import { ALL_FLAGS, WRITTEN_SHIFT } from '../../x86/flags.ts';
import { WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import type { RegisterFlow } from './registerFlow.ts';
import { type CodeSection, goesOn, Pure, Step, type WholeCode } from './wholeCode.ts';

const RBP = 1 << Register.rbp;
/** Instructions among which the end of a flag is looked for. */
const MOST_STEPS = 32;
/** Bytes at the frame pointer that hold the one before it, and where the function returns to. */
const FRAME_SIZE = 16;

/** @param keepsFrames whether something may look for frame pointers */
export function dropDead(code: WholeCode, { live }: RegisterFlow, keepsFrames: boolean): void {
  const { count, pure, effect } = code;
  for (let i = count - 1; i >= 0; i--) {
    if (pure[i] === Pure.no || (pure[i] === Pure.frame && keepsFrames)) continue;
    const isRead = ((effect[i]! >>> WRITTEN_REGISTERS_SHIFT) & live[i + 1]!) !== 0;
    if (!isRead && areFlagsDead(code, i)) code.clear(i);
  }
}

/**
 * Whether nobody looks at the flags that an instruction writes. Code of compilers hands over none at calls and returns.
 */
function areFlagsDead({ flagEffect, step, target }: WholeCode, start: number): boolean {
  let open = (flagEffect[start]! >> WRITTEN_SHIFT) & ALL_FLAGS;
  let i = start + 1;
  for (let n = 0; n < MOST_STEPS && open !== 0; n++) {
    if (step[i] === Step.plain) {
      if ((flagEffect[i]! & open) !== 0) return false;
      open &= ~(flagEffect[i]! >> WRITTEN_SHIFT);
      i++;
    } else if (step[i] === Step.jump) {
      if (target[i]! < 0) return true;
      i = target[i]!;
    } else return step[i] === Step.call || step[i] === Step.ret || !goesOn(step[i]!);
  }
  return open === 0;
}

const insn = createInstruction();

/**
 * Whether there are frame pointers, and code that may look for frames of others: in sections with frame pointers, or what
 * compilers have not made.
 */
export function followsFrames(code: WholeCode, foreign: WholeCode): boolean {
  const framed = code.sections.filter(({ hasFrames }) => hasFrames);
  if (framed.length === 0) return false;
  return (
    framed.some((section) => follow(code, section)) || foreign.sections.some((each) => follow(foreign, each))
  );
}

function follow(code: WholeCode, { first, count }: CodeSection): boolean {
  for (let i = first; i < first + count; i++) if (mayFollow(code, i)) return true;
  return false;
}

/** Whether an instruction copies rbp to another register than rsp, or refers to what is saved there. */
function mayFollow(code: WholeCode, i: number): boolean {
  if (code.step[i] !== Step.plain || (code.effect[i]! & RBP) === 0) return false;
  const bytes = code.bytesOf(i);
  const at = code.at[i]!;
  decode(bytes, at, bytes.length, insn);
  const { map, opcode, modrmOffset, encoding, dispSize, dispOffset } = insn;
  if (modrmOffset < 0 || encoding !== Encoding.legacy) return false;
  const isMove = map === 0 && (opcode === 0x89 || opcode === 0x8b);
  if (isRegister(bytes, at, insn))
    return isMove && ((code.effect[i]! >>> WRITTEN_REGISTERS_SHIFT) & (1 << Register.rsp)) === 0;
  if (addressRegisters(bytes, at, insn) !== RBP || dispSize === 4) return false;
  return dispSize === 0 || bytes[at + dispOffset]! < FRAME_SIZE;
}
