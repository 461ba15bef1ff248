/** Operations of 64 bits that do the same with 32, because the upper halves of what they read are 0. */
import { Flag } from './flags.ts';
import type { RegisterValues } from './registerValues.ts';

/**
 * What an instruction whose REX prefix only says W does otherwise without it. The upper half of the result is 0 then,
 * as it is anyway; bit 63, which SF and OF tell of, is 0, while bit 31 need not be.
 * @param opcodeAt offset of its opcode in `bytes`
 * @param values what registers hold before it
 * @returns a mask of the flags that it leaves otherwise, or -1 if it is not known to do the same
 */
export function flagsOfNarrow(bytes: Uint8Array, opcodeAt: number, values: RegisterValues): number {
  const opcode = bytes[opcodeAt]!;
  const modrm = bytes[opcodeAt + 1]!;
  const isRegNarrow = values.isNarrow((modrm >> 3) & 7);
  const isRmNarrow = values.isNarrow(modrm & 7);
  switch (opcode) {
    case 0x89: // MOV Ev, Gv
      return isRegNarrow ? 0 : -1;
    case 0x8b: // MOV Gv, Ev
      return isRmNarrow ? 0 : -1;
    case 0x21: // AND
    case 0x23:
    case 0x85: // TEST
      return isRegNarrow || isRmNarrow ? Flag.sign : -1;
    case 0x09: // OR
    case 0x0b:
    case 0x31: // XOR
    case 0x33:
      return isRegNarrow && isRmNarrow ? Flag.sign : -1;
    case 0x39: // CMP
    case 0x3b:
      return isRegNarrow && isRmNarrow ? Flag.sign | Flag.overflow : -1;
    case 0x83:
      return isRmNarrow ? flagsOfGroup1((modrm >> 3) & 7, bytes[opcodeAt + 2]!) : -1;
    case 0x81:
      return isRmNarrow ? flagsOfGroup1((modrm >> 3) & 7, bytes[opcodeAt + 5]!) : -1;
    case 0xc1: // SHR by less than 32
      return isRmNarrow && (modrm & 0x38) === 0x28 && bytes[opcodeAt + 2]! < 32 ? Flag.overflow : -1;
    case 0xd1:
      return isRmNarrow && (modrm & 0x38) === 0x28 ? Flag.overflow : -1;
    default:
      return -1;
  }
}

/** @param last byte of the immediate that has its sign */
function flagsOfGroup1(operation: number, last: number): number {
  if (operation === 4) return Flag.sign; // AND
  if (last >= 0x80) return -1;
  if (operation === 1 || operation === 6) return Flag.sign; // OR, XOR
  return operation === 7 ? Flag.sign | Flag.overflow : -1; // CMP
}
