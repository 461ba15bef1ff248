/** Tells jumps that are as those of switches from others through registers and memory. */
import { createInstruction, decode, Encoding, Flow } from '../../x86/decode.ts';
import { UNKNOWN, WRITTEN_REGISTERS_SHIFT } from '../../x86/registers.ts';
import { distanceOf, tableBaseOf } from '../tableReads.ts';
import { Step, type WholeCode } from './wholeCode.ts';

const JMP = 4;
/** ModRM.rm of a SIB byte, and one with index * 8 and no base. */
const SIB = 4;
const INDEXED = 0xc5;
const INDEX_MASK = 0xc7;
/** Instructions between the load of a distance and ADD. */
const MOST_BETWEEN = 8;

const insn = createInstruction();

/** Whether an instruction is JMP of an entry of eight bytes, [table+index*8]. */
export function jumpsThroughTable(code: WholeCode, i: number): boolean {
  const modrm = jumpOperand(code, i);
  if (modrm < 0 || modrm >= 0xc0 || (modrm & 0xc7) !== SIB) return false;
  return (code.bytesOf(i)[code.at[i]! + insn.modrmOffset + 1]! & INDEX_MASK) === INDEXED;
}

/**
 * Whether an instruction is JMP of a register that is the sum of an address and of the distance that was read from
 * [address+index*4].
 */
export function jumpsByDistance(code: WholeCode, i: number): boolean {
  const modrm = jumpOperand(code, i);
  if (modrm < 0xc0) return false;
  const sum = (modrm & 7) | ((insn.rex & 1) << 3);
  const other = addendOf(code, i - 1, sum);
  return other >= 0 && (readsDistance(code, i - 2, sum, other) || readsDistance(code, i - 2, other, sum));
}

/** ModRM of JMP r/m64, which `insn` is then, or -1. */
export function jumpOperand(code: WholeCode, i: number): number {
  const bytes = code.bytesOf(i);
  const at = code.at[i]!;
  decode(bytes, at, bytes.length, insn);
  if (insn.flow !== Flow.indirectJmp || insn.map !== 0 || insn.opcode !== 0xff) return -1;
  const modrm = bytes[at + insn.modrmOffset]!;
  return ((modrm >> 3) & 7) === JMP ? modrm : -1;
}

/** The register that an instruction adds to `register`, in 64 bits, or -1. */
function addendOf(code: WholeCode, i: number, register: number): number {
  if (i < 0 || code.step[i] !== Step.plain) return -1;
  const bytes = code.bytesOf(i);
  const at = code.at[i]!;
  decode(bytes, at, bytes.length, insn);
  const { encoding, map, opcode, rex, modrmOffset } = insn;
  const isAdd = encoding === Encoding.legacy && map === 0 && (opcode === 0x01 || opcode === 0x03);
  if (!isAdd || (rex & 8) === 0 || bytes[at + modrmOffset]! < 0xc0) return -1;
  const modrm = bytes[at + modrmOffset]!;
  const rm = (modrm & 7) | ((rex & 1) << 3);
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  if (opcode === 0x01) return rm === register ? reg : -1;
  return reg === register ? rm : -1;
}

/** Whether MOVSXD distance, [base+index*4] stands in front of an instruction, and nothing behind it that writes either. */
function readsDistance(code: WholeCode, last: number, distance: number, base: number): boolean {
  const mask = (1 << distance) | (1 << base);
  for (let i = last; i >= 0 && i > last - MOST_BETWEEN; i--) {
    if (code.step[i] !== Step.plain || code.effect[i] === UNKNOWN) return false;
    if (((code.effect[i]! >>> WRITTEN_REGISTERS_SHIFT) & mask) === 0) continue;
    const bytes = code.bytesOf(i);
    const at = code.at[i]!;
    decode(bytes, at, bytes.length, insn);
    return tableBaseOf(bytes, at, insn) === base && distanceOf(bytes, at, insn) === distance;
  }
  return false;
}
