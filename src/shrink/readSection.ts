/**
 * Reads a section as instructions. It is understood if it decodes from its first byte to its last, each relocation
 * covers exactly the displacement or the immediate of an instruction, and each branch without one leads to the
 * start of an instruction. References that go through tables are rewritten first, as `relocate` would do it, so that
 * what is looked at is what will run.
 */

import { STT_GNU_IFUNC } from '../elf/constants.ts';
import type { Pieces } from '../pieces.ts';
import { locate, type Program, Target } from '../program.ts';
import { Rewrite, type Synthesis } from '../results.ts';
import { clearsUpperHalves, isCalculation } from '../x86/calculate.ts';
import { createInstruction, decode, Encoding, Flow, type Instruction, Prefix } from '../x86/decode.ts';
import { isRelative, signed } from '../x86/exits.ts';
import { flagEffectOf } from '../x86/flags.ts';
import { registerEffectOf } from '../x86/registers.ts';
import { applyGotRelaxation, type GotRelaxation, isAbsolute } from '../x86/relax.ts';
import {
  Calculation,
  calculationOf,
  fieldSize,
  R_X86_64_32S,
  R_X86_64_PC32,
  R_X86_64_PLT32,
  R_X86_64_TPOFF32,
} from '../x86/relocations.ts';
import { beginsWithReturnAddress } from '../x86/returnAddress.ts';
import { applyTlsRelaxation, type TlsRelaxation } from '../x86/tls.ts';
import { type Code, Feature, type Fields, Mark, NO_TARGET } from './code.ts';
import { Refusal } from './refusal.ts';
import { isLoose } from './rewriteInstructions.ts';

export class SectionReader {
  readonly #program: Program;
  readonly #pieces: Pieces;
  readonly #synthesis: Synthesis;
  readonly #code: Code;
  readonly #fields: Fields;
  readonly #readsEffects: boolean;
  readonly #insn: Instruction = createInstruction();
  readonly #target = new Target();
  /**
   * The function of libgcc that gets a function with -fsplit-stack more stack: it calls what stands one byte behind its
   * return address.
   */
  readonly #moreStack: number | undefined;
  #id = -1;
  /** Whether LOCK counts as an instruction of its own. */
  #splitsLocks = false;
  /** The next field, while instructions are read. */
  #next = 0;

  /**
   * @param readsEffects whether to find what instructions do to registers and flags, and which may have another form,
   *   or only where they lead and what has to do with the stack
   */
  constructor(
    program: Program,
    pieces: Pieces,
    synthesis: Synthesis,
    code: Code,
    fields: Fields,
    readsEffects: boolean,
  ) {
    this.#readsEffects = readsEffects;
    this.#program = program;
    this.#pieces = pieces;
    this.#synthesis = synthesis;
    this.#code = code;
    this.#fields = fields;
    const moreStack = program.symbols.names.find('__morestack');
    if (moreStack >= 0) this.#moreStack = moreStack;
  }

  /** Reads a section into the tables. */
  read(id: number): Refusal {
    this.#id = id;
    const size = this.#pieces.size[id]!;
    const code = this.#code;
    code.reset(size);
    code.bytes.set(this.#pieces.contentOf(id) ?? this.#program.borrowBytes(id));
    if (hasSignalReturn(code.bytes, size)) return Refusal.signalReturn;
    this.#splitsLocks = false;
    const refusal = this.#readFields() || this.#readInstructions() || this.#findTargets();
    if (refusal !== Refusal.strayBranch) return refusal;
    // C libraries jump over the LOCK prefix of an instruction while there is only one thread.
    this.#splitsLocks = true;
    code.reset(size);
    return this.#readInstructions() || this.#findTargets();
  }

  /** Lists the relocations that are left when references through tables are rewritten. */
  #readFields(): Refusal {
    const { sections, relocations } = this.#program;
    const fields = this.#fields;
    const first = sections.firstRelocation[this.#id]!;
    const end = first + sections.relocationCount[this.#id]!;
    fields.reset(end - first);
    for (let row = first; row < end; row++) {
      const offset = relocations.offset[row]!;
      if (offset >= this.#code.size) continue;
      if (calculationOf[relocations.type[row]!] === Calculation.none) continue;
      const addend = relocations.addend[row]!;
      if (relocations.addendHigh(row) !== addend >> 31) return Refusal.wideAddend;
      const rewrite = this.#synthesis.rewrites[row]!;
      if (rewrite === Rewrite.consumed) continue;
      if (rewrite !== Rewrite.none) this.#addRewritten(offset, relocations.symbol[row]!, rewrite);
      else fields.add(offset, relocations.type[row]!, relocations.symbol[row]!, addend);
    }
    fields.sort();
    return Refusal.none;
  }

  #addRewritten(offset: number, symbol: number, rewrite: number): void {
    const { bytes } = this.#code;
    if ((rewrite & Rewrite.tls) !== 0) {
      const field = applyTlsRelaxation(bytes, offset, (rewrite & Rewrite.gotMask) as TlsRelaxation);
      if (field >= 0) this.#fields.add(field, R_X86_64_TPOFF32, symbol, 0);
      return;
    }
    const relaxation = (rewrite & Rewrite.gotMask) as GotRelaxation;
    applyGotRelaxation(bytes, offset, relaxation, (rewrite & Rewrite.rex) !== 0);
    if (isAbsolute(relaxation)) this.#fields.add(offset, R_X86_64_32S, symbol, 0);
    else this.#fields.add(offset, R_X86_64_PC32, symbol, -4);
  }

  #readInstructions(): Refusal {
    const { bytes, size } = this.#code;
    const insn = this.#insn;
    this.#next = 0;
    for (let at = 0; at < size; at += insn.length) {
      if (decode(bytes, at, size, insn) === 0) return Refusal.undecodable;
      if (this.#splitsLocks && bytes[at] === LOCK && insn.length > 1) {
        this.#code.add(at, 1, Flow.none, NO_TARGET);
        this.#code.flagEffect[this.#code.count - 1] = 0;
        this.#code.registerEffect[this.#code.count - 1] = 0;
        this.#code.features[this.#code.count - 1] = 0;
        if (decode(bytes, ++at, size, insn) === 0) return Refusal.undecodable;
      }
      const refusal = this.#readInstruction(at);
      if (refusal) return refusal;
    }
    return this.#next < this.#fields.count ? Refusal.uncoveredRelocation : Refusal.none;
  }

  /** Adds the instruction at an offset; `target` is an offset for now. */
  #readInstruction(at: number): Refusal {
    const fields = this.#fields;
    const insn = this.#insn;
    const { count } = this.#code;
    const firstField = this.#next;
    const end = at + insn.length;
    const isBranch = isRelative(insn.flow);
    // Which offset a branch or a displacement without relocation leads to.
    let target = isBranch ? end + this.#signed(at + insn.immOffset, insn.immSize) : NO_TARGET;
    let isOwn = isBranch || insn.ripRelative;
    if (insn.ripRelative) target = end + this.#signed(at + insn.dispOffset, 4);
    for (; this.#next < fields.count && fields.offset[this.#next]! < end; this.#next++) {
      const f = this.#next;
      const within = fields.offset[f]! - at;
      if (!isOperand(insn, within, fieldSize[fields.type[f]!]!)) return Refusal.uncoveredRelocation;
      fields.insn[f] = count;
      fields.within[f] = within;
      if (within !== (isBranch ? insn.immOffset : insn.dispOffset) || !(isBranch || insn.ripRelative))
        continue;
      if (isBranch && fields.symbol[f] === this.#moreStack) return Refusal.returnAddress;
      isOwn = this.#leadsBack(f);
      if (!isOwn) {
        target = NO_TARGET;
        continue;
      }
      fields.gone[f] = 1;
      // References speak of the input, even where the section has been rewritten since.
      target = this.#pieces.resolve(this.#id, this.#target.low + fields.addend[f]! + insn.length - within);
    }
    if (isBranch && isResized(insn)) return Refusal.prefixedBranch;
    const code = this.#code;
    code.add(at, insn.length, insn.flow, isOwn ? target : NO_TARGET);
    code.hasField[count] = this.#next > firstField ? 1 : 0;
    code.features[count] = stackFeatures(code.bytes, at, insn);
    if (this.#readsEffects) readEffects(code, count, insn);
    if (this.#splitsLocks && at > 0 && code.bytes[at - 1] === LOCK) code.features[count]! |= Feature.locked;
    if (!isOwn) return Refusal.none;
    // The distance may have no room for a target outside; NO_TARGET would be mistaken for none.
    if (target < 0 || target > this.#code.size) return Refusal.strayBranch;
    if (insn.ripRelative && !isLea(insn)) return Refusal.readsItself;
    return Refusal.none;
  }

  /** Whether a relative field refers to the section that it lies in; leaves the place in `#target`. */
  #leadsBack(f: number): boolean {
    const { type, symbol } = this.#fields;
    if (type[f] !== R_X86_64_PC32 && type[f] !== R_X86_64_PLT32) return false;
    locate(this.#program, symbol[f]!, this.#target);
    return this.#target.section === this.#id && this.#target.type !== STT_GNU_IFUNC;
  }

  /** Makes numbers of instructions of the offsets that branches lead to, and marks those. */
  #findTargets(): Refusal {
    const { count, target, insnAt, marks, size, flow, bytes } = this.#code;
    const keepsEven = this.#pieces.alignment[this.#id]! > 1;
    insnAt[size] = count;
    marks[count] = 0;
    for (let i = 0; i < count; i++) {
      const offset = target[i]!;
      if (offset === NO_TARGET) continue;
      const t = insnAt[offset]!;
      if (t < 0) return Refusal.strayBranch;
      target[i] = t;
      if (flow[i] === Flow.callRel && beginsWithReturnAddress(bytes, offset, size))
        return Refusal.returnAddress;
      const isJump = flow[i] === Flow.jmpRel || flow[i] === Flow.jccRel;
      marks[t]! |= isJump ? Mark.target : Mark.target | Mark.start;
      // An assembler leaves no relocation where a function's address is taken in its own section.
      if (flow[i] === Flow.none && keepsEven && offset % 2 === 0) marks[t]! |= Mark.even;
    }
    return Refusal.none;
  }

  #signed(at: number, size: number): number {
    return signed(this.#code.bytes, at, size);
  }
}

/** Finds what instruction `i` does to registers and flags. */
function readEffects(
  { bytes, at, hasField, features, flagEffect, registerEffect }: Code,
  i: number,
  insn: Instruction,
): void {
  const start = at[i]!;
  flagEffect[i] = flagEffectOf(bytes, start, insn);
  registerEffect[i] = registerEffectOf(bytes, start, insn);
  if (isLoose(bytes, start, insn)) features[i]! |= Feature.loose;
  if (clearsUpperHalves(bytes, start, insn)) features[i]! |= Feature.clearsUpper;
  if (isCalculation(bytes, start, insn) && hasField[i] === 0) features[i]! |= Feature.calculation;
}

/** Whether a field is just the displacement or the immediate of an instruction. */
function isOperand(insn: Instruction, within: number, size: number): boolean {
  if (within === insn.dispOffset) return size === insn.dispSize;
  return within === insn.immOffset && size === insn.immSize;
}

/** Whether a branch has prefixes beyond those that mean nothing to it: hints, BND, and addr32 where no rcx is counted. */
function isResized({ prefixes, rex, flow }: Instruction): boolean {
  const resizing = Prefix.operandSize | Prefix.lock | (flow === Flow.jccRel ? Prefix.addressSize : 0);
  return (prefixes & resizing) !== 0 || rex !== 0;
}

function isLea({ encoding, map, opcode, prefixes }: Instruction): boolean {
  return encoding === Encoding.legacy && map === 0 && opcode === 0x8d && prefixes === 0;
}

/** What an instruction has to do with the stack, as bits of `Feature`. */
function stackFeatures(bytes: Uint8Array, at: number, insn: Instruction): number {
  let features = isBelowStack(bytes, at, insn) ? Feature.belowStack : 0;
  if (isBelowFrame(bytes, at, insn)) features |= Feature.belowFrame;
  if (setsFrame(bytes, at, insn)) features |= Feature.setsFrame;
  if (endsFrame(bytes, at, insn)) features |= Feature.endsFrame;
  return features;
}

/** Whether a memory operand is [rsp - x] without an index: in the red zone (psABI, 3.2.2). */
function isBelowStack(
  bytes: Uint8Array,
  at: number,
  { modrmOffset, dispOffset, dispSize }: Instruction,
): boolean {
  if (modrmOffset < 0 || dispOffset < 0) return false;
  const modrm = bytes[at + modrmOffset]!;
  if ((modrm & 7) !== 4 || modrm >= 0xc0) return false;
  return (bytes[at + modrmOffset + 1]! & 7) === 4 && (bytes[at + dispOffset + dispSize - 1]! & 0x80) !== 0;
}

/** Whether a memory operand is [rbp - x]. */
function isBelowFrame(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  const { modrmOffset, dispOffset, dispSize, rex } = insn;
  if (modrmOffset < 0 || dispOffset < 0 || (rex & 1) !== 0) return false;
  const modrm = bytes[at + modrmOffset]!;
  if (modrm >= 0xc0 || modrm < 0x40) return false;
  const base = (modrm & 7) === 4 ? bytes[at + modrmOffset + 1]! & 7 : modrm & 7;
  return base === 5 && (bytes[at + dispOffset + dispSize - 1]! & 0x80) !== 0;
}

/** Whether an instruction is MOV rbp, rsp, in either encoding. */
function setsFrame(bytes: Uint8Array, at: number, { length }: Instruction): boolean {
  if (length !== 3 || bytes[at] !== 0x48) return false;
  return (
    (bytes[at + 1] === 0x89 && bytes[at + 2] === 0xe5) || (bytes[at + 1] === 0x8b && bytes[at + 2] === 0xec)
  );
}

/** Whether an instruction takes rsp from rbp: LEAVE, LEA with a displacement, or MOV in either encoding. */
function endsFrame(bytes: Uint8Array, at: number, { length }: Instruction): boolean {
  if (length === 1) return bytes[at] === 0xc9;
  if (bytes[at] !== 0x48) return false;
  const modrm = bytes[at + 2];
  switch (bytes[at + 1]) {
    case 0x8d:
      return modrm === 0x65 || modrm === 0xa5;
    case 0x89:
      return modrm === 0xec;
    default:
      return bytes[at + 1] === 0x8b && modrm === 0xe5;
  }
}

const LOCK = 0xf0;

/** mov $__NR_rt_sigreturn, %rax; syscall */
const SIGNAL_RETURN = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];

/**
 * Whether code returns from a signal handler as unwinders expect it: they know such a frame by these bytes where it has
 * no unwind table (libgcc, config/i386/linux-unwind.h, x86_64_fallback_frame_state).
 */
function hasSignalReturn(bytes: Uint8Array, size: number): boolean {
  for (let at = bytes.indexOf(0xc7); at > 0 && at < size; at = bytes.indexOf(0xc7, at + 1)) {
    if (SIGNAL_RETURN.every((byte, k) => bytes[at - 1 + k] === byte)) return true;
  }
  return false;
}
