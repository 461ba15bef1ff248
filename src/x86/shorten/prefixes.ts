/** Prefixes that have no effect on what an instruction does, and instructions that do nothing. */
import { Prefix } from '../decode.ts';
import { type Form, NONE } from './form.ts';

/** PUSH, POP, LEAVE, RET: their operand size is 64 bits without REX.W, too (SDM vol. 1, 6.2.4). */
export function shortenStackOperation(form: Form): void {
  if ((form.insn.prefixes & Prefix.operandSize) === 0) form.isWide = false;
}

/** RET, C3: F3 was for a branch predictor, and F2 for MPX, which has never been on by default and is gone. */
export function shortenReturn(form: Form): void {
  form.dropped |= Prefix.repeat;
  shortenStackOperation(form);
}

/** Group 5, FF: CALL and JMP through r/m64 and PUSH r/m64 are like {@link shortenReturn} and PUSH. */
export function shortenIndirect(form: Form): void {
  const extension = form.reg & 7;
  const isBranch = extension === 2 || extension === 4;
  if (!isBranch && extension !== 6) return;
  if (isBranch && form.insn.mandatoryPrefix === 3) form.dropped |= Prefix.repeat;
  shortenStackOperation(form);
}

/** 90: XCHG rAX, rAX is NOP in any width; with REX.B it exchanges, with F3 it is PAUSE. */
export function shortenNop(form: Form): void {
  if (form.insn.prefixes & (Prefix.repeat | Prefix.lock) || form.rm !== 0) return;
  form.isWide = false;
  form.dropped = form.insn.prefixes;
}

/** NOP r/m, 0F 1F: it does not access its operand (SDM vol. 2, NOP). */
export function shortenLongNop(form: Form): void {
  if (form.isDispFixed) return;
  form.dropped = form.insn.prefixes;
  form.map = 0;
  form.opcode = 0x90;
  form.hasModrm = false;
  form.isWide = false;
  form.reg = 0;
  form.rm = 0;
  form.index = NONE;
}
