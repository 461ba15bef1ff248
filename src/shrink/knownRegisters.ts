/**
 * Rewrites by what registers are known to hold: loads of what is there already go, others take their shortest form, and
 * operations of 64 bits on registers with an empty upper half take 32.
 *
 * What is known at an instruction holds whichever way control came there. Within a block each instruction is
 * followed; where branches of the section meet, only what all of them know is kept. All branches that lead to a place
 * are seen before it, or else nothing is known there: so one pass forward is enough, without loops being gone round.
 * Nothing is known either where anything but a branch of the section leads: at functions, entries of tables and
 * landing pads, and behind calls, for a callee may keep to a convention of its own. Of the system, it is known that it
 * overwrites rax, rcx and r11 (psABI, A.2.1), and that it begins a program with 0 in all registers but rsp.
 *
 * A rewritten instruction leaves each register and each flag that is read as it was before, and writes no register
 * that it did not write: a caller that was compiled with it may rely on its leaving others alone (-fipa-ra). So what is
 * known stays true while instructions are rewritten one by one.
 *
 * Of programs that are going to be packed, a form is taken only if it is much shorter: what compilers use everywhere
 * costs a packer less than a byte fewer of what is rare.
 */
import { calculate, createOutcome } from '../x86/calculate.ts';
import { Flow } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { signed } from '../x86/exits.ts';
import { ALL_FLAGS, WRITTEN_SHIFT } from '../x86/flags.ts';
import { loadConstant, MAX_LOAD } from '../x86/loadConstant.ts';
import { flagsOfNarrow } from '../x86/narrow.ts';
import { SYSTEM_CALL_WRITES, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';
import { RegisterValues } from '../x86/registerValues.ts';
import { conditionOf, isConditional, isSystemCall } from './branches.ts';
import { type Code, Feature, Mark, NO_TARGET, UNCHANGED } from './code.ts';
import { dropDeadStores } from './deadRegisters.ts';

/** Where nothing is known of the registers. */
const ENTERED = Mark.entry | Mark.start | Mark.function | Mark.landingPad;
/** Condition of Jcc: the zero flag. Its lowest bit negates it. */
const EQUAL = 4;
const REX_W = 0x48;
const REX_SIZE = 1;
/** Bytes of PUSH imm8 and POP r64. */
const PUSHED_SIZE = 3;
/** Bytes that another form saves at least in a program that is going to be packed. */
const PACKED_GAIN = 3;

/** Values of `#slot`. */
const NO_SLOT = -1;
/** A place that branches from behind lead to, or one that does more than branch. */
const LED_BACK_TO = -2;

export class RegisterRewriter {
  readonly #code: Code;
  /** Bytes that another form has to save. */
  readonly #leastGain: number;
  readonly #values = new RegisterValues();
  readonly #outcome = createOutcome();
  /** By instruction: where `#states` has what branches that lead there know, or `NO_SLOT`, or `LED_BACK_TO`. */
  #slot = new Int32Array(0);
  readonly #states: RegisterValues[] = [];
  /** Places in `#states` that are not used. */
  readonly #free: number[] = [];
  readonly #out = new Uint8Array(MAX_LOAD);
  #liveFlags: Uint8Array = new Uint8Array(0);
  /** Whether something lies below the stack pointer. */
  #usesRedZone = false;
  /** The register, or -1, that holds `#comparedLow` and `#comparedHigh` if the zero flag is set. */
  #compared = -1;
  #comparedLow = 0;
  #comparedHigh = 0;
  #isComparedWide = false;

  /** @param isPacked whether the program is going to be packed */
  constructor(code: Code, isPacked: boolean) {
    this.#code = code;
    this.#leastGain = isPacked ? PACKED_GAIN : 1;
  }

  /**
   * Rewrites the section.
   * @param liveFlags those that are live before each instruction, as masks of `Flag`
   * @param hasLandingPads whether unwinders may lead into it
   */
  rewrite(liveFlags: Uint8Array, hasLandingPads: boolean): void {
    const { count } = this.#code;
    this.#liveFlags = liveFlags;
    if (!hasLandingPads) dropDeadStores(this.#code, liveFlags);
    this.#prepare();
    let isOpen = false;
    for (let i = 0; i < count; i++) {
      this.#enter(i, isOpen);
      isOpen = this.#follow(i);
    }
    this.#dropState(count);
  }

  /** Notes where branches lead back to. */
  #prepare(): void {
    const { count, target, flow, features } = this.#code;
    if (this.#slot.length <= count) this.#slot = new Int32Array(2 * count + 1);
    const slot = this.#slot;
    slot.fill(NO_SLOT, 0, count + 1);
    let seen = 0;
    for (let i = 0; i < count; i++) {
      seen |= features[i]!;
      const t = target[i]!;
      if (t === NO_TARGET) continue;
      const isPlain = flow[i] === Flow.jmpRel || isConditional(this.#code, i);
      if (t <= i || !isPlain) slot[t] = LED_BACK_TO;
    }
    this.#usesRedZone = (seen & Feature.belowStack) !== 0;
    this.#values.forgetAll();
  }

  /** Finds what is known before an instruction. @param isOpen whether the one before it leads there */
  #enter(i: number, isOpen: boolean): void {
    const { marks } = this.#code;
    const values = this.#values;
    const mark = marks[i]!;
    if ((mark & (ENTERED | Mark.target)) === 0) {
      if (!isOpen) this.#forgetAll();
      return;
    }
    this.#compared = -1;
    const slot = this.#slot[i]!;
    if ((mark & Mark.process) !== 0 && !isOpen) values.clear();
    else if ((mark & ENTERED) !== 0 || slot === LED_BACK_TO) values.forgetAll();
    else if (slot === NO_SLOT) {
      if (!isOpen) values.forgetAll();
    } else if (isOpen) values.intersect(this.#states[slot]!);
    else values.copyFrom(this.#states[slot]!);
    this.#dropState(i);
  }

  #dropState(i: number): void {
    if (this.#slot[i]! >= 0) this.#free.push(this.#slot[i]!);
  }

  #forgetAll(): void {
    this.#values.forgetAll();
    this.#compared = -1;
  }

  /** Rewrites an instruction and finds what is known after it. @returns whether the next one follows it */
  #follow(i: number): boolean {
    const { flow, target } = this.#code;
    switch (flow[i]) {
      case Flow.none:
        this.#followPlain(i);
        return true;
      case Flow.jmpRel:
        this.#leadTo(target[i]!);
        return false;
      case Flow.jccRel:
        if (isConditional(this.#code, i)) this.#followConditional(i);
        else this.#forgetAll();
        return true;
      case Flow.system:
        if (isSystemCall(this.#code, i)) this.#values.forget(SYSTEM_CALL_WRITES);
        else this.#values.forgetAll();
        this.#compared = -1;
        return true;
      case Flow.callRel:
      case Flow.indirectCall:
        this.#forgetAll();
        return true;
      default:
        return false;
    }
  }

  /** JE and JNE tell what the register holds that was compared. */
  #followConditional(i: number): void {
    const { target } = this.#code;
    const condition = conditionOf(this.#code, i);
    const register = (condition & ~1) === EQUAL ? this.#compared : -1;
    if (register < 0) {
      this.#leadTo(target[i]!);
      return;
    }
    if (condition !== EQUAL) {
      this.#leadTo(target[i]!);
      this.#learn(register);
      return;
    }
    const values = this.#values;
    const { lows, highs } = values;
    const low = values.low[register]!;
    const high = values.high[register]!;
    this.#learn(register);
    this.#leadTo(target[i]!);
    values.lows = lows;
    values.highs = highs;
    values.low[register] = low;
    values.high[register] = high;
  }

  #learn(register: number): void {
    this.#values.setLow(register, this.#comparedLow);
    if (this.#isComparedWide) this.#values.setHigh(register, this.#comparedHigh);
  }

  /** Keeps what is known for a place that a branch leads to. */
  #leadTo(t: number): void {
    if (t === NO_TARGET || this.#slot[t] === LED_BACK_TO) return;
    if (this.#slot[t]! >= 0) {
      this.#states[this.#slot[t]!]!.intersect(this.#values);
      return;
    }
    const slot = this.#free.pop() ?? this.#states.push(new RegisterValues()) - 1;
    this.#states[slot]!.copyFrom(this.#values);
    this.#slot[t] = slot;
  }

  #followPlain(i: number): void {
    const { features, registerEffect, flagEffect, newLength } = this.#code;
    if ((features[i]! & Feature.calculation) !== 0) {
      // What was dropped as dead is not done.
      if (newLength[i] !== 0) this.#followCalculation(i);
      return;
    }
    const writes = registerEffect[i]! >>> WRITTEN_REGISTERS_SHIFT;
    if (writes !== 0 && !this.#followPop(i)) this.#forget(i, writes);
    // Of instructions that are not listed it is not known what they write.
    const effect = flagEffect[i]!;
    const leavesFlags = effect >> WRITTEN_SHIFT === 0 && effect !== ALL_FLAGS;
    if (!leavesFlags || ((writes >> this.#compared) & 1) !== 0) this.#compared = -1;
  }

  #forget(i: number, writes: number): void {
    this.#values.forget(writes);
    if ((this.#code.features[i]! & Feature.clearsUpper) !== 0 || this.#isAddress(i))
      this.#values.clearHighs(writes);
  }

  /** Whether an instruction has become MOV r32, imm32 with a relocation. */
  #isAddress(i: number): boolean {
    const { hasField, patch, patches } = this.#code;
    if (hasField[i] === 0 || patch[i] === UNCHANGED) return false;
    const opcode = patches[patch[i]! + (patches[patch[i]!] === 0x41 ? 1 : 0)]!; // REX.B
    return (opcode & 0xf8) === 0xb8;
  }

  #followCalculation(i: number): void {
    const { bytes, at, flagEffect } = this.#code;
    const outcome = this.#outcome;
    const values = this.#values;
    calculate(bytes, at[i]!, values, outcome);
    const { register } = outcome;
    if (!this.#loadShorter(i) && this.#leastGain <= REX_SIZE) this.#narrow(i);
    if (register >= 0) {
      values.forget(1 << register);
      if (outcome.isLowKnown) values.setLow(register, outcome.low);
      if (outcome.isHighKnown) values.setHigh(register, outcome.high);
    }
    if (outcome.compared >= 0) {
      this.#compared = outcome.compared;
      this.#comparedLow = outcome.comparedLow;
      this.#comparedHigh = outcome.comparedHigh;
      this.#isComparedWide = outcome.isWide;
    } else if (flagEffect[i]! >> WRITTEN_SHIFT !== 0 || register === this.#compared) this.#compared = -1;
  }

  /** Takes the shortest way to what the instruction leaves, if that is known. @returns whether it was rewritten */
  #loadShorter(i: number): boolean {
    const { flagEffect, newLength } = this.#code;
    const { register, isLowKnown, isHighKnown } = this.#outcome;
    if (register < 0 || register === Register.rsp) return false;
    if (!isLowKnown || !isHighKnown) return this.#dropIdle(i);
    const live = this.#liveFlags[i + 1]!;
    if (((flagEffect[i]! >> WRITTEN_SHIFT) & live) !== 0) return false;
    return this.#load(i, live, newLength[i]! - this.#leastGain);
  }

  /** Loads the outcome by an instruction of at most `limit` bytes. @returns whether there is one */
  #load(i: number, liveFlags: number, limit: number): boolean {
    const { register, low, high } = this.#outcome;
    // What can go through the stack takes three bytes there.
    const isSmall = high === 0 && low >= 0 && low < 128 && register < 8;
    const most = Math.min(limit, isSmall ? PUSHED_SIZE : MAX_LOAD);
    const length = loadConstant(register, low, high, this.#values, liveFlags, most, this.#out);
    if (length < 0) return false;
    this.#code.replace(i, this.#out, length);
    return true;
  }

  /** MOV r32, r32 of one register does nothing where its upper half is 0. */
  #dropIdle(i: number): boolean {
    const { bytes, at, length, newLength } = this.#code;
    if (length[i] !== 2) return false;
    const modrm = bytes[at[i]! + 1]!;
    const isMove = (bytes[at[i]!]! & 0xfd) === 0x89; // MOV Ev, Gv; MOV Gv, Ev
    const isSame = ((modrm >> 3) & 7) === (modrm & 7);
    if (!isMove || !isSame || !this.#values.isNarrow(modrm & 7)) return false;
    newLength[i] = 0;
    return true;
  }

  /** Leaves out REX.W, if that is all that the prefix says, where the upper halves are 0. */
  #narrow(i: number): void {
    const { bytes, at, length, patch } = this.#code;
    const start = at[i]!;
    if (bytes[start] !== REX_W || patch[i] !== UNCHANGED) return;
    const changed = flagsOfNarrow(bytes, start + 1, this.#values);
    if (changed < 0 || (changed & this.#liveFlags[i + 1]!) !== 0) return;
    this.#code.replace(i, bytes.subarray(start + 1, start + length[i]!), length[i]! - 1);
  }

  /** POP behind PUSH of a number. @returns whether it is one */
  #followPop(i: number): boolean {
    const { bytes, at, length, marks, newLength, hasField } = this.#code;
    const pop = at[i]!;
    const hasRex = bytes[pop] === 0x41; // REX.B
    const isPop = length[i] === (hasRex ? 2 : 1) && (bytes[pop + length[i]! - 1]! & 0xf8) === 0x58;
    if (!isPop || i === 0 || (marks[i]! & (ENTERED | Mark.target)) !== 0 || hasField[i - 1] === 1)
      return false;
    const push = at[i - 1]!;
    const isByte = bytes[push] === 0x6a && length[i - 1] === 2; // PUSH imm8
    if (!isByte && (bytes[push] !== 0x68 || length[i - 1] !== 5)) return false; // PUSH imm32
    const outcome = this.#outcome;
    outcome.register = (bytes[pop + length[i]! - 1]! & 7) | (hasRex ? 8 : 0);
    if (outcome.register === Register.rsp) return false;
    outcome.low = signed(bytes, push + 1, isByte ? 1 : 4);
    outcome.high = outcome.low >> 31;
    const size = newLength[i - 1]! + newLength[i]!;
    // In the place of PUSH, the stack is as unwind tables say.
    const most = size - this.#leastGain;
    if (!this.#usesRedZone && this.#load(i - 1, this.#liveFlags[i + 1]!, most)) newLength[i] = 0;
    this.#values.setLow(outcome.register, outcome.low);
    this.#values.setHigh(outcome.register, outcome.high);
    return true;
  }
}
