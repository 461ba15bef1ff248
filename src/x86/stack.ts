/** What instructions have to do with the stack. Source: Intel SDM vol. 2, the operation of each instruction. */
import { Encoding, type Instruction } from './decode.ts';

export const StackUse = {
  none: 0,
  /** Its memory operand counts from rsp, which it does nothing else with. */
  operand: 1,
  /** Pushes, pops, or may read or write rsp in another way. */
  other: 2,
} as const;
export type StackUse = (typeof StackUse)[keyof typeof StackUse];

/** Number of rsp in ModRM and SIB. */
const RSP = 4;
const REX_R = 4;
const REX_B = 1;

/** @param at offset in `bytes` of the instruction that was decoded into `insn` */
export function stackUseOf(bytes: Uint8Array, at: number, insn: Instruction): StackUse {
  const { encoding, modrmOffset, rex } = insn;
  if (encoding === Encoding.evex || encoding === Encoding.xop) return StackUse.other;
  if (encoding === Encoding.vex && isGeneral(insn)) return StackUse.other;
  if (encoding === Encoding.legacy && changesStack(bytes, at, insn)) return StackUse.other;
  if (modrmOffset < 0) return StackUse.none;
  const modrm = bytes[at + modrmOffset]!;
  if (namesRegister(insn, modrm)) return StackUse.other;
  if (modrm >= 0xc0 || (modrm & 7) !== RSP) return StackUse.none;
  // VEX.B is inverted; what it stands for is not looked up: r12 counts as rsp, which costs nothing but a chance.
  const isBase = (bytes[at + modrmOffset + 1]! & 7) === RSP;
  if (encoding !== Encoding.legacy) return isBase ? StackUse.other : StackUse.none;
  return isBase && (rex & REX_B) === 0 ? StackUse.operand : StackUse.none;
}

/** Whether an instruction with VEX works on general registers: BMI1 and BMI2. */
function isGeneral({ map, opcode }: Instruction): boolean {
  return map === 2 ? opcode >= 0xf0 : map === 3 && opcode === 0xf0;
}

/** Whether an instruction pushes or pops, or moves rsp by itself. */
function changesStack(
  bytes: Uint8Array,
  at: number,
  { map, opcode, modrmOffset, rex }: Instruction,
): boolean {
  const extension = modrmOffset < 0 ? 0 : (bytes[at + modrmOffset]! >> 3) & 7;
  if (map === 1) return opcode === 0xa0 || opcode === 0xa1 || opcode === 0xa8 || opcode === 0xa9; // PUSH, POP fs, gs
  if (map !== 0) return false;
  if (opcode >= 0x50 && opcode <= 0x5f) return true; // PUSH, POP
  if (opcode >= 0x90 && opcode <= 0x97) return (opcode & 7) === RSP && (rex & REX_B) === 0; // XCHG rax, rsp
  if (opcode >= 0xb8 && opcode <= 0xbf) return (opcode & 7) === RSP && (rex & REX_B) === 0; // MOV rsp, imm
  switch (opcode) {
    case 0x68: // PUSH imm
    case 0x6a:
    case 0x8f: // POP r/m
    case 0x9c: // PUSHF
    case 0x9d: // POPF
    case 0xc8: // ENTER
    case 0xc9: // LEAVE
      return true;
    case 0xff:
      return extension === 6; // PUSH r/m
    default:
      return false;
  }
}

/**
 * Whether ModRM names rsp as a register, or ah, ch, xmm4 …, which have the same number. With VEX too, VMOVQ and VPINSRQ
 * take general registers; r12 and xmm12 count then.
 */
function namesRegister({ encoding, map, opcode, rex }: Instruction, modrm: number): boolean {
  const isRegister = modrm >= 0xc0 && (modrm & 7) === RSP && (rex & REX_B) === 0;
  if (isRegister) return true;
  const isField = ((modrm >> 3) & 7) === RSP && (rex & REX_R) === 0;
  return isField && !(encoding === Encoding.legacy && map === 0 && isExtended(opcode));
}

/** Whether ModRM.reg extends an opcode of the one-byte map. */
function isExtended(opcode: number): boolean {
  if (opcode >= 0x80 && opcode <= 0x83) return true; // ADD … CMP
  if ((opcode & 0xfc) === 0xd0 || (opcode & 0xfe) === 0xc0) return true; // ROL … SAR
  return (opcode & 0xf6) === 0xf6 || (opcode & 0xfe) === 0xc6; // TEST … IDIV, INC … JMP; MOV
}
