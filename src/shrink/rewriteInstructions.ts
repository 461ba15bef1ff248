/** Rewrites of single instructions that have the same effect wherever they stand. */

import type { Extent } from '../extent.ts';
import { createInstruction, decode, Encoding, type Instruction, Prefix } from '../x86/decode.ts';
import { R_X86_64_32, R_X86_64_PC32 } from '../x86/relocations.ts';
import type { Code, Fields } from './code.ts';

export class Rewriter {
  readonly #code: Code;
  readonly #fields: Fields;
  readonly #addresses: Extent | undefined;
  readonly #insn: Instruction = createInstruction();
  readonly #out = new Uint8Array(16);

  /** @param addresses undefined if none may be put into instructions */
  constructor(code: Code, fields: Fields, addresses: Extent | undefined) {
    this.#code = code;
    this.#fields = fields;
    this.#addresses = addresses;
  }

  /** Rewrites each instruction of the section that can be shorter. */
  rewriteAll(): void {
    const { count, at, bytes, size } = this.#code;
    const fields = this.#fields;
    let f = 0;
    for (let i = 0; i < count; i++) {
      while (f < fields.count && fields.insn[f]! < i) f++;
      decode(bytes, at[i]!, size, this.#insn);
      // What a field holds is not known: zeros are only what stands there until then.
      const hasField = f < fields.count && fields.insn[f] === i;
      if (hasField && fields.gone[f] === 0) this.#rewriteReference(i, f);
      else if (!hasField && isNop(bytes, at[i]!, this.#insn)) this.#code.newLength[i] = 0;
    }
  }

  #rewriteReference(i: number, f: number): void {
    const { bytes, at } = this.#code;
    const insn = this.#insn;
    if (insn.opcode === 0x8d && insn.map === 0 && insn.ripRelative) this.#loadImmediate(i, f);
    // addr32 CALL or JMP, which a reference through a table has become: the prefix does nothing.
    else if (bytes[at[i]!] === 0x67 && (insn.opcode === 0xe8 || insn.opcode === 0xe9) && insn.map === 0)
      this.#dropPrefix(i, f);
  }

  /**
   * LEA r64, [rip+x] → MOV r32, imm32. The address is below 2^31, so the upper half of the register is zero in both
   * cases (SDM vol. 1, 3.4.1.1); neither touches flags or memory. LEA r32 truncates, which changes nothing here.
   */
  #loadImmediate(i: number, f: number): void {
    const { type, symbol, addend, within } = this.#fields;
    const insn = this.#insn;
    if (insn.encoding !== Encoding.legacy || insn.prefixes !== 0 || type[f] !== R_X86_64_PC32) return;
    const value = addend[f]! + insn.length - within[f]!;
    if (!this.#addresses?.isLowAddress(symbol[f]!, value)) return;
    const modrm = this.#code.bytes[this.#code.at[i]! + insn.modrmOffset]!;
    const out = this.#out;
    let length = 0;
    if ((insn.rex & 4) !== 0) out[length++] = 0x41; // REX.B
    out[length++] = 0xb8 | ((modrm >> 3) & 7); // MOV r32, imm32
    within[f] = length;
    out.fill(0, length, length + 4);
    this.#code.replace(i, out, length + 4);
    type[f] = R_X86_64_32;
    addend[f] = value;
  }

  #dropPrefix(i: number, f: number): void {
    const { bytes, at, length } = this.#code;
    this.#code.replace(i, bytes.subarray(at[i]! + 1, at[i]! + length[i]!), length[i]! - 1);
    this.#fields.within[f]!--;
  }
}

/**
 * Whether an instruction does nothing: the NOPs that assemblers fill with (SDM vol. 2, "NOP", table 4-12, and what GNU
 * as made before those), and ENDBR64, which means something only where a process has asked for indirect branch
 * tracking; executables without a note that they support it never get it.
 */
function isNop(bytes: Uint8Array, start: number, insn: Instruction): boolean {
  if (insn.encoding !== Encoding.legacy) return false;
  if (insn.map === 1) {
    if (insn.opcode === 0x1f) return (bytes[start + insn.modrmOffset]! & 0x38) === 0; // 0f 1f /0
    return insn.opcode === 0x1e && bytes[start] === 0xf3 && bytes[start + insn.modrmOffset] === 0xfa; // ENDBR64
  }
  // 90 with REX.B exchanges r8 and rax, with f3 it is PAUSE.
  if (insn.map !== 0) return false;
  if (insn.opcode === 0x90) return (insn.rex & 1) === 0 && (insn.prefixes & Prefix.repeat) === 0;
  return insn.opcode === 0x8d && insn.prefixes === 0 && isIdleLea(bytes, start, insn);
}

/** LEA r64, [r64+0] with one and the same register. */
function isIdleLea(bytes: Uint8Array, start: number, insn: Instruction): boolean {
  const modrm = bytes[start + insn.modrmOffset]!;
  if ((insn.rex & 8) === 0 || modrm >= 0xc0 || insn.ripRelative || (modrm & 7) === 4 || modrm < 0x40)
    return false;
  const isSame = ((modrm >> 3) & 7) === (modrm & 7) && ((insn.rex & 4) !== 0) === ((insn.rex & 1) !== 0);
  for (let k = 0; k < insn.dispSize; k++) if (bytes[start + insn.dispOffset + k] !== 0) return false;
  return isSame;
}
