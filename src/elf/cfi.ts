/**
 * The call frame programs of FDEs in `.eh_frame` (DWARF 5, 6.4.2; LSB Core, "Exception Frames"), read and rewritten as
 * to where in the code they speak of. No relocation covers those places: they are distances within the function.
 *
 * Code only ever shrinks, so every distance stays or gets smaller, and fits where the old one stood. A distance of 0 is
 * in order: `execute_cfa_program` in libgcc's unwind-dw2.c runs all instructions up to the first location behind the
 * one it looks for, so of two rows for one location the later is in force.
 */
import { FormatError } from '../diagnostics.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './bytes.ts';
import {
  type CieFields,
  DW_EH_PE_omit,
  DW_EH_PE_pcrel,
  pointerSize,
  readCie,
  skipAugmentation,
} from './cie.ts';
import { CodeOffsets, type OffsetMap } from './codeOffsets.ts';
import { FDE_PC_BEGIN } from './ehFrame.ts';
import { lebEnd, readUleb } from './leb128.ts';

/** How the FDEs of a CIE are laid out. */
export interface FdeForm {
  /** Bytes of each of the fields pc_begin and pc_range: 4 or 8. */
  readonly pointerSize: number;
  readonly isAugmented: boolean;
  /** Bytes of the pointer to the language-specific data; 0 if there is none. */
  readonly lsdaSize: number;
}

/** DW_EH_PE_… formats of numbers that are understood: absptr, udata4, udata8, sdata4 and sdata8. */
const FIXED_FORMATS = [0x00, 0x03, 0x04, 0x0b, 0x0c];

/** No function is as large, so that offsets in it are positive 32-bit words. */
const RANGE_LIMIT = 2 ** 31;

/** Kinds of operands: up to three of LEB128 in a row, behind which a block may come, a length and as many bytes. */
const NONE = 0;
const LEB = 1;
const LEB_LEB = 2;
const BLOCK = 4;
const LEB_BLOCK = LEB | BLOCK;
const LEB_COUNT = 3;
const NOT_UNDERSTOOD = 0xff;

/**
 * The operands of instructions but DW_CFA_advance_loc… (DWARF 5, 7.24; LSB Core, "Call Frame Instructions").
 * DW_CFA_set_loc, whose operand may be relocated, is not among them.
 */
const OPERANDS = new Uint8Array(0x100).fill(NOT_UNDERSTOOD);
OPERANDS.fill(LEB, 0x80, 0xc0); // DW_CFA_offset
OPERANDS.fill(NONE, 0xc0); // DW_CFA_restore
OPERANDS[0x00] = NONE; // DW_CFA_nop
OPERANDS[0x05] = LEB_LEB; // DW_CFA_offset_extended
OPERANDS[0x06] = LEB; // DW_CFA_restore_extended
OPERANDS[0x07] = LEB; // DW_CFA_undefined
OPERANDS[0x08] = LEB; // DW_CFA_same_value
OPERANDS[0x09] = LEB_LEB; // DW_CFA_register
OPERANDS[0x0a] = NONE; // DW_CFA_remember_state
OPERANDS[0x0b] = NONE; // DW_CFA_restore_state
OPERANDS[0x0c] = LEB_LEB; // DW_CFA_def_cfa
OPERANDS[0x0d] = LEB; // DW_CFA_def_cfa_register
OPERANDS[0x0e] = LEB; // DW_CFA_def_cfa_offset
OPERANDS[0x0f] = BLOCK; // DW_CFA_def_cfa_expression
OPERANDS[0x10] = LEB_BLOCK; // DW_CFA_expression
OPERANDS[0x11] = LEB_LEB; // DW_CFA_offset_extended_sf
OPERANDS[0x12] = LEB_LEB; // DW_CFA_def_cfa_sf
OPERANDS[0x13] = LEB; // DW_CFA_def_cfa_offset_sf
OPERANDS[0x14] = LEB_LEB; // DW_CFA_val_offset
OPERANDS[0x15] = LEB_LEB; // DW_CFA_val_offset_sf
OPERANDS[0x16] = LEB_BLOCK; // DW_CFA_val_expression
OPERANDS[0x2e] = LEB; // DW_CFA_GNU_args_size
OPERANDS[0x2f] = LEB_LEB; // DW_CFA_GNU_negative_offset_extended

/** Bytes of the distance in an instruction that advances the location; -1 for others. */
const ADVANCE_SIZE = new Int8Array(0x100).fill(-1);
ADVANCE_SIZE.fill(0, 0x40, 0x80); // DW_CFA_advance_loc, whose low 6 bits are the distance
ADVANCE_SIZE[0x02] = 1; // DW_CFA_advance_loc1
ADVANCE_SIZE[0x03] = 2; // DW_CFA_advance_loc2
ADVANCE_SIZE[0x04] = 4; // DW_CFA_advance_loc4
ADVANCE_SIZE[0x1d] = 8; // DW_CFA_MIPS_advance_loc8

/**
 * Operations with which an expression may read the return address, register 16 (x86-64 psABI, figure 3.36):
 * DW_OP_reg16, DW_OP_breg16, DW_OP_regx and DW_OP_bregx. Linkers describe procedure linkage tables so, by where in an
 * entry the program is: such a description holds for no other code.
 */
const READS_ADDRESS = new Uint8Array(0x100);
for (const operation of [0x60, 0x80, 0x90, 0x92]) READS_ADDRESS[operation] = 1;

/**
 * Reads how the FDEs of a CIE are laid out, once for all of them.
 * @param at offset of the CIE in `bytes`
 * @param end offset behind it
 * @returns why the CIE is not understood, if it is not
 */
export function readFdeForm(bytes: Uint8Array, at: number, end: number): FdeForm | string {
  try {
    return formOf(readCie(bytes.subarray(0, end), at));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error.message;
  }
}

function formOf(cie: CieFields): FdeForm | string {
  const { factors, encoding, isAugmented, lsdaEncoding, instructions } = cie;
  if (cie.hasUnknown) return 'a CIE has an unknown augmentation';
  if (factors[0] !== 1) return 'a CIE has a code alignment factor other than 1';
  const hasLsda = lsdaEncoding !== DW_EH_PE_omit;
  if (!isFixed(encoding) || (hasLsda && !isFixed(lsdaEncoding)))
    return 'a CIE has an unusual pointer encoding';
  const moved = new CodeOffsets();
  const refusal = readProgram(instructions, 0, instructions.length, 0, moved);
  if (refusal !== undefined || moved.count > 0) return 'a CIE has unusual initial instructions';
  return {
    pointerSize: pointerSize(encoding),
    isAugmented,
    lsdaSize: hasLsda ? pointerSize(lsdaEncoding) : 0,
  };
}

function isFixed(encoding: number): boolean {
  return FIXED_FORMATS.includes(encoding & ~DW_EH_PE_pcrel);
}

/**
 * Lists each place in its function that an FDE speaks of: 0, its end, and where each DW_CFA_advance_loc… leads, in
 * bytes from the function's start (pc_begin) and in the FDE's order; some twice. What is understood can be remapped
 * once these places are known to be boundaries of instructions.
 * @param at offset of the FDE in `bytes`
 * @param end offset behind it
 * @param found is filled with the places
 * @returns why the FDE is not understood, or undefined if it is
 */
export function readAdvances(
  bytes: Uint8Array,
  at: number,
  end: number,
  form: FdeForm,
  found: CodeOffsets,
): string | undefined {
  found.count = 0;
  const start = programOf(bytes, at, end, form);
  if (start < 0) return 'an FDE ends within its fields';
  const range = readRange(bytes, at, form);
  if (range >= RANGE_LIMIT) return 'an FDE describes 2 GiB or more';
  found.add(0);
  found.add(range);
  return readProgram(bytes, start, end, range, found);
}

const DW_CFA_nop = 0x00;
const DW_CFA_advance_loc = 0x40;
const DW_CFA_advance_loc1 = 0x02;
const DW_CFA_advance_loc2 = 0x03;
const DW_CFA_advance_loc4 = 0x04;

/**
 * Writes an FDE anew for code that shrank, and as short as it can be: each distance in the smallest form, and no
 * DW_CFA_nop, with which assemblers fill records. Records need no alignment on x86-64: unwinders go from one to
 * the next by its length, or find it by its address.
 * @param at offset of the FDE in `bytes`; `readAdvances` understood it
 * @param end offset behind it
 * @param newOffsetOf must keep the order and must not lengthen any distance
 * @param out has room for as many bytes
 * @returns bytes of the new record; 0 if nothing is left of the code, and a record would stand in the way of the one
 *   for what lies there: unwinders that search among sorted records may find either
 */
export function writeShortFde(
  bytes: Uint8Array,
  at: number,
  end: number,
  form: FdeForm,
  newOffsetOf: OffsetMap,
  out: Uint8Array,
): number {
  const functionStart = newOffsetOf(0);
  const range = newOffsetOf(readRange(bytes, at, form)) - functionStart;
  if (range === 0) return 0;
  const start = programOf(bytes, at, end, form);
  let to = copyBytes(bytes, at, start, out, 0);
  writeRange(out, 0, form, range);
  let location = 0;
  let written = functionStart;
  for (let next = start; next < end; ) {
    const opcode = bytes[next]!;
    const size = ADVANCE_SIZE[opcode]!;
    if (size >= 0) {
      location += readDistance(bytes, next, size);
      next += 1 + size;
    } else if (opcode === DW_CFA_nop) {
      next++;
    } else {
      // What holds from a place on is said when there is something to say.
      to = writeAdvance(out, to, newOffsetOf(location) - written);
      written = newOffsetOf(location);
      const after = operandsEnd(bytes, next, end);
      to = copyBytes(bytes, next, after, out, to);
      next = after;
    }
  }
  writeU32(out, 0, to - LENGTH_SIZE);
  return to;
}

/** Bytes of the field at the start of a record, which counts those behind it. */
const LENGTH_SIZE = 4;

/** @returns offset in `out` behind the instruction, if one is needed */
function writeAdvance(out: Uint8Array, at: number, distance: number): number {
  if (distance === 0) return at;
  if (distance < 0x40) {
    out[at] = DW_CFA_advance_loc | distance;
    return at + 1;
  }
  const size = distance < 0x100 ? 1 : distance < 0x10000 ? 2 : 4;
  out[at] = size === 1 ? DW_CFA_advance_loc1 : size === 2 ? DW_CFA_advance_loc2 : DW_CFA_advance_loc4;
  writeDistance(out, at, size, distance);
  return at + 1 + size;
}

function copyBytes(from: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  for (let i = start; i < end; i++) out[to + i - start] = from[i]!;
  return to + end - start;
}

/**
 * Offset in `bytes` of an FDE's pointer to its language-specific data, or -1 if it has none. The function has such data
 * if a relocation fills the pointer in: 0 stands for none.
 * @param at offset of the FDE in `bytes`; `readAdvances` understood it
 */
export function lsdaPointer(bytes: Uint8Array, at: number, form: FdeForm): number {
  const data = at + FDE_PC_BEGIN + 2 * form.pointerSize;
  return form.lsdaSize > 0 && bytes[data]! >= form.lsdaSize ? data + 1 : -1;
}

/** Offset of an FDE's call frame program, or -1 if the FDE ends before. No augmentation data takes 128 bytes. */
export function programOf(bytes: Uint8Array, at: number, end: number, form: FdeForm): number {
  const data = at + FDE_PC_BEGIN + 2 * form.pointerSize;
  const start = form.isAugmented ? skipAugmentation(bytes, data) : data;
  const isShort = !form.isAugmented || bytes[data]! < 0x80;
  return isShort && start <= end && end <= bytes.length ? start : -1;
}

/** @returns why the program is not understood, or undefined if it is */
function readProgram(
  bytes: Uint8Array,
  start: number,
  end: number,
  range: number,
  found: CodeOffsets,
): string | undefined {
  let location = 0;
  for (let next = start; next < end; ) {
    const at = next;
    const size = ADVANCE_SIZE[bytes[at]!]!;
    next = operandsEnd(bytes, at, end);
    if (next < 0 || next > end)
      return `call frame instruction 0x${bytes[at]!.toString(16)} is not understood`;
    if (size < 0) continue;
    location += readDistance(bytes, at, size);
    if (location > range) return 'an FDE speaks of a place behind its function';
    found.add(location);
  }
  return undefined;
}

/** What `readAdvance` returns of an instruction that does not advance. */
export const NO_ADVANCE = -1;

/** The distance in bytes by which an instruction advances the location, or `NO_ADVANCE`. */
export function readAdvance(bytes: Uint8Array, at: number): number {
  const size = ADVANCE_SIZE[bytes[at]!]!;
  return size < 0 ? NO_ADVANCE : readDistance(bytes, at, size);
}

/** Offset behind an instruction; -1 if it is not understood or does not end before `end`. */
export function operandsEnd(bytes: Uint8Array, at: number, end: number): number {
  const advance = ADVANCE_SIZE[bytes[at]!]!;
  if (advance >= 0) return at + 1 + advance;
  const operands = OPERANDS[bytes[at]!]!;
  if (operands === NOT_UNDERSTOOD) return -1;
  let next = at + 1;
  for (let count = operands & LEB_COUNT; count > 0 && next >= 0; count--) next = lebEnd(bytes, next, end);
  return (operands & BLOCK) === 0 || next < 0 ? next : blockEnd(bytes, next, end);
}

/** Offset behind an expression; -1 if it may depend on where in the code the program is. */
function blockEnd(bytes: Uint8Array, at: number, end: number): number {
  const start = lebEnd(bytes, at, end);
  if (start < 0) return -1;
  const size = readUleb(bytes, at, start);
  if (size < 0 || size > end - start) return -1;
  // Operands may look like such an operation: that refuses a few programs too many.
  for (let i = start; i < start + size; i++) if (READS_ADDRESS[bytes[i]!] === 1) return -1;
  return start + size;
}

function readRange(bytes: Uint8Array, at: number, { pointerSize: size }: FdeForm): number {
  const field = at + FDE_PC_BEGIN + size;
  return size === 8 ? readU64(bytes, field) : readU32(bytes, field);
}

function writeRange(bytes: Uint8Array, at: number, { pointerSize: size }: FdeForm, range: number): void {
  const field = at + FDE_PC_BEGIN + size;
  if (size === 8) writeU64(bytes, field, range);
  else writeU32(bytes, field, range);
}

/** @param at offset of an instruction that advances @param size bytes of its distance, 0 if it is part of the opcode */
function readDistance(bytes: Uint8Array, at: number, size: number): number {
  if (size === 0) return bytes[at]! & 0x3f;
  if (size === 1) return bytes[at + 1]!;
  if (size === 2) return readU16(bytes, at + 1);
  return size === 4 ? readU32(bytes, at + 1) : readU64(bytes, at + 1);
}

/** @param size 1, 2 or 4 bytes */
function writeDistance(bytes: Uint8Array, at: number, size: number, distance: number): void {
  if (size === 1) bytes[at + 1] = distance;
  else if (size === 2) writeU16(bytes, at + 1, distance);
  else writeU32(bytes, at + 1, distance);
}
