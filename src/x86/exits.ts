/** Finds system calls that end the program: exit and exit_group of Linux (arch/x86/entry/syscalls/syscall_64.tbl). */
import { createInstruction, decode, Flow, type Instruction, isSystemCall } from './decode.ts';
import { effectsOf, Register } from './effects.ts';
import { PlaceTracker } from './programCounter.ts';

const SYS_EXIT = 60;
const SYS_EXIT_GROUP = 231;

/** Whether a system call of this number never returns. */
export function isExit(number: number): boolean {
  return number === SYS_EXIT || number === SYS_EXIT_GROUP;
}

/** A system call that ends the program. Offsets in bytes. */
export interface Exit {
  /** Where its number is put into eax. */
  readonly start: number;
  /** The end of the call. */
  readonly end: number;
}

/**
 * The first system call that ends the program and behind which no instruction before it leads. Nor may one take the
 * address of what lies there, or find out where it lies itself; whether what is called does is for the caller to look
 * at. The section is decoded from its start; a relative branch that has a relocation leads elsewhere, or is for the
 * caller to follow.
 */
export function findExit(bytes: Uint8Array): Exit | undefined {
  if (!hasCall(bytes)) return undefined;
  const insn = createInstruction();
  const targets: number[] = [];
  let farthest = 0;
  const eax = new EaxTracker();
  const place = new PlaceTracker();
  for (let at = 0; at < bytes.length; at += insn.length) {
    if (decode(bytes, at, bytes.length, insn) === 0) return undefined;
    const end = at + insn.length;
    if (isRelative(insn.flow)) targets.push(branchTarget(bytes, at, insn));
    if (insn.ripRelative) farthest = Math.max(farthest, end + signed(bytes, at + insn.dispOffset, 4));
    if (place.follow(bytes, at, insn)) return undefined;
    if (isSystemCall(insn) && eax.value !== undefined && isExit(eax.value)) {
      const isLed = targets.some((target) => target >= end || (target > eax.since && target < end));
      if (!isLed && farthest < end) return { start: eax.since, end };
    }
    eax.follow(bytes, at, insn);
  }
  return undefined;
}

/** Follows eax from one instruction to the next. */
export class EaxTracker {
  /** What the register holds, if that is known. */
  value: number | undefined;
  /** Offset of the instruction that put it there. */
  since = 0;
  #pushed = -1;

  /** @param at offset of the instruction in `bytes` */
  follow(bytes: Uint8Array, at: number, insn: Instruction): void {
    const isPop = bytes[at] === 0x58 && this.#pushed === at - 2; // PUSH imm8, POP rax
    if (bytes[at] === 0xb8 && insn.length === 5)
      this.#set(signed(bytes, at + 1, 4), at); // MOV eax, imm32
    else if (isPop) this.#set(signed(bytes, at - 1, 1), at - 2);
    else if ((effectsOf(bytes, at, insn).writes & (1 << Register.rax)) !== 0) this.value = undefined;
    this.#pushed = bytes[at] === 0x6a ? at : -1;
  }

  #set(value: number, since: number): void {
    this.value = value;
    this.since = since;
  }
}

/** Whether control goes to a distance from the instruction's end. */
export function isRelative(flow: Flow): boolean {
  return flow === Flow.jmpRel || flow === Flow.jccRel || flow === Flow.callRel;
}

/** A signed little-endian number of 1, 2 or 4 bytes. */
export function signed(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= bytes[at + i]! << (8 * i);
  return (value << (32 - 8 * size)) >> (32 - 8 * size);
}

/** @returns offset where a relative branch leads, as its field stands; it may lie outside of the bytes */
export function branchTarget(bytes: Uint8Array, at: number, insn: Instruction): number {
  return at + insn.length + signed(bytes, at + insn.immOffset, insn.immSize);
}

/** Whether the bytes of SYSCALL occur at all: most sections have none. */
function hasCall(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0x0f); at >= 0; at = bytes.indexOf(0x0f, at + 1)) {
    if (bytes[at + 1] === 0x05) return true;
  }
  return false;
}
