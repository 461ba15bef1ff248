/**
 * Finds code by following the flow of control from where it enters (recursive descent), so that data between code is
 * not taken for code. What is not followed: jumps and calls through registers and memory. Jumps through tables that
 * this linker has made are noted.
 *
 * Three things end a path besides jumps and returns: a call of a function that never returns, which is one of which no
 * path has been found to return; a system call that ends the program; and bytes that are no instruction.
 */
import { createInstruction, decode, Flow, type Instruction, isSystemCall } from '../../x86/decode.ts';
import { effectsOf, Register } from '../../x86/effects.ts';
import { branchTarget, isExit, signed } from '../../x86/exits.ts';
import { type AddressSpace, addressOf64, type Mapping } from './addresses.ts';
import { readSwitch, type SwitchTable } from './switches.ts';

/** Values of a byte of `CodeMarks`. */
export const Mark = { none: 0, start: 1, inside: 2 } as const;

/** For each byte of the file one of `Mark`: whether an instruction starts there or goes on. */
export type CodeMarks = Uint8Array;

/** Instructions in front of a jump that may belong to it. */
const LONGEST_SWITCH = 24;

/** What al holds if that is not known. Known values are 0 to 255. */
const UNKNOWN = -1;

interface Point {
  readonly offset: number;
  /** File offset where the function begins that it was reached in. */
  readonly root: number;
  readonly al: number;
}

export class FlowFollower {
  readonly marks: CodeMarks;
  /** File offsets of what instructions take the address of, in the order in which they were found. */
  readonly taken = new Set<number>();
  /** Tables that the code jumps through. */
  readonly switches: SwitchTable[] = [];
  readonly #bytes: Uint8Array;
  readonly #space: AddressSpace;
  /** Offset of the first byte that may be executed: the tables begin there. */
  readonly #first: number;
  /** By instruction: al as it was met there, and the function that it was first reached in. */
  readonly #al: Int16Array;
  readonly #root: Int32Array;
  readonly #pending: Point[] = [];
  readonly #returning = new Set<number>();
  /** By function: where callers go on once it is known to return. */
  readonly #waiting = new Map<number, Point[]>();
  /** By function: others that return if it does. */
  readonly #sharing = new Map<number, number[]>();
  readonly #instruction = createInstruction();

  constructor(bytes: Uint8Array, space: AddressSpace) {
    this.#bytes = bytes;
    this.#space = space;
    this.marks = new Uint8Array(bytes.length);
    const executable = space.mappings.filter(({ isExecutable }) => isExecutable);
    this.#first = executable.reduce((first, { start }) => Math.min(first, start), bytes.length);
    const size = executable.reduce((last, { end }) => Math.max(last, end), this.#first) - this.#first;
    this.#al = new Int16Array(size);
    this.#root = new Int32Array(size);
  }

  /**
   * Follows the flow from a file offset. @param isEntry whether the program starts there, with all registers 0
   */
  follow(offset: number, isEntry = false): void {
    this.#pending.push({ offset, root: offset, al: isEntry ? 0 : UNKNOWN });
    for (let point = this.#pending.pop(); point; point = this.#pending.pop()) this.#walk(point);
  }

  /** Follows one path until it ends or meets what has been seen. */
  #walk({ offset, root, al }: Point): void {
    const mapping = this.#space.find(offset);
    if (!mapping?.isExecutable) return;
    let pushed: number = UNKNOWN;
    const path: number[] = [];
    for (let at = offset; at < mapping.end; at += this.#instruction.length) {
      const known = this.#meet(at, root, al, mapping.end);
      if (known === undefined) return;
      const insn = this.#instruction;
      path.push(at);
      if (insn.flow === Flow.indirectJmp) this.#noteSwitch(path);
      if (isSystemCall(insn) && known !== UNKNOWN && isExit(known)) return;
      const isEnd = this.#leave(at, root, known, mapping);
      if (isEnd) return;
      al = nextAl(this.#bytes, at, insn, known, pushed);
      pushed = pushedBy(this.#bytes, at, insn);
    }
  }

  #noteSwitch(path: readonly number[]): void {
    const found = readSwitch(this.#bytes, path.slice(-LONGEST_SWITCH));
    if (found) this.switches.push(found);
  }

  /**
   * Decodes the instruction at `at` and marks it.
   * @returns al as it is to be taken there, or undefined if the path ends
   */
  #meet(at: number, root: number, al: number, end: number): number | undefined {
    const { marks } = this;
    if (marks[at] === Mark.inside) return undefined;
    const length = decode(this.#bytes, at, end, this.#instruction);
    if (length === 0) return undefined;
    if (marks[at] === Mark.start) {
      this.#share(this.#root[at - this.#first]!, root);
      const before = this.#al[at - this.#first]!;
      if (before === al || before === UNKNOWN) return undefined;
      this.#al[at - this.#first] = UNKNOWN;
      return UNKNOWN;
    }
    for (let i = at + 1; i < at + length; i++) if (marks[i] !== Mark.none) return undefined;
    marks.fill(Mark.inside, at + 1, at + length);
    marks[at] = Mark.start;
    this.#al[at - this.#first] = al;
    this.#root[at - this.#first] = root;
    this.#takeAddress(at);
    return al;
  }

  /** Notes where an instruction leads. @returns whether it does not go on behind itself */
  #leave(at: number, root: number, al: number, mapping: Mapping): boolean {
    const { flow, length } = this.#instruction;
    if (flow === Flow.none || flow === Flow.system || flow === Flow.indirectCall) return false;
    if (flow === Flow.stop) return true;
    if (flow === Flow.ret || flow === Flow.indirectJmp) {
      this.#markReturning(root);
      return true;
    }
    const target = this.#target(at, mapping);
    if (flow === Flow.callRel) {
      this.#call(target, { offset: at + length, root, al: UNKNOWN });
      return true;
    }
    if (target !== undefined) this.#pending.push({ offset: target, root, al });
    // Nothing is known of what lies outside the file.
    else this.#markReturning(root);
    return flow === Flow.jmpRel;
  }

  /** File offset of a relative branch's target. */
  #target(at: number, { start, end, delta }: Mapping): number | undefined {
    const target = branchTarget(this.#bytes, at, this.#instruction);
    return target >= start && target < end ? target : this.#space.offsetOf(target + delta);
  }

  #call(callee: number | undefined, after: Point): void {
    if (callee === undefined || this.#returning.has(callee)) {
      this.#pending.push(after);
    } else {
      addTo(this.#waiting, callee, after);
    }
    if (callee !== undefined) this.#pending.push({ offset: callee, root: callee, al: UNKNOWN });
  }

  /** One function goes on in another. */
  #share(owner: number, root: number): void {
    if (owner === root) return;
    if (this.#returning.has(owner)) this.#markReturning(root);
    else addTo(this.#sharing, owner, root);
  }

  #markReturning(function_: number): void {
    const found = [function_];
    for (const root of found) {
      if (this.#returning.has(root)) continue;
      this.#returning.add(root);
      this.#pending.push(...(this.#waiting.get(root) ?? []));
      this.#waiting.delete(root);
      found.push(...(this.#sharing.get(root) ?? []));
    }
  }

  #takeAddress(at: number): void {
    const address = takenAddress(this.#bytes, at, this.#instruction, this.#space);
    const offset = address === undefined ? undefined : this.#space.offsetOf(address);
    if (offset !== undefined) this.taken.add(offset);
  }
}

function addTo<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** The address that LEA calculates relative to itself, or that a MOV or PUSH has as its immediate. */
function takenAddress(
  bytes: Uint8Array,
  at: number,
  { map, opcode, ripRelative, dispOffset, immOffset, immSize, length }: Instruction,
  space: AddressSpace,
): number | undefined {
  if (map !== 0) return undefined;
  if (opcode === 0x8d && ripRelative) {
    return space.addressOf(at)! + length + signed(bytes, at + dispOffset, 4);
  }
  if ((opcode & 0xf8) !== 0xb8 && opcode !== 0xc7 && opcode !== 0x68) return undefined;
  if (immSize === 8)
    return addressOf64(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at + immOffset, true));
  return immSize === 4 ? signed(bytes, at + immOffset, 4) : undefined;
}

/**
 * What al holds behind an instruction. Any prefixes may stand before its opcode: the magic number's last bytes are some.
 * @param pushed the immediate that the one before it pushed
 */
function nextAl(bytes: Uint8Array, at: number, insn: Instruction, al: number, pushed: number): number {
  const { map, opcode, rex, immOffset, immSize, modrmOffset } = insn;
  if (isSystemCall(insn) || insn.flow === Flow.indirectCall) return UNKNOWN;
  if (map === 0 && (rex & REX_B) === 0) {
    if (opcode === 0x58) return pushed;
    if (opcode === 0xb0) return bytes[at + immOffset]!;
    const isMov = opcode === 0xb8 || (opcode === 0xc7 && bytes[at + modrmOffset] === 0xc0);
    if (isMov && immSize === 4) {
      const value = signed(bytes, at + immOffset, immSize);
      return value >= 0 && value < 256 ? value : UNKNOWN;
    }
  }
  return (effectsOf(bytes, at, insn).writes & (1 << Register.rax)) === 0 ? al : UNKNOWN;
}

/** With it the register of an opcode is one of r8 to r15. */
const REX_B = 1;

/** The number that PUSH imm8 pushes, or `UNKNOWN`. */
function pushedBy(bytes: Uint8Array, at: number, { map, opcode, immOffset }: Instruction): number {
  return map === 0 && opcode === 0x6a ? bytes[at + immOffset]! : UNKNOWN;
}
