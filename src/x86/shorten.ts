/**
 * A shorter encoding for one instruction: another instruction with the same effect on registers, memory and flags and
 * with the same faults. Relative branches are left alone, for their length depends on where they lead; so are EVEX and
 * XOP. Source: Intel SDM vol. 2.
 */
import { Encoding, Flow, type Instruction, Prefix, prefixBit } from './decode.ts';
import { simplifyAddress } from './shorten/address.ts';
import {
  shortenArithmetic,
  shortenBitTest,
  shortenImmediate,
  shortenSameRegister,
  shortenShift,
  shortenTest,
} from './shorten/arithmetic.ts';
import { createForm, type Form, Given, readForm } from './shorten/form.ts';
import {
  shortenExchange,
  shortenLea,
  shortenMoveImmediate,
  shortenMovsx,
  shortenMovzx,
  shortenSignExtension,
} from './shorten/move.ts';
import {
  shortenIndirect,
  shortenLongNop,
  shortenNop,
  shortenReturn,
  shortenStackOperation,
} from './shorten/prefixes.ts';
import { shortenVector, VECTOR_OPCODES } from './shorten/vector.ts';
import { type ShortForm, writeForm } from './shorten/write.ts';

export { Given } from './shorten/form.ts';
export { createShortForm, type ShortForm } from './shorten/write.ts';

/** Changes the fields of an instruction with certain opcodes. */
type Rewrite = (form: Form, given: number) => void;

/** Rewrites by opcode, of maps 0 and 0F. */
const rewrites: (Rewrite | undefined)[] = new Array(512).fill(undefined);

/** Opcodes of {@link rewrites} that only REX.W makes longer than need be: 1. */
const isWideOnly = new Uint8Array(512);

function addWideRewrite(rewrite: Rewrite, ...opcodes: readonly number[]): void {
  addRewrite(rewrite, ...opcodes);
  for (const opcode of opcodes) isWideOnly[opcode] = 1;
}

function addRewrite(rewrite: Rewrite, ...opcodes: readonly number[]): void {
  for (const opcode of opcodes) rewrites[opcode] = rewrite;
}

const MAP_0F = 0x100;
const REX_W = 8;

for (let operation = 0; operation < 8; operation++) {
  addRewrite(shortenArithmetic, (operation << 3) | 4, (operation << 3) | 5); // ADD AL, Ib .. CMP rAX, Iz
  addWideRewrite(shortenStackOperation, 0x50 | operation, 0x58 | operation); // PUSH, POP
  addRewrite(shortenMoveImmediate, 0xb8 | operation); // MOV r, Iv
}
addRewrite(shortenArithmetic, 0x80, 0x81, 0x83); // group 1
addWideRewrite(shortenSameRegister, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b); // SUB, XOR, CMP
addWideRewrite(shortenSignExtension, 0x63); // MOVSXD
addRewrite(shortenPush, 0x68);
addRewrite(shortenImmediate, 0x69); // IMUL
addWideRewrite(shortenStackOperation, 0x6a, 0x8f, 0xc9); // PUSH Ib, POP Ev, LEAVE
addRewrite(shortenExchange, 0x87);
addRewrite(shortenLea, 0x8d);
addRewrite(shortenNop, 0x90);
addRewrite(shortenTest, 0xa8, 0xa9, 0xf6, 0xf7); // TEST; group 3
addRewrite(shortenShift, 0xc0, 0xc1); // group 2
addRewrite(shortenReturn, 0xc3);
addRewrite(shortenMoveImmediate, 0xc6, 0xc7);
addRewrite(shortenIndirect, 0xff); // group 5
addRewrite(shortenVector, ...VECTOR_OPCODES.map((opcode) => MAP_0F | opcode));
addRewrite(shortenLongNop, MAP_0F | 0x1f);
addWideRewrite(shortenMovzx, MAP_0F | 0xb6, MAP_0F | 0xb7);
addWideRewrite(shortenBitTest, MAP_0F | 0xba); // group 8
addRewrite(shortenMovsx, MAP_0F | 0xbe, MAP_0F | 0xbf);

function shortenPush(form: Form): void {
  shortenImmediate(form);
  shortenStackOperation(form);
}

const form = createForm();

/**
 * Writes a shorter instruction of the same effect to `out` and returns its length in bytes; returns 0, with `out`
 * unspecified, if there is none.
 *
 * A field with a relocation keeps its width. Where the displacement counts from the instruction's end, the distance
 * from the field to the end may be another, for which the addend has to make up. Such a displacement without a
 * relocation is declined, since the caller alone knows what it leads to: shorten as if it had one.
 *
 * @param at offset in `bytes` of the instruction that was decoded into `insn`
 * @param given what is known, bits of {@link Given}
 */
export function shorten(
  bytes: Uint8Array,
  at: number,
  insn: Instruction,
  given: number,
  out: ShortForm,
): number {
  const rewrite = rewriteOf(insn);
  if (rewrite === undefined && !isLoose(bytes, at, insn)) return 0;
  if (!isKnown(insn, given) || hasSegments(bytes, at, insn)) return 0;
  readForm(bytes, at, insn, given, form);
  simplifyAddress(form);
  if (rewrite !== undefined) rewrite(form, given);
  return writeForm(form, out) < insn.length ? out.length : 0;
}

/** Whether {@link shorten} may have a shorter form of an instruction: for most there is none, whatever is known. */
export function mayShorten(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  return rewriteOf(insn) !== undefined || isLoose(bytes, at, insn);
}

/** The rewrite for an opcode. F2 and F3 change what an instruction is, but for branches; that is for SSE's to tell. */
function rewriteOf(insn: Instruction): Rewrite | undefined {
  const { map, opcode, prefixes, rex, flow, encoding } = insn;
  if (encoding !== Encoding.legacy) return undefined;
  const entry = (map << 8) | opcode;
  if (map > 1 || (isWideOnly[entry] === 1 && (rex & REX_W) === 0)) return undefined;
  const rewrite = rewrites[entry];
  const isOther = (prefixes & Prefix.repeat) !== 0 && flow === Flow.none && rewrite !== shortenVector;
  return isOther ? undefined : rewrite;
}

/** Whether the prefixes or the address may have bytes too many, whatever the opcode. */
function isLoose(bytes: Uint8Array, at: number, insn: Instruction): boolean {
  if (insn.rex === 0x40 || (insn.prefixes & Prefix.segment) !== 0) return true;
  if (insn.encoding === Encoding.vex && bytes[at + insn.prefixLength] === 0xc4) return true;
  if (insn.modrmOffset < 0) return false;
  if (insn.dispSize === 4) return !insn.ripRelative;
  if (insn.dispSize === 1 && bytes[at + insn.dispOffset] === 0) return true;
  const modrm = bytes[at + insn.modrmOffset]!;
  return modrm < 0xc0 && (modrm & 7) === 4 && isLooseSib(bytes[at + insn.modrmOffset + 1]!);
}

/** Whether SIB may have neither an index nor RSP or R12 as base, which is what it is for. */
function isLooseSib(sib: number): boolean {
  return (sib & 0x38) === 0x20 && (sib & 7) !== 4;
}

/** Whether the fields have the meaning that ModRM, SIB and displacement have nearly everywhere. */
function isKnown(insn: Instruction, given: number): boolean {
  if (insn.ripRelative && (given & Given.fixedDisp) === 0) return false;
  switch (insn.flow) {
    case Flow.jmpRel:
    case Flow.jccRel:
    case Flow.callRel:
      return false;
  }
  if (insn.dispOffset >= 0 && insn.modrmOffset < 0) return false; // MOV moffs
  if (given & Given.fixedDisp && insn.dispSize !== 4) return false;
  if (given & Given.fixedImm && insn.immSize !== 4) return false;
  switch (insn.encoding) {
    case Encoding.legacy:
      return insn.map !== 1 || !isOdd(insn.opcode);
    case Encoding.vex:
      return insn.map !== 2 || !hasVectorIndex(insn.opcode);
    default:
      return false;
  }
}

/** Whether there is more than one segment override, of which processors do not choose alike. */
function hasSegments(bytes: Uint8Array, at: number, { prefixes, prefixLength }: Instruction): boolean {
  if ((prefixes & Prefix.segment) === 0) return false;
  let count = 0;
  for (let i = at; i < at + prefixLength; i++) if (prefixBit(bytes[i]!) === Prefix.segment) count++;
  return count > 1;
}

/** MOV of control and debug registers ignores ModRM.mod; BNDLDX and BNDSTX use base and index apart. */
function isOdd(opcode: number): boolean {
  return (opcode >= 0x20 && opcode < 0x24) || opcode === 0x1a || opcode === 0x1b;
}

/** Gathers, whose index is a vector register, and loads and stores of tiles, whose index is a stride. */
function hasVectorIndex(opcode: number): boolean {
  return (opcode >= 0x90 && opcode < 0x94) || opcode === 0x4b || opcode === 0x4a;
}
