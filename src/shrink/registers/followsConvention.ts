/**
 * Whether functions of which something knows the address treat registers as the convention has it (psABI, 3.2.1): they
 * neither read what callers have in those that are preserved, nor leave anything there. Where one does, calls through
 * pointers hand over more than anyone can see: global register variables (`register long top asm("r12")`), `regcall`,
 * `swiftcall`.
 *
 * It is found, for each instruction, which of these registers may be read before they are written, and which are written
 * before the function returns; not counting PUSH, what stores them on the stack, and those that the function gets from
 * there again, for that is how they are saved. What is in those then is the function's own, even where it seems to be
 * read before it is written: control need not be able to come that way.
 */
import { createInstruction, decode } from '../../x86/decode.ts';
import { addressRegisters, isRegister, Register } from '../../x86/effects.ts';
import { UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { jumpOperand } from './isSwitch.ts';
import { PRESERVED, popped, pushed } from './savedRegisters.ts';
import { Open, Step, type WholeCode } from './wholeCode.ts';

const STACK = (1 << Register.rsp) | (1 << Register.rbp);
/** Registers that are read are in the lower half of a state, those that are written in the upper half, with this bit. */
const WRITTEN = 16;
const RETURNS = 1 << WRITTEN;
const LEAVE = 0xc9;

const insn = createInstruction();

/** @param code as compilers have made it @returns whether calls through pointers hand over no more than the convention has */
export function followsConvention(code: WholeCode): boolean {
  const { count, step, target, isOpen, isFunction } = code;
  const own = new Int32Array(count);
  const saves = new Uint8Array(count);
  /** Of the first instruction of each function. */
  const restored = new Int32Array(count);
  for (let i = 0, start = 0; i < count; i++) {
    if (isFunction[i] === 1) start = i;
    if (step[i] !== Step.plain) continue;
    const back = restoredBy(code, i);
    restored[start]! |= back | (back << WRITTEN);
    own[i] = ownEffect(code, i);
    saves[i] = isSaving(code, i) ? 1 : 0;
  }
  const state = new Int32Array(count);
  const at = (i: number) => state[i]! & ~restored[i]!;
  const next = (i: number): number => {
    const to = target[i]!;
    switch (step[i]) {
      case Step.plain: {
        const behind = at(i + 1);
        // What never returns leaves nothing to anyone, and need not restore what it saves.
        const returns = (behind & RETURNS) !== 0;
        const written = returns ? own[i]! & (PRESERVED << WRITTEN) : 0;
        const read = returns || saves[i] === 0 ? own[i]! & PRESERVED : 0;
        return (behind & ~((own[i]! >>> WRITTEN) & PRESERVED)) | read | written;
      }
      case Step.jump:
        return to < 0 ? RETURNS : at(to);
      case Step.branch:
        return (to < 0 ? RETURNS : at(to)) | at(i + 1);
      case Step.choose:
        return code.labelsOf(i).reduce((joined, label) => joined | at(label), 0);
      case Step.call:
      case Step.lastCall:
        return (to < 0 ? 0 : at(to) & ~RETURNS) | (step[i] === Step.call ? at(i + 1) : 0);
      case Step.ret:
        return RETURNS;
      default:
        return step[i] === Step.leave && jumpOperand(code, i) >= 0 ? RETURNS : 0;
    }
  };
  for (let isNew = true; isNew; ) {
    isNew = false;
    for (let i = count - 1; i >= 0; i--) {
      const now = next(i);
      isNew ||= now !== state[i];
      state[i] = now;
    }
  }
  for (let i = 0; i < count; i++) {
    const isKnown = isOpen[i] === Open.taken && isFunction[i] === 1;
    if (isKnown && (at(i) & (PRESERVED | (PRESERVED << WRITTEN))) !== 0) return false;
  }
  return true;
}

/** Registers that an instruction gets from the stack, as far as that may be how they are restored. */
function restoredBy(code: WholeCode, i: number): number {
  const register = popped(code, i);
  if (register >= 0) return (1 << register) & PRESERVED;
  const at = code.at[i]!;
  const bytes = code.bytesOf(i);
  if (bytes[at] === LEAVE) return 1 << Register.rbp;
  return stackMove(code, i) === 0x8b ? (code.effect[i]! >>> WRITTEN_REGISTERS_SHIFT) & PRESERVED : 0;
}

/** Registers that an instruction reads, and those that it writes in the upper half. */
function ownEffect(code: WholeCode, i: number): number {
  const effect = code.effect[i]!;
  if (effect === UNKNOWN || popped(code, i) >= 0) return 0;
  return (effect & PRESERVED) | (((effect >>> WRITTEN_REGISTERS_SHIFT) & PRESERVED) << WRITTEN);
}

/** Whether an instruction puts a register on the stack, which may be how it is saved. */
function isSaving(code: WholeCode, i: number): boolean {
  return pushed(code, i) >= 0 || stackMove(code, i) === 0x89;
}

/** The opcode of MOV between a register and the stack, in 64 bits, or -1. */
function stackMove(code: WholeCode, i: number): number {
  const bytes = code.bytesOf(i);
  const at = code.at[i]!;
  // REX.W and the opcode.
  if ((bytes[at]! & 0xf8) !== 0x48 || (bytes[at + 1] !== 0x89 && bytes[at + 1] !== 0x8b)) return -1;
  decode(bytes, at, bytes.length, insn);
  if (isRegister(bytes, at, insn)) return -1;
  const address = addressRegisters(bytes, at, insn);
  return address !== 0 && (address & ~STACK) === 0 ? insn.opcode : -1;
}
