/**
 * Other registers in the operands of an instruction of as many bytes: their numbers are in ModRM, SIB, the low bits of
 * the opcode and REX (Intel SDM vol. 2, tables 2-2, 2-3 and 3-1). Where a REX prefix is not needed any more, it stays.
 */
import { createInstruction, decode, type Instruction } from './decode.ts';
import { isRegister, Register } from './effects.ts';
import { Field, registerEffectOf, registerFields, UNKNOWN, WRITTEN_REGISTERS_SHIFT } from './registers.ts';

const REX_B = 1;
const REX_X = 2;
const REX_R = 4;
/** ModRM.rm with a SIB byte behind it. */
const SIB = 4;

const renamed = createInstruction();

/**
 * Writes one register in the place of another wherever an instruction names it.
 * @param at offset in `bytes` of the instruction that was decoded into `insn`
 * @param from @param to numbers of general registers
 * @returns whether that could be done; if not, the bytes are as they were
 */
export function renameRegister(
  bytes: Uint8Array,
  at: number,
  insn: Instruction,
  from: number,
  to: number,
): boolean {
  const effect = registerEffectOf(bytes, at, insn);
  // As an index, its number stands for none.
  if (effect === UNKNOWN || to === Register.rsp) return false;
  const old = bytes.slice(at, at + insn.length);
  writeNumbers(bytes, at, insn, from, to);
  if (isRenamed(bytes, at, insn, substitute(effect, from, to))) return true;
  bytes.set(old, at);
  return false;
}

/** Whether the same instruction stands there, with such an effect. */
function isRenamed(bytes: Uint8Array, at: number, insn: Instruction, effect: number): boolean {
  return (
    decode(bytes, at, at + insn.length, renamed) === insn.length &&
    renamed.dispOffset === insn.dispOffset &&
    renamed.dispSize === insn.dispSize &&
    renamed.immOffset === insn.immOffset &&
    renamed.ripRelative === insn.ripRelative &&
    registerEffectOf(bytes, at, renamed) === effect
  );
}

/** An effect with one register in the place of another; what uses it unnamed has another effect then. */
function substitute(effect: number, from: number, to: number): number {
  const move = (mask: number) => ((mask >> from) & 1 ? (mask & ~(1 << from)) | (1 << to) : mask);
  return move(effect & 0xffff) | (move(effect >>> WRITTEN_REGISTERS_SHIFT) << WRITTEN_REGISTERS_SHIFT);
}

function writeNumbers(bytes: Uint8Array, at: number, insn: Instruction, from: number, to: number): void {
  const { modrmOffset, opcodeOffset, rex, prefixLength } = insn;
  const named = registerFields(bytes, at, insn);
  const high = to >= 8;
  let extension = rex;
  const write = (offset: number, shift: number, bit: number) => {
    const number = ((bytes[at + offset]! >> shift) & 7) | ((rex & bit) !== 0 ? 8 : 0);
    if (number !== from) return;
    bytes[at + offset] = (bytes[at + offset]! & ~(7 << shift)) | ((to & 7) << shift);
    extension = high ? extension | bit : extension & ~bit;
  };
  if ((named & Field.low) !== 0) write(opcodeOffset, 0, REX_B);
  if (modrmOffset >= 0) {
    const isOperand = isRegister(bytes, at, insn);
    const hasSib = !isOperand && (bytes[at + modrmOffset]! & 7) === SIB;
    if ((named & Field.reg) !== 0) write(modrmOffset, 3, REX_R);
    if (hasSib) {
      if (hasBase(bytes, at, insn)) write(modrmOffset + 1, 0, REX_B);
      if (hasIndex(bytes, at, insn)) write(modrmOffset + 1, 3, REX_X);
    } else if (isOperand ? (named & Field.rm) !== 0 : !insn.ripRelative) write(modrmOffset, 0, REX_B);
  }
  if (rex !== 0) bytes[at + prefixLength - 1] = 0x40 | (extension & 15);
}

/** Whether SIB has a base: number 5 without displacement stands for none. */
function hasBase(bytes: Uint8Array, at: number, { modrmOffset }: Instruction): boolean {
  return (bytes[at + modrmOffset + 1]! & 7) !== 5 || bytes[at + modrmOffset]! >= 0x40;
}

/** Whether SIB has an index: number 4 stands for none. */
function hasIndex(bytes: Uint8Array, at: number, { modrmOffset, rex }: Instruction): boolean {
  return ((bytes[at + modrmOffset + 1]! >> 3) & 7) !== 4 || (rex & REX_X) !== 0;
}
