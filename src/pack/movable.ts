/**
 * Which instructions may change places with others, and what has to be known of them for that. Only what is done by
 * instructions that are listed here is known in full; nothing is moved past the others. Source: Intel SDM vol. 2, the
 * operation of each instruction.
 */
import { Encoding, Flow, type Instruction, Prefix } from '../x86/decode.ts';
import { type Effects, isRegister, MEMORY, Register } from '../x86/effects.ts';
import { ALL_REGISTERS, registerEffectOf, UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';

/** Bit of the vector registers and MXCSR in a mask: instructions that use them stay in their order. */
const VECTORS = 1 << 18;

/**
 * What an instruction does to general registers, memory and vector registers; of flags, see x86/flags.ts. What moves the
 * stack pointer counts as using memory: below it, a signal may overwrite what lies there.
 * @param at offset in `bytes` of the instruction that was decoded into `insn`
 * @returns undefined for an instruction that nothing may be moved past
 */
export function movableEffects(bytes: Uint8Array, at: number, insn: Instruction): Effects | undefined {
  if (insn.flow !== Flow.none || insn.encoding !== Encoding.legacy || !isListed(bytes, at, insn))
    return undefined;
  const effect = registerEffectOf(bytes, at, insn);
  if (effect === UNKNOWN) return undefined;
  let reads = effect & ALL_REGISTERS;
  let writes = effect >>> WRITTEN_REGISTERS_SHIFT;
  if (usesMemory(bytes, at, insn) || (writes & (1 << Register.rsp)) !== 0) {
    reads |= MEMORY;
    writes |= MEMORY;
  }
  if (insn.map === 1 && isVector(insn.opcode)) {
    reads |= VECTORS;
    writes |= VECTORS;
  }
  return { reads, writes };
}

function isListed(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  const { map, opcode, prefixes } = insn;
  const allowed = map === 1 && isVector(opcode) ? Prefix.operandSize | Prefix.repeat : Prefix.operandSize;
  if ((prefixes & ~allowed) !== 0) return false;
  if (map === 1) return isListedTwoByte(opcode);
  return map === 0 && isListedOneByte(opcode, insn.modrmOffset < 0 ? 0 : bytes[at + insn.modrmOffset]!);
}

function isListedOneByte(opcode: number, modrm: number): boolean {
  const extension = (modrm >> 3) & 7;
  if (opcode < 0x40) return (opcode & 7) < 6; // ADD … CMP
  if (opcode < 0x60) return opcode >= 0x50; // PUSH, POP
  switch (opcode & 0xf8) {
    case 0x60:
      return opcode === 0x63; // MOVSXD
    case 0x68:
      return opcode <= 0x6b; // PUSH, IMUL
    case 0x80:
      return opcode < 0x86 && opcode !== 0x82; // ADD … CMP, TEST
    case 0x88:
      return opcode < 0x8c || opcode === 0x8d; // MOV, LEA
    case 0x98:
      return opcode < 0x9a; // CDQE, CQO
    case 0xa8:
      return opcode < 0xaa; // TEST
    case 0xb0:
    case 0xb8:
      return true; // MOV
    case 0xc0:
      return opcode < 0xc2 || opcode >= 0xc6; // ROL … SAR, MOV
    case 0xd0:
      return opcode < 0xd4; // ROL … SAR
    case 0xf0:
      return opcode >= 0xf6 && extension < 6; // TEST … IMUL; not DIV, which may raise a signal
    default:
      return opcode >= 0xfe && extension < 2; // INC, DEC
  }
}

function isListedTwoByte(opcode: number): boolean {
  if (isVector(opcode)) return true;
  switch (opcode & 0xf8) {
    case 0x40: // CMOVcc
    case 0x48:
    case 0x90: // SETcc
    case 0x98:
    case 0xc8: // BSWAP
      return true;
    case 0xa0:
      return opcode === 0xa4 || opcode === 0xa5; // SHLD
    case 0xa8:
      return opcode === 0xac || opcode === 0xad || opcode === 0xaf; // SHRD, IMUL
    case 0xb0:
      return opcode >= 0xb6; // MOVZX
    default:
      return opcode === 0xbe || opcode === 0xbf; // MOVSX
  }
}

/** Moves, conversions, comparisons and arithmetic of SSE, but for those with operands that ModRM does not name. */
function isVector(opcode: number): boolean {
  if (opcode < 0x30) return (opcode >= 0x10 && opcode <= 0x17) || opcode >= 0x28;
  if (opcode < 0x80) return (opcode >= 0x50 && opcode <= 0x76) || opcode >= 0x7c;
  return (
    opcode === 0xc2 ||
    (opcode >= 0xc4 && opcode <= 0xc6) ||
    (opcode >= 0xd0 && opcode <= 0xfe && opcode !== 0xf7)
  );
}

function usesMemory(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  const { map, opcode, modrmOffset } = insn;
  const isLea = map === 0 && opcode === 0x8d;
  return modrmOffset >= 0 && !isLea && !isRegister(bytes, at, insn);
}
