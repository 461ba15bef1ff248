/**
 * Which general registers instructions read and write. Of those that are not listed it is assumed that they read and
 * write all. Source: Intel SDM vol. 2, the operand encoding and operation of each instruction, and vol. 1, 3.4.1.1 for
 * what becomes of the parts of a register that an operand does not name.
 */
import { Encoding, Flow, type Instruction, Prefix } from './decode.ts';
import { addressRegisters, byteRegister, isRegister, Register } from './effects.ts';

/** A mask of registers that are written begins at this bit of what `registerEffectOf` returns. */
export const WRITTEN_REGISTERS_SHIFT = 16;

/** rax, rcx and r11, which a system call overwrites (psABI, A.2.1). */
export const SYSTEM_CALL_WRITES = 0b1000_0000_0011;

/** A bit for each general register. */
export const ALL_REGISTERS = 0xffff;

/** What is assumed of instructions that are not listed. */
export const UNKNOWN = -1;

const RAX = 1 << Register.rax;
const RCX = 1 << Register.rcx;
const RDX = 1 << Register.rdx;
const RBX = 1 << Register.rbx;
const RSP = 1 << Register.rsp;
const RBP = 1 << Register.rbp;
const RSI = 1 << Register.rsi;
const RDI = 1 << Register.rdi;

/** What is done to the operands of an opcode, as bits. */
const Access = {
  /** The instruction is listed. */
  known: 1,
  /** The register in ModRM.reg. */
  regRead: 2,
  regWrite: 4,
  /** The register in ModRM.rm; of a memory operand only the registers of its address count. */
  rmRead: 8,
  rmWrite: 16,
  /** The register in the low bits of the opcode. */
  lowRead: 32,
  lowWrite: 64,
  /** Operands that are bytes. */
  byteReg: 128,
  byteRm: 256,
  /** 66 chooses among instructions and does not make the operands words. */
  vector: 512,
} as const;

const REG = Access.regRead | Access.regWrite;
const RM = Access.rmRead | Access.rmWrite;
const LOW = Access.lowRead | Access.lowWrite;
const BYTES = Access.byteReg | Access.byteRm;
const VECTOR = Access.vector;

/** `Access` by opcode, and the registers that are used without being named, as `registerEffectOf` returns them. */
class Listed {
  readonly access = new Uint16Array(256);
  readonly implicit = new Int32Array(256);

  /** Lists the opcodes from `first` to `last`. */
  add(first: number, last: number, access: number, reads = 0, writes = 0): void {
    for (let opcode = first; opcode <= last; opcode++) {
      this.access[opcode] = access | Access.known;
      this.implicit[opcode] = effect(reads, writes);
    }
  }

  /** Lists an opcode for bytes and the one after it for wider operands. */
  addPair(opcode: number, access: number, reads = 0, writes = 0): void {
    this.add(opcode, opcode, access | BYTES, reads, writes);
    this.add(opcode + 1, opcode + 1, access, reads, writes);
  }
}

const { rmRead, rmWrite, regRead, regWrite, lowRead, lowWrite } = Access;

function listOneByte(): Listed {
  const list = new Listed();
  for (let operation = 0; operation < 8; operation++) {
    const isCompare = operation === 7;
    list.addPair(operation << 3, regRead | rmRead | (isCompare ? 0 : rmWrite)); // ADD … CMP Ev, Gv
    list.addPair((operation << 3) | 2, regRead | rmRead | (isCompare ? 0 : regWrite)); // ADD … CMP Gv, Ev
    const rax = (operation << 3) | 4; // ADD … CMP rAX, Iz
    list.add(rax, rax + 1, 0, RAX, isCompare ? 0 : RAX);
  }
  list.add(0x50, 0x57, lowRead, RSP, RSP); // PUSH
  list.add(0x58, 0x5f, lowWrite, RSP, RSP); // POP
  list.add(0x63, 0x63, rmRead | regWrite); // MOVSXD
  list.add(0x68, 0x68, 0, RSP, RSP); // PUSH
  list.add(0x6a, 0x6a, 0, RSP, RSP);
  list.add(0x69, 0x69, rmRead | regWrite); // IMUL
  list.add(0x6b, 0x6b, rmRead | regWrite);
  list.addPair(0x84, rmRead | regRead); // TEST
  list.addPair(0x86, RM | REG); // XCHG
  list.addPair(0x88, rmWrite | regRead); // MOV
  list.addPair(0x8a, rmRead | regWrite);
  list.add(0x8d, 0x8d, regWrite); // LEA
  list.add(0x91, 0x97, LOW, RAX, RAX); // XCHG
  list.add(0x98, 0x98, 0, RAX, RAX); // CDQE
  list.addPair(0xa4, 0, RSI | RDI, RSI | RDI); // MOVS
  list.addPair(0xa6, 0, RSI | RDI, RSI | RDI); // CMPS
  list.add(0xa8, 0xa9, 0, RAX); // TEST
  list.addPair(0xaa, 0, RAX | RDI, RDI); // STOS
  list.addPair(0xac, 0, RAX | RSI, RAX | RSI); // LODS
  list.addPair(0xae, 0, RAX | RDI, RDI); // SCAS
  list.add(0xb0, 0xb7, lowWrite | BYTES); // MOV
  list.add(0xb8, 0xbf, lowWrite);
  list.addPair(0xc0, RM); // ROL … SAR
  list.add(0xc9, 0xc9, 0, RSP | RBP, RSP | RBP); // LEAVE
  list.addPair(0xd0, RM); // ROL … SAR
  list.addPair(0xd2, RM, RCX);
  list.add(0xd8, 0xdf, 0); // x87
  list.add(0xf5, 0xf5, 0); // CMC
  list.add(0xf8, 0xf9, 0); // CLC, STC
  list.add(0xfc, 0xfd, 0); // CLD, STD
  return list;
}

function listTwoByte(): Listed {
  const list = new Listed();
  list.add(0x10, 0x18, VECTOR); // moves of SSE; PREFETCH
  list.add(0x1f, 0x1f, 0); // NOP
  list.add(0x28, 0x2f, VECTOR); // moves, conversions and comparisons of SSE
  list.add(0x31, 0x31, 0, 0, RAX | RDX); // RDTSC
  list.add(0x40, 0x4f, rmRead | REG); // CMOVcc
  list.add(0x50, 0x50, regWrite | VECTOR); // MOVMSKPS
  list.add(0x51, 0x77, VECTOR); // arithmetic of SSE
  list.add(0x6e, 0x6e, rmRead | VECTOR); // MOVD
  list.add(0x7c, 0x7f, VECTOR);
  list.add(0x90, 0x9f, rmWrite | BYTES); // SETcc
  list.add(0xa2, 0xa2, 0, RAX | RCX, RAX | RBX | RCX | RDX); // CPUID
  list.add(0xa3, 0xa3, rmRead | regRead); // BT
  for (const opcode of [0xab, 0xb3, 0xbb]) list.add(opcode, opcode, RM | regRead); // BTS, BTR, BTC
  for (const opcode of [0xa4, 0xac]) {
    list.add(opcode, opcode, RM | regRead); // SHLD, SHRD
    list.add(opcode + 1, opcode + 1, RM | regRead, RCX);
  }
  list.add(0xaf, 0xaf, rmRead | REG); // IMUL
  list.addPair(0xb0, RM | regRead, RAX, RAX); // CMPXCHG
  for (const opcode of [0xb6, 0xbe]) {
    list.add(opcode, opcode, rmRead | regWrite | Access.byteRm); // MOVZX, MOVSX
    list.add(opcode + 1, opcode + 1, rmRead | regWrite);
  }
  list.add(0xb8, 0xb8, rmRead | regWrite); // POPCNT
  list.add(0xbc, 0xbd, rmRead | REG); // BSF, BSR
  list.addPair(0xc0, RM | REG); // XADD
  list.add(0xc2, 0xc2, VECTOR); // CMPPS
  list.add(0xc3, 0xc3, regRead); // MOVNTI
  list.add(0xc4, 0xc4, rmRead | VECTOR); // PINSRW
  list.add(0xc5, 0xc5, regWrite | VECTOR); // PEXTRW
  list.add(0xc6, 0xc6, VECTOR); // SHUFPS
  list.add(0xc8, 0xcf, LOW); // BSWAP
  list.add(0xd0, 0xfe, VECTOR); // arithmetic of SSE
  list.add(0xd7, 0xd7, regWrite | VECTOR); // PMOVMSKB
  list.add(0xf7, 0xf7, VECTOR, RDI); // MASKMOVQ
  return list;
}

const oneByte = listOneByte();
const twoByte = listTwoByte();

/**
 * What an instruction that goes on with the next one does to the general registers. A write that may not happen, or
 * leaves a part of the register as it was, counts as reading it too; one of 32 bits writes all of it.
 * @param at offset in `bytes` of the instruction that was decoded into `insn`
 * @returns a mask of those that it may read, and from `WRITTEN_REGISTERS_SHIFT` on of those that it may write
 */
export function registerEffectOf(bytes: Uint8Array, at: number, insn: Instruction): number {
  if (insn.flow !== Flow.none || insn.encoding !== Encoding.legacy || insn.map > 1) return UNKNOWN;
  const { opcode, map } = insn;
  const list = map === 0 ? oneByte : twoByte;
  const access = list.access[opcode]!;
  const extension = insn.modrmOffset < 0 ? 0 : (bytes[at + insn.modrmOffset]! >> 3) & 7;
  if (access === 0) return groupEffect(bytes, at, insn, extension);
  if (isClearing(bytes, at, insn)) return namedEffect(bytes, at, insn, rmWrite);
  const named = namedEffect(bytes, at, insn, map === 0 ? access : access | convertedAccess(insn));
  if (map === 0 && (insn.prefixes & Prefix.repeat) !== 0 && opcode >= 0xa4 && opcode <= 0xaf)
    return named | list.implicit[opcode]! | effect(RCX, RCX); // REP
  if (opcode === 0xdf && map === 0 && isRegister(bytes, at, insn)) return UNKNOWN; // FNSTSW AX
  return named | list.implicit[opcode]!;
}

/** SUB and XOR of a register with itself do not depend on what it holds. */
function isClearing(bytes: Uint8Array, at: number, { opcode, map, rex, modrmOffset }: Instruction): boolean {
  // 29 and 2B SUB, 31 and 33 XOR.
  if (map !== 0 || (opcode !== 0x29 && opcode !== 0x2b && opcode !== 0x31 && opcode !== 0x33)) return false;
  const modrm = bytes[at + modrmOffset]!;
  return modrm >= 0xc0 && ((modrm >> 3) & 7) === (modrm & 7) && ((rex >> 2) & 1) === (rex & 1);
}

/** Of some opcodes the mandatory prefix decides which operand is a general register. */
function convertedAccess({ opcode, mandatoryPrefix }: Instruction): number {
  const isScalar = mandatoryPrefix >= 2;
  if (opcode === 0x2a) return isScalar ? rmRead : 0; // CVTSI2SS, CVTPI2PS
  if (opcode === 0x2c || opcode === 0x2d) return isScalar ? regWrite : 0; // CVTSS2SI, CVTPS2PI
  return opcode === 0x7e && !isScalar ? rmWrite : 0; // MOVD, MOVQ
}

/** Opcodes of which ModRM.reg decides what they do, and NOP, CWD. */
function groupEffect(bytes: Uint8Array, at: number, insn: Instruction, extension: number): number {
  const { opcode, map } = insn;
  if (map === 1) return groupEffectOfMap1(bytes, at, insn, extension);
  const width = (opcode & 1) === 0 ? BYTES : 0;
  switch (opcode) {
    case 0x80: // ADD … CMP with an immediate
    case 0x81:
    case 0x83:
      return namedEffect(bytes, at, insn, (extension === 7 ? rmRead : RM) | width);
    case 0x8f: // POP
      return namedEffect(bytes, at, insn, rmWrite) | effect(RSP, RSP);
    case 0x90: // NOP; XCHG r8, rAX
      return (insn.rex & 1) === 0 ? 0 : namedEffect(bytes, at, insn, LOW) | effect(RAX, RAX);
    case 0x99: // CWD, CDQ, CQO
      return effect(RAX | (isWord(insn) ? RDX : 0), RDX);
    case 0xc6: // MOV
    case 0xc7:
      return extension === 0 ? namedEffect(bytes, at, insn, rmWrite | width) : UNKNOWN;
    case 0xf6:
    case 0xf7:
      return group3Effect(bytes, at, insn, extension, width);
    case 0xfe: // INC, DEC
    case 0xff:
      if (extension < 2) return namedEffect(bytes, at, insn, RM | width);
      return extension === 6 ? namedEffect(bytes, at, insn, rmRead) | effect(RSP, RSP) : UNKNOWN; // PUSH
    default:
      return UNKNOWN;
  }
}

/** TEST, TEST, NOT, NEG, MUL, IMUL, DIV, IDIV. */
function group3Effect(
  bytes: Uint8Array,
  at: number,
  insn: Instruction,
  extension: number,
  width: number,
): number {
  if (extension < 2) return namedEffect(bytes, at, insn, rmRead | width);
  if (extension < 4) return namedEffect(bytes, at, insn, RM | width);
  const operand = namedEffect(bytes, at, insn, rmRead | width);
  // Of bytes, both halves are in AX.
  if (width !== 0) return operand | effect(RAX, RAX);
  const isDivision = extension >= 6;
  return operand | effect(isDivision || isWord(insn) ? RAX | RDX : RAX, RAX | RDX);
}

function groupEffectOfMap1(bytes: Uint8Array, at: number, insn: Instruction, extension: number): number {
  const isMemory = insn.modrmOffset >= 0 && !isRegister(bytes, at, insn);
  switch (insn.opcode) {
    case 0x1e: // ENDBR64
      return insn.mandatoryPrefix === 2 && bytes[at + insn.modrmOffset] === 0xfa ? 0 : UNKNOWN;
    case 0xae: // FXSAVE, FXRSTOR, LDMXCSR, STMXCSR; LFENCE, MFENCE, SFENCE
      if (isMemory) return extension < 4 ? namedEffect(bytes, at, insn, 0) : UNKNOWN;
      return extension >= 5 && insn.mandatoryPrefix === 0 ? 0 : UNKNOWN;
    case 0xba: // BT, BTS, BTR, BTC
      return namedEffect(bytes, at, insn, extension === 4 ? rmRead : RM);
    case 0xc7: // CMPXCHG8B
      if (extension !== 1 || !isMemory) return UNKNOWN;
      return namedEffect(bytes, at, insn, 0) | effect(RAX | RBX | RCX | RDX, RAX | RDX);
    default:
      return UNKNOWN;
  }
}

/** What happens to the registers that an instruction names. @param access bits of `Access` */
function namedEffect(bytes: Uint8Array, at: number, insn: Instruction, access: number): number {
  const { opcode, rex, modrmOffset } = insn;
  const isPartial = (access & VECTOR) === 0 && isWord(insn);
  let reads = 0;
  let writes = 0;
  if ((access & LOW) !== 0) {
    const isByte = (access & Access.byteRm) !== 0;
    const number = (opcode & 7) | ((rex & 1) << 3);
    const register = isByte ? byteRegister(number, insn) : 1 << number;
    if ((access & lowWrite) !== 0) writes |= register;
    if ((access & lowRead) !== 0 || isByte || isPartial) reads |= register;
  }
  if (modrmOffset < 0) return effect(reads, writes);
  const modrm = bytes[at + modrmOffset]!;
  if ((access & REG) !== 0) {
    const isByte = (access & Access.byteReg) !== 0;
    const number = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    const register = isByte ? byteRegister(number, insn) : 1 << number;
    if ((access & regWrite) !== 0) writes |= register;
    if ((access & regRead) !== 0 || isByte || isPartial) reads |= register;
  }
  if (modrm < 0xc0) return effect(reads | addressRegisters(bytes, at, insn), writes);
  if ((access & RM) !== 0) {
    const isByte = (access & Access.byteRm) !== 0;
    const number = (modrm & 7) | ((rex & 1) << 3);
    const register = isByte ? byteRegister(number, insn) : 1 << number;
    if ((access & rmWrite) !== 0) writes |= register;
    if ((access & rmRead) !== 0 || isByte || isPartial) reads |= register;
  }
  return effect(reads, writes);
}

/** Whether operands have 16 bits: 66 without REX.W, which outranks it. */
function isWord({ prefixes, rex }: Instruction): boolean {
  return (prefixes & Prefix.operandSize) !== 0 && (rex & 8) === 0;
}

function effect(reads: number, writes: number): number {
  return reads | (writes << WRITTEN_REGISTERS_SHIFT);
}

/** Fields of an instruction, as bits. */
export const Field = {
  /** ModRM.reg */
  reg: 1,
  /** ModRM.rm, of an operand that is a register. */
  rm: 2,
  /** The low bits of the opcode. */
  low: 4,
} as const;

/**
 * @returns bits of `Field` for those that name general registers that count as theirs: addresses are not among them, nor
 * are AH, CH, DH and BH, which have the numbers of others
 */
export function registerFields(bytes: Uint8Array, at: number, insn: Instruction): number {
  const { opcode, map, modrmOffset, rex } = insn;
  if (insn.encoding !== Encoding.legacy || map > 1) return 0;
  const listed = (map === 0 ? oneByte : twoByte).access[opcode]!;
  const modrm = modrmOffset < 0 ? 0 : bytes[at + modrmOffset]!;
  const hasRegister = modrm >= 0xc0;
  const isHigh = (number: number) => rex === 0 && (number & 4) !== 0;
  // In groups, ModRM.reg is part of the opcode; even ones of the first map are of bytes.
  if (listed === 0) {
    const isByte = map === 0 && (opcode & 1) === 0;
    return hasRegister && !(isByte && isHigh(modrm)) ? Field.rm : 0;
  }
  const access = map === 0 ? listed : listed | convertedAccess(insn);
  const isByteReg = (access & Access.byteReg) !== 0 && isHigh(modrm >> 3);
  const isByteRm = (access & Access.byteRm) !== 0;
  const reg = (access & REG) !== 0 && !isByteReg ? Field.reg : 0;
  const rm = (access & RM) !== 0 && hasRegister && !(isByteRm && isHigh(modrm)) ? Field.rm : 0;
  return reg | rm | ((access & LOW) !== 0 && !(isByteRm && isHigh(opcode)) ? Field.low : 0);
}
