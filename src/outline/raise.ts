/**
 * Instructions with operands on the stack, one level of calls deeper: the return address lies between, so their
 * displacements from rsp are greater by its size.
 */
import { readI32, writeU32 } from '../elf/bytes.ts';
import type { Instruction } from '../x86/decode.ts';

/** Bytes of a return address. */
const RETURN_ADDRESS_SIZE = 8;

/** @returns bytes of the displacement that an instruction will need */
function raisedSize(bytes: Uint8Array, at: number, insn: Instruction): number {
  if (insn.dispSize > 1) return insn.dispSize;
  return displacementOf(bytes, at, insn) + RETURN_ADDRESS_SIZE < 0x80 ? 1 : 4;
}

/** @returns bytes of the whole instruction then, or 0 if there is no such form */
export function raisedLength(bytes: Uint8Array, at: number, insn: Instruction): number {
  if (insn.dispSize === 4 && displacementOf(bytes, at, insn) > 0x7fffffff - RETURN_ADDRESS_SIZE) return 0;
  return insn.length + raisedSize(bytes, at, insn) - insn.dispSize;
}

function displacementOf(bytes: Uint8Array, at: number, { dispOffset, dispSize }: Instruction): number {
  if (dispSize === 0) return 0;
  return dispSize === 1 ? (bytes[at + dispOffset]! << 24) >> 24 : readI32(bytes, at + dispOffset);
}

/**
 * Writes an instruction whose memory operand counts from rsp, so that it means the same one call deeper.
 * @param insn the instruction at `at`, decoded
 * @returns bytes written at `to`
 */
export function writeRaised(
  bytes: Uint8Array,
  at: number,
  insn: Instruction,
  out: Uint8Array,
  to: number,
): number {
  const { modrmOffset, dispSize, length } = insn;
  const size = raisedSize(bytes, at, insn);
  const displacement = displacementOf(bytes, at, insn) + RETURN_ADDRESS_SIZE;
  // ModRM and SIB come before the displacement, immediates behind it.
  const disp = modrmOffset + 2;
  out.set(bytes.subarray(at, at + disp), to);
  out[to + modrmOffset] = (bytes[at + modrmOffset]! & 0x3f) | (size === 1 ? 0x40 : 0x80);
  if (size === 1) out[to + disp] = displacement;
  else writeU32(out, to + disp, displacement);
  out.set(bytes.subarray(at + disp + dispSize, at + length), to + disp + size);
  return length + size - dispSize;
}
