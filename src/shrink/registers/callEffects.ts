/**
 * What calls do to registers: which may be read where a call leads before they are written, which are written whatever
 * happens, and which may be changed when it returns.
 *
 * A register that is pushed and popped again keeps what it holds: its PUSH reads it only for the sake of those who read
 * it behind its POP.
 */
import { Register } from '../../x86/effects.ts';
import { ALL_REGISTERS, UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { CONVENTION } from './outsideCall.ts';
import type { SavedRegisters } from './savedRegisters.ts';
import { Step, type WholeCode } from './wholeCode.ts';

const RSP = 1 << Register.rsp;

export class CallEffects {
  /** By instruction: registers that may be read from there on before they are written, or it returns. */
  readonly use: Uint16Array;
  /** Registers that are written on each way from there to where it returns. */
  readonly kill: Uint16Array;
  /** Registers that may hold something else where it returns. */
  readonly change: Uint16Array;
  readonly #code: WholeCode;
  readonly #saved: SavedRegisters;

  constructor(code: WholeCode, saved: SavedRegisters) {
    this.#code = code;
    this.#saved = saved;
    this.use = new Uint16Array(code.count);
    this.kill = new Uint16Array(code.count).fill(ALL_REGISTERS);
    this.change = new Uint16Array(code.count);
    while (this.#summarize());
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
      if (this.#code.meant.has(i)) change[i]! |= CONVENTION.change;
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
        use[i] = t < 0 ? this.#code.jumpOutside(t).use : use[t]!;
        kill[i] = t < 0 ? 0 : kill[t]!;
        change[i] = t < 0 ? this.#code.jumpOutside(t).change : change[t]!;
        return;
      case Step.branch:
        use[i] = (t < 0 ? this.#code.jumpOutside(t).use : use[t]!) | use[i + 1]! | (own & ALL_REGISTERS);
        kill[i] = (t < 0 ? 0 : kill[t]!) & kill[i + 1]!;
        change[i] =
          (t < 0 ? this.#code.jumpOutside(t).change : change[t]!) |
          change[i + 1]! |
          (own >>> WRITTEN_REGISTERS_SHIFT);
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
          t < 0
            ? this.#code.callOutside(t).use | use[i + 1]! | (own & ALL_REGISTERS)
            : use[t]! | (use[i + 1]! & ~kill[t]!);
        kill[i] = t < 0 ? kill[i + 1]! : kill[t]! | kill[i + 1]!;
        change[i] = (t < 0 ? this.#code.callOutside(t).change : change[t]!) | change[i + 1]!;
        return;
      case Step.lastCall:
      case Step.end:
        use[i] =
          step[i] === Step.end ? 0 : t < 0 ? this.#code.callOutside(t).use | (own & ALL_REGISTERS) : use[t]!;
        kill[i] = ALL_REGISTERS;
        change[i] = 0;
        return;
      case Step.stop:
        use[i] = CONVENTION.use;
        kill[i] = 0;
        change[i] = 0;
        return;
      default:
        use[i] = ALL_REGISTERS;
        kill[i] = 0;
        change[i] = ALL_REGISTERS;
    }
  }
}

/** Registers that an instruction may change, with all that it calls. */
export function changesOf(code: WholeCode, { change }: CallEffects, i: number): number {
  const { step, target, effect } = code;
  if (step[i] === Step.plain) return effect[i]! >>> WRITTEN_REGISTERS_SHIFT;
  if (step[i] !== Step.call) return 0;
  return target[i]! < 0 ? code.callOutside(target[i]!).change : change[target[i]!]!;
}

/** Registers that the call of an instruction, or of what is not seen, has to do with. */
export function involvedIn(code: WholeCode, { use, change }: CallEffects, called: number): number {
  if (called >= 0) return use[called]! | change[called]!;
  const outside = code.callOutside(called);
  return outside.use | outside.change;
}

/** What any of some instructions has. @param masks by instruction */
export function join(places: readonly number[], masks: Uint16Array): number {
  let joined = 0;
  for (const i of places) joined |= masks[i]!;
  return joined;
}
