/**
 * Whether what is called takes its return address, to find what lies around the call or to go on elsewhere. Compilers
 * do not; who writes assembly may: data behind a call is the argument of what is called.
 *
 * What is called is followed along all ways that are known. At each instruction it is known how far the stack pointer is
 * below the return address, until that depends on the way there, and which registers point to the stack and how far
 * from it. A load or store there, or POP of it, takes it. What is beyond it are arguments, what is below it is its own.
 */
import { createInstruction, decode, Encoding, Flow, type Instruction, Prefix } from './decode.ts';
import { Register } from './effects.ts';
import { branchTarget, isRelative, signed } from './exits.ts';
import { registerEffectOf, SYSTEM_CALL_WRITES, WRITTEN_REGISTERS_SHIFT } from './registers.ts';
import { StackUse, stackUseOf } from './stack.ts';

/** A place in the code of a section. */
export interface CodePlace {
  readonly section: number;
  readonly bytes: Uint8Array;
  /** Offset in `bytes`. */
  readonly at: number;
}

/**
 * Where a relative branch leads of which a relocation has the distance.
 * @param field offset of the distance
 * @returns undefined if there is no relocation, null if it leads to nothing that is known
 */
export type RelocatedBranch = (section: number, field: number) => CodePlace | null | undefined;

const SLOT = 8;
const REX_W = 8;
const PUSH_RSP = 0x54;
/** Steps after which it counts as taken. */
const MOST_STEPS = 20_000;
/** Registers that a callee leaves alone (psABI, figure 3.4): rbx, rsp, rbp, r12 to r15. */
const PRESERVED = 0xf038;

/** By register, the stack pointer among them: bytes from where it points up to the return address, or NaN. */
type Distances = Float64Array;

/** Where a relative branch leads, by its relocation or its bytes; null if it leads to nothing that is known. */
export function targetOf(place: CodePlace, insn: Instruction, relocated: RelocatedBranch): CodePlace | null {
  const { section, bytes, at } = place;
  const target = relocated(section, at + insn.immOffset);
  return target === undefined ? { section, bytes, at: branchTarget(bytes, at, insn) } : target;
}

/** @param callee what is called */
export function takesReturnAddress(callee: CodePlace, relocated: RelocatedBranch): boolean {
  const distance = new Float64Array(16).fill(Number.NaN);
  distance[Register.rsp] = 0;
  const walk = new Walk(relocated);
  walk.visit(callee, distance);
  return walk.finish();
}

class Walk {
  readonly #relocated: RelocatedBranch;
  readonly #seen = new Map<string, Distances>();
  readonly #open: { readonly place: CodePlace; readonly key: string }[] = [];
  readonly #insn = createInstruction();
  #steps = 0;

  constructor(relocated: RelocatedBranch) {
    this.#relocated = relocated;
  }

  /** Goes on at a place later, unless nothing else is known there than before. */
  visit(place: CodePlace, distance: Distances): void {
    const key = `${place.section} ${place.at}`;
    const known = this.#seen.get(key);
    if (known) {
      // Where ways meet, only what all of them agree on is known.
      const both = known.map((value, r) => (value === distance[r] ? value : Number.NaN));
      if (both.every((value, r) => Object.is(value, known[r]))) return;
      this.#seen.set(key, both);
    } else this.#seen.set(key, distance.slice());
    this.#open.push({ place, key });
  }

  /** @returns whether the return address is taken anywhere */
  finish(): boolean {
    for (let next = this.#open.pop(); next; next = this.#open.pop()) {
      if (++this.#steps > MOST_STEPS || this.#step(next.place, this.#seen.get(next.key)!)) return true;
    }
    return false;
  }

  /** @returns whether an instruction takes the address, or is not understood */
  #step(place: CodePlace, before: Distances): boolean {
    const { section, bytes, at } = place;
    const insn = this.#insn;
    // Behind a call at the end of a section nothing is: it does not return.
    if (at === bytes.length) return false;
    if (at < 0 || at > bytes.length || decode(bytes, at, bytes.length, insn) === 0) return true;
    const distance = before.slice();
    if (accessesReturn(bytes, at, insn, distance)) return true;
    const next = { section, bytes, at: at + insn.length };
    if (isRelative(insn.flow)) {
      const target = targetOf(place, insn, this.#relocated);
      if (target) {
        const inCallee = distance.slice();
        if (insn.flow === Flow.callRel) inCallee[Register.rsp]! += SLOT;
        this.visit(target, inCallee);
      }
      if (insn.flow === Flow.jmpRel) return false;
    }
    switch (insn.flow) {
      case Flow.ret:
      case Flow.stop:
      case Flow.indirectJmp:
        return false;
      case Flow.callRel:
      case Flow.indirectCall:
        forget(distance, ~PRESERVED);
        break;
      case Flow.none:
        if (isPop(bytes, at, insn) && distance[Register.rsp] === 0) return true;
        followPlain(bytes, at, insn, distance);
        break;
      case Flow.jccRel:
        break;
      default:
        forget(distance, SYSTEM_CALL_WRITES);
    }
    this.visit(next, distance);
    return false;
  }
}

function forget(distance: Distances, registers: number): void {
  for (let r = 0; r < 16; r++) if (((registers >> r) & 1) !== 0) distance[r] = Number.NaN;
}

/** A memory operand without what an index adds. */
interface Operand {
  /** The register that it counts from, or -1. */
  readonly base: number;
  readonly disp: number;
  readonly hasIndex: boolean;
}

function operandOf(bytes: Uint8Array, at: number, insn: Instruction): Operand | undefined {
  const { modrmOffset, dispOffset, dispSize, rex, ripRelative, encoding } = insn;
  // Only legacy prefixes tell r12 from rsp here; others have no use for the return address.
  if (modrmOffset < 0 || ripRelative || encoding !== Encoding.legacy) return undefined;
  const modrm = bytes[at + modrmOffset]!;
  if (modrm >= 0xc0) return undefined;
  const disp = dispSize > 0 ? signed(bytes, at + dispOffset, dispSize) : 0;
  const extension = (rex & 1) << 3;
  if ((modrm & 7) !== 4) return { base: (modrm & 7) | extension, disp, hasIndex: false };
  const sib = bytes[at + modrmOffset + 1]!;
  const hasIndex = (sib & 0x38) !== 0x20 || (rex & 2) !== 0;
  const hasBase = (sib & 7) !== 5 || modrm >= 0x40;
  return { base: hasBase ? (sib & 7) | extension : -1, disp, hasIndex };
}

/** Whether an instruction reads or writes the return address by its operand. */
function accessesReturn(bytes: Uint8Array, at: number, insn: Instruction, distance: Distances): boolean {
  const isReturn = (register: number, disp: number) => {
    const beyond = disp - distance[register]!;
    return beyond >= 0 && beyond < SLOT;
  };
  if (insn.encoding === Encoding.legacy && insn.map === 0) {
    const { opcode } = insn;
    if (opcode === 0x8d) return false; // LEA
    const isString = opcode >= 0xa4 && opcode < 0xb0 && opcode !== 0xa8 && opcode !== 0xa9;
    if (isString) return isReturn(Register.rsi, 0) || isReturn(Register.rdi, 0);
  }
  const operand = operandOf(bytes, at, insn);
  if (!operand || operand.base < 0) return false;
  // POP counts from what the stack pointer is behind it.
  const popped = operand.base === Register.rsp && isPop(bytes, at, insn) ? SLOT : 0;
  return isReturn(operand.base, operand.disp + popped);
}

function isPush(bytes: Uint8Array, at: number, { map, opcode, encoding, modrmOffset }: Instruction): boolean {
  if (encoding !== Encoding.legacy || map !== 0) return false;
  if ((opcode >= 0x50 && opcode < 0x58) || opcode === 0x68 || opcode === 0x6a || opcode === 0x9c) return true;
  return opcode === 0xff && ((bytes[at + modrmOffset]! >> 3) & 7) === 6;
}

function isPop(bytes: Uint8Array, at: number, { map, opcode, encoding, modrmOffset }: Instruction): boolean {
  if (encoding !== Encoding.legacy || map !== 0) return false;
  if ((opcode >= 0x58 && opcode < 0x60) || opcode === 0x9d) return true;
  return opcode === 0x8f && ((bytes[at + modrmOffset]! >> 3) & 7) === 0;
}

/** Follows what an instruction that leads to the next one does to the registers that point to the stack. */
function followPlain(bytes: Uint8Array, at: number, insn: Instruction, distance: Distances): void {
  const below = distance[Register.rsp]!;
  const moved = movedRegister(bytes, at, insn, distance);
  if (moved) {
    distance[moved.register] = moved.distance;
    return;
  }
  const { opcode, map, encoding } = insn;
  const isPlain = encoding === Encoding.legacy && map === 0;
  if (isPlain && opcode === 0xc9) {
    // LEAVE
    distance[Register.rsp] = distance[Register.rbp]! - SLOT;
    distance[Register.rbp] = Number.NaN;
    return;
  }
  const isPushing = isPush(bytes, at, insn);
  const isPopping = isPop(bytes, at, insn);
  const effect = registerEffectOf(bytes, at, insn);
  forget(distance, (effect >>> WRITTEN_REGISTERS_SHIFT) & ~(1 << Register.rsp));
  // PUSH rsp and POP are a MOV of what rsp was before.
  if (isPopping && opcode !== 0x8f && bytes[at - 1] === PUSH_RSP)
    distance[(opcode & 7) | ((insn.rex & 1) << 3)] = below - SLOT;
  // What the stack pointer is behind POP rsp, XCHG and others is not known.
  const isStack = isPushing || isPopping;
  const isOther = isStack
    ? (insn.prefixes & Prefix.operandSize) !== 0
    : stackUseOf(bytes, at, insn) === StackUse.other;
  const isRsp = isPopping && opcode === 0x5c && (insn.rex & 1) === 0;
  distance[Register.rsp] = isOther || isRsp ? Number.NaN : below + (isPushing ? SLOT : isPopping ? -SLOT : 0);
}

/** MOV r64, r64; LEA r64; ADD and SUB of a number: what gets another distance, and which. */
function movedRegister(
  bytes: Uint8Array,
  at: number,
  insn: Instruction,
  distance: Distances,
): { register: number; distance: number } | undefined {
  const { encoding, map, opcode, rex, modrmOffset, immOffset, immSize } = insn;
  if (encoding !== Encoding.legacy || map !== 0 || modrmOffset < 0 || (rex & REX_W) === 0) return undefined;
  const modrm = bytes[at + modrmOffset]!;
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const rm = (modrm & 7) | ((rex & 1) << 3);
  const isRegister = modrm >= 0xc0;
  if (opcode === 0x89 && isRegister) return { register: rm, distance: distance[reg]! };
  if (opcode === 0x8b && isRegister) return { register: reg, distance: distance[rm]! };
  if ((opcode === 0x81 || opcode === 0x83) && isRegister) {
    const number = signed(bytes, at + immOffset, immSize);
    if ((modrm & 0x38) === 0) return { register: rm, distance: distance[rm]! - number }; // ADD
    if ((modrm & 0x38) === 0x28) return { register: rm, distance: distance[rm]! + number }; // SUB
  }
  if (opcode !== 0x8d) return undefined;
  const operand = operandOf(bytes, at, insn);
  const isKnown = operand !== undefined && operand.base >= 0 && !operand.hasIndex;
  return { register: reg, distance: isKnown ? distance[operand.base]! - operand.disp : Number.NaN };
}

/** Instructions of a function that are looked at: compilers set up the stack with its first ones. */
const FIRST = 8;
/** SIB byte of [rsp] without an index. */
const ONLY_RSP = 0x24;

const callee = createInstruction();

/**
 * Whether what is called takes its return address at once: it begins with POP r, or reads or writes [rsp] before it
 * pushes anything, makes room or branches. A quick look at code of which compilers have made most.
 * @param at where it begins; it may lie outside of the code, of which nothing is known
 * @param size bytes of the code
 */
export function beginsWithReturnAddress(bytes: Uint8Array, at: number, size: number): boolean {
  if (at < 0 || at >= size) return false;
  const opcode = bytes[at] === 0x41 ? bytes[at + 1] : bytes[at];
  if (opcode! >= 0x58 && opcode! < 0x60) return true;
  let end = at;
  for (let n = 0; n < FIRST; n++) {
    const length = decode(bytes, end, size, callee);
    const use = length === 0 || callee.flow !== Flow.none ? StackUse.other : stackUseOf(bytes, end, callee);
    if (use === StackUse.other) return false;
    if (use === StackUse.operand && callee.dispSize === 0 && bytes[end + callee.modrmOffset + 1] === ONLY_RSP)
      return true;
    end += length;
  }
  return false;
}
