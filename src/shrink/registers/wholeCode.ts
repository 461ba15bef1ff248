/** All code of a program that is understood, as one list of instructions that lead to each other. */
import { copyInto } from '../../elf/sections.ts';
import { type Code, Feature } from '../code.ts';
import { ANYTHING, CONVENTION, type OutsideCall } from './outsideCall.ts';

/**
 * `WholeCode.target` of what leads to no place, and of what leads to one that is not in view: `ELSEWHERE`, or less where
 * that has been looked at.
 */
export const NOWHERE = -1;
export const ELSEWHERE = -2;

/** What an instruction does when it has been done, as far as registers are concerned. */
export const Step = {
  /** Goes on with the next one. */
  plain: 0,
  /** Goes on at its target. */
  jump: 1,
  /** Goes on with the next one, or at its target. */
  branch: 2,
  /** Calls its target and goes on with the next one. */
  call: 3,
  /** Calls its target, which does not return. */
  lastCall: 4,
  /** Returns. */
  ret: 5,
  /** Goes on where nobody knows. */
  leave: 6,
  /** The end of a section, which control does not get to. */
  end: 7,
  /** Goes on at one of its labels. */
  choose: 8,
  /** Faults for good. A handler of signals may look at what the function has in registers, and at its arguments. */
  stop: 9,
} as const;
export type Step = (typeof Step)[keyof typeof Step];

/** Whether an instruction does nothing but write registers and flags. */
export const Pure = {
  no: 0,
  yes: 1,
  /** MOV rbp, rsp: it does, but whoever looks for frames follows it. */
  frame: 2,
} as const;

/** Whether control may come from places that are not seen. */
export const Open = {
  no: 0,
  /** By an address that something knows. */
  taken: 1,
  /** By calls and jumps from code that is not understood. */
  called: 2,
} as const;

/** Whether the next instruction comes next, or may. */
export function goesOn(step: number): boolean {
  return step === Step.plain || step === Step.branch || step === Step.call;
}

/** Whether an instruction may go on at its target. */
export function isJump(step: number): boolean {
  return step === Step.jump || step === Step.branch;
}

export function isCall(step: number): boolean {
  return step === Step.call || step === Step.lastCall;
}

/** A section of it. */
export interface CodeSection {
  readonly id: number;
  /** Its first instruction; behind its last one stands another, which has no bytes. */
  readonly first: number;
  readonly count: number;
  /** Its bytes, with references through tables rewritten. */
  readonly bytes: Uint8Array;
  /** Whether a function in it has a frame pointer. */
  readonly hasFrames: boolean;
  isChanged: boolean;
}

const OPERAND_SIZE = 0x66;
const NOP = 0x90;

const INITIAL_ROWS = 4096;

export class WholeCode {
  count = 0;
  readonly sections: CodeSection[] = [];
  /** By instruction: the number of its section in `sections`, its offset there, and bytes. */
  sectionOf = new Int32Array(INITIAL_ROWS);
  at = new Uint32Array(INITIAL_ROWS);
  length = new Uint8Array(INITIAL_ROWS);
  step = new Uint8Array(INITIAL_ROWS);
  /** The instruction that it leads to or calls besides the next one, or `NOWHERE`, or `ELSEWHERE` or less. */
  target = new Int32Array(INITIAL_ROWS);
  /** As `registerEffectOf`; of calls, nothing. */
  effect = new Int32Array(INITIAL_ROWS);
  /** As `flagEffectOf`. */
  flagEffect = new Int32Array(INITIAL_ROWS);
  /** Values of `Pure`. */
  pure = new Uint8Array(INITIAL_ROWS);
  /** A bit for each offset in the instruction at which a relocation has a field. */
  fields = new Int32Array(INITIAL_ROWS);
  /** 1 where a function begins, as far as symbols say. */
  isFunction = new Uint8Array(INITIAL_ROWS);
  /** Values of `Open`. */
  isOpen = new Uint8Array(INITIAL_ROWS);
  /** 1 where a call leads, or control from places that are not seen. */
  isEntry = new Uint8Array(INITIAL_ROWS);
  /** PUSH of registers that functions do not change, in what compilers have made: somebody looks for them on the stack. */
  readonly meant = new Set<number>();
  /** What is done elsewhere, by how much less than `ELSEWHERE` the target is. */
  readonly #outside: OutsideCall[] = [CONVENTION];
  /** Of jumps of switches, the instructions that they lead to. */
  readonly labels = new Map<number, readonly number[]>();

  /** Adds a section with instructions of which nothing is known yet. */
  addSection(id: number, { count, size, bytes, at, length, features }: Code): void {
    const first = this.count;
    this.count += count + 1;
    if (this.count > this.at.length) this.#grow(this.count);
    const section = this.sections.length;
    this.sectionOf.fill(section, first, this.count);
    this.at.set(at.subarray(0, count), first);
    this.at[first + count] = size;
    this.length.set(length.subarray(0, count), first);
    this.target[first + count] = NOWHERE;
    let hasFrames = false;
    for (let i = 0; i < count; i++) hasFrames ||= (features[i]! & Feature.setsFrame) !== 0;
    this.sections.push({
      id,
      first,
      count,
      bytes: bytes.slice(0, size),
      hasFrames,
      isChanged: false,
    });
  }

  /** The instruction at an offset of a section that begins with instruction `first`, or -1 if none begins there. */
  find(first: number, offset: number): number {
    let low = first;
    let high = first + this.sections[this.sectionOf[first]!]!.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return this.at[low] === offset ? low : -1;
  }

  /** Notes that a call or a jump leads out of view, and what is done there until it returns. */
  leadOutside(i: number, outside: OutsideCall): void {
    // A jump that leads elsewhere need not be a call.
    const first = isCall(this.step[i]!) ? 0 : 1;
    const isSame = ({ use, change }: OutsideCall, n: number) =>
      n >= first && use === outside.use && change === outside.change;
    let n = this.#outside.findIndex(isSame);
    if (n < 0) n = this.#outside.push(outside) - 1;
    this.target[i] = ELSEWHERE - n;
  }

  /** What a call does that leads out of view. @param target less than 0 */
  callOutside(target: number): OutsideCall {
    return this.#outside[ELSEWHERE - target] ?? CONVENTION;
  }

  /** What is done where a jump leads out of view. @param target less than 0 */
  jumpOutside(target: number): OutsideCall {
    return target < ELSEWHERE ? this.callOutside(target) : ANYTHING;
  }

  /** Where a switch may lead. */
  labelsOf(i: number): readonly number[] {
    return this.labels.get(i)!;
  }

  /** Makes an instruction one that does nothing. */
  clear(i: number): void {
    const bytes = this.bytesOf(i);
    const at = this.at[i]!;
    const last = at + this.length[i]! - 1;
    bytes.fill(OPERAND_SIZE, at, last);
    bytes[last] = NOP;
    this.effect[i] = 0;
    this.flagEffect[i] = 0;
    this.pure[i] = Pure.no;
    this.noteChange(i);
  }

  /** Notes that the bytes of an instruction are others. */
  noteChange(i: number): void {
    this.sections[this.sectionOf[i]!]!.isChanged = true;
  }

  #grow(rows: number): void {
    const room = Math.max(rows, 2 * this.at.length);
    this.sectionOf = copyInto(new Int32Array(room), this.sectionOf);
    this.at = copyInto(new Uint32Array(room), this.at);
    this.length = copyInto(new Uint8Array(room), this.length);
    this.step = copyInto(new Uint8Array(room), this.step);
    this.target = copyInto(new Int32Array(room), this.target);
    this.effect = copyInto(new Int32Array(room), this.effect);
    this.flagEffect = copyInto(new Int32Array(room), this.flagEffect);
    this.pure = copyInto(new Uint8Array(room), this.pure);
    this.fields = copyInto(new Int32Array(room), this.fields);
    this.isFunction = copyInto(new Uint8Array(room), this.isFunction);
    this.isOpen = copyInto(new Uint8Array(room), this.isOpen);
    this.isEntry = copyInto(new Uint8Array(room), this.isEntry);
  }

  /** The bytes that an instruction lies in. */
  bytesOf(i: number): Uint8Array {
    return this.sections[this.sectionOf[i]!]!.bytes;
  }
}
