/**
 * What becomes of registers in a whole program: which are read before they are written anew, at each instruction and
 * through calls and returns.
 *
 * With what calls do, it is found which registers are live at each instruction: those that may be read before they are
 * written, there or, behind a return, wherever a call came from. All are taken to be live where control goes to, or
 * returns to, places that are not seen.
 */
import { Register } from '../../x86/effects.ts';
import { ALL_REGISTERS, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { CallEffects, join } from './callEffects.ts';
import type { SavedRegisters } from './savedRegisters.ts';
import type { StackDepth } from './stackDepth.ts';
import { goesOn, isJump, Open, Step, type WholeCode } from './wholeCode.ts';

const RSP = 1 << Register.rsp;

/**
 * Registers that callers do not look at when a function returns that they know by its address, if it may change them and
 * does not pop them: rsi, rdi, r8 to r11. Others are preserved or have results, rcx the third one of LLVM's.
 */
const FORGOTTEN = 0b0000_1111_1100_0000;

/** What is known of all code, as long as it does not change. */
export interface CodeKnowledge {
  readonly stack: StackDepth;
  readonly saved: SavedRegisters;
  readonly flow: RegisterFlow;
}

export class RegisterFlow extends CallEffects {
  /** By instruction: registers that are live before it. */
  readonly live: Uint16Array;
  readonly #code: WholeCode;
  readonly #saved: SavedRegisters;
  /** Of returns, and jumps out of view: registers that may be read behind them. */
  readonly #returned: Uint16Array;
  /** Of instructions that are called: what is live behind the calls. */
  readonly #behindCalls: Uint16Array;
  /** For each place that is called: the returns that it may get to. */
  readonly #returnsOf: readonly Int32Array[];
  /** Of functions: what their callers do not look at, of what they may change as compilers have made them. */
  readonly #forgotten: Uint16Array;

  /** @param first what was found when the code was as compilers have made it, if that is no more */
  constructor(code: WholeCode, saved: SavedRegisters, first?: RegisterFlow) {
    super(code, saved);
    const { count } = code;
    this.#code = code;
    this.#saved = saved;
    this.live = new Uint16Array(count);
    this.#returned = new Uint16Array(count);
    this.#behindCalls = new Uint16Array(count);
    // Where control goes does not change with registers.
    this.#returnsOf = first ? first.#returnsOf : findReturns(code);
    this.#forgotten = first
      ? first.#forgotten
      : this.change.map((mask, i) => mask & ~saved.popped[i]! & FORGOTTEN);
    while (this.#flow());
  }

  /** Goes once over what is live. @returns whether anything was new */
  #flow(): boolean {
    const { count, isOpen, isFunction, isEntry, step, target } = this.#code;
    const { live } = this;
    const returned = this.#returned;
    const behind = this.#behindCalls;
    for (let i = 0; i < count; i++) {
      if (isOpen[i] === Open.taken && isFunction[i] === 1) behind[i]! |= ~this.#forgotten[i]!;
      else if (isOpen[i] !== Open.no) behind[i] = ALL_REGISTERS;
      if (step[i] === Step.call && target[i]! >= 0) behind[target[i]!]! |= live[i + 1]!;
    }
    for (let e = 0; e < count; e++) {
      if (isEntry[e] === 0) continue;
      for (const ret of this.#returnsOf[e]!) returned[ret]! |= behind[e]!;
    }
    let isNew = false;
    for (let i = count - 1; i >= 0; i--) {
      const now = this.#liveBefore(i);
      isNew ||= now !== live[i];
      live[i] = now;
    }
    return isNew;
  }

  /** What is live before an instruction, by what is live behind it. */
  #liveBefore(i: number): number {
    const { live, use, kill } = this;
    const { step, target, effect } = this.#code;
    const t = target[i]!;
    const reads = effect[i]! & ALL_REGISTERS;
    switch (step[i]) {
      case Step.plain: {
        const bit = this.#saved.bitOf(i);
        if (bit === 0) return (live[i + 1]! & ~(effect[i]! >>> WRITTEN_REGISTERS_SHIFT)) | reads;
        if (!this.#saved.isSave(i)) return (live[i + 1]! & ~bit) | RSP;
        return live[i + 1]! | (this.#saved.joinRestores(i, live) & bit) | RSP;
      }
      case Step.jump:
        return t < 0 ? this.#liveOutside(i) : live[t]!;
      case Step.branch:
        return live[i + 1]! | (t < 0 ? this.#liveOutside(i) : live[t]!) | reads;
      case Step.choose:
        return join(this.#code.labelsOf(i), live) | reads | RSP;
      case Step.call:
        return (
          (t < 0
            ? this.#code.callOutside(t).use | live[i + 1]! | reads
            : use[t]! | (live[i + 1]! & ~kill[t]!)) | RSP
        );
      case Step.lastCall:
        return (t < 0 ? this.#code.callOutside(t).use | reads : use[t]!) | RSP;
      case Step.end:
        return 0;
      case Step.ret:
        return this.#returned[i]! | RSP;
      default:
        return ALL_REGISTERS;
    }
  }
  /** What is live before a jump out of view: it returns for those who have called. */
  #liveOutside(i: number): number {
    return this.#code.jumpOutside(this.#code.target[i]!).use | this.#returned[i]! | RSP;
  }
}

/** @returns by instruction that is called, or entered from elsewhere: the returns, and jumps out of view, that it may get to without calls */
function findReturns(code: WholeCode): Int32Array[] {
  const { count, isEntry, step, target } = code;
  const found: Int32Array[] = new Array(count);
  const seen = new Int32Array(count).fill(-1);
  const open: number[] = [];
  for (let e = 0; e < count; e++) {
    if (isEntry[e] === 0) continue;
    const returns: number[] = [];
    open.push(e);
    while (open.length > 0) {
      let i = open.pop()!;
      for (; seen[i] !== e; i++) {
        seen[i] = e;
        const to = step[i]!;
        if (isJump(to)) {
          if (target[i]! >= 0) open.push(target[i]!);
          else returns.push(i);
        }
        if (to === Step.choose) open.push(...code.labelsOf(i));
        if (to === Step.ret) returns.push(i);
        if (!goesOn(to)) break;
      }
    }
    found[e] = Int32Array.from(returns);
  }
  return found;
}
