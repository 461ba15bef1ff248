/**
 * Small functions as instructions, so that they can be laid into the holes of the header piece by piece. Only what
 * can be reached counts: the flow of control is followed from every place that something refers to. A section is
 * understood if each such place is the start of an instruction, each relocation is the displacement or immediate
 * of one, and each byte is either reached or, where nothing refers to it, left over.
 */
import { createInstruction, decode, Flow, type Instruction, isSystemCall } from '../x86/decode.ts';
import { effectsOf, toleratesRex } from '../x86/effects.ts';
import { branchTarget, EaxTracker, isExit, isRelative } from '../x86/exits.ts';
import { PlaceTracker } from '../x86/programCounter.ts';

import { type ByteRange, contains, type Reference, type ViewSection } from './view.ts';

/** An instruction of a section. */
export interface CodeInsn {
  /** Offset in the section, and length there, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly bytes: Uint8Array;
  /** Masks of registers, flags and memory; see x86/effects.ts. */
  readonly reads: number;
  readonly writes: number;
  readonly flow: Flow;
  /** Whether the next instruction is never reached from here. */
  readonly isEnd: boolean;
  /** Offset of the target of a relative branch without relocation, else -1. */
  readonly target: number;
  /** Where its distance lies in the instruction, and how many bytes it has. */
  readonly immOffset: number;
  readonly immSize: number;
  readonly reference: Reference | undefined;
  /** Offset of the relocated field in the instruction. */
  readonly fieldOffset: number;
  readonly toleratesRex: boolean;
  /** LEA r32, [rip+x], which truncates an address. */
  readonly truncates: boolean;
}

/** A function, or several, as instructions. */
export interface CodeSection {
  readonly section: ViewSection;
  /** Reached instructions by ascending offset. */
  readonly insns: readonly CodeInsn[];
  /** Offsets that something refers to or branches to. */
  readonly labels: ReadonlySet<number>;
  /** Bytes [start, end) that are data. */
  readonly data: readonly ByteRange[];
}

/**
 * @param entries offsets at which something may enter
 * @param data offsets of bytes that are known to be data, as ranges
 * @returns undefined if the section is not understood
 */
export function readCode(
  section: ViewSection,
  entries: readonly number[],
  data: readonly ByteRange[],
): CodeSection | undefined {
  const reader = new CodeReader(section, data);
  const insns = reader.read(entries);
  return insns && { section, insns, labels: reader.labels, data: reader.dataParts(insns) };
}

/** Bytes of the displacement or immediate that begins there, or -1. */
function fieldSizeAt({ dispOffset, dispSize, immOffset, immSize }: Instruction, offset: number): number {
  if (offset === dispOffset) return dispSize;
  return offset === immOffset ? immSize : -1;
}

class CodeReader {
  readonly labels = new Set<number>();
  readonly #section: ViewSection;
  readonly #data: readonly ByteRange[];
  readonly #insn: Instruction = createInstruction();
  readonly #found = new Map<number, CodeInsn>();
  /** From behind where eax was set to the system call that exits: no branch may lead there. */
  readonly #exits: ByteRange[] = [];

  constructor(section: ViewSection, data: readonly ByteRange[]) {
    this.#section = section;
    this.#data = data;
  }

  read(entries: readonly number[]): CodeInsn[] | undefined {
    const { bytes } = this.#section;
    const open = [...entries];
    for (const entry of entries) this.labels.add(entry);
    while (open.length > 0) {
      let at = open.pop()!;
      // eax, where the block has set it: what decides whether a system call returns.
      const eax = new EaxTracker();
      while (at < bytes.length && !this.#found.has(at) && !this.#isData(at)) {
        const insn = this.#readOne(at, eax);
        if (!insn) return undefined;
        eax.follow(bytes, at, this.#insn);
        if (insn.reference) eax.value = undefined;
        this.#found.set(at, insn);
        if (insn.target >= 0) {
          this.labels.add(insn.target);
          open.push(insn.target);
        }
        if (insn.isEnd) break;
        at += insn.length;
      }
    }
    const insns = [...this.#found.values()].sort((a, b) => a.offset - b.offset);
    return this.#isConsistent(insns) && !this.#knowsItsPlace(insns) ? insns : undefined;
  }

  /** The data ranges, each extended to all bytes around it that are not instructions. */
  dataParts(insns: readonly CodeInsn[]): ByteRange[] {
    const parts: ByteRange[] = [];
    const ends = [0, ...insns.map(({ offset, length }) => offset + length)];
    const starts = [...insns.map(({ offset }) => offset), this.#section.bytes.length];
    starts.forEach((end, i) => {
      const start = ends[i]!;
      if (this.#data.some((range) => range.start < end && range.end > start)) parts.push({ start, end });
    });
    return parts;
  }

  #isData(offset: number): boolean {
    return this.#data.some((range) => contains(range, offset));
  }

  #readOne(at: number, eax: EaxTracker): CodeInsn | undefined {
    const { bytes, references } = this.#section;
    const insn = this.#insn;
    const length = decode(bytes, at, bytes.length, insn);
    if (length === 0) return undefined;
    const inside = references.filter(({ offset }) => offset >= at && offset < at + length);
    const [reference] = inside;
    const fieldOffset = reference ? reference.offset - at : -1;
    // A field of one byte might no longer reach what it names.
    if (
      inside.length > 1 ||
      (reference && reference.size < 4) ||
      (reference && fieldSizeAt(insn, fieldOffset) !== reference.size)
    )
      return undefined;
    // What is meant is told from the end of the field, which must be that of the instruction.
    const isTrailed = insn.ripRelative && fieldOffset + 4 !== length;
    if (isTrailed && reference?.isSectionSymbol) return undefined;
    // A distance within the section that is no branch, and no relocation, would break when parts move.
    if (insn.ripRelative && fieldOffset !== insn.dispOffset) return undefined;
    const { flow, immOffset, immSize } = insn;
    const target = isRelative(flow) && !reference ? branchTarget(bytes, at, insn) : -1;
    if (isRelative(flow) && !reference && (target < 0 || target >= bytes.length)) return undefined;
    const isExiting = isSystemCall(insn) && eax.value !== undefined && isExit(eax.value);
    if (isExiting) this.#exits.push({ start: eax.since + 1, end: at + 1 });
    const isEnd =
      flow === Flow.jmpRel ||
      flow === Flow.indirectJmp ||
      flow === Flow.ret ||
      flow === Flow.stop ||
      isExiting;
    return {
      offset: at,
      length,
      bytes: bytes.subarray(at, at + length),
      ...effectsOf(bytes, at, insn),
      flow,
      isEnd,
      target,
      immOffset,
      immSize,
      reference,
      fieldOffset,
      toleratesRex: toleratesRex(bytes, at, insn),
      truncates: insn.ripRelative && insn.opcode === 0x8d && insn.map === 0 && (insn.rex & 8) === 0,
    };
  }

  /** Whether code finds out where it lies: it may find something there, which must not move. */
  #knowsItsPlace(insns: readonly CodeInsn[]): boolean {
    const { bytes } = this.#section;
    const tracker = new PlaceTracker();
    return insns.some(({ offset }) => {
      decode(bytes, offset, bytes.length, this.#insn);
      return tracker.follow(bytes, offset, this.#insn);
    });
  }

  /** Whether no instruction overlaps another, none is data, and all labels are instructions. */
  #isConsistent(insns: readonly CodeInsn[]): boolean {
    let end = 0;
    for (const insn of insns) {
      if (insn.offset < end) return false;
      end = insn.offset + insn.length;
      for (let at = insn.offset; at < end; at++) if (this.#isData(at)) return false;
    }
    const labels = [...this.labels];
    const isEntered = ({ start, end: to }: ByteRange) => labels.some((label) => label >= start && label < to);
    return labels.every((label) => this.#found.has(label)) && !this.#exits.some(isEntered);
  }
}
