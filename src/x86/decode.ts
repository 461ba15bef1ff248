/**
 * Length decoder for x86-64 machine code in 64-bit mode: finds where an instruction ends and where its
 * displacement and immediate lie, and what it does to the flow of control. It names no mnemonics and decodes
 * no operands.
 *
 * Sources: Intel SDM vol. 2 chapter 2 (prefixes, ModRM, VEX, EVEX) and AMD APM vol. 3 chapter 1 (XOP,
 * 3DNow!).
 * APX (REX2, EVEX map 4 and the EVEX bits it took over) is declined.
 */

import {
  EVEX_MAPS,
  FLOW_PREFIXED,
  FLOW_SHIFT,
  Flow,
  GROUP_SHIFT,
  groupMember,
  HAS_MODRM,
  IMMEDIATE_SHIFT,
  Immediate,
  LEGACY_MAPS,
  LOCKABLE,
  MEMORY_SHIFT,
  MOD_IGNORED,
  NEEDS_SIB,
  NO_VVVV,
  type OpcodeMap,
  REGISTER_SHIFT,
  SUFFIXES_3DNOW,
  VEX_MAPS,
  XOP_MAPS,
} from './opcodes.ts';

export { Flow } from './opcodes.ts';

/** How the opcode map and the operand extensions are encoded. */
export const Encoding = { legacy: 0, vex: 1, evex: 2, xop: 3 } as const;

/** One of the values of {@link Encoding}. */
export type Encoding = (typeof Encoding)[keyof typeof Encoding];

/** Bits of {@link Instruction.prefixes}. */
export const Prefix = {
  /** 66 */
  operandSize: 1,
  /** 67 */
  addressSize: 2,
  /** F0 */
  lock: 4,
  /** F2 or F3 */
  repeat: 8,
  /** 26, 2E, 36, 3E, 64 or 65 */
  segment: 16,
} as const;

/**
 * Result slot, reused: one object per decoder user, every field overwritten by a successful {@link decode}.
 * Offsets and sizes are in bytes, offsets count from the first byte of the instruction.
 */
export interface Instruction {
  /** Bytes of the whole instruction, 1 to 15. */
  length: number;
  /** Legacy prefixes present, bits of {@link Prefix}. */
  prefixes: number;
  /** Bytes of legacy prefixes and REX; the escape bytes, the VEX, EVEX or XOP prefix or the opcode follow. */
  prefixLength: number;
  /** The effective REX prefix, at `prefixLength - 1`; 0 if there is none. */
  rex: number;
  /** Prefix that selects among instructions of one opcode, in VEX.pp's numbers: 0 none, 1 66, 2 F3, 3 F2. */
  mandatoryPrefix: number;
  encoding: Encoding;
  /** Opcode map: 0 one byte, 1 0F, 2 0F 38, 3 0F 3A; VEX and EVEX maps by mmmmm, XOP maps 8 to 10. */
  map: number;
  /** The opcode byte; for 3DNow! the 0F after the escape. */
  opcode: number;
  opcodeOffset: number;
  /** -1 if there is no ModRM byte. */
  modrmOffset: number;
  /** Displacement of the memory operand or absolute address of MOV moffs; -1 if there is none. */
  dispOffset: number;
  /** 0, 1, 4 or 8. */
  dispSize: number;
  /**
   * Immediate or relative branch target; -1 if there is none. A register number (is4) and a 3DNow! opcode
   * suffix are no immediates: they only count in the length.
   */
  immOffset: number;
  /** 0, 1, 2, 4 or 8; 3 for ENTER (Iw, Ib), 2 for EXTRQ and INSERTQ (Ib, Ib). */
  immSize: number;
  flow: Flow;
  /** The memory operand is relative to RIP (or EIP); its displacement counts from the instruction's end. */
  ripRelative: boolean;
}

/** Bytes an instruction may have at most, prefixes included (SDM vol. 2, 2.3.11). */
const MAX_LENGTH = 15;

const REX_W = 8;
const REX_R = 4;

/** Prefixes that may not stand before VEX, EVEX and XOP, nor may REX. */
const NOT_BEFORE_VEX = Prefix.operandSize | Prefix.lock | Prefix.repeat;

/** Returns a new result slot for {@link decode}. */
export function createInstruction(): Instruction {
  return {
    length: 0,
    prefixes: 0,
    prefixLength: 0,
    rex: 0,
    mandatoryPrefix: 0,
    encoding: Encoding.legacy,
    map: 0,
    opcode: 0,
    opcodeOffset: 0,
    modrmOffset: -1,
    dispOffset: -1,
    dispSize: 0,
    immOffset: -1,
    immSize: 0,
    flow: Flow.none,
    ripRelative: false,
  };
}

/**
 * Decodes the instruction that starts at `offset` and has to end at or before `end`.
 *
 * Returns its length in bytes with `out` filled in, or 0 with `out` unspecified if the bytes are no
 * instruction, are cut off by `end`, or are an extension the tables do not know.
 */
export function decode(bytes: Uint8Array, offset: number, end: number, out: Instruction): number {
  const limit = Math.min(end, offset + MAX_LENGTH);
  const encodingAt = readPrefixes(bytes, offset, limit, out);
  const opcodeAt = locateOpcode(bytes, encodingAt, limit, out);
  if (opcodeAt < 0 || opcodeAt >= limit) return 0;
  out.prefixLength = encodingAt - offset;
  out.opcodeOffset = opcodeAt - offset;
  out.opcode = bytes[opcodeAt]!;
  let descriptor = mapOf(out).get(out.opcode);
  if (descriptor === 0) return 0;

  clearOperands(out);
  let next = opcodeAt + 1;
  let isRegister = false;
  if (descriptor & HAS_MODRM) {
    if (next >= limit) return 0;
    const modrm = bytes[next]!;
    descriptor = resolveGroup(descriptor, modrm);
    isRegister = modrm >= 0xc0 || (descriptor & MOD_IGNORED) !== 0;
    out.modrmOffset = next - offset;
    next = isRegister ? next + 1 : readMemoryOperand(bytes, next, limit, offset, out);
  }
  if (!isDefined(bytes, offset, descriptor, isRegister, out)) return 0;
  next = readImmediate(bytes, next, limit, offset, descriptor, out);
  if (next > limit) return 0;
  out.flow = flowOf(descriptor, out.mandatoryPrefix);
  out.length = next - offset;
  return out.length;
}

/**
 * Reads legacy prefixes and REX from `at` and returns the position of the byte after them, which may be
 * `limit`. Of F2 and F3 the last one selects the instruction, and both win over 66. REX has an effect only
 * directly before the opcode, so any prefix after it cancels it.
 */
function readPrefixes(bytes: Uint8Array, at: number, limit: number, out: Instruction): number {
  let prefixes = 0;
  let rex = 0;
  let repeat = 0;
  for (; at < limit; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x40 && byte <= 0x4f) {
      rex = byte;
      continue;
    }
    const prefix = prefixBit(byte);
    if (prefix === 0) break;
    if (prefix === Prefix.repeat) repeat = byte === 0xf3 ? 2 : 3;
    prefixes |= prefix;
    rex = 0;
  }
  out.prefixes = prefixes;
  out.rex = rex;
  out.mandatoryPrefix = repeat || prefixes & Prefix.operandSize;
  return at;
}

/** Returns the {@link Prefix} bit of a legacy prefix byte, 0 for any other byte. */
export function prefixBit(byte: number): number {
  switch (byte) {
    case 0x66:
      return Prefix.operandSize;
    case 0x67:
      return Prefix.addressSize;
    case 0xf0:
      return Prefix.lock;
    case 0xf2:
    case 0xf3:
      return Prefix.repeat;
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
      return Prefix.segment;
    default:
      return 0;
  }
}

/**
 * Reads the escape bytes or the VEX, EVEX or XOP prefix at `at` into `encoding`, `map` and, where encoded
 * there, `mandatoryPrefix`. Returns the position of the opcode byte, which may lie at or past `limit`, or -1
 * if the encoding is undefined or cut off.
 */
function locateOpcode(bytes: Uint8Array, at: number, limit: number, out: Instruction): number {
  if (at >= limit) return -1;
  switch (bytes[at]!) {
    case 0x0f:
      return locateEscapedOpcode(bytes, at, limit, out);
    case 0xc4:
    case 0xc5:
    case 0x62:
      return locateVexOpcode(bytes, at, limit, out);
    case 0x8f:
      // POP r/m has ModRM.reg 0, so the same five bits are a map number of 8 or more only in XOP.
      if (at + 1 < limit && (bytes[at + 1]! & 0x1f) >= 8) return locateVexOpcode(bytes, at, limit, out);
  }
  out.encoding = Encoding.legacy;
  out.map = 0;
  return at;
}

/** {@link locateOpcode} for the legacy maps behind 0F. */
function locateEscapedOpcode(bytes: Uint8Array, at: number, limit: number, out: Instruction): number {
  if (at + 1 >= limit) return -1;
  out.encoding = Encoding.legacy;
  const second = bytes[at + 1]!;
  out.map = second === 0x38 ? 2 : second === 0x3a ? 3 : 1;
  return out.map === 1 ? at + 1 : at + 2;
}

/** {@link locateOpcode} for VEX (C4, C5), EVEX (62) and XOP (8F). */
function locateVexOpcode(bytes: Uint8Array, at: number, limit: number, out: Instruction): number {
  if (out.prefixes & NOT_BEFORE_VEX || out.rex !== 0 || at + 2 >= limit) return -1;
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  if (first === 0xc5) {
    out.encoding = Encoding.vex;
    out.map = 1;
    out.mandatoryPrefix = second & 3;
    return at + 2;
  }
  const third = bytes[at + 2]!;
  out.mandatoryPrefix = third & 3;
  if (first === 0x62) {
    out.encoding = Encoding.evex;
    out.map = second & 7;
    // A fixed 0 and a fixed 1; APX turned both into register number bits.
    return (second & 8) === 0 && (third & 4) !== 0 ? at + 4 : -1;
  }
  out.encoding = first === 0xc4 ? Encoding.vex : Encoding.xop;
  out.map = second & 0x1f;
  return out.map < (first === 0xc4 ? VEX_MAPS.length : 8 + XOP_MAPS.length) ? at + 3 : -1;
}

/** Returns the descriptors of the instruction's opcode map. */
function mapOf(out: Instruction): OpcodeMap {
  switch (out.encoding) {
    case Encoding.vex:
      return VEX_MAPS[out.map]!;
    case Encoding.evex:
      return EVEX_MAPS[out.map]!;
    case Encoding.xop:
      return XOP_MAPS[out.map - 8]!;
    default:
      return LEGACY_MAPS[out.map]!;
  }
}

/** Sets the fields that not every instruction has to "there is none". */
function clearOperands(out: Instruction): void {
  out.modrmOffset = -1;
  out.dispOffset = -1;
  out.dispSize = 0;
  out.immOffset = -1;
  out.immSize = 0;
  out.ripRelative = false;
}

/** Returns the descriptor of the group member that ModRM selects, or `descriptor` if it is no group. */
function resolveGroup(descriptor: number, modrm: number): number {
  if (descriptor >>> GROUP_SHIFT === 0) return descriptor;
  const member = groupMember(descriptor >>> GROUP_SHIFT, (modrm >> 3) & 7);
  if (member >>> GROUP_SHIFT === 0 || modrm < 0xc0) return member;
  return groupMember(member >>> GROUP_SHIFT, modrm & 7);
}

/**
 * Reads ModRM at `at`, its SIB byte and its displacement (SDM vol. 2, tables 2-2 and 2-3). Returns the
 * position after them, past `limit` if they are cut off. EVEX compresses disp8, which is still one byte.
 */
function readMemoryOperand(
  bytes: Uint8Array,
  at: number,
  limit: number,
  start: number,
  out: Instruction,
): number {
  const mod = bytes[at]! >> 6;
  let base = bytes[at]! & 7;
  const hasSib = base === 4;
  let next = at + 1;
  if (hasSib) {
    if (next >= limit) return limit + 1;
    base = bytes[next++]! & 7;
  }
  if (mod === 1) out.dispSize = 1;
  else if (mod === 2 || base === 5) out.dispSize = 4;
  out.ripRelative = mod === 0 && base === 5 && !hasSib;
  if (out.dispSize > 0) out.dispOffset = next - start;
  return next + out.dispSize;
}

/** Whether the form that the prefixes and ModRM select exists. `start` is the instruction's first byte. */
function isDefined(
  bytes: Uint8Array,
  start: number,
  descriptor: number,
  isRegister: boolean,
  out: Instruction,
): boolean {
  const shift = (isRegister ? REGISTER_SHIFT : MEMORY_SHIFT) + out.mandatoryPrefix;
  if (((descriptor >>> shift) & 1) === 0) return false;
  if (out.prefixes & Prefix.lock && (isRegister || !(descriptor & LOCKABLE))) return false;
  const modrm = out.modrmOffset < 0 ? 0 : bytes[start + out.modrmOffset]!;
  if (descriptor & NEEDS_SIB && (modrm & 7) !== 4) return false;
  if (descriptor & MOD_IGNORED && out.rex & REX_R && !isCr8(out.opcode, modrm)) return false;
  const encodingAt = start + out.prefixLength;
  if (out.encoding === Encoding.evex && !isEvexConsistent(bytes, encodingAt, isRegister)) return false;
  return !(descriptor & NO_VVVV) || isVvvvUnused(bytes, encodingAt, descriptor, out);
}

/** Whether MOV CR or DR with REX.R names CR8, the only control or debug register with a number above 7. */
function isCr8(opcode: number, modrm: number): boolean {
  return (opcode === 0x20 || opcode === 0x22) && (modrm & 0x38) === 0;
}

/** Whether the EVEX prefix at `at` combines vector length, rounding and zeroing as SDM vol. 2, 2.7 allows. */
function isEvexConsistent(bytes: Uint8Array, at: number, isRegister: boolean): boolean {
  const last = bytes[at + 3]!;
  const isRounding = isRegister && (last & 0x10) !== 0;
  const isLengthReserved = (last & 0x60) === 0x60 && !isRounding;
  const isZeroingUnmasked = (last & 0x87) === 0x80;
  return !isLengthReserved && !isZeroingUnmasked;
}

/**
 * Whether VEX.vvvv or EVEX.V'vvvv in the prefix at `at` is all ones, that is names no register. With VSIB
 * EVEX.V' extends the index register and is free.
 */
function isVvvvUnused(bytes: Uint8Array, at: number, descriptor: number, out: Instruction): boolean {
  const payload = bytes[at] === 0xc5 ? bytes[at + 1]! : bytes[at + 2]!;
  if ((payload & 0x78) !== 0x78) return false;
  return out.encoding !== Encoding.evex || (descriptor & NEEDS_SIB) !== 0 || (bytes[at + 3]! & 8) !== 0;
}

/**
 * Reads what follows the operand at `at`, see {@link Immediate}. Returns the position after it, past `limit`
 * if it is cut off or, in 3DNow!, is no opcode.
 */
function readImmediate(
  bytes: Uint8Array,
  at: number,
  limit: number,
  start: number,
  descriptor: number,
  out: Instruction,
): number {
  const kind = (descriptor >>> IMMEDIATE_SHIFT) & 15;
  switch (kind) {
    case Immediate.none:
      return at;
    case Immediate.moffs:
      out.dispOffset = at - start;
      out.dispSize = out.prefixes & Prefix.addressSize ? 4 : 8;
      return at + out.dispSize;
    case Immediate.register:
      return at + 1;
    case Immediate.suffix:
      return at < limit && SUFFIXES_3DNOW.has(bytes[at]!) ? at + 1 : limit + 1;
  }
  out.immSize = immediateSize(kind, out);
  if (out.immSize > 0) out.immOffset = at - start;
  return at + out.immSize;
}

/** Returns the bytes of an immediate of a kind of {@link Immediate} that is neither address nor suffix. */
function immediateSize(kind: number, out: Instruction): number {
  switch (kind) {
    case Immediate.byte:
      return 1;
    case Immediate.word:
      return 2;
    case Immediate.enter:
      return 3;
    case Immediate.operand:
      return is16Bit(out) ? 2 : 4;
    case Immediate.full:
      return out.rex & REX_W ? 8 : is16Bit(out) ? 2 : 4;
    case Immediate.bytePair:
      return out.mandatoryPrefix === 0 ? 0 : 2;
    default:
      return 4;
  }
}

/** Whether the operand size is 16 bits: 66 without REX.W, which outranks it. */
function is16Bit(out: Instruction): boolean {
  return (out.prefixes & Prefix.operandSize) !== 0 && (out.rex & REX_W) === 0;
}

/** Returns what the instruction of `descriptor` with this mandatory prefix does to the flow of control. */
function flowOf(descriptor: number, mandatoryPrefix: number): Flow {
  if (descriptor & FLOW_PREFIXED && mandatoryPrefix === 0) return Flow.none;
  return ((descriptor >>> FLOW_SHIFT) & 15) as Flow;
}

/** Whether an instruction is SYSCALL. */
export function isSystemCall({ flow, map, opcode }: Instruction): boolean {
  return flow === Flow.system && map === 1 && opcode === 0x05;
}
