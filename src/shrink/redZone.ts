/**
 * The red zone: below the stack pointer, functions that call nothing may keep values (psABI, 3.2.2). Others may use it
 * before they lower the stack pointer: gcc, told to save registers by MOV, does so below the frame pointer first.
 */
import { readI32 } from '../elf/bytes.ts';
import { createInstruction, decode, Encoding, Flow } from '../x86/decode.ts';
import { type Code, Feature, Mark } from './code.ts';

/**
 * Finds the end of a part of a section of which all belongs to one function: all of the function if its symbol says how
 * far it goes, or else up to the next place that can be entered from elsewhere.
 * @param start the first instruction of such a part
 * @returns the first one behind it
 */
export function endOfPart(code: Code, start: number): number {
  const end = endOfFunction(code, start);
  return end < 0 ? nextMark(code, start, Mark.function | Mark.start) : end;
}

/** @returns the first instruction behind a function, or -1 if its symbol does not say how far it goes */
export function endOfFunction(code: Code, start: number): number {
  if ((code.marks[start]! & Mark.function) === 0) return -1;
  const next = nextMark(code, start, Mark.function);
  return isOneFunction(code, start, next) ? next : -1;
}

function nextMark({ count, marks }: Code, start: number, mask: number): number {
  let i = start + 1;
  while (i < count && (marks[i]! & mask) === 0) i++;
  return i;
}

/** Whether a symbol says that a function goes on from `start` to `end`, but for what is left out. */
function isOneFunction({ marks, newLength }: Code, start: number, end: number): boolean {
  if ((marks[start]! & Mark.function) === 0) return false;
  let last = end;
  while (last > start && (marks[last]! & Mark.functionEnd) === 0 && newLength[last - 1] === 0) last--;
  return last > start && (marks[last]! & Mark.functionEnd) !== 0;
}

/**
 * Whether a function has nothing in the 128 bytes below rsp, which is known of functions that call something and do not
 * refer to them all the same.
 * @param start its first instruction
 * @param end the first one behind it
 */
export function leavesRedZone(code: Code, start: number, end: number): boolean {
  const { flow, features } = code;
  let hasCall = false;
  let frames = 0;
  let seen = 0;
  for (let i = start; i < end; i++) {
    seen |= features[i]!;
    if ((features[i]! & Feature.setsFrame) !== 0) frames++;
    if (isCall(flow[i]!)) hasCall = true;
  }
  if (!hasCall || (seen & Feature.belowStack) !== 0) return false;
  const refersBelow = frames > 0 && (seen & Feature.belowFrame) !== 0;
  if (!refersBelow) return true;
  const isOne = isOneFunction(code, start, end) || callsInFrame(code, start, end);
  return isOne && frames === 1 && lowersFirst(code, start, end);
}

/**
 * Whether a function refers to nothing below its frame before the stack pointer is as low. What lowers it stands behind
 * the beginning of the frame, in front of the first branch.
 */
function lowersFirst(code: Code, start: number, end: number): boolean {
  const { flow, features, marks } = code;
  let i = start;
  while ((features[i]! & Feature.setsFrame) === 0) i++;
  let depth = 0;
  for (i++; i < end && flow[i] === Flow.none && (marks[i]! & Mark.target) === 0; i++) {
    if ((features[i]! & Feature.belowFrame) !== 0 && depthOf(code, i) > depth) return false;
    depth += loweredBy(code, i);
  }
  return depth > 0;
}

const insn = createInstruction();

/** How far below rbp the memory begins that an instruction accesses, in bytes. */
function depthOf({ bytes, at, size }: Code, i: number): number {
  decode(bytes, at[i]!, size, insn);
  // LEA only calculates; what is done with the address comes behind what lowers the stack pointer.
  if (insn.encoding === Encoding.legacy && insn.map === 0 && insn.opcode === 0x8d) return 0;
  return -readSigned(bytes, at[i]! + insn.dispOffset, insn.dispSize);
}

const REX_W = 0x48;

/** Bytes by which an instruction lowers rsp: PUSH of a register, SUB, ADD of a negative number. */
function loweredBy({ bytes, at, length }: Code, i: number): number {
  const start = at[i]!;
  const hasPrefix = length[i] === 2 && bytes[start] === 0x41; // REX.B
  const opcode = bytes[start + (hasPrefix ? 1 : 0)]!;
  if ((length[i] === 1 || hasPrefix) && (opcode & 0xf8) === 0x50) return 8; // PUSH r64
  const size = bytes[start + 1] === 0x83 ? 1 : bytes[start + 1] === 0x81 ? 4 : 0;
  if (bytes[start] !== REX_W || size === 0) return 0;
  const number = readSigned(bytes, start + 3, size);
  const modrm = bytes[start + 2];
  return modrm === 0xec ? number : modrm === 0xc4 ? -number : 0; // SUB, ADD rsp, imm
}

function readSigned(bytes: Uint8Array, at: number, size: number): number {
  return size === 1 ? (bytes[at]! << 24) >> 24 : readI32(bytes, at);
}

/**
 * Whether the function that has the frame is the one that calls: there may be two, if symbols were stripped. What stands
 * in front of the first instruction that does not lead on belongs to one, and so does what stands between the beginning
 * and an end of the frame.
 */
function callsInFrame({ flow, features }: Code, start: number, end: number): boolean {
  let hasFrame = false;
  let hasCall = false;
  let isOne = true;
  for (let i = start; i < end; i++) {
    hasFrame ||= (features[i]! & Feature.setsFrame) !== 0;
    hasCall ||= hasFrame && isCall(flow[i]!);
    if (hasCall && (isOne || (features[i]! & Feature.endsFrame) !== 0)) return true;
    isOne &&= flow[i] === Flow.none || flow[i] === Flow.jccRel || isCall(flow[i]!);
  }
  return false;
}

function isCall(flow: number): boolean {
  return flow === Flow.callRel || flow === Flow.indirectCall;
}
