/**
 * What instructions do to the status flags. Of those that are not listed it is assumed that they read them. Source:
 * Intel SDM vol. 2, the flags-affected paragraph of each instruction, and vol. 1, appendix A.
 */
import { Encoding, Flow, type Instruction, Prefix } from './decode.ts';

/** Effect of an instruction on the status flags. */
export const FlagEffect = {
  /** May read some of them, or it is not known. */
  reads: 0,
  /** Reads none and leaves all as they are, or changes only some. */
  passes: 1,
  /** Reads none; afterwards each is what this instruction made of it, or undefined. */
  replaces: 2,
} as const;
export type FlagEffect = (typeof FlagEffect)[keyof typeof FlagEffect];

/** @param at offset in `bytes` of the instruction that was decoded into `insn` */
export function flagEffectOf(bytes: Uint8Array, at: number, insn: Instruction): FlagEffect {
  if (insn.flow !== Flow.none || (insn.prefixes & Prefix.lock) !== 0) return FlagEffect.reads;
  // Of the vector instructions only comparisons of scalars write flags, which counts as reading here.
  if (insn.encoding !== Encoding.legacy) return FlagEffect.reads;
  if (insn.map === 0) return oneByteEffect(bytes, at, insn);
  return insn.map === 1 ? twoByteEffect(insn) : FlagEffect.reads;
}

function oneByteEffect(bytes: Uint8Array, at: number, insn: Instruction): FlagEffect {
  const { opcode } = insn;
  const extension = insn.modrmOffset < 0 ? 0 : (bytes[at + insn.modrmOffset]! >> 3) & 7;
  // ADD, OR, AND, SUB, XOR, CMP; ADC and SBB read the carry flag.
  if (opcode < 0x40)
    return (opcode & 7) < 6 && (opcode & 0x30) !== 0x10 ? replacesUnlessCarry(opcode >> 3) : FlagEffect.reads;
  if (opcode >= 0x50 && opcode < 0x60) return FlagEffect.passes; // PUSH, POP
  if (opcode === 0x68 || opcode === 0x6a || opcode === 0x63) return FlagEffect.passes; // PUSH imm, MOVSXD
  if (opcode === 0x69 || opcode === 0x6b) return FlagEffect.replaces; // IMUL
  if (opcode >= 0x80 && opcode <= 0x83) return replacesUnlessCarry(extension);
  if (opcode === 0x84 || opcode === 0x85) return FlagEffect.replaces; // TEST
  if (opcode >= 0x86 && opcode <= 0x8b) return FlagEffect.passes; // XCHG, MOV
  if (opcode === 0x8d || (opcode >= 0x90 && opcode <= 0x99)) return FlagEffect.passes; // LEA, XCHG, CDQE, CDQ
  if (opcode === 0xa8 || opcode === 0xa9) return FlagEffect.replaces; // TEST
  if (opcode >= 0xb0 && opcode <= 0xbf) return FlagEffect.passes; // MOV
  if (opcode === 0xc0 || opcode === 0xc1) return shiftEffect(extension, bytes[at + insn.immOffset]! & 31);
  if (opcode >= 0xd0 && opcode <= 0xd3) return shiftEffect(extension, opcode < 0xd2 ? 1 : 0);
  if (opcode === 0xc6 || opcode === 0xc7) return FlagEffect.passes; // MOV
  if (opcode === 0xc9) return FlagEffect.passes; // LEAVE
  if (opcode === 0xf6 || opcode === 0xf7) return extension === 2 ? FlagEffect.passes : FlagEffect.replaces; // NOT; TEST, NEG, MUL, DIV
  // INC and DEC leave the carry flag alone; PUSH.
  if (opcode === 0xfe || opcode === 0xff)
    return extension < 2 || extension === 6 ? FlagEffect.passes : FlagEffect.reads;
  return FlagEffect.reads;
}

/** Of ADD, OR, ADC, SBB, AND, SUB, XOR and CMP, two read the carry flag. */
function replacesUnlessCarry(operation: number): FlagEffect {
  return operation === 2 || operation === 3 ? FlagEffect.reads : FlagEffect.replaces;
}

/**
 * ROL and ROR change two flags, RCL and RCR read one; SHL, SHR and SAR replace all, unless they shift by nothing.
 * @param count by how much at least
 */
function shiftEffect(extension: number, count: number): FlagEffect {
  if (extension < 2) return FlagEffect.passes;
  if (extension < 4) return FlagEffect.reads;
  return count > 0 ? FlagEffect.replaces : FlagEffect.passes;
}

function twoByteEffect({ opcode }: Instruction): FlagEffect {
  if (opcode === 0xaf) return FlagEffect.replaces; // IMUL
  if ((opcode & 0xf6) === 0xb6) return FlagEffect.passes; // MOVZX, MOVSX
  if (opcode === 0x1f) return FlagEffect.passes; // NOP
  // Moves and arithmetic of SSE: 10 … 17 and 28 … 2d, 51 … 76, 7e, 7f, d0 … fe. COMISS (2f) and UCOMISS (2e) are not.
  if ((opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2d)) return FlagEffect.passes;
  if ((opcode >= 0x51 && opcode <= 0x76) || opcode === 0x7e || opcode === 0x7f) return FlagEffect.passes;
  return opcode >= 0xd0 && opcode <= 0xfe ? FlagEffect.passes : FlagEffect.reads;
}
