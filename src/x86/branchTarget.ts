import type { Instruction } from './decode.ts';

/** @returns offset where a relative branch leads, as its field stands; it may lie outside of the bytes */
export function branchTarget(bytes: Uint8Array, at: number, insn: Instruction): number {
  const field = at + insn.immOffset;
  let distance = (bytes[field + insn.immSize - 1]! << 24) >> 24;
  for (let k = insn.immSize - 2; k >= 0; k--) distance = (distance << 8) | bytes[field + k]!;
  return at + insn.length + distance;
}
