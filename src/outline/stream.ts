/** Instructions in a row as numbers, of which equal ones can stand for each other. */
import { IntList } from '../merge/intList.ts';

/** In place of the number of an instruction that stays where it is. */
export const FIXED = -1;

/** Bits of `Stream.begins`. */
export const Begins = {
  /** Control may come from somewhere else than the instruction before. */
  entered: 1,
  /** Unwind tables say something new. */
  described: 2,
} as const;

/** PUSH of a register or number, and the POP behind it: together they do nothing to the stack. */
export const Part = { none: 0, push: 1, pop: 2 } as const;
export type Part = (typeof Part)[keyof typeof Part];

/** What is left of the instructions of a program, where each may stand for several that it takes the place of. */
export interface Stream {
  /** Entries that count. */
  length: number;
  /** Their numbers as instructions of a function that is called, or `FIXED`. */
  readonly called: Int32Array;
  /** Their numbers as instructions of a function that is jumped to, or `FIXED`. */
  readonly jumped: Int32Array;
  /** Bits of `Begins`. */
  readonly begins: Int32Array;
  /** 1 for those of which sequences may have come about since the last round; the others have been looked at. */
  readonly isNew: Uint8Array;
  /** The first instruction of the program that each stands for; one more for the end. */
  readonly start: Int32Array;
}

/** What the numbers stand for. */
export class Numbers {
  /** By number: bytes, bytes in a function of its own, 1 for CALL, and 1 if the next instruction is not reached. */
  readonly length = new IntList();
  readonly bodyLength = new IntList();
  readonly isCall = new IntList();
  readonly isEnd = new IntList();
  /** `Part` */
  readonly part = new IntList();

  get count(): number {
    return this.length.length;
  }

  add(length: number, bodyLength: number, isCall: boolean, isEnd: boolean, part: Part): void {
    this.length.push(length);
    this.bodyLength.push(bodyLength);
    this.isCall.push(isCall ? 1 : 0);
    this.isEnd.push(isEnd ? 1 : 0);
    this.part.push(part);
  }
}
