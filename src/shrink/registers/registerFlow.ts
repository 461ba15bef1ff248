/**
 * What becomes of registers in a whole program: which are read before they are written anew, at each instruction and
 * through calls and returns.
 *
 * Of what a call does, three things are known for each place that is called: which registers may be read there before
 * they are written, which are written whatever happens, and which may be changed when it returns. With these, it is
 * found which registers are live at each instruction: those that may be read before they are written, there or, behind
 * a return, wherever a call came from. All are taken to be live where control goes to, or returns to, places that are
 * not seen.
 *
 * A register that is pushed and popped again keeps what it holds: its PUSH reads it only for the sake of those who read
 * it behind its POP.
 */
import { Register } from '../../x86/effects.ts';
import { ALL_REGISTERS, UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import type { SavedRegisters } from './savedRegisters.ts';
import type { StackDepth } from './stackDepth.ts';
import { goesOn, isJump, Open, Step, type WholeCode } from './wholeCode.ts';

const RSP = 1 << Register.rsp;

/**
 * What calls through pointers and of code that is not understood do, by the psABI (3.2): r10 and r11 have uses of their
 * own in it.
 */
const UNSEEN_USE = 0b0000_1111_1101_0111;
const UNSEEN_CHANGE = 0b0000_1111_1100_0111;

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

export class RegisterFlow {
  /** By instruction: registers that may be read from there on before they are written, or it returns. */
  readonly use: Uint16Array;
  /** Registers that are written on each way from there to where it returns. */
  readonly kill: Uint16Array;
  /** Registers that may hold something else where it returns. */
  readonly change: Uint16Array;
  /** Registers that are live before it. */
  readonly live: Uint16Array;
  readonly #code: WholeCode;
  readonly #saved: SavedRegisters;
  /** Of returns: registers that may be read behind them. */
  readonly #returned: Uint16Array;
  /** Of instructions that are called: what is live behind the calls. */
  readonly #behindCalls: Uint16Array;
  /** For each place that is called: the returns that it may get to. */
  readonly #returnsOf: readonly Int32Array[];
  /** Of functions: what their callers do not look at, of what they may change as compilers have made them. */
  readonly #forgotten: Uint16Array;

  /** @param first what was found when the code was as compilers have made it, if that is no more */
  constructor(code: WholeCode, saved: SavedRegisters, first?: RegisterFlow) {
    const { count } = code;
    this.#code = code;
    this.#saved = saved;
    this.use = new Uint16Array(count);
    this.kill = new Uint16Array(count).fill(ALL_REGISTERS);
    this.change = new Uint16Array(count);
    this.live = new Uint16Array(count);
    this.#returned = new Uint16Array(count);
    this.#behindCalls = new Uint16Array(count);
    // Where control goes does not change with registers.
    this.#returnsOf = first ? first.#returnsOf : findReturns(code);
    while (this.#summarize());
    this.#forgotten = first
      ? first.#forgotten
      : this.change.map((mask, i) => mask & ~saved.popped[i]! & FORGOTTEN);
    while (this.#flow());
  }

  /** Goes once over what each instruction does up to a return. @returns whether anything was new */
  #summarize(): boolean {
    const { count, step } = this.#code;
    const { use, kill, change } = this;
    let isNew = false;
    for (let i = count - 1; i >= 0; i--) {
      const oldUse = use[i];
      const oldKill = kill[i];
      const oldChange = change[i];
      if (step[i] === Step.plain) this.#summarizePlain(i);
      else this.#summarizeBranch(i);
      isNew ||= use[i] !== oldUse || kill[i] !== oldKill || change[i] !== oldChange;
    }
    return isNew;
  }

  #summarizePlain(i: number): void {
    const { use, kill, change } = this;
    const bit = this.#saved.bitOf(i);
    if (bit !== 0) {
      // Saved and restored, the register is neither read nor written.
      const isSave = this.#saved.isSave(i);
      const behind = isSave ? this.#saved.joinRestores(i, change) & bit : 0;
      const read = isSave ? this.#saved.joinRestores(i, use) & bit : 0;
      use[i] = (isSave ? use[i + 1]! : use[i + 1]! & ~bit) | read | RSP;
      kill[i] = isSave ? kill[i + 1]! & ~bit : kill[i + 1]!;
      change[i] = isSave ? (change[i + 1]! & ~bit) | behind : change[i + 1]!;
      // Whoever looks for registers there finds what callers keep in these, and nothing that is in others.
      if (this.#code.meant.has(i)) change[i]! |= UNSEEN_CHANGE;
      return;
    }
    const effect = this.#code.effect[i]!;
    const writes = effect >>> WRITTEN_REGISTERS_SHIFT;
    const reads = effect & ALL_REGISTERS;
    use[i] = (use[i + 1]! & ~writes) | reads;
    // What is not listed may leave alone what it is said to write.
    kill[i] = effect === UNKNOWN ? kill[i + 1]! : kill[i + 1]! | writes;
    change[i] = change[i + 1]! | writes;
  }

  #summarizeBranch(i: number): void {
    const { use, kill, change } = this;
    const { step, target, effect } = this.#code;
    const t = target[i]!;
    const own = effect[i]!;
    switch (step[i]) {
      case Step.ret:
        use[i] = 0;
        kill[i] = 0;
        change[i] = 0;
        return;
      case Step.jump:
        use[i] = t < 0 ? ALL_REGISTERS : use[t]!;
        kill[i] = t < 0 ? 0 : kill[t]!;
        change[i] = t < 0 ? ALL_REGISTERS : change[t]!;
        return;
      case Step.branch:
        use[i] = (t < 0 ? ALL_REGISTERS : use[t]!) | use[i + 1]! | (own & ALL_REGISTERS);
        kill[i] = (t < 0 ? 0 : kill[t]!) & kill[i + 1]!;
        change[i] = (t < 0 ? ALL_REGISTERS : change[t]!) | change[i + 1]! | (own >>> WRITTEN_REGISTERS_SHIFT);
        return;
      case Step.choose: {
        const labels = this.#code.labelsOf(i);
        use[i] = join(labels, use) | (own & ALL_REGISTERS);
        kill[i] = labels.reduce((mask, label) => mask & kill[label]!, ALL_REGISTERS);
        change[i] = join(labels, change);
        return;
      }
      case Step.call:
        use[i] =
          t < 0 ? UNSEEN_USE | use[i + 1]! | (own & ALL_REGISTERS) : use[t]! | (use[i + 1]! & ~kill[t]!);
        kill[i] = t < 0 ? kill[i + 1]! : kill[t]! | kill[i + 1]!;
        change[i] = (t < 0 ? UNSEEN_CHANGE : change[t]!) | change[i + 1]!;
        return;
      case Step.lastCall:
      case Step.end:
        use[i] = step[i] === Step.end ? 0 : t < 0 ? UNSEEN_USE | (own & ALL_REGISTERS) : use[t]!;
        kill[i] = ALL_REGISTERS;
        change[i] = 0;
        return;
      default:
        use[i] = ALL_REGISTERS;
        kill[i] = 0;
        change[i] = ALL_REGISTERS;
    }
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
        return t < 0 ? ALL_REGISTERS : live[t]!;
      case Step.branch:
        return live[i + 1]! | (t < 0 ? ALL_REGISTERS : live[t]!) | reads;
      case Step.choose:
        return join(this.#code.labelsOf(i), live) | reads | RSP;
      case Step.call:
        return (t < 0 ? UNSEEN_USE | live[i + 1]! | reads : use[t]! | (live[i + 1]! & ~kill[t]!)) | RSP;
      case Step.lastCall:
        return (t < 0 ? UNSEEN_USE | reads : use[t]!) | RSP;
      case Step.end:
        return 0;
      case Step.ret:
        return this.#returned[i]! | RSP;
      default:
        return ALL_REGISTERS;
    }
  }
}

/** Registers that an instruction may change, with all that it calls. */
export function changesOf({ step, target, effect }: WholeCode, { change }: RegisterFlow, i: number): number {
  if (step[i] === Step.plain) return effect[i]! >>> WRITTEN_REGISTERS_SHIFT;
  if (step[i] !== Step.call) return 0;
  return target[i]! < 0 ? UNSEEN_CHANGE : change[target[i]!]!;
}

/** Registers that the call of an instruction, or of what is not seen, has to do with. */
export function involvedIn({ use, change }: RegisterFlow, called: number): number {
  return called < 0 ? UNSEEN_USE | UNSEEN_CHANGE : use[called]! | change[called]!;
}

function join(places: readonly number[], masks: Uint16Array): number {
  let joined = 0;
  for (const i of places) joined |= masks[i]!;
  return joined;
}

/** @returns by instruction that is called, or entered from elsewhere: the returns that it may get to without calls */
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
        if (isJump(to) && target[i]! >= 0) open.push(target[i]!);
        if (to === Step.choose) open.push(...code.labelsOf(i));
        if (to === Step.ret) returns.push(i);
        if (!goesOn(to)) break;
      }
    }
    found[e] = Int32Array.from(returns);
  }
  return found;
}
