/**
 * Tests single bits by BT: TEST r32, imm32 takes six bytes, seven with a prefix, BT r32, imm8 four or five. BT leaves the
 * bit in the carry flag and nothing of use in the others (SDM vol. 2, BT), so the next branch has to be the only
 * instruction that reads them, and of them only the zero flag: JE becomes JNC, and JNE becomes JC.
 */
import { readU32 } from '../elf/bytes.ts';
import { createInstruction, decode, Encoding, Flow } from '../x86/decode.ts';
import { Register } from '../x86/effects.ts';
import { Flag } from '../x86/flags.ts';
import { conditionOf, isConditional, setCondition } from './branches.ts';
import { type Code, Mark, NO_TARGET } from './code.ts';

const ENTERED = Mark.entry | Mark.target | Mark.function | Mark.start | Mark.landingPad;
/** Conditions of Jcc; the lowest bit negates. */
const EQUAL = 4;
/** E and NE are NC and C of a bit: 4 and 5 become 3 and 2. */
const BIT = 7;
/** Bytes of TEST rax, imm32, the shortest there is. */
const SHORTEST = 5;

const insn = createInstruction();
const out = new Uint8Array(5);

/** @param liveFlags those that are live before each instruction, as masks of `Flag` */
export function testBits(code: Code, liveFlags: Uint8Array): void {
  const { count, newLength, hasField, target, flow } = code;
  for (let i = 0; i + 1 < count; i++) {
    // TEST has no form with a byte of immediate for more than a byte.
    if (newLength[i]! < SHORTEST || flow[i] !== Flow.none || hasField[i] === 1 || target[i] !== NO_TARGET)
      continue;
    const length = writeBitTest(code, i);
    if (length === 0 || length >= newLength[i]!) continue;
    const branch = findBranch(code, i);
    if (branch < 0 || !isOnlyReader(code, branch, liveFlags)) continue;
    code.replace(i, out, length);
    setCondition(code, branch, conditionOf(code, branch) ^ BIT);
  }
}

/** @returns the branch to which the flags come from an instruction as they are, or -1 */
function findBranch(code: Code, i: number): number {
  const { count, flow, flagEffect, newLength, marks } = code;
  for (let next = i + 1; next < count && (marks[next]! & ENTERED) === 0; next++) {
    if (isConditional(code, next)) return next;
    if (newLength[next] !== 0 && (flow[next] !== Flow.none || flagEffect[next] !== 0)) return -1;
  }
  return -1;
}

/** Whether a branch goes by the zero flag, and nobody reads any flags behind it. */
function isOnlyReader(code: Code, branch: number, liveFlags: Uint8Array): boolean {
  const t = code.target[branch]!;
  if (t === NO_TARGET || (conditionOf(code, branch) & ~1) !== EQUAL) return false;
  return liveFlags[branch] === Flag.zero && ((liveFlags[branch + 1]! | liveFlags[t]!) & Flag.zero) === 0;
}

/** Writes BT in the place of TEST of a single bit. @returns its bytes, or 0 if it is another instruction */
function writeBitTest(code: Code, i: number): number {
  const source = code.sourceOf(i);
  const start = code.startOf(i);
  decode(source, start, start + code.newLength[i]!, insn);
  const { encoding, map, opcode, prefixes, rex, modrmOffset, immSize } = insn;
  if (encoding !== Encoding.legacy || map !== 0 || prefixes !== 0 || immSize !== 4) return 0;
  let register: number = Register.rax;
  if (opcode === 0xf7) {
    const modrm = source[start + modrmOffset]!;
    if ((modrm & 0xf8) !== 0xc0) return 0; // TEST Ev, Iz
    register = (modrm & 7) | ((rex & 1) << 3);
  } else if (opcode !== 0xa9) return 0; // TEST rAX, Iz
  const mask = readU32(source, start + insn.immOffset);
  // Of 64 bits, the highest one of the immediate stands for all above it.
  const isSingle = mask !== 0 && (mask & (mask - 1)) === 0 && ((rex & 8) === 0 || mask < 0x80000000);
  if (!isSingle) return 0;
  let length = 0;
  if (register > 7) out[length++] = 0x41; // REX.B
  out[length++] = 0x0f; // BT r32, imm8
  out[length++] = 0xba;
  out[length++] = 0xe0 | (register & 7);
  out[length++] = 31 - Math.clz32(mask);
  return length;
}
