/**
 * Call-site tables of language-specific data areas in `.gcc_except_table`: which calls of a function may throw, and the
 * landing pad that each goes on at. There is no standard but what compilers write and personality routines read:
 * `output_one_function_exception_table` in gcc's except.c, `emitExceptionTable` in LLVM's EHStreamer.cpp;
 * `parse_lsda_header` in libstdc++'s eh_personality.cc, `find_eh_action` in Rust's std/src/sys/personality/dwarf/eh.rs.
 *
 * An area is a header, the call-site table, the action table and the type table, which is aligned and found by its
 * distance from the header. So that none of these moves, a table is rewritten in place: code only ever shrinks, and a
 * smaller number can take the bytes of a larger one.
 *
 * gcc gives each part of a function that it splits an FDE and an area of its own, and landing pads within the part.
 * With LPStart, as LLVM writes it for functions split into sections, landing pads may lie in another part than the
 * calls. Such areas are not understood, and speak of places in the code that their relocations lead to besides.
 */
import { readU32, writeU32 } from './bytes.ts';
import { DW_EH_PE_omit, DW_EH_PE_udata4, DW_EH_PE_uleb128 } from './cie.ts';
import { CodeOffsets, type OffsetMap } from './codeOffsets.ts';
import { lebEnd, readUleb, writePaddedUleb } from './leb128.ts';

/** No landing pad: an exception passes through. A landing pad at the function's start cannot be told from that. */
const NO_LANDING_PAD = 0;

/** What a call-site table says. It is made once and filled for each function. */
export class CallSites {
  /** Where each call site begins and ends, and its landing pad if it has one: bytes from the function's start. */
  readonly offsets = new CodeOffsets();
  /** The landing pads alone; some twice. */
  readonly landingPads = new CodeOffsets();
  /**
   * The first landing pad in the function, in bytes from its start; 0 if there is none. It must not move to 0, which
   * would say that there is none: compilers put a NOP in front of it for that alone (`maybe_add_nop_after_section_switch`
   * in gcc's except.c, `avoidZeroOffsetLandingPad` in LLVM's BasicBlockSections.cpp).
   */
  firstLandingPad = 0;
  /** Bytes of header and call-site table. */
  size = 0;

  clear(): void {
    this.offsets.count = 0;
    this.landingPads.count = 0;
    this.firstLandingPad = NO_LANDING_PAD;
    this.size = 0;
  }

  /** Adds a call site: places in bytes from the function's start. */
  add(start: number, end: number, landingPad: number): void {
    this.offsets.add(start);
    this.offsets.add(end);
    if (landingPad === NO_LANDING_PAD) return;
    this.offsets.add(landingPad);
    this.landingPads.add(landingPad);
    const first = this.firstLandingPad;
    this.firstLandingPad = first === NO_LANDING_PAD ? landingPad : Math.min(first, landingPad);
  }
}

/** A call-site table: how its numbers are encoded, where it begins and ends. */
interface CallSiteTable {
  readonly isUleb: boolean;
  readonly start: number;
  readonly end: number;
}

/** No function is as large, so that offsets in it are positive 32-bit words. */
const LIMIT = 2 ** 31;

const TOO_LARGE = 'a call-site table has a number beyond 2 GiB';
const BROKEN_TABLE = 'a call-site table ends within its fields';

/**
 * Reads the call-site table of a language-specific data area. The caller checks that no relocation lies within
 * `found.size` bytes from its start: on x86-64 assemblers write the numbers themselves.
 * @param at offset of the area in `bytes`
 * @param end offset behind the bytes that may belong to it: the section's end
 * @param found is filled with what the table says
 * @returns why the area is not understood, or undefined if it is
 */
export function readCallSites(
  bytes: Uint8Array,
  at: number,
  end: number,
  found: CallSites,
): string | undefined {
  found.clear();
  const table = findTable(bytes, at, end);
  if (typeof table === 'string') return table;
  found.size = table.end - at;
  let previousEnd = 0;
  for (let next = table.start; next < table.end; ) {
    const lengthAt = fieldEnd(bytes, next, table);
    const landingPadAt = fieldEnd(bytes, lengthAt, table);
    const actionAt = fieldEnd(bytes, landingPadAt, table);
    if (actionAt < 0) return BROKEN_TABLE;
    const start = readField(bytes, next, lengthAt, table);
    const length = readField(bytes, lengthAt, landingPadAt, table);
    const landingPad = readField(bytes, landingPadAt, actionAt, table);
    if (start < 0 || length < 0 || landingPad < 0) return TOO_LARGE;
    // Personality routines stop at the first call site behind a place: another order means another kind of table.
    if (start < previousEnd) return 'the call sites of a table are not in order';
    previousEnd = start + length;
    if (previousEnd >= LIMIT) return TOO_LARGE;
    found.add(start, previousEnd, landingPad);
    next = lebEnd(bytes, actionAt, table.end);
    if (next < 0) return BROKEN_TABLE;
  }
  return undefined;
}

/**
 * Rewrites a call-site table in place for code that shrank. No byte moves: numbers keep their number of bytes.
 * @param at offset of the area in `bytes`; `readCallSites` understood it
 * @param end offset behind the bytes that may belong to it
 * @param newOffsetOf must keep the order, not lengthen any distance, and not move a landing pad to the function's start
 */
export function remapCallSites(bytes: Uint8Array, at: number, end: number, newOffsetOf: OffsetMap): void {
  const table = findTable(bytes, at, end);
  if (typeof table === 'string') throw new RangeError(table);
  const functionStart = newOffsetOf(0);
  for (let next = table.start; next < table.end; ) {
    const lengthAt = fieldEnd(bytes, next, table);
    const landingPadAt = fieldEnd(bytes, lengthAt, table);
    const actionAt = fieldEnd(bytes, landingPadAt, table);
    const start = readField(bytes, next, lengthAt, table);
    const length = readField(bytes, lengthAt, landingPadAt, table);
    const landingPad = readField(bytes, landingPadAt, actionAt, table);
    const newStart = newOffsetOf(start);
    writeField(bytes, next, lengthAt, table, newStart - functionStart);
    writeField(bytes, lengthAt, landingPadAt, table, newOffsetOf(start + length) - newStart);
    if (landingPad !== NO_LANDING_PAD) {
      writeField(bytes, landingPadAt, actionAt, table, newOffsetOf(landingPad) - functionStart);
    }
    next = lebEnd(bytes, actionAt, table.end);
  }
}

/** Reads the header of an area. @returns why it is not understood, if it is not */
function findTable(bytes: Uint8Array, at: number, end: number): CallSiteTable | string {
  const limit = Math.min(end, bytes.length);
  if (at + 2 > limit) return 'a language-specific data area ends within its header';
  if (bytes[at] !== DW_EH_PE_omit) return 'landing pads are relative to LPStart';
  const encodingAt = bytes[at + 1] === DW_EH_PE_omit ? at + 2 : lebEnd(bytes, at + 2, limit);
  if (encodingAt < 0 || encodingAt >= limit) return 'a language-specific data area ends within its header';
  const encoding = bytes[encodingAt];
  if (encoding !== DW_EH_PE_uleb128 && encoding !== DW_EH_PE_udata4)
    return 'call sites have an unusual encoding';
  const start = lebEnd(bytes, encodingAt + 1, limit);
  if (start < 0) return 'a language-specific data area ends within its header';
  const size = readUleb(bytes, encodingAt + 1, start);
  if (size < 0 || size > limit - start) return 'a call-site table ends behind its section';
  return { isUleb: encoding === DW_EH_PE_uleb128, start, end: start + size };
}

/** Offset behind a number; -1 if the table ends before, or `at` is -1. */
function fieldEnd(bytes: Uint8Array, at: number, { isUleb, end }: CallSiteTable): number {
  if (at < 0) return -1;
  if (isUleb) return lebEnd(bytes, at, end);
  return at + 4 <= end ? at + 4 : -1;
}

/** @returns -1 if the number is 2^31 or more */
function readField(bytes: Uint8Array, at: number, end: number, { isUleb }: CallSiteTable): number {
  if (isUleb) return readUleb(bytes, at, end);
  const value = readU32(bytes, at);
  return value < LIMIT ? value : -1;
}

function writeField(bytes: Uint8Array, at: number, end: number, table: CallSiteTable, value: number): void {
  if (table.isUleb) writePaddedUleb(bytes, at, end, value);
  else writeU32(bytes, at, value);
}
