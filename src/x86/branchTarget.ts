import { readI32 } from '../elf/bytes.ts';
import type { Instruction } from './decode.ts';

/** @returns offset where a relative branch leads, as its field stands; it may lie outside of the bytes */
export function branchTarget(bytes: Uint8Array, at: number, insn: Instruction): number {
  const { length, immOffset, immSize } = insn;
  const field = at + immOffset;
  return at + length + (immSize === 1 ? (bytes[field]! << 24) >> 24 : readI32(bytes, field));
}
