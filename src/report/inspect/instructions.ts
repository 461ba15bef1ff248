/** Instructions as they are shown: text by a disassembler, and what their operands refer to, by name. */
import { createInstruction, decode, type Instruction, Prefix } from '../../x86/decode.ts';
import { isRelative, signed } from '../../x86/exits.ts';
import { addressOf64, hexAddress } from './addresses.ts';
import { type CodeMarks, Mark } from './flow.ts';
import type { Inspection } from './inspection.ts';
import type { InspectRange } from './ranges.ts';
import { quotedText } from './text.ts';

/** Turns machine code into text. */
export interface Disassembler {
  /**
   * @param bytes of the whole file @param offset of an instruction @param length its bytes
   * @param address its virtual address as `addressOf64` has it
   * @returns the instruction in Intel's syntax
   */
  format(bytes: Uint8Array, offset: number, length: number, address: number): string;
}

/** What an operand refers to. */
export interface Target {
  readonly kind: 'branch' | 'memory' | 'immediate';
  /** Virtual address as `addressOf64` has it. */
  readonly address: number;
  /** File offset; undefined if no byte of the file lies there. */
  readonly offset?: number;
  /** A symbol, with `+0x…` for what lies behind its start. */
  readonly symbol?: string;
  /** Text that lies there, in quotes. */
  readonly text?: string;
}

export interface ShownInstruction {
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly address: number;
  readonly text: string;
  readonly target: Target | undefined;
}

/** The instructions of a range of code, in the order of the file. */
export function* instructionsOf(
  inspection: Inspection,
  { offset, size }: InspectRange,
  disassembler: Disassembler,
): Generator<ShownInstruction> {
  const { bytes, marks, space } = inspection;
  const mapping = space.find(offset);
  const insn = createInstruction();
  for (let at = offset; at < offset + size; ) {
    const length = lengthAt(marks, at, offset + size);
    const address = at + (mapping?.delta ?? 0);
    const isKnown = decode(bytes, at, at + length, insn) === length;
    const target = isKnown ? targetOf(inspection, at, address, insn) : undefined;
    yield {
      offset: at,
      size: length,
      address,
      text: disassembler.format(bytes, at, length, address),
      target,
    };
    at += length;
  }
}

/** Bytes of the instruction at `at`. */
function lengthAt(marks: CodeMarks, at: number, end: number): number {
  let next = at + 1;
  while (next < end && marks[next] === Mark.inside) next++;
  return next - at;
}

function targetOf(
  inspection: Inspection,
  at: number,
  address: number,
  insn: Instruction,
): Target | undefined {
  const found = referredAddress(inspection.bytes, at, address, insn);
  if (!found) return undefined;
  const { bytes, space, symbols, ranges } = inspection;
  const offset = space.offsetOf(found.address);
  const [exact] = symbols.at(found.address);
  if (found.kind === 'immediate' && offset === undefined && !exact) return undefined;
  const covering = exact ?? symbols.covering(found.address, floorOf(ranges, offset, found.address));
  const isData = found.kind !== 'branch' && offset !== undefined && inspection.marks[offset] === Mark.none;
  const text = isData ? quotedText(bytes, offset) : undefined;
  return {
    ...found,
    ...(offset !== undefined && { offset }),
    ...(covering && { symbol: placeIn(covering.name, found.address - covering.address) }),
    ...(text !== undefined && { text }),
  };
}

function placeIn(name: string, distance: number): string {
  return distance === 0 ? name : `${name}+0x${hexAddress(distance)}`;
}

/** The lowest address at which a symbol without a size may lie that an address belongs to: ranges begin at symbols. */
function floorOf(ranges: readonly InspectRange[], offset: number | undefined, address: number): number {
  if (offset === undefined) return address;
  let low = 0;
  let high = ranges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ranges[middle]!.offset <= offset) low = middle;
    else high = middle - 1;
  }
  return address - (offset - (ranges[low]?.offset ?? offset));
}

/** Lowest number that is taken for an address where it may be any number: Linux maps nothing below. */
const LOWEST_ADDRESS = 0x10000;

function referredAddress(
  bytes: Uint8Array,
  at: number,
  address: number,
  insn: Instruction,
): { kind: Target['kind']; address: number } | undefined {
  const { flow, immOffset, immSize, dispOffset, dispSize, ripRelative, length } = insn;
  if (isRelative(flow)) {
    return { kind: 'branch', address: address + length + signed(bytes, at + immOffset, immSize) };
  }
  if (ripRelative) {
    return { kind: 'memory', address: address + length + signed(bytes, at + dispOffset, 4) };
  }
  if (isAbsolute(bytes, at, insn))
    return { kind: 'memory', address: numberAt(bytes, at + dispOffset, dispSize) };
  if (immSize !== 4 && immSize !== 8) return undefined;
  const immediate = numberAt(bytes, at + immOffset, immSize);
  return immediate >= LOWEST_ADDRESS ? { kind: 'immediate', address: immediate } : undefined;
}

/** Whether the memory operand is an address without a register: MOV moffs, or SIB with neither base nor index. */
function isAbsolute(
  bytes: Uint8Array,
  at: number,
  { modrmOffset, dispSize, prefixes }: Instruction,
): boolean {
  // What lies at an offset from fs is no address.
  if (prefixes & Prefix.segment) return false;
  if (modrmOffset < 0) return dispSize === 8;
  return (bytes[at + modrmOffset]! & 0xc7) === 0x04 && (bytes[at + modrmOffset + 1]! & 0x3f) === 0x25;
}

function numberAt(bytes: Uint8Array, at: number, size: number): number {
  if (size === 4) return signed(bytes, at, 4);
  return addressOf64(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true));
}
