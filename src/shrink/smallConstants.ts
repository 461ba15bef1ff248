/**
 * MOV r32, imm32 with a number from 0 to 127 takes five bytes, PUSH imm8 and POP r64 three; both leave the number in the
 * register, with zeros above it, and the flags alone. The stack is written to below its pointer, which no signal
 * handler minds, but the function may: see `leavesRedZone`. What lies between two places that can be entered from
 * elsewhere is part of one function.
 */
import { type Code, Mark, UNCHANGED } from './code.ts';
import { leavesRedZone } from './redZone.ts';

const POP_SIZE = 3;

export function pushConstants(code: Code): void {
  const { count, marks } = code;
  for (let start = 0; start < count; ) {
    let end = start + 1;
    while (end < count && (marks[end]! & (Mark.function | Mark.start)) === 0) end++;
    if (leavesRedZone(code, start, end)) pushIn(code, start, end);
    start = end;
  }
}

const out = new Uint8Array(POP_SIZE + 1);

function pushIn(code: Code, start: number, end: number): void {
  const { newLength, patch, patches, bytes, at } = code;
  for (let i = start; i < end; i++) {
    if (newLength[i]! <= POP_SIZE || newLength[i]! > 6 || code.hasField[i] === 1) continue;
    const [source, from] = patch[i] === UNCHANGED ? [bytes, at[i]!] : [patches, patch[i]!];
    const isHigh = newLength[i] === 6;
    if (isHigh && source[from] !== 0x41) continue; // REX.B
    const opcode = source[from + (isHigh ? 1 : 0)]!;
    if (newLength[i] !== (isHigh ? 6 : 5) || (opcode & 0xf8) !== 0xb8) continue; // MOV r32, imm32
    const value = from + newLength[i]! - 4;
    if (source[value]! > 127 || (source[value + 1]! | source[value + 2]! | source[value + 3]!) !== 0)
      continue;
    out[0] = 0x6a; // PUSH imm8
    out[1] = source[value]!;
    let length = 2;
    if (isHigh) out[length++] = 0x41;
    out[length++] = 0x58 | (opcode & 7); // POP r64
    code.replace(i, out, length);
  }
}
