/** Rewrites of single instructions: by what they refer to, and by what else is known of their place. */
import type { Extent } from '../extent.ts';
import { createInstruction, decode, Encoding, type Instruction, Prefix } from '../x86/decode.ts';
import { isRelative } from '../x86/exits.ts';
import { ALL_FLAGS, Flag } from '../x86/flags.ts';
import { Calculation, calculationOf, R_X86_64_32, R_X86_64_PC32 } from '../x86/relocations.ts';
import { createShortForm, Given, mayShorten, type ShortForm, shorten } from '../x86/shorten.ts';
import { type Code, Feature, type Fields } from './code.ts';
import { findLiveFlags } from './deadFlags.ts';

export class Rewriter {
  readonly #code: Code;
  readonly #fields: Fields;
  readonly #extent: Extent;
  readonly #given: number;
  readonly #insn: Instruction = createInstruction();
  readonly #short: ShortForm = createShortForm();
  readonly #out = new Uint8Array(16);
  #liveFlags = new Uint8Array(0);

  /** @param given bits of `Given` that hold everywhere */
  constructor(code: Code, fields: Fields, extent: Extent, given: number) {
    this.#code = code;
    this.#fields = fields;
    this.#extent = extent;
    this.#given = given;
  }

  /**
   * Rewrites each instruction of the section that can be shorter.
   * @param isTrusted whether the code keeps to the psABI as to flags
   * @returns the flags that are live before each instruction, as masks of `Flag`
   */
  rewriteAll(isTrusted: boolean): Uint8Array {
    const { count, at, bytes, size, features } = this.#code;
    const fields = this.#fields;
    if (this.#liveFlags.length <= count) this.#liveFlags = new Uint8Array(2 * count + 1);
    findLiveFlags(this.#code, isTrusted, this.#liveFlags);
    let f = 0;
    for (let i = 0; i < count; i++) {
      while (f < fields.count && fields.insn[f]! < i) f++;
      // A LOCK prefix that stands alone belongs to the next instruction, which must be one that can have it.
      if ((features[i]! & (Feature.loose | Feature.locked)) !== Feature.loose) continue;
      decode(bytes, at[i]!, size, this.#insn);
      // What a field holds is not known: zeros are only what stands there until then.
      const hasField = f < fields.count && fields.insn[f] === i;
      if (!hasField && isNop(bytes, at[i]!, this.#insn)) this.#code.newLength[i] = 0;
      else if (isRelative(this.#insn.flow)) {
        if (hasField && fields.gone[f] === 0) this.#dropPrefix(i, f);
      } else if (!hasField || fields.gone[f] === 1 || !this.#loadImmediate(i, f))
        this.#shorten(i, hasField ? f : -1);
    }
    return this.#liveFlags;
  }

  /** Takes the shortest form that the instruction has by itself. @param f its first field, or -1 */
  #shorten(i: number, f: number): void {
    const { bytes, at } = this.#code;
    const short = this.#short;
    const length = shorten(bytes, at[i]!, this.#insn, this.#givenFor(i, f), short);
    if (length === 0) return;
    const { dispOffset, ripRelative, length: oldLength } = this.#insn;
    const { count, insn, within, addend } = this.#fields;
    for (let field = f; field >= 0 && field < count && insn[field] === i; field++) {
      if (within[field] !== dispOffset) within[field] = short.immOffset;
      else {
        within[field] = short.dispOffset;
        // The distance counts from the instruction's end, the relocation from the field.
        if (ripRelative) addend[field]! += oldLength - dispOffset - (length - short.dispOffset);
      }
    }
    this.#code.replace(i, short.bytes, length);
  }

  /** What holds at an instruction, as bits of `Given`. */
  #givenFor(i: number, f: number): number {
    let given = this.#given;
    const dead = ~this.#liveFlags[i + 1]! & ALL_FLAGS;
    if (dead === ALL_FLAGS) given |= Given.flagsDead;
    if ((dead & (Flag.carry | Flag.adjust)) === (Flag.carry | Flag.adjust)) given |= Given.carryDead;
    if ((dead & Flag.sign) !== 0) given |= Given.signDead;
    if ((dead & Flag.parity) !== 0) given |= Given.parityDead;
    // Without relocation it is a distance within the section.
    if (this.#insn.ripRelative) given |= Given.fixedDisp;
    const { count, insn, within, type, symbol, addend } = this.#fields;
    for (let field = f; field >= 0 && field < count && insn[field] === i; field++) {
      if (within[field] === this.#insn.dispOffset) given |= Given.fixedDisp;
      else {
        given |= Given.fixedImm;
        const isAddress = calculationOf[type[field]!] === Calculation.absolute;
        if (isAddress && this.#extent.isLowAddress(symbol[field]!, addend[field]!))
          given |= Given.nonNegativeImm;
      }
    }
    return given;
  }

  /**
   * LEA r64, [rip+x] → MOV r32, imm32. The address is below 2^31, so the upper half of the register is zero in both
   * cases (SDM vol. 1, 3.4.1.1); neither touches flags or memory. LEA r32 truncates, which changes nothing here.
   * @returns whether it is such an instruction and was rewritten
   */
  #loadImmediate(i: number, f: number): boolean {
    const { type, symbol, addend, within } = this.#fields;
    const { encoding, map, opcode, ripRelative, prefixes, rex, modrmOffset, length: oldLength } = this.#insn;
    const isLea = encoding === Encoding.legacy && map === 0 && opcode === 0x8d && ripRelative;
    if (!isLea || prefixes !== 0 || type[f] !== R_X86_64_PC32) return false;
    const value = addend[f]! + oldLength - within[f]!;
    if (!this.#extent.isLowAddress(symbol[f]!, value)) return false;
    const modrm = this.#code.bytes[this.#code.at[i]! + modrmOffset]!;
    const out = this.#out;
    let length = 0;
    if ((rex & 4) !== 0) out[length++] = 0x41; // REX.B
    out[length++] = 0xb8 | ((modrm >> 3) & 7); // MOV r32, imm32
    within[f] = length;
    out.fill(0, length, length + 4);
    this.#code.replace(i, out, length + 4);
    type[f] = R_X86_64_32;
    addend[f] = value;
    return true;
  }

  /** addr32 CALL or JMP, which a reference through a table has become: the prefix does nothing. */
  #dropPrefix(i: number, f: number): void {
    const { bytes, at, length } = this.#code;
    const { opcode, map } = this.#insn;
    if (bytes[at[i]!] !== 0x67 || map !== 0 || (opcode !== 0xe8 && opcode !== 0xe9)) return;
    this.#code.replace(i, bytes.subarray(at[i]! + 1, at[i]! + length[i]!), length[i]! - 1);
    this.#fields.within[f]!--;
  }
}

/** Whether `Rewriter` may have something for an instruction: most are passed over at once. */
export function isLoose(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  if (isRelative(insn.flow)) return (insn.prefixes & Prefix.addressSize) !== 0;
  return (insn.map === 1 && insn.opcode === 0x1e) || mayShorten(bytes, at, insn); // ENDBR64
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
