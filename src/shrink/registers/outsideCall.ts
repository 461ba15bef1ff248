/** What calls and jumps do that lead out of the code that is in view. */
import { ALL_REGISTERS } from '../../x86/registers.ts';

/** Masks of registers. */
export interface OutsideCall {
  /** Those that may be read before they are written. */
  readonly use: number;
  /** Those that may hold something else when it returns. */
  readonly change: number;
}

/** Calls by the psABI (3.2), as all are that go through pointers: r10 and r11 have uses of their own in it. */
export const CONVENTION: OutsideCall = { use: 0b0000_1111_1101_0111, change: 0b0000_1111_1100_0111 };
/** Calls of which nothing is known. */
export const ANYTHING: OutsideCall = { use: ALL_REGISTERS, change: ALL_REGISTERS };

/** Finds what is done at a place in a section that is called, or jumped to. */
export type OutsideView = (section: number, place: number) => OutsideCall;
