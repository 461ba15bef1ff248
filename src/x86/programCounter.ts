/**
 * Instructions by which code finds out where it lies, besides its return address: who does so may refer to any place
 * around it, and no relocation tells.
 */
import { Encoding, Flow, type Instruction, isSystemCall } from './decode.ts';
import { addressRegisters, Register } from './effects.ts';
import { registerEffectOf, UNKNOWN, WRITTEN_REGISTERS_SHIFT } from './registers.ts';

const RCX = 1 << Register.rcx;

/** Whether an instruction stores where the last one of the x87 unit lies: FNSTENV, FNSAVE, FXSAVE, XSAVE and its kin. */
function savesProgramCounter(
  bytes: Uint8Array,
  at: number,
  { encoding, map, opcode, modrmOffset }: Instruction,
): boolean {
  if (encoding !== Encoding.legacy || modrmOffset < 0) return false;
  const modrm = bytes[at + modrmOffset]!;
  const extension = (modrm >> 3) & 7;
  if (modrm >= 0xc0) return false;
  if (map === 0) return (opcode === 0xd9 || opcode === 0xdd) && extension === 6;
  if (map !== 1) return false;
  if (opcode === 0xae) return extension === 0 || extension === 4 || extension === 6;
  return opcode === 0xc7 && (extension === 4 || extension === 5);
}

/** Follows code from one instruction to the next. */
export class PlaceTracker {
  /** Whether rcx holds what SYSCALL has left there: the address behind it (SDM vol. 2, "SYSCALL"). */
  #isLeft = false;

  /** @returns whether code finds out by an instruction where it lies */
  follow(bytes: Uint8Array, at: number, insn: Instruction): boolean {
    return this.#readsSystemReturn(bytes, at, insn) || savesProgramCounter(bytes, at, insn);
  }

  /** Whether an instruction reads more of what SYSCALL has left than a byte. */
  #readsSystemReturn(bytes: Uint8Array, at: number, insn: Instruction): boolean {
    if (isSystemCall(insn)) {
      this.#isLeft = true;
      return false;
    }
    if (!this.#isLeft || insn.flow === Flow.jccRel) return false;
    const effect = insn.flow === Flow.none ? registerEffectOf(bytes, at, insn) : UNKNOWN;
    const isNamed = effect !== UNKNOWN;
    if (isNamed && (effect & RCX) !== 0) return isAddress(bytes, at, insn) || !isByte(insn);
    // What a callee gets, or is found by a jump, was put there by the code.
    if (!isNamed ? insn.flow !== Flow.none : ((effect >>> WRITTEN_REGISTERS_SHIFT) & RCX) !== 0)
      this.#isLeft = false;
    return false;
  }
}

function isAddress(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  const isMemory = insn.modrmOffset >= 0 && bytes[at + insn.modrmOffset]! < 0xc0;
  return isMemory && (addressRegisters(bytes, at, insn) & RCX) !== 0;
}

/** Whether it is a byte of a register that an instruction reads: an operand, or the count of a shift. */
function isByte({ map, opcode }: Instruction): boolean {
  if (map === 1)
    return (opcode & 0xf0) === 0x90 || opcode === 0xa5 || opcode === 0xad || (opcode & 0xf7) === 0xb6;
  if (opcode < 0x40 || (opcode & 0xf8) === 0xb0) return opcode >= 0xb0 || (opcode & 1) === 0;
  switch (opcode) {
    case 0x80: // ADD … CMP
    case 0x84: // TEST
    case 0x86: // XCHG
    case 0x88: // MOV
    case 0x8a:
    case 0xc0: // ROL … SAR
    case 0xc6: // MOV
    case 0xd0: // ROL … SAR
    case 0xd2:
    case 0xd3: // ROL … SAR by cl
    case 0xf6: // TEST … IDIV
    case 0xfe: // INC, DEC
      return true;
    default:
      return false;
  }
}
