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
 *
 * Nor may anyone take more results from a call through a pointer than the convention has.
 */
import { createInstruction, decode } from '../../x86/decode.ts';
import { addressRegisters, isRegister, Register } from '../../x86/effects.ts';
import { UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { jumpOperand } from './isSwitch.ts';
import { PRESERVED, popped, pushed } from './savedRegisters.ts';
import { ELSEWHERE, Open, Step, type WholeCode } from './wholeCode.ts';

const STACK = (1 << Register.rsp) | (1 << Register.rbp);
/** Registers that are read are in the lower half of a state, those that are written in the upper half, with this bit. */
const WRITTEN = 16;
const RETURNS = 1 << WRITTEN;
const LEAVE = 0xc9;

const insn = createInstruction();

/** What calls may change besides results (psABI, 3.2.1): rsi, rdi, r8 to r11. Nobody looks for anything there. */
const LOST = 0b0000_1111_1100_0000;

/**
 * @param code as it has come
 * @param isForeign whether compilers have not made it: then what is called by name may have other conventions
 * @returns whether calls through pointers hand over no more than the convention has
 */
export function followsConvention(code: WholeCode, isForeign: boolean): boolean {
  const { count, isOpen, isFunction, step, target } = code;
  const { state, restored } = findUses(code);
  for (let i = 0; i < count; i++) {
    const isCalled = isOpen[i] === Open.taken || (isOpen[i] === Open.called && !isForeign);
    const used = state[i]! & ~restored[i]! & (PRESERVED | (PRESERVED << WRITTEN));
    if (isCalled && isFunction[i] === 1 && used !== 0) return false;
    if (step[i] === Step.call && target[i] === ELSEWHERE && takesMoreResults(code, i + 1)) return false;
  }
  return true;
}

/**
 * Whether code behind a call takes results from more registers than the convention has: at once, for further on, where
 * control need not be able to come, a variable may have no value yet.
 */
function takesMoreResults(code: WholeCode, start: number): boolean {
  let open = LOST;
  for (let i = start; code.step[i] === Step.plain && open !== 0; i++) {
    const effect = code.effect[i]!;
    const isSystemCall = code.bytesOf(i)[code.at[i]!] === 0x0f && code.bytesOf(i)[code.at[i]! + 1] === 0x05;
    // PUSH may be for the sake of the stack alone, and a system call need not take all arguments.
    if (effect === UNKNOWN || isSystemCall) return false;
    const writes = effect >>> WRITTEN_REGISTERS_SHIFT;
    // A byte is written as if the others counted.
    if (pushed(code, i) < 0 && (effect & ~writes & open) !== 0) return true;
    open &= ~writes;
  }
  return false;
}

/** Registers by instruction that may be read from there on, and those that may be written. */
interface Uses {
  readonly state: Int32Array;
  /** Of the first instruction of each function: those that it saves and gets back. */
  readonly restored: Int32Array;
}

function findUses(code: WholeCode): Uses {
  const { count, step, target, isFunction } = code;
  const own = new Int32Array(count);
  const saves = new Int32Array(count);
  const saved = new Int32Array(count);
  const restored = new Int32Array(count);
  for (let i = 0, start = 0; i < count; i++) {
    if (isFunction[i] === 1) start = i;
    if (step[i] !== Step.plain) continue;
    restored[start]! |= restoredBy(code, i);
    own[i] = ownEffect(code, i);
    saves[i] = savedBy(code, i);
    saved[start]! |= saves[i]!;
  }
  for (let i = 0; i < count; i++) {
    const both = restored[i]! & saved[i]!;
    restored[i] = both | (both << WRITTEN);
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
        const read = returns ? own[i]! & PRESERVED : own[i]! & PRESERVED & ~saves[i]!;
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
  return { state, restored };
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

/** Registers that an instruction puts on the stack, which may be how they are saved. */
function savedBy(code: WholeCode, i: number): number {
  const register = pushed(code, i);
  if (register >= 0) return 1 << register;
  return stackMove(code, i) === 0x89 ? code.effect[i]! & PRESERVED : 0;
}

/** Registers that an instruction reads, and those that it writes in the upper half. */
function ownEffect(code: WholeCode, i: number): number {
  const effect = code.effect[i]!;
  if (effect === UNKNOWN || popped(code, i) >= 0) return 0;
  return (effect & PRESERVED) | (((effect >>> WRITTEN_REGISTERS_SHIFT) & PRESERVED) << WRITTEN);
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
