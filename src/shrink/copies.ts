/**
 * Tests a register before it is overwritten, not a copy that was made for that: `mov %eax, %ecx; mov $1, %al; test %cl,
 * %cl` is `test %al, %al; mov $1, %al`, if nobody else reads the copy. MOV leaves the flags as TEST has set them.
 */
import { createInstruction, decode, Encoding } from '../x86/decode.ts';
import { type Code, Mark, NO_TARGET } from './code.ts';
import { findLiveRegisters } from './deadRegisters.ts';

/** Nothing may lead to the second or the third instruction. */
const ENTERED = Mark.entry | Mark.target | Mark.function | Mark.start | Mark.even | Mark.described;
const REX_W = 8;

const insn = createInstruction();
const out = new Uint8Array(3);

/** Not for sections with landing pads: what faults may lead there with what registers hold. */
export function testOriginals(code: Code): void {
  const { count, newLength, marks } = code;
  let live: Uint16Array | undefined;
  for (let test = 2; test < count; test++) {
    if (newLength[test]! < 2 || newLength[test]! > 3) continue;
    if (((marks[test]! | marks[test - 1]!) & ENTERED) !== 0) continue;
    const tested = readTest(code, test);
    if (tested < 0) continue;
    const original = readCopy(code, test - 2, tested);
    if (original < 0 || !loads(code, test - 1, original)) continue;
    live ??= findLiveRegisters(code);
    if (((live[test + 1]! >> tested) & 1) !== 0) continue;
    code.replace(test - 2, out, writeTest(original));
    newLength[test] = 0;
  }
}

let isByte = false;
let isWide = false;

/** TEST of a register with itself, in full or its lowest byte. @returns the register, or -1 */
function readTest(code: Code, i: number): number {
  const modrm = readPlain(code, i, 0x84);
  if (modrm < 0xc0 || insn.opcode > 0x85 || ((modrm >> 3) & 7) !== (modrm & 7)) return -1;
  if (((insn.rex & 4) !== 0) !== ((insn.rex & 1) !== 0)) return -1;
  isByte = insn.opcode === 0x84;
  isWide = (insn.rex & REX_W) !== 0;
  // AH to BH
  if (isByte && insn.rex === 0 && (modrm & 7) > 3) return -1;
  return (modrm & 7) | ((insn.rex & 1) << 3);
}

/** MOV of as many bits as are tested, or more. @returns the register that is copied to `copy`, or -1 */
function readCopy(code: Code, i: number, copy: number): number {
  const modrm = readPlain(code, i, 0x88);
  const isMove = modrm >= 0xc0 && (insn.opcode === 0x89 || insn.opcode === 0x8b);
  if (!isMove || (isWide && (insn.rex & REX_W) === 0)) return -1;
  const reg = ((modrm >> 3) & 7) | ((insn.rex & 4) << 1);
  const rm = (modrm & 7) | ((insn.rex & 1) << 3);
  const [to, from] = insn.opcode === 0x89 ? [rm, reg] : [reg, rm];
  return to === copy && from !== copy ? from : -1;
}

/** Whether an instruction is MOV of a number to a register. */
function loads(code: Code, i: number, register: number): boolean {
  if (readPlain(code, i, 0xb0) < 0) return false;
  const number = (insn.opcode & 7) | ((insn.rex & 1) << 3);
  // AH to BH
  return number === register && (insn.opcode >= 0xb8 || insn.rex !== 0 || number < 4);
}

/**
 * Decodes an instruction of the one-byte map without prefixes but REX, and without relocation.
 * @param group the first opcode of a group of so many as have the low bits of `group` clear
 * @returns ModRM or 0, or -1 if it is another one
 */
function readPlain(code: Code, i: number, group: number): number {
  if (code.newLength[i] === 0 || code.hasField[i] === 1 || code.target[i] !== NO_TARGET) return -1;
  const bytes = code.sourceOf(i);
  const at = code.startOf(i);
  decode(bytes, at, at + code.newLength[i]!, insn);
  const { encoding, map, prefixes, prefixLength, opcode, modrmOffset } = insn;
  if (encoding !== Encoding.legacy || map !== 0 || prefixes !== 0 || prefixLength > 1) return -1;
  const size = group & -group;
  return (opcode & -size) === group ? (modrmOffset < 0 ? 0 : bytes[at + modrmOffset]!) : -1;
}

/** TEST of a register with itself. @returns bytes written to `out` */
function writeTest(register: number): number {
  const high = register > 7 ? 5 : 0; // REX.R, REX.B
  const rex = (isWide ? REX_W : 0) | high;
  let length = 0;
  // SPL to DIL need a prefix to be told from AH to BH.
  if (rex !== 0 || (isByte && register > 3)) out[length++] = 0x40 | rex;
  out[length++] = isByte ? 0x84 : 0x85;
  out[length++] = 0xc0 | ((register & 7) << 3) | (register & 7);
  return length;
}
