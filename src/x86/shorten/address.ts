/** The same address in fewer bytes (SDM vol. 2, tables 2-2 and 2-3). */
import { type Form, fitsByte, NONE } from './form.ts';

/**
 * Rearranges base and index. The sum stays the same. Where RSP or RBP becomes the base, or is none any more, the
 * segment changes between SS and DS; their bases are 0 in 64-bit mode (SDM vol. 1, 3.4.2.1), so all that changes is
 * that a non-canonical address raises #SS instead of #GP or the other way round.
 */
export function simplifyAddress(form: Form): void {
  if (form.isRegister || form.index === NONE) return;
  if (form.rm === NONE) splitIndex(form);
  else if (form.scale === 0) swapBase(form);
}

/** [index*1 + disp32] → [base + disp]; [index*2 + disp32] → [base + index*1 + disp8] */
function splitIndex(form: Form): void {
  if (form.scale === 0) {
    form.rm = form.index;
    form.index = NONE;
  } else if (form.scale === 1 && !form.isDispFixed && fitsByte(form.disp)) {
    form.rm = form.index;
    form.scale = 0;
  }
}

/** [rbp + index*1 + 0] → [index + rbp*1]: as a base, RBP and R13 need a displacement. */
function swapBase(form: Form): void {
  const isBaseCostly = (form.rm & 7) === 5 && form.disp === 0 && !form.isDispFixed;
  if (!isBaseCostly || (form.index & 7) === 5) return;
  const base = form.rm;
  form.rm = form.index;
  form.index = base;
}
