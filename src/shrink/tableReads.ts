/**
 * Whether code goes through a table of distances: it loads the address of the table, then a distance from it, and adds
 * both. Of an address alone one cannot tell: that of `array[i - 1]`, as the start of an array is given for it, may lie in
 * a table that ends where the array begins.
 */

import { createInstruction, decode, Encoding, Flow, type Instruction } from '../x86/decode.ts';
import { branchTarget } from '../x86/exits.ts';
import { ALL_REGISTERS, registerEffectOf, WRITTEN_REGISTERS_SHIFT } from '../x86/registers.ts';

/** Instructions that are looked at behind the one that loads the address: compilers may load it early. */
const MOST = 400;
const REX_W = 8;
const REX_R = 4;
const REX_X = 2;
const REX_B = 1;
const MOVSXD = 0x63;
const ADD_TO_RM = 0x01;
const ADD_TO_REG = 0x03;
const LEA = 0x8d;
/** rbx, rbp, r12 to r15, which calls leave alone (psABI 3.2.1). */
const KEPT_BY_CALLS = 0xf028;

const insn = createInstruction();

/**
 * @param bytes of a section
 * @param field offset of the displacement of LEA r64, [rip+disp32]
 * @returns whether MOVSXD of a distance in the table follows, and ADD of both, wherever control may go
 */
export function readsTable(bytes: Uint8Array, field: number): boolean {
  const rex = bytes[field - 3]!;
  if ((rex & 0xf8) !== 0x48) return false;
  const base = register(bytes[field - 1]! >> 3, rex & REX_R);
  const open: Path[] = [{ at: field + 4, distances: 0 }];
  const seen = new Set<number>();
  let left = MOST;
  for (let path = open.pop(); path; path = open.pop()) {
    let { at, distances } = path;
    while (at >= 0 && !seen.has(at) && left-- > 0 && decode(bytes, at, bytes.length, insn) > 0) {
      seen.add(at);
      if (addsBase(bytes, at, base, distances)) return true;
      const written = writtenBy(bytes, at);
      distances = (distances & ~written) | distanceLoaded(bytes, at, base);
      if (written & (1 << base)) break;
      const end = at + insn.length;
      if (insn.flow === Flow.jccRel) open.push({ at: targetOf(bytes, at), distances });
      at = insn.flow === Flow.jmpRel ? targetOf(bytes, at) : goesOn(insn.flow) ? end : -1;
    }
  }
  return false;
}

/** Code that is still to be looked at, and the registers that hold distances when control comes there. */
interface Path {
  readonly at: number;
  readonly distances: number;
}

/** Whether the next instruction may be what comes next. */
function goesOn(flow: Flow): boolean {
  return flow === Flow.none || flow === Flow.jccRel || flow === Flow.callRel || flow === Flow.indirectCall;
}

/** Where a branch leads, as it is before relocation: -1 if that is outside of the section. */
function targetOf(bytes: Uint8Array, at: number): number {
  const target = branchTarget(bytes, at, insn);
  return target < bytes.length ? Math.max(target, -1) : -1;
}

/** A bit for each register that is another one afterwards. */
function writtenBy(bytes: Uint8Array, at: number): number {
  const { flow } = insn;
  if (flow === Flow.callRel || flow === Flow.indirectCall) return ALL_REGISTERS & ~KEPT_BY_CALLS;
  if (flow === Flow.jmpRel || flow === Flow.jccRel) return 0;
  return registerEffectOf(bytes, at, insn) >>> WRITTEN_REGISTERS_SHIFT;
}

/** MOVSXD r64, dword [base+index*4]: a bit for the register, or 0 for any other instruction. */
function distanceLoaded(bytes: Uint8Array, at: number, base: number): number {
  return tableBaseOf(bytes, at, insn) === base ? 1 << distanceOf(bytes, at, insn) : 0;
}

/**
 * The base of MOVSXD r64, dword [base+index*4], or -1 for any other instruction.
 * @param decoded the instruction at offset `at`
 */
export function tableBaseOf(bytes: Uint8Array, at: number, decoded: Instruction): number {
  const { encoding, map, opcode, rex, modrmOffset, dispSize, dispOffset } = decoded;
  if (encoding !== Encoding.legacy || map !== 0 || opcode !== MOVSXD || !(rex & REX_W)) return -1;
  const modrm = bytes[at + modrmOffset]!;
  if (modrm >= 0xc0 || (modrm & 7) !== 4) return -1;
  const sib = bytes[at + modrmOffset + 1]!;
  // rbp and r13 as bases have a displacement, which is 0.
  const isAtBase = dispSize === 0 || (dispSize === 1 && bytes[at + dispOffset] === 0);
  const hasIndex = register(sib >> 3, rex & REX_X) !== 4;
  return sib >> 6 === 2 && hasIndex && isAtBase ? register(sib, rex & REX_B) : -1;
}

/** The register that such an instruction loads. */
export function distanceOf(bytes: Uint8Array, at: number, { rex, modrmOffset }: Instruction): number {
  return register(bytes[at + modrmOffset]! >> 3, rex & REX_R);
}

/** ADD of the base and one of the registers that hold distances, or LEA of their sum. */
function addsBase(bytes: Uint8Array, at: number, base: number, distances: number): boolean {
  const { rex, modrmOffset } = insn;
  if (distances === 0 || !(rex & REX_W)) return false;
  const modrm = bytes[at + modrmOffset]!;
  let operands: number[] = [];
  if (isLegacy(ADD_TO_RM) || isLegacy(ADD_TO_REG)) {
    if (modrm >= 0xc0) operands = [register(modrm >> 3, rex & REX_R), register(modrm, rex & REX_B)];
  } else if (isLegacy(LEA) && (modrm & 0xc7) === 4) {
    const sib = bytes[at + modrmOffset + 1]!;
    if (sib >> 6 === 0) operands = [register(sib >> 3, rex & REX_X), register(sib, rex & REX_B)];
  }
  return operands.includes(base) && operands.some((operand) => distances & (1 << operand));
}

function isLegacy(opcode: number): boolean {
  return insn.encoding === Encoding.legacy && insn.map === 0 && insn.opcode === opcode;
}

/** Number of a register. @param low whose low three bits count @param high not 0 for r8 to r15 */
function register(low: number, high: number): number {
  return (low & 7) | (high ? 8 : 0);
}
