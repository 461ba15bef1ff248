/**
 * Returns that may not go to whoever has called: control goes on there where nobody knows, with all registers as they
 * are. Assembler's code takes its return address from the stack or writes another one, pushes what it returns to, leaves
 * out the function that has called it, or goes on on another stack: thunks for returns, trampolines, coroutines.
 *
 * A return is one if the stack pointer is where the function has found it, nothing has had to do with the return address
 * until then, and the stack is the same. The depth is known of most functions; of others it is followed through frame
 * pointers, which is how compilers get back what they have rounded or made as large as a number says.
 */
import { createInstruction, decode, Encoding } from '../../x86/decode.ts';
import { addressRegisters, isRegister, Register } from '../../x86/effects.ts';
import { signed } from '../../x86/exits.ts';
import { ALL_REGISTERS, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { ANYWHERE, SLOT, StackAccess, type StackDepth, type StackEntry } from './stackDepth.ts';
import { ELSEWHERE, goesOn, isJump, Pure, Step, type WholeCode } from './wholeCode.ts';

const RSP = 1 << Register.rsp;
const RBP = 1 << Register.rbp;
const LEAVE = 0xc9;
const LEA = 0x8d;

/** Lets returns that may be stray ones leave, as far as `step` is concerned. */
export function findStrayReturns(code: WholeCode, stack: StackDepth): void {
  const checker = new ReturnChecker(code, stack);
  for (const entry of stack.entries) checker.check(entry);
}

class ReturnChecker {
  readonly #code: WholeCode;
  readonly #stack: StackDepth;
  /** By instruction: the entry from which it was come to last, and how deep the stack and the frame pointer were. */
  readonly #from: Int32Array;
  readonly #top: Int32Array;
  readonly #frame: Int32Array;
  readonly #insn = createInstruction();

  constructor(code: WholeCode, stack: StackDepth) {
    this.#code = code;
    this.#stack = stack;
    this.#from = new Int32Array(code.count).fill(-1);
    this.#top = new Int32Array(code.count);
    this.#frame = new Int32Array(code.count);
  }

  check({ entry, body, isKnown }: StackEntry): void {
    const { step, pure, target } = this.#code;
    const hasFrame = body.some((i) => pure[i] === Pure.frame);
    const places = isKnown && !hasFrame ? body : this.#follow(entry);
    const isFollowed = places !== body;
    const isStray =
      body.some((i) => this.#stack.move[i] === ANYWHERE && this.#isOtherStack(i)) ||
      places.some((i) => this.#touchesReturn(i, isFollowed));
    const { depth } = this.#stack;
    for (const i of places) {
      if (!isStray && (isFollowed ? this.#top[i] : depth[i]) === 0) continue;
      if (step[i] === Step.ret) step[i] = Step.leave;
      // What returns for this function, out of view.
      else if (isJump(step[i]!) && target[i]! < 0) target[i] = ELSEWHERE;
    }
  }

  /** Goes through all that a function leads to, with the depth that is certain. @returns its instructions */
  #follow(entry: number): number[] {
    const { step, target, isEntry } = this.#code;
    const from = this.#from;
    const top = this.#top;
    const frame = this.#frame;
    const places: number[] = [];
    const open: number[] = [];
    const lead = (to: number, deep: number, deepFrame: number) => {
      // As deep as where it was called, another function is looked at by itself.
      if (to !== entry && isEntry[to] === 1 && deep === 0) return;
      if (from[to] !== entry) {
        from[to] = entry;
        top[to] = deep;
        frame[to] = deepFrame;
        places.push(to);
      } else {
        const isTop = top[to] === deep || top[to] === ANYWHERE;
        const isFrame = frame[to] === deepFrame || frame[to] === ANYWHERE;
        if (isTop && isFrame) return;
        if (!isTop) top[to] = ANYWHERE;
        if (!isFrame) frame[to] = ANYWHERE;
      }
      open.push(to);
    };
    lead(entry, 0, ANYWHERE);
    while (open.length > 0) {
      const i = open.pop()!;
      const deep = this.#topBehind(i);
      const deepFrame = this.#frameBehind(i);
      const to = step[i]!;
      if (isJump(to) && target[i]! >= 0) lead(target[i]!, deep, deepFrame);
      if (to === Step.choose) for (const label of this.#code.labelsOf(i)) lead(label, deep, deepFrame);
      if (goesOn(to)) lead(i + 1, deep, deepFrame);
    }
    return places;
  }

  #topBehind(i: number): number {
    const move = this.#stack.move[i]!;
    const top = this.#top[i]!;
    if (move !== ANYWHERE) return top === ANYWHERE ? ANYWHERE : top + move;
    const frame = this.#frame[i]!;
    if (frame === ANYWHERE) return ANYWHERE;
    const bytes = this.#decode(i);
    const at = this.#code.at[i]!;
    const { opcode, map, encoding, dispOffset, dispSize } = this.#insn;
    if (encoding !== Encoding.legacy || map !== 0) return ANYWHERE;
    if (opcode === LEAVE) return frame - SLOT;
    if ((this.#code.effect[i]! & ALL_REGISTERS) !== RBP) return ANYWHERE;
    if (opcode === LEA && this.#isPlainAddress(bytes, at))
      return frame - signed(bytes, at + dispOffset, dispSize);
    const isCopy = (opcode === 0x89 || opcode === 0x8b) && isRegister(bytes, at, this.#insn); // MOV
    return isCopy ? frame : ANYWHERE;
  }

  #frameBehind(i: number): number {
    const { step, pure, effect } = this.#code;
    if (pure[i] === Pure.frame) return this.#top[i]!;
    const isWritten = step[i] === Step.plain && ((effect[i]! >>> WRITTEN_REGISTERS_SHIFT) & RBP) !== 0;
    return isWritten ? ANYWHERE : this.#frame[i]!;
  }

  /** Whether an instruction reads or writes where the function returns to, or takes it from the stack. */
  #touchesReturn(i: number, isFollowed: boolean): boolean {
    const { access, distance, depth, move } = this.#stack;
    const top = isFollowed ? this.#top[i]! : depth[i]!;
    if (top !== ANYWHERE) {
      if (access[i] === StackAccess.memory && isReturn(distance[i]! - top)) return true;
      if (move[i] !== ANYWHERE && move[i] !== 0 && top + move[i]! < 0) return true;
    }
    if (!isFollowed || this.#frame[i] === ANYWHERE || this.#code.step[i] !== Step.plain) return false;
    if ((this.#code.effect[i]! & RBP) === 0) return false;
    const bytes = this.#decode(i);
    const at = this.#code.at[i]!;
    const { modrmOffset, dispOffset, dispSize } = this.#insn;
    if (modrmOffset < 0 || isRegister(bytes, at, this.#insn) || !this.#isPlainAddress(bytes, at))
      return false;
    return isReturn(signed(bytes, at + dispOffset, dispSize) - this.#frame[i]!);
  }

  /** Whether a memory operand is a distance from rbp. */
  #isPlainAddress(bytes: Uint8Array, at: number): boolean {
    return this.#insn.dispSize > 0 && addressRegisters(bytes, at, this.#insn) === RBP;
  }

  /** Whether an instruction gets the stack pointer from elsewhere than itself and the frame pointer. */
  #isOtherStack(i: number): boolean {
    const bytes = this.#decode(i);
    const { encoding, map, opcode } = this.#insn;
    if (encoding !== Encoding.legacy || map !== 0) return true;
    if (opcode === LEAVE) return false;
    const reads = this.#code.effect[i]! & ALL_REGISTERS;
    const isMove = opcode === 0x89 || opcode === 0x8b || opcode === LEA; // MOV, LEA
    const isOfMemory = opcode !== LEA && !isRegister(bytes, this.#code.at[i]!, this.#insn);
    if (isMove) return isOfMemory || (reads & ~(RSP | RBP)) !== 0;
    // Calculations: ADD, OR, AND, SUB and their like.
    return !(opcode < 0x40 || opcode === 0x81 || opcode === 0x83);
  }

  /** Decodes an instruction. @returns the bytes that it lies in */
  #decode(i: number): Uint8Array {
    const bytes = this.#code.bytesOf(i);
    decode(bytes, this.#code.at[i]!, bytes.length, this.#insn);
    return bytes;
  }
}

/** Whether a place, as bytes above the return address, is in it. */
function isReturn(place: number): boolean {
  return place >= 0 && place < SLOT;
}
