/** The functions that sequences of instructions become: their bytes, side by side, and relocations. */
import { copyInto } from '../elf/sections.ts';
import { IntList } from '../merge/intList.ts';
import type { Program } from '../program.ts';
import type { Code, Fields } from '../shrink/code.ts';
import { createInstruction, decode, Flow, type Instruction } from '../x86/decode.ts';
import { StackUse, stackUseOf } from '../x86/stack.ts';
import type { Choice } from './choose.ts';
import { writeRaised } from './raise.ts';
import type { Repeats } from './repeats.ts';

const JMP_REL32 = 0xe9;
const RET = 0xc3;

export class OutlinedFunctions {
  readonly bytes: Uint8Array;
  /** By number of the chosen sequence: where its function begins in `bytes`. */
  readonly offset: Int32Array;
  /** Relocations: offset, type, symbol and addend of each in turn. */
  readonly #fields = new IntList();
  readonly #insn: Instruction = createInstruction();

  constructor(repeats: Repeats, choice: Choice) {
    this.offset = new Int32Array(choice.repeats.length);
    let size = 0;
    choice.repeats.forEach((repeat, n) => {
      this.offset[n] = size;
      // Nothing for those that end functions.
      size += repeats.bodySize.values[repeat]!;
    });
    this.bytes = new Uint8Array(size);
  }

  /**
   * Writes a function from the instructions at one of the places where its sequence stands.
   * @param n number of the chosen sequence
   * @param inOrder number of the fields that are in order
   * @param start its first instruction in `code`
   * @param count number of its instructions
   */
  write(n: number, code: Code, fields: Fields, inOrder: number, start: number, count: number): void {
    let to = this.offset[n]!;
    const insn = this.#insn;
    for (let i = start; i < start + count; i++) {
      const { bytes, at, length } = code;
      const isCall = code.flow[i] === Flow.callRel;
      decode(bytes, at[i]!, code.size, insn);
      const isRaised = !isCall && stackUseOf(bytes, at[i]!, insn) === StackUse.operand;
      const newLength = isRaised ? writeRaised(bytes, at[i]!, insn, this.bytes, to) : length[i]!;
      if (!isRaised) copyInto(this.bytes.subarray(to), bytes.subarray(at[i]!, at[i]! + newLength));
      this.#addFields(fields, inOrder, i, to, newLength - length[i]!);
      // The function that is called returns to the one that this stands for.
      if (isCall) this.bytes[to] = JMP_REL32;
      to += newLength;
    }
    if (code.flow[start + count - 1] !== Flow.callRel) this.bytes[to] = RET;
  }

  /** @param growth bytes by which a displacement in front of the fields has grown */
  #addFields(fields: Fields, inOrder: number, i: number, to: number, growth: number): void {
    const { insn, within, type, symbol, addend, gone } = fields;
    for (let f = firstFieldOf(fields, i, inOrder); f < inOrder && insn[f] === i; f++) {
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
