/**
 * Whether a function may look at its return address, or at anything else that its caller has on the stack. Its own part of
 * the stack is what it makes room for in front of its first branch; operands from rsp and from the frame pointer
 * have to lie in there. Another copy of the stack pointer could lead anywhere.
 */
import { createInstruction, decode, Flow } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { signed } from '../x86/exits.ts';
import { type Code, Feature, Mark } from './code.ts';

const SLOT = 8;
const PUSH_RSP = 0x54;
const POP_RBP = 0x5d;
const NO_FRAME = -1;

const insn = createInstruction();

/** @param code all of it one function */
export function looksAtCaller(code: Code): boolean {
  const { count, bytes, at, size, length } = code;
  const { depth, frame } = readSetup(code);
  for (let i = 0; i < count; i++) {
    const start = at[i]!;
    if (length[i] === 1 && bytes[start] === PUSH_RSP) {
      if (!isFrame(code, i)) return true;
      continue;
    }
    if ((code.features[i]! & Feature.setsFrame) !== 0) continue;
    decode(bytes, start, size, insn);
    if (insn.modrmOffset < 0 || insn.ripRelative) continue;
    const { modrmOffset, rex, dispOffset, dispSize } = insn;
    const modrm = bytes[start + modrmOffset]!;
    if (modrm >= 0xc0) {
      if (copiesStack(bytes, start)) return true;
      continue;
    }
    const hasSib = (modrm & 7) === 4;
    const base = ((hasSib ? bytes[start + modrmOffset + 1]! : modrm) & 7) | ((rex & 1) << 3);
    const hasBase = modrm >= 0x40 || (base & 7) !== Register.rbp;
    const place = dispSize > 0 ? signed(bytes, start + dispOffset, dispSize) : 0;
    if (hasBase && base === Register.rsp && place >= depth) return true;
    if (hasBase && base === Register.rbp && frame !== NO_FRAME && place >= frame) return true;
  }
  return false;
}

/** Bytes that a function has on the stack behind what it begins with, and how far its frame pointer is below its return address. */
function readSetup(code: Code): { depth: number; frame: number } {
  const { count, bytes, at, length, flow, marks, features } = code;
  let depth = 0;
  let frame = NO_FRAME;
  for (let i = 0; i < count && flow[i] === Flow.none && (i === 0 || (marks[i]! & Mark.target) === 0); i++) {
    const start = at[i]!;
    const opcode = bytes[length[i] === 2 && bytes[start] === 0x41 ? start + 1 : start]!;
    if ((features[i]! & Feature.setsFrame) !== 0 || isFrame(code, i)) frame = depth;
    else if (length[i]! <= 2 && (opcode & 0xf8) === 0x50)
      depth += SLOT; // PUSH r64
    else if (length[i]! <= 2 && (opcode & 0xf8) === 0x58)
      depth -= SLOT; // POP r64
    else if (bytes[start] === 0x6a)
      depth += SLOT; // PUSH imm8
    else if (bytes[start] === 0x48 && bytes[start + 1] === 0x83 && bytes[start + 2] === 0xec)
      depth += bytes[start + 3]!; // SUB rsp, imm8
    else if (bytes[start] === 0x48 && bytes[start + 1] === 0x81 && bytes[start + 2] === 0xec)
      depth += signed(bytes, start + 3, 4); // SUB rsp, imm32
    if (isFrame(code, i)) i++;
  }
  return { depth, frame };
}

/** Whether PUSH rsp and POP rbp set up a frame, as `pushAndPop` has them do it. */
function isFrame({ count, bytes, at, length }: Code, i: number): boolean {
  if (i + 1 >= count || length[i] !== 1 || length[i + 1] !== 1) return false;
  return bytes[at[i]!] === PUSH_RSP && bytes[at[i + 1]!] === POP_RBP;
}

/** Whether an instruction without operand in memory reads rsp to calculate with it: not ADD and SUB of a number. */
function copiesStack(bytes: Uint8Array, start: number): boolean {
  const { opcode, map, rex, modrmOffset } = insn;
  if (map !== 0 || opcode === 0x81 || opcode === 0x83) return false;
  const modrm = bytes[start + modrmOffset]!;
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const rm = (modrm & 7) | ((rex & 1) << 3);
  return reg === Register.rsp || rm === Register.rsp;
}
