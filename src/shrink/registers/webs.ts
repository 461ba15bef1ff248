/**
 * Webs: what a register holds from where it is written to where that is read last. Instructions that write a register
 * without reading it begin a web, or take part in one that others begin as well; what control flows between belongs to
 * one web as long as the register is live.
 *
 * A web is free if every instruction that has to do with it is in view, and may as well name another register: it does
 * not begin where a function is entered or a call returns, and is not read by a call, behind a return or where control
 * is lost from view.
 */
import { UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { changesOf, involvedIn } from './callEffects.ts';
import type { RegisterFlow } from './registerFlow.ts';
import type { SavedRegisters } from './savedRegisters.ts';
import { isCall, isJump, Step, type WholeCode } from './wholeCode.ts';

/** A web that is free. */
export interface Web {
  readonly register: number;
  /** Instructions before which the register is live. */
  readonly points: readonly number[];
  /** Instructions that name it, each once. */
  readonly uses: readonly number[];
  /** What is called while it is live. */
  readonly crossed: readonly number[];
  /** Registers that hold something else meanwhile. */
  readonly taken: number;
}

/** For each instruction others that lead to it, as a list in which those of instruction `i` begin at `first[i]`. */
interface Sources {
  readonly first: Int32Array;
  readonly from: Int32Array;
}

export class WebFinder {
  readonly #code: WholeCode;
  readonly #flow: RegisterFlow;
  readonly #saved: SavedRegisters;
  readonly jumps: Sources;
  readonly calls: Sources;
  /** By instruction: registers whose web there has been seen. */
  readonly #seen: Uint16Array;
  #register = 0;
  #points: number[] = [];
  #uses: number[] = [];
  #crossed: number[] = [];
  /** By instruction: the number of the last web of which it is among `#points`, and among `#uses`. */
  readonly #webOf: Int32Array;
  readonly #useOf: Int32Array;
  #number = 0;
  #taken = 0;
  #isFree = true;

  constructor(code: WholeCode, flow: RegisterFlow, saved: SavedRegisters) {
    this.#code = code;
    this.#flow = flow;
    this.#saved = saved;
    this.#seen = new Uint16Array(code.count);
    this.#webOf = new Int32Array(code.count);
    this.#useOf = new Int32Array(code.count);
    this.jumps = findSources(code, isJump);
    this.calls = findSources(code, isCall);
  }

  /** @returns the web of a register that is live before an instruction, if it is free and was not asked for before */
  find(register: number, at: number): Web | undefined {
    return ((this.#seen[at]! >> register) & 1) === 1 ? undefined : this.findAgain(register, at);
  }

  /** As `find`, whether it was asked for before or not. */
  findAgain(register: number, at: number): Web | undefined {
    this.#register = register;
    this.#points = [];
    this.#uses = [];
    this.#crossed = [];
    this.#number++;
    this.#taken = 0;
    this.#isFree = true;
    this.#add(at);
    for (let n = 0; n < this.#points.length; n++) {
      const i = this.#points[n]!;
      this.#taken |= this.#flow.live[i]!;
      if (this.#code.isEntry[i] === 1) this.#isFree = false;
      this.#goOn(i);
      this.#goBack(i);
    }
    if (!this.#isFree) return undefined;
    return {
      register,
      points: this.#points,
      uses: this.#uses,
      crossed: this.#crossed,
      taken: this.#taken & ~(1 << register),
    };
  }

  #add(i: number): void {
    const bit = 1 << this.#register;
    if ((this.#flow.live[i]! & bit) === 0 || this.#webOf[i] === this.#number) return;
    this.#webOf[i] = this.#number;
    this.#seen[i]! |= bit;
    this.#points.push(i);
  }

  #addUse(i: number): void {
    if (this.#useOf[i] === this.#number) return;
    this.#useOf[i] = this.#number;
    this.#uses.push(i);
  }

  /** What an instruction does with the register that is live before it. */
  #goOn(i: number): void {
    const { step, target, effect } = this.#code;
    const { live } = this.#flow;
    const bit = 1 << this.#register;
    const t = target[i]!;
    const to = step[i]!;
    const used = (effect[i]! | (effect[i]! >>> WRITTEN_REGISTERS_SHIFT)) & bit;
    if (to === Step.plain) {
      if (effect[i] === UNKNOWN || this.#saved.bitOf(i) === bit) this.#isFree = false;
      const isRead = (effect[i]! & bit) !== 0;
      if (isRead) this.#addUse(i);
      if (isRead || used === 0) this.#add(i + 1);
      return;
    }
    if (isJump(to)) {
      if (t < 0 || used !== 0) this.#isFree = false;
      else this.#add(t);
      if (to === Step.branch) this.#add(i + 1);
      return;
    }
    if (to === Step.choose) {
      // The register that it jumps by is named by no field that is known here.
      if (used !== 0) this.#isFree = false;
      for (const label of this.#code.labelsOf(i)) this.#add(label);
      return;
    }
    const isCrossed = to === Step.call && ((involvedIn(this.#code, this.#flow, t) | used) & bit) === 0;
    if (!isCrossed || (live[i + 1]! & bit) === 0) this.#isFree = false;
    else {
      if (t >= 0) this.#crossed.push(t);
      this.#add(i + 1);
    }
  }

  /** What leads to an instruction before which the register is live. */
  #goBack(i: number): void {
    const { step } = this.#code;
    const { first, from } = this.jumps;
    for (let n = first[i]!; n < first[i + 1]!; n++) this.#add(from[n]!);
    if (i === 0) return;
    const before = i - 1;
    if (step[before] === Step.plain) this.#goBackPlain(before);
    else if (step[before] === Step.branch) this.#add(before);
    else if (step[before] === Step.call) this.#goBackCall(before);
  }

  #goBackPlain(i: number): void {
    const effect = this.#code.effect[i]!;
    const bit = 1 << this.#register;
    const saved = this.#saved.bitOf(i);
    const isRestore = saved !== 0 && !this.#saved.isSave(i);
    if (effect === UNKNOWN || (isRestore && saved === bit)) {
      this.#isFree = false;
      return;
    }
    const writes = effect >>> WRITTEN_REGISTERS_SHIFT;
    this.#taken |= writes;
    if ((writes & bit) === 0) this.#add(i);
    else {
      this.#addUse(i);
      if ((effect & bit) !== 0) this.#add(i);
    }
  }

  #goBackCall(i: number): void {
    const changed = changesOf(this.#code, this.#flow, i);
    if (((changed >> this.#register) & 1) === 1) this.#isFree = false;
    else {
      this.#taken |= changed;
      this.#add(i);
    }
  }
}

function findSources(code: WholeCode, leads: (step: number) => boolean): Sources {
  const { count, step, target } = code;
  const first = new Int32Array(count + 2);
  const forEach = (visit: (from: number, to: number) => void) => {
    for (let i = 0; i < count; i++) {
      if (leads(step[i]!) && target[i]! >= 0) visit(i, target[i]!);
      if (step[i] === Step.choose && leads(Step.jump)) for (const label of code.labelsOf(i)) visit(i, label);
    }
  };
  forEach((_, to) => first[to + 2]!++);
  for (let i = 2; i < count + 2; i++) first[i]! += first[i - 1]!;
  const from = new Int32Array(first[count + 1]!);
  forEach((i, to) => {
    from[first[to + 1]!++] = i;
  });
  return { first, from };
}
