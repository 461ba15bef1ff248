/** Rewrites of branches that need no sizes: afterwards each leads where it would get to anyway. */
import { Flow } from '../x86/decode.ts';
import { type Code, Feature, Mark, NO_TARGET } from './code.ts';

/** Jumps to jumps that are followed at most: they may go round in a circle. */
const MAX_STEPS = 16;
/** Bytes that a short branch reaches in any case. */
const NEAR = 110;
/** Bytes of JMP rel32, the shortest branch with four bytes of distance. */
const LONG_JUMP = 5;

/** Leads branches to unconditional jumps to where those lead, if they need not get longer for that. */
export function threadJumps({ count, flow, target, at, length }: Code): void {
  for (let i = 0; i < count; i++) {
    if (flow[i] !== Flow.jmpRel && flow[i] !== Flow.jccRel) continue;
    for (let step = 0; step < MAX_STEPS; step++) {
      const t = target[i]!;
      if (t < 0 || t >= count || flow[t] !== Flow.jmpRel) break;
      const next = target[t]!;
      if (next < 0 || next >= count || (length[i]! < LONG_JUMP && Math.abs(at[next]! - at[i]!) >= NEAR))
        break;
      target[i] = next;
    }
  }
}

/**
 * Marks the instructions that can be reached from the entries, and finds branches among them that change nothing.
 * A system call may not return, which is not reckoned with.
 */
export class Tracer {
  #open = new Int32Array(1024);

  /** Follows the flow of control from every instruction marked as entry. */
  trace(code: Code): void {
    const { count, marks } = code;
    for (let i = 0; i < count; i++) if ((marks[i]! & Mark.entry) !== 0) this.traceFrom(code, i);
  }

  /** Follows the flow of control from an instruction. */
  traceFrom(code: Code, start: number): void {
    const { count, flow, target, marks, features } = code;
    if (this.#open.length <= count) this.#open = new Int32Array(2 * count);
    const open = this.#open;
    let opened = 0;
    open[opened++] = start;
    while (opened > 0) {
      for (let i = open[--opened]!; i < count && (marks[i]! & Mark.live) === 0; i++) {
        marks[i]! |= Mark.live;
        const t = target[i]!;
        // Each instruction opens one place at most, and only once.
        if (t !== NO_TARGET) open[opened++] = t;
        if (isEnd(flow[i]!) || (features[i]! & Feature.lastCall) !== 0) break;
      }
    }
  }
}

/** Whether the next instruction is never reached from one with this `Flow`. */
function isEnd(flow: number): boolean {
  return flow === Flow.jmpRel || flow === Flow.indirectJmp || flow === Flow.ret || flow === Flow.stop;
}

/** Takes away what cannot be reached, and jumps to what follows them anyway. */
export function dropIdle(code: Code): void {
  const { count, flow, target, marks, newLength } = code;
  for (let i = 0; i < count; i++) if ((marks[i]! & Mark.live) === 0) newLength[i] = 0;
  // From behind, so that a jump over nothing but dropped jumps is dropped too.
  let next = count;
  for (let i = count - 1; i >= 0; i--) {
    if (newLength[i] === 0) continue;
    const t = target[i]!;
    const isJump = flow[i] === Flow.jmpRel || isConditional(code, i);
    if (isJump && t > i && t <= next) newLength[i] = 0;
    else next = i;
  }
}

/** Whether an instruction is Jcc, which does nothing but jump, unlike LOOPcc and XBEGIN. */
export function isConditional({ flow, bytes, at, length }: Code, i: number): boolean {
  if (flow[i] !== Flow.jccRel) return false;
  const end = at[i]! + length[i]!;
  // 0f 8x with four bytes of distance, as XBEGIN (c7 f8) has; 7x with one, as LOOPcc (e0 … e3) has.
  return isLong(length[i]!) ? bytes[end - 6] === 0x0f : (bytes[end - 2]! & 0xf0) === 0x70;
}

/** The condition of a Jcc: the low four bits of its opcode. */
export function conditionOf({ bytes, at, length }: Code, i: number): number {
  const end = at[i]! + length[i]!;
  return bytes[isLong(length[i]!) ? end - 5 : end - 2]! & 15;
}

/** Gives a Jcc another condition. */
export function setCondition({ bytes, at, length }: Code, i: number, condition: number): void {
  const end = at[i]! + length[i]!;
  const opcode = isLong(length[i]!) ? end - 5 : end - 2;
  bytes[opcode] = (bytes[opcode]! & 0xf0) | condition;
}

/** Whether a conditional branch of so many bytes has a distance of four. Hints before it take two bytes at most. */
function isLong(length: number): boolean {
  return length >= 6;
}

/** Whether an instruction is SYSCALL. */
export function isSystemCall({ bytes, at, length }: Code, i: number): boolean {
  return length[i] === 2 && bytes[at[i]!] === 0x0f && bytes[at[i]! + 1] === 0x05;
}
