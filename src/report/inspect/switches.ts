/**
 * Reads jumps through the tables that this linker makes: an entry of a byte or a word is added to the address of the
 * label that comes first.
 *
 *     movzbl table(%rax), %eax; add $base, %eax; jmp *%rax
 *     mov $table, %edx; movzbl (%rdx,%rax), %eax; lea base(%rax), %eax; jmp *%rax
 */
import { createInstruction, decode, Flow, type Instruction } from '../../x86/decode.ts';
import { signed } from '../../x86/exits.ts';

/** A table of labels. */
export interface SwitchTable {
  /** Addresses of the table and of the label that its entries count from. */
  readonly table: number;
  readonly base: number;
  /** Bytes of an entry: 1 or 2. */
  readonly size: number;
}

const NONE = -1;

const insn = createInstruction();

/** @param path file offsets of the instructions that lead to a jump by a register, which is the last one */
export function readSwitch(bytes: Uint8Array, path: readonly number[]): SwitchTable | undefined {
  const jump = path.at(-1)!;
  const modrm = read(bytes, jump);
  // JMP r64
  if (insn.flow !== Flow.indirectJmp || (modrm & 0xf8) !== 0xe0) return undefined;
  let wanted = (modrm & 7) | ((insn.rex & 1) << 3);
  let base = NONE;
  let size = 0;
  for (let k = path.length - 2; k >= 0; k--) {
    const at = path[k]!;
    const operand = read(bytes, at);
    if (size > 0) {
      if (loads(wanted)) return { table: signed(bytes, at + insn.immOffset, 4), base, size };
    } else if (base !== NONE) {
      size = entrySize(wanted, operand);
      if (size === 0) continue;
      if (insn.dispSize === 4) return { table: signed(bytes, at + insn.dispOffset, 4), base, size };
      wanted = (bytes[at + insn.modrmOffset + 1]! & 7) | ((insn.rex & 1) << 3);
    } else {
      base = addedTo(bytes, at, wanted, operand);
      if (base !== NONE && operand >= 0) wanted = (operand & 7) | ((insn.rex & 1) << 3);
    }
  }
  return undefined;
}

/** Decodes an instruction. @returns its ModRM, or -1 */
function read(bytes: Uint8Array, at: number): number {
  decode(bytes, at, bytes.length, insn);
  return insn.modrmOffset < 0 ? NONE : bytes[at + insn.modrmOffset]!;
}

/** The number that ADD eax, imm32 or LEA r32, [r64+disp32] adds, or -1. */
function addedTo(bytes: Uint8Array, at: number, register: number, modrm: number): number {
  if (insn.map !== 0) return NONE;
  if (insn.opcode === 0x05) return register === 0 ? signed(bytes, at + insn.immOffset, 4) : NONE;
  const isLea = insn.opcode === 0x8d && modrm >> 6 === 2 && regOf(insn, modrm) === register;
  return isLea ? signed(bytes, at + insn.dispOffset, 4) : NONE;
}

/** Bytes that MOVZX r32, r/m8 or r/m16 reads from memory, or 0. */
function entrySize(register: number, modrm: number): number {
  const isRead = insn.map === 1 && (insn.opcode & 0xfe) === 0xb6 && modrm < 0xc0;
  return isRead && regOf(insn, modrm) === register ? insn.opcode - 0xb5 : 0;
}

/** Whether an instruction is MOV r32, imm32. */
function loads(register: number): boolean {
  const isLoad = insn.map === 0 && (insn.opcode & 0xf8) === 0xb8 && insn.immSize === 4;
  return isLoad && ((insn.opcode & 7) | ((insn.rex & 1) << 3)) === register;
}

function regOf({ rex }: Instruction, modrm: number): number {
  return ((modrm >> 3) & 7) | ((rex & 4) << 1);
}
