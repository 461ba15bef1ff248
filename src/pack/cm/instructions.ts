/**
 * What the decoder in the stub knows of x86 instructions: how many bytes one has left, and which opcodes came last. It
 * is less than a disassembler, but it has to agree with nothing but itself: where it is wrong, prediction is worse and
 * the bytes are still right. Of three-byte opcodes and 16-bit and 64-bit
 * immediates it knows nothing.
 */

/** Bytes that may start an instruction and do not stand for others: below 0x40 the low three bits tell all. */
const FIRST_KIND = 0x38;
/** Opcodes, those after 0F from 0x100 on. */
export const KINDS = 0x200;

/** Kinds, and states while an instruction is read: it is over, or has bytes left. */
const DONE = 0;
const IMM8 = 1;
const IMM32 = 4;
/** ModRM comes next; the bytes of an immediate behind it are added. */
const MODRM = 16;
/** An opcode after 0F comes next. */
const ESCAPE = 24;
/** TEST is one of the group of opcodes F6 or F7; the others of it have no immediate. */
const MODRM_TEST8 = 19;
const MODRM_TEST32 = 22;
/** Another byte of the same instruction comes next, as if nothing had been. */
const PREFIX = 28;

/** Runs of kinds of opcodes of one byte, each up to an opcode, from FIRST_KIND on (Intel SDM volume 2, appendix A). */
const ONE_BYTE: readonly (readonly [last: number, kind: number])[] = [
  [0x3b, MODRM],
  [0x3c, IMM8],
  [0x3d, IMM32],
  [0x3e, PREFIX],
  [0x3f, ESCAPE], // 0F; the others that end in 7 do not exist in 64-bit mode
  [0x4f, PREFIX],
  [0x62, DONE],
  [0x63, MODRM],
  [0x67, PREFIX],
  [0x68, IMM32],
  [0x69, MODRM + IMM32],
  [0x6a, IMM8],
  [0x6b, MODRM + IMM8],
  [0x6f, DONE],
  [0x7f, IMM8],
  [0x80, MODRM + IMM8],
  [0x81, MODRM + IMM32],
  [0x83, MODRM + IMM8],
  [0x8f, MODRM],
  [0xa7, DONE],
  [0xa8, IMM8],
  [0xa9, IMM32],
  [0xaf, DONE],
  [0xb7, IMM8],
  [0xbf, IMM32],
  [0xc1, MODRM + IMM8],
  [0xc5, DONE],
  [0xc6, MODRM + IMM8],
  [0xc7, MODRM + IMM32],
  [0xcf, DONE],
  [0xd3, MODRM],
  [0xd7, DONE],
  [0xdf, MODRM],
  [0xe7, IMM8],
  [0xe9, IMM32],
  [0xea, DONE],
  [0xeb, IMM8],
  [0xef, DONE],
  [0xf0, PREFIX],
  [0xf1, DONE],
  [0xf3, PREFIX],
  [0xf5, DONE],
  [0xf6, MODRM_TEST8],
  [0xf7, MODRM_TEST32],
  [0xfd, DONE],
  [0xff, MODRM],
];

/** The same for opcodes after 0F. */
const TWO_BYTES: readonly (readonly [last: number, kind: number])[] = [
  [0x04, MODRM],
  [0x0b, DONE],
  [0x2f, MODRM],
  [0x37, DONE],
  [0x3a, ESCAPE],
  [0x6f, MODRM],
  [0x73, MODRM + IMM8],
  [0x76, MODRM],
  [0x77, DONE],
  [0x7f, MODRM],
  [0x8f, IMM32],
  [0x9f, MODRM],
  [0xa2, DONE],
  [0xa3, MODRM],
  [0xa4, MODRM + IMM8],
  [0xab, MODRM],
  [0xac, MODRM + IMM8],
  [0xb9, MODRM],
  [0xba, MODRM + IMM8],
  [0xc1, MODRM],
  [0xc6, MODRM + IMM8],
  [0xc7, MODRM],
  [0xcf, DONE],
  [0xff, MODRM],
];

/** Kind by opcode: index from FIRST_KIND on, opcodes after 0F from 0x100 on. */
function allKinds(): Uint8Array {
  const kinds = new Uint8Array(KINDS);
  let opcode = FIRST_KIND;
  for (const [last, kind] of ONE_BYTE) while (opcode <= last) kinds[opcode++] = kind;
  for (const [last, kind] of TWO_BYTES) while (opcode <= 0x100 + last) kinds[opcode++] = kind;
  return kinds;
}

/** Contexts see this many bytes, the one whose bits are told included. */
export const SEEN = 16;
export const LENGTH = 8;
export const STATE = 9;
const OPCODES = 10;
const LAST_MODRM = 14;

/**
 * What contexts see in front of every byte of an image.
 * @param kinds kind by opcode, as `kindsFor` gives it
 * @param ofData as `distancesToAddresses` takes it
 * @returns SEEN bytes for each byte: the first is unused, then 7 bytes before it (the nearest first), bytes of the
 *   instruction so far, the state, 4 opcodes, ModRM, ModRM of the instruction before
 */
export function seenBytes(bytes: Uint8Array, kinds: Uint8Array, ofData: boolean): Uint8Array {
  const seen = new Uint8Array(bytes.length * SEEN);
  const now = new Uint8Array(SEEN);
  for (let at = 0; at < bytes.length; at++) {
    seen.set(now, at * SEEN);
    advance(now, bytes[at]!, kinds, ofData);
  }
  return seen;
}

/**
 * Goes on by a byte.
 * @param now SEEN bytes
 * @param ofData whether ModRM is 0 until it has been read; otherwise the fifth opcode stands there
 * @param uses counts opcodes
 */
export function advance(
  now: Uint8Array,
  byte: number,
  kinds: Uint8Array,
  ofData: boolean,
  uses?: Uint32Array,
): void {
  now.copyWithin(2, 1, 7);
  now[1] = byte;
  now[LENGTH]!++;
  const state = now[STATE]!;
  let next: number;
  if (state >= MODRM && state < ESCAPE) {
    now[LAST_MODRM] = byte;
    let immediate = state - MODRM;
    if (immediate & 2) immediate = (byte & 0x30) === 0 ? immediate ^ 2 : 0;
    next = immediate + bytesAfterModrm(byte);
  } else if (state > DONE && state < MODRM) {
    next = state - 1;
  } else {
    const opcode = state === ESCAPE ? 0x100 | byte : byte < 0x40 ? byte | FIRST_KIND : byte;
    if (uses) uses[opcode]!++;
    next = kinds[opcode]!;
    if (next !== PREFIX) {
      now.copyWithin(OPCODES + 1, OPCODES, LAST_MODRM + 1);
      now[OPCODES] = byte;
      if (ofData) now[LAST_MODRM] = 0;
    }
  }
  now[STATE] = next;
  if (next === DONE) now[LENGTH] = 0;
}

/** Bytes of SIB and displacement; a SIB without base is taken for one with. */
function bytesAfterModrm(modrm: number): number {
  if (modrm >= 0xc0) return 0;
  const sib = (modrm & 7) === 4 ? 1 : 0;
  const absolute = (modrm & 0xc7) === 5 ? 4 : 0;
  return sib + absolute + (modrm >> 6) ** 2;
}

/** How often each opcode occurs in an image, where a decoder with all kinds finds opcodes. */
export function opcodeUses(bytes: Uint8Array): Uint32Array {
  const kinds = allKinds();
  const uses = new Uint32Array(kinds.length);
  const now = new Uint8Array(SEEN);
  for (const byte of bytes) advance(now, byte, kinds, false, uses);
  return uses;
}

/** Calls and jumps: low bit free. */
const CALL = 0xe8;
/** Bits of ModRM by which an operand lies at a distance, and what they are then. */
const PLACE = 0xc7;
const AT_DISTANCE = 5;
/** Opcodes of instructions that may end with the distance of their operand: the first of 64. */
const FIRST_WITHOUT_IMMEDIATE = 0x84;
/** Bytes of a distance. */
const DISTANCE = 4;

/**
 * Whether the byte that comes is the last of a distance which the stub replaces.
 * @param ofData whether it knows those of data besides those of calls and jumps
 */
function endsDistance(now: Uint8Array, at: number, ofData: boolean): boolean {
  if (now[STATE] !== 1 || at < DISTANCE - 1) return false;
  const opcode = now[OPCODES]!;
  if (ofData && (now[LAST_MODRM]! & PLACE) === AT_DISTANCE)
    return ((opcode - FIRST_WITHOUT_IMMEDIATE) & 0xc0) === 0;
  return (opcode & 0xfe) === CALL;
}

/**
 * Replaces distances by addresses, as far as the stub finds them: where a decoder with these kinds sees an instruction
 * end whose opcode is E8 or E9, or whose operand is relative to it.
 * @param address virtual address of the first byte
 * @param ofData whether distances of data are replaced, too
 */
export function distancesToAddresses(
  bytes: Uint8Array,
  kinds: Uint8Array,
  address: number,
  ofData: boolean,
): Uint8Array {
  return withDistances(bytes, kinds, ofData, (distance, end) => distance + address + end);
}

/**
 * What the stub makes of bytes that come from `distancesToAddresses`. They are the bytes from before unless one of a
 * "distance" was no such thing, and what has become of it tells another instruction: E9 after 0F has no distance.
 */
export function addressesToDistances(
  coded: Uint8Array,
  kinds: Uint8Array,
  address: number,
  ofData: boolean,
): Uint8Array {
  return withDistances(coded, kinds, ofData, (target, end) => target - (address + end));
}

/** @param change is given what stands in place of a distance, and the offset where that ends */
function withDistances(
  bytes: Uint8Array,
  kinds: Uint8Array,
  ofData: boolean,
  change: (value: number, end: number) => number,
): Uint8Array {
  const changed = bytes.slice();
  const now = new Uint8Array(SEEN);
  const view = new DataView(changed.buffer);
  for (let at = 0; at < bytes.length; at++) {
    const isLast = endsDistance(now, at, ofData);
    advance(now, bytes[at]!, kinds, ofData);
    if (!isLast) continue;
    const start = at + 1 - DISTANCE;
    view.setInt32(start, change(view.getInt32(start, true), at + 1), true);
  }
  return changed;
}

/** Kinds as the stub has them. */
export interface Kinds {
  /** Kind by opcode; those after 0F from 0x100 on. */
  readonly byOpcode: Uint8Array;
  /** A byte for each run of alike ones: kind in the low five bits, logarithm of the length in the others. */
  readonly runs: Uint8Array;
}

const LONGEST_LOG = 7;

/**
 * The shortest runs that give some opcodes their kinds; others get what is next to them.
 * @param least how often an opcode has to occur for its kind to matter
 * @param knowsTest whether the stub tells TEST from the others of its group
 * @param isWary whether 0F E8 and 0F E9, which look like calls, are taken for instructions without operands: then nothing
 *   behind them is taken for a distance
 */
export function kindsFor(uses: Uint32Array, least: number, knowsTest: boolean, isWary = false): Kinds {
  const kinds = allKinds();
  if (isWary) kinds.fill(DONE, 0x100 | CALL, 0x102 | CALL);
  if (!knowsTest) {
    kinds[0xf6] = MODRM + IMM8;
    kinds[0xf7] = MODRM;
  }
  const end = kinds.length;
  // Fewest runs from an opcode to the end, and the first of them.
  const fewest = new Uint16Array(end + 1);
  const first = new Uint8Array(end);
  for (let start = end - 1; start >= FIRST_KIND; start--) {
    fewest[start] = end;
    let kind: number | undefined;
    let at = start;
    for (let log = 0; log <= LONGEST_LOG && start + 2 ** log <= end; log++) {
      for (; at < start + 2 ** log; at++) {
        if (uses[at]! < least) continue;
        if (kind !== undefined && kind !== kinds[at]) break;
        kind = kinds[at]!;
      }
      if (at < start + 2 ** log) break;
      if (fewest[at]! + 1 >= fewest[start]!) continue;
      fewest[start] = fewest[at]! + 1;
      first[start] = (log << 5) | (kind ?? 0);
    }
  }
  const runs: number[] = [];
  for (let start = FIRST_KIND; start < end; start += runLength(first[start]!)) runs.push(first[start]!);
  const encoded = Uint8Array.from(runs);
  return { byOpcode: expandKinds(encoded, 0)!.byOpcode, runs: encoded };
}

/** How many opcodes a run is for. */
function runLength(run: number): number {
  return 2 ** (run >> 5);
}

/**
 * Kinds by opcode, from runs as the stub expands them.
 * @param bytes runs from `at` on, and whatever comes behind
 * @returns also where the runs end; undefined if there are too few
 */
export function expandKinds(
  bytes: Uint8Array,
  at: number,
): { readonly byOpcode: Uint8Array; readonly end: number } | undefined {
  const byOpcode = new Uint8Array(KINDS);
  let end = at;
  for (let opcode = FIRST_KIND; opcode < KINDS; end++) {
    const run = bytes[end];
    if (run === undefined) return undefined;
    const next = opcode + runLength(run);
    byOpcode.fill(run & 31, opcode, next);
    opcode = next;
  }
  return { byOpcode, end };
}
