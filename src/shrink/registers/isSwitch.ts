/** Tells jumps through tables of the same function from others through registers and memory. */
import { createInstruction, decode, Encoding, Flow } from '../../x86/decode.ts';
import { Step, type WholeCode } from './wholeCode.ts';

const JMP = 4;
/** ModRM of [SIB] without displacement, with ModRM.reg of JMP, and a SIB byte with index * 8 and no base. */
const SIB_OPERAND = 0x24;
const INDEXED = 0xc5;
const INDEX_MASK = 0xc7;

const insn = createInstruction();

/**
 * Whether an instruction is JMP of an entry of eight bytes, [table+index*8], or of a register to which the instruction in
 * front of it adds another: the start of a table of distances.
 */
export function isSwitch(code: WholeCode, i: number): boolean {
  const bytes = code.bytesOf(i);
  const at = code.at[i]!;
  decode(bytes, at, bytes.length, insn);
  if (insn.flow !== Flow.indirectJmp || insn.map !== 0 || insn.opcode !== 0xff) return false;
  const modrm = bytes[at + insn.modrmOffset]!;
  if (((modrm >> 3) & 7) !== JMP) return false;
  if (modrm < 0xc0)
    return modrm === SIB_OPERAND && (bytes[at + insn.modrmOffset + 1]! & INDEX_MASK) === INDEXED;
  return addsTo(code, i - 1, (modrm & 7) | ((insn.rex & 1) << 3));
}

/** Whether an instruction is ADD of a register to `register`, in 64 bits. */
function addsTo(code: WholeCode, i: number, register: number): boolean {
  if (i < 0 || code.step[i] !== Step.plain) return false;
  const bytes = code.bytesOf(i);
  const at = code.at[i]!;
  decode(bytes, at, bytes.length, insn);
  const { encoding, map, opcode, rex, modrmOffset } = insn;
  const isAdd = encoding === Encoding.legacy && map === 0 && (opcode === 0x01 || opcode === 0x03);
  if (!isAdd || (rex & 8) === 0 || bytes[at + modrmOffset]! < 0xc0) return false;
  const modrm = bytes[at + modrmOffset]!;
  const target = opcode === 0x01 ? (modrm & 7) | ((rex & 1) << 3) : ((modrm >> 3) & 7) | ((rex & 4) << 1);
  return target === register;
}
