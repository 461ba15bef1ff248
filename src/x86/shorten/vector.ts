/**
 * SSE instructions that have a twin without a mandatory prefix: moves and bitwise operations do not depend on what the
 * elements are, raise no SIMD floating-point exceptions and want the same alignment. Only forwarding between the
 * integer and floating-point domains may take a cycle more or less.
 */
import { Prefix } from '../decode.ts';
import { dropWide, type Form } from './form.ts';

/** Operands for which a twin does the same. */
const Operands = { any: 0, registers: 1, memory: 2, sameRegister: 3 } as const;
type Operands = (typeof Operands)[keyof typeof Operands];

/** Mandatory prefix in {@link Instruction.mandatoryPrefix}'s numbers, opcode, the twin's opcode, operands. */
type Twin = readonly [prefix: number, opcode: number, twin: number, operands: Operands];

const TWINS: readonly Twin[] = [
  [1, 0x10, 0x10, Operands.any], // MOVUPD → MOVUPS
  [1, 0x11, 0x11, Operands.any],
  [1, 0x28, 0x28, Operands.any], // MOVAPD → MOVAPS
  [1, 0x29, 0x29, Operands.any],
  [1, 0x6f, 0x28, Operands.any], // MOVDQA → MOVAPS
  [1, 0x7f, 0x29, Operands.any],
  [2, 0x6f, 0x10, Operands.any], // MOVDQU → MOVUPS
  [2, 0x7f, 0x11, Operands.any],
  [1, 0x12, 0x12, Operands.memory], // MOVLPD → MOVLPS
  [1, 0x13, 0x13, Operands.memory],
  [1, 0x16, 0x16, Operands.memory], // MOVHPD → MOVHPS
  [1, 0x17, 0x17, Operands.memory],
  [1, 0x2b, 0x2b, Operands.memory], // MOVNTPD → MOVNTPS
  [1, 0xe7, 0x2b, Operands.memory], // MOVNTDQ → MOVNTPS
  [3, 0x11, 0x13, Operands.memory], // MOVSD m64, xmm → MOVLPS m64, xmm: both store the lower half
  [1, 0xd6, 0x13, Operands.memory], // MOVQ m64, xmm → MOVLPS
  [1, 0x14, 0x16, Operands.registers], // UNPCKLPD → MOVLHPS: the source's lower half into the upper half
  [1, 0x6c, 0x16, Operands.registers], // PUNPCKLQDQ → MOVLHPS
  [1, 0x54, 0x54, Operands.any], // ANDPD → ANDPS
  [1, 0x55, 0x55, Operands.any], // ANDNPD → ANDNPS
  [1, 0x56, 0x56, Operands.any], // ORPD → ORPS
  [1, 0x57, 0x57, Operands.any], // XORPD → XORPS
  [1, 0xdb, 0x54, Operands.any], // PAND → ANDPS
  [1, 0xdf, 0x55, Operands.any], // PANDN → ANDNPS
  [1, 0xeb, 0x56, Operands.any], // POR → ORPS
  [1, 0xef, 0x57, Operands.any], // PXOR → XORPS
  [1, 0x70, 0xc6, Operands.sameRegister], // PSHUFD x, x, Ib → SHUFPS x, x, Ib: both halves come from x
];

/** Opcode in the low byte and operands in the next, by prefix and opcode; 0 if there is no twin. */
const twins = new Uint16Array(4 * 256);
for (const [prefix, opcode, twin, operands] of TWINS) twins[(prefix << 8) | opcode] = (operands << 8) | twin;

/** Opcodes of map 0F that have a twin with some prefix. */
export const VECTOR_OPCODES: readonly number[] = TWINS.map(([, opcode]) => opcode);

/** Replaces the instruction with its twin without prefix. */
export function shortenVector(form: Form): void {
  const twin = twins[(form.insn.mandatoryPrefix << 8) | form.opcode]!;
  if (twin === 0 || !hasOperands(form, twin >> 8)) return;
  form.opcode = twin & 0xff;
  form.dropped |= Prefix.operandSize | Prefix.repeat;
  dropWide(form); // ignored in the instruction and in its twin
}

function hasOperands(form: Form, operands: number): boolean {
  switch (operands) {
    case Operands.registers:
      return form.isRegister;
    case Operands.memory:
      return !form.isRegister;
    case Operands.sameRegister:
      return form.isRegister && form.reg === form.rm;
    default:
      return true;
  }
}
