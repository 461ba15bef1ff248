/**
 * What general registers hold, as far as it is known: the lower and the upper half of each, since an operation of 32
 * bits leaves zeros in the upper half (SDM vol. 1, 3.4.1.1), so that one is often known without the other.
 */
import { Register } from './effects.ts';

const COUNT = 16;
/** The stack pointer is never known. */
const STACK = 1 << Register.rsp;

export class RegisterValues {
  readonly low = new Int32Array(COUNT);
  readonly high = new Int32Array(COUNT);
  /** Masks of the registers of which the half is known. */
  lows = 0;
  highs = 0;

  forgetAll(): void {
    this.lows = 0;
    this.highs = 0;
  }

  /** @param registers a mask */
  forget(registers: number): void {
    this.lows &= ~registers;
    this.highs &= ~registers;
  }

  /** All are 0 but the stack pointer. */
  clear(): void {
    this.low.fill(0);
    this.high.fill(0);
    this.lows = 0xffff & ~STACK;
    this.highs = this.lows;
  }

  setLow(register: number, value: number): void {
    this.low[register] = value;
    this.lows |= (1 << register) & ~STACK;
  }

  setHigh(register: number, value: number): void {
    this.high[register] = value;
    this.highs |= (1 << register) & ~STACK;
  }

  /** Notes that the upper halves are 0. @param registers a mask */
  clearHighs(registers: number): void {
    this.highs |= registers & ~STACK;
    for (let rest = registers; rest !== 0; rest &= rest - 1) this.high[31 - Math.clz32(rest & -rest)] = 0;
  }

  isLowKnown(register: number): boolean {
    return ((this.lows >> register) & 1) === 1;
  }

  isHighKnown(register: number): boolean {
    return ((this.highs >> register) & 1) === 1;
  }

  /** Whether the upper half is known to be 0. */
  isNarrow(register: number): boolean {
    return this.isHighKnown(register) && this.high[register] === 0;
  }

  copyFrom(other: RegisterValues): void {
    copyKnown(other.low, this.low, other.lows);
    copyKnown(other.high, this.high, other.highs);
    this.lows = other.lows;
    this.highs = other.highs;
  }

  /** Keeps what is the same in `other`. */
  intersect(other: RegisterValues): void {
    this.lows = sameIn(this.low, other.low, this.lows & other.lows);
    this.highs = sameIn(this.high, other.high, this.highs & other.highs);
  }
}

function copyKnown(from: Int32Array, to: Int32Array, mask: number): void {
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    const register = 31 - Math.clz32(rest & -rest);
    to[register] = from[register]!;
  }
}

/** Of the registers in a mask, those that have the same number in both columns. */
function sameIn(a: Int32Array, b: Int32Array, mask: number): number {
  let same = mask;
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    const bit = rest & -rest;
    const register = 31 - Math.clz32(bit);
    if (a[register] !== b[register]) same &= ~bit;
  }
  return same;
}
