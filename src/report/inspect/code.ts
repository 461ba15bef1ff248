/** Tells the code of a program from its data. */
import { readU16, readU64 } from '../../elf/bytes.ts';
import { createInstruction, decode, Flow, type Instruction } from '../../x86/decode.ts';
import type { AddressSpace } from './addresses.ts';
import { type CodeMarks, FlowFollower, Mark } from './flow.ts';
import { isPrintable } from './text.ts';

/** Where code may be, and what is known of it. All numbers are file offsets. */
export interface CodeHints {
  readonly entry: number | undefined;
  /** Where functions begin. */
  readonly functions: readonly number[];
  /** Where something begins, which no instruction reaches over; ascending. */
  readonly cuts: readonly number[];
  /** Whether a byte is one of a header that is read: its address is that of the header, not of a function. */
  isHeader(offset: number): boolean;
  /**
   * Bytes [start, end) that are said to be code: what the flow does not reach there is decoded all the same.
   * Undefined if nobody says what is code: then only what the flow reaches is.
   */
  readonly regions: readonly { readonly start: number; readonly end: number }[] | undefined;
}

/** Marks the instructions of a program. */
export function findCode(bytes: Uint8Array, space: AddressSpace, hints: CodeHints): CodeMarks {
  const follower = new FlowFollower(bytes, space);
  if (hints.entry !== undefined) follower.follow(hints.entry, true);
  for (const offset of hints.functions) follower.follow(offset);
  let followed = followSwitches(bytes, space, follower, 0);
  if (hints.regions) {
    for (const { start, end } of hints.regions) sweep(bytes, follower.marks, start, end, hints.cuts);
  } else {
    followTaken(bytes, follower, hints);
    takePointers(bytes, space, follower);
    for (let known = -1; known < follower.taken.size + followed; ) {
      known = follower.taken.size + followed;
      followTaken(bytes, follower, hints);
      followed = followSwitches(bytes, space, follower, followed);
    }
  }
  return follower.marks;
}

/** Entries of a table that are looked at. */
const MOST_ENTRIES = 4096;

/**
 * Follows the labels in tables. Each ends where the next one begins, or with an entry that leads to no code.
 * @param first the first of `switches` that has not been followed
 * @returns how many have been
 */
function followSwitches(
  bytes: Uint8Array,
  space: AddressSpace,
  follower: FlowFollower,
  first: number,
): number {
  const { switches } = follower;
  // The list grows while it is read.
  for (let n = first; n < switches.length; n++) {
    const { table, base, size } = switches[n]!;
    const start = space.offsetOf(table);
    if (start === undefined) continue;
    for (let k = 0; k < MOST_ENTRIES; k++) {
      const at = start + k * size;
      const isNext = k > 0 && switches.some((other) => other.table === table + k * size);
      if (isNext || at + size > bytes.length) break;
      const label = space.offsetOf(base + (size === 1 ? bytes[at]! : readU16(bytes, at)));
      if (label === undefined || follower.marks[label] === Mark.inside) break;
      if (follower.marks[label] === Mark.start) continue;
      if (!looksLikeCode(bytes, label, follower.marks)) break;
      follower.follow(label);
    }
  }
  return switches.length;
}

/** Addresses that code takes may be those of functions: what looks like one is followed. */
function followTaken(bytes: Uint8Array, follower: FlowFollower, { isHeader }: CodeHints): void {
  // The set grows while it is read.
  for (const offset of follower.taken) {
    const isNew = follower.marks[offset] === Mark.none && !isHeader(offset);
    if (isNew && looksLikeCode(bytes, offset, follower.marks)) follower.follow(offset);
  }
}

/** Adds addresses that lie in data: tables of functions have them at multiples of eight. */
function takePointers(bytes: Uint8Array, space: AddressSpace, { marks, taken }: FlowFollower): void {
  for (const { start, end, delta } of space.mappings) {
    const first = start + ((8 - ((start + delta) & 7)) & 7);
    for (let at = first; at + 8 <= end; at += 8) {
      const address = marks[at] === Mark.none ? readU64(bytes, at) : 0;
      const offset = address === 0 ? undefined : space.offsetOf(address);
      if (offset !== undefined) taken.add(offset);
    }
  }
}

/** Longest stretch without a jump or a return that is still taken for code, in bytes. */
const LONGEST_STRETCH = 4096;

/** Whether there are instructions from `offset` on up to one that ends them, and no text. */
function looksLikeCode(bytes: Uint8Array, offset: number, marks: CodeMarks): boolean {
  if (textEnd(bytes, offset, bytes.length) > offset) return false;
  const insn = createInstruction();
  for (let at = offset; at < Math.min(bytes.length, offset + LONGEST_STRETCH); at += insn.length) {
    if (marks[at] === Mark.start) return at > offset;
    if (marks[at] === Mark.inside || decode(bytes, at, bytes.length, insn) === 0) return false;
    if (!isPlausible(bytes, at, insn)) return false;
    if (ENDS.has(insn.flow)) return true;
  }
  return false;
}

/** What does not go on behind itself. */
const ENDS: ReadonlySet<Flow> = new Set([Flow.jmpRel, Flow.indirectJmp, Flow.ret, Flow.stop]);

/** Opcodes that a program may not use, or that none does: INS, OUTS, IN, OUT, CLI, STI, RETF, IRET. */
const IMPLAUSIBLE: ReadonlySet<number> = new Set([
  0x6c, 0x6d, 0x6e, 0x6f, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xfa, 0xfb, 0xca, 0xcb, 0xcf,
]);

/** Whether an instruction is one that compilers make; two zeros in a row are an ADD that none makes. */
function isPlausible(bytes: Uint8Array, at: number, { map, opcode }: Instruction): boolean {
  return (map !== 0 || !IMPLAUSIBLE.has(opcode)) && (bytes[at] !== 0 || bytes[at + 1] !== 0);
}

/** Decodes what of [start, end) no path has reached, one instruction behind the other. */
function sweep(
  bytes: Uint8Array,
  marks: CodeMarks,
  start: number,
  end: number,
  cuts: readonly number[],
): void {
  let cut = lowerBound(cuts, start + 1);
  for (let at = start; at < end; ) {
    if (marks[at] !== Mark.none) {
      at++;
      continue;
    }
    while ((cuts[cut] ?? end) <= at) cut++;
    const limit = Math.min(cuts[cut] ?? end, end);
    let stop = at + 1;
    while (stop < limit && marks[stop] === Mark.none) stop++;
    sweepGap(bytes, marks, at, stop);
    at = stop;
  }
}

function sweepGap(bytes: Uint8Array, marks: CodeMarks, start: number, end: number): void {
  const insn = createInstruction();
  for (let at = textEnd(bytes, start, end); at < end; at += Math.max(insn.length, 1)) {
    if (isZero(bytes, at, end)) return;
    if (decode(bytes, at, end, insn) === 0) {
      insn.length = 0;
      continue;
    }
    marks[at] = Mark.start;
    marks.fill(Mark.inside, at + 1, at + insn.length);
  }
}

/** Shortest run of characters that counts as text: shorter ones are as often code. */
const SHORTEST_TEXT = 4;

/** The end of the text at `start`, which a NUL ends, or a newline where nothing follows; `start` if there is none. */
function textEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isPrintable(bytes[at]!)) at++;
  const isEnded = bytes[at] === 0 || (at === end && (end === bytes.length || bytes[at - 1] === 0x0a));
  if (at - start < SHORTEST_TEXT || !isEnded) return start;
  return bytes[at] === 0 && at < end ? at + 1 : at;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

function lowerBound(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
