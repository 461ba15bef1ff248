/**
 * Which status flags instructions read and write. Of those that are not listed it is assumed that they read all.
 * Source: Intel SDM vol. 2, the flags-affected paragraph of each instruction, and vol. 1, appendices A and B.
 */
import { Encoding, Flow, type Instruction, Prefix } from './decode.ts';

/** Bits for the status flags. */
export const Flag = { carry: 1, parity: 2, adjust: 4, zero: 8, sign: 16, overflow: 32 } as const;

export const ALL_FLAGS = 63;
/** A mask of flags that are written begins at this bit of what `flagEffectOf` returns. */
export const WRITTEN_SHIFT = 6;

const REX_W = 8;

const NOTHING = 0;
const READS_ALL = ALL_FLAGS;
const WRITES_ALL = ALL_FLAGS << WRITTEN_SHIFT;
const WRITES_CARRY = (Flag.carry | Flag.overflow) << WRITTEN_SHIFT;
const WRITES_BUT_CARRY = WRITES_ALL & ~(Flag.carry << WRITTEN_SHIFT);

/** Flags that the conditions read, by the low four bits of the opcode but for the last one, which negates. */
const CONDITIONS = [
  Flag.overflow,
  Flag.carry,
  Flag.zero,
  Flag.carry | Flag.zero,
  Flag.sign,
  Flag.parity,
  Flag.sign | Flag.overflow,
  Flag.zero | Flag.sign | Flag.overflow,
] as const;

/** Flags that a condition reads. @param condition low four bits of the opcode of Jcc, SETcc or CMOVcc */
export function flagsOfCondition(condition: number): number {
  return CONDITIONS[(condition >> 1) & 7]!;
}

/**
 * What an instruction that goes on with the next one does to the flags.
 * @param at offset in `bytes` of the instruction that was decoded into `insn`
 * @returns bits of `Flag` that it may read, and from `WRITTEN_SHIFT` on those that it writes or leaves undefined
 */
export function flagEffectOf(bytes: Uint8Array, at: number, insn: Instruction): number {
  if (insn.flow !== Flow.none) return READS_ALL;
  // Of the vector instructions a few write flags, and none that compilers use reads any: assume that all do.
  if (insn.encoding !== Encoding.legacy) return READS_ALL;
  if (insn.map === 0) return oneByteEffect(bytes, at, insn);
  return insn.map === 1 ? twoByteEffect(bytes, at, insn) : READS_ALL;
}

function oneByteEffect(bytes: Uint8Array, at: number, insn: Instruction): number {
  const { opcode } = insn;
  const extension = insn.modrmOffset < 0 ? 0 : (bytes[at + insn.modrmOffset]! >> 3) & 7;
  if (opcode < 0x40) return (opcode & 7) < 6 ? arithmeticEffect(opcode >> 3) : READS_ALL;
  if (opcode >= 0x80 && opcode <= 0x83) return arithmeticEffect(extension);
  if (opcode >= 0xb0 && opcode <= 0xbf) return NOTHING; // MOV
  if (opcode >= 0x50 && opcode <= 0x5f) return NOTHING; // PUSH, POP
  switch (opcode) {
    case 0x63: // MOVSXD
    case 0x68: // PUSH
    case 0x6a:
    case 0x86: // XCHG
    case 0x87:
    case 0x88: // MOV
    case 0x89:
    case 0x8a:
    case 0x8b:
    case 0x8d: // LEA
    case 0x98: // CDQE
    case 0x99: // CQO
    case 0xa4: // MOVS
    case 0xa5:
    case 0xaa: // STOS
    case 0xab:
    case 0xc6: // MOV
    case 0xc7:
    case 0xc9: // LEAVE
      return NOTHING;
    case 0x69: // IMUL
    case 0x6b:
    case 0x84: // TEST
    case 0x85:
    case 0xa8:
    case 0xa9:
      return WRITES_ALL;
    case 0xc0:
      return shiftEffect(extension, bytes[at + insn.immOffset]! & 31);
    case 0xc1:
      return shiftEffect(extension, bytes[at + insn.immOffset]! & ((insn.rex & REX_W) !== 0 ? 63 : 31));
    case 0xd0:
    case 0xd1:
      return shiftEffect(extension, 1);
    case 0xd2:
    case 0xd3:
      return shiftEffect(extension, 0);
    case 0xf6: // NOT; TEST, NEG, MUL, IMUL, DIV, IDIV
    case 0xf7:
      return extension === 2 ? NOTHING : WRITES_ALL;
    case 0xfe: // INC, DEC
      return extension < 2 ? WRITES_BUT_CARRY : READS_ALL;
    case 0xff: // INC, DEC, PUSH
      return extension < 2 ? WRITES_BUT_CARRY : extension === 6 ? NOTHING : READS_ALL;
    default:
      // NOP and XCHG; f3 90 is PAUSE.
      return opcode >= 0x90 && opcode <= 0x97 ? NOTHING : READS_ALL;
  }
}

/** ADD, OR, ADC, SBB, AND, SUB, XOR, CMP: two read the carry flag. */
function arithmeticEffect(operation: number): number {
  return operation === 2 || operation === 3 ? WRITES_ALL | Flag.carry : WRITES_ALL;
}

/**
 * ROL and ROR write two flags, RCL and RCR read one besides; SHL, SHR and SAR write all, unless they shift by nothing:
 * then the flags stay as they are, as if all were read.
 * @param count by how much at least
 */
function shiftEffect(extension: number, count: number): number {
  if (count === 0) return READS_ALL;
  const read = extension === 2 || extension === 3 ? Flag.carry : 0;
  return read | (extension < 4 ? WRITES_CARRY : WRITES_ALL);
}

function twoByteEffect(bytes: Uint8Array, at: number, insn: Instruction): number {
  const { opcode, prefixes } = insn;
  if ((opcode & 0xf0) === 0x40 || (opcode & 0xf0) === 0x90) return flagsOfCondition(opcode); // CMOVcc, SETcc
  if (opcode === 0xaf) return WRITES_ALL; // IMUL
  if ((opcode & 0xf6) === 0xb6) return NOTHING; // MOVZX, MOVSX
  if (opcode === 0x1f) return NOTHING; // NOP
  if (opcode === 0xb0 || opcode === 0xb1) return WRITES_ALL; // CMPXCHG
  if (opcode === 0xc0 || opcode === 0xc1) return WRITES_ALL; // XADD
  if (opcode === 0xa3 || opcode === 0xab || opcode === 0xb3 || opcode === 0xbb) return bitTest(); // BT, BTS, BTR, BTC
  if (opcode === 0xba) return ((bytes[at + insn.modrmOffset]! >> 3) & 7) >= 4 ? bitTest() : READS_ALL;
  if (opcode >= 0xc8 && opcode <= 0xcf) return NOTHING; // BSWAP
  if (opcode === 0x2e || opcode === 0x2f) return WRITES_ALL; // UCOMISS, COMISS
  // Moves and arithmetic of SSE.
  if ((opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2d)) return NOTHING;
  if ((opcode >= 0x51 && opcode <= 0x76) || opcode === 0x7e || opcode === 0x7f) return NOTHING;
  if (opcode === 0xc6 || opcode === 0xc2 || opcode === 0xc4 || opcode === 0xc5) return NOTHING;
  return opcode >= 0xd0 && opcode <= 0xfe && (prefixes & Prefix.lock) === 0 ? NOTHING : READS_ALL;
}

/** BT and its kin write the carry flag and leave the zero flag alone; the others are undefined. */
function bitTest(): number {
  return WRITES_ALL & ~(Flag.zero << WRITTEN_SHIFT);
}
