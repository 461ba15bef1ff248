/** Random instructions of the opcodes that have shorter forms, often with the operands for which they do. */
import fc from 'fast-check';
import { BUFFER_TARGET, CODE_END } from './oracle.ts';

/** Opcode bytes behind prefixes and REX, what follows them, and the mandatory prefix if there is one. */
interface Template {
  readonly opcode: readonly number[];
  readonly hasModrm: boolean;
  /** Bytes of the immediate; -1: 4, or 2 with 66; -2: that, or 8 with REX.W. */
  readonly immSize: number;
  readonly mandatory: number | undefined;
  /** ModRM.reg where it is part of the opcode. */
  readonly extensions: readonly number[] | undefined;
}

function template(
  opcode: readonly number[],
  immSize = 0,
  extensions?: readonly number[],
  mandatory?: number,
): Template {
  return { opcode, hasModrm: true, immSize, extensions, mandatory };
}

function plain(opcode: number, immSize = 0): Template {
  return { opcode: [opcode], hasModrm: false, immSize, extensions: undefined, mandatory: undefined };
}

const EIGHT = [0, 1, 2, 3, 4, 5, 6, 7];

const GENERAL: readonly Template[] = [
  template([0x80], 1, EIGHT), // group 1
  template([0x81], -1, EIGHT),
  template([0x81], -1, [1, 4, 6]),
  template([0x83], 1, EIGHT),
  ...EIGHT.map((operation) => plain((operation << 3) | 4, 1)), // ADD AL, Ib ..
  ...EIGHT.map((operation) => plain((operation << 3) | 5, -1)), // ADD rAX, Iz ..
  ...[0x01, 0x28, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b].map((opcode) => template([opcode])), // ADD, SUB, XOR, CMP
  template([0xf6], 1, [0]), // TEST Eb, Ib
  template([0xf7], -1, [0]), // TEST Ev, Iz
  plain(0xa8, 1), // TEST AL, Ib
  plain(0xa9, -1), // TEST rAX, Iz
  template([0xf6], 0, [2, 3, 4, 5]), // NOT, NEG, MUL, IMUL
  template([0xf7], 0, [2, 3, 4, 5]),
  template([0xc6], 1, [0]), // MOV Eb, Ib
  template([0xc7], -1, [0]), // MOV Ev, Iz
  ...EIGHT.map((register) => plain(0xb8 | register, -2)), // MOV r, Iv
  plain(0xb5, 1), // MOV r8, Ib
  ...EIGHT.map(() => template([0x8d])), // LEA, which has the most cases
  template([0x88]), // MOV
  template([0x89]),
  template([0x8a]),
  template([0x8b]),
  template([0x63]), // MOVSXD
  template([0x69], -1), // IMUL
  plain(0x68, -1), // PUSH Iz
  plain(0x6a, 1), // PUSH Ib
  ...[0x50, 0x53, 0x54, 0x57, 0x58, 0x5b, 0x5d].map((opcode) => plain(opcode)), // PUSH, POP
  template([0x8f], 0, [0]), // POP Ev
  template([0x86]), // XCHG
  template([0x87]),
  template([0xc0], 1, EIGHT), // ROL .. SAR
  template([0xc1], 1, EIGHT),
  template([0xfe], 0, [0, 1]), // INC, DEC
  template([0xff], 0, [0, 1, 2, 4, 6]), // INC, DEC, CALL, JMP, PUSH
  plain(0x90), // NOP
  plain(0xc3), // RET
  plain(0xc9), // LEAVE
  template([0x0f, 0x1f], 0, [0]), // NOP Ev
  template([0x0f, 0xb6]), // MOVZX
  template([0x0f, 0xb7]),
  template([0x0f, 0xbe]), // MOVSX
  template([0x0f, 0xbf]),
  template([0x0f, 0xba], 1, [4, 5, 6, 7]), // BT, BTS, BTR, BTC
  template([0x0f, 0x94]), // SETE
  template([0x0f, 0x44]), // CMOVE
  template([0x0f, 0xc0]), // XADD
];

const VECTOR_OF: readonly (readonly [number, readonly number[]])[] = [
  [
    0x66,
    [
      0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x2b, 0x54, 0x55, 0x56, 0x57, 0x6c, 0x6d,
      0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xdb, 0xdf, 0xe7, 0xeb, 0xef, 0xfe,
    ],
  ],
  [0xf3, [0x10, 0x11, 0x6f, 0x7e, 0x7f]],
  [0xf2, [0x10, 0x11, 0x12]],
];

const VECTOR: readonly Template[] = [
  ...VECTOR_OF.flatMap(([prefix, opcodes]) =>
    opcodes.map((opcode) => template([0x0f, opcode], 0, undefined, prefix)),
  ),
  template([0x0f, 0x70], 1, undefined, 0x66), // PSHUFD
  template([0x0f, 0x58]), // ADDPS
];

/** Immediates and displacements at which something changes. */
const EDGES = fc.oneof(
  fc.constantFrom(
    0,
    0,
    0,
    0,
    1,
    -1,
    2,
    127,
    128,
    -128,
    -129,
    255,
    256,
    -256,
    -257,
    65535,
    -65536,
    31,
    32,
    63,
  ),
  fc.nat(31).map((bit) => 1 << bit),
  fc.nat(31).map((bit) => ~(1 << bit)),
  fc.integer({ min: -128, max: 127 }),
  fc.integer(),
);

/** An instruction, and where its displacement counts from its end. */
const fields = fc.record({
  bits: fc.integer({ min: 0, max: 15 }),
  rex: fc.constantFrom(0, 0, 0, 0x40, 0x48, 0x48, -1),
  operandSize: fc.nat(4).map((n) => n === 0),
  prefixes: fc.nat(11).chain((n) => fc.constantFrom<number[]>(n === 0 ? [0xf0] : n === 1 ? [0x67] : [])),
  segment: fc.constantFrom<number[]>([], [], [], [], [], [], [], [0x2e], [0x3e], [0x65]),
  repeat: fc.constantFrom<number[]>([], [], [], [], [], [], [], [], [0xf2], [0xf3]),
  modrm: fc.nat(255),
  sib: fc.nat(255),
  isRegister: fc.boolean(),
  /** What SIB or ModRM.rm repeat: 1 ModRM.reg as base, 2 as index; 3 there is no index. */
  repetition: fc.constantFrom(0, 1, 2, 3, 4, 4, 4),
  hasSib: fc.nat(2).map((n) => n === 0),
  extension: fc.nat(7),
  disp: EDGES,
  imm: EDGES,
  high: fc.constantFrom(0, -1, 1),
});

type Fields = typeof fields extends fc.Arbitrary<infer T> ? T : never;

/** A legacy or VEX instruction. */
export const instructions: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...GENERAL) },
      { weight: 1, arbitrary: fc.constantFrom(...VECTOR) },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
    fields,
  )
  .map(([chosen, values]) => Uint8Array.from(chosen ? legacyBytes(chosen, values) : vexBytes(values)));

function legacyBytes(chosen: Template, values: Fields): number[] {
  const { rex, prefixes, segment, repeat, operandSize, bits } = values;
  const mandatory = chosen.mandatory === undefined ? repeat : [chosen.mandatory];
  const has66 = chosen.mandatory === undefined && operandSize;
  const bytes = [...prefixes, ...segment, ...(has66 ? [0x66] : []), ...mandatory];
  const rexByte = rex === -1 ? 0x40 | bits : rex;
  if (rexByte !== 0) bytes.push(rexByte);
  bytes.push(...chosen.opcode);
  if (chosen.hasModrm) bytes.push(...operandBytes(chosen, values));
  const isWide = (rexByte & 8) !== 0;
  bytes.push(...immediateBytes(chosen.immSize, isWide, has66, values));
  return bytes;
}

function operandBytes({ extensions }: Template, values: Fields): number[] {
  const { modrm, isRegister, hasSib, repetition, extension } = values;
  const reg = extensions ? extensions[extension % extensions.length]! : (modrm >> 3) & 7;
  const rm = repetition === 1 && extensions === undefined ? reg : modrm & 7;
  if (isRegister) return [0xc0 | (reg << 3) | rm];
  const mod = (modrm >> 6) % 3;
  const bytes = [(mod << 6) | (reg << 3) | (hasSib ? 4 : rm)];
  const sib = repeatInSib(values, reg);
  if (hasSib || rm === 4) bytes.push(sib);
  const base = bytes.length > 1 ? sib & 7 : rm;
  if (mod === 1) bytes.push(values.disp & 0xff);
  else if (mod === 2) bytes.push(...littleEndian(values.disp, 4));
  else if (base === 5) bytes.push(...littleEndian(addressOf(bytes.length > 1, sib, values.disp), 4));
  return bytes;
}

/** SIB, often with the register that is written. */
function repeatInSib({ sib, repetition }: Fields, reg: number): number {
  switch (repetition) {
    case 1:
      return (sib & 0xf8) | reg;
    case 2:
      return (sib & 0xc7) | (reg << 3);
    case 3:
      return (sib & 0xc7) | 0x20;
    default:
      return sib;
  }
}

/** A displacement without a base that leads to the buffer where no register can. */
function addressOf(hasSib: boolean, sib: number, disp: number): number {
  if (!hasSib) return BUFFER_TARGET - CODE_END;
  return (sib & 0x38) === 0x20 ? BUFFER_TARGET : disp;
}

function immediateBytes(size: number, isWide: boolean, has66: boolean, { imm, high }: Fields): number[] {
  if (size >= 0) return littleEndian(imm, size);
  if (isWide) return size === -2 ? [...littleEndian(imm, 4), ...littleEndian(high, 4)] : littleEndian(imm, 4);
  return littleEndian(imm, has66 ? 2 : 4);
}

function littleEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => (value >> (8 * i)) & 0xff);
}

const VEX_OPCODES = [0x10, 0x28, 0x54, 0x57, 0x58, 0x6f, 0xef, 0xfe];

/** VMOVUPS .. VPADDD behind C4 or C5. */
function vexBytes(values: Fields): number[] {
  const { bits, segment, modrm, operandSize, imm } = values;
  const opcode = VEX_OPCODES[modrm % VEX_OPCODES.length]!;
  const isMove = opcode === 0x10 || opcode === 0x28 || opcode === 0x6f;
  const last = (isMove ? 0x78 : imm & 0x78) | (imm & 4) | (opcode >= 0x6f || imm & 1 ? 1 : 0);
  const isWide = bits === 9 ? 0x80 : 0;
  const prefix = operandSize
    ? [0xc5, ((bits << 7) & 0x80) | last]
    : [0xc4, ((bits << 5) & 0xe0) | 1, isWide | last];
  const operand = operandBytes(template([opcode]), { ...values, modrm: values.sib ^ modrm });
  return [...segment, ...prefix, opcode, ...operand];
}
