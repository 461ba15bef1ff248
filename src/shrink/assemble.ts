/**
 * Puts the instructions of a section together again. Every branch that has a short form begins with it; those that
 * reach too far get their long form, which moves others further apart, until all reach. A branch never goes back
 * to its short form, so this ends, and since none is long but those that must be, with the fewest bytes.
 */
import { writeU32 } from '../elf/bytes.ts';
import { Flow } from '../x86/decode.ts';
import { conditionOf, isConditional } from './branches.ts';
import { type Code, Mark, NO_TARGET, UNCHANGED } from './code.ts';

const SHORT = 2;
const LONG_JUMP = 5;
const LONG_CONDITIONAL = 6;

/**
 * Decides where each instruction lies.
 * @returns bytes of the section, or -1 if a branch does not reach that has no longer form
 */
export function placeInstructions(code: Code): number {
  const { count, flow, target, newLength } = code;
  for (let i = 0; i < count; i++) {
    if (newLength[i] !== 0 && target[i] !== NO_TARGET && (flow[i] === Flow.jmpRel || isConditional(code, i)))
      newLength[i] = SHORT;
  }
  for (;;) {
    const size = placeAll(code);
    const grown = lengthen(code);
    if (grown < 0) return -1;
    if (grown === 0) return size;
  }
}

/** Gives each instruction its offset as its length is now. */
function placeAll({ count, marks, newAt, newLength }: Code): number {
  let at = 0;
  for (let i = 0; i < count; i++) {
    if ((marks[i]! & (Mark.even | Mark.live)) === (Mark.even | Mark.live)) at += at & 1;
    newAt[i] = at;
    at += newLength[i]!;
  }
  newAt[count] = at;
  return at;
}

/** Gives branches that do not reach their long form. @returns how many, or -1 if one has none */
function lengthen(code: Code): number {
  const { count, flow, target, newAt, newLength } = code;
  let grown = 0;
  for (let i = 0; i < count; i++) {
    const isJump = flow[i] === Flow.jmpRel || flow[i] === Flow.jccRel;
    if (!isJump || newLength[i] === 0 || newLength[i]! > 3 || target[i] === NO_TARGET) continue;
    const distance = newAt[target[i]!]! - newAt[i]! - newLength[i]!;
    if (distance >= -128 && distance < 128) continue;
    if (flow[i] === Flow.jmpRel) newLength[i] = LONG_JUMP;
    else if (isConditional(code, i)) newLength[i] = LONG_CONDITIONAL;
    else return -1;
    grown++;
  }
  return grown;
}

const NOP = 0x90;

/** @returns the bytes of the section as `placeInstructions` has left it */
export function writeInstructions(code: Code, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const { count, newAt, newLength, patch, patches, bytes, at, target } = code;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const length = newLength[i]!;
    if (length === 0) continue;
    const to = newAt[i]!;
    if (to > end) out[end] = NOP;
    end = to + length;
    // A branch that has become longer is written anew, with what stands behind it in the meantime.
    if (patch[i] === UNCHANGED) copyBytes(out, to, bytes, at[i]!, length);
    else copyBytes(out, to, patches, patch[i]!, length);
    if (target[i] !== NO_TARGET) writeTarget(code, i, out);
  }
  return out;
}

/** Instructions are short: a loop copies them faster than the system. */
function copyBytes(out: Uint8Array, to: number, from: Uint8Array, start: number, length: number): void {
  for (let k = 0; k < length; k++) out[to + k] = from[start + k]!;
}

/** Writes the distance of a branch or LEA to a place in the section, and the branch with it. */
function writeTarget(code: Code, i: number, out: Uint8Array): void {
  const { flow, newAt, newLength, target, length } = code;
  const at = newAt[i]!;
  const end = at + newLength[i]!;
  const distance = newAt[target[i]!]! - end;
  const isShort = newLength[i] === SHORT;
  if (flow[i] === Flow.jmpRel) {
    out[at] = isShort ? 0xeb : 0xe9; // JMP rel8, JMP rel32
    if (isShort) out[at + 1] = distance;
    else writeU32(out, at + 1, distance);
  } else if (isConditional(code, i)) {
    if (isShort) {
      out[at] = 0x70 | conditionOf(code, i); // Jcc rel8
      out[at + 1] = distance;
    } else {
      out[at] = 0x0f;
      out[at + 1] = 0x80 | conditionOf(code, i); // Jcc rel32
      writeU32(out, at + 2, distance);
    }
  } else if (flow[i] === Flow.jccRel && length[i]! < LONG_CONDITIONAL)
    out[end - 1] = distance; // LOOPcc
  else writeU32(out, end - 4, distance); // CALL, XBEGIN, LEA
}

/** Where instructions have gone: runs of offsets that stayed together. */
export function mapOffsets(code: Code): { starts: Uint32Array; offsets: Int32Array } {
  const { count, at, newAt, size } = code;
  const runs = countRuns(code);
  const starts = new Uint32Array(runs);
  const offsets = new Int32Array(runs);
  let shift = -1;
  let run = 0;
  for (let i = 0; i <= count; i++) {
    const old = i < count ? at[i]! : size;
    if (old - newAt[i]! === shift) continue;
    shift = old - newAt[i]!;
    starts[run] = old;
    offsets[run++] = newAt[i]!;
  }
  return { starts, offsets };
}

function countRuns({ count, at, newAt, size }: Code): number {
  let shift = -1;
  let runs = 0;
  for (let i = 0; i <= count; i++) {
    const old = i < count ? at[i]! : size;
    if (old - newAt[i]! === shift) continue;
    shift = old - newAt[i]!;
    runs++;
  }
  return runs;
}
