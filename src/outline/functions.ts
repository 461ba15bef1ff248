/** The functions that sequences of instructions become: their bytes, side by side, and relocations. */
import { copyInto } from '../elf/sections.ts';
import { IntList } from '../merge/intList.ts';
import type { Program } from '../program.ts';
import type { Code, Fields } from '../shrink/code.ts';
import { createInstruction, decode, Flow, type Instruction } from '../x86/decode.ts';
import { R_X86_64_PLT32 } from '../x86/relocations.ts';
import { StackUse, stackUseOf } from '../x86/stack.ts';
import { writeRaised } from './raise.ts';
import { NONE, type SharedSequences } from './share.ts';

const JMP_REL32 = 0xe9;
const RET = 0xc3;
/** A distance counts from behind its field, a relocation from the field. */
export const FIELD_SIZE = 4;

export class OutlinedFunctions {
  readonly bytes: Uint8Array;
  /** By sequence: where its function begins in `bytes`. */
  readonly offset: Int32Array;
  readonly #shared: SharedSequences;
  /** Relocations: offset, type, symbol and addend of each in turn. */
  readonly #fields = new IntList();
  readonly #insn: Instruction = createInstruction();

  constructor(shared: SharedSequences) {
    this.#shared = shared;
    this.offset = new Int32Array(shared.length);
    let size = 0;
    for (let n = 0; n < shared.length; n++) {
      this.offset[n] = size;
      // Nothing for those that end functions.
      size += shared.bodySize.values[n]!;
    }
    this.bytes = new Uint8Array(size);
  }

  /**
   * Writes a function from the instructions at one of the places where its sequence stands.
   * @param n the sequence
   * @param start its first instruction in `code`
   * @param symbol a reference to the start of the section that the bytes will be in
   */
  write(n: number, code: Code, fields: Fields, start: number, symbol: number): void {
    const { count, tail } = this.#shared;
    const last = tail.values[n]!;
    const end = start + count.values[n]! - (last === NONE ? 0 : count.values[last]!);
    const to = this.#writeOwn(this.offset[n]!, code, fields, start, end);
    if (last !== NONE) {
      this.bytes[to] = JMP_REL32;
      this.#fields.pushFour(to + 1, R_X86_64_PLT32, symbol, this.offset[last]! - FIELD_SIZE);
    } else if (code.flow[end - 1] !== Flow.callRel) this.bytes[to] = RET;
  }

  /** Writes instructions. @returns the offset behind them */
  #writeOwn(from: number, code: Code, fields: Fields, start: number, end: number): number {
    let to = from;
    const insn = this.#insn;
    for (let i = start; i < end; i++) {
      const { bytes, at, length } = code;
      const isCall = code.flow[i] === Flow.callRel;
      decode(bytes, at[i]!, code.size, insn);
      const isRaised = !isCall && stackUseOf(bytes, at[i]!, insn) === StackUse.operand;
      const newLength = isRaised ? writeRaised(bytes, at[i]!, insn, this.bytes, to) : length[i]!;
      if (!isRaised) copyInto(this.bytes.subarray(to), bytes.subarray(at[i]!, at[i]! + newLength));
      this.#addFields(fields, i, to, newLength - length[i]!);
      // The function that is called returns to the one that this stands for.
      if (isCall) this.bytes[to] = JMP_REL32;
      to += newLength;
    }
    return to;
  }

  /** @param growth bytes by which a displacement in front of the fields has grown */
  #addFields(fields: Fields, i: number, to: number, growth: number): void {
    const { count, insn, within, type, symbol, addend, gone } = fields;
    for (let f = firstFieldOf(fields, i, count); f < count && insn[f] === i; f++) {
      if (gone[f] === 0) this.#fields.pushFour(to + within[f]! + growth, type[f]!, symbol[f]!, addend[f]!);
    }
  }

  /** Gives the relocations to the section that the bytes are in. */
  writeRelocations(program: Program, section: number): void {
    const { values, length } = this.#fields;
    let row = program.renewRelocations(section, length / 4);
    for (let k = 0; k < length; k += 4) {
      program.relocations.set(row++, values[k]!, values[k + 1]!, values[k + 2]!, values[k + 3]!);
    }
  }
}

/** The first of `count` fields that is of an instruction or of one behind it. */
export function firstFieldOf({ insn }: Fields, i: number, count: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (insn[middle]! < i) low = middle + 1;
    else high = middle;
  }
  return low;
}
